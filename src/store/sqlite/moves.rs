//! Every move of a delivery. [`change`] is the only place where a state is written; what the table of transitions does
//! not list does not happen.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::super::{DocumentView, MoveRefused, StoreError};
use super::column;
use super::events;
use super::fault::Fault;
use super::retention;
use super::views;
use super::writer::Work;
use crate::document::Kind;
use crate::domain::delivery::INTERRUPTED_MAX;
use crate::domain::{DeliveryState, FacilityCode, Receipt};

/// A delivery as it stands before a move.
pub(super) struct Delivery {
    pub(super) document: i64,
    pub(super) document_id: String,
    pub(super) version: i64,
    pub(super) destination: String,
    pub(super) facility: FacilityCode,
    pub(super) kind: Kind,
    pub(super) state: DeliveryState,
    pub(super) attempts: i64,
    pub(super) answers_lost: i64,
    pub(super) system_errors: i64,
    pub(super) interrupted: i64,
    pub(super) waiting_since: i64,
    pub(super) token: Option<i64>,
}

/// A move: where to, and what else it sets. What is `None` is cleared, save where said.
pub(super) struct Change<'a> {
    pub(super) to: DeliveryState,
    pub(super) reason: Option<&'a str>,
    /// When it is due, if it becomes queued.
    pub(super) next_at: Option<Timestamp>,
    /// Token and end of the lease, if it becomes sending.
    pub(super) lease: Option<(i64, Timestamp)>,
    /// Kept as it was if `None`.
    pub(super) receipt: Option<&'a Receipt>,
    /// Starts the patience with it anew; kept as it was if `None`.
    pub(super) waiting_since: Option<Timestamp>,
    /// Kept as it was if `None`.
    pub(super) replay_reason: Option<&'a str>,
    /// Whether an answer was lost by it.
    pub(super) answer_lost: bool,
    /// Whether the portal had a system error.
    pub(super) system_error: bool,
    /// Whether the attempt broke off with the process or its task.
    pub(super) interrupted: bool,
    /// Whether lost answers, system errors and interruptions are counted anew.
    pub(super) counts_anew: bool,
}

/// What a person may order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Replay,
    /// A system sent it again.
    SendAgain,
    Cancel,
    Hold,
    Release,
    /// A person found it at the portal.
    Confirm,
}

use DeliveryState::{Accepted, Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Unknown};

/// What is read of a [`Delivery`]; to be followed by a condition.
macro_rules! select_deliveries {
    ($condition:literal) => {
        concat!(
            "SELECT v.document, d.id, d.version, v.destination, v.facility, v.kind, v.state, v.attempts, v.answers_lost,
                    v.system_errors, v.interrupted, v.waiting_since, v.token
             FROM deliveries v JOIN documents d ON d.sequence = v.document ",
            $condition
        )
    };
}
pub(super) use select_deliveries;

// === impl Change ===

impl Change<'_> {
    pub(super) fn to(to: DeliveryState) -> Self {
        Self {
            to,
            reason: None,
            next_at: None,
            lease: None,
            receipt: None,
            waiting_since: None,
            replay_reason: None,
            answer_lost: false,
            system_error: false,
            interrupted: false,
            counts_anew: false,
        }
    }
}

// === impl Order ===

impl Order {
    fn target(self) -> DeliveryState {
        match self {
            Self::Replay | Self::SendAgain | Self::Release => Queued,
            Self::Cancel => Cancelled,
            Self::Hold => Held,
            Self::Confirm => Acknowledged,
        }
    }

