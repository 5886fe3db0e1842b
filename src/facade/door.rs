//! Wrong passwords, counted where a password alone opens: whoever guesses is let try no faster than a person types.
//!
//! Counted are different passwords, by address and user. A system with an old password tries the same one for ever, and
//! guesses nothing; and one server of a hospital speaks for all of its desks, so that one user must not shut out the
//! others. Elsewhere a password without its token tells nobody whether it was right.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Different wrong passwords within [`WINDOW`] after which the door is shut for its rest: a person who mistypes tries a
/// few, and thirty guesses a minute find no password worth the name.
const PASSWORDS_MAX: usize = 30;
const WINDOW: Duration = Duration::from_secs(60);

/// Pairs of address and user remembered, under half a KiB each; beyond it all users of an address count as one.
const REMEMBERED_MAX: usize = 10_000;

/// Longest user name remembered: longer ones are nobody's.
const USER_CHARACTERS_MAX: usize = 64;

/// The doors of all users.
#[derive(Default)]
pub(super) struct Doors {
    failures: Mutex<HashMap<(IpAddr, String), Failures>>,
    /// Passwords are remembered as hashes under a key that nobody knows.
    hasher: RandomState,
}

struct Failures {
    since: Instant,
    passwords: HashSet<u64>,
}

impl Doors {
    /// How long `user` at `address` has to wait; `None` if the door is open.
    pub(super) fn is_shut(&self, address: IpAddr, user: &str) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [key(address, user), (address.to_canonical(), String::new())];
        let known = keys.iter().filter_map(|key| failures.get(key));
        let shut = known.filter(|failures| failures.passwords.len() >= PASSWORDS_MAX);
        shut.map(|failures| WINDOW.saturating_sub(failures.since.elapsed())).filter(|wait| !wait.is_zero()).max()
    }

    /// Counts a wrong password.
    pub(super) fn failed(&self, address: IpAddr, user: &str, password: &str) {
        let password = self.hasher.hash_one(password);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, failures| failures.since.elapsed() < WINDOW);
        }
        let own = key(address, user);
        let has_room = failures.len() < REMEMBERED_MAX || failures.contains_key(&own);
        let key = if has_room { own } else { (address.to_canonical(), String::new()) };
        let new = || Failures { since: Instant::now(), passwords: HashSet::new() };
        let failures = failures.entry(key).or_insert_with(new);
        if failures.since.elapsed() >= WINDOW {
            *failures = new();
        }
        if failures.passwords.len() < PASSWORDS_MAX {
            failures.passwords.insert(password);
        }
    }
}

fn key(address: IpAddr, user: &str) -> (IpAddr, String) {
    (address.to_canonical(), user.chars().take(USER_CHARACTERS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_door_shuts_for_who_guesses_and_opens_again() {
        let doors = Doors::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for guess in 0..PASSWORDS_MAX {
            assert_eq!(doors.is_shut(here, "a"), None);
            doors.failed(here, "a", &guess.to_string());
        }
        assert!(doors.is_shut(here, "a").is_some_and(|wait| wait <= WINDOW));
        assert_eq!((doors.is_shut(here, "b"), doors.is_shut(there, "a")), (None, None));
        tokio::time::advance(WINDOW).await;
        assert_eq!(doors.is_shut(here, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_password_tried_for_ever_is_no_guess() {
        let doors = Doors::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..10_000 {
            doors.failed(here, "a", "old");
        }
        assert_eq!(doors.is_shut(here, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn users_made_up_by_the_thousand_are_counted_together() {
        let doors = Doors::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for number in 0..REMEMBERED_MAX + PASSWORDS_MAX {
            doors.failed(here, &number.to_string(), &number.to_string());
        }
        assert!(doors.is_shut(here, "anybody").is_some());
        assert!(doors.failures.lock().unwrap().len() <= REMEMBERED_MAX + 1);
    }
}
