//! The directory of officers.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{OFFICERS_MAX, OfficerRow, OfficersImported, StoreError, Vault};
use super::column;
use super::fault::{Fault, unreadable};
use super::writer::Work;
use crate::domain::{FacilityCode, NationalId, Officer, PersonName};

const SEALED_AS: &str = "officers.sealed";

/// A row as it goes to the disk. Made before the queue, so that a large import does not hold the writer up.
pub(super) struct Sealed {
    key_hash: [u8; 32],
    facility: Option<FacilityCode>,
    is_default: bool,
    sealed: Vec<u8>,
}

impl Sealed {
    pub(super) fn of(row: &OfficerRow, vault: &Vault) -> Result<Self, StoreError> {
        let key_hash = key_hash(vault, &row.staff_id, row.facility.as_ref());
        let Officer { name, national_id } = &row.officer;
        let plain = column::list([row.staff_id.as_str(), name.as_str(), national_id.as_str()]);
        let sealed = vault.seal(SEALED_AS, &key_hash, plain.as_bytes())?;
        Ok(Self { key_hash, facility: row.facility, is_default: row.is_default, sealed })
    }

    /// Bytes it will write, about.
    pub(super) fn weight(&self) -> usize {
        self.sealed.len() + 64
    }

    fn facility(&self) -> &str {
        self.facility.as_ref().map_or("", FacilityCode::as_str)
    }
}

/// Keeps rows, in the place of those of the same staff id and facility; with `replace`, in the place of all. `None` if
/// the directory would hold too many; then nothing is changed.
pub(super) fn import(
    work: &mut Work<'_>,
    rows: &[Sealed],
    replace: bool,
    at: Timestamp,
) -> Result<Option<OfficersImported>, Fault> {
    let connection = work.connection;
    let before: i64 = connection.query_row("SELECT count(*) FROM officers", [], |row| row.get(0))?;
    let before = usize::try_from(before).map_err(|_| unreadable("a count"))?;
    let mut changed = 0;
    for row in rows {
        let mut known = connection.prepare_cached("SELECT 1 FROM officers WHERE key_hash = ?1")?;
        changed += usize::from(known.exists(params![row.key_hash])?);
    }
    let added = rows.len() - changed;
    let kept = if replace { changed } else { before };
    if kept + added > OFFICERS_MAX {
        return Ok(None);
    }
    if replace {
        connection.execute("DELETE FROM officers", [])?;
    }
    for row in rows {
        put(work, row, at)?;
    }
    count_up(work)?;
    Ok(Some(OfficersImported { added, changed, removed: before - kept }))
}

/// A facility has one default officer: the latest that was named so.
fn put(work: &Work<'_>, row: &Sealed, at: Timestamp) -> Result<(), Fault> {
    let connection = work.connection;
    let sealed = work.vault.renewed(SEALED_AS, &row.key_hash, &row.sealed)?;
    if row.is_default {
        connection
            .prepare_cached("UPDATE officers SET is_default = 0 WHERE facility = ?1 AND is_default = 1")?
            .execute(params![row.facility()])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO officers (key_hash, facility, is_default, sealed, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (key_hash) DO UPDATE
             SET is_default = excluded.is_default, sealed = excluded.sealed, changed_at = excluded.changed_at",
        )?
        .execute(params![row.key_hash, row.facility(), row.is_default, sealed, column::millis(at)])?;
    Ok(())
}

/// Whether there was such a row.
pub(super) fn remove(work: &mut Work<'_>, staff_id: &str, facility: Option<&FacilityCode>) -> Result<bool, Fault> {
    let key_hash = key_hash(work.vault, staff_id, facility);
    let removed = work.connection.execute("DELETE FROM officers WHERE key_hash = ?1", params![key_hash])?;
    if removed > 0 {
        count_up(work)?;
    }
    Ok(removed > 0)
}

pub(super) fn all(connection: &Connection, vault: &Vault) -> Result<Vec<OfficerRow>, Fault> {
    let mut statement = connection.prepare_cached("SELECT key_hash, facility, is_default, sealed FROM officers")?;
    let mut rows = statement.query([])?;
    let mut officers = Vec::new();
    while let Some(row) = rows.next()? {
        officers.push(read(row, vault)?);
    }
    Ok(officers)
}

pub(super) fn version(connection: &Connection) -> Result<i64, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = 'officers_version'")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?.unwrap_or_default())
}

fn read(row: &Row<'_>, vault: &Vault) -> Result<OfficerRow, Fault> {
    let key_hash: [u8; 32] = row.get(0)?;
    let facility: String = row.get(1)?;
    let sealed = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    let plain = column::words(&vault.unseal(SEALED_AS, &key_hash, sealed)?)?;
    let [staff_id, name, national_id] = plain.try_into().map_err(|_| unreadable("an officer"))?;
    Ok(OfficerRow {
        staff_id,
        officer: Officer {
            name: PersonName::parse(&name).map_err(|_| unreadable("an officer's name"))?,
            national_id: NationalId::parse(&national_id).map_err(|_| unreadable("an officer's id"))?,
        },
        facility: if facility.is_empty() { None } else { Some(column::facility(&facility)?) },
        is_default: row.get(2)?,
    })
}

fn key_hash(vault: &Vault, staff_id: &str, facility: Option<&FacilityCode>) -> [u8; 32] {
    let facility = facility.map_or("", FacilityCode::as_str);
    vault.keyed_hash("officer", &[facility.as_bytes(), staff_id.as_bytes()])
}

fn count_up(work: &mut Work<'_>) -> Result<(), Fault> {
    work.connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'officers_version'", [])?;
    Ok(())
}
