//! Lists of questions about cards.
//!
//! A list comes in piece by piece, so that the writer is never held by one; until its last row is here it is `making`, and
//! nobody sees it. How far a list is, is counted from its rows whenever somebody looks: no count can be wrong after a
//! kill. The last row that ends, ends the list, in the same transaction.

pub(super) mod rows;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use super::super::batches::{
    BatchKept, BatchOrder, BatchRefused, BatchState, BatchView, DueRow, GOOD_CONCLUSIONS, NewBatch, NewRow, RowFilter,
    RowOutcome, RowState, RowView, RunningBatch,
};
use super::super::{StoreError, Vault};
use super::column;
use super::events;
use super::fault::{Fault, unreadable};
use super::views::blob;
use super::writer::Work;
use super::{SMALL_BYTES, Store};
use crate::domain::FacilityCode;

/// Rows kept by one command: some milliseconds of the writer, so that a document that comes meanwhile hardly waits.
const ROWS_AT_ONCE_MAX: usize = 250;

/// Rows forgotten by one command: as long as keeping them.
const FORGOTTEN_AT_ONCE_MAX: u32 = 500;

/// Lists given at once at most, as on any page.
const PAGE_MAX: u32 = 500;

const NAME: &str = "batches.name";
const DETAILS: &str = "batches.details";

macro_rules! select_batches {
    ($rest:literal) => {
        concat!(
            "SELECT sequence, id, facility, name, details, state, reason, created_at, start_at, started_at, ended_at, ",
            "total FROM batches ",
            $rest
        )
    };
}

/// The lists of one facility, newest first.
pub(super) const OF_FACILITY: &str =
    select_batches!("WHERE facility = ?1 AND sequence < ?2 AND state <> 'making' ORDER BY sequence DESC LIMIT ?3");

/// The lists whose rows are asked, oldest first.
pub(super) const RUNNING: &str =
    "SELECT sequence, id, facility, details, client FROM batches WHERE state = 'running' AND ended_at IS NULL";

pub(super) const NEXT_START: &str = "SELECT min(start_at) FROM batches WHERE state = 'waiting' AND ended_at IS NULL";

pub(super) const OPEN_OF_CLIENT: &str = "SELECT count(*) FROM batches WHERE client = ?1 AND ended_at IS NULL";

/// Lists whose start has come.
const BEGIN: &str = "UPDATE batches SET state = 'running', started_at = coalesce(started_at, ?1)
    WHERE state = 'waiting' AND ended_at IS NULL AND start_at <= ?1";

/// Those that ended before ?1, and those whose making was given up before ?2.
pub(super) const ENDED: &str = "SELECT sequence FROM batches WHERE ended_at < ?1 ORDER BY ended_at LIMIT 1";
pub(super) const UNMADE: &str =
    "SELECT sequence FROM batches WHERE state = 'making' AND ended_at IS NULL AND created_at < ?1 LIMIT 1";

/// Those that should have been over long ago.
pub(super) const OVERDUE: &str = "SELECT id FROM batches WHERE state IN ('waiting', 'running', 'paused')
    AND ended_at IS NULL AND start_at < ?1 ORDER BY start_at LIMIT 1";

impl Store {
    /// Keeps a list with all its rows, or tells why not. The list is there when this returns, and not before. To be run in
    /// a task of its own: dropped half-way, it leaves rows that only [`forget_batches`](Self::forget_batches) takes away.
    pub async fn keep_batch(&self, mut new: NewBatch) -> Result<BatchKept, StoreError> {
        let id = self.inner.system.new_id("bat");
        let rows = std::mem::take(&mut new.rows);
        let total = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let begun = {
            let id = id.clone();
            self.write(SMALL_BYTES, move |work| begin_making(work, &id, &new, total)).await?
        };
        let sequence = match begun {
            Begun::Refused(kept) => return Ok(*kept),
            Begun::Making(sequence) => sequence,
        };
        match self.keep_rows(&id, sequence, rows).await {
            Ok(view) => Ok(BatchKept::New(view)),
            Err(error) => {
                // What is half there is nobody's; if the disk refuses this too, the housekeeping takes it away.
                if let Err(error) = self.forget_rows_of(sequence).await {
                    tracing::warn!(%error, "the rows of a list that was not kept stay for now");
                }
                Err(error)
            }
        }
    }

