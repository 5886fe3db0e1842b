//! Wrong passwords, counted where a password alone opens: whoever guesses is let try no faster than a person types.
//!
//! Counted are different passwords, by address and user. A system with an old password tries the same one for ever, and
//! guesses nothing; and one server of a hospital speaks for all of its desks, so that one user must not shut out the
//! others. Elsewhere a password without its token tells nobody whether it was right.

use std::collections::hash_map::Entry;
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

/// With the addresses whose users count as one; beyond it no more are counted.
const ADDRESSES_TOO_MAX: usize = 2 * REMEMBERED_MAX;

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
    /// Counts a password before it is looked at, so that guesses made all at once are no more than those made one by one;
    /// or tells how long `user` at `address` has to wait.
    pub(super) fn knock(&self, address: IpAddr, user: &str, password: &str) -> Result<(), Duration> {
        let password = self.hasher.hash_one(password);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [key(address, user), (address.to_canonical(), String::new())];
        let known = keys.iter().filter_map(|key| failures.get(key));
        let shut = known.filter(|failures| failures.passwords.len() >= PASSWORDS_MAX);
        let waits = shut.map(|failures| WINDOW.saturating_sub(failures.since.elapsed())).filter(|wait| !wait.is_zero());
        if let Some(wait) = waits.max() {
            return Err(wait);
        }
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, failures| failures.since.elapsed() < WINDOW);
        }
        let [own, of_address] = keys;
        let has_room = |key, most| failures.len() < most || failures.contains_key(key);
        let key = match () {
            () if has_room(&own, REMEMBERED_MAX) => own,
            () if has_room(&of_address, ADDRESSES_TOO_MAX) => of_address,
            // Whoever has so many addresses guesses no better from one that nobody remembers.
            () => return Ok(()),
        };
        let new = || Failures { since: Instant::now(), passwords: HashSet::new() };
        let failures = failures.entry(key).or_insert_with(new);
        if failures.since.elapsed() >= WINDOW {
            *failures = new();
        }
        failures.passwords.insert(password);
        Ok(())
    }

    /// Takes back what [`knock`](Self::knock) counted: the password was right.
    pub(super) fn opened(&self, address: IpAddr, user: &str, password: &str) {
        let password = self.hasher.hash_one(password);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for key in [key(address, user), (address.to_canonical(), String::new())] {
            if let Entry::Occupied(mut counted) = failures.entry(key) {
                counted.get_mut().passwords.remove(&password);
                if counted.get().passwords.is_empty() {
                    counted.remove();
                }
            }
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
        // Fixed bug: none was counted before the last of those that came at once had been let in.
        for guess in 0..PASSWORDS_MAX {
            assert_eq!(doors.knock(here, "a", &guess.to_string()), Ok(()));
        }
        assert!(doors.knock(here, "a", "right").is_err_and(|wait| wait <= WINDOW));
        assert_eq!((doors.knock(here, "b", "0"), doors.knock(there, "a", "0")), (Ok(()), Ok(())));
        doors.opened(here, "a", "7");
        assert_eq!(doors.knock(here, "a", "again"), Ok(()));
        assert!(doors.knock(here, "a", "right").is_err());
        tokio::time::advance(WINDOW).await;
        assert_eq!(doors.knock(here, "a", "right"), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_password_tried_for_ever_is_no_guess() {
        let doors = Doors::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..10_000 {
            assert_eq!(doors.knock(here, "a", "old"), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn right_passwords_leave_no_trace() {
        let doors = Doors::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for number in 0..1_000 {
            assert_eq!(doors.knock(here, "a", &number.to_string()), Ok(()));
            doors.opened(here, "a", &number.to_string());
        }
        assert!(doors.failures.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn users_made_up_by_the_thousand_are_counted_together() {
        let doors = Doors::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for number in 0..REMEMBERED_MAX + PASSWORDS_MAX {
            assert_eq!(doors.knock(here, &number.to_string(), &number.to_string()), Ok(()));
        }
        assert!(doors.knock(here, "anybody", "x").is_err());
        assert!(doors.failures.lock().unwrap().len() <= REMEMBERED_MAX + 1);
        // Fixed bug: every address more was one more to remember, and of IPv6 there is no end.
        for number in 0..2 * ADDRESSES_TOO_MAX as u128 {
            assert_eq!(doors.knock(IpAddr::from(number.to_be_bytes()), "a", "x"), Ok(()));
        }
        assert!(doors.failures.lock().unwrap().len() <= ADDRESSES_TOO_MAX);
    }
}
