//! What is on its way to webhook endpoints.
//!
//! An endpoint's cursor walks the feed; what it passes and the endpoint wants gets a row, in the same transaction. Rows of
//! one line (a document, or a family of events) are sent one after the other; other lines go on meanwhile. A row beyond the
//! cursor is there only after the cursor was put back, and waits until it comes by again: so what is sent is always all
//! there is of its line up to then.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::super::super::Vault;
use super::super::super::webhooks::{PAGE_MAX, WAITING_MAX};
use super::super::column;
use super::super::events;
use super::super::fault::Fault;
use super::super::writer::Work;
use super::{DueHook, HookDelivery, HookEnd, HookWork, Recovery, details};
use crate::domain::FacilityCode;
use crate::store::webhooks::HookFate;

/// Events put on their way by one command: a millisecond or two of the writer.
const QUEUED_AT_ONCE_MAX: u32 = 200;

/// Ended deliveries forgotten by one command at most.
const FORGOTTEN_AT_ONCE_MAX: u32 = 500;

/// The endpoints that are sent to.
const SENT_TO: &str =
    "SELECT e.sequence, e.id, e.details, e.kinds, e.secret, e.old_secret, e.old_secret_until, e.failures,
      e.failing_since, e.rest_until, e.cursor, c.facilities
    FROM webhook_endpoints e JOIN clients c ON c.id = e.client AND c.revoked_at IS NULL
    WHERE e.state = 'on' ORDER BY e.sequence";

/// What may be sent: the first of each line, when its time has come. The index is named, because by the primary key every
/// delivery of the week would be looked at for each that waits.
pub(in super::super) const DUE: &str = "SELECT v.event, v.tries, v.queued_at FROM webhook_deliveries v
    WHERE v.endpoint = ?1 AND v.state = 'waiting' AND v.next_at <= ?2 AND v.event <= ?3
      AND v.event NOT IN (SELECT value FROM json_each(?4))
      AND NOT EXISTS (
        SELECT 1 FROM webhook_deliveries earlier INDEXED BY webhook_deliveries_line
        WHERE earlier.endpoint = v.endpoint AND earlier.line = v.line AND earlier.state = 'waiting'
          AND earlier.event < v.event)
    ORDER BY v.next_at, v.event LIMIT ?5";

pub(in super::super) const NEXT: &str =
    "SELECT min(next_at) FROM webhook_deliveries WHERE endpoint = ?1 AND state = 'waiting' AND next_at > ?2";

/// How many are on their way; those beyond the cursor count once it comes by.
pub(in super::super) const WAITING: &str = "SELECT count(*) FROM webhook_deliveries INDEXED BY webhook_deliveries_due WHERE endpoint = ?1 AND state = 'waiting' AND event <= ?2";

pub(in super::super) const PAGE: &str = "SELECT v.event, e.id, e.kind, v.state, v.tries, v.queued_at, v.next_at,
      v.last_at, v.http_status, v.fault, v.ended_at
    FROM webhook_deliveries v LEFT JOIN events e ON e.sequence = v.event
    WHERE v.endpoint = ?1 AND v.event < ?2 ORDER BY v.event DESC LIMIT ?3";

pub(super) fn work(
    connection: &Connection,
    vault: &Vault,
    now: Timestamp,
    in_hand: &[(i64, i64)],
    most: u32,
    trial_after: u32,
) -> Result<Vec<HookWork>, Fault> {
    let mut statement = connection.prepare_cached(SENT_TO)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (sequence, id): (i64, String) = (row.get(0)?, row.get(1)?);
        let secrets = super::signing(vault, &id, now, row, 4)?;
        let failures = column::count(row.get(7)?)?;
        let rest_until = row.get::<_, Option<i64>>(9)?.map(column::instant).transpose()?;
        let cursor: i64 = row.get(10)?;
        let own: Vec<i64> =
            in_hand.iter().filter(|(endpoint, _)| *endpoint == sequence).map(|(_, event)| *event).collect();
        // One that fails is tried with one event at a time, and the rest wait for how that goes.
        let places = u32::try_from(own.len()).unwrap_or(u32::MAX);
        let room = if failures >= trial_after { 1 } else { most }.saturating_sub(places);
        let rests = rest_until.is_some_and(|until| until > now);
        let due =
            if rests || room == 0 { Vec::new() } else { due(connection, vault, sequence, now, cursor, &own, room)? };
        let next: Option<i64> =
            connection.prepare_cached(NEXT)?.query_row(params![sequence, column::millis(now)], |row| row.get(0))?;
        let facilities = column::words(row.get::<_, String>(11)?.as_bytes())?;
        let has_room = waiting(connection, sequence, cursor)? < WAITING_MAX;
        all.push(HookWork {
            url: details(vault, &id, row, 2, 3)?.url,
            sequence,
            id,
            secrets,
            failures,
            failing_since: row.get::<_, Option<i64>>(8)?.map(column::instant).transpose()?,
            has_news: has_room && has_news(connection, cursor, &facilities)?,
            due,
            next_at: rest_until.filter(|_| rests).or(next.map(column::instant).transpose()?),
        });
    }
    Ok(all)
}