    async fn keep_rows(&self, id: &str, sequence: i64, rows: Vec<NewRow>) -> Result<BatchView, StoreError> {
        let mut rows = rows.into_iter();
        loop {
            let piece: Vec<NewRow> = rows.by_ref().take(ROWS_AT_ONCE_MAX).collect();
            if piece.is_empty() {
                return self.write(SMALL_BYTES, move |work| end_making(work, sequence)).await;
            }
            let (vault, own_id) = (self.inner.vault.clone(), id.to_owned());
            let sealed = tokio::task::spawn_blocking(move || rows::seal(&vault, &own_id, &piece))
                .await
                .map_err(|_| StoreError::Failed("sealing a list panicked: a fault of the gateway".to_owned()))??;
            let weight = sealed.iter().map(rows::Sealed::weight).sum();
            let id = id.to_owned();
            self.write(weight, move |work| rows::insert(work, &id, sequence, &sealed)).await?;
        }
    }

    /// One list.
    pub async fn batch(&self, id: &str) -> Result<Option<BatchView>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| by_id(connection, vault, &id)).await
    }

    /// Lists of these facilities, newest first, before a position; and whether there are more.
    pub async fn batches(
        &self,
        facilities: &[FacilityCode],
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<BatchView>, bool), StoreError> {
        let facilities = facilities.to_vec();
        self.inner.readers.read(move |connection, vault| page(connection, vault, &facilities, before, limit)).await
    }

    /// Does to a list what a person (or the gateway) orders. What is so already stays so.
    pub async fn order_batch(&self, id: &str, order: BatchOrder) -> Result<BatchView, BatchRefused> {
        let id = id.to_owned();
        self.write(SMALL_BYTES, move |work| obey(work, &id, order)).await?
    }

    /// Lets the lists run whose start has come; how many there were.
    pub async fn begin_batches(&self) -> Result<usize, StoreError> {
        self.write(SMALL_BYTES, |work| {
            Ok(work.connection.prepare_cached(BEGIN)?.execute(params![column::millis(work.system.now())])?)
        })
        .await
    }

    /// The lists that run, and when the next one starts.
    pub async fn running_batches(&self) -> Result<(Vec<RunningBatch>, Option<Timestamp>), StoreError> {
        self.inner.readers.read(running).await
    }

    /// Rows of a list that are due at `now`, the longest due first.
    pub async fn due_rows(&self, batch: &RunningBatch, now: Timestamp, limit: u32) -> Result<Vec<DueRow>, StoreError> {
        let batch = batch.clone();
        self.inner.readers.read(move |connection, vault| rows::due(connection, vault, &batch, now, limit)).await
    }

    /// Records how asking a row went. The last row to end ends its list; `true` if this was it.
    pub async fn settle_row(&self, batch: &RunningBatch, number: u32, outcome: RowOutcome) -> Result<bool, StoreError> {
        let batch = batch.clone();
        let weight = match &outcome {
            RowOutcome::Answered { answer_json, .. } => SMALL_BYTES + answer_json.len(),
            _ => SMALL_BYTES,
        };
        self.write(weight, move |work| rows::settle(work, &batch, number, &outcome)).await
    }

    /// Rows of a list, in order.
    pub async fn batch_rows(&self, batch: &BatchView, filter: RowFilter) -> Result<Vec<RowView>, StoreError> {
        let (id, sequence) = (batch.id.clone(), batch.sequence);
        self.inner.readers.read(move |connection, vault| rows::page(connection, vault, &id, sequence, &filter)).await
    }

    /// How many rows of open lists have yet to be asked.
    pub async fn rows_waiting(&self) -> Result<u64, StoreError> {
        self.inner.readers.read(|connection, _| rows::waiting(connection)).await
    }

    /// Forgets the lists that ended before `ended_before`, and those whose making stopped half-way: the ones begun before
    /// `unmade_before`. Returns how many were forgotten.
    pub async fn forget_batches(&self, ended_before: Timestamp, unmade_before: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let next = self.inner.readers.read(move |connection, _| {
                let first = |query: &str, before| {
                    let mut statement = connection.prepare_cached(query)?;
                    statement.query_row(params![column::millis(before)], |row| row.get(0)).optional()
                };
                Ok::<Option<i64>, Fault>(match first(ENDED, ended_before)? {
                    None => first(UNMADE, unmade_before)?,
                    some => some,
                })
            });
            let Some(sequence) = next.await? else { return Ok(forgotten) };
            self.forget_rows_of(sequence).await?;
            forgotten += 1;
        }
    }

    /// The oldest list that was to start before `start_before` and is still open.
    pub async fn overdue_batch(&self, start_before: Timestamp) -> Result<Option<String>, StoreError> {
        self.inner
            .readers
            .read(move |connection, _| {
                let mut statement = connection.prepare_cached(OVERDUE)?;
                Ok(statement.query_row(params![column::millis(start_before)], |row| row.get(0)).optional()?)
            })
            .await
    }

    /// Takes a list and its rows away, piece by piece.
    async fn forget_rows_of(&self, sequence: i64) -> Result<(), StoreError> {
        while !self.write(SMALL_BYTES, move |work| forget_some(work, sequence)).await? {}
        Ok(())
    }
}

