//! How often the portal may be asked in one facility's name: a rate and a number at once, because the portal restricts
//! accounts that ask too much and publishes no numbers (`portal-api.md`, section 2.6).
//!
//! Two lanes share it. A person at a desk goes first, always: a list takes its turn only while no person waits, never
//! takes the burst, and holds at most half of the places, so that whoever comes next finds one.
//!
//! People wait in a line, in the order of coming. Who would wait too long in it hears so at once, and no client takes more
//! than his share of it: a hospital system gone wild does not keep the desk of another from asking.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::FacilityCode;
use crate::system::lately::Lately;
use crate::system::shares::Shares;

/// What one facility's account may spend.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Questions a minute, evenly spread. 300 is five a second: above the worst minute of the largest hospital, below
    /// anything the portal was seen to mind.
    pub questions_per_minute: NonZeroU32,
    /// Questions at once after a quiet time: a rush of people at the door at seven o'clock.
    pub burst: NonZeroU32,
    /// What lists may take of the questions a minute, in hundredths. 80: the rest lets the burst fill up again while a
    /// list runs.
    pub bulk_share_percent: u32,
    /// Questions under way at once. At 3 s an answer, 32 carry ten questions a second.
    pub under_way_max: usize,
    /// How long a person may have to wait in line, as far as can be told when he comes; else he hears at once that it is
    /// too long, and is helped otherwise. 10 s: half of a clerk's patience, the other half is the portal's.
    pub line_max: Duration,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// A person at a desk.
    #[default]
    Interactive,
    /// A list, or the gateway itself: nobody stands before it.
    Bulk,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            questions_per_minute: NonZeroU32::new(300).unwrap_or(NonZeroU32::MIN),
            burst: NonZeroU32::new(60).unwrap_or(NonZeroU32::MIN),
            bulk_share_percent: 80,
            under_way_max: 32,
            line_max: Duration::from_secs(10),
        }
    }
}

/// The budgets of all facilities.
pub struct Budget {
    accounts: HashMap<FacilityCode, Account>,
    config: Config,
    /// Set when lists get no more turns.
    lists_ended: CancellationToken,
}

/// A rate counted on the clock by which it is waited for: on two clocks a wait could end before its turn has come.
type Rate = RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<std::time::Instant>>;

/// The clock of the runtime.
#[derive(Clone, Copy, Default)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

struct Account {
    rate: Rate,
    /// What lists may take of the rate, without a burst.
    bulk_rate: Rate,
    under_way: Arc<Semaphore>,
    /// Lists hold at most half of the places.
    bulk_under_way: Arc<Semaphore>,
    /// People waiting for a slot just now.
    people_waiting: AtomicUsize,
    /// The places in the line of people.
    line: Shares,
    /// Held by the first in line, who waits for the rate. It is given on in the order of coming.
    first: Mutex<()>,
    /// How long a slot is held.
    held: Lately,
}

/// The right to ask one question now; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _under_way: OwnedSemaphorePermit,
    _bulk_under_way: Option<OwnedSemaphorePermit>,
    since: Instant,
    held: Lately,
}

/// The budget is spent for longer than the caller can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When a slot will be free, as far as can be told.
    pub retry_after: Duration,
}

/// How long a list stands back when a person waits, or no place is free: short against any rate, and long enough not to spin.
const STAND_BACK: Duration = Duration::from_millis(20);

