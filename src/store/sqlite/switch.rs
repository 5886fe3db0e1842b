//! Switching sending on and off for facilities and kinds: what waits follows.

use rusqlite::params;

use super::column;
use super::fault::Fault;
use super::moves::{self, Change, select_deliveries};
use super::views;
use super::writer::Work;
use crate::document::Kind;
use crate::domain::{DeliveryState, FacilityCode};

use DeliveryState::{Held, Queued};

/// Why a delivery is held whose facility and kind are not sent for.
pub(super) const SENDING_OFF: &str = "sending_off";

/// Deliveries moved by one command at most, so that the writer is not kept from others.
const MOVED_AT_ONCE_MAX: i64 = 200;

const QUEUED_OF: &str =
    select_deliveries!("WHERE v.state = 'queued' AND v.kind = ?1 AND v.facility = ?2 ORDER BY v.document LIMIT ?3");
const HELD_OF: &str = select_deliveries!("WHERE v.state = 'held' AND v.kind = ?1 AND v.facility = ?2");
const PAIRS: &str = "SELECT DISTINCT facility, kind, state FROM deliveries WHERE state IN ('queued', 'held')";

/// Moves some deliveries towards what is switched `on`; nothing moved means that all is in line.
pub(super) fn bring_into_line(work: &mut Work<'_>, on: &[(FacilityCode, Kind)]) -> Result<(u64, u64), Fault> {
    let pairs: Vec<(String, String, String)> = work
        .connection
        .prepare_cached(PAIRS)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let (mut held, mut released) = (0, 0);
    for (facility, kind, state) in pairs {
        let is_on = on.contains(&(column::facility(&facility)?, column::kind(&kind)?));
        match (column::state(&state)?, is_on) {
            (Queued, false) => held += hold(work, &kind, &facility)?,
            (Held, true) => released += release(work, &kind, &facility)?,
            _ => {}
        }
    }
    Ok((held, released))
}

fn hold(work: &mut Work<'_>, kind: &str, facility: &str) -> Result<u64, Fault> {
    let queued = moves::read(work.connection, QUEUED_OF, params![kind, facility, MOVED_AT_ONCE_MAX])?;
    let mut held = 0;
    for delivery in queued {
        moves::change(work, &delivery, &Change { reason: Some(SENDING_OFF), ..Change::to(Held) })?;
        moves::tell(work, "document.held", &delivery, &[("reason", Some(SENDING_OFF))])?;
        held += 1;
    }
    Ok(held)
}

fn release(work: &mut Work<'_>, kind: &str, facility: &str) -> Result<u64, Fault> {
    let now = work.system.now();
    let mut released = 0;
    for delivery in moves::read(work.connection, HELD_OF, params![kind, facility])? {
        let view = views::by_sequence(work.connection, work.vault, delivery.document)?;
        let this = |candidate: &&crate::store::DeliveryView| candidate.destination == delivery.destination;
        let reason = view.deliveries.iter().find(this).and_then(|view| view.reason.as_deref());
        if reason == Some(SENDING_OFF) {
            let change = Change { next_at: Some(now), waiting_since: Some(now), ..Change::to(Queued) };
            moves::change(work, &delivery, &change)?;
            moves::tell(work, "document.queued", &delivery, &[])?;
            released += 1;
        }
    }
    Ok(released)
}