/// What the first step of keeping a list came to.
enum Begun {
    Making(i64),
    Refused(Box<BatchKept>),
}

fn begin_making(work: &mut Work<'_>, id: &str, new: &NewBatch, total: u32) -> Result<Begun, Fault> {
    let key_hash = new
        .idempotency_key
        .as_ref()
        .map(|key| work.vault.keyed_hash("idempotency key of a batch", &[new.client.as_bytes(), key.as_bytes()]));
    if let Some(key_hash) = key_hash
        && let Some(told) = told_before(work, &key_hash, &new.sha256)?
    {
        return Ok(Begun::Refused(Box::new(told)));
    }
    let open: u32 = work.connection.prepare_cached(OPEN_OF_CLIENT)?.query_row(params![new.client], |row| row.get(0))?;
    if open >= new.open_max {
        return Ok(Begun::Refused(Box::new(BatchKept::TooManyOpen)));
    }
    work.connection
        .prepare_cached(
            "INSERT INTO batches (id, client, facility, name, details, state, total, created_at, start_at, key_hash, sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, 'making', ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id,
            new.client,
            new.facility.as_str(),
            work.vault.seal(NAME, id.as_bytes(), new.name.as_bytes())?,
            work.vault.seal(DETAILS, id.as_bytes(), new.details_json.as_bytes())?,
            total,
            column::millis(work.system.now()),
            column::millis(new.start_at),
            key_hash,
            new.sha256
        ])?;
    Ok(Begun::Making(work.connection.last_insert_rowid()))
}

