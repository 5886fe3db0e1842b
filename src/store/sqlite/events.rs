//! The feed. Its order is the order of commits: there is one writer, so no event ever appears before one that was read
//! already.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{DocumentInEvent, EventView, Vault};
use super::column;
use super::fault::Fault;
use super::moves::Delivery;
use super::views;
use super::writer::Work;
use crate::domain::FacilityCode;

/// Events given at once at most, as many as the API's largest page.
const PAGE_MAX: u32 = 500;

/// What an event is about, which decides who sees it.
pub(super) enum About<'a> {
    /// A delivery: whoever may see its facility's documents.
    Delivery(&'a Delivery),
    /// Something of one facility.
    Facility(&'a FacilityCode),
    /// The gateway or the portal: everybody.
    Everybody,
}

/// Records an event.
pub(super) fn record(work: &mut Work<'_>, kind: &str, about: About<'_>, data_json: &str) -> Result<(), Fault> {
    let (facility, document, destination) = match about {
        About::Delivery(delivery) => {
            (delivery.facility.as_str(), Some(delivery.document), Some(delivery.destination.as_str()))
        }
        About::Facility(facility) => (facility.as_str(), None, None),
        About::Everybody => ("", None, None),
    };
    work.connection
        .prepare_cached(
            "INSERT INTO events (id, at, kind, facility, document, destination, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            work.system.new_id("evt"),
            column::millis(work.system.now()),
            kind,
            facility,
            document,
            destination,
            data_json
        ])?;
    work.wakes = true;
    Ok(())
}

/// Records an event of one facility that is about no document.
pub(super) fn record_of(
    work: &mut Work<'_>,
    kind: &str,
    facility: &FacilityCode,
    data_json: &str,
) -> Result<(), Fault> {
    work.connection
        .prepare_cached("INSERT INTO events (id, at, kind, facility, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            work.system.new_id("evt"),
            column::millis(work.system.now()),
            kind,
            facility.as_str(),
            data_json
        ])?;
    work.wakes = true;
    Ok(())
}

/// A page of the feed.
pub(super) fn after(
    connection: &Connection,
    vault: &Vault,
    sequence: i64,
    limit: u32,
    facilities: &[FacilityCode],
) -> Result<Vec<EventView>, Fault> {
    let found = positions_after(connection, sequence, limit, facilities)?;
    found.into_iter().map(|position| view(connection, vault, position)).collect()
}

/// The positions of a page of the feed, in order.
pub(super) fn positions_after(
    connection: &Connection,
    sequence: i64,
    limit: u32,
    facilities: &[FacilityCode],
) -> Result<Vec<i64>, Fault> {
    let limit = limit.clamp(1, PAGE_MAX);
    // One look at the index for each facility: a caller with one small facility must not wade through all the others.
    let mut found = Vec::new();
    let mut positions = connection.prepare_cached(POSITIONS)?;
    for facility in std::iter::once("").chain(facilities.iter().map(FacilityCode::as_str)) {
        for position in positions.query_map(params![facility, sequence, limit], |row| row.get::<_, i64>(0))? {
            found.push(position?);
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub(super) const POSITIONS: &str =
    "SELECT sequence FROM events WHERE facility = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";

/// The position of an event.
pub(super) fn sequence_of(connection: &Connection, id: &str) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached("SELECT sequence FROM events WHERE id = ?1")?;
    Ok(statement.query_row(params![id], |row| row.get(0)).optional()?)
}

/// One event, if it is still there.
pub(super) fn find(connection: &Connection, vault: &Vault, position: i64) -> Result<Option<EventView>, Fault> {
    match view(connection, vault, position) {
        Err(Fault::Sql(rusqlite::Error::QueryReturnedNoRows)) => Ok(None),
        found => found.map(Some),
    }
}

fn view(connection: &Connection, vault: &Vault, position: i64) -> Result<EventView, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT id, at, kind, document, destination, data FROM events WHERE sequence = ?1")?;
    let mut rows = statement.query(params![position])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let document = match row.get::<_, Option<i64>>(3)? {
        Some(document) => Some(about(connection, vault, document, row.get(4)?)?),
        None => None,
    };
    Ok(EventView {
        id: row.get(0)?,
        sequence: position,
        at: column::instant(row.get(1)?)?,
        kind: row.get(2)?,
        document,
        data_json: row.get(5)?,
    })
}

fn about(connection: &Connection, vault: &Vault, document: i64, destination: String) -> Result<DocumentInEvent, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT id, facility, kind, keys FROM documents WHERE sequence = ?1")?;
    let mut rows = statement.query(params![document])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let id: String = row.get(0)?;
    Ok(DocumentInEvent {
        facility: column::facility(&row.get::<_, String>(1)?)?,
        kind: column::kind(&row.get::<_, String>(2)?)?,
        destination,
        keys: views::keys(vault, &id, row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?,
        id,
    })
}
