//! The aggregates in memory, within bounds; the others wait in the rehearsal's log.

use std::collections::HashMap;

use anyhow::{bail, ensure};
use domain::{
    Aggregate, concert::Concert, customer::Customer, drop::FairDrop, operation::Operation,
    payment::Payment, point_account::PointAccount, show::Show, venue::Venue,
    waiting_room::WaitingRoom,
};
use event_store::{EventLog, StreamId};

use super::stage::{Live, Played};

/// Aggregates in memory: a kilobyte each.
const MAX_LIVE: usize = 100_000;
/// Shows, rooms and drops in memory: up to some megabytes each.
const MAX_LARGE: usize = 500;
/// Events read at a time.
const PAGE: usize = 2_000;

/// Aggregates of one size.
#[derive(Default)]
struct Half {
    live: HashMap<StreamId, (u64, Box<dyn Played>)>,
}

impl Half {
    /// Makes room: the half that was used longest ago leaves.
    fn make_room(&mut self, most: usize) {
        if self.live.len() < most {
            return;
        }
        let mut used: Vec<_> = self.live.values().map(|(used, _)| *used).collect();
        let middle = used.len() / 2;
        let (_, middle, _) = used.select_nth_unstable(middle);
        let middle = *middle;
        self.live.retain(|_, (used, _)| *used >= middle);
    }
}

/// All aggregates in memory.
#[derive(Default)]
pub(super) struct Cast {
    small: Half,
    large: Half,
    tick: u64,
}

impl Cast {
    /// Whether the aggregate is in memory, or begins with the event of this sequence.
    pub(super) fn has(&self, stream: &StreamId, sequence: u64) -> bool {
        sequence == 1 || self.half(stream).live.contains_key(stream)
    }

    fn half(&self, stream: &StreamId) -> &Half {
        if is_large(stream) {
            &self.large
        } else {
            &self.small
        }
    }

    /// The aggregate before its event of this sequence. What is not in memory is folded from `log`, which must have everything before.
    pub(super) async fn enter(
        &mut self,
        log: &dyn EventLog,
        stream: &StreamId,
        sequence: u64,
    ) -> anyhow::Result<&mut dyn Played> {
        self.tick += 1;
        let tick = self.tick;
        let (half, most) = if is_large(stream) {
            (&mut self.large, MAX_LARGE)
        } else {
            (&mut self.small, MAX_LIVE)
        };
        if !half.live.contains_key(stream) {
            half.make_room(most);
            let mut played = new(stream)?;
            let mut after = 0;
            while after + 1 < sequence {
                let page = log.read_stream(stream, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.sequence;
                played.fold(&page)?;
            }
            half.live.insert(stream.clone(), (tick, played));
        }
        let (used, played) = half
            .live
            .get_mut(stream)
            .expect("it was there, or was put there");
        *used = tick;
        ensure!(
            played.version() + 1 == sequence,
            "the stream {stream} goes on with event {sequence} behind {}: `frontrow audit verify` tells more",
            played.version()
        );
        Ok(played.as_mut())
    }
}

fn is_large(stream: &StreamId) -> bool {
    let large = [Show::TYPE, WaitingRoom::TYPE, FairDrop::TYPE];
    large.contains(&&*stream.aggregate_type)
}

fn new(stream: &StreamId) -> anyhow::Result<Box<dyn Played>> {
    macro_rules! new {
        ($($aggregate:ty),*) => {
            match &*stream.aggregate_type {
                $(<$aggregate as Aggregate>::TYPE => Box::new(Live::<$aggregate>::new(stream)),)*
                other => bail!("there are no {other:?} streams that this program knows"),
            }
        };
    }
    let played: Box<dyn Played> = new!(
        Venue,
        Concert,
        Show,
        Payment,
        PointAccount,
        Customer,
        Operation,
        WaitingRoom,
        FairDrop
    );
    Ok(played)
}
