//! Lists of questions about cards that nobody waits for: a ward's patients, tomorrow's bookings.
//!
//! Guarantees: a row takes its turn behind every person at a desk (`lookup::budget`); what was answered is on the disk
//! before the next question of that place; a kill loses nothing, and costs the portal the few questions under way once
//! more; a list stops by itself where every further row would fail alike, and rests while the portal does. Not here: how a
//! list is read from a file, and how its results look.

pub mod answer;
pub mod judge;
pub mod row;
mod runner;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::Notify;

use crate::batch::row::{Details, Question, Signs};
use crate::domain::FacilityCode;
use crate::lookup::Lookup;
use crate::officers::Officers;
use crate::portal::Portal;
use crate::store::batches::{
    BatchKept, BatchOrder, BatchRefused, BatchState, BatchView, NewBatch, NewRow, RowFilter, RowState, RowView,
};
use crate::store::{Store, StoreError};
use crate::system::{System, after};
use crate::telemetry::BatchMetrics;

/// Rows in one list. A day's bookings of the largest hospitals are some 10,000; at the budget's share (four a second)
/// 20,000 take an hour and a half.
pub const ROWS_MAX: usize = 20_000;

/// Lists of one client that are open at once. A list for every ward, and each holds at most some 20 MB on the disk.
pub const OPEN_MAX: u32 = 20;

/// How far ahead a list may be told to start: next week's, and no further, because what it holds names patients.
pub const START_AHEAD_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a list and its results are kept after its end: long enough for whoever comes back from a week's leave.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long after its start a list may stay open, paused ones above all: then it is cancelled, so that what it holds is
/// forgotten some day.
pub const OPEN_AFTER_START_MAX: Duration = Duration::from_secs(14 * 24 * 3600);

/// Why a list is paused that somebody paused.
pub const BY_ORDER: &str = "theo_yeu_cau";

/// Why a list was cancelled that nobody ended.
pub const OVERDUE: &str = "qua_han";

/// How lists are worked off.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Rows under way at once, of all facilities. Half of the calls the portal part makes at once, so that people always
    /// find a place there.
    pub under_way_max: usize,
    /// Rows under way at once of one facility: as many as the budget gives lists places; more would only wait in it.
    pub under_way_per_facility_max: usize,
    /// What the budget of one facility gives lists, for foretelling their end.
    pub rows_per_minute: u32,
    /// How often is looked for work though nothing woke the runner, and for the portal while it is away.
    pub look_every: Duration,
    /// How long the waits between tries of a row are.
    pub backoff: judge::Backoff,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            under_way_max: 32,
            under_way_per_facility_max: 16,
            rows_per_minute: 240,
            look_every: Duration::from_secs(2),
            backoff: judge::Backoff::default(),
        }
    }
}

/// Lists of questions. Cheap to clone.
#[derive(Clone)]
pub struct Batches(Arc<Parts>);

struct Parts {
    config: Config,
    lookup: Lookup,
    portal: Portal,
    store: Store,
    system: System,
    officers: Officers,
    metrics: BatchMetrics,
    /// When this process began; nothing it makes is older.
    began_at: Timestamp,
    /// Told when there may be something to do, or something not to be done any more.
    wake: Notify,
}

/// A list as it was read, ready to be accepted.
pub struct Wish {
    /// Who brought it (`Client::id`).
    pub client: String,
    /// For which facility.
    pub facility: FacilityCode,
    /// What the caller calls it; may be empty.
    pub name: String,
    /// In whose name the portal is asked.
    pub signs: Signs,
    /// The visit date of rows that name none; without either, the day they are asked.
    pub visit: Option<Date>,
    /// When to start; `None` is now.
    pub start_at: Option<Timestamp>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Makes repeating the request harmless.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the request.
    pub sha256: [u8; 32],
}

/// One row of a list, by its number in the caller's own.
pub enum Row {
    /// To be asked.
    Right(u32, Question),
    /// Kept to be shown, never asked: the question as far as it could be read, and its faults, as JSON.
    Wrong(u32, String, String),
}

/// The code of rows that were wrong when they came.
pub const ROW_WRONG: &str = "request.invalid";

impl Batches {
    /// Wires the parts.
    pub fn new(
        config: Config,
        lookup: Lookup,
        portal: Portal,
        store: Store,
        system: System,
        officers: Officers,
        metrics: BatchMetrics,
    ) -> Self {
        // Before any list can come in: the listeners open later.
        let (wake, began_at) = (Notify::new(), system.now());
        Self(Arc::new(Parts { config, lookup, portal, store, system, officers, metrics, began_at, wake }))
    }

