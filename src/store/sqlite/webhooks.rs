//! Webhook endpoints: made, shown and changed by their client. What is on its way to them stands in [`deliveries`].

pub(super) mod deliveries;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use super::super::webhooks::{
    DueHook, ENDPOINTS_MAX, ENDPOINTS_OF_CLIENT_MAX, HookChange, HookDelivery, HookDetails, HookEnd, HookSecret,
    HookState, HookView, HookWork, NewHook, Recovery, TooManyHooks,
};
use super::super::{StoreError, Vault};
use super::column;
use super::fault::{Fault, unreadable};
use super::views::blob;
use super::writer::Work;
use super::{SMALL_BYTES, Store};

const DETAILS: &str = "webhook_endpoints.details";
const SECRET: &str = "webhook_endpoints.secret";
const OLD_SECRET: &str = "webhook_endpoints.old_secret";

macro_rules! select_endpoints {
    ($rest:literal) => {
        concat!(
            "SELECT sequence, id, client, details, kinds, state, reason, failures, failing_since, rest_until,
                    last_success_at, old_secret_until, created_at, cursor FROM webhook_endpoints ",
            $rest
        )
    };
}

/// The endpoints of one client, oldest first.
pub(super) const OF_CLIENT: &str = select_endpoints!("WHERE client = ?1 ORDER BY sequence");

const BY_ID: &str = select_endpoints!("WHERE id = ?1");

/// Those of clients that were not revoked; a few hundred rows at the most ([`ENDPOINTS_MAX`]).
const ALL: &str = select_endpoints!(
    "WHERE EXISTS (SELECT 1 FROM clients c WHERE c.id = client AND c.revoked_at IS NULL) ORDER BY sequence"
);

impl Store {
    /// Keeps a new endpoint, which is sent what happens from now on.
    pub async fn add_webhook(&self, new: NewHook) -> Result<Result<HookView, TooManyHooks>, StoreError> {
        self.write(SMALL_BYTES, move |work| add(work, &new)).await
    }

    /// One endpoint.
    pub async fn webhook(&self, id: &str) -> Result<Option<HookView>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| by_id(connection, vault, &id)).await
    }

    /// What signs for an endpoint at `now`: the present secret, and perhaps the one before.
    pub async fn webhook_secrets(&self, id: &str, now: Timestamp) -> Result<Vec<HookSecret>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| secrets(connection, vault, &id, now)).await
    }

    /// The endpoints of one client, oldest first.
    pub async fn webhooks_of(&self, client: &str) -> Result<Vec<HookView>, StoreError> {
        let client = client.to_owned();
        self.inner.readers.read(move |connection, vault| read(connection, vault, OF_CLIENT, params![client])).await
    }

    /// The endpoints of all clients that were not revoked.
    pub async fn webhooks(&self) -> Result<Vec<HookView>, StoreError> {
        self.inner.readers.read(|connection, vault| read(connection, vault, ALL, params![])).await
    }

    /// Changes an endpoint.
    pub async fn change_webhook(&self, id: &str, change: HookChange) -> Result<Option<HookView>, StoreError> {
        let id = id.to_owned();
        self.write(SMALL_BYTES, move |work| self::change(work, &id, &change)).await
    }

    /// Forgets an endpoint and all that was on its way to it; `false` if there is none.
    pub async fn remove_webhook(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(SMALL_BYTES, move |work| remove(work, &id)).await
    }

    /// Gives an endpoint a new secret; the present one signs beside it until `old_until`.
    pub async fn rotate_webhook_secret(
        &self,
        id: &str,
        secret: HookSecret,
        old_until: Timestamp,
    ) -> Result<Option<HookView>, StoreError> {
        let id = id.to_owned();
        self.write(SMALL_BYTES, move |work| rotate(work, &id, &secret, old_until)).await
    }

    /// What there is to do at `now`, beside what is `in_hand` (endpoint and event, by position): of each endpoint at most
    /// `most` events. One that failed `trial_after` times in a row is given a single event at a time.
    pub async fn webhook_work(
        &self,
        now: Timestamp,
        in_hand: Vec<(i64, i64)>,
        most: u32,
        trial_after: u32,
    ) -> Result<Vec<HookWork>, StoreError> {
        self.inner
            .readers
            .read(move |connection, vault| deliveries::work(connection, vault, now, &in_hand, most, trial_after))
            .await
    }

    /// Puts events of the feed on their way to an endpoint, in order, as far as there is room; how many were looked at.
    pub async fn queue_webhooks(&self, endpoint: i64) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| deliveries::queue(work, endpoint)).await
    }

    /// Records how a try to send an event ended.
    pub async fn settle_webhook(&self, endpoint: i64, event: i64, end: HookEnd) -> Result<(), StoreError> {
        self.write(SMALL_BYTES, move |work| deliveries::settle(work, endpoint, event, &end)).await
    }

    /// What is on its way to an endpoint or was lately, newest first, and whether there is more.
    pub async fn webhook_deliveries(
        &self,
        endpoint: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<HookDelivery>, bool), StoreError> {
        self.inner.readers.read(move |connection, _| deliveries::page(connection, endpoint, before, limit)).await
    }

    /// Puts one event on its way again; `false` if it never was.
    pub async fn redeliver_webhook(&self, endpoint: i64, event: &str) -> Result<bool, StoreError> {
        let event = event.to_owned();
        self.write(SMALL_BYTES, move |work| deliveries::redeliver(work, endpoint, &event)).await
    }

    /// Puts events on their way again. `false` where the time lies before everything that is kept of the feed.
    pub async fn recover_webhooks(&self, endpoint: i64, wish: Recovery) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| deliveries::recover(work, endpoint, wish)).await
    }

    /// Forgets some deliveries that ended before `before`, and endpoints of clients revoked before it; to be called again
    /// until it returns 0.
    pub async fn forget_webhook_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| deliveries::forget(work, before)).await
    }
}

