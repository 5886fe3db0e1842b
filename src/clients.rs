//! The programs that call the gateway: who they are, what they may do, how often.
//!
//! Keys are random, 256 bits, and kept as keyed hashes only; a key is found by its hash, so no comparison can be timed.
//! Hospital systems that speak the portal's language sign in at the façade with a user name and the MD5 of a password; the
//! two together are such a client's secret, and found by their hash in the same registry.
//! The registry is a copy of the store's table in memory, renewed when the table changes, also by another process
//! (`lienthong keys`).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use md5::{Digest, Md5};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::domain::FacilityCode;
use crate::store::vault::Vault;
use crate::store::{Client, Store, StoreError};
use crate::system::System;
use crate::system::stop::Stopper;

/// What a key may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Ask about cards.
    Lookup,
    /// Submit, replay and cancel documents.
    DocumentWrite,
    /// See documents and events.
    DocumentRead,
    /// Have events sent by the gateway: webhook endpoints.
    Webhook,
    /// See and change how the gateway is set up: the directory of officers.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 5] = [Self::Lookup, Self::DocumentWrite, Self::DocumentRead, Self::Webhook, Self::Admin];

    /// What a key may do where nothing else is said: a hospital system's work, and not the gateway's set-up.
    pub const USUAL: [Self; 3] = [Self::Lookup, Self::DocumentWrite, Self::DocumentRead];

    /// The word used when keys are made and in problems.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::DocumentWrite => "document:write",
            Self::DocumentRead => "document:read",
            Self::Webhook => "webhook",
            Self::Admin => "admin",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Whether the gateway talks to the sandbox or to the real portal. Keys of one mode do nothing in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Against the sandbox (or the portal's training host).
    Test,
    /// Against the real portal.
    Live,
}

impl Mode {
    /// The word on the wire (`Gateway-Mode`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// How keys of this mode begin.
    pub fn key_prefix(self) -> &'static str {
        match self {
            Self::Test => "lt_test_",
            Self::Live => "lt_live_",
        }
    }

    /// A new secret key: the prefix and 256 random bits.
    pub fn new_secret(self, system: &System) -> String {
        let random: [u8; 32] = system.random();
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{hex}", self.key_prefix())
    }
}

/// The keyed hash under which a secret is kept.
pub fn secret_hash(vault: &Vault, secret: &str) -> [u8; 32] {
    vault.keyed_hash("client-key", &[secret.as_bytes()])
}

/// The keyed hash under which the secret of a client of the façade is kept: its user name, and the MD5 of its password as
/// hexadecimal digits in either case, as the portal takes them (`portal-api.md`, section 1.1).
pub fn facade_secret_hash(vault: &Vault, user: &str, password_md5: &str) -> [u8; 32] {
    vault.keyed_hash("facade-user", &[user.as_bytes(), password_md5.to_ascii_uppercase().as_bytes()])
}

/// What a client written for the portal makes of a password: MD5 in upper-case hexadecimal digits.
pub fn password_md5(password: &str) -> String {
    Md5::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The facility in whose name a client of the façade asks, where the portal's language names none: the only one it has,
/// else the one its user name begins with.
pub fn home_facility(user: &str, facilities: &[FacilityCode]) -> Option<FacilityCode> {
    match facilities {
        [only] => Some(*only),
        _ => {
            let named = user.get(..5).and_then(|code| FacilityCode::parse(code).ok())?;
            facilities.contains(&named).then_some(named)
        }
    }
}

/// A known caller, with its quota.
pub struct Caller {
    /// `Client::id`, to be kept beside what the client does.
    pub id: Arc<str>,
    /// Who it is.
    pub client: Client,
    scopes: HashSet<Scope>,
    quota: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
    under_way: Arc<Semaphore>,
}

/// Requests of one client under way at once. A HIS with a hundred desks that all ask at once has a hundred; two thousand
/// is what all connections of the default configuration could carry, so that one client with many streams cannot hold
/// more than its connections would.
const UNDER_WAY_MAX: usize = 2_048;

/// What is left of a quota, for the answer's `RateLimit` headers.
#[derive(Clone, Copy, Debug)]
pub struct QuotaLeft {
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests that could be made now.
    pub remaining: u32,
}

/// Why a caller was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No key was sent.
    #[error("no key was sent")]
    NoKey,
    /// The key is unknown or was revoked.
    #[error("the key is unknown or was revoked")]
    WrongKey,
    /// The user of the façade was revoked.
    #[error("the user was revoked")]
    Revoked,
    /// The key belongs to the other mode.
    #[error("the key belongs to the other mode")]
    WrongMode,
    /// The key may not be used from this address.
    #[error("the key may not be used from this address")]
    WrongAddress,
    /// The key lacks the scope.
    #[error("the key lacks the scope {}", .0.name())]
    NotAllowed(Scope),
    /// The client has too many requests under way.
    #[error("the client has too many requests under way")]
    TooManyAtOnce,
    /// The quota is spent.
    #[error("the quota is spent")]
    QuotaSpent {
        /// When a request may be made again.
        retry_after: Duration,
        /// Requests a minute.
        per_minute: u32,
    },
}

