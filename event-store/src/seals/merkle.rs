//! The Merkle tree over the log (RFC 6962, section 2.1): hashes, which ranges a proof needs, and how a proof is checked. No I/O.
//!
//! ```text
//!  level 16                     ┌ tile (2, 0): one hash for each full tile below ...
//!  level  8        ┌ tile (1, 0): one hash for each full tile below ──┐
//!  level  0   tile (0, 0): 256 leaves   tile (0, 1): 256 leaves   ...   tile (0, n): the right edge, in part
//! ```
//!
//! Stored are tiles: every eighth level of the tree, 256 hashes side by side. A proof reads one or two tiles a level, three levels for
//! sixteen million events; what lies between the levels is hashed again. The event at position `p` is the leaf `p - 1`.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{Context, SHA256, digest};
use chrono::SecondsFormat;

use crate::log::RecordedEvent;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Levels of the tree in a tile.
const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// What the bytes of a leaf begin with: names their form, which is permanent (decision 0035).
pub const LEAF_FORMAT: &str = "frontrow.event.v1";

/// Which tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Its hashes are of the tree's level `8 * level`.
    pub level: u8,
    /// Place among the tiles of its level, from 0.
    pub index: u64,
}

/// A tile's hashes, at most [`TILE_WIDTH`].
pub type Tile = Vec<Hash>;

/// The tiles that were read.
pub type Tiles = BTreeMap<TileId, Tile>;

/// A tile that is needed is not there, or too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree lacks hashes of tile {}/{}", .0.level, .0.index)]
pub struct Missing(pub TileId);

/// A range of leaves `[from, to)` that stands under one node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    from: u64,
    to: u64,
}

/// A complete subtree: the node `index` of the tree's level `height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    height: u32,
    index: u64,
}

impl Node {
    fn tile(self) -> TileId {
        let within = TILE_HEIGHT - self.height % TILE_HEIGHT;
        TileId {
            level: u8::try_from(self.height / TILE_HEIGHT).unwrap_or(u8::MAX),
            index: self.index >> within,
        }
    }

    fn hash(self, tiles: &Tiles) -> Result<Hash, Missing> {
        let id = self.tile();
        let inside = self.height % TILE_HEIGHT;
        let first = (self.index << inside) % TILE_WIDTH;
        let (first, count) = (to_usize(first), 1_usize << inside);
        let hashes = tiles
            .get(&id)
            .and_then(|tile| tile.get(first..first + count));
        hashes.map(complete).ok_or(Missing(id))
    }
}

impl Range {
    /// The whole tree of so many leaves.
    pub fn whole(size: u64) -> Self {
        Self { from: 0, to: size }
    }

    fn len(self) -> u64 {
        self.to - self.from
    }

    /// The two halves under its node: the left one is the largest power of two that leaves something for the right one.
    fn halves(self) -> (Self, Self) {
        let middle = self.from + (1 << (self.len() - 1).ilog2());
        let (from, to) = (self.from, self.to);
        (Self { from, to: middle }, Self { from: middle, to })
    }

    /// The complete subtrees side by side under it, from the left.
    fn nodes(self) -> Vec<Node> {
        let (mut nodes, mut rest) = (Vec::new(), self);
        while rest.len() > 0 {
            let height = rest.len().ilog2();
            let index = rest.from >> height;
            nodes.push(Node { height, index });
            rest.from += 1 << height;
        }
        nodes
    }

    /// The hash of its node.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn hash(self, tiles: &Tiles) -> Result<Hash, Missing> {
        let mut nodes = self.nodes().into_iter().rev();
        let Some(last) = nodes.next() else {
            return Ok(empty_root());
        };
        nodes.try_fold(last.hash(tiles)?, |right, node| {
            Ok(node_hash(&node.hash(tiles)?, &right))
        })
    }
}

/// The tiles that the hashes of `ranges` are made of.
pub fn tiles_of(ranges: &[Range]) -> Vec<TileId> {
    let nodes = ranges.iter().flat_map(|range| range.nodes());
    let tiles: BTreeSet<_> = nodes.map(Node::tile).collect();
    tiles.into_iter().collect()
}

/// What proves that the leaf `index` is in the tree of `size` leaves, from the leaf upwards. `index` must be less than `size`.
pub fn inclusion(index: u64, size: u64) -> Vec<Range> {
    let (mut path, mut range) = (Vec::new(), Range::whole(size));
    while range.len() > 1 {
        let (left, right) = range.halves();
        let (inside, beside) = if index < left.to {
            (left, right)
        } else {
            (right, left)
        };
        path.push(beside);
        range = inside;
    }
    path.reverse();
    path
}

/// What proves that the tree of `old` leaves is the beginning of the tree of `new` leaves. `old` must be 1 to `new`.
pub fn consistency(old: u64, new: u64) -> Vec<Range> {
    let (mut path, mut range) = (Vec::new(), Range::whole(new));
    while range.to > old {
        let (left, right) = range.halves();
        if old <= left.to {
            path.push(right);
            range = left;
        } else {
            path.push(left);
            range = right;
        }
    }
    // The old tree itself is what the verifier has already.
    if range.from > 0 {
        path.push(range);
    }
    path.reverse();
    path
}