fn due(
    connection: &Connection,
    vault: &Vault,
    endpoint: i64,
    now: Timestamp,
    cursor: i64,
    in_hand: &[i64],
    most: u32,
) -> Result<Vec<DueHook>, Fault> {
    let in_hand = Value::from(in_hand.to_vec()).to_string();
    let mut statement = connection.prepare_cached(DUE)?;
    let mut rows = statement.query(params![endpoint, column::millis(now), cursor, in_hand, most])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        due.push(DueHook {
            sequence: row.get(0)?,
            event: events::find(connection, vault, row.get(0)?)?,
            tries: column::count(row.get(1)?)?,
            queued_at: column::instant(row.get(2)?)?,
        });
    }
    Ok(due)
}

fn has_news(connection: &Connection, cursor: i64, facilities: &[String]) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(events::POSITIONS)?;
    for facility in std::iter::once("").chain(facilities.iter().map(String::as_str)) {
        if statement.query_row(params![facility, cursor, 1], |row| row.get::<_, i64>(0)).optional()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The facilities of a client, none if it was revoked.
pub(super) fn facilities(connection: &Connection, client: &str) -> Result<Vec<String>, Fault> {
    let listed: Option<String> = connection
        .prepare_cached("SELECT facilities FROM clients WHERE id = ?1 AND revoked_at IS NULL")?
        .query_row(params![client], |row| row.get(0))
        .optional()?;
    column::words(listed.unwrap_or_else(|| "[]".to_owned()).as_bytes())
}

/// When the first event behind the cursor happened.
pub(super) fn first_unread(
    connection: &Connection,
    cursor: i64,
    facilities: &[String],
) -> Result<Option<Timestamp>, Fault> {
    let mut statement = connection.prepare_cached(events::POSITIONS)?;
    let mut first: Option<i64> = None;
    for facility in std::iter::once("").chain(facilities.iter().map(String::as_str)) {
        let found = statement.query_row(params![facility, cursor, 1], |row| row.get::<_, i64>(0)).optional()?;
        first = [first, found].into_iter().flatten().min();
    }
    let Some(first) = first else { return Ok(None) };
    let at = connection
        .prepare_cached("SELECT at FROM events WHERE sequence = ?1")?
        .query_row(params![first], |row| row.get(0))?;
    column::instant(at).map(Some)
}

pub(super) fn waiting(connection: &Connection, endpoint: i64, cursor: i64) -> Result<u32, Fault> {
    Ok(connection.prepare_cached(WAITING)?.query_row(params![endpoint, cursor], |row| row.get(0))?)
}

/// Moves the cursor on, and puts what it passes on its way.
pub(super) fn queue(work: &mut Work<'_>, endpoint: i64) -> Result<u64, Fault> {
    let found = work
        .connection
        .prepare_cached("SELECT client, cursor, kinds FROM webhook_endpoints WHERE sequence = ?1 AND state = 'on'")?
        .query_row(params![endpoint], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((client, cursor, kinds)) = found else { return Ok(0) };
    let wish = super::HookDetails { url: String::new(), name: String::new(), kinds: column::words(kinds.as_bytes())? };
    let room = WAITING_MAX.saturating_sub(waiting(work.connection, endpoint, cursor)?).min(QUEUED_AT_ONCE_MAX);
    if room == 0 {
        return Ok(0);
    }
    let codes = facilities(work.connection, &client)?;
    let codes: Vec<FacilityCode> = codes.iter().map(|code| column::facility(code)).collect::<Result<_, _>>()?;
    let found = events::positions_after(work.connection, cursor, room, &codes)?;
    let Some(last) = found.last().copied() else { return Ok(0) };
    let now = column::millis(work.system.now());
    let passed = u64::try_from(found.len()).unwrap_or(u64::MAX);
    for position in found {
        let (kind, document): (String, Option<i64>) = work
            .connection
            .prepare_cached("SELECT kind, document FROM events WHERE sequence = ?1")?
            .query_row(params![position], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if !wish.wants(&kind) {
            continue;
        }
        let family = || kind.split('.').next().unwrap_or_default().to_owned();
        let line = document.map_or_else(family, |document| format!("d{document}"));
        work.connection
            .prepare_cached(
                "INSERT INTO webhook_deliveries (endpoint, event, line, state, queued_at, next_at)
                 VALUES (?1, ?2, ?3, 'waiting', ?4, ?4)
                 ON CONFLICT DO UPDATE SET state = 'waiting', tries = 0, queued_at = ?4, next_at = ?4, ended_at = NULL",
            )?
            .execute(params![endpoint, position, line, now])?;
    }
    work.connection
        .prepare_cached("UPDATE webhook_endpoints SET cursor = ?2 WHERE sequence = ?1")?
        .execute(params![endpoint, last])?;
    Ok(passed)
}

pub(super) fn settle(work: &mut Work<'_>, endpoint: i64, event: i64, end: &HookEnd) -> Result<(), Fault> {
    let now = column::millis(work.system.now());
    let (state, next_at) = match end.fate {
        HookFate::Delivered => ("delivered", None),
        HookFate::Again(at) => ("waiting", Some(column::millis(at))),
        HookFate::GivenUp | HookFate::Forgotten => ("failed", None),
    };
    work.connection
        .prepare_cached(
            "UPDATE webhook_deliveries SET state = ?3, next_at = ?4, tries = tries + 1, last_at = ?5, http_status = ?6,
               fault = ?7, ended_at = iif(?4 IS NULL, ?5, NULL)
             WHERE endpoint = ?1 AND event = ?2 AND state = 'waiting'",
        )?
        .execute(params![endpoint, event, state, next_at, now, end.http_status, end.fault])?;
    if end.fate == HookFate::Delivered {
        return succeed(work, endpoint, now);
    }
    if end.fate == HookFate::Forgotten {
        return Ok(());
    }
    work.connection
        .prepare_cached(
            "UPDATE webhook_endpoints SET failures = failures + 1, failing_since = coalesce(failing_since, ?2),
               rest_until = ?3, state = iif(?4 IS NULL OR state <> 'on', state, 'disabled'),
               reason = iif(?4 IS NULL OR state <> 'on', reason, ?4)
             WHERE sequence = ?1",
        )?
        .execute(params![endpoint, now, end.rest_until.map(column::millis), end.disable])?;
    Ok(())
}

/// An endpoint that takes one event again is given at once what waited for it.
fn succeed(work: &mut Work<'_>, endpoint: i64, now: i64) -> Result<(), Fault> {
    let rested: Option<i64> = work
        .connection
        .prepare_cached("SELECT rest_until FROM webhook_endpoints WHERE sequence = ?1")?
        .query_row(params![endpoint], |row| row.get(0))
        .optional()?
        .flatten();
    if rested.is_some() {
        work.connection
            .prepare_cached(
                "UPDATE webhook_deliveries SET next_at = ?2
                 WHERE endpoint = ?1 AND state = 'waiting' AND next_at > ?2",
            )?
            .execute(params![endpoint, now])?;
    }
    work.connection
        .prepare_cached(
            "UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, rest_until = NULL, last_success_at = ?2
             WHERE sequence = ?1",
        )?
        .execute(params![endpoint, now])?;
    Ok(())
}

pub(super) fn page(
    connection: &Connection,
    endpoint: i64,
    before: Option<i64>,
    limit: u32,
) -> Result<(Vec<HookDelivery>, bool), Fault> {
    let limit = limit.clamp(1, PAGE_MAX);
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![endpoint, before.unwrap_or(i64::MAX), limit + 1])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let maybe = |index: usize| -> Result<Option<Timestamp>, Fault> {
            row.get::<_, Option<i64>>(index)?.map(column::instant).transpose()
        };
        found.push(HookDelivery {
            sequence: row.get(0)?,
            event: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
            kind: row.get(2)?,
            state: row.get(3)?,
            tries: column::count(row.get(4)?)?,
            queued_at: column::instant(row.get(5)?)?,
            next_at: maybe(6)?,
            last_at: maybe(7)?,
            http_status: row.get(8)?,
            fault: row.get(9)?,
            ended_at: maybe(10)?,
        });
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

pub(super) fn redeliver(work: &mut Work<'_>, endpoint: i64, event: &str) -> Result<bool, Fault> {
    let Some(position) = events::sequence_of(work.connection, event)? else { return Ok(false) };
    let ordered = again(work, "endpoint = ?1 AND event = ?3", endpoint, position)?;
    work.wakes |= ordered > 0;
    Ok(ordered > 0)
}

pub(super) fn recover(work: &mut Work<'_>, endpoint: i64, wish: Recovery) -> Result<u64, Fault> {
    let Some(first) = first_since(work, wish.since)? else { return Ok(0) };
    work.wakes = true;
    if wish.failed_only {
        return again(work, "endpoint = ?1 AND event >= ?3 AND state = 'failed'", endpoint, first);
    }
    let unread: i64 = work
        .connection
        .prepare_cached("SELECT cursor - ?2 + 1 FROM webhook_endpoints WHERE sequence = ?1")?
        .query_row(params![endpoint, first], |row| row.get(0))?;
    work.connection
        .prepare_cached("UPDATE webhook_endpoints SET cursor = min(cursor, ?2) WHERE sequence = ?1")?
        .execute(params![endpoint, first - 1])?;
    // Those of other facilities and kinds are counted too: how many it will be shows as they are put on their way.
    Ok(u64::try_from(unread).unwrap_or(0))
}

/// The first event of a time or later, by halving the feed: its order is that of time but for the clock's own jumps.
fn first_since(work: &Work<'_>, since: Timestamp) -> Result<Option<i64>, Fault> {
    let bounds = "SELECT min(sequence), max(sequence) FROM events";
    let (Some(mut low), Some(last)) = work
        .connection
        .query_row(bounds, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))?
    else {
        return Ok(None);
    };
    let mut high = last + 1;
    let mut next = work
        .connection
        .prepare_cached("SELECT sequence, at FROM events WHERE sequence >= ?1 ORDER BY sequence LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let (position, at): (i64, i64) = next.query_row(params![middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if at < column::millis(since) {
            low = position + 1;
        } else {
            high = middle;
        }
    }
    Ok((low <= last).then_some(low))
}

/// Puts rows on their way again, as if they had never been tried.
fn again(work: &mut Work<'_>, condition: &str, endpoint: i64, event: i64) -> Result<u64, Fault> {
    let now = column::millis(work.system.now());
    let changed = work
        .connection
        .prepare_cached(&format!(
            "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, queued_at = ?2, next_at = ?2, ended_at = NULL
             WHERE {condition}"
        ))?
        .execute(params![endpoint, now, event])?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

/// Forgets deliveries that ended before `before`, and endpoints of clients revoked before it: nobody else could remove them.
pub(super) fn forget(work: &mut Work<'_>, before: Timestamp) -> Result<u64, Fault> {
    let orphan: Option<i64> = work
        .connection
        .prepare_cached(
            "SELECT e.sequence FROM webhook_endpoints e JOIN clients c ON c.id = e.client WHERE c.revoked_at < ?1 LIMIT 1",
        )?
        .query_row(params![column::millis(before)], |row| row.get(0))
        .optional()?;
    if let Some(endpoint) = orphan {
        let piece = "DELETE FROM webhook_deliveries WHERE endpoint = ?1 AND event IN
                       (SELECT event FROM webhook_deliveries WHERE endpoint = ?1 LIMIT ?2)";
        let forgotten = work.connection.prepare_cached(piece)?.execute(params![endpoint, FORGOTTEN_AT_ONCE_MAX])?;
        if forgotten == 0 {
            work.connection.execute("DELETE FROM webhook_endpoints WHERE sequence = ?1", params![endpoint])?;
        }
        return Ok(u64::try_from(forgotten).unwrap_or(u64::MAX).max(1));
    }
    let forgotten = work
        .connection
        .prepare_cached(
            "DELETE FROM webhook_deliveries WHERE (endpoint, event) IN
               (SELECT endpoint, event FROM webhook_deliveries WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
        )?
        .execute(params![column::millis(before), FORGOTTEN_AT_ONCE_MAX])?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
}