/// The registry. Cheap to clone.
#[derive(Clone)]
pub struct Clients(Arc<Parts>);

struct Parts {
    mode: Mode,
    store: Store,
    vault: Vault,
    known: ArcSwap<Known>,
    /// The version of the table that was read last, and when: one reader at a time.
    read: Mutex<(i64, Option<tokio::time::Instant>)>,
}

/// The table as it was read last.
#[derive(Default)]
struct Known {
    by_hash: HashMap<[u8; 32], Arc<Caller>>,
    /// Secrets of revoked users of the façade, whose name nobody has taken over.
    revoked: HashSet<[u8; 32]>,
}

/// How often the table is looked at for changes made by another process. A revoked key stops working within this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Clients {
    /// Reads the table.
    pub async fn open(mode: Mode, store: Store, vault: Vault) -> Result<Self, StoreError> {
        let known = ArcSwap::default();
        let clients = Self(Arc::new(Parts { mode, store, vault, known, read: Mutex::new((i64::MIN, None)) }));
        clients.renew().await?;
        Ok(clients)
    }

    /// Looks for changes until told to stop.
    pub async fn run(self, stopper: Stopper) {
        while stopper.sleep(LOOK_EVERY).await {
            if let Err(error) = self.renew().await {
                tracing::warn!(%error, "the clients could not be read; the known ones stay");
            }
        }
    }

    /// Who sends `secret` from `address`?
    pub async fn identify(&self, secret: Option<&str>, address: IpAddr) -> Result<Arc<Caller>, Denied> {
        let parts = &self.0;
        let secret = secret.ok_or(Denied::NoKey)?;
        if !secret.starts_with(parts.mode.key_prefix()) {
            let other = [Mode::Test, Mode::Live].into_iter().any(|mode| secret.starts_with(mode.key_prefix()));
            return Err(if other { Denied::WrongMode } else { Denied::WrongKey });
        }
        let hash = secret_hash(&parts.vault, secret);
        // A client of the façade has no key, and its hash is of another purpose: it can open nothing here.
        self.known(&hash, address).await
    }

    /// Who signs in at the façade as `user` from `address`, with a password of this MD5?
    pub async fn identify_user(&self, user: &str, md5: &str, address: IpAddr) -> Result<Arc<Caller>, Denied> {
        if user.is_empty() || md5.is_empty() {
            return Err(Denied::NoKey);
        }
        self.known(&facade_secret_hash(&self.0.vault, user, md5), address).await
    }

    async fn known(&self, hash: &[u8; 32], address: IpAddr) -> Result<Arc<Caller>, Denied> {
        let parts = &self.0;
        let mut caller = parts.known.load().by_hash.get(hash).cloned();
        if caller.is_none() {
            // A key made a moment ago by `lienthong keys`. The table is read at most once a second for this.
            if let Err(error) = self.renew().await {
                tracing::warn!(%error, "the clients could not be read");
            }
            caller = parts.known.load().by_hash.get(hash).cloned();
        }
        let Some(caller) = caller else {
            let revoked = parts.known.load().revoked.contains(hash);
            return Err(if revoked { Denied::Revoked } else { Denied::WrongKey });
        };
        let allowed = |network: &String| address_within(address, network);
        if !caller.client.addresses.is_empty() && !caller.client.addresses.iter().any(allowed) {
            return Err(Denied::WrongAddress);
        }
        Ok(caller)
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let parts = &self.0;
        let mut read = parts.read.lock().await;
        if read.1.is_some_and(|at| at.elapsed() < LOOK_EVERY / 2) {
            return Ok(());
        }
        let version = parts.store.clients_version().await?;
        read.1 = Some(tokio::time::Instant::now());
        if version == read.0 {
            return Ok(());
        }
        let known = parts.known.load();
        let (mut by_hash, mut revoked) = (HashMap::new(), Vec::new());
        for client in parts.store.clients().await? {
            if client.revoked_at.is_some() {
                revoked.extend(client.facade_user.map(|user| (user, client.secret_hash)));
                continue;
            }
            // A client that did not change keeps its quota; otherwise every new key would be a fresh minute for all.
            let caller = match known.by_hash.get(&client.secret_hash) {
                Some(caller) if caller.client == client => caller.clone(),
                _ => Arc::new(Caller::new(client)),
            };
            by_hash.insert(caller.client.secret_hash, caller);
        }
        let users: HashSet<&str> =
            by_hash.values().filter_map(|caller: &Arc<Caller>| caller.client.facade_user.as_deref()).collect();
        let revoked = revoked.into_iter().filter(|(user, _)| !users.contains(user.as_str()));
        let revoked = revoked.map(|(_, hash)| hash).collect();
        parts.known.store(Arc::new(Known { by_hash, revoked }));
        read.0 = version;
        Ok(())
    }
}

