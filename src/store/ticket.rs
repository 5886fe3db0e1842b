//! Questions left open by an outage: each waits under a ticket until the portal has answered it, or nobody needs the
//! answer any more.

use std::fmt;

use jiff::Timestamp;

use crate::domain::FacilityCode;

/// Open tickets at once; then none are opened. A day's outage at the largest hospital has some ten thousand patients,
/// and each ticket takes about a KiB on the disk.
pub const TICKETS_WAITING_MAX: u64 = 100_000;

/// A question to be asked again.
#[derive(Clone)]
pub struct NewTicket {
    /// Keyed hash of the question, for what it was asked, and what was told: one open ticket for each.
    pub key: [u8; 32],
    /// Who asked (`Client::id`).
    pub client: String,
    /// For which facility.
    pub facility: FacilityCode,
    /// What is needed to ask again and to compare, as JSON; kept sealed.
    pub asked_json: String,
    /// When to ask again at the earliest.
    pub next_at: Timestamp,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketState {
    /// To be asked again.
    Waiting,
    /// The portal has answered.
    Answered,
    /// The portal did not answer while it mattered.
    GivenUp,
}

impl TicketState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Answered, Self::GivenUp];

    /// The word in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Answered => "answered",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A ticket as it is kept. `Debug` shows id and state only.
#[derive(Clone)]
pub struct TicketView {
    /// `lkp_…`.
    pub id: String,
    /// Position in the order of opening.
    pub sequence: i64,
    /// Who asked (`Client::id`); the only one who may see it.
    pub client: String,
    /// For which facility.
    pub facility: FacilityCode,
    /// Where it stands.
    pub state: TicketState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How often it was asked again in vain.
    pub tries: u32,
    /// As in [`NewTicket::asked_json`].
    pub asked_json: String,
    /// What came of it, as JSON.
    pub answer_json: Option<String>,
}

/// The end of a ticket, with the event that tells of it.
#[derive(Clone)]
pub struct TicketEnd {
    /// Answered or given up.
    pub state: TicketState,
    /// The answer, as JSON; kept sealed.
    pub answer_json: Option<String>,
    /// The event's type.
    pub event: &'static str,
    /// The event's members, a JSON object that names no person.
    pub event_json: String,
}

impl fmt::Debug for TicketView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketView").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}