    /// Accepts a list whole. It is kept though the caller hangs up meanwhile.
    pub async fn accept(&self, wish: Wish) -> Result<BatchKept, StoreError> {
        let batches = self.clone();
        let kept = tokio::spawn(async move {
            let parts = &batches.0;
            let kept = parts.store.keep_batch(new_batch(wish, parts.system.now())).await?;
            if let BatchKept::New(view) = &kept {
                tracing::info!(batch = view.id, facility = %view.facility, rows = view.total, "a list was accepted");
                parts.wake.notify_one();
            }
            Ok(kept)
        });
        kept.await.map_err(|_| StoreError::Failed("keeping a list broke off: a fault of the gateway".to_owned()))?
    }

    /// One list.
    pub async fn show(&self, id: &str) -> Result<Option<BatchView>, StoreError> {
        self.0.store.batch(id).await
    }

    /// Lists of these facilities, newest first, and whether there are more.
    pub async fn list(
        &self,
        facilities: &[FacilityCode],
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<BatchView>, bool), StoreError> {
        self.0.store.batches(facilities, before, limit).await
    }

    /// Asks nothing more of a list for now. The rows under way are still answered.
    pub async fn pause(&self, id: &str) -> Result<BatchView, BatchRefused> {
        self.order(id, BatchOrder::Pause(BY_ORDER)).await
    }

    /// Goes on with a list.
    pub async fn resume(&self, id: &str) -> Result<BatchView, BatchRefused> {
        self.order(id, BatchOrder::Resume).await
    }

    /// Ends a list before its time; what was answered stays.
    pub async fn cancel(&self, id: &str) -> Result<BatchView, BatchRefused> {
        self.order(id, BatchOrder::Cancel(BY_ORDER)).await
    }

    /// Rows of a list, in order.
    pub async fn rows(&self, batch: &BatchView, filter: RowFilter) -> Result<Vec<RowView>, StoreError> {
        self.0.store.batch_rows(batch, filter).await
    }

    /// When a list will end, as far as the budget's share tells: `None` of one that has ended or is paused. Answers in
    /// memory cost nothing and are not foreseen; neither are the people at the desks, who come first.
    pub async fn expected_end(&self, batch: &BatchView) -> Result<Option<Timestamp>, StoreError> {
        let parts = &self.0;
        if !matches!(batch.state, BatchState::Waiting | BatchState::Running) {
            return Ok(None);
        }
        let (running, _) = parts.store.running_batches().await?;
        let others = running.iter().filter(|one| one.facility == batch.facility && one.id != batch.id).count();
        Ok(Some(expected_end(
            parts.system.now().max(batch.start_at),
            batch.count(RowState::Waiting),
            u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1),
            parts.config.rows_per_minute,
        )))
    }

    async fn order(&self, id: &str, order: BatchOrder) -> Result<BatchView, BatchRefused> {
        let view = self.0.store.order_batch(id, order).await?;
        tracing::info!(batch = id, state = view.state.name(), "an order about a list");
        self.0.wake.notify_one();
        Ok(view)
    }
}

/// `from`, and the time the rows take where `sharing` lists take turns at the rate of one facility.
fn expected_end(from: Timestamp, rows: u32, sharing: u32, rows_per_minute: u32) -> Timestamp {
    let seconds =
        u64::from(rows).saturating_mul(u64::from(sharing)).saturating_mul(60) / u64::from(rows_per_minute.max(1));
    after(from, Duration::from_secs(seconds))
}

fn new_batch(wish: Wish, now: Timestamp) -> NewBatch {
    let details = Details { signs: wish.signs, visit: wish.visit };
    let row = |row: Row| match row {
        Row::Right(number, question) => NewRow { number, question_json: question.to_json(), refused: None },
        Row::Wrong(number, question_json, faults) => {
            NewRow { number, question_json, refused: Some((ROW_WRONG, faults)) }
        }
    };
    NewBatch {
        client: wish.client,
        facility: wish.facility,
        name: wish.name,
        details_json: details.to_json(),
        start_at: wish.start_at.unwrap_or(now),
        idempotency_key: wish.idempotency_key,
        sha256: wish.sha256,
        open_max: OPEN_MAX,
        rows: wish.rows.into_iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_foretold_from_the_share() {
        let from: Timestamp = "2026-11-20T02:00:00+07:00".parse().unwrap();
        assert_eq!(expected_end(from, 10_000, 1, 240), "2026-11-20T02:41:40+07:00".parse().unwrap());
        assert_eq!(expected_end(from, 240, 2, 240), "2026-11-20T02:02:00+07:00".parse().unwrap());
        assert_eq!(expected_end(from, 0, 1, 0), from);
        assert!(expected_end(from, u32::MAX, u32::MAX, 1) > from);
    }
}
