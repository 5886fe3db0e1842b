//! The states of a delivery and the only moves between them.

/// One document on its way to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryState {
    /// Waiting for a person or a setting (unsigned, sending not switched on, held by hand). Moved out by release or
    /// cancel. A crash leaves it as it is.
    Held,
    /// Waiting for its turn or for its next try. Moved in by intake, release, replay or a failed try that may be
    /// repeated; moved out by a lease, a cancel, or a newer version of the same record. A crash leaves it as it is.
    Queued,
    /// Leased: an attempt is on its way. Moved out when the answer is judged. After a crash it is what recovery finds:
    /// the answer is lost, and the service decides between queued and unknown.
    Sending,
    /// The portal's receipt is in hand. The end, unless a later judgement is learnt.
    Acknowledged,
    /// The portal judged the content right.
    Accepted,
    /// The portal refused the document. Moved out by replay.
    Rejected,
    /// Sent, the answer was lost, and sending again could double it. Moved out only by a person (replay or cancel).
    Unknown,
    /// Parked for a person: tried as often as allowed. Moved out by replay or cancel.
    Failed,
    /// Withdrawn before anything was taken by the portal.
    Cancelled,
    /// Never to be sent, because a newer version of the same record took its place.
    Superseded,
}

use DeliveryState::{Accepted, Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Superseded, Unknown};

/// How a delivery came to an end, as far as keeping its document is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The portal has it.
    Finished,
    /// It went wrong, and a person has not decided what comes of it.
    Unsettled,
    /// It is not to go out any more.
    Withdrawn,
}

/// Every move that can happen, and what makes it happen. The store refuses any other.
pub const TRANSITIONS: &[(DeliveryState, DeliveryState, &str)] = &[
    (Held, Queued, "released, or replayed by a person"),
    (Held, Cancelled, "cancelled by a person"),
    (Held, Superseded, "a newer version of the same record was accepted"),
    (Queued, Sending, "leased for an attempt"),
    (Queued, Held, "held by a person, sending was switched off, or restored from a backup"),
    (Queued, Unknown, "restored from a backup: it may have been sent since, and the portal does not replace by key"),
    (Held, Unknown, "restored from a backup: it may have been let go and sent since"),
    (Queued, Cancelled, "cancelled by a person"),
    (Queued, Superseded, "a newer version of the same record was accepted"),
    (Sending, Acknowledged, "the portal answered with a receipt"),
    (Sending, Rejected, "the portal refused the document"),
    (Sending, Queued, "the attempt failed and may be repeated"),
    (Sending, Unknown, "the answer was lost and the portal does not replace by key"),
    (Sending, Failed, "tried as often as allowed"),
    (Sending, Held, "restored from a backup: newer content may be at the portal by now"),
    (Queued, Acknowledged, "its receipt came after the answer had been given up for lost"),
    (Acknowledged, Accepted, "the portal judged the content right"),
    (Acknowledged, Rejected, "the portal judged the content wrong"),
    (Rejected, Queued, "replayed by a person"),
    (Rejected, Cancelled, "cancelled by a person"),
    (Unknown, Queued, "replayed by a person, who checked that the portal does not have it"),
    (Unknown, Acknowledged, "a person found it at the portal"),
    (Unknown, Cancelled, "cancelled by a person"),
    (Unknown, Superseded, "a newer version was accepted, and the portal replaces by key"),
    (Failed, Queued, "replayed by a person"),
    (Failed, Cancelled, "cancelled by a person"),
    (Failed, Superseded, "a newer version of the same record was accepted"),
];

/// Attempts of one delivery that may break off with the whole process, or with the task that made them, since it was last
/// replayed. At the third the delivery is parked: one such end is a power cut or a kill, two may be chance, and a document
/// that is under way at the third is what the gateway dies of.
pub const INTERRUPTED_MAX: u32 = 3;

/// The reason of a delivery that was parked at its [`INTERRUPTED_MAX`]th interrupted attempt.
pub const CRASHED_THE_SENDER: &str = "crashed_the_sender";

impl DeliveryState {
    /// All states, the one that most needs a person first: a document shows the first of its deliveries' states.
    pub const BY_URGENCY: [Self; 10] =
        [Unknown, Failed, Rejected, Held, Sending, Queued, Acknowledged, Accepted, Cancelled, Superseded];

    /// The word used on the wire, in the store and as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Held => "held",
            Queued => "queued",
            Sending => "sending",
            Acknowledged => "acknowledged",
            Accepted => "accepted",
            Rejected => "rejected",
            Unknown => "unknown",
            Failed => "failed",
            Cancelled => "cancelled",
            Superseded => "superseded",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::BY_URGENCY.into_iter().find(|state| state.name() == name)
    }

    /// Whether the table has a move from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        TRANSITIONS.iter().any(|(from, to, _)| (*from, *to) == (self, next))
    }

    /// How it ended; `None` while it has not: then its document must be kept, however old it is.
    pub fn end(self) -> Option<End> {
        match self {
            Held | Queued | Sending => None,
            Acknowledged | Accepted => Some(End::Finished),
            Rejected | Unknown | Failed => Some(End::Unsettled),
            Cancelled | Superseded => Some(End::Withdrawn),
        }
    }

    /// Whether the gateway itself will do something more about it.
    pub fn is_waiting(self) -> bool {
        matches!(self, Queued | Sending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for state in DeliveryState::BY_URGENCY {
            assert_eq!(DeliveryState::parse(state.name()), Some(state));
        }
        assert_eq!(DeliveryState::parse("lost"), None);
    }

    #[test]
    fn an_end_has_no_way_out() {
        for end in [Accepted, Cancelled, Superseded] {
            assert!(TRANSITIONS.iter().all(|(from, ..)| *from != end), "{end:?}");
        }
    }

    #[test]
    fn nothing_becomes_unsent_once_a_receipt_is_in_hand() {
        for next in DeliveryState::BY_URGENCY {
            let honest = matches!(next, Accepted | Rejected);
            assert_eq!(Acknowledged.may_become(next), honest, "{next:?}");
        }
    }
}
