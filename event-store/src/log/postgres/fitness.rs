//! Whether a server may hold the log: what it tells of itself, and the choice among several.

use std::time::Duration;

use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use sqlx::{
    Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::time::timeout;

use super::{Access, Durability, Options, migrate, sql, unavailable};
use crate::log::Error;

/// How long a server may take to accept a connection and tell what it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a server tells of itself.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// A setting without which a crash may lose what was synced.
    off: Option<String>,
    synchronous_commit: String,
    names_standby: bool,
    encoding: String,
    in_recovery: bool,
    pub(super) timeline: u64,
}

/// A server that was found fit.
pub(super) struct Found {
    pub(super) candidate: PgConnectOptions,
    pub(super) timeline: u64,
    pub(super) names_standby: bool,
}

/// A connection, or that there is none within a bound.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connected = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await;
    connected
        .map_err(|_| Error::Unavailable(format!("{} does not answer", options.get_host())))?
        .map_err(|e| unavailable(&e))
}

/// What a server is found to be.
struct Look {
    /// 0 where it is a standby or did not tell.
    timeline: u64,
    fit: Result<Found, Error>,
}

/// The newest timeline of all servers that answer, fit or not; and the fit server on it. Where none is fit, why the last was
/// not.
pub(super) async fn find(
    candidates: &[PgConnectOptions],
    options: &Options,
    seen: u64,
) -> (u64, Result<Found, Error>) {
    let looks = candidates
        .iter()
        .map(|candidate| look(candidate, options, seen).boxed());
    let looks: Vec<BoxFuture<'_, Look>> = looks.collect();
    let looked = join_all(looks).await;
    let newest = looked.iter().map(|look| look.timeline).fold(0, u64::max);
    let (mut best, mut why) = (None::<Found>, None);
    for Look { timeline, fit } in looked {
        match fit {
            Ok(_) if timeline != 0 && timeline < newest => {
                why = Some(Error::Refused(diverged(timeline, newest)));
            }
            Ok(found) => {
                let newer = |best: &Found| found.timeline > best.timeline;
                if best.as_ref().is_none_or(newer) {
                    best = Some(found);
                }
            }
            // A refusal tells more than a silence.
            Err(error @ Error::Refused(_)) => why = Some(error),
            Err(error) => why = why.or(Some(error)),
        }
    }
    let none = || Error::Refused("no URL of the log is given".to_owned());
    (newest, best.ok_or_else(|| why.unwrap_or_else(none)))
}

async fn look(candidate: &PgConnectOptions, options: &Options, seen: u64) -> Look {
    let mut timeline = 0;
    let fit = inspect(candidate, options, seen, &mut timeline).await;
    Look { timeline, fit }
}

/// Whether a server is fit; tells its timeline even where it is not.
async fn inspect(
    candidate: &PgConnectOptions,
    options: &Options,
    seen: u64,
    timeline: &mut u64,
) -> Result<Found, Error> {
    let mut connection = connect(candidate).await?;
    let settings = settings(&mut connection).await?;
    *timeline = settings.timeline;
    if settings.encoding != "UTF8" {
        return Err(Error::Refused(format!(
            "the log needs a database in UTF8, but it is in {}",
            settings.encoding
        )));
    }
    if options.access == Access::ReadWrite {
        check_durable(&settings, options.durability)?;
        migrate::migrate(&mut connection).await?;
        check_writable(&mut connection, &settings, options, seen).await?;
    } else {
        migrate::check(&mut connection).await?;
    }
    drop(connection.close().await);
    Ok(Found {
        candidate: candidate.clone(),
        timeline: settings.timeline,
        names_standby: settings.names_standby,
    })
}

/// Why a server of an older timeline is not used.
pub(super) fn diverged(timeline: u64, newest: u64) -> String {
    format!(
        "history diverged: the server is on timeline {timeline}, but the log has come to epoch {newest}: another server was \
         promoted, and this one may hold events that are not part of the log"
    )
}

pub(super) async fn settings(connection: &mut PgConnection) -> Result<Settings, Error> {
    let row = sqlx::query(sql!("read_settings")).fetch_one(connection);
    let read = |row: PgRow| {
        let timeline: i64 = row.try_get("timeline")?;
        Ok(Settings {
            off: row.try_get("off")?,
            synchronous_commit: row.try_get("synchronous_commit")?,
            names_standby: row.try_get("names_standby")?,
            encoding: row.try_get("encoding")?,
            in_recovery: row.try_get("in_recovery")?,
            timeline: u64::try_from(timeline).unwrap_or_default(),
        })
    };
    row.await.and_then(read).map_err(|e| unavailable(&e))
}

/// Refuses settings under which what was acknowledged could be lost, and a server that takes no writes.
fn check_durable(settings: &Settings, durability: Durability) -> Result<(), Error> {
    let off = |name: &str| {
        Err(Error::Refused(format!(
            "the log needs Postgres's {name} on, but it is off: acknowledged events could be lost with the power"
        )))
    };
    if settings.in_recovery {
        return Err(Error::Refused(
            "the server is a standby and takes no writes: name its primary, or open the log for reading only"
                .to_owned(),
        ));
    }
    if let Some(name) = &settings.off {
        return off(name);
    }
    match (&*settings.synchronous_commit, durability) {
        ("off", _) => off("synchronous_commit"),
        ("local", Durability::Replicated) => Err(Error::Refused(
            "the log needs Postgres's synchronous_commit on, but it is local: a fail-over could lose acknowledged \
             events. Single durability allows it"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Refuses a server whose history is not the newest, and a promoted one without a standby.
pub(super) async fn check_writable(
    connection: &mut PgConnection,
    settings: &Settings,
    options: &Options,
    seen: u64,
) -> Result<(), Error> {
    check_durable(settings, options.durability)?;
    let epochs: (i64, i64) = sqlx::query_as(sql!("read_epochs"))
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| unavailable(&e))?;
    let [began, present] = <[i64; 2]>::from(epochs).map(|e| u64::try_from(e).unwrap_or_default());
    let timeline = settings.timeline;
    if timeline < present.max(seen) {
        return Err(Error::Refused(diverged(timeline, present.max(seen))));
    }
    if timeline > began && options.durability == Durability::Replicated {
        let standbys: i64 = sqlx::query_scalar(sql!("read_standbys"))
            .fetch_one(connection)
            .await
            .map_err(|e| unavailable(&e))?;
        if standbys == 0 {
            return Err(Error::Refused(format!(
                "the log was promoted (it began in epoch {began}, the server is on timeline {timeline}) and has no \
                 synchronous standby: attach one and name it in synchronous_standby_names, or open it with single durability"
            )));
        }
    }
    Ok(())
}
