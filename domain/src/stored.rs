//! Events as the log stores them, brought back to types: for those who read the whole log, whatever the stream.

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error as NoValue},
    forward_to_deserialize_any,
};

use crate::{
    aggregate::Aggregate, concert, customer, drop, operation, payment, point_account, show, venue,
    waiting_room,
};

/// An event of any aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum DomainEvent {
    /// Of a venue.
    Venue(venue::Event),
    /// Of a concert.
    Concert(concert::Event),
    /// Of a show.
    Show(show::Event),
    /// Of a payment.
    Payment(payment::Event),
    /// Of a point account.
    PointAccount(point_account::Event),
    /// Of a customer.
    Customer(customer::Event),
    /// Of an operation.
    Operation(operation::Event),
    /// Of a waiting room.
    WaitingRoom(waiting_room::Event),
    /// Of a drop.
    Drop(drop::Event),
}

/// Why a stored event is not understood. All but `Malformed` mean that it was written by a newer release.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No aggregate of this type.
    #[error("unknown aggregate type {aggregate_type:?}")]
    UnknownAggregateType {
        /// As stored.
        aggregate_type: String,
    },
    /// The aggregate has no such event.
    #[error("unknown event type {event_type:?} of aggregate type {aggregate_type:?}")]
    UnknownEventType {
        /// As stored.
        aggregate_type: String,
        /// As stored.
        event_type: String,
    },
    /// The event is known, this version of it is not.
    #[error("unknown version {event_version:?} of {event_type}")]
    UnknownEventVersion {
        /// As stored.
        event_type: String,
        /// As stored, or as the upcasters left it.
        event_version: String,
    },
    /// The payload is not what its type and version say.
    #[error("malformed payload of {event_type}")]
    Malformed {
        /// As stored.
        event_type: String,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
}

/// Version of every event as this release writes it; its first upcaster will bring the first exception.
pub(crate) const CURRENT_VERSION: &str = "1";

impl DomainEvent {
    /// Reads the columns `aggregate_type`, `event_type`, `event_version` and `payload` of one row of the log, through
    /// the aggregate's upcasters. Unknown fields of the payload are ignored.
    ///
    /// # Errors
    /// [`DecodeError`], one variant for each thing that can be unknown.
    pub fn decode(
        aggregate_type: &str,
        event_type: &str,
        event_version: &str,
        payload: &str,
    ) -> Result<Self, DecodeError> {
        let stored = Stored {
            aggregate_type,
            event_type,
            event_version,
            payload,
        };
        match aggregate_type {
            venue::Venue::TYPE => stored.read(&venue::upcast::upcasters()).map(Self::Venue),
            concert::Concert::TYPE => stored
                .read(&concert::upcast::upcasters())
                .map(Self::Concert),
            show::Show::TYPE => stored.read(&show::upcast::upcasters()).map(Self::Show),
            payment::Payment::TYPE => stored
                .read(&payment::upcast::upcasters())
                .map(Self::Payment),
            point_account::PointAccount::TYPE => stored
                .read(&point_account::upcast::upcasters())
                .map(Self::PointAccount),
            customer::Customer::TYPE => stored
                .read(&customer::upcast::upcasters())
                .map(Self::Customer),
            operation::Operation::TYPE => stored
                .read(&operation::upcast::upcasters())
                .map(Self::Operation),
            waiting_room::WaitingRoom::TYPE => stored
                .read(&waiting_room::upcast::upcasters())
                .map(Self::WaitingRoom),
            drop::FairDrop::TYPE => stored.read(&drop::upcast::upcasters()).map(Self::Drop),
            unknown => Err(DecodeError::UnknownAggregateType {
                aggregate_type: unknown.to_owned(),
            }),
        }
    }
}

/// The columns of one row.
struct Stored<'a> {
    aggregate_type: &'a str,
    event_type: &'a str,
    event_version: &'a str,
    payload: &'a str,
}