fn add(work: &mut Work<'_>, new: &NewHook) -> Result<Result<HookView, TooManyHooks>, Fault> {
    let (all, own): (u32, u32) = work
        .connection
        .prepare_cached("SELECT count(*), count(*) FILTER (WHERE client = ?1) FROM webhook_endpoints")?
        .query_row(params![new.client], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if all >= ENDPOINTS_MAX || own >= ENDPOINTS_OF_CLIENT_MAX {
        return Ok(Err(TooManyHooks));
    }
    let now = column::millis(work.system.now());
    work.connection.execute(
        "INSERT INTO webhook_endpoints (id, client, details, kinds, secret, state, cursor, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'on', (SELECT coalesce(max(sequence), 0) FROM events), ?6, ?6)",
        params![
            new.id,
            new.client,
            sealed_details(work, &new.id, &new.details)?,
            column::list(new.details.kinds.iter().map(String::as_str)),
            work.vault.seal(SECRET, new.id.as_bytes(), new.secret.expose())?,
            now
        ],
    )?;
    by_id(work.connection, work.vault, &new.id)?.map(Ok).ok_or_else(|| unreadable("an endpoint"))
}

fn change(work: &mut Work<'_>, id: &str, change: &HookChange) -> Result<Option<HookView>, Fault> {
    let Some(view) = by_id(work.connection, work.vault, id)? else { return Ok(None) };
    let now = column::millis(work.system.now());
    if let Some(details) = &change.details {
        work.connection.execute(
            "UPDATE webhook_endpoints SET details = ?2, kinds = ?3, changed_at = ?4, rest_until = NULL WHERE id = ?1",
            params![
                id,
                sealed_details(work, id, details)?,
                column::list(details.kinds.iter().map(String::as_str)),
                now
            ],
        )?;
    }
    match change.on {
        Some(true) => {
            work.connection.execute(
                "UPDATE webhook_endpoints SET state = 'on', reason = NULL, failures = 0, failing_since = NULL,
                   rest_until = NULL, changed_at = ?2 WHERE id = ?1",
                params![id, now],
            )?;
            // What waited is tried at once, and for as long as anything else.
            work.connection.execute(
                "UPDATE webhook_deliveries SET next_at = ?2, queued_at = ?2, tries = 0
                 WHERE endpoint = ?1 AND state = 'waiting'",
                params![view.sequence, now],
            )?;
        }
        Some(false) => {
            work.connection.execute(
                "UPDATE webhook_endpoints SET state = 'off', reason = NULL, changed_at = ?2 WHERE id = ?1",
                params![id, now],
            )?;
        }
        None => {}
    }
    work.wakes = true;
    by_id(work.connection, work.vault, id)
}

fn remove(work: &mut Work<'_>, id: &str) -> Result<bool, Fault> {
    work.connection.execute(
        "DELETE FROM webhook_deliveries WHERE endpoint = (SELECT sequence FROM webhook_endpoints WHERE id = ?1)",
        params![id],
    )?;
    Ok(work.connection.execute("DELETE FROM webhook_endpoints WHERE id = ?1", params![id])? > 0)
}

fn rotate(work: &mut Work<'_>, id: &str, secret: &HookSecret, old_until: Timestamp) -> Result<Option<HookView>, Fault> {
    let sealed: Option<Vec<u8>> = work
        .connection
        .query_row("SELECT secret FROM webhook_endpoints WHERE id = ?1", params![id], |row| row.get(0))
        .optional()?;
    let Some(sealed) = sealed else { return Ok(None) };
    let old = HookSecret::new(work.vault.unseal(SECRET, id.as_bytes(), &sealed)?);
    work.connection.execute(
        "UPDATE webhook_endpoints SET secret = ?2, old_secret = ?3, old_secret_until = ?4, changed_at = ?5 WHERE id = ?1",
        params![
            id,
            work.vault.seal(SECRET, id.as_bytes(), secret.expose())?,
            work.vault.seal(OLD_SECRET, id.as_bytes(), old.expose())?,
            column::millis(old_until),
            column::millis(work.system.now())
        ],
    )?;
    by_id(work.connection, work.vault, id)
}

fn secrets(connection: &Connection, vault: &Vault, id: &str, now: Timestamp) -> Result<Vec<HookSecret>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT secret, old_secret, old_secret_until FROM webhook_endpoints WHERE id = ?1")?;
    let mut rows = statement.query(params![id])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    signing(vault, id, now, row, 0)
}

