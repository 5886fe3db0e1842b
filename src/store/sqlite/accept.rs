//! Keeping a new document: all or nothing, and once.
//!
//! What follows from what is here already, in this order:
//!
//! 1. The idempotency key was used: for the same document it is given again, for another it is refused.
//! 2. The same bytes are here, and still stand for their record: they are not kept twice. They stand no longer once they
//!    were cancelled or superseded, or something newer took their place; then submitting them goes back to old content,
//!    which is a new version.
//! 3. An earlier version is at the portal, or may be: replacing it needs a reason.
//! 4. Else it is new, and what still waits of the same record becomes superseded, if it holds nothing that the new
//!    document does not bring anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rusqlite::{Connection, OptionalExtension, params};

use super::super::{Accepted, NewDocument, StoreError, Vault};
use super::column;
use super::fault::Fault;
use super::moves::{self, Change, Delivery};
use super::views;
use super::writer::Work;
use crate::document::Kind;
use crate::domain::DeliveryState;
use crate::system::System;

use DeliveryState::{
    Accepted as JudgedRight, Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Superseded, Unknown,
};

/// The one destination there is today.
const DESTINATION: &str = "bhxh";

/// How long an `Idempotency-Key` is remembered (`api.md`, section 2).
const IDEMPOTENCY_KEPT: SignedDuration = SignedDuration::from_hours(72);

/// Old idempotency keys forgotten with each new document: more than come in, so that they never pile up.
const FORGOTTEN_IN_PASSING: u32 = 16;

/// A new document with everything sealed and hashed: work that needs no database and is done outside the writer.
pub(super) struct Prepared {
    id: String,
    new: NewDocument,
    key_hashes: BTreeSet<[u8; 32]>,
    idempotency_hash: Option<[u8; 32]>,
    size: i64,
    keys: Vec<u8>,
    warnings: Vec<u8>,
    replace_reason: Option<Vec<u8>>,
    body: Vec<u8>,
    wire: Option<Vec<u8>>,
}

/// A document that shares a key with the new one.
struct Related {
    version: i64,
    states: Vec<DeliveryState>,
    /// Whether an answer about it was lost once: it may be at the portal, whatever its state says now.
    doubtful: bool,
}

/// What is known of the same bytes.
enum Same {
    /// They are not here, or no longer stand for their record.
    No,
    /// They are here and stand.
    Stand(i64),
    /// They were withdrawn, but may be at the portal, which would not replace them.
    Doubtful(i64),
}

// === impl Prepared ===

impl Prepared {
    pub(super) fn of(mut new: NewDocument, vault: &Vault, system: &System) -> Result<Self, StoreError> {
        let id = system.new_id("doc");
        let row = id.as_bytes();
        let body = std::mem::take(&mut new.body);
        let wire = new.wire.take();
        let idempotency = |key: &String| vault.keyed_hash("idempotency key", &[new.client.as_bytes(), key.as_bytes()]);
        Ok(Self {
            key_hashes: new.keys.iter().map(|key| key_hash(vault, key)).collect(),
            idempotency_hash: new.idempotency_key.as_ref().map(idempotency),
            size: i64::try_from(body.len()).unwrap_or(i64::MAX),
            keys: vault.seal(views::KEYS, row, column::list(new.keys.iter().map(String::as_str)).as_bytes())?,
            warnings: vault.seal(views::WARNINGS, row, new.warnings_json.as_bytes())?,
            replace_reason: new
                .replace_reason
                .as_ref()
                .map(|reason| vault.seal(views::REPLACE_REASON, row, reason.as_bytes()))
                .transpose()?,
            body: vault.seal(views::BODY, row, &body)?,
            wire: wire.map(|wire| vault.seal(views::WIRE, row, &wire)).transpose()?,
            id,
            new,
        })
    }