impl Stored<'_> {
    fn read<E: cqrs_es::DomainEvent>(
        &self,
        upcasters: &[Box<dyn EventUpcaster>],
    ) -> Result<E, DecodeError> {
        if !event_types::<E>().contains(&self.event_type) {
            return Err(DecodeError::UnknownEventType {
                aggregate_type: self.aggregate_type.to_owned(),
                event_type: self.event_type.to_owned(),
            });
        }
        let event: E = self.parse(upcasters)?;
        // The column is what readers select by: a payload that says something else would be lost to them.
        if event.event_type() != self.event_type {
            let payload = format!("the payload is of a {}", event.event_type());
            return Err(self.malformed(serde_json::Error::custom(payload)));
        }
        Ok(event)
    }

    fn parse<E: DeserializeOwned>(
        &self,
        upcasters: &[Box<dyn EventUpcaster>],
    ) -> Result<E, DecodeError> {
        // Nearly every event is current: those are read without a detour through `Value`.
        if !upcasters
            .iter()
            .any(|up| up.can_upcast(self.event_type, self.event_version))
        {
            self.check_version(self.event_version)?;
            return serde_json::from_str(self.payload).map_err(|source| self.malformed(source));
        }
        let raw = SerializedEvent::new(
            String::new(),
            0,
            self.aggregate_type.to_owned(),
            self.event_type.to_owned(),
            self.event_version.to_owned(),
            serde_json::from_str(self.payload).map_err(|source| self.malformed(source))?,
            serde_json::Value::Null,
        );
        let current = upcasters.iter().fold(raw, |event, up| {
            if up.can_upcast(&event.event_type, &event.event_version) {
                up.upcast(event)
            } else {
                event
            }
        });
        self.check_version(&current.event_version)?;
        serde_json::from_value(current.payload).map_err(|source| self.malformed(source))
    }

    fn malformed(&self, source: serde_json::Error) -> DecodeError {
        DecodeError::Malformed {
            event_type: self.event_type.to_owned(),
            source,
        }
    }

    /// The upcasters of cqrs-es write `1.0.0` for what events call `1`.
    fn check_version(&self, version: &str) -> Result<(), DecodeError> {
        if version.strip_suffix(".0.0").unwrap_or(version) == CURRENT_VERSION {
            return Ok(());
        }
        Err(DecodeError::UnknownEventVersion {
            event_type: self.event_type.to_owned(),
            event_version: version.to_owned(),
        })
    }
}

/// The names of the variants of `E`, an externally tagged enum: asked of its own deserialiser, so that no list can fall
/// behind the type.
pub fn event_types<E: DeserializeOwned>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = NoValue;

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _name: &'static str,
            variants: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, NoValue> {
            *self.0 = variants;
            Err(NoValue::custom("only the names are wanted"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
            Err(NoValue::custom("not an enum"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map struct identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    // The answer comes through `names`; the result is an error by construction.
    let _ = E::deserialize(Ask(&mut names)).err();
    names
}

#[cfg(test)]
mod tests {
    use cqrs_es::persist::SemanticVersionEventUpcaster;
    use serde_json::json;

    use super::*;
    use crate::testing::id;

    #[test]
    fn an_older_version_goes_through_the_upcasters() {
        let upcaster = SemanticVersionEventUpcaster::new(
            "CustomerErased",
            "1",
            Box::new(|mut payload| {
                payload["CustomerErased"]["customer_id"] = json!(id::<crate::ids::CustomerId>(5));
                payload
            }),
        );
        let stored = Stored {
            aggregate_type: "customer",
            event_type: "CustomerErased",
            event_version: "0",
            payload: r#"{"CustomerErased":{}}"#,
        };
        let event: customer::Event = stored.read(&[Box::new(upcaster)]).unwrap();
        assert_eq!(
            event,
            customer::Event::CustomerErased {
                customer_id: id(5),
                resume_at: None
            }
        );
        let unaided = stored.read::<customer::Event>(&[]);
        assert!(
            matches!(unaided, Err(DecodeError::UnknownEventVersion { .. })),
            "{unaided:?}"
        );
    }
}