/// The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); `None` where it has another length than it must.
pub fn root_of_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let (mut node, mut last) = (index, size.checked_sub(1)?);
    if index > last {
        return None;
    }
    let mut root = *leaf;
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(sibling, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Whether a consistency proof leads from the root of `old` leaves to that of `new` leaves (RFC 9162, section 2.1.4.2).
pub fn is_consistent(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut path = proof.to_vec();
    if old.is_power_of_two() {
        path.insert(0, *old_root);
    }
    let mut path = path.iter();
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let Some(first) = path.next() else {
        return false;
    };
    let (mut from, mut to) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from = node_hash(sibling, &from);
            to = node_hash(sibling, &to);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            to = node_hash(&to, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && from == *old_root && to == *new_root
}

/// The right edge of a tree that grows.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    size: u64,
    /// The tile of each level that is not full yet.
    open: Vec<Tile>,
    /// Tiles that changed since they were taken.
    changed: Tiles,
}

impl Edge {
    /// The tiles that [`Edge::new`] needs.
    pub fn tiles(size: u64) -> Vec<TileId> {
        let level = |level: u8| {
            let hashes = size >> (u32::from(level) * TILE_HEIGHT);
            let index = hashes / TILE_WIDTH;
            (!hashes.is_multiple_of(TILE_WIDTH)).then_some(TileId { level, index })
        };
        (0..8).filter_map(level).collect()
    }

    /// The edge of a tree of `size` leaves.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn new(size: u64, tiles: &Tiles) -> Result<Self, Missing> {
        let mut open = vec![Tile::new(); 8];
        for id in Self::tiles(size) {
            let hashes = size >> (u32::from(id.level) * TILE_HEIGHT);
            let used = to_usize(hashes % TILE_WIDTH);
            let tile = tiles.get(&id).and_then(|tile| tile.get(..used));
            open[usize::from(id.level)] = tile.ok_or(Missing(id))?.to_vec();
        }
        let changed = Tiles::new();
        Ok(Self {
            size,
            open,
            changed,
        })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0_u8..8 {
            if self.open.len() <= usize::from(level) {
                self.open.push(Tile::new());
            }
            let tile = &mut self.open[usize::from(level)];
            tile.push(hash);
            if to_u64(tile.len()) < TILE_WIDTH {
                break;
            }
            hash = complete(tile);
            let index = self.size >> (TILE_HEIGHT * (u32::from(level) + 1));
            self.changed
                .insert(TileId { level, index }, std::mem::take(tile));
        }
        self.size += 1;
    }

    /// The tiles that changed since they were taken last.
    pub fn take_changed(&mut self) -> Tiles {
        let mut changed = std::mem::take(&mut self.changed);
        for id in Self::tiles(self.size) {
            changed.insert(id, self.open[usize::from(id.level)].clone());
        }
        changed
    }

    /// The hash of the whole tree.
    ///
    /// # Panics
    /// Never: the edge has every hash that its root is made of.
    pub fn root(&self) -> Hash {
        let tile = |id: TileId| (id, self.open[usize::from(id.level)].clone());
        let tiles = Self::tiles(self.size).into_iter().map(tile).collect();
        let root = Range::whole(self.size).hash(&tiles);
        root.expect("the complete subtrees of a tree end in the tiles at its edge")
    }
}

/// The hash of a tree without leaves.
pub fn empty_root() -> Hash {
    to_hash(digest(&SHA256, b"").as_ref())
}

/// The hash of a leaf.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    hash(&[&[0], bytes])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

/// The hash of the leaf that an event is.
pub fn event_hash(event: &RecordedEvent) -> Hash {
    leaf_hash(&leaf_bytes(event))
}

/// Everything that is stored of an event, as a leaf of the tree has it: netstrings, one for [`LEAF_FORMAT`] and one for each column in
/// this order. Numbers are decimal, ids in lower case with hyphens, the time is UTC in RFC 3339 with six digits.
pub fn leaf_bytes(event: &RecordedEvent) -> Vec<u8> {
    let fields = [
        LEAF_FORMAT,
        &event.position.to_string(),
        &event.shard.to_string(),
        &event.epoch.to_string(),
        &event.stream.aggregate_type,
        &event.stream.aggregate_id,
        &event.sequence.to_string(),
        &event.event_id.to_string(),
        &event.command_id.to_string(),
        &event.routing_key,
        &event.event_type,
        &event.event_version,
        &event.payload,
        &event.metadata,
        &event
            .recorded_at
            .to_rfc3339_opts(SecondsFormat::Micros, true),
    ];
    let mut bytes = Vec::with_capacity(256 + event.payload.len() + event.metadata.len());
    for field in fields {
        bytes.extend_from_slice(field.len().to_string().as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(field.as_bytes());
        bytes.push(b',');
    }
    bytes
}

/// The root of a complete subtree over a power of two of hashes.
fn complete(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks_exact(2)
            .map(|pair| node_hash(&pair[0], &pair[1]))
            .collect();
    }
    level.first().copied().unwrap_or_else(empty_root)
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    to_hash(context.finish().as_ref())
}

fn to_hash(bytes: &[u8]) -> Hash {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
