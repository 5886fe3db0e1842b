//! Documents, contents and attempts as people see them, unsealed.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::retention::LegalHold;
use super::super::{AttemptView, DeliveryView, DocumentView, Vault};
use super::column;
use super::fault::{Fault, unreadable};
use crate::domain::Receipt;

// What sealed columns are bound to, beside their row.
pub(super) const KEYS: &str = "documents.keys";
pub(super) const WARNINGS: &str = "documents.warnings";
pub(super) const REPLACE_REASON: &str = "documents.replace_reason";
pub(super) const BODY: &str = "bodies.body";
pub(super) const WIRE: &str = "bodies.wire";
pub(super) const REASON: &str = "deliveries.reason";
pub(super) const REPLAY_REASON: &str = "deliveries.replay_reason";
pub(super) const RAW: &str = "attempts.raw";
pub(super) const HOLD_REASON: &str = "legal_holds.set_reason";
pub(super) const LIFTED_REASON: &str = "legal_holds.lifted_reason";

/// One document by its id.
pub(super) fn by_id(connection: &Connection, vault: &Vault, id: &str) -> Result<Option<DocumentView>, Fault> {
    match sequence_of(connection, id)? {
        Some(sequence) => by_sequence(connection, vault, sequence).map(Some),
        None => Ok(None),
    }
}

/// The position of a document.
pub(super) fn sequence_of(connection: &Connection, id: &str) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached("SELECT sequence FROM documents WHERE id = ?1")?;
    Ok(statement.query_row(params![id], |row| row.get(0)).optional()?)
}

/// One document that is there.
pub(super) fn by_sequence(connection: &Connection, vault: &Vault, sequence: i64) -> Result<DocumentView, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT d.id, d.facility, d.kind, d.client, d.keys, d.parts, d.records, d.version, d.sha256, d.size,
                d.received_at, d.warnings, d.replace_reason, d.forgotten_at, h.id, h.set_at, h.set_by, h.set_reason
         FROM documents d LEFT JOIN legal_holds h ON h.document = d.sequence AND h.lifted_at IS NULL
         WHERE d.sequence = ?1",
    )?;
    let mut rows = statement.query(params![sequence])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let id: String = row.get(0)?;
    let parts: String = row.get(5)?;
    Ok(DocumentView {
        sequence,
        facility: column::facility(&row.get::<_, String>(1)?)?,
        kind: column::kind(&row.get::<_, String>(2)?)?,
        client: row.get(3)?,
        keys: keys(vault, &id, blob(row, 4)?)?,
        parts: parts.split_whitespace().map(str::to_owned).collect(),
        records: column::count(row.get(6)?)?,
        version: column::count(row.get(7)?)?,
        sha256: row.get(8)?,
        size: u64::try_from(row.get::<_, i64>(9)?).map_err(|_| unreadable("a size"))?,
        received_at: column::instant(row.get(10)?)?,
        warnings_json: text(vault.unseal(WARNINGS, id.as_bytes(), blob(row, 11)?)?)?,
        replace_reason: sealed_text(vault, REPLACE_REASON, id.as_bytes(), row, 12)?,
        forgotten_at: row.get::<_, Option<i64>>(13)?.map(column::instant).transpose()?,
        legal_hold: legal_hold(vault, row)?,
        deliveries: deliveries(connection, vault, sequence, &id)?,
        id,
    })
}

/// The legal hold that is on a document, from the columns behind its own.
fn legal_hold(vault: &Vault, row: &Row<'_>) -> Result<Option<LegalHold>, Fault> {
    let Some(id) = row.get::<_, Option<String>>(14)? else { return Ok(None) };
    Ok(Some(LegalHold {
        since: column::instant(row.get(15)?)?,
        by: row.get(16)?,
        reason: text(vault.unseal(HOLD_REASON, id.as_bytes(), blob(row, 17)?)?)?,
    }))
}

/// Business keys, unsealed.
pub(super) fn keys(vault: &Vault, id: &str, sealed: &[u8]) -> Result<Vec<String>, Fault> {
    column::words(&vault.unseal(KEYS, id.as_bytes(), sealed)?)
}

/// What a delivery's sealed columns are bound to.
pub(super) fn delivery_row(document: &str, destination: &str) -> Vec<u8> {
    format!("{document}/{destination}").into_bytes()
}

/// The bytes as received; `None` if there is no such document or its bytes were forgotten.
pub(super) fn content(connection: &Connection, vault: &Vault, id: &str) -> Result<Option<Bytes>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT b.body FROM documents d JOIN bodies b ON b.document = d.sequence WHERE d.id = ?1")?;
    let mut rows = statement.query(params![id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Bytes::from(vault.unseal(BODY, id.as_bytes(), blob(row, 0)?)?)))
}

/// Every attempt of every delivery of a document.
pub(super) fn attempts(connection: &Connection, vault: &Vault, id: &str) -> Result<Vec<AttemptView>, Fault> {
    let Some(document) = sequence_of(connection, id)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT id, number, started_at, ended_at, outcome, stage, http_status, code, note, raw
         FROM attempts WHERE document = ?1 ORDER BY destination, number",
    )?;
    let mut rows = statement.query(params![document])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let token: i64 = row.get(0)?;
        let raw = match row.get_ref(9)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            Some(sealed) => Bytes::from(vault.unseal(RAW, &token.to_be_bytes(), sealed)?),
            None => Bytes::new(),
        };
        attempts.push(AttemptView {
            number: column::count(row.get(1)?)?,
            started_at: column::instant(row.get(2)?)?,
            ended_at: row.get::<_, Option<i64>>(3)?.map(column::instant).transpose()?,
            outcome: row.get(4)?,
            stage: row.get(5)?,
            http_status: row.get(6)?,
            code: row.get(7)?,
            note: row.get(8)?,
            raw,
        });
    }
    Ok(attempts)
}

/// A column that must hold bytes.
pub(super) fn blob<'a>(row: &'a Row<'_>, index: usize) -> Result<&'a [u8], Fault> {
    Ok(row.get_ref(index)?.as_blob().map_err(rusqlite::Error::from)?)
}

fn deliveries(connection: &Connection, vault: &Vault, document: i64, id: &str) -> Result<Vec<DeliveryView>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT destination, state, reason, next_at, attempts, receipt_code, receipt_received_at, changed_at
         FROM deliveries WHERE document = ?1 ORDER BY destination",
    )?;
    let mut rows = statement.query(params![document])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        let destination: String = row.get(0)?;
        let received_at: Option<String> = row.get(6)?;
        deliveries.push(DeliveryView {
            state: column::state(&row.get::<_, String>(1)?)?,
            reason: sealed_text(vault, REASON, &delivery_row(id, &destination), row, 2)?,
            next_at: row.get::<_, Option<i64>>(3)?.map(column::instant).transpose()?,
            attempts: column::count(row.get(4)?)?,
            receipt: row.get::<_, Option<String>>(5)?.map(|code| Receipt { code, received_at }),
            changed_at: column::instant(row.get(7)?)?,
            destination,
        });
    }
    Ok(deliveries)
}

fn sealed_text(
    vault: &Vault,
    table: &str,
    bound_to: &[u8],
    row: &Row<'_>,
    index: usize,
) -> Result<Option<String>, Fault> {
    match row.get_ref(index)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(sealed) => text(vault.unseal(table, bound_to, sealed)?).map(Some),
        None => Ok(None),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| unreadable("a text"))
}
