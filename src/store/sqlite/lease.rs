//! Taking what is due, settling how it went, and dealing with answers that were lost.
//!
//! A delivery is leased only while no earlier document of one of its keys waits, is under way or is held: the same record
//! never overtakes itself. A delivery that was under way when the process ended before is a suspect: at most one of them is
//! under way at a time, so that the one the process dies of is told from those that were merely there.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::{Counts, End, INTERRUPTED, Lease, LeaseWish, Leased, Lost, Recovered, Settlement, StoreError};
use super::column;
use super::due_times;
use super::fault::{Fault, unreadable};
use super::moves::{self, Change, Delivery, select_deliveries};
use super::views;
use super::writer::Work;
use crate::document::Kind;
use crate::domain::delivery::{CRASHED_THE_SENDER, INTERRUPTED_MAX};
use crate::domain::{DeliveryState, FacilityCode};
use crate::system;

use DeliveryState::{Acknowledged, Failed, Queued, Sending, Unknown};

/// Deliveries recovered by one command at most, so that the writer is not kept from others.
pub(super) const RECOVERED_AT_ONCE_MAX: u64 = 200;

/// Deliveries leased at once at most.
const LEASED_MAX: u32 = 256;

/// Bytes leased at once, about: all of them are in memory until they are sent.
const LEASED_BYTES_MAX: usize = 64 << 20;

/// What is due of one kind and allowed, the longest due first. The facilities are a JSON array. A kind at a time, so that
/// the backlog of a service that rests is not looked at for the sake of the others; what it reads of a facility that is
/// paused stands in the index.
macro_rules! due {
    ($suspects:literal) => {
        concat!(
            "SELECT v.next_at, v.document, v.destination FROM deliveries v
    WHERE v.state = 'queued' AND v.interrupted ",
            $suspects,
            " AND v.kind = ?2 AND v.next_at <= ?1
      AND v.facility NOT IN (SELECT value FROM json_each(?3))
      AND NOT EXISTS (
        SELECT 1 FROM document_keys mine
        JOIN document_keys older ON older.key_hash = mine.key_hash AND older.facility = mine.facility
                                AND older.kind = mine.kind AND older.sequence < mine.sequence
        JOIN deliveries first ON first.document = older.sequence AND first.destination = v.destination
        WHERE mine.sequence = v.document AND first.state IN ('queued', 'sending', 'held'))
    ORDER BY v.next_at, v.document LIMIT ?4"
        )
    };
}
pub(super) const DUE: &str = due!("= 0");

/// The same of those that broke off before.
pub(super) const SUSPECT: &str = due!("> 0");

/// Whether one of those is under way.
const SUSPECT_UNDER_WAY: &str = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'sending' AND interrupted > 0)";

pub(super) const NEXT_DUE: &str = "SELECT min(next_at) FROM deliveries WHERE state = 'queued' AND next_at > ?1";

pub(super) const LOST: &str = select_deliveries!(
    "WHERE v.state = 'sending' AND v.lease_until <= ?1 AND v.token NOT IN (SELECT value FROM json_each(?3))
         ORDER BY v.lease_until LIMIT ?2"
);

/// A delivery whose answer was given up for lost before it came, and whose last attempt this was.
const GIVEN_UP: &str = select_deliveries!(
    "WHERE d.id = ?1 AND v.destination = ?2 AND v.state IN ('unknown', 'queued') AND ?3 =
       (SELECT max(a.id) FROM attempts a WHERE a.document = v.document AND a.destination = v.destination)"
);

