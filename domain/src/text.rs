//! Limits on texts that commands bring in.

/// Checks that `text` has 1 to `max` bytes, is not blank, and has no NUL, which no database keeps. The error says what is wrong, readable
/// after the field's name.
pub(crate) fn check_text(text: &str, max: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        Err("must not be empty".to_owned())
    } else if text.len() > max {
        Err(format!("must have at most {max} bytes, has {}", text.len()))
    } else if text.contains('\0') {
        Err("must not contain a NUL character".to_owned())
    } else {
        Ok(())
    }
}

/// The same of a text that is shown in one line: it has no control characters.
pub(crate) fn check_line(text: &str, max: usize) -> Result<(), String> {
    check_text(text, max)?;
    if text.chars().any(char::is_control) {
        return Err("must not have control characters".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check_line, check_text};

    #[test]
    fn a_text_has_something_to_read_and_nothing_that_is_lost() {
        assert!(check_text("A night", 7).is_ok());
        for bad in ["", " \n", "A night!", "A\0night"] {
            assert!(check_text(bad, 7).is_err(), "{bad:?}");
        }
        assert!(check_text("A\nnight", 7).is_ok());
        for bad in ["A\nnight", "A\u{7f}", ""] {
            assert!(check_line(bad, 7).is_err(), "{bad:?}");
        }
    }
}
