//! Forgetting what has been kept long enough, and the legal holds that keep it longer.
//!
//! Everything here goes in steps of a few rows, so that a document that comes meanwhile hardly waits. What is forgotten is
//! overwritten in the file (`secure_delete`); the log keeps older pages until it is next cut back, minutes later.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::super::retention::{Aged, Due, SpaceSample};
use super::super::{DATABASE_FILE, DocumentView, MoveRefused, StoreError};
use super::column;
use super::fault::{Fault, unreadable};
use super::moves::{self, Delivery};
use super::schema;
use super::views;
use super::writer::Work;
use super::{SMALL_BYTES, Store};

/// Documents forgotten by one command at most, and bytes of them, about: overwriting 4 MiB takes some 30 ms on the slowest
/// disk measured. A larger document is a step by itself.
const FORGOTTEN_AT_ONCE_MAX: u32 = 32;
const FORGOTTEN_BYTES_MAX: i64 = 4 << 20;

/// Old records looked at by one command at most; those that may not be forgotten are passed over.
const LOOKED_AT_MAX: u32 = 200;

/// Events forgotten by one command at most: a few milliseconds of the writer's time.
const EVENTS_AT_ONCE_MAX: u32 = 500;

/// Samples of room kept: two weeks of hours.
const SAMPLES_MAX: u32 = 14 * 24;

/// The list of states stands here as it stands in the index, which is not found otherwise.
pub(super) const TO_FORGET: &str = "SELECT v.document FROM deliveries v WHERE v.forgettable = 1
      AND v.state IN ('acknowledged', 'accepted', 'rejected', 'unknown', 'failed', 'cancelled', 'superseded')
      AND v.kind = ?1 AND v.state = ?2 AND v.changed_at < ?3
      AND NOT EXISTS (SELECT 1 FROM deliveries open
                      WHERE open.document = v.document AND open.state IN ('held', 'queued', 'sending'))
    ORDER BY v.changed_at LIMIT ?4";

impl Store {
    /// Forgets the bodies of some documents that are due, with the portal's raw answers and the warnings, which may quote
    /// them; to be called again until it returns 0. A document under a legal hold is never due.
    pub async fn forget_bodies(&self, due: Due) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| forget_due(work, due)).await
    }

    /// Forgets some documents received before `before` whole, looking on from a position (0 for the first look). What is not
    /// at its end, or under a legal hold, stays.
    pub async fn forget_records(&self, before: Timestamp, after: i64) -> Result<Aged, StoreError> {
        self.write(SMALL_BYTES, move |work| forget_aged(work, before, after)).await
    }

    /// Forgets some events of before `before`; to be called again until it returns 0.
    pub async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| forget_events(work, before)).await
    }

    /// Forgets the body of one document at once, because a person ordered it.
    pub async fn forget_body(&self, id: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        self.write(SMALL_BYTES, move |work| forget_ordered(work, &id, &reason)).await?
    }

    /// Puts a legal hold on a document; one that is on it already stays as it is.
    pub async fn set_legal_hold(&self, id: &str, by: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        let (id, by, reason) = (id.to_owned(), by.to_owned(), reason.to_owned());
        self.write(SMALL_BYTES, move |work| set_hold(work, &id, &by, &reason)).await?
    }

    /// Lifts the legal hold of a document, if there is one.
    pub async fn lift_legal_hold(&self, id: &str, by: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        let (id, by, reason) = (id.to_owned(), by.to_owned(), reason.to_owned());
        self.write(SMALL_BYTES, move |work| lift_hold(work, &id, &by, &reason)).await?
    }

    /// Keeps a sample of the room there is, and forgets the oldest beyond two weeks of hours.
    pub async fn keep_space(&self, sample: SpaceSample) -> Result<(), StoreError> {
        self.write(SMALL_BYTES, move |work| keep_space(work, sample)).await
    }

    /// All samples of room, the oldest first.
    pub async fn space(&self) -> Result<Vec<SpaceSample>, StoreError> {
        self.inner.readers.read(|connection, _| space(connection)).await
    }

    /// Bytes of the database that are free for new rows without the file growing.
    pub async fn free_inside(&self) -> Result<u64, StoreError> {
        self.inner.readers.read(|connection, _| free_inside(connection)).await
    }
}

