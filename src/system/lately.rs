//! How long something takes lately: an average in which old times fade.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A fading average of durations, zero before the first. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lately(Arc<AtomicU64>);

impl Lately {
    /// Counts one more for an eighth: one slow time changes little, ten of them tell that it is slow now.
    pub fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let before = self.0.load(Ordering::Relaxed);
        // Two that note at once may overwrite each other: the average is none the worse.
        self.0.store((before - before / 8).saturating_add(took / 8), Ordering::Relaxed);
    }

    /// The average, to a microsecond.
    pub fn average(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_goes_on_and_forgets_what_was() {
        let lately = Lately::default();
        assert_eq!(lately.average(), Duration::ZERO);
        for _ in 0..64 {
            lately.note(Duration::from_millis(80));
        }
        assert!((79..=80).contains(&lately.average().as_millis()), "{lately:?}");
        for _ in 0..64 {
            lately.note(Duration::ZERO);
        }
        assert!(lately.average() < Duration::from_micros(100), "{lately:?}");
        lately.note(Duration::MAX);
        lately.note(Duration::MAX);
    }
}