impl Budget {
    /// A budget of its own for each of `facilities`.
    pub fn new(config: Config, facilities: &[FacilityCode]) -> Self {
        let quota = Quota::per_minute(config.questions_per_minute).allow_burst(config.burst);
        let bulk_per_minute = config.questions_per_minute.get().saturating_mul(config.bulk_share_percent) / 100;
        let bulk_quota =
            Quota::per_minute(NonZeroU32::new(bulk_per_minute).unwrap_or(NonZeroU32::MIN)).allow_burst(NonZeroU32::MIN);
        let places = config.under_way_max.max(1);
        let line = places_in_line(&config);
        let account = || Account {
            rate: RateLimiter::direct_with_clock(quota, RuntimeClock),
            bulk_rate: RateLimiter::direct_with_clock(bulk_quota, RuntimeClock),
            under_way: Arc::new(Semaphore::new(places)),
            bulk_under_way: Arc::new(Semaphore::new((places / 2).max(1))),
            people_waiting: AtomicUsize::new(0),
            line: Shares::new(line, 1),
            first: Mutex::default(),
            held: Lately::default(),
        };
        let accounts = facilities.iter().map(|facility| (*facility, account())).collect();
        Self { accounts, config, lists_ended: CancellationToken::new() }
    }

    /// Waits, at most `patience`, for the right to ask one question as `facility`, for `client`.
    pub async fn slot(
        &self,
        facility: &FacilityCode,
        client: &Arc<str>,
        lane: Lane,
        patience: Duration,
    ) -> Result<Slot, Spent> {
        let Some(account) = self.accounts.get(facility) else {
            // A facility without an account has nothing to spend; the portal part says so in its own words.
            return Err(Spent { retry_after: Duration::from_secs(60) });
        };
        let deadline = Instant::now() + patience;
        match lane {
            Lane::Interactive => self.slot_in_line(account, client, deadline).await,
            Lane::Bulk => tokio::select! {
                biased;
                () = self.lists_ended.cancelled() => Err(Spent { retry_after: Duration::from_secs(1) }),
                slot = self.bulk_slot(account, deadline) => slot,
            },
        }
    }

    async fn slot_in_line(&self, account: &Account, client: &Arc<str>, deadline: Instant) -> Result<Slot, Spent> {
        let expected = self.expected_wait(account);
        let in_line = account.line.take(client, 1).filter(|_| expected <= self.config.line_max);
        let Some(_in_line) = in_line else {
            return Err(Spent { retry_after: expected.max(Duration::from_secs(1)) });
        };
        let _waiting = Waiting::enter(&account.people_waiting);
        let under_way = place(&account.under_way, deadline).await?;
        let Ok(_first) = tokio::time::timeout_at(deadline, account.first.lock()).await else {
            return Err(Spent { retry_after: expected.max(Duration::from_secs(1)) });
        };
        self.turn(&account.rate, deadline).await?;
        Ok(account.slot(under_way, None))
    }

    /// How long whoever comes now will wait, if all goes on as it did.
    fn expected_wait(&self, account: &Account) -> Duration {
        let ahead = u32::try_from(account.line.taken()).unwrap_or(u32::MAX);
        let places = u32::try_from(self.config.under_way_max).unwrap_or(u32::MAX).max(1);
        period(&self.config).max(account.held.average() / places).saturating_mul(ahead)
    }

    async fn bulk_slot(&self, account: &Account, deadline: Instant) -> Result<Slot, Spent> {
        let bulk_under_way = place(&account.bulk_under_way, deadline).await?;
        self.turn(&account.bulk_rate, deadline).await?;
        loop {
            while account.people_waiting.load(Ordering::Acquire) > 0 {
                rest(STAND_BACK, deadline).await?;
            }
            // Never waited for in line: the line is in the order of coming, and a person may come after.
            let Ok(under_way) = account.under_way.clone().try_acquire_owned() else {
                rest(STAND_BACK, deadline).await?;
                continue;
            };
            match account.rate.check() {
                Ok(()) => return Ok(account.slot(under_way, Some(bulk_under_way))),
                Err(refused) => {
                    drop(under_way);
                    rest(refused.wait_time_from(RuntimeClock.now()), deadline).await?;
                }
            }
        }
    }

    /// Gives lists no more turns; those that wait for one hear so at once.
    pub fn end_lists(&self) {
        self.lists_ended.cancel();
    }

