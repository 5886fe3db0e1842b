//! The state that every connection shares: the faults, the sessions, the records.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::domain::Officer;
use crate::sandbox::faults::{Dice, Faults, Plan};
use crate::sandbox::records::Records;
use crate::sandbox::reply::Code;
use crate::sandbox::request::Call;
use crate::sandbox::tokens::{Credentials, Session, Tokens};
use crate::system::{System, until, vietnam};

pub(super) struct Portal {
    pub(super) system: System,
    pub(super) officers: Vec<Officer>,
    started_at: Timestamp,
    faults: ArcSwap<Faults>,
    dice: Dice,
    tokens: Mutex<Tokens>,
    records: Mutex<Records>,
    logins: AtomicU64,
}

impl Portal {
    pub(super) fn new(faults: Faults, officers: Vec<Officer>, seed: u64, system: System) -> Self {
        Self {
            started_at: system.now(),
            faults: ArcSwap::from_pointee(faults),
            dice: Dice::new(seed),
            tokens: Mutex::new(Tokens::new(&system)),
            records: Mutex::default(),
            logins: AtomicU64::new(0),
            officers,
            system,
        }
    }

    pub(super) fn faults(&self) -> Arc<Faults> {
        self.faults.load_full()
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.faults.store(Arc::new(faults));
    }

    // A panic while one of these locks is held leaves at worst one record out; the sandbox goes on.

    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn logins(&self) -> u64 {
        self.logins.load(Ordering::Relaxed)
    }

    pub(super) fn reset(&self) {
        *self.records() = Records::default();
        self.logins.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_out(&self) -> bool {
        self.faults().is_out(until(self.started_at, self.system.now()))
    }

    /// Draws what happens to one call.
    pub(super) fn plan(&self, path: &str) -> Plan {
        self.faults().plan(path, &self.dice)
    }

    /// Opens a session for an account that was checked.
    pub(super) fn log_in(&self, account: &str, call: &Call) -> Session {
        self.logins.fetch_add(1, Ordering::Relaxed);
        let last_wins = self.faults().last_login_wins;
        self.tokens().open(account, call.caller, last_wins, &self.system)
    }

    /// Whether a call may pass with these credentials.
    pub(super) fn admits(&self, call: &Call, credentials: &Credentials<'_>) -> bool {
        let mut tokens = self.tokens();
        if call.revoke {
            tokens.revoke(credentials.id_token);
        }
        tokens.admits(credentials, call.caller, self.system.now())
    }

    /// How long after reception a claim is usually judged.
    pub(super) fn judge_after(&self) -> Duration {
        Duration::from_millis(self.faults().judge_after_ms)
    }

    /// The present instant by the portal's own clock, skewed if so asked.
    pub(super) fn clock(&self) -> Timestamp {
        self.skewed(self.system.now())
    }

    /// An instant as the portal's own clock has it.
    pub(super) fn skewed(&self, instant: Timestamp) -> Timestamp {
        instant.checked_add(SignedDuration::from_secs(self.faults().clock_skew_s)).unwrap_or(instant)
    }

    /// The portal's clock on the wall.
    pub(super) fn wall_clock(&self) -> Zoned {
        vietnam(self.clock())
    }

    /// `maKetQua` in the JSON type of the day.
    pub(super) fn code<'a>(&self, text: &'a str) -> Code<'a> {
        Code { text, as_number: self.faults().code_as_number }
    }
}
