//! Lists of questions about cards, as the store keeps them. What stands in a question and in an answer is JSON of the
//! part above, sealed here and not looked into.

use std::fmt;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::FacilityCode;

/// The conclusions with which a patient is admitted as usual, by the words on the wire (`api.md`, section 5).
pub const GOOD_CONCLUSIONS: [&str; 2] = ["hop_le", "hop_le_the_moi"];

/// A list to be kept.
pub struct NewBatch {
    /// Who brought it (`Client::id`).
    pub client: String,
    /// For which facility the portal is asked.
    pub facility: FacilityCode,
    /// What the caller calls it; sealed, because people put names into names.
    pub name: String,
    /// Whatever else holds for all of its rows, as JSON; sealed.
    pub details_json: String,
    /// When the first row may be asked.
    pub start_at: Timestamp,
    /// The caller's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the request: the same key with another one is a mistake.
    pub sha256: [u8; 32],
    /// Lists of this client that may be open at once, this one with them.
    pub open_max: u32,
    /// Its rows, with rising numbers.
    pub rows: Vec<NewRow>,
}

/// A row to be kept.
pub struct NewRow {
    /// The row in the caller's own list.
    pub number: u32,
    /// The question, as JSON.
    pub question_json: String,
    /// Why it will not be asked, with the code and as JSON; `None` for a row that will.
    pub refused: Option<(&'static str, String)>,
}

/// What became of [`Store::keep_batch`](super::Store::keep_batch).
#[derive(Debug)]
pub enum BatchKept {
    /// It is kept whole.
    New(BatchView),
    /// The same request with the same key was kept before; this is it.
    Already(BatchView),
    /// The key was used for another request.
    KeyUsedForOther,
    /// A request with this key is being kept just now.
    KeyUnderWay,
    /// The client has as many open lists as it may have.
    TooManyOpen,
}

/// Where a list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchState {
    /// Its start has not come, or nobody has looked since.
    Waiting,
    /// Its rows are asked.
    Running,
    /// By order, or because every further row would fail alike.
    Paused,
    /// Every row has its answer or failed for good.
    Done,
    /// By order.
    Cancelled,
}

impl BatchState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Paused, Self::Done, Self::Cancelled];

    /// The word kept on the disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether rows may still be asked some day.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running | Self::Paused)
    }
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowState {
    /// It has yet to be asked, or asked again.
    Waiting,
    /// The portal answered.
    Done,
    /// It will not be asked any more.
    Failed,
}

impl RowState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Done, Self::Failed];

    /// The word kept on the disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A list as people see it. `Debug` shows id and state only.
#[derive(Clone)]
pub struct BatchView {
    /// `bat_…`.
    pub id: String,
    /// Position in the order of acceptance.
    pub sequence: i64,
    /// For which facility.
    pub facility: FacilityCode,
    /// What the caller calls it.
    pub name: String,
    /// What holds for all rows, as JSON.
    pub details_json: String,
    /// Where it stands.
    pub state: BatchState,
    /// Why it is paused or was cancelled.
    pub reason: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first row may be asked.
    pub start_at: Timestamp,
    /// When it first ran.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its rows.
    pub total: u32,
    /// How many rows stand where, those that are done by their conclusion. Counted from the rows themselves.
    pub counts: Vec<(RowState, Option<String>, u32)>,
}

impl BatchView {
    /// How many rows are in one state.
    pub fn count(&self, state: RowState) -> u32 {
        self.counts.iter().filter(|(own, ..)| *own == state).map(|(.., count)| *count).sum()
    }
}

/// A list that runs, for who asks its rows. `Debug` shows its id only.
#[derive(Clone)]
pub struct RunningBatch {
    /// Position in the order of acceptance.
    pub sequence: i64,
    /// `bat_…`.
    pub id: String,
    /// Who brought it (`Client::id`).
    pub client: String,
    /// For which facility.
    pub facility: FacilityCode,
    /// What holds for all rows, as JSON.
    pub details_json: String,
}

/// A row that is to be asked now.
pub struct DueRow {
    /// Its number in the list.
    pub number: u32,
    /// How often it was tried.
    pub tries: u32,
    /// The question, as JSON.
    pub question_json: String,
}

/// How asking a row went.
pub enum RowOutcome {
    /// The portal answered.
    Answered {
        /// The conclusion's word.
        conclusion: &'static str,
        /// `maKetQua`.
        code: String,
        /// The answer, as JSON.
        answer_json: String,
    },
    /// It will not be asked any more.
    Failed {
        /// Why.
        code: &'static str,
    },
    /// It is asked again.
    Later {
        /// When.
        at: Timestamp,
        /// How often it was tried by now.
        tries: u32,
        /// Why it was not answered.
        code: &'static str,
    },
}

/// A row as people see it.
pub struct RowView {
    /// Its number in the list.
    pub number: u32,
    /// Where it stands.
    pub state: RowState,
    /// The conclusion's word, of one that is done.
    pub conclusion: Option<String>,
    /// The portal's code, or why it failed last.
    pub code: Option<String>,
    /// The question, as JSON.
    pub question_json: String,
    /// The answer (or why it will not be asked), as JSON.
    pub answer_json: Option<String>,
}

/// Which rows of a list to give.
#[derive(Clone, Debug, Default)]
pub struct RowFilter {
    /// Only after this row.
    pub after: u32,
    /// At most so many, in order; 1 to 501.
    pub limit: u32,
    /// Only rows that somebody should look at: those that failed, and those whose conclusion is none of
    /// [`GOOD_CONCLUSIONS`].
    pub only_problems: bool,
}

/// What is ordered about a list.
#[derive(Clone, Copy, Debug)]
pub enum BatchOrder {
    /// Ask nothing more for now, and why.
    Pause(&'static str),
    /// Go on.
    Resume,
    /// Ask nothing more, and why.
    Cancel(&'static str),
}

/// What was ordered could not be done.
#[derive(Debug, thiserror::Error)]
pub enum BatchRefused {
    /// There is no such list.
    #[error("no such list")]
    NotFound,
    /// It has ended.
    #[error("the list has ended: {0:?}")]
    Ended(BatchState),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl fmt::Debug for BatchView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchView").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

impl fmt::Debug for RunningBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningBatch").field("id", &self.id).finish_non_exhaustive()
    }
}
