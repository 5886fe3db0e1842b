//! Is everything stored still what it was? Reads it all, once, and changes nothing.

use aws_lc_rs::digest;
use rusqlite::{Row, params};

use super::super::super::StoreError;
use super::super::fault::Fault;
use super::super::views::BODY;
use super::Archive;

/// Complaints of SQLite that are listed. One is enough to know; a hundred show how far the damage goes.
const DAMAGE_LISTED_MAX: usize = 100;

/// Ids of unreadable documents that are listed; the rest is counted.
const UNREADABLE_LISTED_MAX: usize = 100;

/// Documents looked at in one look at the database: the gateway's log can be cut back in between.
const PAGE: u32 = 64;

const NEXT: &str = "SELECT d.sequence, d.id, d.sha256, b.body FROM documents d
    LEFT JOIN bodies b ON b.document = d.sequence WHERE d.sequence > ?1 ORDER BY d.sequence LIMIT ?2";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckUp {
    /// Documents looked at.
    pub documents: u64,
    /// Of these, whose bytes were forgotten.
    pub forgotten: u64,
    /// Of these, whose bytes cannot be unsealed or are not those that were received.
    pub unreadable: u64,
    /// The first of their ids.
    pub unreadable_ids: Vec<String>,
    /// What SQLite says of the file itself, in its own words: pages, tables and rows by number. None if it is sound.
    pub damage: Vec<String>,
}

// === impl CheckUp ===

impl CheckUp {
    /// Whether everything is as it was.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.unreadable == 0
    }
}

impl Archive {
    /// Looks at every page, every reference and every body. Blocks; as long as reading the file takes, and more.
    pub fn check_up(&self) -> Result<CheckUp, StoreError> {
        let mut found = CheckUp::default();
        if self.is_log_broken {
            found.damage.push(StoreError::LogDamaged.to_string());
        }
        for look in [Self::pages, Self::references, Self::bodies] {
            match look(self, &mut found).map_err(|fault| fault.told()) {
                Ok(()) => {}
                // A page so wrong that the look itself ended at it.
                Err(StoreError::Damaged) => found.damage.push(StoreError::Damaged.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn pages(&self, found: &mut CheckUp) -> Result<(), Fault> {
        let mut statement = self.connection.prepare(&format!("PRAGMA integrity_check({DAMAGE_LISTED_MAX})"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let told: String = row.get(0)?;
            if told != "ok" {
                found.damage.push(told);
            }
        }
        Ok(())
    }

    fn references(&self, found: &mut CheckUp) -> Result<(), Fault> {
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if found.damage.len() >= DAMAGE_LISTED_MAX {
                break;
            }
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            found.damage.push(format!("a row of {table} belongs to a row of {parent} that is not there"));
        }
        Ok(())
    }

    fn bodies(&self, found: &mut CheckUp) -> Result<(), Fault> {
        let mut statement = self.connection.prepare(NEXT)?;
        let (mut after, mut seen) = (i64::MIN, 1);
        while seen > 0 {
            seen = 0;
            let mut rows = statement.query(params![after, PAGE])?;
            while let Some(row) = rows.next()? {
                seen += 1;
                after = row.get(0)?;
                self.body(row, found)?;
            }
        }
        Ok(())
    }

    fn body(&self, row: &Row<'_>, found: &mut CheckUp) -> Result<(), Fault> {
        let id: String = row.get(1)?;
        let sha256: Vec<u8> = row.get(2)?;
        found.documents += 1;
        let Some(sealed) = row.get_ref(3)?.as_blob_or_null().map_err(rusqlite::Error::from)? else {
            found.forgotten += 1;
            return Ok(());
        };
        let plain = self.vault.unseal(BODY, id.as_bytes(), sealed).ok();
        if plain.is_none_or(|plain| digest::digest(&digest::SHA256, &plain).as_ref() != sha256) {
            found.unreadable += 1;
            if found.unreadable_ids.len() < UNREADABLE_LISTED_MAX {
                found.unreadable_ids.push(id);
            }
        }
        Ok(())
    }
}
