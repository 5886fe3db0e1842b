//! Sealing everything anew with a newer storage key: how far it is.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// The storage keys that rows may need, and the rotation under way or the last there was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageKeys {
    /// Rows may be sealed with these; the last one seals.
    pub needed: BTreeSet<u32>,
    /// The rotation; `None` if there never was one.
    pub rotation: Option<RotationView>,
}

/// How far a rotation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationView {
    /// When it has ended, no row that opens needs an older key than this.
    pub key: u32,
    /// The table it is at, and that table's place among all, from 1; `None` at the end.
    pub table: Option<(String, usize)>,
    /// Rows looked at.
    pub looked_at: u64,
    /// Rows sealed anew; the others were sealed with the new key already.
    pub sealed_anew: u64,
    /// Rows that do not open with the key they name: changed on the disk. They still need their old key.
    pub unreadable: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// How many tables are gone through.
pub const TABLES: usize = super::sqlite::SEALED_TABLES;

// === impl StorageKeys ===

impl StorageKeys {
    /// The key that seals now; 0 if nothing was ever sealed.
    pub fn newest(&self) -> u32 {
        self.needed.last().copied().unwrap_or_default()
    }

    /// Whether everything that opens is sealed with the key that seals now.
    pub fn is_settled(&self) -> bool {
        self.rotation.as_ref().is_none_or(|rotation| rotation.ended_at.is_some())
    }
}
