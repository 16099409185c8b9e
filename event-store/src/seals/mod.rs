//! PORT: the seals. A Merkle tree over the log, and its signed heads: whoever keeps one head can show later that the log still begins
//! with what it was then.
//!
//! ```text
//!  log     1 ─ 2 ─ 3 ─ 4 ─ 5 ─ 6 ─ 7 ─ 8 ─ 9 ─ ...
//!  head          size 3           size 7            ── each covers every event up to its size
//!  tiles   (0,0): the leaves' hashes; (1,0): hashes of full tiles; ...
//! ```
//!
//! The contract, which `conformance` checks on every adapter:
//!
//! - **Atomicity.** A head and the tiles that it is made of are stored together.
//! - **Order.** A seal is stored only on top of the head that it was made on: of two sealers at once, one is refused.
//! - **Durability.** A seal that was answered is as durable, and as replicated, as an append: no fail-over takes back what it covers.
//!
//! Nothing here is believed when the log is checked: hashes are taken of the events anew, and heads compared with the copies elsewhere.

pub mod conformance;
pub mod merkle;
mod postgres;
mod sqlite;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::merkle::{Hash, Tile, TileId, Tiles};
use crate::log::{Error, postgres::Options};

pub use self::{postgres::PostgresSeals, sqlite::SqliteSeals};

/// The head of the tree, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHead {
    /// How many events it covers: the position of the last one.
    pub size: u64,
    /// The hash of the tree.
    pub root: Hash,
    /// The signed note, a few hundred bytes.
    pub note: String,
    /// When it was signed.
    pub sealed_at: DateTime<Utc>,
}

/// A head to be stored, and what it changes of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The size of the head that it was made on; 0 where there was none.
    pub on: u64,
    /// The head.
    pub head: SealedHead,
    /// The tiles that are new or longer.
    pub tiles: Tiles,
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait Seals: Send + Sync + fmt::Debug {
    /// Stores a seal; `false` where the newest head is not the one that it was made on.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it may or may not have been stored.
    async fn seal(&self, seal: Seal) -> Result<bool, Error>;

    /// The newest head.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn newest(&self) -> Result<Option<SealedHead>, Error>;

    /// The heads that cover more than `after` events, the smallest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn heads(&self, after: u64, limit: usize) -> Result<Vec<SealedHead>, Error>;

    /// The tiles of `ids` that there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn tiles(&self, ids: &[TileId]) -> Result<Tiles, Error>;

    /// How many events the log has up to and including position `last`, wherever they stand: as many, where none was put beside the
    /// order of positions.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn count_events(&self, last: u64) -> Result<u64, Error>;
}

/// The schemes that [`open`] knows.
const SCHEMES: &str = "sqlite:PATH, postgres://USER@HOST/DATABASE (several servers: one URL each, separated by commas)";

/// Opens the seals in the log at `url`, which must have been opened as a log before.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme and for a server that this program must not use, [`Error::Unavailable`].
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn Seals>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            Ok(Arc::new(SqliteSeals::open(Path::new(path)).await?))
        }
        Some(("postgres" | "postgresql", _)) => {
            Ok(Arc::new(PostgresSeals::open(url, options).await?))
        }
        _ => Err(Error::Refused(format!(
            "no adapter of seals for {url:?}; known: {SCHEMES}"
        ))),
    }
}

/// A tile as it is stored: its hashes side by side.
fn tile_bytes(tile: &[Hash]) -> Vec<u8> {
    tile.concat()
}

fn to_tile(id: TileId, bytes: &[u8]) -> Result<Tile, Error> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() {
        return Ok(hashes.to_vec());
    }
    let TileId { level, index } = id;
    Err(Error::Corrupt(format!(
        "the tile {level}/{index} has {} bytes",
        bytes.len()
    )))
}

fn to_root(size: u64, bytes: &[u8]) -> Result<Hash, Error> {
    bytes
        .try_into()
        .map_err(|_| Error::Corrupt(format!("the head of {size} events has no hash")))
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_u64(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt(format!("{number} where a count is stored")))
}
