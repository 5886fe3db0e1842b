//! How quick a service is: the last few calls, and whether they make it slow. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// Calls looked back on. Enough that one straggler says nothing, few enough that a change shows within seconds of a busy
/// morning.
const CALLS: usize = 16;

/// Calls before anything is said.
const CALLS_MIN: usize = 5;

/// The pace of one service.
#[derive(Debug)]
pub(super) struct Pace {
    recent: VecDeque<Duration>,
    slow_after: Duration,
    slow: bool,
}

impl Pace {
    pub(super) fn new(slow_after: Duration) -> Self {
        Self { recent: VecDeque::with_capacity(CALLS), slow_after, slow: false }
    }

    /// A call took so long, answered or not.
    pub(super) fn took(&mut self, took: Duration) {
        if self.recent.len() == CALLS {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
        if self.recent.len() < CALLS_MIN {
            return;
        }
        // What has become slow must become clearly quicker to count as well again: else it would be told by the minute.
        let bound = if self.slow { self.slow_after.mul_f64(0.7) } else { self.slow_after };
        self.slow = self.typical().is_some_and(|typical| typical > bound);
    }

    /// Whether half of the last calls took longer than is well.
    pub(super) fn is_slow(&self) -> bool {
        self.slow
    }

    /// The middle one of the last calls.
    pub(super) fn typical(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(pace: &mut Pace, seconds: &[u64]) -> bool {
        for second in seconds {
            pace.took(Duration::from_secs(*second));
        }
        pace.is_slow()
    }

    #[test]
    fn stragglers_say_nothing_and_half_of_the_calls_do() {
        let mut pace = Pace::new(Duration::from_secs(5));
        assert!(!seconds(&mut pace, &[60, 60, 60, 60]), "too few to tell");
        assert!(seconds(&mut pace, &[60]));
        let mut pace = Pace::new(Duration::from_secs(5));
        assert!(!seconds(&mut pace, &[1, 1, 60, 1, 1, 60, 1, 1]));
        assert!(seconds(&mut pace, &[9; 16]));
        assert_eq!(pace.typical(), Some(Duration::from_secs(9)));
        assert!(seconds(&mut pace, &[4; 16]), "not clearly quicker");
        assert!(!seconds(&mut pace, &[3; 16]));
    }
}
