//! How the last writing went, and whether anything was found damaged: what readiness tells.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::StoreError;
use super::fault::Fault;

/// The store's health, seen by everybody.
#[derive(Clone, Default)]
pub(super) struct Health(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Why the last writing failed.
    failed: Option<StoreError>,
    damage: Damage,
}

/// What is known of damage. A disk that fails now and then lets SQLite see damage where there is none, so what it says in
/// passing is a suspicion, and the whole file is looked through before it is believed or dismissed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Damage {
    #[default]
    None,
    /// To be looked through, from this instant on.
    Suspected(Option<Instant>),
    /// Being looked through.
    LookedAt,
    /// Found. Only a person can say how far it goes, so it never heals by itself.
    Found,
}

/// A disk that could not be read is not tried again at once.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

// === impl Health ===

impl Health {
    /// How it is.
    pub(super) fn get(&self) -> Result<(), StoreError> {
        self.with(|state| match &state.failed {
            _ if state.damage != Damage::None => Err(StoreError::Damaged),
            Some(error) => Err(error.clone()),
            None => Ok(()),
        })
    }

    /// Whether anything is suspected or known to be damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.with(|state| state.damage != Damage::None)
    }

    /// Something was written and synced.
    pub(super) fn written(&self) {
        self.with(|state| state.failed = None);
    }

    /// Writing failed.
    pub(super) fn failed(&self, error: StoreError) {
        // Damage is kept by itself, because it ends otherwise than by something being written.
        if !matches!(error, StoreError::Damaged) {
            self.with(|state| state.failed = Some(error));
        }
    }

    /// Takes note of a fault that tells of damage.
    pub(super) fn note(&self, fault: &Fault) {
        let is_new = matches!(fault.told(), StoreError::Damaged)
            && self.with(|state| {
                let is_new = state.damage == Damage::None;
                if is_new {
                    state.damage = Damage::Suspected(None);
                }
                is_new
            });
        if is_new {
            let sqlite = fault.sqlite_code();
            tracing::error!(sqlite, "the database looks damaged; nothing is accepted until it was looked through");
        }
    }

    /// Whether the caller is to look through the file, alone, and to tell what it found with [`Self::looked`].
    pub(super) fn begin_look(&self) -> bool {
        self.with(|state| {
            let is_due =
                matches!(state.damage, Damage::Suspected(from) if from.is_none_or(|from| from <= Instant::now()));
            if is_due {
                state.damage = Damage::LookedAt;
            }
            is_due
        })
    }

    /// The file was looked through: whether it is sound.
    pub(super) fn looked(&self, is_sound: Result<bool, Fault>) {
        let damage = match is_sound {
            Ok(true) => {
                tracing::warn!("the database is sound; it was the disk that failed for a while");
                Damage::None
            }
            Ok(false) => {
                tracing::error!(error = %StoreError::Damaged, "from now on only answers of the portal are written");
                Damage::Found
            }
            Err(fault) if matches!(fault.told(), StoreError::Damaged) => {
                tracing::error!(error = %StoreError::Damaged, "from now on only answers of the portal are written");
                Damage::Found
            }
            Err(fault) => {
                tracing::error!(error = %fault.told(), "the database could not be looked through");
                Damage::Suspected(Some(Instant::now() + LOOK_AGAIN_AFTER))
            }
        };
        self.with(|state| state.damage = damage);
    }

    /// Whether damage was found, for tests.
    #[cfg(test)]
    pub(super) fn is_found(&self) -> bool {
        self.with(|state| state.damage == Damage::Found)
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