/// The secrets that sign at `now`, from three columns of a row: secret, the one before, and until when that counts.
fn signing(vault: &Vault, id: &str, now: Timestamp, row: &Row<'_>, first: usize) -> Result<Vec<HookSecret>, Fault> {
    let mut secrets = vec![HookSecret::new(vault.unseal(SECRET, id.as_bytes(), blob(row, first)?)?)];
    if row.get::<_, Option<i64>>(first + 2)?.is_some_and(|until| until > column::millis(now)) {
        secrets.push(HookSecret::new(vault.unseal(OLD_SECRET, id.as_bytes(), blob(row, first + 1)?)?));
    }
    Ok(secrets)
}

fn sealed_details(work: &Work<'_>, id: &str, details: &HookDetails) -> Result<Vec<u8>, Fault> {
    let plain = json!({"url": details.url, "name": details.name}).to_string();
    Ok(work.vault.seal(DETAILS, id.as_bytes(), plain.as_bytes())?)
}

fn by_id(connection: &Connection, vault: &Vault, id: &str) -> Result<Option<HookView>, Fault> {
    Ok(read(connection, vault, BY_ID, params![id])?.into_iter().next())
}

fn read(
    connection: &Connection,
    vault: &Vault,
    query: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<HookView>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(values)?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        views.push(view(connection, vault, row)?);
    }
    Ok(views)
}

fn view(connection: &Connection, vault: &Vault, row: &Row<'_>) -> Result<HookView, Fault> {
    let (sequence, id): (i64, String) = (row.get(0)?, row.get(1)?);
    let client: String = row.get(2)?;
    let maybe = |index: usize| -> Result<Option<Timestamp>, Fault> {
        row.get::<_, Option<i64>>(index)?.map(column::instant).transpose()
    };
    let cursor: i64 = row.get(13)?;
    let facilities = deliveries::facilities(connection, &client)?;
    let unread = deliveries::first_unread(connection, cursor, &facilities)?;
    let state: String = row.get(5)?;
    Ok(HookView {
        details: details(vault, &id, row, 3, 4)?,
        waiting: deliveries::waiting(connection, sequence, cursor)?,
        unread_since: unread,
        sequence,
        id,
        client,
        state: HookState::parse(&state).ok_or_else(|| unreadable("an endpoint"))?,
        reason: row.get(6)?,
        failures: column::count(row.get(7)?)?,
        failing_since: maybe(8)?,
        rest_until: maybe(9)?,
        last_success_at: maybe(10)?,
        old_secret_until: maybe(11)?,
        created_at: column::instant(row.get(12)?)?,
    })
}

/// Reads sealed details and open kinds.
fn details(vault: &Vault, id: &str, row: &Row<'_>, sealed: usize, kinds: usize) -> Result<HookDetails, Fault> {
    let plain = vault.unseal(DETAILS, id.as_bytes(), blob(row, sealed)?)?;
    let members: serde_json::Value = serde_json::from_slice(&plain).map_err(|_| unreadable("an endpoint"))?;
    let text = |member: &str| members.get(member).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let kinds = column::words(row.get::<_, String>(kinds)?.as_bytes())?;
    Ok(HookDetails { url: text("url"), name: text("name"), kinds })
}
