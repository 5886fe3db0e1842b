//! The keys as they work: drawn from those of the key file, one for each use.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::super::StoreError;
use super::key_file::{KeyFile, Secret};

/// The keys of one reading of the key file. Their memory is wiped by the crypto library when the last handle is gone.
pub(super) struct KeySet {
    /// The one that seals.
    pub(super) sealing_now: u32,
    sealing: BTreeMap<u32, Arc<SealingKey>>,
    hashing: hmac::Key,
}

/// A key that seals, and a hash that only this key gives.
pub(super) struct SealingKey {
    pub(super) key: RandomizedNonceKey,
    pub(super) proof: [u8; 32],
}

// === impl KeySet ===

impl KeySet {
    pub(super) fn of(file: &KeyFile) -> Result<Self, StoreError> {
        let last = file.keys.last().ok_or(StoreError::KeyMissing)?;
        let mut sealing = BTreeMap::new();
        for master in &file.keys {
            let key = derived(&master.bytes, b"lienthong seal")?;
            let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| no_key())?;
            let proof = *derived(&master.bytes, b"lienthong key proof")?;
            sealing.insert(master.id, Arc::new(SealingKey { key, proof }));
        }
        let hashing = hmac::Key::new(hmac::HMAC_SHA256, hashing_secret(file)?.as_slice());
        Ok(Self { sealing_now: last.id, sealing, hashing })
    }

    pub(super) fn key(&self, id: u32) -> Option<&SealingKey> {
        self.sealing.get(&id).map(AsRef::as_ref)
    }

    /// The newest key there is, which need not be the one that seals.
    pub(super) fn last(&self) -> u32 {
        self.sealing.last_key_value().map_or(self.sealing_now, |(id, _)| *id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.sealing.keys().copied()
    }

    /// The same keys, sealing with this one; `None` if it is not among them.
    pub(super) fn sealing_with(&self, id: u32) -> Option<Self> {
        self.key(id)?;
        Some(Self { sealing_now: id, sealing: self.sealing.clone(), hashing: self.hashing.clone() })
    }

    /// What a running process goes on with when its key file reads like `newer` now: never fewer keys than it has, and
    /// never others under the same number.
    pub(super) fn followed_by(&self, newer: Self) -> Result<Self, StoreError> {
        let other = |id: &u32, key: &SealingKey| self.key(*id).is_some_and(|known| known.proof != key.proof);
        if newer.hash("vault check", &[]) != self.hash("vault check", &[]) {
            return Err(StoreError::KeyMissing);
        }
        if let Some((id, _)) = newer.sealing.iter().find(|(id, key)| other(id, key)) {
            return Err(StoreError::KeyWrong(*id));
        }
        if newer.last() < self.last() {
            return Err(StoreError::KeyIdMissing(self.last()));
        }
        let mut sealing = self.sealing.clone();
        sealing.extend(newer.sealing);
        Ok(Self { sealing_now: newer.sealing_now, sealing, hashing: newer.hashing })
    }

    /// The keyed hash of `parts` for one purpose. Each part goes in with its length, so that no two lists of parts read
    /// the same.
    pub(super) fn hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.hashing);
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
}

/// What keyed hashes are made with. Files of the first form have no secret of its own for it; there it is drawn from the
/// first key, and stays what it was when the file is written in the second form.
pub(super) fn hashing_secret(file: &KeyFile) -> Result<Secret, StoreError> {
    match (&file.hashing, file.keys.first()) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(first)) => derived(&first.bytes, b"lienthong keyed hash"),
        (None, None) => Err(StoreError::KeyMissing),
    }
}

/// A key for one use, drawn from a master key, so that no key serves two algorithms.
fn derived(master: &Secret, purpose: &[u8]) -> Result<Secret, StoreError> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"lienthong storage keys")
        .extract(master.as_slice())
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| no_key())?;
    Ok(key)
}

fn no_key() -> StoreError {
    StoreError::Failed("a storage key could not be set up".to_owned())
}

/// The length of a part, so that where parts end is part of what is hashed or bound.
pub(super) fn length_of(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}
