//! What metrics and readiness ask.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::Backlog;
use super::column;
use super::fault::{Fault, unreadable};
use super::writer::Work;

/// Bytes of a trial row, as many as a common document has: were a trial row to fit into the last free pages, a full disk
/// would look as if it had room.
const PROBE_BYTES: u32 = 64 << 10;

pub(super) const COUNTS: &str = "SELECT kind, state, count(*) FROM deliveries
    WHERE state IN ('held', 'queued', 'sending', 'unknown', 'failed', 'rejected') GROUP BY state, kind";

/// Counts what is not at its end. Ends are not counted: there are millions of them after some years.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, Fault> {
    let mut counts = Vec::new();
    let mut statement = connection.prepare_cached(COUNTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let count = u64::try_from(row.get::<_, i64>(2)?).map_err(|_| unreadable("a count"))?;
        let kind = column::kind(&row.get::<_, String>(0)?)?;
        counts.push((kind, column::state(&row.get::<_, String>(1)?)?, count));
    }
    // The first accepted of those that wait; reading every row's time would cost as much as there is backlog.
    let mut oldest = connection.prepare_cached(
        "SELECT received_at FROM documents WHERE sequence =
           (SELECT min(document) FROM deliveries WHERE state = ?1 AND kind = ?2)",
    )?;
    let mut oldest_waiting: Option<i64> = None;
    for (kind, state, _) in counts.iter().filter(|(_, state, _)| state.is_waiting()) {
        let received = oldest.query_row(params![state.name(), kind.name()], |row| row.get::<_, i64>(0)).optional()?;
        oldest_waiting = [oldest_waiting, received].into_iter().flatten().min();
    }
    Ok(Backlog { counts, oldest_waiting: oldest_waiting.map(column::instant).transpose()? })
}

/// Writes a row and takes it back, in one durable commit.
pub(super) fn probe(work: &mut Work<'_>) -> Result<(), Fault> {
    work.connection
        .execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', zeroblob(?1))", params![PROBE_BYTES])?;
    work.connection.execute("DELETE FROM meta WHERE name = 'probe'", [])?;
    Ok(())
}

/// The mode of the data folder: what it was first used in.
pub(super) fn mode(work: &mut Work<'_>, first: &str) -> Result<String, Fault> {
    work.connection
        .prepare_cached("INSERT INTO meta (name, value) VALUES ('mode', ?1) ON CONFLICT DO NOTHING")?
        .execute(params![first])?;
    let kept = work.connection.query_row("SELECT value FROM meta WHERE name = 'mode'", [], |row| row.get(0))?;
    Ok(kept)
}
