//! What is kept of incidents.

use jiff::Timestamp;

use crate::domain::{FacilityCode, IncidentKind};

/// Incidents on one page at most.
pub const PAGE_MAX: u32 = 500;

/// What an incident is about, and who may see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// What is wrong.
    pub kind: IncidentKind,
    /// With what: see [`IncidentKind`].
    pub name: String,
    /// Whose it is; `None`: everybody may know.
    pub facility: Option<FacilityCode>,
    /// The one client that may know (`Client::id`); `None`: whoever may see the facility.
    pub client: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many things are concerned.
    pub count: u64,
    /// Since when the oldest of them is.
    pub oldest_at: Option<Timestamp>,
}

/// What happened to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentChange {
    /// It began.
    Open {
        /// What is wrong.
        subject: Subject,
        /// How badly.
        extent: Extent,
        /// Since when.
        at: Timestamp,
    },
    /// It goes on.
    Update {
        /// What is wrong.
        subject: Subject,
        /// How badly now.
        extent: Extent,
        /// When that was seen.
        at: Timestamp,
    },
    /// It is over.
    Close {
        /// What was wrong.
        subject: Subject,
        /// Since when it is not.
        at: Timestamp,
    },
}

/// An incident as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentView {
    /// `inc_…`.
    pub id: String,
    /// Position in the order in which they began.
    pub sequence: i64,
    /// What it is about.
    pub subject: Subject,
    /// How bad it is, or was when last seen.
    pub extent: Extent,
    /// The greatest count there was.
    pub count_max: u64,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
}

/// Which incidents to list.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    /// Those of these facilities, and those of everybody.
    pub facilities: Vec<FacilityCode>,
    /// Whose own incidents are among them.
    pub client: String,
    /// Only open ones (`true`), only ended ones (`false`).
    pub open: Option<bool>,
    /// Only begun before this one (the cursor of the previous page).
    pub before_sequence: Option<i64>,
    /// At most so many, newest first; 1 to [`PAGE_MAX`].
    pub limit: u32,
}

/// What of a facility's documents may need a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub facility: FacilityCode,
    /// Parked.
    pub failed: Extent,
    /// Sent, with the answer lost.
    pub unknown: Extent,
    /// Refused by the portal within the time asked for, and without a newer version since.
    pub rejected: Extent,
    /// Due to be sent, since they were accepted or last replayed.
    pub queued: Extent,
}

/// Deliveries counted of one facility in one state at most: beyond it the number says nothing more to a person, and each
/// look costs as much as there is.
pub const COUNTED_MAX: u32 = 1_000;