    /// Bytes to be written, about.
    pub(super) fn weight(&self) -> usize {
        self.body.len() + self.wire.as_ref().map_or(0, Vec::len) + self.warnings.len() + self.keys.len() + (1 << 10)
    }
}

/// The hash by which a business key is found.
pub(super) fn key_hash(vault: &Vault, key: &str) -> [u8; 32] {
    vault.keyed_hash("business key", &[key.as_bytes()])
}

/// Keeps a document, or tells why not.
pub(super) fn accept(work: &mut Work<'_>, prepared: &Prepared) -> Result<Accepted, Fault> {
    forget_idempotency_keys(work)?;
    if let Some(told) = told_before(work, prepared)? {
        return Ok(told);
    }
    let related = related(work.connection, prepared)?;
    match same(work.connection, prepared, &related)? {
        Same::Stand(sequence) => {
            remember(work, prepared, sequence)?;
            return Ok(Accepted::Already(views::by_sequence(work.connection, work.vault, sequence)?, false));
        }
        Same::Doubtful(sequence) if prepared.new.replace_reason.is_none() => {
            return Ok(Accepted::ReasonNeeded(views::by_sequence(work.connection, work.vault, sequence)?));
        }
        Same::Doubtful(_) | Same::No => {}
    }
    if let Some(sequence) = at_the_portal(prepared, &related) {
        return Ok(Accepted::ReasonNeeded(views::by_sequence(work.connection, work.vault, sequence)?));
    }
    let version = related.values().map(|related| related.version).max().unwrap_or(0) + 1;
    let sequence = insert(work, prepared, version)?;
    remember(work, prepared, sequence)?;
    if prepared.new.kind.facts().newer_supersedes {
        for document in related.keys() {
            supersede(work, prepared, *document)?;
        }
    }
    let event = if prepared.new.hold.is_some() { "document.held" } else { "document.queued" };
    for delivery in moves::of_document(work.connection, sequence)? {
        moves::tell(work, event, &delivery, &[("reason", prepared.new.hold)])?;
    }
    Ok(Accepted::New(views::by_sequence(work.connection, work.vault, sequence)?))
}

fn forget_idempotency_keys(work: &Work<'_>) -> Result<(), Fault> {
    work.connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE key_hash IN
               (SELECT key_hash FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
        )?
        .execute(params![oldest_kept(work), FORGOTTEN_IN_PASSING])?;
    Ok(())
}

/// Step 1.
fn told_before(work: &Work<'_>, prepared: &Prepared) -> Result<Option<Accepted>, Fault> {
    let Some(key) = prepared.idempotency_hash else { return Ok(None) };
    let kept = work
        .connection
        .prepare_cached(
            "SELECT i.document, i.sha256 = ?3 AND d.facility = ?4 AND d.kind = ?5
             FROM idempotency i JOIN documents d ON d.sequence = i.document
             WHERE i.key_hash = ?1 AND i.created_at >= ?2",
        )?
        .query_row(
            params![
                key,
                oldest_kept(work),
                prepared.new.sha256,
                prepared.new.facility.as_str(),
                prepared.new.kind.name()
            ],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
        )
        .optional()?;
    Ok(match kept {
        None => None,
        Some((sequence, true)) => {
            Some(Accepted::Already(views::by_sequence(work.connection, work.vault, sequence)?, true))
        }
        Some((_, false)) => Some(Accepted::KeyUsedForOther),
    })
}

fn oldest_kept(work: &Work<'_>) -> i64 {
    column::millis(work.system.now()).saturating_sub(i64::try_from(IDEMPOTENCY_KEPT.as_millis()).unwrap_or(0))
}

fn remember(work: &Work<'_>, prepared: &Prepared, document: i64) -> Result<(), Fault> {
    let Some(key) = prepared.idempotency_hash else { return Ok(()) };
    work.connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (key_hash, sha256, document, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![key, prepared.new.sha256, document, column::millis(work.system.now())])?;
    Ok(())
}

