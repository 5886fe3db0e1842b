//! The keys that seal what is stored: followed by the running gateway, and changed by `lienthong keys rotate-storage` beside
//! it.
//!
//! The tool adds a key to the key file. Whoever has the data folder takes it into use and seals everything anew: the running
//! gateway, in small commands of its one writer; where none runs, the tool.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::audit::as_operator;
use crate::app::{Opening, StartError, open_store, store_failed};
use crate::audit::{About, Deed};
use crate::config::Config;
use crate::store::rotation::StorageKeys;
use crate::store::{Store, StoreError, Vault};
use crate::system::System;
use crate::system::stop::Stopper;

/// How often the gateway looks whether there is a newer key: as often as at its clients.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The gateway's rest after a step that failed. What makes steps fail (a full disk, above all) passes slowly.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The gateway's rest after each step: at least this, and as long as the step took, so that half of the writer's time at most
/// goes into it.
const REST_MIN: Duration = Duration::from_millis(2);

/// How often the tool looks at how far the gateway is.
const WATCH_EVERY: Duration = Duration::from_millis(250);

/// A running gateway takes a new key within [`LOOK_EVERY`]; one that has not after this does not read this key file.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// What the running gateway does: takes newer keys into use, and seals everything anew where that is not done.
pub(super) async fn follow(store: Store, stopper: Stopper) {
    let mut told = String::new();
    while stopper.sleep(LOOK_EVERY).await {
        let newer = match store.newer_storage_keys().await {
            Ok(newer) => newer,
            Err(error) => {
                // Once for each fault, not once a second.
                let text = error.to_string();
                if text != told {
                    tracing::error!(%error, "the storage keys could not be read again; those in use stay in use");
                    told = text;
                }
                false
            }
        };
        match store.storage_keys().await {
            Ok(keys) if newer || !keys.is_settled() => seal_anew(&store, &stopper).await,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the storage keys could not be looked at"),
        }
    }
}

async fn seal_anew(store: &Store, stopper: &Stopper) {
    loop {
        let begun = Instant::now();
        match store.seal_some_anew().await {
            Ok(true) => {
                if !stopper.sleep(begun.elapsed().max(REST_MIN)).await {
                    return;
                }
            }
            Ok(false) => break,
            Err(StoreError::Closing) => return,
            Err(error) => {
                tracing::error!(%error, "stored rows could not be sealed anew; they will be later");
                stopper.sleep(REST_AFTER_FAILURE).await;
                return;
            }
        }
    }
    if let Ok(Some(rotation)) = store.storage_keys().await.map(|keys| keys.rotation) {
        let (key, looked_at, sealed_anew) = (rotation.key, rotation.looked_at, rotation.sealed_anew);
        let unreadable = rotation.unreadable;
        tracing::info!(key, looked_at, sealed_anew, unreadable, "everything stored is sealed with the new key");
    }
}

/// Where a rotation stands, for whoever watches it.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The key that everything is sealed with anew.
    pub key: u32,
    /// Whether a running gateway does it.
    pub by_gateway: bool,
    /// How far it is.
    pub keys: StorageKeys,
}

/// How a rotation ended, as far as the tool saw it.
#[derive(Clone, Debug)]
pub enum Rotated {
    /// It is done.
    Done(StorageKeys),
    /// A gateway runs and has not taken this key; its log says why. Nothing is lost: it stays in the key file.
    NotTaken(u32),
}

/// Adds a key, or goes on with the rotation under way, and returns when everything is sealed anew; `progress` is told how far
/// that is. Can be dropped, or killed, at any instant: a running gateway goes on with it, or the next call.
pub async fn rotate(
    config: &Config,
    system: &System,
    progress: &mut impl FnMut(&Progress),
) -> Result<Rotated, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let rotated = recorded(config, &vault, system, Deed::StorageKeyAdd, rotate_in(&store, progress)).await;
    store.close().await;
    rotated
}

/// A change of the keys, with its entry in the audit log.
async fn recorded<T>(
    config: &Config,
    vault: &Vault,
    system: &System,
    deed: Deed,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StartError> {
    let work = async { work.await.map_err(|error| store_failed(config, error)) };
    as_operator(config, (vault, system), (deed, |_| About::default()), work).await
}

async fn rotate_in(store: &Store, progress: &mut impl FnMut(&Progress)) -> Result<Rotated, StoreError> {
    let key = store.add_storage_key().await?;
    let added = Instant::now();
    loop {
        let keys = store.storage_keys().await?;
        if keys.newest() >= key && keys.is_settled() {
            return Ok(Rotated::Done(keys));
        }
        // Asked each time: a gateway may start or end meanwhile. Where both work at it, each step is still one transaction.
        let by_gateway = store.gateway_runs().await?;
        let is_taken = keys.newest() >= key;
        progress(&Progress { key, by_gateway, keys });
        if !by_gateway {
            if !is_taken {
                store.take_storage_key_into_use().await?;
            }
            if !store.seal_some_anew().await? {
                // Nothing left, which the next look tells; or another process has it in hand.
                tokio::time::sleep(WATCH_EVERY).await;
            }
        } else if is_taken || added.elapsed() < TAKEN_WITHIN {
            tokio::time::sleep(WATCH_EVERY).await;
        } else {
            return Ok(Rotated::NotTaken(key));
        }
    }
}

/// What became of the wish to be rid of old keys.
#[derive(Clone, Debug)]
pub enum Retired {
    /// These are gone; none if there was nothing to do.
    Gone(Vec<u32>),
    /// Rows still need them.
    Needed(StorageKeys),
}

/// Takes the keys that no row needs out of the key file, or writes the others to `output` where the file is not ours.
pub async fn retire(config: &Config, system: &System, output: Option<&Path>) -> Result<Retired, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let work = retire_in(&vault, &store, output);
    let retired = recorded(config, &vault, system, Deed::StorageKeyRetire, work).await;
    store.close().await;
    retired
}

async fn retire_in(vault: &Vault, store: &Store, output: Option<&Path>) -> Result<Retired, StoreError> {
    let keys = store.storage_keys().await?;
    if keys.needed.len() > 1 || !keys.is_settled() {
        return Ok(Retired::Needed(keys));
    }
    match output {
        Some(output) => vault.write_without_old_keys(output, &keys.needed),
        None => store.remove_old_storage_keys().await,
    }
    .map(Retired::Gone)
}

/// Writes the keys with one more to `output`, for a key store that only its operator changes. Gives the new key's number. The
/// gateway takes it into use, and seals everything anew, when it starts with that file.
pub async fn write_new_key(config: &Config, system: &System, output: &Path) -> Result<u32, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let work = async { vault.write_with_new_key(output, store.storage_keys().await?.newest(), system) };
    let written = recorded(config, &vault, system, Deed::StorageKeyAdd, work).await;
    store.close().await;
    written
}