impl Caller {
    fn new(client: Client) -> Self {
        let per_minute = NonZeroU32::new(client.requests_per_minute).unwrap_or(NonZeroU32::MIN);
        let quota = RateLimiter::direct(Quota::per_minute(per_minute)).with_middleware::<StateInformationMiddleware>();
        let scopes = client.scopes.iter().filter_map(|scope| Scope::parse(scope)).collect();
        let id = Arc::from(client.id.as_str());
        Self { id, client, scopes, quota, under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)) }
    }

    /// Takes one of the client's places for a request; it is given back when dropped.
    pub fn begin(&self) -> Result<OwnedSemaphorePermit, Denied> {
        self.under_way.clone().try_acquire_owned().map_err(|_| Denied::TooManyAtOnce)
    }

    /// Refuses a caller without `scope`.
    pub fn needs(&self, scope: Scope) -> Result<(), Denied> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Denied::NotAllowed(scope)) }
    }

    /// Spends one request of the quota on something that needs `scope`.
    pub fn spend(&self, scope: Scope) -> Result<QuotaLeft, Denied> {
        self.needs(scope)?;
        self.spend_on_anything()
    }

    /// Spends one request of the quota on something that every caller may do.
    pub fn spend_on_anything(&self) -> Result<QuotaLeft, Denied> {
        let per_minute = self.client.requests_per_minute;
        match self.quota.check() {
            Ok(left) => Ok(QuotaLeft { per_minute, remaining: left.remaining_burst_capacity() }),
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                Err(Denied::QuotaSpent { retry_after: wait.max(Duration::from_secs(1)), per_minute })
            }
        }
    }

    /// The facility in whose name it asks at the façade; see [`home_facility`].
    pub fn home(&self) -> Option<FacilityCode> {
        home_facility(self.client.facade_user.as_deref().unwrap_or_default(), &self.client.facilities)
    }

    /// Whether it may act for `facility`.
    pub fn owns(&self, facility: &FacilityCode) -> bool {
        self.client.facilities.contains(facility)
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Caller({})", self.client.id)
    }
}

/// Whether `address` lies within `network`: an address, or `address/bits`. A network that cannot be read holds nobody.
pub fn address_within(address: IpAddr, network: &str) -> bool {
    let (base, bits) = match network.split_once('/') {
        Some((base, bits)) => (base, bits.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(base), Some(bits)) = (base.parse::<IpAddr>(), bits) else { return false };
    let same = |a: u128, b: u128, width: u32| {
        let shift = width.saturating_sub(bits.min(width));
        shift >= width || a >> shift == b >> shift
    };
    match (address.to_canonical(), base.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(u128::from(a), u128::from(b), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_the_right_addresses() {
        for (address, network, within) in [
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.4", "10.1.2.3", false),
            ("10.1.2.4", "10.1.2.3/32", false),
            ("10.1.2.4", "0.0.0.0/0", true),
            ("::ffff:10.1.2.3", "10.0.0.0/8", true),
            ("2001:db8::1", "2001:db8::/32", true),
            ("2001:db9::1", "2001:db8::/32", false),
            ("10.1.2.3", "2001:db8::/32", false),
            ("10.1.2.3", "nonsense", false),
            ("10.1.2.3", "10.0.0.0/x", false),
        ] {
            assert_eq!(address_within(address.parse().unwrap(), network), within, "{address} in {network}");
        }
    }

    #[test]
    fn home_is_the_only_facility_or_the_one_of_the_user_name() {
        let codes =
            |codes: &[&str]| -> Vec<_> { codes.iter().map(|code| FacilityCode::parse(code).unwrap()).collect() };
        for (user, facilities, home) in [
            ("his", &["01999"][..], Some("01999")),
            ("99001_BV", &["01999"], Some("01999")),
            ("01999_BV", &["79999", "01999"], Some("01999")),
            ("99001_BV", &["79999", "01999"], None),
            ("his", &["79999", "01999"], None),
            ("01999_BV", &[], None),
        ] {
            let home = home.map(|code| FacilityCode::parse(code).unwrap());
            assert_eq!(home_facility(user, &codes(facilities)), home, "{user} {facilities:?}");
        }
        assert_eq!(password_md5("password"), "5F4DCC3B5AA765D61D8327DEB882CF99");
    }

    #[test]
    fn secrets_tell_their_mode_and_are_never_the_same() {
        let system = System::real();
        let (one, other) = (Mode::Test.new_secret(&system), Mode::Test.new_secret(&system));
        assert!(one.starts_with("lt_test_") && one.len() == 8 + 64);
        assert_ne!(one, other);
    }
}
