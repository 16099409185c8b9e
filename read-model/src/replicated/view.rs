//! Which server to write to and which to read from, given what each of them said.

use std::{
    cmp::Reverse,
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::measure::{Measured, Positions, progress};
use crate::Error;

/// A replica that is further behind is asked only where nobody else answers: its readers would wait longer than a read from the
/// primary takes.
pub const MAX_LAG: Duration = Duration::from_secs(1);
/// Most remembered steps of the server that is ahead: some minutes of them, one a measurement.
const MAX_STEPS: usize = 1_200;

/// What a server is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRole {
    /// It takes the writes.
    Primary,
    /// It follows another server and is read from.
    Replica,
    /// It takes writes, but another server was promoted: it is not used.
    Outdated,
    /// It does not answer.
    Unreachable,
}

/// A server of the read model, as it was measured last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Host and port.
    pub server: String,
    /// What it is used for.
    pub role: ServerRole,
    /// How many positions it is behind the primary, or behind the server that is ahead where there is no primary; of the projection
    /// that is furthest behind.
    pub lag_positions: u64,
    /// For how long it has been behind, in milliseconds; measured every quarter of a second.
    pub lag_ms: u64,
    /// Why it can't be used.
    pub error: Option<String>,
}

/// What was found out about all servers.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) states: Vec<ServerState>,
    /// The one that takes the writes.
    pub(super) primary: Option<usize>,
    /// Those to read from, the best first.
    pub(super) order: Vec<usize>,
}

impl View {
    /// The same without a server that did not answer.
    pub(super) fn lose(&mut self, server: usize, error: &Error) {
        self.order.retain(|n| *n != server);
        self.primary.take_if(|primary| *primary == server);
        if let Some(state) = self.states.get_mut(server) {
            state.role = ServerRole::Unreachable;
            state.error = Some(error.to_string());
        }
    }
}

/// What is remembered from one measurement to the next.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// The newest timeline that was seen: a server on an older one was replaced.
    newest: u64,
    /// The server that lag is measured from, and when it was seen to come to each place.
    reference: Option<usize>,
    steps: VecDeque<(Instant, u64)>,
}

impl Watcher {
    /// Judges a round of answers, one for each of `servers`.
    pub(super) fn judge(
        &mut self,
        servers: &[String],
        answers: &[(Instant, Result<Measured, Error>)],
    ) -> View {
        let primary = self.elect(answers);
        let reference = primary.or_else(|| furthest(answers));
        self.step(reference, answers);
        let ahead = reference.and_then(|n| answers[n].1.as_ref().ok());
        let ahead = ahead.map(|measured| measured.positions);
        let states: Vec<_> = servers
            .iter()
            .zip(answers)
            .enumerate()
            .map(|(n, (server, answer))| self.state(server, answer, primary == Some(n), ahead))
            .collect();
        let order = order(&states, answers);
        View {
            states,
            primary,
            order,
        }
    }

    /// The server that takes writes on the newest timeline.
    fn elect(&mut self, answers: &[(Instant, Result<Measured, Error>)]) -> Option<usize> {
        let timelines = answers.iter().enumerate().filter_map(|(n, (_, answer))| {
            let measured = answer.as_ref().ok()?;
            measured.timeline.map(|timeline| (timeline, Reverse(n)))
        });
        let (timeline, Reverse(server)) = timelines.max()?;
        if timeline < self.newest {
            return None;
        }
        self.newest = timeline;
        Some(server)
    }

    fn step(&mut self, reference: Option<usize>, answers: &[(Instant, Result<Measured, Error>)]) {
        if self.reference != reference {
            self.reference = reference;
            self.steps.clear();
        }
        let Some((at, Ok(measured))) = reference.map(|n| &answers[n]) else {
            return;
        };
        let place = measured.progress();
        if self.steps.back().is_none_or(|(_, last)| *last != place) {
            self.steps.push_back((*at, place));
        }
        if self.steps.len() > MAX_STEPS {
            self.steps.pop_front();
        }
    }

    fn state(
        &self,
        server: &str,
        (at, answer): &(Instant, Result<Measured, Error>),
        is_primary: bool,
        ahead: Option<Positions>,
    ) -> ServerState {
        let measured = match answer {
            Ok(measured) => measured,
            Err(error) => {
                return ServerState {
                    server: server.to_owned(),
                    role: ServerRole::Unreachable,
                    lag_positions: 0,
                    lag_ms: 0,
                    error: Some(error.to_string()),
                };
            }
        };
        let (role, error) = match measured.timeline {
            Some(_) if is_primary => (ServerRole::Primary, None),
            Some(timeline) => {
                let newest = self.newest;
                let why = format!("it is on timeline {timeline}, another server on {newest}");
                (ServerRole::Outdated, Some(why))
            }
            None => (ServerRole::Replica, None),
        };
        let ahead = ahead.unwrap_or(measured.positions);
        let behind = ahead.iter().zip(&measured.positions);
        ServerState {
            server: server.to_owned(),
            role,
            lag_positions: behind
                .map(|(ahead, own)| ahead.saturating_sub(*own))
                .max()
                .unwrap_or_default(),
            lag_ms: self.lag_ms(*at, measured.progress(), progress(&ahead)),
            error,
        }
    }

