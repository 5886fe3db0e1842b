//! The portal's last answers, for the time when it does not answer.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::{LastKnown, Vault};
use super::column;
use super::fault::Fault;
use super::writer::Work;

/// Answers forgotten by one command at most: a few milliseconds of the writer's time.
const FORGOTTEN_AT_ONCE_MAX: u32 = 500;

const SEALED_AS: &str = "last_known.raw";

pub(super) fn find(connection: &Connection, vault: &Vault, key: &[u8; 32]) -> Result<Option<LastKnown>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT code, raw, answered_at FROM last_known WHERE key_hash = ?1")?;
    let mut rows = statement.query(params![key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let raw = vault.unseal(SEALED_AS, key, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
    Ok(Some(LastKnown { code: row.get(0)?, raw: Bytes::from(raw), answered_at: column::instant(row.get(2)?)? }))
}

/// Keeps an answer, unless a later one is kept already.
pub(super) fn keep(work: &mut Work<'_>, key: &[u8; 32], answer: &LastKnown) -> Result<(), Fault> {
    let raw = work.vault.seal(SEALED_AS, key, &answer.raw)?;
    work.connection
        .prepare_cached(
            "INSERT INTO last_known (key_hash, code, raw, answered_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key_hash) DO UPDATE
             SET code = excluded.code, raw = excluded.raw, answered_at = excluded.answered_at
             WHERE excluded.answered_at >= answered_at",
        )?
        .execute(params![key, answer.code, raw, column::millis(answer.answered_at)])?;
    Ok(())
}

/// Forgets the oldest ones from before `before`.
pub(super) fn forget(work: &mut Work<'_>, before: Timestamp) -> Result<u64, Fault> {
    let forgotten = work
        .connection
        .prepare_cached(
            "DELETE FROM last_known WHERE rowid IN
               (SELECT rowid FROM last_known WHERE answered_at < ?1 ORDER BY answered_at LIMIT ?2)",
        )?
        .execute(params![column::millis(before), FORGOTTEN_AT_ONCE_MAX])?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
}
