//! The rules of following a partition, without brokers: each fault is found, and what two leaders write at once does no harm.

use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    bus::{
        Cursor, Error,
        kafka::{
            place::{Place, Step},
            record::{Record, Sent},
        },
    },
    log::{Position, RecordedEvent, StreamId},
};

fn event(position: u64, epoch: u64) -> RecordedEvent {
    RecordedEvent {
        position: Position(position),
        shard: 0,
        epoch,
        stream: StreamId::new("counter", "one"),
        sequence: position,
        event_id: Uuid::from_u64_pair(epoch, position),
        command_id: Uuid::nil(),
        routing_key: "one".to_owned(),
        event_type: "Counted".to_owned(),
        event_version: "1.0".to_owned(),
        payload: "{}".to_owned(),
        metadata: "{}".to_owned(),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// What a leader sent: a position of an epoch behind another, an event or a watermark.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wrote {
    position: u64,
    prev: u64,
    epoch: u64,
    is_event: bool,
}

fn wrote(position: u64, prev: u64) -> Wrote {
    Wrote {
        position,
        prev,
        epoch: 0,
        is_event: true,
    }
}

fn watermark(position: u64, prev: u64) -> Wrote {
    Wrote {
        is_event: false,
        ..wrote(position, prev)
    }
}

impl Wrote {
    fn in_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    fn at(self, offset: usize) -> Record {
        let event = event(self.position, self.epoch);
        Record {
            partition: 0,
            offset: i64::try_from(offset).unwrap(),
            sent: Sent {
                position: event.position,
                epoch: self.epoch,
                prev_position: Position(self.prev),
                acknowledged: Position(0),
            },
            event_id: event.event_id,
            event: self.is_event.then_some(event),
        }
    }
}

/// What a consumer that begins behind `from` is given, and where it comes to.
fn follow(from: Cursor, records: &[Wrote]) -> Result<(Vec<u64>, Place), Error> {
    let (mut place, mut given) = (Place::at(from, false), Vec::new());
    for (offset, record) in records.iter().enumerate() {
        if let Step::Deliver(event) = place.take(record.at(offset))? {
            given.push(event.position.0);
        }
    }
    Ok((given, place))
}

fn from_the_beginning(records: &[Wrote]) -> Result<Vec<u64>, Error> {
    follow(Cursor::default(), records).map(|(given, _)| given)
}

#[test]
fn what_is_in_order_is_delivered() {
    let records = [wrote(2, 0), watermark(4, 2), wrote(7, 4)];
    let (given, place) = follow(Cursor::default(), &records).unwrap();
    assert_eq!(given, [2, 7]);
    assert_eq!(place.cursor.position, Position(7));
    assert_eq!(place.cursor.offset, 3);
}

#[test]
fn a_lost_record_is_noticed() {
    let lost = from_the_beginning(&[wrote(1, 0), wrote(3, 2)]);
    assert!(matches!(lost, Err(Error::Corrupt(_))), "{lost:?}");
    let lost = from_the_beginning(&[wrote(1, 0), watermark(5, 3)]);
    assert!(matches!(lost, Err(Error::Corrupt(_))), "{lost:?}");
}

#[test]
fn reordered_records_are_noticed() {
    let reordered = from_the_beginning(&[wrote(1, 0), wrote(3, 2), wrote(2, 1)]);
    assert!(matches!(reordered, Err(Error::Corrupt(_))), "{reordered:?}");
}

#[test]
fn duplicates_are_dropped() {
    let records = [
        wrote(1, 0),
        wrote(2, 1),
        wrote(1, 0),
        wrote(2, 1),
        watermark(2, 1),
        wrote(3, 2),
    ];
    assert_eq!(from_the_beginning(&records).unwrap(), [1, 2, 3]);
}

#[test]
fn an_event_in_place_of_one_seen_is_noticed() {
    let diverged = from_the_beginning(&[wrote(1, 0), wrote(2, 1), wrote(2, 1).in_epoch(1)]);
    assert!(matches!(diverged, Err(Error::Diverged(_))), "{diverged:?}");
    // After what was seen, a new epoch is how the log goes on.
    let goes_on = [
        wrote(1, 0),
        wrote(2, 1).in_epoch(1),
        wrote(3, 2).in_epoch(1),
    ];
    assert_eq!(from_the_beginning(&goes_on).unwrap(), [1, 2, 3]);
}

#[test]
fn records_of_an_older_epoch_are_dropped() {
    let records = [
        wrote(1, 0).in_epoch(1),
        wrote(2, 1).in_epoch(0),
        wrote(2, 1).in_epoch(1),
    ];
    assert_eq!(from_the_beginning(&records).unwrap(), [1, 2]);
}

#[test]
fn an_offset_that_was_too_late_is_begun_anew() {
    let cursor = Cursor {
        position: Position(1),
        ..Cursor::default()
    };
    let mut place = Place::at(cursor, true);
    assert_eq!(place.take(wrote(4, 3).at(9)).unwrap(), Step::Rewind);
    // What was fetched before the rewind still comes.
    assert_eq!(place.take(wrote(5, 4).at(10)).unwrap(), Step::Drop);
    assert_eq!(place.take(wrote(1, 0).at(0)).unwrap(), Step::Drop);
    let step = place.take(wrote(3, 1).at(1)).unwrap();
    assert!(matches!(step, Step::Deliver(_)), "{step:?}");
    // Once it was confirmed, a gap is a gap.
    let lost = place.take(wrote(9, 8).at(2));
    assert!(matches!(lost, Err(Error::Corrupt(_))), "{lost:?}");
}

#[test]
fn the_end_of_a_partition_tells_of_another_history() {
    let cursor = Cursor {
        position: Position(5),
        epoch: 1,
        ..Cursor::default()
    };
    let at_end = |records: &[Wrote]| follow(cursor, records).unwrap().1.at_end();
    assert!(at_end(&[wrote(5, 3).in_epoch(1)]).unwrap());
    assert!(!at_end(&[wrote(4, 3).in_epoch(1)]).unwrap());
    assert!(!at_end(&[]).unwrap());
    let older = at_end(&[wrote(5, 3), wrote(6, 5)]);
    assert!(matches!(older, Err(Error::Diverged(_))), "{older:?}");
}

/// What a leader writes to a partition that has the log's `positions`, from `tail` on: watermarks where the dice say so.
fn leader(positions: &[u64], tail: u64, watermarks: &[bool]) -> Vec<Wrote> {
    let (mut prev, mut records) = (tail, Vec::new());
    for (position, marks) in positions.iter().zip(watermarks) {
        if *position <= tail {
            continue;
        }
        records.push(wrote(*position, prev));
        prev = *position;
        let next = positions.iter().find(|next| **next > *position);
        // Everything before the partition's next event was read by then.
        let covers = next.map_or(*position + 1, |next| next - 1);
        if *marks && covers > prev {
            records.push(watermark(covers, prev));
            prev = covers;
        }
    }
    records
}

/// Positions of a partition, how much each of three leaders in turn has written when the next one reads the tail, how many of its
/// records come at all, the dice for watermarks, and those for whose record comes next.
type Story = (Vec<u64>, [usize; 2], [usize; 3], Vec<bool>, Vec<u8>);

fn stories() -> impl Strategy<Value = Story> {
    (
        proptest::collection::btree_set(1_u64..60, 1..24),
        [0_usize..12, 0..24],
        [0_usize..40, 0..40, 0..40],
        proptest::collection::vec(any::<bool>(), 24),
        proptest::collection::vec(0_u8..3, 200),
    )
        .prop_map(|(positions, reads, lands, marks, turns)| {
            (positions.into_iter().collect(), reads, lands, marks, turns)
        })
}

/// The partition as brokers have it: each leader's records in its order and without gaps, up to some record; those of several leaders
/// in any order; and each leader begins at the *last* record that it found, even if a straggler wrote that.
fn partition((positions, reads, lands, marks, turns): Story) -> Vec<Wrote> {
    let (mut topic, mut late): (Vec<Wrote>, Vec<Vec<Wrote>>) = (Vec::new(), Vec::new());
    let mut turns = turns.into_iter();
    for term in 0..lands.len() {
        let tail = topic.last().map_or(0, |last| last.position);
        let mut records = leader(&positions, tail, &marks[term..]);
        // The last leader lives.
        if term + 1 < lands.len() {
            records.truncate(lands[term]);
        }
        records.reverse();
        late.push(records);
        let enough = reads
            .get(term)
            .map_or(usize::MAX, |read| topic.len() + read);
        while topic.len() < enough && late.iter().any(|records| !records.is_empty()) {
            // Whose record comes next; without dice, the living leader's.
            let who = turns.next().map_or(late.len() - 1, usize::from) % late.len();
            let from = if late[who].is_empty() {
                late.iter().rposition(|records| !records.is_empty())
            } else {
                Some(who)
            };
            topic.extend(from.and_then(|from| late[from].pop()));
        }
    }
    topic
}

proptest! {
    /// However the records of leaders that were cut off mix with those of the next ones, a consumer is given each event once, in order.
    #[test]
    fn leaders_that_overlap_do_no_harm(story in stories()) {
        let positions = story.0.clone();
        let marks_cover_all = story.3.len() >= positions.len() + 2;
        let topic = partition(story);
        let given = from_the_beginning(&topic);
        prop_assert!(given.is_ok(), "{given:?} of {topic:?}");
        if marks_cover_all {
            prop_assert_eq!(given.unwrap(), positions, "{:?}", topic);
        }
    }
}
