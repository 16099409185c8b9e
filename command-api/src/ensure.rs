//! For conformance functions: an expectation that, when it fails, is the function's answer.

/// Returns the formatted text as an error unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use ensure;
