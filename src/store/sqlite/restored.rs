//! The first start after a restore. What waited or was under way when the backup was made may have been sent since, and newer
//! content may be at the portal by now: nothing of it goes out before a person has looked.
//!
//! - Where the portal does not replace by key, it becomes `unknown`: sent again, it could be doubled.
//! - Where it does, it is `held`: sent again, old content could take the place of new.
//! - What a person held stays held. What stands as refused or parked stays so, but no system can make it go again by itself.

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::super::Vault;
use super::column;
use super::copying::{RESTORED, restored};
use super::events::{self, About};
use super::fault::Fault;
use super::moves::{self, Change, Delivery, select_deliveries};
use super::switch::SENDING_OFF;
use super::views;
use super::writer::Work;
use crate::document::kind::KINDS;
use crate::domain::DeliveryState;
use crate::system::System;

use DeliveryState::{Held, Sending, Unknown};

/// Why a delivery is held, or unknown, after a restore.
pub(in crate::store) const REASON: &str = "restored_from_backup";

/// Deliveries moved in one transaction; a crash between two goes on where it was.
const MOVED_AT_ONCE_MAX: i64 = 200;

const OPEN: &str = select_deliveries!("WHERE v.state = ?1 AND v.document > ?2 ORDER BY v.document LIMIT ?3");

/// Looks at a database that was restored; does nothing with any other.
pub(super) fn settle(connection: &Connection, vault: &Vault, system: &System) -> Result<(), Fault> {
    let Some(times) = restored(connection)? else { return Ok(()) };
    let mut work = Work { connection, vault, system, wakes: false };
    let (mut held, mut unknown) = (0_u64, 0_u64);
    for state in [Sending, DeliveryState::Queued, Held] {
        let mut after = 0;
        loop {
            let transaction = connection.unchecked_transaction()?;
            let some = moves::read(connection, OPEN, params![state.name(), after, MOVED_AT_ONCE_MAX])?;
            let Some(last) = some.last().map(|delivery| delivery.document) else { break };
            for delivery in &some {
                match settle_one(&mut work, delivery)? {
                    Some(Held) => held += 1,
                    Some(_) => unknown += 1,
                    None => {}
                }
            }
            transaction.commit()?;
            after = last;
        }
    }
    let transaction = connection.unchecked_transaction()?;
    for facts in KINDS.iter().filter(|facts| !facts.replaced_by_key) {
        connection.execute(
            "UPDATE deliveries SET doubtful = 1
             WHERE kind = ?1 AND state IN ('held', 'queued', 'sending', 'unknown', 'failed', 'rejected')",
            params![facts.kind.name()],
        )?;
    }
    let mut data: Map<String, Value> = serde_json::from_str(&times).unwrap_or_default();
    data.insert("held".to_owned(), json!(held));
    data.insert("unknown".to_owned(), json!(unknown));
    events::record(&mut work, "store.restored", About::Everybody, &Value::Object(data).to_string())?;
    connection.execute("DELETE FROM meta WHERE name = ?1", params![RESTORED])?;
    transaction.commit()?;
    tracing::warn!(held, unknown, "this data folder was restored from a backup: what waited in it waits for a person");
    Ok(())
}

/// Returns where it went, if it was moved.
fn settle_one(work: &mut Work<'_>, delivery: &Delivery) -> Result<Option<DeliveryState>, Fault> {
    if delivery.state == Held && !was_held_by_a_setting(work, delivery)? {
        return Ok(None);
    }
    if let Some(token) = delivery.token {
        work.connection.execute(
            "UPDATE attempts SET ended_at = ?2, outcome = 'interrupted', doubtful = 1 WHERE id = ?1",
            params![token, column::millis(work.system.now())],
        )?;
    }
    let (to, event) = match delivery.kind.facts().replaced_by_key {
        true => (Held, "document.held"),
        false => (Unknown, "document.unknown"),
    };
    if delivery.state == to {
        let row = views::delivery_row(&delivery.document_id, &delivery.destination);
        let reason = work.vault.seal(views::REASON, &row, REASON.as_bytes())?;
        work.connection.execute(
            "UPDATE deliveries SET reason = ?3 WHERE document = ?1 AND destination = ?2",
            params![delivery.document, delivery.destination, reason],
        )?;
    } else {
        let was_sent = delivery.state == Sending;
        moves::change(work, delivery, &Change { reason: Some(REASON), answer_lost: was_sent, ..Change::to(to) })?;
    }
    moves::tell(work, event, delivery, &[("reason", Some(REASON))])?;
    Ok(Some(to))
}

/// Held because its kind was not sent for: that may have been switched on since, and would be at this start.
fn was_held_by_a_setting(work: &Work<'_>, delivery: &Delivery) -> Result<bool, Fault> {
    let view = views::by_sequence(work.connection, work.vault, delivery.document)?;
    let this = |candidate: &&crate::store::DeliveryView| candidate.destination == delivery.destination;
    Ok(view.deliveries.iter().find(this).and_then(|view| view.reason.as_deref()) == Some(SENDING_OFF))
}
