//! Points: the currency of every price and balance.

/// An amount of points: a whole number, never a float. Balances and prices are never negative.
pub type Points = i64;

/// Largest amount of one charge or one price. With it, a balance reaches `i64::MAX` only after nine thousand
/// million such charges.
pub const MAX_AMOUNT: Points = 1_000_000_000;
