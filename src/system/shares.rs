//! Places that several holders share, so that none of them takes what the others need.
//!
//! Whoever comes alone may hold three quarters of the places; of several, each may hold his part of those three quarters.
//! The last quarter is for whoever comes next: he never finds that one holder alone has taken everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places shared between holders. Clones share the same places.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    places: usize,
    /// What a holder may have though his part is smaller, while there are places at all.
    at_least: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    // Holds only those who hold something, so it is never larger than the number of places.
    by_holder: HashMap<Arc<str>, usize>,
}

/// Some places, given back when dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    holder: Arc<str>,
    places: usize,
}

impl Shares {
    /// So many places. A holder may have `at_least` so many however many others there are, as long as places are left:
    /// the size of the largest thing that is held at once.
    pub fn new(places: usize, at_least: usize) -> Self {
        Self(Arc::new(Parts { places, at_least: at_least.clamp(1, places.max(1)), taken: Mutex::default() }))
    }

    /// `places` for `holder`, if there are so many and they are within his part.
    pub fn take(&self, holder: &Arc<str>, places: usize) -> Option<Share> {
        let mut share = Share { shares: self.clone(), holder: holder.clone(), places: 0 };
        share.grow(places).then_some(share)
    }

    /// Places that nobody holds.
    pub fn free(&self) -> usize {
        self.0.places.saturating_sub(self.lock().all)
    }

    /// Places that somebody holds.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing is half-done when a holder of the lock panics: the counts are changed together below.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes so many more; false, and nothing taken, if they are not there for this holder.
    pub fn grow(&mut self, more: usize) -> bool {
        let Parts { places, at_least, .. } = *self.shares.0;
        let mut taken = self.shares.lock();
        let held = taken.by_holder.get(&self.holder).copied().unwrap_or_default();
        let holders = taken.by_holder.len() + usize::from(held == 0);
        let part = (places / 4 * 3 / holders.max(1)).max(at_least);
        if more > places.saturating_sub(taken.all) || held + more > part {
            return false;
        }
        if more > 0 {
            taken.all += more;
            *taken.by_holder.entry(self.holder.clone()).or_default() += more;
        }
        drop(taken);
        self.places += more;
        true
    }

    /// How many places it is.
    pub fn places(&self) -> usize {
        self.places
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.lock();
        taken.all = taken.all.saturating_sub(self.places);
        match taken.by_holder.get_mut(&self.holder) {
            Some(held) if *held > self.places => *held -= self.places,
            _ if self.places == 0 => {}
            _ => drop(taken.by_holder.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    fn fill(shares: &Shares, holder: &Arc<str>) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(holder, 1)).collect()
    }

    #[test]
    fn whoever_comes_next_finds_a_place_though_one_holder_takes_all_he_can() {
        let shares = Shares::new(16, 1);
        let (greedy, next) = (holder("greedy"), holder("next"));
        let first = fill(&shares, &greedy);
        assert_eq!(first.len(), 12, "three quarters");
        let second = fill(&shares, &next);
        assert_eq!(second.len(), 4, "what is left");
        // What the first gives back goes to the second until both hold the same.
        drop(first);
        let second_again = fill(&shares, &next);
        assert_eq!(second.len() + second_again.len(), 12, "alone again, he may have three quarters");
        assert_eq!(shares.free(), 4);
        drop((second, second_again));
        assert_eq!((shares.free(), shares.taken()), (16, 0));
    }

    #[test]
    fn of_several_each_has_his_part() {
        let shares = Shares::new(120, 1);
        let holders = [holder("a"), holder("b"), holder("c")];
        let one_each: Vec<_> = holders.iter().map(|holder| shares.take(holder, 1).unwrap()).collect();
        let more: Vec<usize> =
            holders.iter().map(|holder| fill(&shares, holder).iter().map(std::mem::forget).count()).collect();
        assert_eq!(more, [29, 29, 29], "thirty each of ninety");
        drop(one_each);
    }

    #[test]
    fn the_largest_thing_fits_though_the_part_is_smaller() {
        let shares = Shares::new(64, 40);
        let (one, other) = (holder("one"), holder("other"));
        let small = shares.take(&one, 2).unwrap();
        let mut large = shares.take(&other, 1).unwrap();
        assert!(large.grow(39) && !large.grow(1), "forty and no more");
        assert_eq!(large.places(), 40);
        assert!(shares.take(&one, 23).is_none(), "only twenty-two are left");
        drop((small, large));
        assert_eq!(shares.free(), 64);
    }

    #[test]
    fn nothing_taken_leaves_no_trace() {
        let shares = Shares::new(4, 1);
        let nobody = holder("nobody");
        assert!(shares.take(&nobody, 5).is_none());
        drop(shares.take(&nobody, 0));
        assert!(shares.lock().by_holder.is_empty());
    }
}
