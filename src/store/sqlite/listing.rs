//! Pages of documents, newest first.
//!
//! Each facility is looked through by itself, along an index that has its documents in order, and the findings are
//! merged: the cost of a page hangs on the page and not on how much is stored.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::super::{DocumentView, Filter, Vault};
use super::accept::key_hash;
use super::column;
use super::fault::Fault;
use super::views;
use crate::document::Carried;
use crate::domain::FacilityCode;

/// Documents on one page at most.
const PAGE_MAX: u32 = 500;

/// A page, and whether there are more.
pub(super) fn page(
    connection: &Connection,
    vault: &Vault,
    filter: &Filter,
) -> Result<(Vec<DocumentView>, bool), Fault> {
    let limit = usize::try_from(filter.limit.clamp(1, PAGE_MAX)).unwrap_or(1);
    let mut found: Vec<i64> = Vec::new();
    for facility in &filter.facilities {
        let (query, values) = query(filter, *facility, vault);
        let mut statement = connection.prepare_cached(&query)?;
        for sequence in statement.query_map(params_from_iter(values), |row| row.get(0))? {
            found.push(sequence?);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let views = found.into_iter().map(|sequence| views::by_sequence(connection, vault, sequence));
    Ok((views.collect::<Result<_, _>>()?, has_more))
}

/// The query for one facility, and its values. The most selective of the wishes leads; the rest are conditions.
pub(super) fn query(filter: &Filter, facility: FacilityCode, vault: &Vault) -> (String, Vec<Value>) {
    let facility = Value::from(facility.as_str().to_owned());
    let (mut values, mut conditions) = (Vec::new(), Vec::new());
    let mut wish = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('#', &format!("?{}", values.len())));
    };
    // CROSS JOIN keeps SQLite to this order.
    let (tables, order) = if let Some(key) = &filter.key {
        wish("k.key_hash = #", Value::from(key_hash(vault, key).to_vec()));
        wish("k.facility = #", facility);
        ("document_keys k CROSS JOIN documents d ON d.sequence = k.sequence", "k.sequence")
    } else if let Some(state) = filter.state {
        wish("v.facility = #", facility);
        wish("v.state = #", Value::from(state.name().to_owned()));
        ("deliveries v CROSS JOIN documents d ON d.sequence = v.document", "v.document")
    } else {
        wish("d.facility = #", facility);
        ("documents d", "d.sequence")
    };
    if let (Some(state), Some(_)) = (filter.state, &filter.key) {
        let among = "EXISTS (SELECT 1 FROM deliveries v WHERE v.document = d.sequence AND v.state = #)";
        wish(among, Value::from(state.name().to_owned()));
    }
    if let Some(position) = filter.before_sequence {
        wish(&format!("{order} < #"), Value::from(position));
    }
    if let Some(from) = filter.from {
        wish("d.received_at >= #", Value::from(column::millis(from)));
    }
    if let Some(before) = filter.before {
        wish("d.received_at < #", Value::from(column::millis(before)));
    }
    if let Some(kind) = filter.kind {
        wish("d.kind = #", Value::from(kind.name().to_owned()));
    }
    let carried = [Carried::Referral, Carried::Appointment].map(Carried::part);
    match filter.part.as_deref() {
        // In these words SQLite recognises the indexes made for the two.
        Some(part) if carried.contains(&part) => conditions.push(format!("instr(d.parts, ' {part} ') > 0")),
        Some(part) => wish("instr(d.parts, #) > 0", Value::from(format!(" {part} "))),
        None => {}
    }
    let conditions = conditions.join(" AND ");
    // One more than asked for tells whether there are more.
    values.push(Value::from(i64::from(filter.limit.clamp(1, PAGE_MAX)) + 1));
    let limit = values.len();
    (format!("SELECT DISTINCT {order} FROM {tables} WHERE {conditions} ORDER BY {order} DESC LIMIT ?{limit}"), values)
}
