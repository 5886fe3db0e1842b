//! When a delivery is tried again. Pure.

use std::time::Duration;

/// How waits grow.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Before the second try. Two seconds: long enough for a restart of a proxy, short enough that nobody notices.
    pub first: Duration,
    /// The longest wait. Five minutes: after an outage everything is on its way again within that.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait after `attempt` (from 1) failed: doubling from `first` to `longest`, of which a part drawn by `chance`
    /// (`0.0..1.0`) between half and all is waited, so that what failed together does not return together.
    pub fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let seconds = |attempt| backoff.wait(attempt, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4, 8, 9, 100].map(seconds), [2, 4, 8, 16, 256, 300, 300]);
        assert_eq!(backoff.wait(1, 0.0), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_zero_nor_longer_than_the_longest(attempt: u32, chance in 0.0..1.0f64) {
            let backoff = Backoff::default();
            let wait = backoff.wait(attempt, chance);
            prop_assert!(wait >= backoff.first / 2 && wait <= backoff.longest);
        }
    }
}