fn forget_due(work: &mut Work<'_>, due: Due) -> Result<u64, Fault> {
    let wanted = params![due.kind.name(), due.state.name(), column::millis(due.before), FORGOTTEN_AT_ONCE_MAX];
    let documents: Vec<i64> =
        work.connection.prepare_cached(TO_FORGET)?.query_map(wanted, |row| row.get(0))?.collect::<Result<_, _>>()?;
    overwriting(work, |work| {
        let (mut forgotten, mut bytes) = (0, 0);
        for document in documents {
            bytes += forget(work, document)?;
            forgotten += 1;
            if bytes >= FORGOTTEN_BYTES_MAX {
                break;
            }
        }
        Ok(forgotten)
    })
}

/// What is deleted in `work` is overwritten in the file. Only here: it doubles the writing.
fn overwriting<T>(work: &mut Work<'_>, done: impl FnOnce(&mut Work<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
    let connection = work.connection;
    connection.pragma_update(None, "secure_delete", true)?;
    let outcome = done(work);
    connection.pragma_update(None, "secure_delete", false)?;
    outcome
}

/// Forgets what may quote the document; returns how many bytes its body had.
fn forget(work: &mut Work<'_>, document: i64) -> Result<i64, Fault> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let (id, size) = work
        .connection
        .prepare_cached("SELECT id, size FROM documents WHERE sequence = ?1")?
        .query_row(params![document], read)?;
    let nothing = work.vault.seal(views::WARNINGS, id.as_bytes(), b"[]")?;
    let again = |statement: &str| work.connection.prepare_cached(statement)?.execute(params![document]);
    again("DELETE FROM bodies WHERE document = ?1")?;
    again("UPDATE attempts SET raw = NULL WHERE document = ?1 AND raw IS NOT NULL")?;
    again("UPDATE deliveries SET forgettable = 0 WHERE document = ?1")?;
    work.connection
        .prepare_cached("UPDATE documents SET warnings = ?2, forgotten_at = ?3 WHERE sequence = ?1")?
        .execute(params![document, nothing, column::millis(work.system.now())])?;
    Ok(size)
}

fn forget_ordered(work: &mut Work<'_>, id: &str, reason: &str) -> Result<Result<DocumentView, MoveRefused>, Fault> {
    let Some(sequence) = views::sequence_of(work.connection, id)? else { return Ok(Err(MoveRefused::NotFound)) };
    let view = views::by_sequence(work.connection, work.vault, sequence)?;
    if view.legal_hold.is_some() {
        return Ok(Err(MoveRefused::OnLegalHold));
    }
    if let Some(open) = view.deliveries.iter().find(|delivery| delivery.state.end().is_none()) {
        return Ok(Err(MoveRefused::NotAtEnd(open.state)));
    }
    if view.forgotten_at.is_some() {
        return Ok(Ok(view));
    }
    overwriting(work, |work| forget(work, sequence))?;
    for delivery in moves::of_document(work.connection, sequence)? {
        let row = views::delivery_row(&delivery.document_id, &delivery.destination);
        let sealed = work.vault.seal(views::REPLAY_REASON, &row, reason.as_bytes())?;
        work.connection
            .prepare_cached("UPDATE deliveries SET replay_reason = ?3 WHERE document = ?1 AND destination = ?2")?
            .execute(params![sequence, delivery.destination, sealed])?;
        moves::tell(work, "document.forgotten", &delivery, &[])?;
    }
    Ok(Ok(views::by_sequence(work.connection, work.vault, sequence)?))
}

