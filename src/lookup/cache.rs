//! Fresh answers in memory, and equal questions joined while one is in flight.
//!
//! Kept: answers that say something definite about a card, for as long as their code allows, and never past the end of
//! the day in Viet Nam, because cards begin and end with days. Never kept: errors, codes about the officer, codes
//! nobody has described. The key is a keyed hash of the normalised question, so memory holds no second copy of a name.

mod quiet;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{Timestamp, ToSpan};
use moka::Expiry;

use crate::lookup::budget::Lane;
use crate::lookup::cache::quiet::quietly;
use crate::lookup::changes::Changed;
use crate::lookup::code::{Keeping, ResultCode};
use crate::portal::Service;
use crate::system::{after, until, vietnam};

/// How long answers keep, and how much memory they may take.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Usable cards. Four hours: a morning's visit costs one question, an afternoon's change is seen.
    pub usable: Duration,
    /// Usable cards asked about by a list. Twelve hours: what was asked at two in the night is there for the whole
    /// morning; never past the end of the day either.
    pub usable_in_bulk: Duration,
    /// Definite answers that a registration could change (expired, withdrawn).
    pub definite: Duration,
    /// Not found, wrong name, wrong date: what people correct and ask again.
    pub correctable: Duration,
    /// Histories and co-payments: the portal restricts accounts that ask for these often; a team in the field holds
    /// 900 s a card (`portal-api.md`, section 2.6).
    pub history: Duration,
    /// Bytes of all answers in memory together. 256 MiB hold some 150,000 cards, ten busy days of a large hospital.
    pub bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            usable: Duration::from_secs(4 * 3600),
            usable_in_bulk: Duration::from_secs(12 * 3600),
            definite: Duration::from_secs(3600),
            correctable: Duration::from_secs(300),
            history: Duration::from_secs(900),
            bytes_max: 256 << 20,
        }
    }
}

/// Corrections of the clock that answers outlive.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What a question is known by: a keyed hash of service, facility, number, name and birth date.
pub type QuestionKey = [u8; 32];

/// An answer as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// `maKetQua`.
    pub code: Box<str>,
    /// The portal's JSON, byte for byte.
    pub raw: Bytes,
    /// When the portal gave it.
    pub answered_at: Timestamp,
    /// Until when it counts as fresh.
    pub fresh_until: Timestamp,
    /// What is different since the answer before, where there was one.
    pub changed: Option<Arc<Changed>>,
}

impl Kept {
    /// Bytes it holds, without those of the cache.
    fn bytes(&self) -> u32 {
        let changed = self.changed.as_ref().map_or(0, |changed| changed.bytes());
        u32::try_from(self.raw.len() + changed).unwrap_or(u32::MAX)
    }
}

/// Bytes an entry takes beyond its answer: key, `Kept`, and the cache's own nodes and queues, as measured with a
/// million entries, and a little more (`benches/memory.rs`).
pub const ENTRY_OVERHEAD: u32 = 544;

/// The fresh answers.
pub struct Cache {
    config: Config,
    entries: moka::future::Cache<QuestionKey, Kept>,
}

impl Cache {
    /// An empty cache.
    pub fn new(config: Config) -> Self {
        let entries = moka::future::Cache::builder()
            .max_capacity(config.bytes_max)
            .weigher(|_, kept: &Kept| kept.bytes().saturating_add(ENTRY_OVERHEAD))
            .expire_after(Lifetimes)
            .build();
        Self { config, entries }
    }

    /// The fresh answer to a question, if there is one at `now`.
    pub async fn fresh(&self, key: &QuestionKey, now: Timestamp) -> Option<Kept> {
        let kept = quietly(self.entries.get(key)).await?;
        if kept.fresh_until > now && kept.answered_at <= after(now, CLOCK_SLACK) {
            return Some(kept);
        }
        // The cache counts time without the leaps of the wall clock; after a night's sleep of the machine it would go on
        // giving yesterday's answer, and after the clock was set back it would tell callers to keep one for a day and
        // never to ask again.
        quietly(self.entries.invalidate(key)).await;
        None
    }

    /// Keeps an answer that was asked for outside [`joined`](Self::joined).
    pub async fn keep(&self, key: QuestionKey, kept: Kept) {
        quietly(self.entries.insert(key, kept)).await;
    }

    /// Forgets the answer to one question.
    pub async fn forget(&self, key: &QuestionKey) {
        quietly(self.entries.invalidate(key)).await;
    }

    /// The answer to a question: from here, from one already in flight, or by `ask`, which is run by one of all that
    /// wait. What `ask` refuses to have kept (its error) goes to all who wait and to nobody later.
    pub async fn joined<E, F>(&self, key: QuestionKey, ask: F) -> Result<Kept, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Kept, E>>,
    {
        if let Some(kept) = quietly(self.entries.get(&key)).await {
            return Ok(kept);
        }
        quietly(self.entries.try_get_with(key, ask)).await
    }

