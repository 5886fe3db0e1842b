//! How often the portal may be asked in one facility's name: a rate and a number at once, because the portal restricts
//! accounts that ask too much and publishes no numbers (`portal-api.md`, section 2.6).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::FacilityCode;

/// What one facility's account may spend.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Questions a minute, evenly spread. 300 is five a second: above the worst minute of the largest hospital, below
    /// anything the portal was seen to mind.
    pub questions_per_minute: NonZeroU32,
    /// Questions at once after a quiet time: a rush of people at the door at seven o'clock.
    pub burst: NonZeroU32,
    /// Questions under way at once. At 3 s an answer, 32 carry ten questions a second.
    pub under_way_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            questions_per_minute: NonZeroU32::new(300).unwrap_or(NonZeroU32::MIN),
            burst: NonZeroU32::new(60).unwrap_or(NonZeroU32::MIN),
            under_way_max: 32,
        }
    }
}

/// The budgets of all facilities.
pub struct Budget {
    accounts: HashMap<FacilityCode, Account>,
    clock: DefaultClock,
}

struct Account {
    rate: DefaultDirectRateLimiter,
    under_way: Arc<Semaphore>,
}

/// The right to ask one question now; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _under_way: OwnedSemaphorePermit,
}

/// The budget is spent for longer than the caller can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When a slot will be free, as far as can be told.
    pub retry_after: Duration,
}

impl Budget {
    /// A budget of its own for each of `facilities`.
    pub fn new(config: Config, facilities: &[FacilityCode]) -> Self {
        let quota = Quota::per_minute(config.questions_per_minute).allow_burst(config.burst);
        let account = || Account {
            rate: RateLimiter::direct(quota),
            under_way: Arc::new(Semaphore::new(config.under_way_max.max(1))),
        };
        let accounts = facilities.iter().map(|facility| (*facility, account())).collect();
        Self { accounts, clock: DefaultClock::default() }
    }

    /// Waits, at most `patience`, for the right to ask one question as `facility`.
    pub async fn slot(&self, facility: &FacilityCode, patience: Duration) -> Result<Slot, Spent> {
        let Some(account) = self.accounts.get(facility) else {
            // A facility without an account has nothing to spend; the portal part says so in its own words.
            return Err(Spent { retry_after: Duration::from_secs(60) });
        };
        let started = tokio::time::Instant::now();
        let waiting = tokio::time::timeout(patience, account.under_way.clone().acquire_owned());
        let Ok(Ok(under_way)) = waiting.await else {
            return Err(Spent { retry_after: Duration::from_secs(1) });
        };
        loop {
            let Err(refused) = account.rate.check() else { return Ok(Slot { _under_way: under_way }) };
            let wait = refused.wait_time_from(self.clock.now());
            if started.elapsed() + wait > patience {
                return Err(Spent { retry_after: wait.max(Duration::from_secs(1)) });
            }
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility() -> FacilityCode {
        FacilityCode::parse("01999").unwrap()
    }

    fn budget(burst: u32, under_way_max: usize) -> Budget {
        let config = Config {
            questions_per_minute: NonZeroU32::new(1).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
            under_way_max,
        };
        Budget::new(config, &[facility()])
    }

    #[tokio::test]
    async fn a_spent_rate_is_refused_at_once_with_the_wait() {
        let budget = budget(2, 10);
        for _ in 0..2 {
            assert!(budget.slot(&facility(), Duration::ZERO).await.is_ok());
        }
        let spent = budget.slot(&facility(), Duration::from_secs(1)).await.unwrap_err();
        assert!(spent.retry_after > Duration::from_secs(30), "{spent:?}");
    }

    #[tokio::test]
    async fn slots_under_way_are_bounded_and_given_back() {
        let budget = budget(10, 1);
        let slot = budget.slot(&facility(), Duration::ZERO).await.unwrap();
        assert!(budget.slot(&facility(), Duration::ZERO).await.is_err());
        drop(slot);
        assert!(budget.slot(&facility(), Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn facilities_do_not_share_a_budget() {
        let other = FacilityCode::parse("79999").unwrap();
        let config = Config { burst: NonZeroU32::MIN, ..Config::default() };
        let budget = Budget::new(config, &[facility(), other]);
        assert!(budget.slot(&facility(), Duration::ZERO).await.is_ok());
        assert!(budget.slot(&other, Duration::ZERO).await.is_ok());
        assert!(budget.slot(&FacilityCode::parse("00001").unwrap(), Duration::ZERO).await.is_err());
    }
}
