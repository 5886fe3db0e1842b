//! The vault: what lies on the disk and could name a person is sealed here, and found again by keyed hashes.
//!
//! Sealing is AES-256-GCM with a random nonce. A sealed blob is `version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖
//! tag (16)`, and is bound to its table and row: moved to another row, it does not open. Each blob names its key, so a
//! new key can be put first while old rows still open. Random nonces bear 2³² seals a key; a facility that seals ten
//! rows for each of ten thousand documents a day reaches that in a century.
//!
//! Keyed hashes (HMAC-SHA-256) use a key of their own, drawn from the *first* master key and kept through rotations:
//! were it to change, no record would be found again.

mod key_file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use self::key_file::MasterKey;
use super::StoreError;
use crate::system::System;

/// Seals, opens and hashes. Cheap to clone; `Debug` shows key ids only.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<Keys>,
}

struct Keys {
    newest: u32,
    sealing: BTreeMap<u32, RandomizedNonceKey>,
    hashing: hmac::Key,
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
        Self::of(&key_file::read_or_make(key_file, data_folder, system)?)
    }

    /// A vault with a key known to everybody, for tests.
    pub fn for_tests() -> Result<Self, StoreError> {
        Self::of(&[MasterKey { id: 1, bytes: Zeroizing::new([7; 32]) }])
    }

    /// Seals `plain` for this row of `table` (`table.column` where a row has several sealed columns).
    pub fn seal(&self, table: &str, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = self.keys.sealing.get(&self.keys.newest).ok_or(StoreError::Sealed)?;
        let [a, b, c, d] = self.keys.newest.to_be_bytes();
        let header: [u8; HEADER_BYTES] = [VERSION, a, b, c, d];
        let mut sealed = Vec::with_capacity(HEADER_BYTES + NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&[0; NONCE_BYTES]);
        sealed.extend_from_slice(plain);
        let (front, text) = sealed.split_at_mut_checked(HEADER_BYTES + NONCE_BYTES).ok_or(StoreError::Sealed)?;
        let (nonce, tag) = key
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
        let [version, id @ ..] = *header;
        if version != VERSION {
            return Err(StoreError::Sealed);
        }
        let key = self.keys.sealing.get(&u32::from_be_bytes(id)).ok_or(StoreError::Sealed)?;
        let mut text = text.to_vec();
        let bytes = key
            .open_in_place(Nonce::from(nonce), Aad::from(bound_to(*header, table, row)), &mut text)
            .map_err(|_| StoreError::Sealed)?
            .len();
        text.truncate(bytes);
        Ok(text)
    }

    /// The keyed hash of `parts` for one purpose. Each part goes in with its length, so that no two lists of parts
    /// read the same.
    pub fn keyed_hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.keys.hashing);
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            context.update(&length_of(part));
            context.update(part);
        }
        let mut hash = [0; 32];
        for (place, byte) in hash.iter_mut().zip(context.sign().as_ref()) {
            *place = *byte;
        }
        hash
    }

    /// The id of the key that seals now.
    pub fn newest_key(&self) -> u32 {
        self.keys.newest
    }

    /// Whether rows sealed with this key open.
    pub fn has_key(&self, id: u32) -> bool {
        self.keys.sealing.contains_key(&id)
    }

    fn of(masters: &[MasterKey]) -> Result<Self, StoreError> {
        let (Some(first), Some(last)) = (masters.first(), masters.last()) else {
            return Err(StoreError::KeyMissing);
        };
        let hashing = hmac::Key::new(hmac::HMAC_SHA256, derived(first, b"lienthong keyed hash")?.as_slice());
        let mut sealing = BTreeMap::new();
        for master in masters {
            let key = derived(master, b"lienthong seal")?;
            let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| no_key())?;
            sealing.insert(master.id, key);
        }
        Ok(Self { keys: Arc::new(Keys { newest: last.id, sealing, hashing }) })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("newest", &self.keys.newest).finish_non_exhaustive()
    }
}

/// The ids of the keys in a key file.
pub(super) fn key_ids(key_file: &Path) -> Result<Vec<u32>, StoreError> {
    Ok(key_file::read(key_file)?.into_iter().map(|key| key.id).collect())
}

/// A key for one use, drawn from a master key, so that no key serves two algorithms.
fn derived(master: &MasterKey, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"lienthong storage keys")
        .extract(master.bytes.as_slice())
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| no_key())?;
    Ok(key)
}

fn no_key() -> StoreError {
    StoreError::Failed("a storage key could not be set up".to_owned())
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

fn length_of(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_keys(ids: &[u32]) -> Vault {
        let byte = |id: u32| u8::try_from(id).unwrap();
        let keys: Vec<_> = ids.iter().map(|id| MasterKey { id: *id, bytes: Zeroizing::new([byte(*id); 32]) }).collect();
        Vault::of(&keys).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_row_only() {
        let vault = Vault::for_tests().unwrap();
        for plain in [&b""[..], b"x", &[0xAB; 100_000]] {
            let sealed = vault.seal("bodies", b"doc_1", plain).unwrap();
            assert_eq!(vault.unseal("bodies", b"doc_1", &sealed).unwrap(), plain);
            for (table, row) in [("bodies", &b"doc_2"[..]), ("attempts", b"doc_1"), ("bodie", b"sdoc_1")] {
                assert!(matches!(vault.unseal(table, row, &sealed), Err(StoreError::Sealed)));
            }
        }
    }

    #[test]
    fn a_changed_or_cut_blob_does_not_open() {
        let vault = with_keys(&[1, 2]);
        let sealed = vault.seal("bodies", b"doc_1", b"content").unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(matches!(vault.unseal("bodies", b"doc_1", &changed), Err(StoreError::Sealed)), "byte {place}");
            assert!(vault.unseal("bodies", b"doc_1", &sealed[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn old_rows_open_and_hashes_stay_after_a_new_key_was_added() {
        let (before, after) = (with_keys(&[1]), with_keys(&[1, 2]));
        let sealed = before.seal("bodies", b"doc_1", b"content").unwrap();
        assert_eq!(after.unseal("bodies", b"doc_1", &sealed).unwrap(), b"content");
        assert_eq!(after.keyed_hash("key", &[b"a"]), before.keyed_hash("key", &[b"a"]));
        let newer = after.seal("bodies", b"doc_1", b"content").unwrap();
        assert!(matches!(before.unseal("bodies", b"doc_1", &newer), Err(StoreError::Sealed)));
    }

    #[test]
    fn hashes_differ_by_purpose_and_by_where_parts_end() {
        let vault = Vault::for_tests().unwrap();
        let all = [
            vault.keyed_hash("key", &[b"ab", b"c"]),
            vault.keyed_hash("key", &[b"a", b"bc"]),
            vault.keyed_hash("key", &[b"abc"]),
            vault.keyed_hash("other", &[b"abc"]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(format!("{vault:?}"), "Vault { newest: 1, .. }");
    }
}