    /// Whether a person may order this of a delivery in `state`. Narrower than the table: a delivery that is being sent
    /// may become queued, but not because somebody says so.
    fn suits(self, state: DeliveryState) -> bool {
        match self {
            Self::Replay => matches!(state, Held | Rejected | Unknown | Failed),
            // What a person holds, and what the portal may have, waits for a person.
            Self::SendAgain => matches!(state, Rejected | Failed),
            Self::Release => state == Held,
            Self::Confirm => state == Unknown,
            // What is under way cannot be called back.
            Self::Hold => state == Queued,
            Self::Cancel => state.may_become(self.target()),
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Replay | Self::SendAgain => "document.replayed",
            Self::Release => "document.queued",
            Self::Cancel => "document.cancelled",
            Self::Hold => "document.held",
            Self::Confirm => "document.acknowledged",
        }
    }
}

/// Moves a delivery, or fails without a trace.
pub(super) fn change(work: &mut Work<'_>, delivery: &Delivery, change: &Change<'_>) -> Result<(), Fault> {
    let (from, to) = (delivery.state, change.to);
    if !from.may_become(to) {
        let text = format!("a delivery that is {} cannot become {}", from.name(), to.name());
        return Err(StoreError::Failed(text).into());
    }
    let row = views::delivery_row(&delivery.document_id, &delivery.destination);
    let seal =
        |table: &str, text: Option<&str>| text.map(|text| work.vault.seal(table, &row, text.as_bytes())).transpose();
    let moved = work
        .connection
        .prepare_cached(
            "UPDATE deliveries SET state = ?4, reason = ?5, next_at = ?6, token = ?7, lease_until = ?8, changed_at = ?9,
               receipt_code = coalesce(?10, receipt_code), receipt_received_at = coalesce(?11, receipt_received_at),
               waiting_since = coalesce(?12, waiting_since), replay_reason = coalesce(?13, replay_reason),
               answers_lost = iif(?16, 0, answers_lost + ?14), system_errors = iif(?16, 0, system_errors + ?15),
               interrupted = iif(?16, 0, interrupted + ?17),
               attempts = attempts + (?4 = 'sending')
             WHERE document = ?1 AND destination = ?2 AND state = ?3",
        )?
        .execute(params![
            delivery.document,
            delivery.destination,
            from.name(),
            to.name(),
            seal(views::REASON, change.reason)?,
            change.next_at.map(column::millis),
            change.lease.map(|(token, _)| token),
            change.lease.map(|(_, until)| column::millis(until)),
            column::millis(work.system.now()),
            change.receipt.map(|receipt| receipt.code.as_str()),
            change.receipt.and_then(|receipt| receipt.received_at.as_deref()),
            change.waiting_since.map(column::millis),
            seal(views::REPLAY_REASON, change.replay_reason)?,
            change.answer_lost,
            change.system_error,
            change.counts_anew,
            change.interrupted
        ])?;
    if moved != 1 {
        return Err(StoreError::Failed("a delivery moved while it was being moved".to_owned()).into());
    }
    work.wakes |= to == Queued;
    Ok(())
}

/// Records an event about a delivery, with its version and these further members.
pub(super) fn tell(
    work: &mut Work<'_>,
    kind: &str,
    delivery: &Delivery,
    members: &[(&str, Option<&str>)],
) -> Result<(), Fault> {
    let mut data = Map::new();
    data.insert("version".to_owned(), Value::from(delivery.version));
    for (name, value) in members {
        if let Some(value) = value {
            data.insert((*name).to_owned(), Value::from(*value));
        }
    }
    events::record(work, kind, events::About::Delivery(delivery), &Value::Object(data).to_string())
}

