//! Incidents: one open row for each thing that is wrong, ended and not deleted when it is over.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params, params_from_iter};
use serde_json::json;

use super::super::StoreError;
use super::super::incidents::{
    COUNTED_MAX, Extent, IncidentChange, IncidentFilter, IncidentView, PAGE_MAX, Standing, Subject,
};
use super::column;
use super::events::{self, About};
use super::fault::{Fault, unreadable};
use super::writer::Work;
use super::{SMALL_BYTES, Store};
use crate::domain::{DeliveryState, FacilityCode, IncidentKind};
use crate::system::vietnam;

/// Ended incidents forgotten by one command at most.
const FORGOTTEN_AT_ONCE_MAX: u32 = 500;

macro_rules! select_incidents {
    ($rest:literal) => {
        concat!(
            "SELECT sequence, id, kind, subject, facility, client, count, count_max, oldest_at, opened_at, last_seen_at,
                    closed_at FROM incidents ",
            $rest
        )
    };
}

/// All that are open; the index holds no others.
const OPEN: &str = select_incidents!("WHERE closed_at IS NULL ORDER BY kind, subject");

/// Of one facility, newest first; ?4 is 1 for open ones, 0 for ended ones, null for both.
pub(super) const PAGE: &str = select_incidents!(
    "WHERE facility = ?1 AND client IN ('', ?2) AND sequence < ?3 AND (?4 IS NULL OR (closed_at IS NULL) = ?4)
     ORDER BY sequence DESC LIMIT ?5"
);

pub(super) const STANDING: &str = "SELECT count(*), min(changed_at), min(waiting_since) FROM (
    SELECT changed_at, waiting_since FROM deliveries WHERE facility = ?1 AND state = ?2 ORDER BY document LIMIT ?3)";

/// Refused ones within a time, the latest first, of which no newer version came.
pub(super) const REJECTED: &str = "SELECT count(*), min(changed_at) FROM (
    SELECT document, destination, changed_at FROM deliveries
    WHERE facility = ?1 AND state = 'rejected' ORDER BY document DESC LIMIT ?2) refused
    WHERE changed_at >= ?3 AND changed_at <= ?4 AND NOT EXISTS (
      SELECT 1 FROM document_keys mine
      JOIN document_keys newer ON newer.key_hash = mine.key_hash AND newer.facility = mine.facility
                              AND newer.kind = mine.kind AND newer.sequence > mine.sequence
      WHERE mine.sequence = refused.document)";

impl Store {
    /// The incidents that are open.
    pub async fn incidents_open(&self) -> Result<Vec<IncidentView>, StoreError> {
        self.inner.readers.read(|connection, _| read(connection, OPEN, Vec::new())).await
    }

    /// A page of incidents, newest first, and whether there are more.
    pub async fn incidents(&self, filter: IncidentFilter) -> Result<(Vec<IncidentView>, bool), StoreError> {
        self.inner.readers.read(move |connection, _| page(connection, &filter)).await
    }

    /// Records what happened to incidents, with the events that tell of it, all in one.
    pub async fn change_incidents(&self, changes: Vec<IncidentChange>) -> Result<(), StoreError> {
        self.write(SMALL_BYTES * (1 + changes.len()), move |work| changes.iter().try_for_each(|one| change(work, one)))
            .await
    }

    /// Forgets some incidents that ended before `before`; to be called again until it returns 0.
    pub async fn forget_incidents(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| {
            let forgotten = work.connection.execute(
                "DELETE FROM incidents WHERE sequence IN (SELECT sequence FROM incidents WHERE closed_at < ?1 LIMIT ?2)",
                params![column::millis(before), FORGOTTEN_AT_ONCE_MAX],
            )?;
            Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
        })
        .await
    }

    /// What of these facilities' documents may need a person; refused ones only if refused between the two instants.
    pub async fn standing(
        &self,
        facilities: Vec<FacilityCode>,
        rejected: (Timestamp, Timestamp),
    ) -> Result<Vec<Standing>, StoreError> {
        self.inner
            .readers
            .read(move |connection, _| {
                facilities.iter().map(|facility| standing(connection, *facility, rejected)).collect()
            })
            .await
    }
}

fn change(work: &mut Work<'_>, change: &IncidentChange) -> Result<(), Fault> {
    match change {
        IncidentChange::Open { subject, extent, at } => open(work, subject, *extent, *at),
        IncidentChange::Update { subject, extent, at } => {
            work.connection
                .prepare_cached(
                    "UPDATE incidents SET count = ?3, count_max = max(count_max, ?3), oldest_at = ?4, last_seen_at = ?5
                     WHERE kind = ?1 AND subject = ?2 AND closed_at IS NULL",
                )?
                .execute(params![
                    subject.kind.name(),
                    subject.name,
                    number(extent.count),
                    extent.oldest_at.map(column::millis),
                    column::millis(*at)
                ])?;
            Ok(())
        }
        IncidentChange::Close { subject, at } => close(work, subject, *at),
    }
}

fn open(work: &mut Work<'_>, subject: &Subject, extent: Extent, at: Timestamp) -> Result<(), Fault> {
    let id = work.system.new_id("inc");
    let opened = work
        .connection
        .prepare_cached(
            "INSERT INTO incidents (id, kind, subject, facility, client, count, count_max, oldest_at, opened_at,
                                    last_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            id,
            subject.kind.name(),
            subject.name,
            subject.facility.as_ref().map_or("", FacilityCode::as_str),
            subject.client.as_deref().unwrap_or_default(),
            number(extent.count),
            extent.oldest_at.map(column::millis),
            column::millis(at)
        ])?;
    // One that is open already goes on, and is not told twice.
    if opened == 0 {
        return Ok(());
    }
    tell(work, "incident.opened", &id, subject, extent, at, None)
}

