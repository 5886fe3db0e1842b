//! What is asked, and what comes of it: the types that lookups take and give.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::audit::{Trail, Unavailable};
use crate::domain::Officer;
use crate::lookup::budget::Lane;
use crate::lookup::changes::Changed;
use crate::lookup::verdict::Verdict;
use crate::portal::reply::{CardAnswer, HistoryAnswer};
use crate::portal::{Answered, PortalError, Question, Service};

/// One question and how fresh its answer must be.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which lookup.
    pub service: Service,
    /// About whom, for which facility.
    pub question: Question,
    /// In whose name the portal is asked; `None` only for the co-payment, which names no officer.
    pub officer: Option<Officer>,
    /// Ask the portal even if a fresh answer is here, unless it was asked about this card just now.
    pub refresh: bool,
    /// The oldest last-known answer the caller will take; `None` leaves it to the configuration.
    pub stale_max: Option<Duration>,
    /// Who waits: a person, or a list.
    pub lane: Lane,
    /// Who asks: for the audit log, and so that no program takes the places of others.
    pub asked_by: Trail,
}

/// What a card is looked up for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Purpose {
    /// The day of the visit; today if `None`.
    pub visit: Option<Date>,
    /// The day on which the patient is expected to leave.
    pub leaves: Option<Date>,
    /// Ask for the earlier visits too, if the card can be used.
    pub with_history: bool,
}

impl Purpose {
    /// A visit on a day.
    pub fn on(visit: Date) -> Self {
        Self { visit: Some(visit), ..Self::default() }
    }
}

/// An answer and where it came from.
#[derive(Clone, Debug)]
pub struct Found {
    /// `maKetQua`.
    pub code: Box<str>,
    /// The portal's JSON, byte for byte.
    pub raw: Bytes,
    /// The HTTP status the portal gave it with.
    pub http_status: u16,
    /// When the portal gave it.
    pub answered_at: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// How long until the card may be asked about again on demand.
    pub refresh_after: Duration,
    /// What is different since the answer before, where there was one. Only of card lookups.
    pub changed: Option<Arc<Changed>>,
}

/// Where an answer came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The portal, now.
    Portal,
    /// Memory; fresh for so much longer.
    Cache {
        /// How long it stays fresh.
        fresh_for: Duration,
    },
    /// The disk, because the portal failed.
    LastKnown {
        /// Since when it is no longer fresh.
        stale_for: Duration,
        /// Why the portal did not answer.
        why: Failure,
    },
}

/// A card lookup's answer, read and judged.
#[derive(Clone, Debug)]
pub struct CardFound {
    /// The answer and where it came from.
    pub found: Found,
    /// The answer, read.
    pub answer: CardAnswer,
    /// What the desk needs to know.
    pub verdict: Verdict,
    /// The visit date the verdict is drawn for.
    pub visit: Date,
    /// The earlier visits, or why there are none; `None` where they were not asked for.
    pub history: Option<Result<(Found, HistoryAnswer), LookupError>>,
}

/// Why the portal did not answer a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The call failed.
    #[error(transparent)]
    Portal(#[from] PortalError),
    /// The portal answered, but with a fault of its own (100, 101, 500 …).
    #[error("the portal answered with a fault of its own, code {}", .0.code)]
    PortalFault(Answered),
    /// The facility's budget is spent.
    #[error("the budget of questions to the portal is spent")]
    BudgetSpent(Duration),
    /// Too many questions are under way.
    #[error("too many questions are under way")]
    TooMany,
    /// The caller's patience ended first; the question goes on.
    #[error("the portal did not answer within the caller's patience")]
    StillAsking,
}

/// Why a question got no answer at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LookupError {
    /// The portal failed and no last-known answer is here.
    #[error("no answer: {0}")]
    NoAnswer(Failure),
    /// An id that only the sandbox knows was asked about in live mode.
    #[error("this id exists in the sandbox only")]
    SandboxOnly,
    /// Someone has to sign for a lookup: officer's name and national ID are missing.
    #[error("the officer is missing")]
    OfficerMissing,
    /// The audit log could not be written, so nothing was asked or told.
    #[error("not recorded: {0}")]
    NotRecorded(#[from] Unavailable),
}
