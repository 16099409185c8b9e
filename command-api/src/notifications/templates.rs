//! The texts of e-mails: files under `templates/`, by kind and language, in the syntax of Jinja.

use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Kind;

/// A language that there are texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Language {
    fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }
}

/// The show that a text is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShowText {
    /// Title of the concert.
    pub title: String,
    /// Who plays.
    pub artist: String,
    /// When it begins, as text.
    pub starts_at: String,
}

/// What a text is made of.
#[derive(Debug, Serialize)]
pub struct Context<'a> {
    /// The customer's name.
    pub name: &'a str,
    /// The show, where it is known.
    pub show: Option<&'a ShowText>,
    /// The notification's details.
    pub data: &'a Value,
}

/// A text that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// The files of one kind, by name.
macro_rules! files {
    ($kind:literal) => {
        files!($kind, "en.subject", "en.txt", "ko.subject", "ko.txt")
    };
    ($kind:literal, $($part:literal),+) => {
        [$((concat!($kind, ".", $part), include_str!(concat!("../../templates/", $kind, ".", $part)))),+]
    };
}

/// Every file.
const FILES: [[(&str, &str); 4]; 9] = [
    files!("reservation.confirmed"),
    files!("reservation.expired"),
    files!("reservation.cancelled"),
    files!("payment.completed"),
    files!("payment.failed"),
    files!("payment.refunded"),
    files!("show.cancelled"),
    files!("waiting_room.admitted"),
    files!("drop.result"),
];

/// All texts.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        for (name, text) in FILES.into_iter().flatten() {
            let added = environment.add_template(name, text);
            added.expect("the compiled-in texts can be read: a test says so");
        }
        Self(environment)
    }
}

impl Templates {
    /// The text of a kind in a language.
    ///
    /// # Errors
    /// What is wrong with the text's file or with `context`.
    pub fn render(
        &self,
        kind: Kind,
        language: Language,
        context: &Context<'_>,
    ) -> Result<Text, minijinja::Error> {
        let part = |part: &str| {
            let name = format!("{}.{}.{part}", kind.name(), language.code());
            let context = minijinja::Value::from(minijinja::value::Serde(context));
            self.0.get_template(&name)?.render(context)
        };
        let subject = part("subject")?;
        Ok(Text {
            // One line, whatever a title holds.
            subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
            body: part("txt")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::notifications::KINDS;

    fn show() -> ShowText {
        ShowText {
            title: "Nacht & <Tag>".to_owned(),
            artist: "The Band".to_owned(),
            starts_at: "2026-06-01 19:00 UTC".to_owned(),
        }
    }

    fn data() -> Value {
        json!({"show_id": "S", "reservation_id": "R", "payment_id": "P", "amount": 1_234, "seats": ["A-1", "A-2"],
            "standing": null, "code": "hold_expired", "refunded": true, "result": "won", "drop_id": "D", "entry_id": "E", "pass_expires_at": "2026-06-01T12:10:00Z"})
    }

    #[test]
    fn every_kind_has_a_text_in_every_language() {
        let (templates, data, show) = (Templates::default(), data(), show());
        for kind in KINDS {
            for language in [Language::En, Language::Ko] {
                for show in [Some(&show), None] {
                    let context = Context {
                        name: "Anna",
                        show,
                        data: &data,
                    };
                    let text = templates.render(kind, language, &context).unwrap();
                    assert!(text.body.contains("Anna"), "{text:?}");
                    assert!(!text.subject.contains('\n'), "{text:?}");
                    let korean = text.body.chars().any(|c| ('가'..='힣').contains(&c));
                    assert_eq!(korean, language == Language::Ko, "{text:?}");
                    let named = text.subject.contains("Nacht & <Tag>");
                    let names_it = show.is_some() && kind != Kind::DropResult;
                    assert_eq!(named, names_it, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_ticket_says_what_was_bought() {
        let (templates, data, show) = (Templates::default(), data(), show());
        let context = Context {
            name: "Anna",
            show: Some(&show),
            data: &data,
        };
        let text = templates.render(Kind::ReservationConfirmed, Language::En, &context);
        let Text { subject, body } = text.unwrap();
        assert_eq!(subject, "Your tickets for Nacht & <Tag>");
        assert_eq!(
            body,
            "Dear Anna,\n\nyour reservation is confirmed: Nacht & <Tag> (The Band), 2026-06-01 19:00 UTC.\n\n\
             Seats: A-1, A-2\nPrice: 1234 points\nReservation: R\n\nFrontrow"
        );
    }
}
