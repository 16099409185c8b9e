//! What the server says beside its answer.
//!
//! A commit whose wait for the standby is cut short (an administrator cancels it, the server shuts down) is answered as a success, with
//! a warning. sqlx hands warnings to `tracing` and to nobody else: a subscriber of its own, in force for one call alone, hears them.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber,
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

/// Where sqlx sends what the server says.
const TARGET: &str = "sqlx::postgres::notice";

/// Hears the warnings of one connection's calls.
#[derive(Debug, Clone)]
pub(crate) struct Notices {
    dispatch: Dispatch,
    heard: Arc<Mutex<Option<String>>>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        let heard = Arc::default();
        let ear = Ear(Arc::clone(&heard));
        Self {
            dispatch: Dispatch::new(ear),
            heard,
        }
    }

    /// Runs a call; beside its result the last warning that the server gave, if any. One call at a time.
    pub(crate) async fn listen<T>(&self, call: impl Future<Output = T>) -> (T, Option<String>) {
        self.take();
        let result = call.with_subscriber(self.dispatch.clone()).await;
        let heard = self.take();
        if let Some(warning) = &heard {
            tracing::warn!(%warning, "the log's server warns");
        }
        (result, heard)
    }

    fn take(&self) -> Option<String> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.take()
    }
}

/// A subscriber that keeps the message of the server's last warning.
struct Ear(Arc<Mutex<Option<String>>>);

impl Ear {
    fn wants(metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && *metadata.level() <= Level::WARN
    }
}

impl Subscriber for Ear {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        if Self::wants(event.metadata()) {
            let mut words = Words(String::new());
            event.record(&mut words);
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *heard = Some(words.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// An event's message.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").expect("a String takes what is written");
        }
    }
}