/// Leases what is due.
pub(super) fn take(work: &mut Work<'_>, want: &LeaseWish) -> Result<Vec<Leased>, Fault> {
    let now = work.system.now();
    let excluded = column::list(want.facilities_excluded.iter().map(FacilityCode::as_str));
    let until = system::after(now, want.lease_for);
    let most = usize::try_from(want.most.min(LEASED_MAX)).unwrap_or(0);
    let mut leased = Vec::new();
    let mut bytes = 0;
    // Unreadable ones are parked and others taken in their place: an empty answer means that nothing is due.
    for _ in 0..=most {
        // All are chosen before any is moved, so of one key only the oldest is chosen.
        let room = i64::try_from(most.saturating_sub(leased.len())).unwrap_or(0);
        let look = |query: &str, kind: Kind, most: i64| -> Result<Vec<(i64, i64, String)>, Fault> {
            let mut statement = work.connection.prepare_cached(query)?;
            let wanted = params![column::millis(now), kind.name(), excluded, most];
            let found = statement.query_map(wanted, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        };
        let mut suspects = Vec::new();
        if !work.connection.prepare_cached(SUSPECT_UNDER_WAY)?.query_row([], |row| row.get(0))? {
            for (kind, most_of_kind) in &want.kinds {
                let found = look(SUSPECT, *kind, i64::from(*most_of_kind).min(1))?;
                suspects.extend(found.into_iter().map(|suspect| (suspect, *kind)));
            }
        }
        let suspect = suspects.into_iter().min_by(|(one, _), (other, _)| one.cmp(other));
        let mut due = Vec::new();
        for (kind, most_of_kind) in &want.kinds {
            let taken = suspect.iter().filter(|(_, of)| of == kind).count();
            let free = most_of_kind.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
            due.extend(look(DUE, *kind, room.min(i64::from(free)))?);
        }
        due.extend(suspect.map(|(suspect, _)| suspect));
        due.sort_unstable();
        due.truncate(most.saturating_sub(leased.len()));
        let mut parked = false;
        for (_, document, destination) in due {
            if bytes >= LEASED_BYTES_MAX {
                return Ok(leased);
            }
            let of_document = moves::of_document(work.connection, document)?;
            let Some(delivery) = of_document.into_iter().find(|delivery| delivery.destination == destination) else {
                continue;
            };
            let token = begin_attempt(work, &delivery, now)?;
            moves::change(work, &delivery, &Change { lease: Some((token, until)), ..Change::to(Sending) })?;
            let delivery = Delivery { state: Sending, attempts: delivery.attempts + 1, token: Some(token), ..delivery };
            match body(work, &delivery) {
                Ok(body) => {
                    bytes += body.len();
                    leased.push(hand_over(delivery, body)?);
                }
                // A document that cannot be read must not stand in the way of the others.
                Err(Fault::Store(StoreError::Sealed)) => {
                    park_unreadable(work, &delivery)?;
                    parked = true;
                }
                Err(fault) => return Err(fault),
            }
        }
        if !parked {
            break;
        }
    }
    Ok(leased)
}

/// The first time after `instant` at which something queued becomes due.
pub(super) fn next_due(connection: &Connection, instant: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let mut statement = connection.prepare_cached(NEXT_DUE)?;
    let next: Option<i64> = statement.query_row(params![column::millis(instant)], |row| row.get(0))?;
    next.map(column::instant).transpose()
}

/// Records how an attempt ended; `false` if the lease is not held any more.
pub(super) fn settle(work: &mut Work<'_>, lease: &Lease, settlement: &Settlement) -> Result<bool, Fault> {
    let held = select_deliveries!("WHERE d.id = ?1 AND v.destination = ?2 AND v.state = 'sending' AND v.token = ?3");
    let held = moves::read(work.connection, held, params![lease.document, lease.destination, lease.token])?;
    let delivery = match held.into_iter().next() {
        Some(delivery) => delivery,
        // A receipt is never thrown away: it ends the doubt that recovery left.
        None if settlement.end.state() == Acknowledged => {
            let given_up = params![lease.document, lease.destination, lease.token];
            match moves::read(work.connection, GIVEN_UP, given_up)?.into_iter().next() {
                Some(delivery) => delivery,
                None => return Ok(false),
            }
        }
        None => return Ok(false),
    };
    end_attempt(work, lease.token, settlement)?;
    let end = &settlement.end;
    let change = Change {
        reason: end.reason(),
        next_at: end.next_at(),
        receipt: end.receipt(),
        answer_lost: end.counts() == Counts::AnswerLost,
        system_error: end.counts() == Counts::SystemError,
        interrupted: end.counts() == Counts::Interrupted,
        ..Change::to(end.state())
    };
    moves::change(work, &delivery, &change)?;
    let event = match end {
        End::Acknowledged(_) => "document.acknowledged",
        End::Rejected { .. } => "document.rejected",
        End::Unknown { .. } => "document.unknown",
        End::Failed { .. } => "document.failed",
        // That it is tried again concerns nobody outside.
        End::TryLater { .. } => return Ok(true),
    };
    let receipt = end.receipt().map(|receipt| receipt.code.as_str());
    moves::tell(work, event, &delivery, &[("receipt", receipt), ("code", settlement.code.as_deref())])?;
    Ok(true)
}

/// Moves some deliveries whose answer is lost.
pub(super) fn recover(work: &mut Work<'_>, which: &Lost) -> Result<Recovered, Fault> {
    let (until, in_hand) = match which {
        Lost::All => (Timestamp::MAX, serde_json::Value::Array(Vec::new())),
        Lost::EndedExcept(tokens) => {
            due_times::end_leases(work)?;
            (work.system.now(), tokens.clone().into())
        }
    };
    let most = RECOVERED_AT_ONCE_MAX.cast_signed();
    let lost = moves::read(work.connection, LOST, params![column::millis(until), most, in_hand.to_string()])?;
    let mut recovered = Recovered::default();
    for delivery in lost {
        let now = work.system.now();
        if let Some(token) = delivery.token {
            work.connection
                .prepare_cached("UPDATE attempts SET ended_at = ?2, outcome = ?3, doubtful = 1 WHERE id = ?1")?
                .execute(params![token, column::millis(now), INTERRUPTED])?;
        }
        let again = delivery.kind.facts().replaced_by_key;
        if again && delivery.interrupted + 1 >= i64::from(INTERRUPTED_MAX) {
            let reason = Some(CRASHED_THE_SENDER);
            let change = Change { reason, answer_lost: true, interrupted: true, ..Change::to(Failed) };
            moves::change(work, &delivery, &change)?;
            moves::tell(work, "document.failed", &delivery, &[("reason", reason)])?;
            tracing::error!(document = %delivery.document_id, "the process ended too often while this was sent; parked");
            recovered.parked += 1;
        } else if again {
            let change = Change { next_at: Some(now), answer_lost: true, interrupted: true, ..Change::to(Queued) };
            moves::change(work, &delivery, &change)?;
            moves::tell(work, "document.queued", &delivery, &[("reason", Some("answer_lost"))])?;
            recovered.queued += 1;
        } else {
            let reason = Some("answer_lost");
            let change = Change { reason, answer_lost: true, interrupted: true, ..Change::to(Unknown) };
            moves::change(work, &delivery, &change)?;
            moves::tell(work, "document.unknown", &delivery, &[("reason", Some("answer_lost"))])?;
            recovered.unknown += 1;
        }
    }
    Ok(recovered)
}

/// The attempt's row; its id is the token of the lease, which no other lease ever had or will have.
fn begin_attempt(work: &Work<'_>, delivery: &Delivery, now: Timestamp) -> Result<i64, Fault> {
    work.connection
        .prepare_cached("INSERT INTO attempts (document, destination, number, started_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![delivery.document, delivery.destination, delivery.attempts + 1, column::millis(now)])?;
    Ok(work.connection.last_insert_rowid())
}

fn end_attempt(work: &Work<'_>, token: i64, settlement: &Settlement) -> Result<(), Fault> {
    let raw = work.vault.seal(views::RAW, &token.to_be_bytes(), &settlement.raw)?;
    work.connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?2, outcome = ?3, stage = ?4, http_status = ?5, code = ?6, note = ?7, raw = ?8,
               doubtful = ?9
             WHERE id = ?1",
        )?
        .execute(params![
            token,
            column::millis(work.system.now()),
            settlement.end.outcome(),
            settlement.stage,
            settlement.http_status,
            settlement.code,
            settlement.note,
            raw,
            settlement.end.is_doubtful()
        ])?;
    Ok(())
}

/// The facility and the kind stand with the document and with its delivery, and no seal covers them: were a page to change
/// unnoticed, the two would differ, and the document must not go out under another facility's name.
pub(super) const TO_HAND_OVER: &str = "SELECT b.wire, b.body FROM bodies b JOIN documents d ON d.sequence = b.document
    WHERE b.document = ?1 AND d.facility = ?2 AND d.kind = ?3";

/// What is to be handed over; `Sealed` too if the bytes are gone or belong to something else.
fn body(work: &Work<'_>, delivery: &Delivery) -> Result<Bytes, Fault> {
    let mut statement = work.connection.prepare_cached(TO_HAND_OVER)?;
    let mut rows = statement.query(params![delivery.document, delivery.facility.as_str(), delivery.kind.name()])?;
    let row = rows.next()?.ok_or(StoreError::Sealed)?;
    let id = delivery.document_id.as_bytes();
    let plain = match row.get_ref(0)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(wire) => work.vault.unseal(views::WIRE, id, wire)?,
        None => work.vault.unseal(views::BODY, id, views::blob(row, 1)?)?,
    };
    Ok(Bytes::from(plain))
}

