//! The log as it goes by: read a page ahead, decoded, entered into the books.

use std::sync::Arc;

use event_store::{EventLog, Position, RecordedEvent, log};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    Books, Deps, Error, Options, PAGE, Phase, Progress,
    commands::Commands,
    facts::{self, Read},
    noted,
    report::{At, Check, Findings},
    resume::ResumeFile,
};

/// The log as it is read, from its beginning or from where an earlier check came to.
pub(super) struct Reading {
    log: Arc<dyn EventLog>,
    pub(super) books: Books,
    commands: Commands,
    pub(super) findings: Findings,
    file: Option<ResumeFile>,
    /// The last event that was entered.
    last: Option<(u64, Uuid)>,
    pub(super) resumed_from: Option<u64>,
}

impl Reading {
    pub(super) async fn begin(deps: &Deps, options: &Options) -> Result<Self, Error> {
        let log = deps.log.clone();
        let file = options.resume.as_deref().map(ResumeFile::new);
        let resumed = match &file {
            Some(file) => file.load(&*log).await?,
            None => None,
        };
        let mut reading = match resumed {
            Some(resumed) => Self {
                commands: Commands::resume(log.clone(), resumed.seen),
                log,
                books: resumed.books,
                findings: resumed.findings,
                file,
                last: None,
                resumed_from: Some(resumed.position),
            },
            None => Self {
                commands: Commands::new(log.clone()).await?,
                log,
                books: Books::default(),
                findings: Findings::default(),
                file,
                last: None,
                resumed_from: None,
            },
        };
        reading.findings.set_from(options.from.unwrap_or_default());
        Ok(reading)
    }

    /// Reads the events up to `head` into the books.
    pub(super) async fn to(
        &mut self,
        head: Position,
        progress: &(impl Fn(Progress) + Send + Sync),
    ) -> Result<(), Error> {
        let log = self.log.clone();
        let start = Position(self.books.streams.position());
        if start > head {
            let text = format!("the check came to position {start} already, beyond {head}");
            return Err(Error::Resume(text));
        }
        let mut page = next_page(&*log, start, head).await?;
        while !page.events.is_empty() || page.unreadable.is_some() {
            // The next page is read while this one is entered.
            let (after, reader) = (page.end(), log.clone());
            let mut following = JoinSet::new();
            following.spawn(async move { next_page(&*reader, after, head).await });
            self.enter(&page)?;
            progress(Progress {
                phase: Phase::Log,
                done: self.books.streams.position(),
                total: head.0,
            });
            page = match following.join_next().await {
                Some(Ok(following)) => following?,
                ended => {
                    let text = format!("the reader of the log ended: {ended:?}");
                    return Err(log::Error::Unavailable(text).into());
                }
            };
        }
        self.end(head).await
    }

    fn enter(&mut self, page: &Page) -> Result<(), Error> {
        self.commands.apply(&page.events, &mut self.findings);
        for (event, read) in page.events.iter().zip(decode(&page.events)) {
            self.books.apply(event, read, &mut self.findings);
        }
        if let Some((position, detail)) = &page.unreadable {
            self.findings
                .add(Check::Events, At::Position(*position), detail);
            self.books.streams.skip(*position);
        }
        let last = page.events.last();
        self.last = last
            .map(|event| (event.position.0, event.event_id))
            .or(self.last);
        if let Some((file, last)) = self.file.as_mut().zip(self.last)
            && page.unreadable.is_none()
        {
            file.save_sometimes(last, &self.books, self.commands.seen(), &self.findings)?;
        }
        Ok(())
    }

    /// What can be said once everything was read.
    async fn end(&mut self, head: Position) -> Result<(), Error> {
        if let Some((file, last)) = self.file.as_mut().zip(self.last)
            && self.books.streams.position() == last.0
        {
            file.save(last, &self.books, self.commands.seen(), &self.findings)?;
        }
        let finished = self.commands.finish(head.0, &mut self.findings).await;
        noted(finished, Check::Commands, &mut self.findings)?;
        if self.books.streams.position() != head.0 {
            let detail = format!(
                "the log's head says {head}, its last event stands at {}",
                self.books.streams.position()
            );
            self.findings.add(Check::Positions, At::Log, detail);
        }
        Ok(())
    }
}

/// What each event says, and what keeps it from being read through its upcasters, as everything else in the program reads it.
type Decoded<'a> = Result<(Read<'a>, Option<String>), String>;

fn decode(events: &[RecordedEvent]) -> Vec<Decoded<'_>> {
    let both = |event| Ok((facts::read(event)?, fault(event)));
    let (first, second) = events.split_at(events.len() / 2);
    // Half of it beside this thread: this costs more than all the checks.
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| second.iter().map(both).collect::<Vec<_>>());
        let mut decoded = Vec::with_capacity(events.len());
        decoded.extend(first.iter().map(both));
        decoded.extend(beside.join().unwrap_or_default());
        decoded
    })
}

fn fault(event: &RecordedEvent) -> Option<String> {
    let error = projections::Event::decode(event).err()?;
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    Some(text)
}

/// Some events, and perhaps one behind them that the log itself can't read.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) events: Vec<RecordedEvent>,
    unreadable: Option<(u64, String)>,
}

impl Page {
    pub(super) fn end(&self) -> Position {
        let last = self.events.last().map(|event| event.position.0);
        let unreadable = self.unreadable.as_ref().map(|(position, _)| *position);
        Position(unreadable.or(last).unwrap_or_default())
    }
}

/// The events behind `after`, up to `head`. Where a page can't be read, smaller ones are tried until the event is found that spoils it.
pub(super) async fn next_page(
    log: &dyn EventLog,
    after: Position,
    head: Position,
) -> Result<Page, Error> {
    if after >= head {
        return Ok(Page::default());
    }
    let mut limit = PAGE;
    loop {
        match log.read_all(after, limit).await {
            Ok(mut events) => {
                events.retain(|event| event.position <= head);
                return Ok(Page {
                    events,
                    unreadable: None,
                });
            }
            Err(log::Error::Corrupt(detail)) if limit == 1 => {
                let unreadable = Some((after.0 + 1, detail));
                return Ok(Page {
                    events: Vec::new(),
                    unreadable,
                });
            }
            Err(log::Error::Corrupt(_)) => limit = limit.div_ceil(16).min(limit - 1),
            Err(error) => return Err(error.into()),
        }
    }
}
