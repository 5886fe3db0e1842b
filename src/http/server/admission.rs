//! Who may come in: a bound over all connections, and one for each source address and each client certificate, so that
//! no one source can shut out the rest.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The places of one listener.
pub(super) struct Admission {
    connections_max: usize,
    per_source_max: usize,
    // Read by the metrics; the truth about how many are open is in `sources`.
    open: Arc<AtomicUsize>,
    refused: Arc<AtomicU64>,
    handshakes_failed: Arc<AtomicU64>,
    sources: Mutex<Sources>,
}

/// A place taken, given back when dropped.
pub(super) struct Place {
    admission: Arc<Admission>,
    source: IpAddr,
    certificate: Option<Fingerprint>,
}

/// SHA-256 of a client's certificate.
type Fingerprint = [u8; 32];

/// Lets one message through each second and counts the rest.
#[derive(Default)]
pub(super) struct OncePerSecond {
    last: Option<Instant>,
    unsaid: u64,
}

#[derive(Default)]
struct Sources {
    // Holds only sources with open connections, so it is never larger than `connections_max`.
    counts: HashMap<IpAddr, usize>,
    // The same for certificates: one that is used from many addresses is still one client.
    certificates: HashMap<Fingerprint, usize>,
    total: usize,
    warning: OncePerSecond,
}

// === impl Admission ===

impl Admission {
    pub(super) fn new(connections_max: usize, per_source_max: usize) -> Arc<Self> {
        Arc::new(Self {
            connections_max,
            per_source_max,
            open: Arc::default(),
            refused: Arc::default(),
            handshakes_failed: Arc::default(),
            sources: Mutex::default(),
        })
    }

    pub(super) fn open(&self) -> Arc<AtomicUsize> {
        self.open.clone()
    }

    pub(super) fn refused(&self) -> Arc<AtomicU64> {
        self.refused.clone()
    }

    pub(super) fn handshakes_failed(&self) -> Arc<AtomicU64> {
        self.handshakes_failed.clone()
    }

    /// A place for a connection from `address`, if there is one.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let source = source(address);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let held = sources.counts.get(&source).copied().unwrap_or(0);
        if sources.total >= self.connections_max || held >= self.per_source_max {
            self.refused.fetch_add(1, Ordering::Relaxed);
            sources.warn(&source, held);
            return None;
        }
        sources.counts.insert(source, held + 1);
        sources.total += 1;
        self.open.store(sources.total, Ordering::Relaxed);
        drop(sources);
        Some(Place { admission: self.clone(), source, certificate: None })
    }
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 customer holds. An IPv4 address written as
/// IPv6, as a listener on `[::]` sees it, is still an IPv4 address.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

// === impl Place ===

impl Place {
    /// Counts a failed handshake against the listener.
    pub(super) fn handshake_failed(&self) {
        self.admission.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the connection against the certificate its client showed; false if too many are open with it already.
    pub(super) fn showed(&mut self, certificate: Fingerprint) -> bool {
        let mut sources = self.admission.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let held = sources.certificates.get(&certificate).copied().unwrap_or(0);
        if held >= self.admission.per_source_max {
            self.admission.refused.fetch_add(1, Ordering::Relaxed);
            sources.warn(&self.source, held);
            return false;
        }
        sources.certificates.insert(certificate, held + 1);
        self.certificate = Some(certificate);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sources = self.admission.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.total = sources.total.saturating_sub(1);
        give_back(&mut sources.counts, &self.source);
        if let Some(certificate) = &self.certificate {
            give_back(&mut sources.certificates, certificate);
        }
        self.admission.open.store(sources.total, Ordering::Relaxed);
    }
}

fn give_back<Holder: Eq + Hash>(counts: &mut HashMap<Holder, usize>, holder: &Holder) {
    match counts.get_mut(holder) {
        Some(held) if *held > 1 => *held -= 1,
        _ => drop(counts.remove(holder)),
    }
}

// === impl Sources ===

impl Sources {
    fn warn(&mut self, source: &IpAddr, held: usize) {
        if let Some(unsaid) = self.warning.permit() {
            tracing::warn!(%source, held, open = self.total, unsaid, "connection refused: too many are open");
        }
    }
}

// === impl OncePerSecond ===

impl OncePerSecond {
    /// Whether to speak now, and how many messages went unsaid since the last.
    pub(super) fn permit(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < Duration::from_secs(1)) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_source_leaves_room_for_others_and_places_come_back() {
        let admission = Admission::new(3, 2);
        let enter = |address: &str| admission.enter(address.parse().unwrap());
        let first = enter("10.0.0.1").unwrap();
        let _second = enter("::ffff:10.0.0.1").unwrap();
        assert!(enter("10.0.0.1").is_none());
        let third = enter("2001:db8::1").unwrap();
        assert!(enter("10.0.0.2").is_none(), "full overall");
        drop(third);
        let _third = enter("2001:db8::1:2").unwrap();
        drop(first);
        let _fourth = enter("2001:db8:0:0:ffff::").unwrap();
        assert!(enter("2001:db8::3").is_none(), "one /64 is one source");
        assert_eq!(admission.refused().load(Ordering::Relaxed), 3);
        assert_eq!(admission.open().load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_certificate_used_from_many_addresses_is_one_client() {
        let admission = Admission::new(10, 2);
        let enter = |address: &str| admission.enter(address.parse().unwrap()).unwrap();
        let (mut first, mut second, mut third) = (enter("10.0.0.1"), enter("10.0.0.2"), enter("10.0.0.3"));
        assert!(first.showed([1; 32]) && second.showed([1; 32]));
        assert!(!third.showed([1; 32]));
        assert!(third.showed([2; 32]));
        drop(first);
        let mut fourth = enter("10.0.0.4");
        assert!(fourth.showed([1; 32]));
    }
}
