//! Many who enter, each until it is told that it is in: whoever gets no answer asks again with the same key.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use edge::auth::Role;
use frontrow::driver::{Outcome, Wire};
use futures::future::join_all;
use tokio::sync::watch;
use uuid::Uuid;

use super::stage::Stage;

/// Connections: so many ask at a time.
const CALLS: usize = 256;
/// How long one may take to get in, with all that is killed meanwhile.
const PATIENCE: Duration = Duration::from_mins(5);

/// Those who want to enter.
pub(super) struct Crowd<'a> {
    stage: &'a Stage,
    drop: String,
    count: usize,
    next: AtomicUsize,
    repeated: AtomicUsize,
    accepted: watch::Sender<usize>,
}

/// One who is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fan {
    pub(super) customer: Uuid,
    pub(super) entry: Uuid,
}

/// All of them.
pub(super) struct Entered {
    pub(super) fans: Vec<Fan>,
    /// Calls that had to be repeated.
    pub(super) repeated: usize,
}

impl<'a> Crowd<'a> {
    pub(super) fn new(stage: &'a Stage, drop: &str, count: usize) -> Self {
        Self {
            stage,
            drop: drop.to_owned(),
            count,
            next: AtomicUsize::new(0),
            repeated: AtomicUsize::new(0),
            accepted: watch::Sender::new(0),
        }
    }

    /// How many are in, as it grows.
    pub(super) fn accepted(&self) -> watch::Receiver<usize> {
        self.accepted.subscribe()
    }

    /// Lets all of them in.
    pub(super) async fn enter(self) -> Entered {
        let workers = (0..CALLS).map(|_| self.work());
        let fans = join_all(workers).await.into_iter().flatten().collect();
        Entered {
            fans,
            repeated: self.repeated.load(Ordering::SeqCst),
        }
    }

    async fn work(&self) -> Vec<Fan> {
        let (mut fans, mut address) = (Vec::new(), self.stage.address());
        let mut wire = None;
        while self.next.fetch_add(1, Ordering::SeqCst) < self.count {
            let customer = Uuid::now_v7();
            let entry = self.enter_one(&mut wire, &mut address, customer).await;
            fans.push(Fan { customer, entry });
            self.accepted.send_modify(|accepted| *accepted += 1);
        }
        fans
    }

    /// The connection of whoever asks, with where it leads.
    async fn enter_one(
        &self,
        wire: &mut Option<(SocketAddr, Wire)>,
        address: &mut watch::Receiver<Option<SocketAddr>>,
        customer: Uuid,
    ) -> Uuid {
        let token = self.stage.token(Role::Customer, customer);
        let request = format!(
            "POST /v1/drops/{drop}/entries HTTP/1.1\r\nhost: tickets\r\nauthorization: Bearer {token}\r\n\
             idempotency-key: once\r\nshow-id: {drop}\r\ncontent-length: 0\r\n\r\n",
            drop = self.drop
        );
        let end = Instant::now() + PATIENCE;
        loop {
            // While the server is away, nobody asks.
            let there = address.wait_for(Option::is_some).await;
            let there = there.unwrap().unwrap();
            if wire.as_ref().is_none_or(|(at, _)| *at != there) {
                *wire = Some((there, Wire::new(there)));
            }
            let (_, line) = wire.as_mut().unwrap();
            if let Ok(heard) = line.exchange(request.as_bytes()).await {
                match heard.outcome() {
                    Outcome::Done => return heard.field("entry_id").unwrap().parse().unwrap(),
                    Outcome::Unknown | Outcome::Failed(_) => {}
                    refused @ (Outcome::Created | Outcome::Refused(_)) => {
                        panic!("{customer} is not let in: {refused:?}")
                    }
                }
            }
            self.repeated.fetch_add(1, Ordering::SeqCst);
            assert!(Instant::now() < end, "{customer} is not let in");
            tokio::task::yield_now().await;
        }
    }
}
