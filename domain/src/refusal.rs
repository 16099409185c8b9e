//! What a refused command was about, as the record of refusals names it. A refusal is no event: it changed nothing.

use std::fmt;

use crate::ids::{DropId, PaymentId, ReservationId, ShowId};

/// Something that a command was refused about. Its text is a key: permanent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A seat that the show's plan has.
    Seat {
        /// The show.
        show_id: ShowId,
        /// The plan's id of the seat, at most 64 bytes.
        seat_guid: String,
    },
    /// A reservation that there is.
    Reservation(ReservationId),
    /// A payment that there is.
    Payment(PaymentId),
    /// A drop that there is.
    Drop(DropId),
    /// A show, where the command got no further or named no seats.
    Show(ShowId),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seat { show_id, seat_guid } => write!(f, "seat/{show_id}/{seat_guid}"),
            Self::Reservation(id) => write!(f, "reservation/{id}"),
            Self::Payment(id) => write!(f, "payment/{id}"),
            Self::Drop(id) => write!(f, "drop/{id}"),
            Self::Show(id) => write!(f, "show/{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_has_a_key_of_its_own() {
        let id = Uuid::from_u128(7);
        let seat = About::Seat {
            show_id: ShowId(id),
            seat_guid: "A/1".to_owned(),
        };
        assert_eq!(seat.to_string(), format!("seat/{id}/A/1"));
        assert_eq!(
            About::Reservation(ReservationId(id)).to_string(),
            format!("reservation/{id}")
        );
        assert_eq!(
            About::Payment(PaymentId(id)).to_string(),
            format!("payment/{id}")
        );
        assert_eq!(About::Drop(DropId(id)).to_string(), format!("drop/{id}"));
        assert_eq!(About::Show(ShowId(id)).to_string(), format!("show/{id}"));
    }
}
