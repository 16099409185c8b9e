//! What the scripts answer: a word that says what came of it, then fields.

use chrono::{DateTime, Utc};
use domain::waiting_room::Entrant;
use uuid::Uuid;

use crate::waiting_room::{Depth, Error, Notice, Standing, State};

/// A script's answer.
#[derive(Debug)]
pub(super) struct Reply(pub(super) Vec<String>);

/// An entry as it is kept.
struct Kept {
    entrant: Entrant,
    early: bool,
    state: char,
    expires_at: DateTime<Utc>,
}

impl Reply {
    /// The answer, unless it is a refusal.
    pub(super) fn or_refused(self) -> Result<Self, Error> {
        match self.0.first().map(String::as_str) {
            Some("not_open") => Err(Error::NotOpen),
            Some("too_late") => Err(Error::TooLate),
            Some("no_numbers") => Err(Error::NoNumbers {
                last: self.number(1)?,
            }),
            Some(_) => Ok(self),
            None => Err(broken("an empty answer")),
        }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.0.first().is_some_and(|first| first == word)
    }

    fn field(&self, index: usize) -> Result<&str, Error> {
        let field = self.0.get(index).map(String::as_str);
        field.ok_or_else(|| broken(&format!("{:?} is too short", self.0)))
    }

    pub(super) fn number(&self, index: usize) -> Result<u64, Error> {
        let field = self.field(index)?;
        field.parse().map_err(|_| broken(field))
    }

    fn flag(&self, index: usize) -> Result<bool, Error> {
        Ok(self.field(index)? == "1")
    }

    /// How many it was done to.
    pub(super) fn done(&self) -> Result<u64, Error> {
        self.number(1)
    }

    pub(super) fn depth(&self) -> Result<Depth, Error> {
        Ok(Depth {
            waiting: self.number(1)?,
            lobby: self.number(2)?,
            active: self.number(3)?,
            lobby_open: self.flag(4)?,
            recovers: self.flag(5)?,
        })
    }

    pub(super) fn standing(&self) -> Result<Standing, Error> {
        let kept = kept(self.field(1)?, self.field(2)?)?;
        let state = match kept.state {
            'L' => State::Lobby,
            'W' => State::Waiting {
                ahead: self.number(3)?,
            },
            'A' => State::Admitted {
                expires_at: kept.expires_at,
            },
            other => return Err(broken(&format!("an entry in state {other}"))),
        };
        Ok(Standing {
            entrant: kept.entrant,
            early: kept.early,
            state,
            notice: Notice {
                rate_milli: self.number(4)?,
                paused: self.flag(5)?,
                sold_out: self.flag(6)?,
            },
            recovers: self.flag(7)?,
        })
    }

    /// Entries: customers and what is kept of them, from the field `first` on.
    pub(super) fn entrants(&self, first: usize) -> Result<Vec<Entrant>, Error> {
        let pairs = self.0.get(first..).unwrap_or_default().chunks(2);
        pairs
            .map(|pair| match pair {
                [customer, value] => Ok(kept(customer, value)?.entrant),
                _ => Err(broken("half an entry")),
            })
            .collect()
    }
}

/// What the scripts keep of an entry.
fn kept(customer: &str, value: &str) -> Result<Kept, Error> {
    let fields: Vec<_> = value.split('|').collect();
    let [entry, number, _, early, state, expires_at] = fields[..] else {
        return Err(broken(value));
    };
    let id = |text: &str| Uuid::parse_str(text).map_err(|_| broken(text));
    let expires_at: i64 = expires_at.parse().map_err(|_| broken(value))?;
    Ok(Kept {
        entrant: Entrant {
            number: number.parse().map_err(|_| broken(value))?,
            entry_id: id(entry)?.into(),
            customer_id: id(customer)?.into(),
        },
        early: early == "1",
        state: state.chars().next().unwrap_or_default(),
        expires_at: DateTime::from_timestamp_micros(expires_at).ok_or_else(|| broken(value))?,
    })
}

fn broken(what: &str) -> Error {
    Error::Refused(format!("the waiting room's Redis answers {what:?}"))
}