fn close(work: &mut Work<'_>, subject: &Subject, at: Timestamp) -> Result<(), Fault> {
    let query = select_incidents!("WHERE kind = ?1 AND subject = ?2 AND closed_at IS NULL");
    let values = vec![Sql::from(subject.kind.name().to_owned()), Sql::from(subject.name.clone())];
    let Some(view) = read(work.connection, query, values)?.into_iter().next() else { return Ok(()) };
    work.connection
        .prepare_cached("UPDATE incidents SET closed_at = ?2 WHERE sequence = ?1")?
        .execute(params![view.sequence, column::millis(at)])?;
    let extent = Extent { count: view.count_max, ..view.extent };
    tell(work, "incident.closed", &view.id, &view.subject, extent, view.opened_at, Some(at))
}

fn tell(
    work: &mut Work<'_>,
    event: &str,
    id: &str,
    subject: &Subject,
    extent: Extent,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
) -> Result<(), Fault> {
    let shown = |instant: Timestamp| vietnam(instant).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let data = json!({
        "incident": id,
        "kind": subject.kind.name(),
        // The feed is everybody's; whose endpoint it is, only its own key may see.
        "subject": subject.client.is_none().then_some(&subject.name),
        "maCSKCB": subject.facility.as_ref().map(FacilityCode::as_str),
        "count": extent.count,
        "oldestAt": extent.oldest_at.map(shown),
        "openedAt": shown(opened_at),
        "closedAt": closed_at.map(shown),
    });
    let about = subject.facility.as_ref().map_or(About::Everybody, About::Facility);
    events::record(work, event, about, &data.to_string())
}

fn page(connection: &Connection, filter: &IncidentFilter) -> Result<(Vec<IncidentView>, bool), Fault> {
    let limit = filter.limit.clamp(1, PAGE_MAX);
    let mut found = Vec::new();
    for facility in std::iter::once("").chain(filter.facilities.iter().map(FacilityCode::as_str)) {
        let values = vec![
            Sql::from(facility.to_owned()),
            Sql::from(filter.client.clone()),
            Sql::from(filter.before_sequence.unwrap_or(i64::MAX)),
            filter.open.map_or(Sql::Null, |open| Sql::from(i64::from(open))),
            // One more than asked for tells whether there are more.
            Sql::from(i64::from(limit) + 1),
        ];
        found.extend(read(connection, PAGE, values)?);
    }
    found.sort_unstable_by_key(|view| std::cmp::Reverse(view.sequence));
    found.dedup_by_key(|view| view.sequence);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

fn standing(
    connection: &Connection,
    facility: FacilityCode,
    rejected: (Timestamp, Timestamp),
) -> Result<Standing, Fault> {
    let count = |number: i64| u64::try_from(number).map_err(|_| unreadable("a count"));
    let of = |state: DeliveryState| -> Result<(u64, Option<Timestamp>, Option<Timestamp>), Fault> {
        let mut statement = connection.prepare_cached(STANDING)?;
        let (number, changed, waiting): (i64, Option<i64>, Option<i64>) = statement
            .query_row(params![facility.as_str(), state.name(), COUNTED_MAX], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let instant = |millis: Option<i64>| millis.map(column::instant).transpose();
        Ok((count(number)?, instant(changed)?, instant(waiting)?))
    };
    let changed = |state| of(state).map(|(count, changed, _)| Extent { count, oldest_at: changed });
    let mut statement = connection.prepare_cached(REJECTED)?;
    let window = params![facility.as_str(), COUNTED_MAX, column::millis(rejected.0), column::millis(rejected.1)];
    let (number, oldest): (i64, Option<i64>) = statement.query_row(window, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (queued, _, waiting) = of(DeliveryState::Queued)?;
    Ok(Standing {
        facility,
        failed: changed(DeliveryState::Failed)?,
        unknown: changed(DeliveryState::Unknown)?,
        rejected: Extent { count: count(number)?, oldest_at: oldest.map(column::instant).transpose()? },
        queued: Extent { count: queued, oldest_at: waiting },
    })
}

fn read(connection: &Connection, query: &str, values: Vec<Sql>) -> Result<Vec<IncidentView>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        views.push(view(row)?);
    }
    Ok(views)
}

fn view(row: &Row<'_>) -> Result<IncidentView, Fault> {
    let count = |index: usize| -> Result<u64, Fault> {
        u64::try_from(row.get::<_, i64>(index)?).map_err(|_| unreadable("a count"))
    };
    let instant = |index: usize| -> Result<Timestamp, Fault> { column::instant(row.get(index)?) };
    let maybe = |index: usize| -> Result<Option<Timestamp>, Fault> {
        row.get::<_, Option<i64>>(index)?.map(column::instant).transpose()
    };
    let facility: String = row.get(4)?;
    let client: String = row.get(5)?;
    let kind: String = row.get(2)?;
    Ok(IncidentView {
        sequence: row.get(0)?,
        id: row.get(1)?,
        subject: Subject {
            kind: IncidentKind::parse(&kind).ok_or_else(|| unreadable("an incident"))?,
            name: row.get(3)?,
            facility: if facility.is_empty() { None } else { Some(column::facility(&facility)?) },
            client: Some(client).filter(|client| !client.is_empty()),
        },
        extent: Extent { count: count(6)?, oldest_at: maybe(8)? },
        count_max: count(7)?,
        opened_at: instant(9)?,
        last_seen_at: instant(10)?,
        closed_at: maybe(11)?,
    })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
