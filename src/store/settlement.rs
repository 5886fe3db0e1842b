//! How an attempt ended. Each end holds what belongs to it and nothing else: an acknowledgement without a receipt, or a
//! document to be tried later at no time, cannot be written down.

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::{DeliveryState, Receipt};

/// The outcome of an attempt that broke off with the process, or with the task that made it.
pub const INTERRUPTED: &str = "interrupted";

/// How an attempt ended, recorded together with the delivery's new state.
#[derive(Clone)]
pub struct Settlement {
    /// What becomes of the delivery.
    pub end: End,
    /// Where it failed.
    pub stage: Option<&'static str>,
    /// HTTP status received.
    pub http_status: Option<u16>,
    /// The portal's code.
    pub code: Option<String>,
    /// In words, without names of persons.
    pub note: Option<String>,
    /// The raw answer.
    pub raw: Bytes,
}

/// What an attempt's end makes of its delivery: one of the states that `sending` may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The portal took it.
    Acknowledged(Receipt),
    /// The portal refused it.
    Rejected {
        /// Why, for a person.
        reason: String,
    },
    /// It is tried again.
    TryLater {
        /// When, at the earliest.
        at: Timestamp,
        /// Why, for a person.
        reason: String,
        /// What counts against its patience.
        counts: Counts,
    },
    /// The portal may have it; a person must look.
    Unknown {
        /// Why, for a person.
        reason: String,
        /// What counts against its patience.
        counts: Counts,
    },
    /// Tried as often as allowed.
    Failed {
        /// Why, for a person.
        reason: String,
    },
}

/// What of an attempt is counted, because a delivery is not tried for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Only time counts: the portal cannot have acted on it.
    Nothing,
    /// Its answer was lost after the request was written whole.
    AnswerLost,
    /// The portal answered it with a system error of its own.
    SystemError,
    /// The task that made it broke off: the document may be what did it.
    Interrupted,
}

// === impl End ===

impl End {
    /// The state it leads to.
    pub fn state(&self) -> DeliveryState {
        match self {
            Self::Acknowledged(_) => DeliveryState::Acknowledged,
            Self::Rejected { .. } => DeliveryState::Rejected,
            Self::TryLater { .. } => DeliveryState::Queued,
            Self::Unknown { .. } => DeliveryState::Unknown,
            Self::Failed { .. } => DeliveryState::Failed,
        }
    }

    /// The same end of an attempt that broke off.
    #[must_use]
    pub fn interrupted(self) -> Self {
        let counts = Counts::Interrupted;
        match self {
            Self::TryLater { at, reason, .. } => Self::TryLater { at, reason, counts },
            Self::Unknown { reason, .. } => Self::Unknown { reason, counts },
            end => end,
        }
    }

    /// The attempt's outcome word (see [`AttemptView::outcome`](super::AttemptView::outcome)).
    pub fn outcome(&self) -> &'static str {
        match self {
            _ if self.counts() == Counts::Interrupted => INTERRUPTED,
            Self::Acknowledged(_) => "acknowledged",
            Self::Rejected { .. } => "rejected",
            Self::TryLater { .. } => "try-later",
            Self::Unknown { .. } => "unknown",
            Self::Failed { .. } => "failed",
        }
    }

    /// Why, where a state needs a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Acknowledged(_) => None,
            Self::Rejected { reason }
            | Self::TryLater { reason, .. }
            | Self::Unknown { reason, .. }
            | Self::Failed { reason } => Some(reason),
        }
    }

    /// The portal's receipt.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Acknowledged(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// When it is tried again.
    pub fn next_at(&self) -> Option<Timestamp> {
        match self {
            Self::TryLater { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// What of it is counted.
    pub fn counts(&self) -> Counts {
        match self {
            Self::TryLater { counts, .. } | Self::Unknown { counts, .. } => *counts,
            Self::Acknowledged(_) | Self::Rejected { .. } | Self::Failed { .. } => Counts::Nothing,
        }
    }

    /// Whether the portal may have the document though no answer says so.
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Self::Unknown { .. }) || matches!(self.counts(), Counts::AnswerLost | Counts::Interrupted)
    }
}