fn park_unreadable(work: &mut Work<'_>, delivery: &Delivery) -> Result<(), Fault> {
    let settlement = Settlement {
        end: End::Failed { reason: "stored_document_unreadable".to_owned() },
        stage: None,
        http_status: None,
        code: None,
        note: Some("The stored document could not be unsealed; nothing was sent.".to_owned()),
        raw: Bytes::new(),
    };
    let token = delivery.token.unwrap_or_default();
    let lease = Lease { document: delivery.document_id.clone(), destination: delivery.destination.clone(), token };
    tracing::error!(document = %delivery.document_id, "a stored document cannot be unsealed; its delivery is parked");
    settle(work, &lease, &settlement).map(|_| ())
}

fn hand_over(delivery: Delivery, body: Bytes) -> Result<Leased, Fault> {
    Ok(Leased {
        document: delivery.document_id,
        sequence: delivery.document,
        destination: delivery.destination,
        facility: delivery.facility,
        kind: delivery.kind,
        body,
        attempt: column::count(delivery.attempts)?,
        answers_lost: column::count(delivery.answers_lost)?,
        system_errors: column::count(delivery.system_errors)?,
        interrupted: column::count(delivery.interrupted)?,
        waiting_since: column::instant(delivery.waiting_since)?,
        token: delivery.token.ok_or_else(|| unreadable("a lease"))?,
    })
}
