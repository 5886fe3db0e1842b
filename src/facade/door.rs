//! Wrong passwords, counted where a password alone opens: whoever guesses is let try no faster than a person types.
//!
//! Counted by address and user, because one server of a hospital speaks for all of its desks, and one of them with an old
//! password must not keep out the others. Elsewhere a password without its token tells nobody whether it was right.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong passwords within [`WINDOW`] after which the door stays shut for its rest: a misconfigured system tries every
/// few seconds, and sixty guesses a minute find no password worth the name.
const FAILURES_MAX: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// Pairs of address and user remembered, about a hundred bytes each; beyond it all users of an address count as one.
const REMEMBERED_MAX: usize = 10_000;

/// Longest user name remembered: longer ones are nobody's.
const USER_CHARACTERS_MAX: usize = 64;

/// The doors of all users.
#[derive(Default)]
pub(super) struct Doors(Mutex<HashMap<(IpAddr, String), Failures>>);

struct Failures {
    since: Instant,
    count: u32,
}

impl Doors {
    /// How long `user` at `address` has to wait; `None` if the door is open.
    pub(super) fn is_shut(&self, address: IpAddr, user: &str) -> Option<Duration> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [key(address, user), (address, String::new())];
        let shut = keys.iter().filter_map(|key| failures.get(key)).filter(|failures| failures.count >= FAILURES_MAX);
        shut.map(|failures| WINDOW.saturating_sub(failures.since.elapsed())).filter(|wait| !wait.is_zero()).max()
    }

    /// Counts a wrong password.
    pub(super) fn failed(&self, address: IpAddr, user: &str) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, failures| failures.since.elapsed() < WINDOW);
        }
        let own = key(address, user);
        let is_known = failures.contains_key(&own) || failures.len() < REMEMBERED_MAX;
        let key = if is_known { own } else { (address, String::new()) };
        let failures = failures.entry(key).or_insert_with(|| Failures { since: Instant::now(), count: 0 });
        if failures.since.elapsed() >= WINDOW {
            *failures = Failures { since: Instant::now(), count: 0 };
        }
        failures.count += 1;
    }
}

fn key(address: IpAddr, user: &str) -> (IpAddr, String) {
    (address.to_canonical(), user.chars().take(USER_CHARACTERS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_door_shuts_for_one_user_at_one_address_and_opens_again() {
        let doors = Doors::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..FAILURES_MAX {
            assert_eq!(doors.is_shut(here, "a"), None);
            doors.failed(here, "a");
        }
        assert!(doors.is_shut(here, "a").is_some_and(|wait| wait <= WINDOW));
        assert_eq!((doors.is_shut(here, "b"), doors.is_shut(there, "a")), (None, None));
        tokio::time::advance(WINDOW).await;
        assert_eq!(doors.is_shut(here, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn users_made_up_by_the_thousand_are_counted_together() {
        let doors = Doors::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for number in 0..REMEMBERED_MAX + 100 {
            doors.failed(here, &number.to_string());
        }
        assert!(doors.is_shut(here, "anybody").is_some());
        assert!(doors.0.lock().unwrap().len() <= REMEMBERED_MAX + 1);
    }
}