/// Does what a person ordered. What they wrote is kept on the delivery, sealed, and not told in the event.
pub(super) fn obey(
    work: &mut Work<'_>,
    id: &str,
    order: Order,
    reason: &str,
    receipt: Option<&Receipt>,
) -> Result<Result<DocumentView, MoveRefused>, Fault> {
    let Some(sequence) = views::sequence_of(work.connection, id)? else { return Ok(Err(MoveRefused::NotFound)) };
    let deliveries = of_document(work.connection, sequence)?;
    if let Some(first) = deliveries.first()
        && !deliveries.iter().any(|delivery| order.suits(delivery.state))
    {
        return Ok(Err(MoveRefused::NotPossible { from: first.state, to: order.target() }));
    }
    for delivery in deliveries.iter().filter(|delivery| order.suits(delivery.state)) {
        if matches!(order, Order::Replay | Order::SendAgain) && newer_was_sent(work.connection, delivery)? {
            return Ok(Err(MoveRefused::NewerSent));
        }
        // After a restore nobody knows what became of it since; whoever sends it again must have looked.
        if order == Order::SendAgain && is_doubtful(work.connection, delivery)? {
            return Ok(Err(MoveRefused::NotPossible { from: delivery.state, to: order.target() }));
        }
        // What the gateway died of is let go by a person, not by a program that sends it again.
        if order == Order::SendAgain && delivery.interrupted + 1 >= i64::from(INTERRUPTED_MAX) {
            return Ok(Err(MoveRefused::NotPossible { from: delivery.state, to: order.target() }));
        }
        let now = work.system.now();
        let queued = order.target() == Queued;
        if queued && retention::is_forgotten(work.connection, sequence)? {
            return Ok(Err(MoveRefused::Forgotten));
        }
        let wanted = Change {
            reason: matches!(order, Order::Cancel | Order::Hold).then_some(reason),
            next_at: queued.then_some(now),
            waiting_since: queued.then_some(now),
            replay_reason: matches!(order, Order::Replay | Order::SendAgain | Order::Confirm).then_some(reason),
            counts_anew: queued,
            receipt,
            ..Change::to(order.target())
        };
        change(work, delivery, &wanted)?;
        tell(work, order.event(), delivery, &[])?;
    }
    Ok(Ok(views::by_sequence(work.connection, work.vault, sequence)?))
}

fn is_doubtful(connection: &Connection, delivery: &Delivery) -> Result<bool, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT doubtful FROM deliveries WHERE document = ?1 AND destination = ?2")?;
    Ok(statement.query_row(params![delivery.document, delivery.destination], |row| row.get(0))?)
}

/// All deliveries of a document.
pub(super) fn of_document(connection: &Connection, document: i64) -> Result<Vec<Delivery>, Fault> {
    read(connection, select_deliveries!("WHERE v.document = ?1 ORDER BY v.destination"), params![document])
}

/// Reads deliveries by a query made with [`select_deliveries`].
pub(super) fn read(
    connection: &Connection,
    query: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Delivery>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params)?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        deliveries.push(Delivery {
            document: row.get(0)?,
            document_id: row.get(1)?,
            version: row.get(2)?,
            destination: row.get(3)?,
            facility: column::facility(&row.get::<_, String>(4)?)?,
            kind: column::kind(&row.get::<_, String>(5)?)?,
            state: column::state(&row.get::<_, String>(6)?)?,
            attempts: row.get(7)?,
            answers_lost: row.get(8)?,
            system_errors: row.get(9)?,
            interrupted: row.get(10)?,
            waiting_since: row.get(11)?,
            token: row.get(12)?,
        });
    }
    Ok(deliveries)
}

/// Whether a newer document of one of the same keys is on its way to the portal, there, or perhaps there.
fn newer_was_sent(connection: &Connection, delivery: &Delivery) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(NEWER)?;
    let mut rows = statement.query(params![delivery.document, delivery.destination])?;
    while let Some(row) = rows.next()? {
        if matches!(column::state(&row.get::<_, String>(0)?)?, Sending | Acknowledged | Accepted | Unknown) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) const NEWER: &str = "SELECT v.state FROM document_keys mine
    JOIN document_keys newer ON newer.key_hash = mine.key_hash AND newer.facility = mine.facility
                            AND newer.kind = mine.kind AND newer.sequence > mine.sequence
    JOIN deliveries v ON v.document = newer.sequence AND v.destination = ?2
    WHERE mine.sequence = ?1";
