//! The programs that may call.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::super::Client;
use super::column;
use super::fault::{Fault, unreadable};
use super::writer::Work;
use crate::domain::FacilityCode;

pub(super) fn add(work: &mut Work<'_>, client: &Client) -> Result<(), Fault> {
    work.connection.execute(
        "INSERT INTO clients (id, name, secret_hash, prefix, scopes, facilities, requests_per_minute, addresses,
                              created_at, revoked_at, facade_user)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            client.id,
            client.name,
            client.secret_hash,
            client.prefix,
            column::list(client.scopes.iter().map(String::as_str)),
            column::list(client.facilities.iter().map(FacilityCode::as_str)),
            client.requests_per_minute,
            column::list(client.addresses.iter().map(String::as_str)),
            column::millis(client.created_at),
            client.revoked_at.map(column::millis),
            client.facade_user
        ],
    )?;
    count_up(work)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Client>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, secret_hash, prefix, scopes, facilities, requests_per_minute, addresses, created_at, revoked_at,
                facade_user
         FROM clients ORDER BY created_at, id",
    )?;
    let mut rows = statement.query([])?;
    let mut clients = Vec::new();
    while let Some(row) = rows.next()? {
        clients.push(client(row)?);
    }
    Ok(clients)
}

pub(super) fn revoke(work: &mut Work<'_>, id: &str, at: Timestamp) -> Result<bool, Fault> {
    let revoked = work.connection.execute(
        "UPDATE clients SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id, column::millis(at)],
    )?;
    if revoked > 0 {
        count_up(work)?;
    }
    Ok(revoked > 0)
}

pub(super) fn version(connection: &Connection) -> Result<i64, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = 'clients_version'")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn count_up(work: &mut Work<'_>) -> Result<(), Fault> {
    work.connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'clients_version'", [])?;
    Ok(())
}

fn client(row: &Row<'_>) -> Result<Client, Fault> {
    let words = |index: usize| column::words(row.get::<_, String>(index)?.as_bytes());
    Ok(Client {
        id: row.get(0)?,
        name: row.get(1)?,
        secret_hash: row.get(2)?,
        prefix: row.get(3)?,
        scopes: words(4)?,
        facilities: words(5)?.iter().map(|code| column::facility(code)).collect::<Result<_, _>>()?,
        requests_per_minute: row.get::<_, i64>(6)?.try_into().map_err(|_| unreadable("a quota"))?,
        addresses: words(7)?,
        created_at: column::instant(row.get(8)?)?,
        revoked_at: row.get::<_, Option<i64>>(9)?.map(column::instant).transpose()?,
        facade_user: row.get(10)?,
    })
}
