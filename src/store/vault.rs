//! The vault: what lies on the disk and could name a person is sealed here, and found again by keyed hashes.
//!
//! Sealing is AES-256-GCM with a random nonce. A sealed blob is `version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖
//! tag (16)`, and is bound to its table and row: moved to another row, it does not open. Each blob names its key, so a
//! new key can be put first while old rows still open. Random nonces bear 2³² seals a key; a facility that seals ten
//! rows for each of ten thousand documents a day reaches that in a century.
//!
//! Keyed hashes (HMAC-SHA-256) use a secret of their own that stays for ever: were it to change, no record would be found
//! again.
//!
//! A running process goes on with the keys it has until its source is looked at again ([`Vault::look_again`]). New keys are
//! then *offered*: rows sealed with them open at once, but nothing is sealed with them before the writer has put their
//! number on the disk (`store/sqlite/rotation.rs`), so that what needs which key is known at every instant.

mod key_file;
mod key_set;
mod source;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::aead::{Aad, Nonce};

use self::key_file::KeyFile;
use self::key_set::{KeySet, length_of};
use self::source::{Source, Stamp};
use super::StoreError;
use crate::system::System;

/// Seals, opens and hashes. Cheap to clone; `Debug` shows key ids only.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
    /// The keys of the transaction under way; in the writer only.
    pinned: Option<Arc<KeySet>>,
}

struct Shared {
    current: ArcSwap<KeySet>,
    /// Read from the source and not in use yet: all of `current`, and newer ones.
    offered: ArcSwapOption<KeySet>,
    source: Source,
    /// What the source was like when it was last read.
    seen: Mutex<Option<Stamp>>,
}

/// The one layout of sealed blobs so far.
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

// === impl Vault ===

impl Vault {
    /// Reads the key file, or makes it if neither it nor a database in `data_folder` exists. With a database and no key
    /// file it fails: a new key would not open what is stored.
    pub fn open(key_file: &Path, data_folder: &Path, system: &System) -> Result<Self, StoreError> {
        let source = Source::File(key_file.to_owned());
        let seen = source.stamp();
        Self::of(&key_file::read_or_make(key_file, data_folder, system)?, source, seen)
    }

    /// Reads the keys from a file that the platform's credential store has opened for this process, and that the process
    /// never writes.
    pub fn open_credential(file: &Path) -> Result<Self, StoreError> {
        let source = Source::Credential(file.to_owned());
        let seen = source.stamp();
        Self::of(&source.read()?, source, seen)
    }

    /// A vault with a key known to everybody, for tests.
    pub fn for_tests() -> Result<Self, StoreError> {
        let key = key_file::MasterKey { id: 1, bytes: zeroize::Zeroizing::new([7; 32]) };
        Self::of(&KeyFile { hashing: None, keys: vec![key] }, Source::Fixed, None)
    }

    /// Seals `plain` for this row of `table` (`table.column` where a row has several sealed columns).
    pub fn seal(&self, table: &str, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let keys = self.keys();
        let key = keys.key(keys.sealing_now).ok_or(StoreError::Sealed)?;
        let [a, b, c, d] = keys.sealing_now.to_be_bytes();
        let header: [u8; HEADER_BYTES] = [VERSION, a, b, c, d];
        let mut sealed = Vec::with_capacity(HEADER_BYTES + NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&[0; NONCE_BYTES]);
        sealed.extend_from_slice(plain);
        let (front, text) = sealed.split_at_mut_checked(HEADER_BYTES + NONCE_BYTES).ok_or(StoreError::Sealed)?;
        let (nonce, tag) = key
            .key
            .seal_in_place_separate_tag(Aad::from(bound_to(header, table, row)), text)
            .map_err(|_| StoreError::Failed("sealing a row failed".to_owned()))?;
        for (place, byte) in front.iter_mut().skip(HEADER_BYTES).zip(nonce.as_ref()) {
            *place = *byte;
        }
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) sealed for the same row of the same table.
    pub fn unseal(&self, table: &str, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (header, rest) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(StoreError::Sealed)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(StoreError::Sealed)?;
        let id = key_id(sealed).ok_or(StoreError::Sealed)?;
        let keys = self.with_key(id).ok_or(StoreError::Sealed)?;
        let key = keys.key(id).ok_or(StoreError::Sealed)?;
        let mut text = text.to_vec();
        let bytes = key
            .key
            .open_in_place(Nonce::from(nonce), Aad::from(bound_to(*header, table, row)), &mut text)
            .map_err(|_| StoreError::Sealed)?
            .len();
        text.truncate(bytes);
        Ok(text)
    }