/// Every document that shares a key with the new one, by its position.
fn related(connection: &Connection, prepared: &Prepared) -> Result<BTreeMap<i64, Related>, Fault> {
    let mut related: BTreeMap<i64, Related> = BTreeMap::new();
    let mut sharing = connection.prepare_cached(SHARING)?;
    for key in &prepared.key_hashes {
        let mut rows = sharing.query(params![key, prepared.new.facility.as_str(), prepared.new.kind.name()])?;
        while let Some(row) = rows.next()? {
            related.entry(row.get(0)?).or_insert(Related { version: row.get(1)?, states: Vec::new(), doubtful: false });
        }
    }
    for (document, related) in &mut related {
        related.states = moves::of_document(connection, *document)?.iter().map(|delivery| delivery.state).collect();
        related.doubtful = is_doubtful(connection, prepared.new.kind, *document)?;
    }
    Ok(related)
}

pub(super) const SHARING: &str = "SELECT k.sequence, d.version FROM document_keys k
    JOIN documents d ON d.sequence = k.sequence WHERE k.key_hash = ?1 AND k.facility = ?2 AND k.kind = ?3";

/// Whether an answer about a document was lost once, or forgotten by a restored backup, where the portal does not replace by key.
fn is_doubtful(connection: &Connection, kind: Kind, document: i64) -> Result<bool, Fault> {
    if kind.facts().replaced_by_key {
        return Ok(false);
    }
    Ok(connection.prepare_cached(LOST_ONCE)?.query_row(params![document], |row| row.get(0))?)
}

const LOST_ONCE: &str = "SELECT EXISTS (SELECT 1 FROM attempts WHERE document = ?1 AND doubtful)
    OR EXISTS (SELECT 1 FROM deliveries WHERE document = ?1 AND doubtful)";

/// Step 2.
fn same(connection: &Connection, prepared: &Prepared, related: &BTreeMap<i64, Related>) -> Result<Same, Fault> {
    let same: Option<i64> = connection
        .prepare_cached(SAME_CONTENT)?
        .query_row(params![prepared.new.facility.as_str(), prepared.new.kind.name(), prepared.new.sha256], |row| {
            row.get(0)
        })
        .optional()?
        .flatten();
    let Some(same) = same else { return Ok(Same::No) };
    // A newer version of the gateway may read other keys from the same bytes; then they are another record.
    if keys_of(connection, same)? != prepared.key_hashes {
        return Ok(Same::No);
    }
    let withdrawn = |states: &[DeliveryState]| {
        !states.is_empty() && states.iter().all(|state| matches!(state, Cancelled | Superseded))
    };
    let states: Vec<_> = moves::of_document(connection, same)?.iter().map(|delivery| delivery.state).collect();
    if withdrawn(&states) {
        let doubtful = is_doubtful(connection, prepared.new.kind, same)?;
        return Ok(if doubtful { Same::Doubtful(same) } else { Same::No });
    }
    // Several check-ins a visit follow each other without one taking another's place: the same one again is no news.
    let overtaken = prepared.new.kind != Kind::Checkin
        && related.iter().any(|(document, newer)| {
            *document > same && !newer.states.iter().all(|s| matches!(s, Cancelled | Rejected))
        });
    Ok(if overtaken { Same::No } else { Same::Stand(same) })
}

pub(super) const SAME_CONTENT: &str =
    "SELECT max(sequence) FROM documents WHERE facility = ?1 AND kind = ?2 AND sha256 = ?3";

/// Step 3: the newest earlier version that is or may be at the portal, if that matters.
fn at_the_portal(prepared: &Prepared, related: &BTreeMap<i64, Related>) -> Option<i64> {
    let kind = prepared.new.kind;
    if kind == Kind::Checkin || prepared.new.replace_reason.is_some() {
        return None;
    }
    let may_be_there = |state: &DeliveryState| match state {
        Acknowledged | JudgedRight | Unknown => true,
        // Where the portal replaces by key, the new version simply comes after the one under way.
        Sending => !kind.facts().replaced_by_key,
        _ => false,
    };
    let may_be = |earlier: &Related| earlier.doubtful || earlier.states.iter().any(may_be_there);
    related.iter().rev().find(|(_, earlier)| may_be(earlier)).map(|(document, _)| *document)
}