    /// People waiting for a slot of `facility` just now.
    pub fn people_waiting(&self, facility: &FacilityCode) -> usize {
        self.accounts.get(facility).map_or(0, |account| account.people_waiting.load(Ordering::Acquire))
    }

    /// Waits for the next turn of a rate.
    async fn turn(&self, rate: &Rate, deadline: Instant) -> Result<(), Spent> {
        while let Err(refused) = rate.check() {
            rest(refused.wait_time_from(RuntimeClock.now()), deadline).await?;
        }
        Ok(())
    }
}

impl Account {
    fn slot(&self, under_way: OwnedSemaphorePermit, bulk_under_way: Option<OwnedSemaphorePermit>) -> Slot {
        let (since, held) = (Instant::now(), self.held.clone());
        Slot { _under_way: under_way, _bulk_under_way: bulk_under_way, since, held }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.held.note(self.since.elapsed());
    }
}

/// From one question to the next.
fn period(config: &Config) -> Duration {
    Duration::from_secs(60) / config.questions_per_minute.get()
}

/// As many as the rate carries while the last of them waits as long as he may.
fn places_in_line(config: &Config) -> usize {
    let carried = config.line_max.as_micros() / period(config).as_micros().max(1);
    usize::try_from(carried).unwrap_or(usize::MAX).max(1)
}

/// Waits for a place among those under way.
async fn place(places: &Arc<Semaphore>, deadline: Instant) -> Result<OwnedSemaphorePermit, Spent> {
    match tokio::time::timeout_at(deadline, places.clone().acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Spent { retry_after: Duration::from_secs(1) }),
    }
}

/// Lets `wait` pass, or says at once that it is too long.
async fn rest(wait: Duration, deadline: Instant) -> Result<(), Spent> {
    if Instant::now() + wait > deadline {
        return Err(Spent { retry_after: wait.max(Duration::from_secs(1)) });
    }
    tokio::time::sleep(wait).await;
    Ok(())
}

