//! How the places of those who came before the doors are drawn.
//!
//! ```text
//!  room put up          doors open: entry to the lobby ends         anyone, later
//!  seed ── SHA-256 ──▶ commitment      entries ── SHA-256 ──▶ public value      lot = HMAC(seed, public value ‖ entry)
//!  (secret)            (in the log)                           (in the log, with the seed)     least lot, least number
//! ```
//!
//! The seed was fixed before anybody entered, and what it is mixed with depends on everybody who did: neither the organizer nor an entrant can
//! choose the outcome. Numbers are those that the entries had before, dealt out anew.

use aws_lc_rs::{
    digest::{Context, SHA256, digest},
    hmac,
};
use domain::{
    ids::{EntryId, ShowId},
    waiting_room::{Draw, Entrant},
};

use super::Order;
use crate::key_store::Key;

/// Under which name the key store keeps a room's seed; permanent.
pub fn seed_name(show: ShowId) -> String {
    format!("waiting_room/{show}")
}

/// What is made known of the seed beforehand: its SHA-256, in hexadecimal.
pub fn commitment(seed: &Key) -> String {
    hex::encode(digest(&SHA256, seed.expose()).as_ref())
}

/// What nobody could know before entry closed: SHA-256 of the entries' ids, 16 bytes each, in the order of their numbers.
pub fn public_value(lobby: &[Entrant]) -> String {
    let mut context = Context::new(&SHA256);
    for entrant in lobby {
        context.update(entrant.entry_id.0.as_bytes());
    }
    hex::encode(context.finish().as_ref())
}

/// An entry's lot: the first 64 bits of the HMAC-SHA256, under the seed, of the public value's text and the entry's id.
fn lot(key: &hmac::Key, public_value: &str, entry: EntryId) -> u64 {
    let mut message = Vec::with_capacity(public_value.len() + 16);
    message.extend_from_slice(public_value.as_bytes());
    message.extend_from_slice(entry.0.as_bytes());
    let tag = hmac::sign(key, &message);
    let mut first = [0; 8];
    first.copy_from_slice(&tag.as_ref()[..8]);
    u64::from_be_bytes(first)
}

fn key(draw: &Draw) -> hmac::Key {
    // The log holds what this program wrote; anything else leads to an order nobody can verify, not to a crash.
    let seed = hex::decode(&draw.seed).unwrap_or_default();
    hmac::Key::new(hmac::HMAC_SHA256, &seed)
}

/// Entries with the numbers that they drew, by number: the least lot gets the least of the numbers that all of them had.
pub fn deal(draw: &Draw, lobby: &[Entrant]) -> Vec<Entrant> {
    let key = key(draw);
    let mut numbers: Vec<_> = lobby.iter().map(|entrant| entrant.number).collect();
    numbers.sort_unstable();
    let mut by_lot: Vec<_> = lobby
        .iter()
        .map(|entrant| (lot(&key, &draw.public_value, entrant.entry_id), *entrant))
        .collect();
    by_lot.sort_unstable_by_key(|(lot, entrant)| (*lot, entrant.entry_id));
    let dealt = by_lot.into_iter().zip(numbers);
    dealt
        .map(|((_, entrant), number)| Entrant { number, ..entrant })
        .collect()
}

/// Where an entry of the lobby stands, known from its id alone: for receipts that were written before the draw.
pub fn drawn_order(draw: &Draw, entry: EntryId) -> Order {
    Order::of_lot(
        lot(&key(draw), &draw.public_value, entry),
        draw.last_number + 1,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;

    fn lobby(entries: u64) -> Vec<Entrant> {
        let entrant = |n: u64| Entrant {
            // Somebody left: a number is missing.
            number: if n > 3 { n + 1 } else { n },
            entry_id: Uuid::from_u128(u128::from(n) * 0x1_0001).into(),
            customer_id: Uuid::from_u128(n.into()).into(),
        };
        (1..=entries).map(entrant).collect()
    }

    fn draw(seed: u8, lobby: &[Entrant]) -> Draw {
        Draw {
            seed: hex::encode([seed; 32]),
            public_value: public_value(lobby),
            entries: lobby.len() as u64,
            last_number: lobby.last().map_or(0, |last| last.number),
        }
    }

    #[test]
    fn the_same_numbers_are_dealt_out_and_anyone_can_do_it_again() {
        let lobby = lobby(50);
        let draw = draw(1, &lobby);
        let dealt = deal(&draw, &lobby);
        let numbers = |list: &[Entrant]| list.iter().map(|e| e.number).collect::<BTreeSet<_>>();
        assert_eq!(numbers(&dealt), numbers(&lobby));
        let mut other_way = lobby.clone();
        other_way.reverse();
        assert_eq!(deal(&draw, &other_way), dealt);
        assert_ne!(dealt, lobby);
    }

    #[test]
    fn another_seed_or_another_crowd_is_another_order() {
        let all = lobby(50);
        let order = |draw: &Draw| -> Vec<_> {
            let dealt = deal(draw, &all);
            dealt.iter().map(|entrant| entrant.entry_id).collect()
        };
        let first = order(&draw(1, &all));
        assert_ne!(order(&draw(2, &all)), first);
        assert_ne!(order(&draw(1, &all[..49])), first);
    }

    #[test]
    fn a_receipt_from_before_the_draw_leads_to_the_same_order() {
        let lobby = lobby(200);
        let draw = draw(7, &lobby);
        let dealt = deal(&draw, &lobby);
        let orders: Vec<_> = dealt
            .iter()
            .map(|entrant| drawn_order(&draw, entrant.entry_id))
            .collect();
        assert!(orders.is_sorted(), "{orders:?}");
        let last = orders.last().unwrap();
        assert!(*last < Order::of(draw.last_number + 1), "{last:?}");
    }

    #[test]
    fn the_commitment_is_that_of_the_seed_in_the_draw() {
        let seed = Key::new([9; 32]);
        let revealed = hex::decode(hex::encode(seed.expose())).unwrap();
        assert_eq!(
            commitment(&seed),
            hex::encode(digest(&SHA256, &revealed).as_ref())
        );
    }
}
