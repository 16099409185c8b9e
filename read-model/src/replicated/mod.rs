//! The read model on a primary and its streaming replicas.
//!
//! ```text
//!                              ┌─▶ replica A   +0      ◀── reads: the freshest, then the next
//!  writes ──▶ primary ─ stream ┤
//!                              └─▶ replica B   -3 s    ◀── only where nobody else answers
//! ```
//!
//! Every server is asked four times a second what it is and how far it has come. Reads go to the freshest replica that answers; one that
//! fails is tried on the next server at once, and the primary is the last before replicas that are late. Each answer carries the
//! position of the server that gave it, so it does not matter which one that is.
//!
//! Writes go to the server that takes them on the newest timeline: of a primary that died and the replica that was promoted, the
//! replica. It may lack the last rows, but then it lacks their checkpoints as well, and the projections write them again. A primary
//! that comes back after that is not used.

mod measure;
#[cfg(test)]
mod tests;
mod view;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use futures::future::join_all;
use tokio::{
    sync::{Notify, OnceCell, watch},
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use self::view::{MAX_LAG, ServerRole, ServerState};
use self::{
    measure::Probe,
    view::{View, Watcher},
};
use crate::{
    Access, At, Checkpoint, Error, Items, Keys, Page, Parked, ParkedKey, PostgresReadModel,
    ProjectionId, ReadModel, Rows, SagaCounts, SagaFilter, SeatMap, SeatMapToFollow, ShowFilter,
    Snapshot, Version, Versions, Write, metrics,
    tables::{
        Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, ShowWithCounts, Transaction,
    },
};

/// Time between two measurements.
const INTERVAL: Duration = Duration::from_millis(250);
/// Longest wait for a measurement by one who found no server to ask.
const MEASURE_PATIENCE: Duration = Duration::from_millis(1_500);
/// How long one server may take for a read while another one could be asked.
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// A primary and its replicas. Ends its measurements when it is dropped.
#[derive(Debug)]
pub struct Replicated {
    servers: Arc<[Server]>,
    view: Arc<watch::Sender<Arc<View>>>,
    /// Asks for a measurement now.
    again: Arc<Notify>,
    _tasks: TaskTracker,
    _end: DropGuard,
}

#[derive(Debug)]
struct Server {
    model: PostgresReadModel,
    /// Whether its schema was brought up to date.
    prepared: OnceCell<()>,
}

/// Opens the read model on several servers. `primaries` are those that may take writes, separated by commas; each of `replicas` may as
/// well, once it is promoted.
///
/// # Errors
/// [`Error::Unavailable`] where no server answers; as [`crate::open`].
pub async fn replicated(
    primaries: &str,
    replicas: &[String],
    access: Access,
) -> Result<Arc<Replicated>, Error> {
    let urls = primaries.split(',').map(str::trim);
    let urls = urls.chain(replicas.iter().map(|url| url.trim()));
    let mut servers: Vec<Server> = Vec::new();
    for url in urls {
        let model = PostgresReadModel::new(url, access)?;
        if servers
            .iter()
            .all(|known| known.model.server() != model.server())
        {
            let prepared = OnceCell::new();
            servers.push(Server { model, prepared });
        }
    }
    let opened = Replicated::watch_over(servers).await;
    let view = opened.view.borrow().clone();
    if let Some(primary) = view.primary {
        opened.prepare(primary).await?;
    } else if view.order.is_empty() {
        let why = view.states.iter().find_map(|state| state.error.clone());
        return Err(Error::Unavailable(why.unwrap_or_default()));
    }
    Ok(Arc::new(opened))
}

impl Replicated {
    /// Measures once, and from then on.
    async fn watch_over(servers: Vec<Server>) -> Self {
        let servers: Arc<[Server]> = servers.into();
        let mut probes: Vec<_> = servers
            .iter()
            .map(|server| Probe::new(server.model.clone()))
            .collect();
        let names: Vec<_> = servers.iter().map(|server| server.model.server()).collect();
        let mut watcher = Watcher::default();
        let first = measure(&mut probes, &names, &mut watcher).await;
        let view = Arc::new(watch::Sender::new(Arc::new(first)));
        let again = Arc::new(Notify::new());
        let (told, asked) = (view.clone(), again.clone());
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let ended = end.clone();
        let watch = async move {
            loop {
                let _ = timeout(INTERVAL, asked.notified()).await;
                let next = measure(&mut probes, &names, &mut watcher).await;
                report(&told.borrow(), &next);
                metrics::servers(&next.states);
                told.send_replace(Arc::new(next));
            }
        };
        tasks.spawn(async move { ended.run_until_cancelled(watch).await });
        Self {
            servers,
            view,
            again,
            _tasks: tasks,
            _end: end.drop_guard(),
        }
    }

    /// Every server as it was measured last, in the order in which they were named.
    pub fn servers(&self) -> Vec<ServerState> {
        self.view.borrow().states.clone()
    }

    /// Brings the schema of a server that takes writes up to date, once.
    async fn prepare(&self, server: usize) -> Result<&PostgresReadModel, Error> {
        let server = &self.servers[server];
        server
            .prepared
            .get_or_try_init(|| server.model.prepare())
            .await?;
        Ok(&server.model)
    }

    /// What is known once `enough` is, or after one more measurement.
    async fn known(&self, enough: impl Fn(&View) -> bool + Send) -> Arc<View> {
        let mut view = self.view.subscribe();
        let known = view.borrow_and_update().clone();
        if enough(&known) {
            return known;
        }
        self.again.notify_one();
        // The sender lives in `self`, so waiting can't fail.
        let _ = timeout(MEASURE_PATIENCE, view.changed()).await;
        view.borrow().clone()
    }

    /// Asks the server that takes writes. After a failure it is measured before the next one asks; the question is not repeated, for it
    /// is not known what became of the first.
    async fn on_primary<'s, T>(
        &'s self,
        ask: impl FnOnce(&'s PostgresReadModel) -> Asked<'s, T> + Send,
    ) -> Result<T, Error> {
        let Some(primary) = self.known(|view| view.primary.is_some()).await.primary else {
            let none = "no server of the read model takes writes".to_owned();
            return Err(Error::Unavailable(none));
        };
        let answer = ask(self.prepare(primary).await?).await;
        if let Err(error @ Error::Unavailable(_)) = &answer {
            self.lose(primary, error);
        }
        answer
    }

    /// Asks the servers to read from, one after another, until one answers.
    async fn read<'s, T>(
        &'s self,
        ask: impl Fn(&'s PostgresReadModel) -> Asked<'s, T> + Send,
    ) -> Result<T, Error> {
        let view = self.known(|view| !view.order.is_empty()).await;
        let mut why = Error::Unavailable("no server of the read model answers".to_owned());
        for &server in &view.order {
            let model = &self.servers[server].model;
            let asked = timeout(READ_PATIENCE, ask(model)).await;
            let answer = asked.unwrap_or_else(|_| {
                let silent = model.server();
                Err(Error::Unavailable(format!("{silent} does not answer")))
            });
            match answer {
                Err(error @ Error::Unavailable(_)) => {
                    self.lose(server, &error);
                    why = error;
                }
                answer => return answer,
            }
        }
        Err(why)
    }

    /// Nobody is to ask this server until it was measured again, which is now.
    fn lose(&self, server: usize, error: &Error) {
        tracing::warn!(
            server = self.servers[server].model.server(),
            %error,
            "a server of the read model failed"
        );
        self.view
            .send_modify(|view| Arc::make_mut(view).lose(server, error));
        self.again.notify_one();
    }
}

/// What a method of the port returns.
type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

async fn measure(probes: &mut [Probe], names: &[String], watcher: &mut Watcher) -> View {
    let answers = join_all(probes.iter_mut().map(Probe::measure)).await;
    watcher.judge(names, &answers)
}

/// Says which servers changed their part.
fn report(before: &View, now: &View) {
    for (old, new) in before.states.iter().zip(&now.states) {
        if old.role != new.role {
            tracing::info!(
                server = new.server,
                role = ?new.role,
                error = new.error,
                "a server of the read model changed its part"
            );
        }
    }
}

#[async_trait]
impl ReadModel for Replicated {
    async fn identity(&self) -> Result<String, Error> {
        self.on_primary(|model| model.identity()).await
    }

    async fn checkpoints(&self, versions: Option<&Versions>) -> Result<Vec<Checkpoint>, Error> {
        match versions {
            None => self.read(|model| model.checkpoints(None)).await,
            Some(_) => self.on_primary(|model| model.checkpoints(versions)).await,
        }
    }

    async fn versions(&self) -> Result<Vec<Version>, Error> {
        self.on_primary(|model| model.versions()).await
    }

    async fn begin_version(&self, projection: ProjectionId) -> Result<u32, Error> {
        self.on_primary(|model| model.begin_version(projection))
            .await
    }

    async fn swap(
        &self,
        projection: ProjectionId,
        version: u32,
        instead_of: u32,
    ) -> Result<(), Error> {
        self.on_primary(|model| model.swap(projection, version, instead_of))
            .await
    }

    async fn drop_version(&self, projection: ProjectionId, version: u32) -> Result<(), Error> {
        self.on_primary(|model| model.drop_version(projection, version))
            .await
    }

    async fn parked(&self, projection: Option<ProjectionId>) -> Result<Vec<Parked>, Error> {
        self.on_primary(|model| model.parked(projection)).await
    }

    async fn parked_keys(&self) -> Result<Vec<ParkedKey>, Error> {
        self.on_primary(|model| model.parked_keys()).await
    }

    async fn write(&self, write: &Write) -> Result<(), Error> {
        self.on_primary(|model| model.write(write)).await
    }

    async fn load(&self, versions: &Versions, keys: &Keys) -> Result<Rows, Error> {
        self.on_primary(|model| model.load(versions, keys)).await
    }

    async fn snapshot(&self, versions: Option<&Versions>) -> Result<Box<dyn Snapshot>, Error> {
        match versions {
            None => self.read(|model| model.snapshot(None)).await,
            Some(_) => self.on_primary(|model| model.snapshot(versions)).await,
        }
    }

    async fn concert(&self, id: ConcertId) -> Result<At<Option<Concert>>, Error> {
        self.read(|model| model.concert(id)).await
    }

    async fn concerts(&self, page: &Page) -> Result<At<Items<Concert>>, Error> {
        self.read(|model| model.concerts(page)).await
    }

    async fn show(&self, id: ShowId) -> Result<At<Option<ShowWithCounts>>, Error> {
        self.read(|model| model.show(id)).await
    }

    async fn shows(
        &self,
        filter: &ShowFilter,
        page: &Page,
    ) -> Result<At<Items<ShowWithCounts>>, Error> {
        self.read(|model| model.shows(filter, page)).await
    }

    async fn seat_map(&self, show: ShowId) -> Result<At<Option<SeatMap>>, Error> {
        self.read(|model| model.seat_map(show)).await
    }

    async fn seat_map_to_follow(&self, show: ShowId) -> Result<SeatMapToFollow, Error> {
        self.read(|model| model.seat_map_to_follow(show)).await
    }

    async fn reservation(&self, id: ReservationId) -> Result<At<Option<Reservation>>, Error> {
        self.read(|model| model.reservation(id)).await
    }

    async fn reservations_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Reservation>>, Error> {
        self.read(|model| model.reservations_of(customer, page))
            .await
    }

    async fn payment(&self, id: PaymentId) -> Result<At<Option<Payment>>, Error> {
        self.read(|model| model.payment(id)).await
    }

    async fn payments_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Payment>>, Error> {
        self.read(|model| model.payments_of(customer, page)).await
    }

    async fn account(&self, customer: CustomerId) -> Result<At<Option<Account>>, Error> {
        self.read(|model| model.account(customer)).await
    }

    async fn transactions_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Transaction>>, Error> {
        self.read(|model| model.transactions_of(customer, page))
            .await
    }

    async fn sagas(&self, filter: &SagaFilter, page: &Page) -> Result<At<Items<Saga>>, Error> {
        self.read(|model| model.sagas(filter, page)).await
    }

    async fn saga_counts(
        &self,
        show: Option<ShowId>,
        stuck_since: Timestamp,
    ) -> Result<At<SagaCounts>, Error> {
        self.read(|model| model.saga_counts(show, stuck_since))
            .await
    }

    async fn fair_drop(&self, id: DropId) -> Result<At<Option<Drop>>, Error> {
        self.read(|model| model.fair_drop(id)).await
    }

    async fn drop_entry(&self, id: DropEntryId) -> Result<At<Option<DropEntry>>, Error> {
        self.read(|model| model.drop_entry(id)).await
    }

    async fn drop_entries(
        &self,
        drop: DropId,
        from: u32,
        limit: u32,
    ) -> Result<At<Vec<DropEntry>>, Error> {
        self.read(|model| model.drop_entries(drop, from, limit))
            .await
    }
}