    /// Until when an answer of `service` with `code`, given at `answered_at`, is fresh; `None` if it may not be kept.
    pub fn fresh_until(&self, service: Service, code: &str, answered_at: Timestamp, lane: Lane) -> Option<Timestamp> {
        let keeping = match service {
            // The codes of the other two are their own: 200 and 204 of the co-payment, 000 of the history.
            Service::Copay if matches!(code, "200" | "204") => return Some(after(answered_at, self.config.history)),
            Service::TreatmentHistory if code == "000" => return Some(after(answered_at, self.config.history)),
            Service::Copay => Keeping::Never,
            _ => ResultCode::of(code).keeping,
        };
        let span = match keeping {
            Keeping::Usable if lane == Lane::Bulk => self.config.usable_in_bulk.max(self.config.usable),
            Keeping::Usable => self.config.usable,
            Keeping::Definite => self.config.definite,
            Keeping::Correctable => self.config.correctable,
            Keeping::Never => return None,
        };
        Some(after(answered_at, span).min(end_of_day(answered_at)))
    }

    /// How many answers are held, about.
    pub fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    /// Whether none is held, about.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Midnight after `instant` in Viet Nam.
fn end_of_day(instant: Timestamp) -> Timestamp {
    let today = vietnam(instant).start_of_day();
    today.and_then(|start| start.checked_add(1.day())).map_or(instant, |midnight| midnight.timestamp())
}

/// Lets each entry leave when it is no longer fresh.
struct Lifetimes;

impl Expiry<QuestionKey, Kept> for Lifetimes {
    fn expire_after_create(&self, _: &QuestionKey, kept: &Kept, _: Instant) -> Option<Duration> {
        // Counted from the answer, not from the present, so that no clock is read here; the difference is the time the
        // entry took to get into the cache.
        Some(until(kept.answered_at, kept.fresh_until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn lifetimes_hang_on_the_code_and_end_with_the_day() {
        let cache = Cache::new(Config::default());
        let morning = at("2026-11-20T08:00:00+07:00");
        let evening = at("2026-11-20T23:59:00+07:00");
        let card = |code, when| cache.fresh_until(Service::CardLookup, code, when, Lane::Interactive);
        assert_eq!(card("000", morning), Some(at("2026-11-20T12:00:00+07:00")));
        assert_eq!(card("000", evening), Some(at("2026-11-21T00:00:00+07:00")));
        let by_list = |when| cache.fresh_until(Service::CardLookup, "000", when, Lane::Bulk);
        assert_eq!(by_list(at("2026-11-20T02:00:00+07:00")), Some(at("2026-11-20T14:00:00+07:00")));
        assert_eq!(by_list(evening), Some(at("2026-11-21T00:00:00+07:00")));
        assert_eq!(card("010", morning), Some(at("2026-11-20T09:00:00+07:00")));
        assert_eq!(card("060", morning), Some(at("2026-11-20T08:05:00+07:00")));
        for never in ["054", "055", "100", "101", "205", "401", "500", "999", ""] {
            assert_eq!(card(never, morning), None, "{never}");
        }
        let quarter = Some(at("2026-11-20T08:15:00+07:00"));
        assert_eq!(cache.fresh_until(Service::Copay, "204", morning, Lane::Interactive), quarter);
        assert_eq!(cache.fresh_until(Service::Copay, "500", morning, Lane::Interactive), None);
        assert_eq!(cache.fresh_until(Service::TreatmentHistory, "000", morning, Lane::Interactive), quarter);
    }

    #[tokio::test]
    async fn an_answer_past_its_time_is_gone_though_the_clock_leapt() {
        let cache = Cache::new(Config::default());
        let (answered_at, fresh_until) = (at("2026-11-20T08:00:00+07:00"), at("2026-11-20T12:00:00+07:00"));
        let kept = Kept { code: "000".into(), raw: Bytes::new(), answered_at, fresh_until, changed: None };
        cache.keep([1; 32], kept).await;
        assert!(cache.fresh(&[1; 32], answered_at).await.is_some());
        assert!(cache.fresh(&[1; 32], at("2026-11-21T08:00:00+07:00")).await.is_none());
        let asked: Result<Kept, Arc<&str>> = cache.joined([1; 32], async { Err("asked again") }).await;
        assert!(asked.is_err(), "the old answer must not be found by those who join");
    }

    #[tokio::test]
    async fn an_answer_from_the_future_is_not_fresh() {
        let cache = Cache::new(Config::default());
        let (answered_at, fresh_until) = (at("2026-11-20T08:00:00+07:00"), at("2026-11-20T12:00:00+07:00"));
        let kept = Kept { code: "000".into(), raw: Bytes::new(), answered_at, fresh_until, changed: None };
        cache.keep([1; 32], kept).await;
        assert!(cache.fresh(&[1; 32], at("2026-11-20T07:59:30+07:00")).await.is_some(), "a small correction");
        assert!(cache.fresh(&[1; 32], at("2026-11-19T08:00:00+07:00")).await.is_none(), "the clock was set back");
    }

    #[tokio::test]
    async fn a_refused_answer_goes_to_all_who_wait_and_stays_with_none() {
        let cache = Cache::new(Config::default());
        let refused: Result<Kept, Arc<&str>> = cache.joined([1; 32], async { Err("no") }).await;
        assert_eq!(refused.unwrap_err(), Arc::new("no"));
        assert!(cache.fresh(&[1; 32], at("2026-11-20T08:00:00+07:00")).await.is_none());
    }
}
