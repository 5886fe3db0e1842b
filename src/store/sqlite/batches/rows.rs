//! The rows of lists.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::super::batches::{
    DueRow, GOOD_CONCLUSIONS, NewRow, RowFilter, RowOutcome, RowState, RowView, RunningBatch,
};
use super::super::super::{StoreError, Vault};
use super::super::column;
use super::super::fault::{Fault, unreadable};
use super::super::writer::Work;
use super::{end_if_over, text};

/// Rows given at once at most: a page of the API's largest, and one more, which tells whether there are more.
const PAGE_MAX: u32 = 501;

/// Rows read ahead at once at most: several times the places of the largest budget, and some MB.
const DUE_MAX: u32 = 4_096;

const QUESTION: &str = "batch_rows.question";
const ANSWER: &str = "batch_rows.answer";

pub(in super::super) const DUE: &str = "SELECT number, tries, question FROM batch_rows
    WHERE batch = ?1 AND state = 'waiting' AND next_at <= ?2 ORDER BY next_at, number LIMIT ?3";

pub(in super::super) const ANY_WAITING: &str =
    "SELECT 1 FROM batch_rows WHERE batch = ?1 AND state = 'waiting' LIMIT 1";

pub(in super::super) const COUNTS: &str =
    "SELECT state, conclusion, count(*) FROM batch_rows WHERE batch = ?1 GROUP BY state, conclusion";

/// Two looks, because a list that was cancelled leaves rows that wait for nothing.
pub(in super::super) const WAITING: &str =
    "SELECT count(*) FROM batches b CROSS JOIN batch_rows r ON r.batch = b.sequence
    WHERE b.state IN ('waiting', 'running', 'paused') AND b.ended_at IS NULL AND r.state = 'waiting'";

/// The conclusions left out are a JSON array; null gives every row.
pub(in super::super) const PAGE: &str = "SELECT number, state, conclusion, code, question, answer FROM batch_rows
    WHERE batch = ?1 AND number > ?2 AND (?4 IS NULL OR state = 'failed'
      OR (state = 'done' AND conclusion NOT IN (SELECT value FROM json_each(?4))))
    ORDER BY number LIMIT ?3";

