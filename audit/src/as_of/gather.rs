//! Collects the events that rows are folded from.

use std::collections::BTreeMap;

use event_store::{EventLog, RecordedEvent, StreamId, log::Naming};
use serde_json::Value;
use uuid::Uuid;

use super::{MAX_ROWS, Moment, stream};
use crate::error::Error;

/// Events read at a time.
pub(super) const PAGE: usize = 2_000;
/// Most events of one answer, but for a seat map, which keeps none of them.
const MAX_EVENTS: usize = 20_000;

/// Which events of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// Every one.
    All,
    /// Those that name something.
    Naming(&'a str),
}

/// Events, each once, in the order of the log.
pub(super) struct Events<'l> {
    log: &'l dyn EventLog,
    moment: Moment,
    found: BTreeMap<u64, RecordedEvent>,
    cut: bool,
}

impl<'l> Events<'l> {
    pub(super) fn new(log: &'l dyn EventLog, moment: Moment) -> Self {
        Self {
            log,
            moment,
            found: BTreeMap::new(),
            cut: false,
        }
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = &RecordedEvent> {
        self.found.values()
    }

    /// Whether something was left out.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The events of a stream that had happened.
    pub(super) async fn add(&mut self, stream: &StreamId, part: Part<'_>) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let page = match part {
                Part::All => self.log.read_stream(stream, after, PAGE).await?,
                Part::Naming(text) => {
                    let naming = Naming {
                        text,
                        or_types: &[],
                    };
                    let page = self.log.read_stream_naming(stream, after, &naming, PAGE);
                    page.await?
                }
            };
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.sequence;
            for event in page {
                if !self.moment.shows(&event) {
                    return Ok(());
                }
                if self.found.len() >= MAX_EVENTS {
                    self.cut = true;
                    return Ok(());
                }
                self.found.insert(event.position.0, event);
            }
        }
    }

    /// What a show's row is made of: how it was announced, and whether it was called off.
    pub(super) async fn show(&mut self, id: Uuid) -> Result<(), Error> {
        let stream = stream("show", id);
        let first = self.log.read_stream(&stream, 0, 1).await?;
        let moment = self.moment;
        let shown = first.into_iter().filter(|event| moment.shows(event));
        self.found
            .extend(shown.map(|event| (event.position.0, event)));
        self.add(&stream, Part::Naming("\"ShowCancelled\"")).await
    }

    pub(super) async fn reservation(&mut self, id: Uuid) -> Result<(), Error> {
        let key = id.to_string();
        let Some(show) = self.log.claim("reservation", &key).await? else {
            return Ok(());
        };
        self.add(&show, Part::Naming(&key)).await?;
        let payment = |event: &RecordedEvent| {
            let payload: Value = serde_json::from_str(&event.payload).ok()?;
            let fields = payload.as_object()?.values().next()?;
            Uuid::try_parse(fields.get("payment_id")?.as_str()?).ok()
        };
        let payments: Vec<_> = self.found.values().filter_map(payment).collect();
        for payment in payments {
            let payment = stream("payment", payment);
            self.add(&payment, Part::All).await?;
        }
        Ok(())
    }

    pub(super) async fn saga(&mut self, payment: Uuid) -> Result<(), Error> {
        self.add(&stream("payment", payment), Part::All).await?;
        let request = self.found.values().next();
        let show = request.and_then(|event| {
            let payload: Value = serde_json::from_str(&event.payload).ok()?;
            let show = payload.get("PaymentRequested")?.get("show_id")?;
            Uuid::try_parse(show.as_str()?).ok()
        });
        if let Some(show) = show {
            let part = payment.to_string();
            self.add(&stream("show", show), Part::Naming(&part)).await?;
        }
        Ok(())
    }

    /// Every concert and show there was.
    pub(super) async fn catalogue(&mut self) -> Result<(), Error> {
        for kind in ["concert", "show"] {
            let mut after = StreamId::new(kind, "");
            let mut streams = 0;
            'kind: loop {
                let heads = self.log.list_stream_heads(Some(&after), PAGE).await?;
                let Some((last, _)) = heads.last() else { break };
                after = last.clone();
                for (stream, _) in heads {
                    if &*stream.aggregate_type != kind {
                        break 'kind;
                    }
                    if streams == MAX_ROWS {
                        self.cut = true;
                        break 'kind;
                    }
                    streams += 1;
                    match Uuid::try_parse(&stream.aggregate_id) {
                        Ok(id) if kind == "show" => self.show(id).await?,
                        _ => self.add(&stream, Part::All).await?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Goes through the events of a stream that had happened, `page_size` at a time; keeps none. The next page is read while this one is gone through.
pub(super) async fn each(
    log: &dyn EventLog,
    stream: &StreamId,
    moment: Moment,
    page_size: usize,
    mut apply: impl FnMut(&RecordedEvent) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let mut page = log.read_stream(stream, 0, page_size).await?;
    while let Some(last) = page.last() {
        let more = moment.shows(last) && page.len() == page_size;
        let after = last.sequence;
        let next = async {
            if more {
                log.read_stream(stream, after, page_size).await
            } else {
                Ok(Vec::new())
            }
        };
        let entered = async {
            let shown = page.iter().take_while(|event| moment.shows(event));
            shown.into_iter().try_for_each(&mut apply)
        };
        let (following, entered) = tokio::join!(next, entered);
        entered?;
        page = following?;
    }
    Ok(())
}
