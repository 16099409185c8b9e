//! Decimal numbers as JSON writes them, to integer hundredths, without a float in between.

use serde_json::Number;

/// `number` times one hundred, rounded half away from zero; `None` when it exceeds 16 digits.
pub(super) fn hundredths(number: &Number) -> Option<i64> {
    // The text is the shortest that reads back as the number that was sent: 12.34 stays "12.34".
    parse_hundredths(&number.to_string())
}

fn parse_hundredths(text: &str) -> Option<i64> {
    const MAX_DIGITS: i64 = 16;
    let (negative, text) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let significant = &digits[zeros..];
    if significant.is_empty() {
        return Some(0);
    }
    // How many significant digits stand before the hundredths' end: the rest is rounded, missing ones are zeros.
    let keep = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()? + exponent + 2;
    if keep < 0 {
        return Some(0);
    }
    if keep > MAX_DIGITS {
        return None;
    }
    let keep = usize::try_from(keep).ok()?;
    let digit = |i: usize| {
        significant
            .get(i)
            .map_or(0, |digit| i64::from(digit - b'0'))
    };
    let value = (0..keep).fold(0, |value, i| value * 10 + digit(i)) + i64::from(digit(keep) >= 5);
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::parse_hundredths;

    #[test]
    fn reads_decimals_exactly() {
        for (text, expected) in [
            ("0", 0),
            ("-0.0", 0),
            ("12", 1_200),
            ("-3.25", -325),
            ("0.1", 10),
            ("0.005", 1),
            ("0.0049", 0),
            ("-0.005", -1),
            ("19.999", 2_000),
            ("1e3", 100_000),
            ("1.5e-1", 15),
            ("2.5e+2", 25_000),
            ("4.7e-3", 0),
            ("5e-3", 1),
            ("0.0000001", 0),
            ("1e-400", 0),
        ] {
            assert_eq!(parse_hundredths(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_too_long_or_no_number() {
        for text in ["1e15", "123456789012345", "1e400", "abc", "1e", "1.2.3"] {
            assert_eq!(parse_hundredths(text), None, "{text}");
        }
    }
}
