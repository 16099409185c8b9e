//! How lots are drawn: decision 0031 has every byte of it.
//!
//! ```text
//!  opened               entries close            later, where a beacon is named      anyone, at the end
//!  secret ─ SHA-256 ─▶ commitment    list ─ Merkle ─▶ root     beacon's value      lot = HMAC(secret, root ‖ beacon ‖ entry)
//! ```

use aws_lc_rs::{
    digest::{Context, SHA256, digest},
    hmac,
};
use domain::{
    drop::Lot,
    ids::{CustomerId, DropEntryId, DropId},
};
use uuid::Builder;

use crate::key_store::Key;

/// Length of a digest.
pub const DIGEST_BYTES: usize = 32;
/// What stands for the root where each entry is drawn as it comes: the list is not known then.
pub const NO_ROOT: [u8; DIGEST_BYTES] = [0; DIGEST_BYTES];
/// What an entry's id is derived under; permanent.
const ENTRY_DOMAIN: &[u8] = b"frontrow/drop-entry/1";
/// Prefixes of RFC 6962, so that no leaf can pass for a node.
const LEAF: &[u8] = &[0];
const NODE: &[u8] = &[1];

type Digest = [u8; DIGEST_BYTES];

/// What the names of drops' secrets begin with; permanent.
pub const SECRETS: &str = "drop/";

/// Under which name the key store keeps a drop's secret; permanent.
pub fn secret_name(drop: DropId) -> String {
    format!("{SECRETS}{drop}")
}

/// What is made known of the secret beforehand: its SHA-256, in hexadecimal.
pub fn commitment(secret: &Key) -> String {
    hex::encode(digest(&SHA256, secret.expose()).as_ref())
}

/// The entry of a customer in a drop: nobody chooses it, because drop and customer leave one possibility.
pub fn entry_id(drop: DropId, customer: CustomerId) -> DropEntryId {
    let all = hashed(&[ENTRY_DOMAIN, drop.0.as_bytes(), customer.0.as_bytes()]);
    let mut first = [0; 16];
    first.copy_from_slice(&all[..16]);
    DropEntryId(Builder::from_custom_bytes(first).into_uuid())
}

/// The root of the Merkle tree (RFC 6962, section 2.1) over the entries' ids, 16 bytes each, in the order of the list.
pub fn root(entries: &[DropEntryId]) -> Digest {
    // Roots of complete subtrees, each larger than the next, as a binary counter has digits.
    let mut peaks: Vec<Digest> = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let mut peak = hashed(&[LEAF, entry.0.as_bytes()]);
        for _ in 0..n.trailing_ones() {
            // Each one of the counter is a peak.
            if let Some(left) = peaks.pop() {
                peak = hashed(&[NODE, &left, &peak]);
            }
        }
        peaks.push(peak);
    }
    let last = peaks.pop().unwrap_or_else(|| hashed(&[]));
    let fold = |right: Digest, left: &Digest| hashed(&[NODE, left, &right]);
    peaks.iter().rev().fold(last, fold)
}

fn hashed(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Draws lots.
pub struct Lots {
    key: hmac::Key,
    /// Root and beacon.
    prefix: Vec<u8>,
}

impl std::fmt::Debug for Lots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lots").finish_non_exhaustive()
    }
}

impl Lots {
    /// Under the drop's secret, over the list's root and the beacon's value as it was published; empty without a beacon.
    pub fn new(secret: &Key, root: &Digest, beacon: &str) -> Self {
        let mut prefix = root.to_vec();
        prefix.extend_from_slice(beacon.as_bytes());
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose()),
            prefix,
        }
    }

    /// An entry's lot: the first 8 bytes of the HMAC, most significant first.
    pub fn of(&self, entry: DropEntryId) -> Lot {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.prefix);
        context.update(entry.0.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&context.sign().as_ref()[..8]);
        Lot(u64::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::drop::Probability;
    use uuid::Uuid;

    use super::*;

    fn ids(n: u128) -> Vec<DropEntryId> {
        let drop = DropId(Uuid::from_u128(1));
        let customers = (0..n).map(|n| CustomerId(Uuid::from_u128(n)));
        customers.map(|customer| entry_id(drop, customer)).collect()
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        let two = ids(2);
        let leaf = |id: &DropEntryId| hashed(&[&[0], id.0.as_bytes()]);
        let node = |l: &Digest, r: &Digest| hashed(&[&[1], l, r]);
        assert_eq!(
            hex::encode(root(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(root(&two[..1]), leaf(&two[0]));
        assert_eq!(root(&two), node(&leaf(&two[0]), &leaf(&two[1])));
        // Of five, four are on the left.
        let five = ids(5);
        let pair = |n: usize| node(&leaf(&five[n]), &leaf(&five[n + 1]));
        let left = node(&pair(0), &pair(2));
        assert_eq!(root(&five), node(&left, &leaf(&five[4])));
    }

    #[test]
    fn any_other_list_has_another_root() {
        let list = ids(7);
        let mut swapped = list.clone();
        swapped.swap(2, 5);
        let roots = [&list[..], &list[..6], &list[1..], &swapped].map(root);
        assert_eq!(BTreeSet::from(roots).len(), 4);
    }

    #[test]
    fn an_entry_has_one_id() {
        let list = ids(1_000);
        assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), 1_000);
        assert_eq!(list, ids(1_000));
        assert_eq!(list[0].0.get_version_num(), 8);
    }

    #[test]
    fn two_hundred_thousand_entries_win_as_often_as_they_should() {
        let list = ids(200_000);
        let p: Probability = "0.05".parse().unwrap();
        let lots = Lots::new(&Key::new([7; 32]), &root(&list), "b");
        let wins = list.iter().filter(|id| p.wins(lots.of(**id).0)).count();
        // 10,000 within four standard deviations of 97.5.
        assert!((9_610..=10_390).contains(&wins), "{wins}");
    }
}