/// Whether there is nothing left to be sent of a document.
pub(super) fn is_forgotten(connection: &Connection, document: i64) -> Result<bool, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT forgotten_at IS NOT NULL FROM documents WHERE sequence = ?1")?;
    Ok(statement.query_row(params![document], |row| row.get(0))?)
}

/// The oldest documents after a position. They are numbered in the order in which they came, so the first that is too young
/// ends the look.
const OLDEST: &str = "SELECT sequence, received_at FROM documents WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";

fn forget_aged(work: &mut Work<'_>, before: Timestamp, after: i64) -> Result<Aged, Fault> {
    let before = column::millis(before);
    let oldest: Vec<(i64, i64)> = work
        .connection
        .prepare_cached(OLDEST)?
        .query_map(params![after, LOOKED_AT_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let (mut aged, mut bytes) = (Aged { forgotten: 0, next: None }, 0);
    overwriting(work, |work| {
        for (sequence, received_at) in oldest {
            if received_at >= before {
                aged.next = None;
                break;
            }
            aged.next = Some(sequence);
            if may_be_forgotten(work.connection, sequence)? {
                bytes += forget(work, sequence)?;
                forget_record(work, sequence)?;
                aged.forgotten += 1;
            }
            if aged.forgotten >= u64::from(FORGOTTEN_AT_ONCE_MAX) || bytes >= FORGOTTEN_BYTES_MAX {
                break;
            }
        }
        Ok(aged)
    })
}

fn may_be_forgotten(connection: &Connection, document: i64) -> Result<bool, Fault> {
    const MAY: &str = "SELECT NOT EXISTS (SELECT 1 FROM legal_holds WHERE document = ?1 AND lifted_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE document = ?1 AND state IN ('held', 'queued', 'sending'))";
    Ok(connection.prepare_cached(MAY)?.query_row(params![document], |row| row.get(0))?)
}

/// Everything that is known of a document, from the leaves to the root.
fn forget_record(work: &Work<'_>, document: i64) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM legal_holds WHERE document = ?1",
        "DELETE FROM events WHERE document = ?1",
        "DELETE FROM idempotency WHERE document = ?1",
        "DELETE FROM attempts WHERE document = ?1",
        "DELETE FROM deliveries WHERE document = ?1",
        "DELETE FROM document_keys WHERE sequence = ?1",
        "DELETE FROM documents WHERE sequence = ?1",
    ] {
        work.connection.prepare_cached(statement)?.execute(params![document])?;
    }
    Ok(())
}

fn forget_events(work: &mut Work<'_>, before: Timestamp) -> Result<u64, Fault> {
    let before = column::millis(before);
    let oldest: Vec<(i64, i64)> = work
        .connection
        .prepare_cached("SELECT sequence, at FROM events ORDER BY sequence LIMIT ?1")?
        .query_map(params![EVENTS_AT_ONCE_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let Some((last, _)) = oldest.into_iter().take_while(|(_, at)| *at < before).last() else { return Ok(0) };
    let forgotten =
        work.connection.prepare_cached("DELETE FROM events WHERE sequence <= ?1")?.execute(params![last])?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
}

fn set_hold(work: &mut Work<'_>, id: &str, by: &str, reason: &str) -> Result<Result<DocumentView, MoveRefused>, Fault> {
    let Some(sequence) = views::sequence_of(work.connection, id)? else { return Ok(Err(MoveRefused::NotFound)) };
    if open_hold(work.connection, sequence)?.is_none() {
        let hold = work.system.new_id("hld");
        let sealed = work.vault.seal(views::HOLD_REASON, hold.as_bytes(), reason.as_bytes())?;
        work.connection
            .prepare_cached(
                "INSERT INTO legal_holds (id, document, set_at, set_by, set_reason) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![hold, sequence, column::millis(work.system.now()), by, sealed])?;
        work.connection
            .prepare_cached("UPDATE deliveries SET forgettable = 0 WHERE document = ?1")?
            .execute(params![sequence])?;
        tell(work, sequence, "document.legal_hold")?;
    }
    Ok(Ok(views::by_sequence(work.connection, work.vault, sequence)?))
}

fn lift_hold(
    work: &mut Work<'_>,
    id: &str,
    by: &str,
    reason: &str,
) -> Result<Result<DocumentView, MoveRefused>, Fault> {
    let Some(sequence) = views::sequence_of(work.connection, id)? else { return Ok(Err(MoveRefused::NotFound)) };
    if let Some(hold) = open_hold(work.connection, sequence)? {
        let sealed = work.vault.seal(views::LIFTED_REASON, hold.as_bytes(), reason.as_bytes())?;
        work.connection
            .prepare_cached("UPDATE legal_holds SET lifted_at = ?2, lifted_by = ?3, lifted_reason = ?4 WHERE id = ?1")?
            .execute(params![hold, column::millis(work.system.now()), by, sealed])?;
        work.connection
            .prepare_cached(
                "UPDATE deliveries SET forgettable = 1 WHERE document =
                   (SELECT sequence FROM documents WHERE sequence = ?1 AND forgotten_at IS NULL)",
            )?
            .execute(params![sequence])?;
        tell(work, sequence, "document.legal_hold_lifted")?;
    }
    Ok(Ok(views::by_sequence(work.connection, work.vault, sequence)?))
}

fn open_hold(connection: &Connection, document: i64) -> Result<Option<String>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM legal_holds WHERE document = ?1 AND lifted_at IS NULL")?;
    Ok(statement.query_row(params![document], |row| row.get(0)).optional()?)
}

/// An event about a document; every document has a delivery.
fn tell(work: &mut Work<'_>, document: i64, kind: &str) -> Result<(), Fault> {
    let deliveries: Vec<Delivery> = moves::of_document(work.connection, document)?;
    match deliveries.first() {
        Some(delivery) => moves::tell(work, kind, delivery, &[]),
        None => Ok(()),
    }
}

fn keep_space(work: &mut Work<'_>, sample: SpaceSample) -> Result<(), Fault> {
    let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    work.connection
        .prepare_cached("INSERT OR REPLACE INTO space (at, free_bytes, kept_bytes) VALUES (?1, ?2, ?3)")?
        .execute(params![column::millis(sample.at), bytes(sample.free_bytes), bytes(sample.kept_bytes)])?;
    work.connection
        .prepare_cached("DELETE FROM space WHERE at NOT IN (SELECT at FROM space ORDER BY at DESC LIMIT ?1)")?
        .execute(params![SAMPLES_MAX])?;
    Ok(())
}

/// Reads the samples of room; also from a database that is only looked at.
fn space(connection: &Connection) -> Result<Vec<SpaceSample>, Fault> {
    let mut statement = connection.prepare_cached("SELECT at, free_bytes, kept_bytes FROM space ORDER BY at")?;
    let mut rows = statement.query([])?;
    let mut samples = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = |number: i64| u64::try_from(number).map_err(|_| unreadable("a size"));
        samples.push(SpaceSample {
            at: column::instant(row.get(0)?)?,
            free_bytes: bytes(row.get(1)?)?,
            kept_bytes: bytes(row.get(2)?)?,
        });
    }
    Ok(samples)
}

fn free_inside(connection: &Connection) -> Result<u64, Fault> {
    let number = |name: &str| -> Result<u64, Fault> {
        let number: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        u64::try_from(number).map_err(|_| unreadable("a size"))
    };
    Ok(number("freelist_count")?.saturating_mul(number("page_size")?))
}

/// The samples of room that a data folder holds, read without its keys; none where there are none.
pub fn space_kept(folder: &Path) -> Result<Vec<SpaceSample>, StoreError> {
    let file = folder.join(DATABASE_FILE);
    let read = || -> Result<Vec<SpaceSample>, Fault> {
        let connection = schema::open_archive(&file)?;
        if schema::is_outdated(&connection)? { Ok(Vec::new()) } else { space(&connection) }
    };
    if file.is_file() { read().map_err(|fault| fault.told()) } else { Ok(Vec::new()) }
}
