//! The sources of surprise: the clock and chance; the signal to stop; and whom to trust on the other end of a line. Everything else is handed what it needs from here, so that a test
//! can move time and repeat chance.

pub mod lately;
pub mod shares;
pub mod stop;
pub mod trust;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use jiff::{Timestamp, Zoned, tz};
use ulid::Ulid;

/// Time and chance, handed down from `main`.
#[derive(Clone)]
pub struct System {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Where the wall clock is read.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Where random bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with randomness fit for keys.
    fn fill(&self, bytes: &mut [u8]);
}

impl System {
    /// The real clock and the operating system's randomness.
    pub fn real() -> Self {
        Self { clock: Arc::new(WallClock), entropy: Arc::new(OsEntropy) }
    }

    /// A system with parts of the caller's choosing.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `N` random bytes fit for keys.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A number drawn evenly from `0.0..1.0`, for jitter.
    pub fn chance(&self) -> f64 {
        (u64::from_be_bytes(self.random()) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A new identifier `prefix_ULID`: sortable by time, unguessable in its last 80 bits.
    pub fn new_id(&self, prefix: &str) -> String {
        let random = u128::from_be_bytes(self.random::<16>());
        let millis = u64::try_from(self.now().as_millisecond()).unwrap_or(0);
        format!("{prefix}_{}", Ulid::from_parts(millis, random))
    }
}

/// `instant` on the wall clock of Viet Nam. The offset has been +07:00 without daylight saving since 1975, so a host
/// without time-zone data serves as well as any.
pub fn vietnam(instant: Timestamp) -> Zoned {
    instant.to_zoned(tz::TimeZone::fixed(tz::offset(7)))
}

/// How long from `now` until `later`; zero if it has passed.
pub fn until(now: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// `instant` moved on by `span`, held at the end of time instead of overflowing.
pub fn after(instant: Timestamp, span: Duration) -> Timestamp {
    instant.checked_add(span).unwrap_or(Timestamp::MAX)
}

struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Unwrap safety: the operating system's generator fails only where no key could be made at all; running on
        // with predictable keys would be worse than stopping.
        #[expect(clippy::expect_used, reason = "without randomness there is no safe way to go on")]
        aws_lc_rs::rand::SystemRandom::new().fill(bytes).expect("the operating system gives random bytes");
    }
}
