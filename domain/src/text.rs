//! Limits on texts that commands bring in.

/// Checks that `text` has 1 to `max` bytes; the error says what is wrong, readable after the field's name.
pub(crate) fn check_text(text: &str, max: usize) -> Result<(), String> {
    match text.len() {
        0 => Err("must not be empty".to_owned()),
        bytes if bytes > max => Err(format!("must have at most {max} bytes, has {bytes}")),
        _ => Ok(()),
    }
}