    /// A blob that was sealed before the writer's turn, sealed with the key of now: a new one may have come in between.
    pub fn renewed<'a>(&self, table: &str, row: &[u8], sealed: &'a [u8]) -> Result<Cow<'a, [u8]>, StoreError> {
        if key_id(sealed) == Some(self.newest_key()) {
            return Ok(Cow::Borrowed(sealed));
        }
        self.unseal(table, row, sealed).and_then(|plain| self.seal(table, row, &plain)).map(Cow::Owned)
    }

    /// The keyed hash of `parts` for one purpose. Each part goes in with its length, so that no two lists of parts
    /// read the same.
    pub fn keyed_hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.keys().hash(purpose, parts)
    }

    /// The id of the key that seals now.
    pub fn newest_key(&self) -> u32 {
        self.keys().sealing_now
    }

    /// The ids of all keys that are here, those offered too.
    pub fn key_ids(&self) -> BTreeSet<u32> {
        self.latest().ids().collect()
    }

    /// Whether rows sealed with this key open.
    pub fn has_key(&self, id: u32) -> bool {
        self.latest().key(id).is_some()
    }

    /// A hash that only this key gives; `None` if it is not here.
    pub fn proof_of_key(&self, id: u32) -> Option<[u8; 32]> {
        self.latest().key(id).map(|key| key.proof)
    }

    // Newer keys.

    /// Reads the source again if it changed since it was last read. `true` if newer keys are offered now. On an error the
    /// keys stay what they were, and the next look tries again.
    pub fn look_again(&self) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = shared.source.stamp();
        if stamp.is_some() && *seen != stamp {
            let file = shared.source.read()?;
            let followed = shared.current.load().followed_by(KeySet::of(&file)?)?;
            shared.offered.store(Some(Arc::new(followed)));
            *seen = stamp;
        }
        Ok(self.latest().last() > shared.current.load().sealing_now)
    }

    /// This vault, sealing with `id`, or with the newest key there is if `None`; all that one transaction seals is sealed
    /// with one key. `None` if the key is not here.
    pub(super) fn pinned_to(&self, id: Option<u32>) -> Option<Self> {
        let latest = self.latest();
        let id = id.unwrap_or(latest.last());
        let keys = if id == latest.sealing_now { latest } else { Arc::new(latest.sealing_with(id)?) };
        Some(Self { shared: self.shared.clone(), pinned: Some(keys) })
    }

    /// Takes into use what was pinned: the writer has made durable which key it is.
    pub(super) fn adopt(&self) {
        if let Some(pinned) = &self.pinned
            && self.shared.current.load().sealing_now != pinned.sealing_now
        {
            self.shared.current.store(pinned.clone());
        }
    }

    /// Adds a key to the key file, unless the last one there is newer than `above` already; offers it, and gives its
    /// number. To be called by one process at a time.
    pub(super) fn add_key(&self, above: u32, system: &System) -> Result<u32, StoreError> {
        let Source::File(path) = &self.shared.source else { return Err(self.shared.source.not_written()) };
        let mut file = self.shared.source.read()?;
        let id = match file.keys.last() {
            Some(last) if last.id > above => last.id,
            _ => {
                let id = file.add(above, system)?;
                key_file::replace(path, &file)?;
                id
            }
        };
        self.look_again()?;
        Ok(id)
    }

    /// Takes keys that are not `needed` out of the key file, and gives their numbers. To be called by one process at a time.
    pub(super) fn remove_keys(&self, needed: &BTreeSet<u32>) -> Result<Vec<u32>, StoreError> {
        let Source::File(path) = &self.shared.source else { return Err(self.shared.source.not_written()) };
        let mut file = self.shared.source.read()?;
        let gone = file.keep(|id| needed.contains(&id))?;
        if !gone.is_empty() {
            key_file::replace(path, &file)?;
        }
        Ok(gone)
    }

    /// Writes the keys with one more into a new file, for a source that this program does not write. Gives its number.
    pub fn write_with_new_key(&self, to: &Path, above: u32, system: &System) -> Result<u32, StoreError> {
        let mut file = self.shared.source.read()?;
        let id = file.add(above, system)?;
        key_file::write_new(to, &file).map(|()| id)
    }

    /// Writes the keys without those that are not `needed` into a new file. Gives their numbers; if there are none, no file
    /// is made.
    pub fn write_without_old_keys(&self, to: &Path, needed: &BTreeSet<u32>) -> Result<Vec<u32>, StoreError> {
        let mut file = self.shared.source.read()?;
        let gone = file.keep(|id| needed.contains(&id))?;
        if !gone.is_empty() {
            key_file::write_new(to, &file)?;
        }
        Ok(gone)
    }

    fn of(file: &KeyFile, source: Source, seen: Option<Stamp>) -> Result<Self, StoreError> {
        let current = ArcSwap::from_pointee(KeySet::of(file)?);
        let shared = Shared { current, offered: ArcSwapOption::empty(), source, seen: Mutex::new(seen) };
        Ok(Self { shared: Arc::new(shared), pinned: None })
    }

    fn keys(&self) -> Arc<KeySet> {
        self.pinned.clone().unwrap_or_else(|| self.shared.current.load_full())
    }

    fn latest(&self) -> Arc<KeySet> {
        self.shared.offered.load_full().unwrap_or_else(|| self.shared.current.load_full())
    }

    /// Keys among which `id` is; another process may have added it a moment ago.
    fn with_key(&self, id: u32) -> Option<Arc<KeySet>> {
        let keys = self.keys();
        if keys.key(id).is_some() {
            return Some(keys);
        }
        if !self.has_key(id)
            && let Err(error) = self.look_again()
        {
            tracing::error!(%error, "the storage keys could not be read again");
        }
        Some(self.latest()).filter(|keys| keys.key(id).is_some())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("newest", &self.newest_key()).finish_non_exhaustive()
    }
}

/// The ids of the keys in a key file.
pub(super) fn key_ids(key_file: &Path) -> Result<Vec<u32>, StoreError> {
    Ok(key_file::read(key_file, key_file::Readers::OwnerOrList)?.keys.into_iter().map(|key| key.id).collect())
}

/// The key that a blob names; `None` if it is no blob of the vault.
pub fn key_id(sealed: &[u8]) -> Option<u32> {
    match sealed.first_chunk::<HEADER_BYTES>() {
        Some([VERSION, id @ ..]) => Some(u32::from_be_bytes(*id)),
        _ => None,
    }
}

/// What a blob is bound to: its own header, its table and its row, each with its length.
fn bound_to(header: [u8; HEADER_BYTES], table: &str, row: &[u8]) -> Vec<u8> {
    let mut bound = header.to_vec();
    for part in [table.as_bytes(), row] {
        bound.extend_from_slice(&length_of(part));
        bound.extend_from_slice(part);
    }
    bound
}

#[cfg(test)]
mod tests;
