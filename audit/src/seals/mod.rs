//! Seals: a tree over the log, signed heads, and proofs that a verifier checks without the log.
//!
//! ```text
//!  log ──▶ sealer ──▶ tiles and heads, in the log's database
//!             └─────▶ copies of the heads, elsewhere
//!  proof   event + hashes + head  ──▶ verifier, with the public key alone
//!  check   log, hashed anew  ══ tiles ══ heads ══ copies: what differs is located
//! ```

pub mod check;
pub mod copies;
pub mod note;
pub mod proof;
pub mod sealer;
pub mod stored_event;
