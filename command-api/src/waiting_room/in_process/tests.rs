//! The contract, and what must hold whatever happens in whatever order.

use std::collections::HashMap;

use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::waiting_room::{State, conformance};

#[tokio::test]
async fn keeps_what_every_waiting_room_promises() {
    conformance::all(&InProcessWaitingRoom::default())
        .await
        .unwrap();
}

/// What can happen to a room.
#[derive(Debug, Clone)]
enum Act {
    Enter(u8),
    Leave(u8),
    Look(u8),
    Admit { rate: u32, places: u32 },
    Buy(u8),
    Sweep,
    Wait(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..40_u8).prop_map(Act::Enter),
        1 => (0..40_u8).prop_map(Act::Leave),
        3 => (0..40_u8).prop_map(Act::Look),
        3 => (1..8_u32, 0..12_u32).prop_map(|(rate, places)| Act::Admit { rate, places }),
        2 => (0..40_u8).prop_map(Act::Buy),
        1 => Just(Act::Sweep),
        3 => (0..4_000_u16).prop_map(Act::Wait),
    ]
}

const MAX_ACTIVE: u32 = 5;

fn customer(n: u8) -> CustomerId {
    Uuid::from_u128(n.into()).into()
}

/// A room, the time, and what every customer was told last.
struct Stage {
    room: InProcessWaitingRoom,
    show: ShowId,
    now: DateTime<Utc>,
    ahead: HashMap<EntryId, u64>,
    last_admitted: u64,
    entries: u128,
}

impl Stage {
    async fn set() -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let stage = Self {
            room: InProcessWaitingRoom::default(),
            show: ShowId(Uuid::from_u128(1)),
            now,
            ahead: HashMap::new(),
            last_admitted: 0,
            entries: 0,
        };
        let opening = Opening {
            first: 1,
            last: 10_000,
            opens_at: now,
            lobby_open: false,
            recovers_until: None,
            active: Vec::new(),
        };
        stage.room.open(stage.show, &opening).await.unwrap();
        stage
    }

    async fn look(&self, n: u8) -> Option<Standing> {
        self.room
            .look(self.show, customer(n), self.now)
            .await
            .unwrap()
    }

    async fn remove(&self, n: u8, active: bool) {
        if let Some(standing) = self.look(n).await
            && matches!(standing.state, State::Admitted { .. }) == active
        {
            let entry = standing.entrant.entry_id;
            let removed = self.room.release(self.show, &[(customer(n), entry)]).await;
            assert_eq!(removed, Ok(1));
        }
    }

    async fn admit(&mut self, rate: u32, places: u32) {
        let limits = Limits {
            admit_per_second: rate,
            max_active: MAX_ACTIVE,
            places,
            holding: 0,
            batch: 100,
        };
        let next = self.room.next(self.show, &limits, self.now).await.unwrap();
        assert!(next.len() <= rate as usize);
        for entrant in &next {
            assert!(entrant.number > self.last_admitted, "out of order");
            self.last_admitted = entrant.number;
        }
        let customers: Vec<_> = next.iter().map(|entrant| entrant.customer_id).collect();
        let until = self.now + TimeDelta::seconds(10);
        let admitted = self
            .room
            .admit(self.show, &customers, rate, until, self.now)
            .await;
        assert_eq!(admitted, Ok(next.len() as u64));
        let depth = self.room.depth(self.show, self.now).await.unwrap();
        assert!(depth.active <= u64::from(MAX_ACTIVE), "{depth:?}");
        assert!(
            next.is_empty() || depth.active <= u64::from(places),
            "{depth:?} for {places}"
        );
    }

    async fn sweep(&self) {
        let since = Some(self.now - TimeDelta::seconds(5));
        let swept = self
            .room
            .sweep(self.show, since, self.now, 100)
            .await
            .unwrap();
        let over: Vec<_> = swept
            .expired
            .iter()
            .map(|pass| (pass.customer_id, pass.entry_id))
            .collect();
        self.room.release(self.show, &over).await.unwrap();
    }

    async fn run(&mut self, act: &Act) {
        match act {
            Act::Enter(n) => {
                self.entries += 1;
                let entry = Uuid::from_u128(self.entries).into();
                self.room
                    .enter(self.show, customer(*n), entry, self.now)
                    .await
                    .unwrap();
            }
            Act::Leave(n) => self.remove(*n, false).await,
            Act::Buy(n) => self.remove(*n, true).await,
            Act::Look(n) => drop(self.look(*n).await),
            Act::Admit { rate, places } => self.admit(*rate, *places).await,
            Act::Sweep => self.sweep().await,
            Act::Wait(ms) => self.now += TimeDelta::milliseconds(i64::from(*ms)),
        }
    }

    /// Everybody's position, which must not have got worse, and is the number of those before.
    fn check(&mut self) {
        let mut waiting = Vec::new();
        for n in 0..40 {
            let Some(standing) = self.standing(n) else {
                continue;
            };
            if let State::Waiting { ahead } = standing.state {
                let before = self.ahead.insert(standing.entrant.entry_id, ahead);
                assert!(before.is_none_or(|before| ahead <= before), "it got worse");
                waiting.push((standing.entrant.number, ahead));
            }
        }
        waiting.sort_unstable();
        for (place, (_, ahead)) in waiting.iter().enumerate() {
            assert_eq!(*ahead, place as u64);
        }
    }

    /// Without a sign of life.
    fn standing(&self, n: u8) -> Option<Standing> {
        let found = self.room.with(self.show, |room| {
            let entry = room.entries.get(&customer(n));
            Ok(entry.map(|entry| room.standing(entry, self.now)))
        });
        found.unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_position_never_gets_worse(acts in prop::collection::vec(act(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stage = Stage::set().await;
            for act in &acts {
                stage.run(act).await;
                stage.check();
            }
        });
    }
}