/// What was made of the same key before.
fn told_before(work: &Work<'_>, key_hash: &[u8; 32], sha256: &[u8; 32]) -> Result<Option<BatchKept>, Fault> {
    let kept = work
        .connection
        .prepare_cached("SELECT sequence, sha256 = ?2, state = 'making' FROM batches WHERE key_hash = ?1")?
        .query_row(params![key_hash, sha256], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(match kept {
        None => None,
        Some((_, false, _)) => Some(BatchKept::KeyUsedForOther),
        Some((_, true, true)) => Some(BatchKept::KeyUnderWay),
        Some((sequence, true, false)) => Some(BatchKept::Already(by_sequence(work.connection, work.vault, sequence)?)),
    })
}

/// The last step: from now on the list is there. One of whose rows none will be asked is done at once.
fn end_making(work: &mut Work<'_>, sequence: i64) -> Result<BatchView, Fault> {
    work.connection
        .prepare_cached("UPDATE batches SET state = 'waiting' WHERE sequence = ?1")?
        .execute(params![sequence])?;
    end_if_over(work, sequence)?;
    by_sequence(work.connection, work.vault, sequence)
}

/// Ends an open list that has no row left to ask, and tells of it.
fn end_if_over(work: &mut Work<'_>, sequence: i64) -> Result<bool, Fault> {
    if rows::any_waiting(work.connection, sequence)? {
        return Ok(false);
    }
    let ended = work
        .connection
        .prepare_cached(
            "UPDATE batches SET state = 'done', reason = NULL, ended_at = ?2 WHERE sequence = ?1 AND ended_at IS NULL",
        )?
        .execute(params![sequence, column::millis(work.system.now())])?;
    if ended > 0 {
        let view = by_sequence(work.connection, work.vault, sequence)?;
        let is_good = |conclusion: &Option<String>| {
            conclusion.as_deref().is_some_and(|conclusion| GOOD_CONCLUSIONS.contains(&conclusion))
        };
        let good: u32 = view.counts.iter().filter(|(_, own, _)| is_good(own)).map(|(.., count)| *count).sum();
        let data = json!({"id": view.id, "tong": view.total, "hopLe": good, "loi": view.count(RowState::Failed)});
        events::record_of(work, "batch.completed", &view.facility, &data.to_string())?;
    }
    Ok(ended > 0)
}

fn obey(work: &mut Work<'_>, id: &str, order: BatchOrder) -> Result<Result<BatchView, BatchRefused>, Fault> {
    let Some(view) = by_id(work.connection, work.vault, id)? else { return Ok(Err(BatchRefused::NotFound)) };
    let (state, reason) = match (view.state, order) {
        (BatchState::Cancelled, BatchOrder::Cancel(_)) | (BatchState::Paused, BatchOrder::Pause(_)) => {
            return Ok(Ok(view));
        }
        (BatchState::Waiting | BatchState::Running, BatchOrder::Resume) => return Ok(Ok(view)),
        (ended, _) if !ended.is_open() => return Ok(Err(BatchRefused::Ended(ended))),
        (_, BatchOrder::Pause(reason)) => (BatchState::Paused, Some(reason)),
        // Whether its start has come is looked at where that is always looked at.
        (_, BatchOrder::Resume) => (BatchState::Waiting, None),
        (_, BatchOrder::Cancel(reason)) => (BatchState::Cancelled, Some(reason)),
    };
    let now = column::millis(work.system.now());
    work.connection
        .prepare_cached("UPDATE batches SET state = ?2, reason = ?3, ended_at = ?4 WHERE sequence = ?1")?
        .execute(params![view.sequence, state.name(), reason, (!state.is_open()).then_some(now)])?;
    let event = match state {
        BatchState::Paused => "batch.paused",
        BatchState::Cancelled => "batch.cancelled",
        _ => "batch.resumed",
    };
    let data = json!({"id": view.id, "reason": reason});
    events::record_of(work, event, &view.facility, &data.to_string())?;
    Ok(Ok(by_sequence(work.connection, work.vault, view.sequence)?))
}

fn running(connection: &Connection, vault: &Vault) -> Result<(Vec<RunningBatch>, Option<Timestamp>), Fault> {
    let mut statement = connection.prepare_cached(RUNNING)?;
    let mut found = statement.query([])?;
    let mut running = Vec::new();
    while let Some(row) = found.next()? {
        let id: String = row.get(1)?;
        running.push(RunningBatch {
            sequence: row.get(0)?,
            facility: column::facility(&row.get::<_, String>(2)?)?,
            details_json: text(vault, DETAILS, id.as_bytes(), row, 3)?,
            client: row.get(4)?,
            id,
        });
    }
    running.sort_unstable_by_key(|batch| batch.sequence);
    let next: Option<i64> = connection.prepare_cached(NEXT_START)?.query_row([], |row| row.get(0))?;
    Ok((running, next.map(column::instant).transpose()?))
}

fn page(
    connection: &Connection,
    vault: &Vault,
    facilities: &[FacilityCode],
    before: Option<i64>,
    limit: u32,
) -> Result<(Vec<BatchView>, bool), Fault> {
    let limit = limit.clamp(1, PAGE_MAX);
    let mut statement = connection.prepare_cached(OF_FACILITY)?;
    let mut found = Vec::new();
    for facility in facilities {
        let wanted = params![facility.as_str(), before.unwrap_or(i64::MAX), limit + 1];
        for sequence in statement.query_map(wanted, |row| row.get::<_, i64>(0))? {
            found.push(sequence?);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let views = found.into_iter().map(|sequence| by_sequence(connection, vault, sequence));
    Ok((views.collect::<Result<_, _>>()?, has_more))
}

fn by_id(connection: &Connection, vault: &Vault, id: &str) -> Result<Option<BatchView>, Fault> {
    let sequence: Option<i64> = connection
        .prepare_cached("SELECT sequence FROM batches WHERE id = ?1 AND state <> 'making'")?
        .query_row(params![id], |row| row.get(0))
        .optional()?;
    sequence.map(|sequence| by_sequence(connection, vault, sequence)).transpose()
}

fn by_sequence(connection: &Connection, vault: &Vault, sequence: i64) -> Result<BatchView, Fault> {
    let mut statement = connection.prepare_cached(select_batches!("WHERE sequence = ?1"))?;
    let mut found = statement.query(params![sequence])?;
    let row = found.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let id: String = row.get(1)?;
    let state: String = row.get(5)?;
    let instant = |millis: Option<i64>| millis.map(column::instant).transpose();
    Ok(BatchView {
        sequence,
        facility: column::facility(&row.get::<_, String>(2)?)?,
        name: text(vault, NAME, id.as_bytes(), row, 3)?,
        details_json: text(vault, DETAILS, id.as_bytes(), row, 4)?,
        // One that is still coming in is shown to nobody but its maker, who is about to end that.
        state: BatchState::ALL.into_iter().find(|known| known.name() == state).unwrap_or(BatchState::Waiting),
        reason: row.get(6)?,
        created_at: column::instant(row.get(7)?)?,
        start_at: column::instant(row.get(8)?)?,
        started_at: instant(row.get(9)?)?,
        ended_at: instant(row.get(10)?)?,
        total: column::count(row.get(11)?)?,
        counts: rows::counts(connection, sequence)?,
        id,
    })
}

/// Forgets some rows of a list, and with the last of them the list; `true` when nothing is left.
fn forget_some(work: &mut Work<'_>, sequence: i64) -> Result<bool, Fault> {
    let rows = work
        .connection
        .prepare_cached(
            "DELETE FROM batch_rows WHERE rowid IN (SELECT rowid FROM batch_rows WHERE batch = ?1 LIMIT ?2)",
        )?
        .execute(params![sequence, FORGOTTEN_AT_ONCE_MAX])?;
    if u32::try_from(rows).is_ok_and(|rows| rows == FORGOTTEN_AT_ONCE_MAX) {
        return Ok(false);
    }
    work.connection.prepare_cached("DELETE FROM batches WHERE sequence = ?1")?.execute(params![sequence])?;
    Ok(true)
}

/// A sealed text.
fn text(vault: &Vault, table: &str, bound_to: &[u8], row: &Row<'_>, index: usize) -> Result<String, Fault> {
    String::from_utf8(vault.unseal(table, bound_to, blob(row, index)?)?).map_err(|_| unreadable("a text"))
}