/// A row ready to be written.
pub(super) struct Sealed {
    number: u32,
    question: Vec<u8>,
    refused: Option<(&'static str, Vec<u8>)>,
}

impl Sealed {
    pub(super) fn weight(&self) -> usize {
        self.question.len() + self.refused.as_ref().map_or(0, |(_, answer)| answer.len()) + 64
    }
}

/// What a row's sealed columns are bound to.
fn bound_to(batch: &str, number: u32) -> Vec<u8> {
    format!("{batch}/{number}").into_bytes()
}

pub(super) fn seal(vault: &Vault, batch: &str, rows: &[NewRow]) -> Result<Vec<Sealed>, StoreError> {
    let sealed = |row: &NewRow| {
        let bound = bound_to(batch, row.number);
        let refused = row.refused.as_ref();
        Ok(Sealed {
            number: row.number,
            question: vault.seal(QUESTION, &bound, row.question_json.as_bytes())?,
            refused: refused
                .map(|(code, why)| vault.seal(ANSWER, &bound, why.as_bytes()).map(|why| (*code, why)))
                .transpose()?,
        })
    };
    rows.iter().map(sealed).collect()
}

pub(super) fn insert(work: &mut Work<'_>, id: &str, batch: i64, rows: &[Sealed]) -> Result<(), Fault> {
    let mut statement = work.connection.prepare_cached(
        "INSERT INTO batch_rows (batch, number, state, code, next_at, question, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in rows {
        let (state, next_at, code, answer) = match &row.refused {
            // Due since ever: when the list runs, every row may be asked.
            None => (RowState::Waiting, Some(0), None, None),
            Some((code, answer)) => (RowState::Failed, None, Some(*code), Some(answer)),
        };
        let bound = bound_to(id, row.number);
        let question = work.vault.renewed(QUESTION, &bound, &row.question)?;
        let answer = answer.map(|answer| work.vault.renewed(ANSWER, &bound, answer)).transpose()?;
        statement.execute(params![batch, row.number, state.name(), code, next_at, question, answer])?;
    }
    Ok(())
}

pub(super) fn any_waiting(connection: &Connection, batch: i64) -> Result<bool, Fault> {
    Ok(connection.prepare_cached(ANY_WAITING)?.exists(params![batch])?)
}

pub(super) fn counts(connection: &Connection, batch: i64) -> Result<Vec<(RowState, Option<String>, u32)>, Fault> {
    let mut statement = connection.prepare_cached(COUNTS)?;
    let mut found = statement.query(params![batch])?;
    let mut counts = Vec::new();
    while let Some(row) = found.next()? {
        counts.push((state(&row.get::<_, String>(0)?)?, row.get(1)?, column::count(row.get(2)?)?));
    }
    Ok(counts)
}

pub(super) fn waiting(connection: &Connection) -> Result<u64, Fault> {
    let count: i64 = connection.prepare_cached(WAITING)?.query_row([], |row| row.get(0))?;
    u64::try_from(count).map_err(|_| unreadable("a count"))
}

pub(super) fn due(
    connection: &Connection,
    vault: &Vault,
    batch: &RunningBatch,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<DueRow>, Fault> {
    let mut statement = connection.prepare_cached(DUE)?;
    let mut found = statement.query(params![batch.sequence, column::millis(now), limit.clamp(1, DUE_MAX)])?;
    let mut due = Vec::new();
    while let Some(row) = found.next()? {
        let number = column::count(row.get(0)?)?;
        let question_json = text(vault, QUESTION, &bound_to(&batch.id, number), row, 2)?;
        due.push(DueRow { number, tries: column::count(row.get(1)?)?, question_json });
    }
    Ok(due)
}

/// Writes how asking a row went. An answer that comes after its list was cancelled is kept all the same: it was asked.
pub(super) fn settle(
    work: &mut Work<'_>,
    batch: &RunningBatch,
    number: u32,
    outcome: &RowOutcome,
) -> Result<bool, Fault> {
    let changed = match outcome {
        RowOutcome::Answered { conclusion, code, answer_json } => {
            let answer = work.vault.seal(ANSWER, &bound_to(&batch.id, number), answer_json.as_bytes())?;
            work.connection
                .prepare_cached(
                    "UPDATE batch_rows SET state = 'done', conclusion = ?3, code = ?4, answer = ?5, next_at = NULL
                     WHERE batch = ?1 AND number = ?2 AND state = 'waiting'",
                )?
                .execute(params![batch.sequence, number, conclusion, code, answer])?
        }
        RowOutcome::Failed { code } => work
            .connection
            .prepare_cached(
                "UPDATE batch_rows SET state = 'failed', code = ?3, next_at = NULL
                 WHERE batch = ?1 AND number = ?2 AND state = 'waiting'",
            )?
            .execute(params![batch.sequence, number, code])?,
        RowOutcome::Later { at, tries, code } => work
            .connection
            .prepare_cached(
                "UPDATE batch_rows SET tries = ?3, next_at = ?4, code = ?5
                 WHERE batch = ?1 AND number = ?2 AND state = 'waiting'",
            )?
            .execute(params![batch.sequence, number, tries, column::millis(*at), code])?,
    };
    if changed == 0 || matches!(outcome, RowOutcome::Later { .. }) {
        Ok(false)
    } else {
        end_if_over(work, batch.sequence)
    }
}

pub(super) fn page(
    connection: &Connection,
    vault: &Vault,
    batch: &str,
    sequence: i64,
    filter: &RowFilter,
) -> Result<Vec<RowView>, Fault> {
    let except = filter.only_problems.then(|| column::list(GOOD_CONCLUSIONS));
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut found = statement.query(params![sequence, filter.after, filter.limit.clamp(1, PAGE_MAX), except])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let number = column::count(row.get(0)?)?;
        let bound = bound_to(batch, number);
        let has_answer = row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)?.is_some();
        rows.push(RowView {
            number,
            state: state(&row.get::<_, String>(1)?)?,
            conclusion: row.get(2)?,
            code: row.get(3)?,
            question_json: text(vault, QUESTION, &bound, row, 4)?,
            answer_json: if has_answer { Some(text(vault, ANSWER, &bound, row, 5)?) } else { None },
        });
    }
    Ok(rows)
}

fn state(name: &str) -> Result<RowState, Fault> {
    RowState::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| unreadable("a row's state"))
}
