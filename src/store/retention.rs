//! Words of keeping and forgetting.

use std::fmt;

use jiff::Timestamp;

use crate::document::Kind;
use crate::domain::DeliveryState;

/// Documents whose bodies are due to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Of this kind.
    pub kind: Kind,
    /// At this end.
    pub state: DeliveryState,
    /// Since before this instant.
    pub before: Timestamp,
}

/// What a look at the oldest records came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    /// Documents forgotten whole.
    pub forgotten: u64,
    /// Where to look on; `None` when everything left is younger.
    pub next: Option<i64>,
}

/// That a document must not be forgotten, whatever its age. `Debug` shows no reason, because a person may have written it.
#[derive(Clone, PartialEq, Eq)]
pub struct LegalHold {
    /// Since when.
    pub since: Timestamp,
    /// Whose order (`Client::id`).
    pub by: String,
    /// Why, unsealed.
    pub reason: String,
}

/// How much room there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceSample {
    /// When.
    pub at: Timestamp,
    /// Bytes that could still be written.
    pub free_bytes: u64,
    /// Bytes of the data folder.
    pub kept_bytes: u64,
}

impl fmt::Debug for LegalHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegalHold").field("since", &self.since).field("by", &self.by).finish_non_exhaustive()
    }
}