    /// Since when the reference has been further than `own`, in milliseconds before `at`.
    fn lag_ms(&self, at: Instant, own: u64, ahead: u64) -> u64 {
        if own >= ahead {
            return 0;
        }
        let passed = self.steps.iter().find(|(_, place)| *place > own);
        let since = passed.map_or(Duration::ZERO, |(since, _)| {
            at.saturating_duration_since(*since)
        });
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The server that has come furthest.
fn furthest(answers: &[(Instant, Result<Measured, Error>)]) -> Option<usize> {
    let places = answers.iter().enumerate().filter_map(|(n, (_, answer))| {
        let measured = answer.as_ref().ok()?;
        Some((measured.progress(), Reverse(n)))
    });
    places.max().map(|(_, Reverse(n))| n)
}

/// Fresh replicas, the freshest first; the primary; the other replicas.
fn order(states: &[ServerState], answers: &[(Instant, Result<Measured, Error>)]) -> Vec<usize> {
    let rank = |n: &usize| {
        let state = &states[*n];
        let late = u128::from(state.lag_ms) > MAX_LAG.as_millis();
        let class = match state.role {
            ServerRole::Replica if !late => 0,
            ServerRole::Primary => 1,
            ServerRole::Replica | ServerRole::Outdated | ServerRole::Unreachable => 2,
        };
        let place = answers[*n].1.as_ref().map_or(0, Measured::progress);
        (class, Reverse(place), *n)
    };
    let mut order: Vec<_> = (0..states.len())
        .filter(|n| matches!(states[*n].role, ServerRole::Primary | ServerRole::Replica))
        .collect();
    order.sort_by_key(rank);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("server {n}")).collect()
    }

    /// A server at a position of every projection; `timeline` where it takes writes.
    fn at(
        now: Instant,
        timeline: Option<u64>,
        position: u64,
    ) -> (Instant, Result<Measured, Error>) {
        let positions = [position; crate::ProjectionId::ALL.len()];
        (
            now,
            Ok(Measured {
                timeline,
                positions,
            }),
        )
    }

    fn silent(now: Instant) -> (Instant, Result<Measured, Error>) {
        (now, Err(Error::Unavailable("it is off".to_owned())))
    }

    #[test]
    fn the_freshest_replica_comes_first_and_the_primary_before_late_ones() {
        let (mut watcher, begun) = (Watcher::default(), Instant::now());
        let mut judge = |seconds: u32, answers: &[(Option<u64>, u64)]| {
            let now = begun + SECOND * seconds;
            let answers: Vec<_> = answers.iter().map(|(t, p)| at(now, *t, *p)).collect();
            watcher.judge(&names(3), &answers)
        };
        assert_eq!(
            judge(0, &[(Some(1), 10), (None, 10), (None, 10)]).order,
            [1, 2, 0]
        );
        assert_eq!(
            judge(1, &[(Some(1), 20), (None, 15), (None, 18)]).order,
            [2, 1, 0]
        );
        let view = judge(3, &[(Some(1), 30), (None, 15), (None, 30)]);
        assert_eq!(view.order, [2, 0, 1]);
        assert_eq!(
            (view.states[1].lag_positions, view.states[1].lag_ms),
            (15, 2_000)
        );
        assert_eq!(
            (view.states[2].lag_positions, view.states[2].lag_ms),
            (0, 0)
        );
        let view = judge(4, &[(Some(1), 30), (None, 30), (None, 30)]);
        assert_eq!(view.states[1].lag_ms, 0);
        assert_eq!(view.order, [1, 2, 0]);
    }

    #[test]
    fn the_newest_timeline_takes_the_writes_and_an_older_one_is_not_used() {
        let (mut watcher, now) = (Watcher::default(), Instant::now());
        let view = watcher.judge(&names(2), &[at(now, Some(1), 9), at(now, None, 8)]);
        assert_eq!(view.primary, Some(0));
        let view = watcher.judge(&names(2), &[silent(now), at(now, None, 8)]);
        assert_eq!((view.primary, view.order), (None, vec![1]));
        let view = watcher.judge(&names(2), &[silent(now), at(now, Some(2), 8)]);
        assert_eq!((view.primary, view.order), (Some(1), vec![1]));
        assert_eq!(view.states[1].lag_positions, 0);
        // The old one comes back, alone to answer or not.
        let view = watcher.judge(&names(2), &[at(now, Some(1), 9), at(now, Some(2), 8)]);
        assert_eq!((view.primary, view.order), (Some(1), vec![1]));
        assert_eq!(view.states[0].role, ServerRole::Outdated);
        let view = watcher.judge(&names(2), &[at(now, Some(1), 9), silent(now)]);
        assert_eq!((view.primary, view.order), (None, vec![]));
    }

    #[test]
    fn a_lost_server_is_not_asked() {
        let (mut watcher, now) = (Watcher::default(), Instant::now());
        let mut view = watcher.judge(&names(2), &[at(now, Some(1), 9), at(now, None, 9)]);
        view.lose(1, &Error::Unavailable("it broke off".to_owned()));
        assert_eq!((view.primary, &*view.order), (Some(0), &[0][..]));
        view.lose(0, &Error::Unavailable("it broke off".to_owned()));
        assert_eq!((view.primary, &*view.order), (None, &[][..]));
    }
}
