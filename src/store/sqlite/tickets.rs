//! Questions left open by an outage.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::Vault;
use super::super::ticket::{NewTicket, TICKETS_WAITING_MAX, TicketEnd, TicketState, TicketView};
use super::column;
use super::events::{self, About};
use super::fault::{Fault, unreadable};
use super::writer::Work;
use crate::domain::FacilityCode;

/// Tickets forgotten by one command at most: a few milliseconds of the writer's time.
const FORGOTTEN_AT_ONCE_MAX: u32 = 500;

const ASKED: &str = "tickets.asked";
const ANSWER: &str = "tickets.answer";

/// How many wait. Each ticket is opened after a look at this, in the writer's turn, so it reads an index and no row.
pub(super) const WAITING: &str = "SELECT count(*) FROM tickets INDEXED BY tickets_due WHERE state = 'waiting'";

/// Since when the first one waits. Without the index named, all that ended before it would be gone through.
const OLDEST: &str = "SELECT created_at FROM tickets WHERE sequence =
    (SELECT min(sequence) FROM tickets INDEXED BY tickets_due WHERE state = 'waiting')";

/// `$tail` is what stands behind the columns every look takes.
macro_rules! select_tickets {
    ($tail:literal) => {
        concat!(
            "SELECT id, sequence, facility, state, created_at, ended_at, tries, asked, answer, client FROM tickets ",
            $tail
        )
    };
}

/// Opens a ticket, or finds the open one of the same question; `None` if there are too many.
pub(super) fn open(work: &mut Work<'_>, new: &NewTicket) -> Result<Option<String>, Fault> {
    let open = work
        .connection
        .prepare_cached("SELECT id FROM tickets WHERE key_hash = ?1 AND state = 'waiting'")?
        .query_row(params![new.key], |row| row.get(0))
        .optional()?;
    if open.is_some() {
        return Ok(open);
    }
    if count_waiting(work.connection)? >= TICKETS_WAITING_MAX {
        return Ok(None);
    }
    let id = work.system.new_id("lkp");
    let asked = work.vault.seal(ASKED, id.as_bytes(), new.asked_json.as_bytes())?;
    work.connection
        .prepare_cached(
            "INSERT INTO tickets (id, key_hash, facility, asked, state, created_at, next_at, client)
             VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?6, ?7)",
        )?
        .execute(params![
            id,
            new.key,
            new.facility.as_str(),
            asked,
            column::millis(work.system.now()),
            column::millis(new.next_at),
            new.client
        ])?;
    Ok(Some(id))
}

/// Those to be asked again, the longest waiting first.
pub(super) fn due(connection: &Connection, vault: &Vault, now: Timestamp, most: u32) -> Result<Vec<TicketView>, Fault> {
    const DUE: &str = select_tickets!("WHERE state = 'waiting' AND next_at <= ?1 ORDER BY next_at, sequence LIMIT ?2");
    read(connection.prepare_cached(DUE)?.query(params![column::millis(now), most])?, vault)
}

/// Asked again in vain.
pub(super) fn postpone(work: &mut Work<'_>, id: &str, next_at: Timestamp) -> Result<(), Fault> {
    work.connection
        .prepare_cached("UPDATE tickets SET next_at = ?2, tries = tries + 1 WHERE id = ?1 AND state = 'waiting'")?
        .execute(params![id, column::millis(next_at)])?;
    Ok(())
}

/// Ends a ticket and tells of it; `false` if it had ended before.
pub(super) fn end(work: &mut Work<'_>, id: &str, end: &TicketEnd) -> Result<bool, Fault> {
    let answer = match &end.answer_json {
        Some(answer) => Some(work.vault.seal(ANSWER, id.as_bytes(), answer.as_bytes())?),
        None => None,
    };
    let facility: Option<String> = work
        .connection
        .prepare_cached(
            "UPDATE tickets SET state = ?2, ended_at = ?3, next_at = NULL, answer = ?4
             WHERE id = ?1 AND state = 'waiting' RETURNING facility",
        )?
        .query_row(params![id, end.state.name(), column::millis(work.system.now()), answer], |row| row.get(0))
        .optional()?;
    let Some(facility) = facility else { return Ok(false) };
    events::record(work, end.event, About::Facility(&column::facility(&facility)?), &end.event_json)?;
    Ok(true)
}

/// One ticket.
pub(super) fn by_id(connection: &Connection, vault: &Vault, id: &str) -> Result<Option<TicketView>, Fault> {
    const ONE: &str = select_tickets!("WHERE id = ?1");
    Ok(read(connection.prepare_cached(ONE)?.query(params![id])?, vault)?.pop())
}

pub(super) const PAGE: &str =
    select_tickets!("WHERE client = ?4 AND facility = ?1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3");

/// Tickets of one client for one facility before a position, newest first.
pub(super) fn page(
    connection: &Connection,
    vault: &Vault,
    client: &str,
    facility: &FacilityCode,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<TicketView>, Fault> {
    let before = before.unwrap_or(i64::MAX);
    read(connection.prepare_cached(PAGE)?.query(params![facility.as_str(), before, limit, client])?, vault)
}

/// How many wait, and since when the first one does.
pub(super) fn waiting(connection: &Connection) -> Result<(u64, Option<Timestamp>), Fault> {
    let oldest: Option<i64> = connection.prepare_cached(OLDEST)?.query_row([], |row| row.get(0)).optional()?;
    Ok((count_waiting(connection)?, oldest.map(column::instant).transpose()?))
}

fn count_waiting(connection: &Connection) -> Result<u64, Fault> {
    let count: i64 = connection.prepare_cached(WAITING)?.query_row([], |row| row.get(0))?;
    u64::try_from(count).map_err(|_| unreadable("a count"))
}

/// Forgets those that ended before `before`.
pub(super) fn forget(work: &mut Work<'_>, before: Timestamp) -> Result<u64, Fault> {
    let forgotten = work
        .connection
        .prepare_cached(
            "DELETE FROM tickets WHERE sequence IN
               (SELECT sequence FROM tickets WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
        )?
        .execute(params![column::millis(before), FORGOTTEN_AT_ONCE_MAX])?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
}

fn read(mut rows: rusqlite::Rows<'_>, vault: &Vault) -> Result<Vec<TicketView>, Fault> {
    let mut tickets = Vec::new();
    while let Some(row) = rows.next()? {
        tickets.push(ticket(row, vault)?);
    }
    Ok(tickets)
}

fn ticket(row: &Row<'_>, vault: &Vault) -> Result<TicketView, Fault> {
    let id: String = row.get(0)?;
    let unsealed = |sealed: Option<Vec<u8>>, name| -> Result<Option<String>, Fault> {
        let Some(sealed) = sealed else { return Ok(None) };
        let text = vault.unseal(name, id.as_bytes(), &sealed)?;
        String::from_utf8(text).map(Some).map_err(|_| unreadable("a ticket"))
    };
    Ok(TicketView {
        sequence: row.get(1)?,
        facility: column::facility(&row.get::<_, String>(2)?)?,
        state: TicketState::parse(&row.get::<_, String>(3)?).ok_or_else(|| unreadable("a ticket's state"))?,
        created_at: column::instant(row.get(4)?)?,
        ended_at: row.get::<_, Option<i64>>(5)?.map(column::instant).transpose()?,
        tries: column::count(row.get(6)?)?,
        asked_json: unsealed(row.get(7)?, ASKED)?.ok_or_else(|| unreadable("a ticket"))?,
        answer_json: unsealed(row.get(8)?, ANSWER)?,
        client: row.get(9)?,
        id,
    })
}
