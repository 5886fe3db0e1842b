//! Heads and cuts: what the chain was at some moment, and where it begins, each signed.

use rusqlite::{Connection, OptionalExtension, params};

use super::key::{PublicKey, Signer};
use super::record::{BEGINNING, Hash};

/// What the chain was after one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: i64,
    /// The sequence of the head before: a head that was taken out is missed.
    pub(super) before: i64,
    pub(super) hash: Hash,
    /// Microseconds since 1970.
    pub(super) at: i64,
    /// `start`, `day` or `stop`.
    pub(super) why: String,
    pub(super) key_id: String,
    pub(super) signature: Vec<u8>,
}

/// Where the log begins: after this entry, which is forgotten with all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) sequence: i64,
    pub(super) hash: Hash,
    pub(super) at: i64,
    pub(super) key_id: String,
    pub(super) signature: Vec<u8>,
}

impl Head {
    pub(super) fn signed(signer: &Signer, tip: (i64, Hash), before: i64, at: i64, why: &str) -> Self {
        let mut head = Self {
            sequence: tip.0,
            before,
            hash: tip.1,
            at,
            why: why.to_owned(),
            key_id: signer.public().id(),
            signature: Vec::new(),
        };
        head.signature = signer.sign(&head.message());
        head
    }

    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.has_signed(&self.message(), &self.signature)
    }

    fn message(&self) -> Vec<u8> {
        let hash = hex(&self.hash);
        let Self { sequence, before, at, why, .. } = self;
        format!("lienthong audit head 1\n{sequence}\n{before}\n{hash}\n{at}\n{why}\n").into_bytes()
    }
}

impl Cut {
    pub(super) fn signed(signer: &Signer, sequence: i64, hash: Hash, at: i64) -> Self {
        let mut cut = Self { sequence, hash, at, key_id: signer.public().id(), signature: Vec::new() };
        cut.signature = signer.sign(&cut.message());
        cut
    }

    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.has_signed(&self.message(), &self.signature)
    }

    fn message(&self) -> Vec<u8> {
        format!("lienthong audit cut 1\n{}\n{}\n{}\n", self.sequence, hex(&self.hash), self.at).into_bytes()
    }
}

/// The last entry and its hash; of an empty log, what the next entry is bound to.
pub(super) fn tip(connection: &Connection) -> rusqlite::Result<(i64, Hash)> {
    let mut last = connection.prepare_cached("SELECT sequence, hash FROM entries ORDER BY sequence DESC LIMIT 1")?;
    let last = last.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match last {
        Some(tip) => Ok(tip),
        None => Ok(newest_cut(connection)?.map_or((0, BEGINNING), |cut| (cut.sequence, cut.hash))),
    }
}

pub(super) fn newest_cut(connection: &Connection) -> rusqlite::Result<Option<Cut>> {
    let mut cut = connection
        .prepare_cached("SELECT sequence, hash, at, key_id, signature FROM cuts ORDER BY sequence DESC LIMIT 1")?;
    cut.query_row([], |row| {
        Ok(Cut {
            sequence: row.get(0)?,
            hash: row.get(1)?,
            at: row.get(2)?,
            key_id: row.get(3)?,
            signature: row.get(4)?,
        })
    })
    .optional()
}

const COLUMNS: &str = "sequence, before, hash, at, why, key_id, signature";

/// The newest head.
pub(super) fn newest_head(connection: &Connection) -> rusqlite::Result<Option<Head>> {
    let sql = format!("SELECT {COLUMNS} FROM heads ORDER BY sequence DESC LIMIT 1");
    connection.prepare_cached(&sql)?.query_row([], read).optional()
}

/// The newest head up to which the log may be cut: it was signed before `oldest`, so was every head before the first one
/// that is kept, and days enough were signed since. A clock that is wrong for a while satisfies neither.
pub(super) fn head_to_cut_at(connection: &Connection, oldest: i64, keep_days: u32) -> rusqlite::Result<Option<Head>> {
    const DAY_US: i64 = 24 * 3600 * 1_000_000;
    let sql = format!(
        "SELECT {COLUMNS} FROM heads
         WHERE sequence < (SELECT min(sequence) FROM heads WHERE at >= ?1)
           AND sequence < (SELECT max(sequence) AS last FROM heads GROUP BY at / {DAY_US}
                           ORDER BY last DESC LIMIT 1 OFFSET ?2)
         ORDER BY sequence DESC LIMIT 1"
    );
    connection.prepare_cached(&sql)?.query_row(params![oldest, keep_days.saturating_sub(1)], read).optional()
}

/// All heads from the oldest on.
pub(super) fn heads(connection: &Connection) -> rusqlite::Result<Vec<Head>> {
    let mut all = connection.prepare(&format!("SELECT {COLUMNS} FROM heads ORDER BY sequence"))?;
    all.query_map([], read)?.collect()
}

pub(super) fn keep_head(connection: &Connection, head: &Head) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO heads ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    let Head { sequence, before, hash, at, why, key_id, signature } = head;
    connection.execute(&sql, params![sequence, before, hash, at, why, key_id, signature]).map(drop)
}

pub(super) fn keep_cut(connection: &Connection, cut: &Cut) -> rusqlite::Result<()> {
    let Cut { sequence, hash, at, key_id, signature } = cut;
    connection.execute("DELETE FROM cuts WHERE sequence < ?1", params![sequence])?;
    connection
        .execute(
            "INSERT INTO cuts (sequence, hash, at, key_id, signature) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![sequence, hash, at, key_id, signature],
        )
        .map(drop)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        sequence: row.get(0)?,
        before: row.get(1)?,
        hash: row.get(2)?,
        at: row.get(3)?,
        why: row.get(4)?,
        key_id: row.get(5)?,
        signature: row.get(6)?,
    })
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