/// A person who waits; counted until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::future::BoxFuture;
    use futures_util::stream::{FuturesUnordered, StreamExt};

    use super::*;

    fn facility() -> FacilityCode {
        FacilityCode::parse("01999").unwrap()
    }

    fn desk() -> Arc<str> {
        Arc::from("key_desk")
    }

    fn budget(burst: u32, under_way_max: usize) -> Budget {
        let config = Config {
            questions_per_minute: NonZeroU32::new(1).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
            under_way_max,
            ..Config::default()
        };
        Budget::new(config, &[facility()])
    }

    #[tokio::test]
    async fn a_spent_rate_is_refused_at_once_with_the_wait() {
        let budget = budget(2, 10);
        for _ in 0..2 {
            assert!(budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.is_ok());
        }
        let spent = budget.slot(&facility(), &desk(), Lane::Interactive, Duration::from_secs(1)).await.unwrap_err();
        assert!(spent.retry_after > Duration::from_secs(30), "{spent:?}");
    }

    #[tokio::test]
    async fn slots_under_way_are_bounded_and_given_back() {
        let budget = budget(10, 1);
        let slot = budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.unwrap();
        assert!(budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.is_err());
        drop(slot);
        assert!(budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn facilities_do_not_share_a_budget() {
        let other = FacilityCode::parse("79999").unwrap();
        let config = Config { burst: NonZeroU32::MIN, ..Config::default() };
        let budget = Budget::new(config, &[facility(), other]);
        assert!(budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.is_ok());
        assert!(budget.slot(&other, &desk(), Lane::Interactive, Duration::ZERO).await.is_ok());
        assert!(
            budget
                .slot(&FacilityCode::parse("00001").unwrap(), &desk(), Lane::Interactive, Duration::ZERO)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_list_leaves_half_of_the_places_to_people() {
        let quick = NonZeroU32::new(60_000).unwrap();
        let config = Config { questions_per_minute: quick, under_way_max: 4, ..Config::default() };
        let budget = Budget::new(config, &[facility()]);
        let patience = Duration::from_secs(60);
        let one = budget.slot(&facility(), &desk(), Lane::Bulk, patience).await.unwrap();
        let two = budget.slot(&facility(), &desk(), Lane::Bulk, patience).await.unwrap();
        assert!(budget.slot(&facility(), &desk(), Lane::Bulk, Duration::ZERO).await.is_err(), "half is taken");
        let people = [
            budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await,
            budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await,
        ];
        assert!(people.iter().all(Result::is_ok));
        drop((one, two));
        assert!(budget.slot(&facility(), &desk(), Lane::Bulk, patience).await.is_ok(), "places are given back");
    }

    #[tokio::test]
    async fn a_list_that_waits_is_told_when_lists_get_no_more_turns() {
        let config = Config { questions_per_minute: NonZeroU32::MIN, ..Config::default() };
        let budget = Budget::new(config, &[facility()]);
        let slot = budget.slot(&facility(), &desk(), Lane::Bulk, Duration::ZERO).await;
        let patience = Duration::from_secs(3_600);
        let (facility, desk) = (facility(), desk());
        let (waiting, ()) =
            tokio::join!(budget.slot(&facility, &desk, Lane::Bulk, patience), async { budget.end_lists() });
        assert!(slot.is_ok() && waiting.is_err());
        assert!(budget.slot(&facility, &desk, Lane::Interactive, Duration::ZERO).await.is_ok());
    }

    /// Comes and does not wait: whether it is in line, or was refused.
    async fn comes<'a>(
        budget: &'a Budget,
        of: &'a FacilityCode,
        client: &'a Arc<str>,
        line: &mut FuturesUnordered<BoxFuture<'a, Result<Slot, Spent>>>,
    ) -> Result<(), Spent> {
        let patience = Duration::from_secs(60);
        let mut slot: BoxFuture<'a, _> = Box::pin(budget.slot(of, client, Lane::Interactive, patience));
        match futures_util::poll!(&mut slot) {
            Poll::Ready(slot) => slot.map(drop),
            Poll::Pending => {
                line.push(slot);
                Ok(())
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_too_long_hears_so_at_once_and_those_in_line_are_served_in_order() {
        let config = Config { burst: NonZeroU32::MIN, line_max: Duration::from_secs(10), ..Config::default() };
        let budget = Budget::new(config, &[facility()]);
        let (of, clients) = (facility(), ["one", "two", "three", "four"].map(Arc::<str>::from));
        let mut line = FuturesUnordered::new();
        let come = Instant::now();
        // Ten times what five a second carry in the ten seconds that one may have to wait.
        let mut refused = 0;
        for n in 0..500 {
            refused += usize::from(comes(&budget, &of, &clients[n % 4], &mut line).await.is_err());
        }
        assert_eq!(come.elapsed(), Duration::ZERO, "nobody waits to be refused");
        assert!(line.len() <= 50 && line.len() + refused >= 499, "{} in line, {refused} refused", line.len());
        while let Some(slot) = line.next().await {
            slot.expect("who is in line is served");
        }
        assert!(come.elapsed() <= Duration::from_secs(11), "{:?}", come.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_gone_wild_does_not_keep_another_from_asking() {
        let budget = Budget::new(Config { burst: NonZeroU32::MIN, ..Config::default() }, &[facility()]);
        let (of, wild, quiet): (_, Arc<str>, Arc<str>) = (facility(), Arc::from("wild"), Arc::from("quiet"));
        let mut line = FuturesUnordered::new();
        let mut refused = 0;
        for _ in 0..1_000 {
            refused += usize::from(comes(&budget, &of, &wild, &mut line).await.is_err());
        }
        assert!(refused > 900);
        for _ in 0..5 {
            comes(&budget, &of, &quiet, &mut line).await.expect("the quiet one finds a place in line");
        }
        while let Some(slot) = line.next().await {
            slot.expect("who is in line is served");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_portal_grown_slow_makes_the_line_shorter() {
        let config = Config { under_way_max: 2, line_max: Duration::from_secs(10), ..Config::default() };
        let budget = Budget::new(config, &[facility()]);
        let (of, client) = (facility(), desk());
        for _ in 0..64 {
            let slot = budget.slot(&of, &client, Lane::Interactive, Duration::from_secs(60)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
            drop(slot);
        }
        let patience = Duration::from_secs(60);
        let _one = budget.slot(&of, &client, Lane::Interactive, patience).await.unwrap();
        let _two = budget.slot(&of, &client, Lane::Interactive, patience).await.unwrap();
        let mut line = FuturesUnordered::new();
        let mut refused = 0;
        for _ in 0..20 {
            refused += usize::from(comes(&budget, &of, &client, &mut line).await.is_err());
        }
        // Two places, ten seconds each: five seconds for each ahead.
        assert!(line.len() <= 4 && refused >= 14, "{} in line, {refused} refused", line.len());
    }

    #[tokio::test]
    async fn a_list_never_takes_the_burst() {
        let config = Config { questions_per_minute: NonZeroU32::MIN, ..Config::default() };
        let budget = Budget::new(config, &[facility()]);
        assert!(budget.slot(&facility(), &desk(), Lane::Bulk, Duration::ZERO).await.is_ok());
        assert!(budget.slot(&facility(), &desk(), Lane::Bulk, Duration::ZERO).await.is_err());
        for _ in 0..59 {
            assert!(budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_list_that_waits_for_a_place_is_not_before_a_person_who_comes_later() {
        let config = Config {
            questions_per_minute: NonZeroU32::new(60_000).unwrap(),
            burst: NonZeroU32::new(60_000).unwrap(),
            under_way_max: 2,
            ..Config::default()
        };
        let budget = Budget::new(config, &[facility()]);
        let patience = Duration::from_secs(60);
        let first = budget.slot(&facility(), &desk(), Lane::Interactive, patience).await.unwrap();
        let _second = budget.slot(&facility(), &desk(), Lane::Interactive, patience).await.unwrap();
        let order = std::sync::Mutex::new(Vec::new());
        let (list, person) = (facility(), facility());
        let waiting = async |of, lane, name| {
            let slot = budget.slot(of, &desk(), lane, patience).await.unwrap();
            order.lock().unwrap().push(name);
            drop(slot);
        };
        // Every place is taken; the list comes first, and a place is free when both wait.
        tokio::join!(waiting(&list, Lane::Bulk, "list"), waiting(&person, Lane::Interactive, "person"), async {
            drop(first);
        });
        assert_eq!(*order.lock().unwrap(), ["person", "list"]);
    }

    #[tokio::test]
    async fn a_list_stands_back_while_a_person_waits() {
        let config = Config {
            questions_per_minute: NonZeroU32::new(600).unwrap(),
            burst: NonZeroU32::MIN,
            bulk_share_percent: 100,
            under_way_max: 1_000,
            ..Config::default()
        };
        let budget = Arc::new(Budget::new(config, &[facility()]));
        // The burst of one is spent, so everybody waits: two lists first, then a person.
        budget.slot(&facility(), &desk(), Lane::Interactive, Duration::ZERO).await.unwrap();
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let waiting = |lane, name| {
            let (budget, order) = (budget.clone(), order.clone());
            async move {
                let slot = budget.slot(&facility(), &desk(), lane, Duration::from_secs(60)).await.unwrap();
                order.lock().unwrap().push(name);
                slot
            }
        };
        tokio::join!(waiting(Lane::Bulk, "list"), waiting(Lane::Bulk, "list"), waiting(Lane::Interactive, "person"),);
        assert_eq!(order.lock().unwrap().first(), Some(&"person"));
    }
}
