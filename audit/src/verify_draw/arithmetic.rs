//! Numbers as texts.

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// 32 bytes from lower-case hexadecimal.
pub(super) fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    (hex(&bytes) == text).then_some(bytes)
}

/// Bytes, however many, from lower-case hexadecimal.
pub(super) fn bytes_of_any(text: &str) -> Option<Vec<u8>> {
    let byte = |n: usize| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..text.len() / 2).map(byte).collect::<Option<_>>()?;
    (hex(&bytes) == text).then_some(bytes)
}

/// floor(p x 2^64) of a decimal p above 0, at most 1: digit by digit, by doubling p as often as the result has bits.
pub(crate) fn threshold(text: &str) -> Option<u128> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = decimals
        .bytes()
        .map(|b| b.is_ascii_digit().then(|| b - b'0'));
    let mut digits = digits.by_ref().collect::<Option<Vec<u8>>>()?;
    let is_zero = digits.iter().all(|digit| *digit == 0);
    match whole {
        "1" if is_zero => return Some(1 << 64),
        "0" if !is_zero => {}
        _ => return None,
    }
    let mut bits = 0;
    for _ in 0..64 {
        let mut carry = 0;
        for digit in digits.iter_mut().rev() {
            let doubled = *digit * 2 + carry;
            (*digit, carry) = (doubled % 10, doubled / 10);
        }
        bits = bits << 1 | u128::from(carry);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_exact() {
        for (text, expected) in [
            ("0.05", Some(922_337_203_685_477_580)),
            ("0.5", Some(1 << 63)),
            ("1", Some(1 << 64)),
            ("1.000", Some(1 << 64)),
            ("0.000000000000000001", Some(18)),
            ("0.999999999999999999", Some(18_446_744_073_709_551_597)),
            ("0", None),
            ("1.5", None),
            ("-0.5", None),
            ("0.5e1", None),
        ] {
            assert_eq!(threshold(text), expected, "{text}");
        }
    }

    #[test]
    fn bytes_are_read_as_they_are_written() {
        let bytes = [0xab; 32];
        assert_eq!(bytes_of(&hex(&bytes)), Some(bytes));
        for bad in [
            "",
            "ab",
            &"AB".repeat(32),
            &"ab".repeat(33),
            &"+a".repeat(32),
        ] {
            assert_eq!(bytes_of(bad), None, "{bad}");
        }
    }
}