fn keys_of(connection: &Connection, document: i64) -> Result<BTreeSet<[u8; 32]>, Fault> {
    let mut statement = connection.prepare_cached("SELECT key_hash FROM document_keys WHERE sequence = ?1")?;
    let keys = statement.query_map(params![document], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(keys)
}

fn insert(work: &Work<'_>, prepared: &Prepared, version: i64) -> Result<i64, Fault> {
    let Prepared { id, new, .. } = prepared;
    let (facility, kind) = (new.facility.as_str(), new.kind.name());
    let renewed = |sealed_as, blob| work.vault.renewed(sealed_as, id.as_bytes(), blob);
    let reason = prepared.replace_reason.as_deref().map(|reason| renewed(views::REPLACE_REASON, reason)).transpose()?;
    let wire = prepared.wire.as_deref().map(|wire| renewed(views::WIRE, wire)).transpose()?;
    let received_at = column::millis(new.received_at);
    let now = column::millis(work.system.now());
    work.connection
        .prepare_cached(
            "INSERT INTO documents (id, facility, kind, client, keys, parts, records, version, sha256, size, received_at,
                                    warnings, replace_reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            id,
            facility,
            kind,
            new.client,
            renewed(views::KEYS, &prepared.keys)?,
            column::parts(&new.parts),
            new.records,
            version,
            new.sha256,
            prepared.size,
            received_at,
            renewed(views::WARNINGS, &prepared.warnings)?,
            reason
        ])?;
    let sequence = work.connection.last_insert_rowid();
    work.connection
        .prepare_cached("INSERT INTO bodies (document, body, wire, sealing_key) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![sequence, renewed(views::BODY, &prepared.body)?, wire, work.vault.newest_key()])?;
    let mut keys = work
        .connection
        .prepare_cached("INSERT INTO document_keys (key_hash, facility, kind, sequence) VALUES (?1, ?2, ?3, ?4)")?;
    for key in &prepared.key_hashes {
        keys.execute(params![key, facility, kind, sequence])?;
    }
    let row = views::delivery_row(id, DESTINATION);
    let reason = new.hold.map(|reason| work.vault.seal(views::REASON, &row, reason.as_bytes())).transpose()?;
    let (state, next_at) = if new.hold.is_some() { (Held, None) } else { (Queued, Some(now)) };
    work.connection
        .prepare_cached(
            "INSERT INTO deliveries (document, destination, facility, kind, state, reason, next_at, waiting_since,
                                     changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![sequence, DESTINATION, facility, kind, state.name(), reason, next_at, received_at, now])?;
    Ok(sequence)
}

/// Step 4: an older document that brings a record which the new one does not is still needed, and goes first. One whose
/// answer was lost is superseded only where the portal replaces by key: elsewhere the portal may hold it for good, and a
/// person must still look.
fn supersede(work: &mut Work<'_>, prepared: &Prepared, older: i64) -> Result<(), Fault> {
    if !keys_of(work.connection, older)?.is_subset(&prepared.key_hashes) {
        return Ok(());
    }
    let replaced_by_key = prepared.new.kind.facts().replaced_by_key;
    let waits = |delivery: &Delivery| match delivery.state {
        Held | Queued | Failed => true,
        Unknown => replaced_by_key,
        _ => false,
    };
    for delivery in moves::of_document(work.connection, older)?.into_iter().filter(waits) {
        moves::change(work, &delivery, &Change::to(Superseded))?;
        moves::tell(work, "document.superseded", &delivery, &[("by", Some(prepared.id.as_str()))])?;
    }
    Ok(())
}
