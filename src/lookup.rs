//! FLOW 1: a question about a card, from the caller to the verdict.
//!
//! Guarantees: equal questions cost the portal one; what the portal answers is kept only as long as its code allows;
//! when the portal fails, the last known answer is given with its age; nobody gets an answer, fresh or old, who does
//! not know number, name and birth date. Not here: who may ask (the caller is known by now) and how an answer looks
//! on the wire.

pub mod budget;
pub mod cache;
pub mod changes;
pub mod code;
pub mod comparison;
pub mod desk;
pub mod notices;
pub mod provisional;
pub mod refusals;
pub mod ticket;
pub mod verdict;
pub mod visits;

mod asking;
mod recheck;
mod recorded;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Semaphore;

pub use self::asking::{Ask, CardFound, Failure, Found, LookupError, Purpose, Source};

use crate::audit::{About, Audit, Trail};
use crate::domain::{FacilityCode, Officer};
use crate::lookup::budget::{Budget, Lane, Slot, Spent};
use crate::lookup::cache::{Cache, Kept, QuestionKey};
use crate::lookup::changes::Changed;
use crate::lookup::code::{Conclusion, ResultCode};
use crate::lookup::refusals::{Refusals, Refused};
use crate::lookup::silence::Silence;
use crate::lookup::verdict::{Circumstances, WhichCard};
use crate::portal::reply::{CopayAnswer, HistoryAnswer, read_card, read_copay, read_history};
use crate::portal::{Answered, Fault, Place, Portal, PortalError, Question, Service, Stage};
use crate::store::vault::Vault;
use crate::store::{LastKnown, Store};
use crate::system::{System, until, vietnam};
use crate::telemetry::LookupMetrics;

/// How lookups behave.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Lifetimes and memory of fresh answers.
    pub cache: cache::Config,
    /// What one facility's account may spend.
    pub budget: budget::Config,
    /// How long a caller waits for the portal before the last known answer is given instead. The portal takes 1 to 3 s
    /// in good hours; a clerk looks up from the screen after twenty. The question itself goes on and is kept.
    pub patience: Duration,
    /// How long he waits while nothing is heard of the portal: somebody has waited his whole patience in vain already.
    pub patience_in_silence: Duration,
    /// How soon after an answer the same card may be asked about again on demand (`Cache-Control: no-cache`).
    pub refresh_cooldown: Duration,
    /// How old a last-known answer may be to be given at all.
    pub last_known_max: Duration,
    /// Questions under way or waiting for budget, of all facilities together; more are refused at once. Each holds a
    /// few KiB, so this bounds memory while the portal hangs.
    pub under_way_max: usize,
    /// Whether ids only the sandbox knows may be asked about.
    pub sandbox_ids_allowed: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache: cache::Config::default(),
            budget: budget::Config::default(),
            patience: Duration::from_secs(20),
            patience_in_silence: Duration::from_secs(3),
            refresh_cooldown: Duration::from_secs(60),
            last_known_max: Duration::from_secs(30 * 24 * 3600),
            under_way_max: 4_096,
            sandbox_ids_allowed: true,
        }
    }
}

/// How long a list waits for its turn and for the portal's answer: nobody stands before it, and the portal's own minute
/// plus a login is well within.
const BULK_PATIENCE: Duration = Duration::from_secs(180);

/// Answers questions about cards. Cheap to clone.
#[derive(Clone)]
pub struct Lookup(Arc<Parts>);

struct Parts {
    config: Config,
    cache: Cache,
    budget: Budget,
    under_way: Semaphore,
    silence: Silence,
    refusals: Refusals,
    portal: Portal,
    store: Store,
    vault: Vault,
    audit: Audit,
    system: System,
    metrics: LookupMetrics,
}

/// The right to ask one question now; given back when dropped.
struct Turn {
    _slot: Slot,
    /// Of a list's question. Others find their place when they call.
    place: Option<Place>,
}

/// What one question under way may end with, other than an answer that is kept.
#[derive(Debug)]
enum NotKept {
    Failure(Failure),
    /// An understood answer that may not be kept, and whose officer asked.
    Answer(Answered, Timestamp, Option<Officer>),
}

impl Lookup {
    /// Wires the parts.
    pub fn new(
        config: Config,
        portal: Portal,
        store: Store,
        vault: Vault,
        audit: Audit,
        system: System,
        metrics: LookupMetrics,
    ) -> Self {
        let cache = Cache::new(config.cache);
        let budget = Budget::new(config.budget, &portal.facilities());
        let under_way = Semaphore::new(config.under_way_max);
        let (silence, refusals) = (Silence::default(), Refusals::default());
        Self(Arc::new(Parts {
            config,
            cache,
            budget,
            under_way,
            silence,
            refusals,
            portal,
            store,
            vault,
            audit,
            system,
            metrics,
        }))
    }

    /// Is this card good for a visit?
    pub async fn card(&self, ask: Ask, purpose: Purpose) -> Result<CardFound, LookupError> {
        let started = tokio::time::Instant::now();
        let facility = ask.question.facility;
        let found = self.find(ask.clone()).await?;
        let answer = read_card(&found.raw).map_err(unreadable)?;
        let visit = purpose.visit.unwrap_or_else(|| vietnam(self.0.system.now()).date());
        let answered = Some(vietnam(found.answered_at).date());
        let mut at = Circumstances { visit, leaves: purpose.leaves, answered, facility: &facility, history: None };
        let mut verdict = verdict::draw(&answer, &at);
        let mut history = None;
        if purpose.with_history && verdict.counts != WhichCard::Neither {
            // The caller's patience is one for both questions. A failure here is told and fails nothing.
            let left = self.0.config.patience.saturating_sub(started.elapsed());
            let asked = self.history(Ask { service: Service::TreatmentHistory, ..ask });
            let asked = tokio::time::timeout(left, asked).await;
            history = Some(asked.unwrap_or(Err(LookupError::NoAnswer(Failure::StillAsking))));
        }
        if let Some(Ok((_, past))) = &history {
            at.history = Some(&past.visits);
            verdict = verdict::draw(&answer, &at);
        }
        self.0.metrics.verdict(verdict.conclusion.name());
        Ok(CardFound { found, answer, verdict, visit, history })
    }

    /// Where was this person treated before?
    pub async fn history(&self, ask: Ask) -> Result<(Found, HistoryAnswer), LookupError> {
        let found = self.find(ask).await?;
        let answer = read_history(&found.raw).map_err(unreadable)?;
        Ok((found, answer))
    }

    /// How much has this person paid towards the yearly ceiling?
    pub async fn copay(&self, ask: Ask) -> Result<(Found, CopayAnswer), LookupError> {
        let found = self.find(ask).await?;
        let answer = read_copay(&found.raw).map_err(unreadable)?;
        Ok((found, answer))
    }

    /// Questions under way or waiting for the budget just now, of all facilities.
    pub fn under_way(&self) -> usize {
        self.0.config.under_way_max.saturating_sub(self.0.under_way.available_permits())
    }

    /// Whether the portal did not accept this officer of this facility when it was last asked in that name.
    pub fn refused(&self, facility: FacilityCode, officer: &Officer) -> Option<Refused> {
        self.0.refusals.of(facility, officer)
    }

    /// The trail of a question that is asked for a client without a request of his: of a list, or of a ticket.
    pub fn trail_of(&self, client: &str, id: &str) -> Trail {
        let trail = Trail::new(&self.0.audit, client, id, None);
        trail.tell(About::object(id));
        trail
    }

    /// Gives lists no more turns: those that wait for one are told so at once. For the end of the process.
    pub fn end_lists(&self) {
        self.0.budget.end_lists();
    }

    /// How many answers are in memory, about.
    pub fn cached(&self) -> u64 {
        self.0.cache.len()
    }

    /// The flow every question takes, to the portal's own bytes; those who want them read go through the methods above.
    pub async fn find(&self, ask: Ask) -> Result<Found, LookupError> {
        let parts = &self.0;
        // What cannot be asked is refused before anything leaves.
        if ask.question.subject.is_sandbox_only() && !parts.config.sandbox_ids_allowed {
            return Err(LookupError::SandboxOnly);
        }
        if ask.officer.is_none() && ask.service != Service::Copay {
            return Err(LookupError::OfficerMissing);
        }

        // A fresh answer is given at once, unless a newer one is wanted and the card was not asked about just now.
        let key = parts.key(&ask);
        let now = parts.system.now();
        if let Some(kept) = parts.cache.fresh(&key, now).await {
            let refresh_after = parts.config.refresh_cooldown.saturating_sub(until(kept.answered_at, now));
            if !ask.refresh || refresh_after > Duration::ZERO {
                parts.metrics.cached();
                let source = Source::Cache { fresh_for: until(now, kept.fresh_until) };
                let found = found(kept, source, refresh_after);
                recorded::whole(&ask, &found).await?;
                return Ok(found);
            }
            parts.cache.forget(&key).await;
        }

        // Who asks about whom is on the disk before anything leaves.
        let entry = recorded::opened(&ask).await?;
        let result = self.ask_or_remember(key, ask).await;
        entry.close(recorded::outcome(&result));
        result
    }

    /// Asks the portal; where that fails, the last known answer.
    async fn ask_or_remember(&self, key: QuestionKey, ask: Ask) -> Result<Found, LookupError> {
        let parts = &self.0;
        // One of all who wait asks the portal, in a task of its own: a caller who leaves does not take the question
        // with him, and what it cost is not wasted.
        let patience = match ask.lane {
            Lane::Interactive if parts.silence.is_silent(ask.service) => parts.config.patience_in_silence,
            Lane::Interactive => parts.config.patience,
            Lane::Bulk => BULK_PATIENCE,
        };
        let waiting_since = tokio::time::Instant::now();
        let mut asking = self.ask_in_background(key, ask.clone());
        let mut outcome = tokio::time::timeout(patience, &mut asking).await;
        if let Ok(Ok(Err(not_kept))) = &outcome
            && let NotKept::Answer(answered, _, officer) = &**not_kept
            && ResultCode::of(&answered.code).conclusion == Conclusion::StaffNotAccepted
            && *officer != ask.officer
        {
            // 054 and 055 are about the officer in whose name the joined question went out, not about ours. Asked alone,
            // because the next to join could be a third officer's.
            asking = self.ask_alone(key, ask.clone());
            outcome = tokio::time::timeout(patience, &mut asking).await;
        }

        // An understood answer is the answer; everything else is a failure of the portal.
        let why = match outcome {
            Ok(Ok(Ok(kept))) => {
                parts.metrics.asked();
                return Ok(found(kept, Source::Portal, parts.config.refresh_cooldown));
            }
            Ok(Ok(Err(not_kept))) => match &*not_kept {
                NotKept::Answer(answered, at, _) if !is_portal_fault(ask.service, &answered.code) => {
                    parts.metrics.asked();
                    let (code, raw) = (answered.code.as_str().into(), answered.raw.clone());
                    let kept = Kept { code, raw, answered_at: *at, fresh_until: *at, changed: None };
                    let http_status = answered.http_status;
                    return Ok(Found { http_status, ..found(kept, Source::Portal, Duration::ZERO) });
                }
                NotKept::Answer(answered, ..) => Failure::PortalFault(answered.clone()),
                NotKept::Failure(failure) => failure.clone(),
            },
            // The asking task ended without an answer: it was dropped with the process, or panicked.
            Ok(Err(_)) => Failure::TooMany,
            Err(_) => {
                parts.silence.waited_in_vain(ask.service, waiting_since);
                Failure::StillAsking
            }
        };

        // The portal failed: the last known answer, with its age; an honest refusal if there is none.
        let oldest = ask.stale_max.unwrap_or(parts.config.last_known_max).min(parts.config.last_known_max);
        let now = parts.system.now();
        match parts.store.last_known(&key).await {
            Ok(Some(last)) if until(last.answered_at, now) <= oldest => {
                parts.metrics.last_known();
                let fresh_until = parts.cache.fresh_until(ask.service, &last.code, last.answered_at, Lane::Interactive);
                let fresh_until = fresh_until.unwrap_or(last.answered_at);
                let source = Source::LastKnown { stale_for: until(fresh_until, now), why };
                let (code, answered_at) = (last.code.into(), last.answered_at);
                let kept = Kept { code, raw: last.raw, answered_at, fresh_until, changed: None };
                Ok(found(kept, source, Duration::ZERO))
            }
            Ok(_) => {
                parts.metrics.failed();
                Err(LookupError::NoAnswer(why))
            }
            Err(error) => {
                tracing::error!(%error, "the last known answer could not be read");
                parts.metrics.failed();
                Err(LookupError::NoAnswer(why))
            }
        }
    }

    fn ask_in_background(&self, key: QuestionKey, ask: Ask) -> tokio::task::JoinHandle<Result<Kept, Arc<NotKept>>> {
        let lookup = self.clone();
        tokio::spawn(async move {
            let parts = &lookup.0;
            let turn = match ask.lane {
                Lane::Interactive => None,
                // The turn comes first, so that a person who joins never waits for a list's.
                Lane::Bulk => Some(parts.turn(&ask).await.map_err(Arc::new)?),
            };
            parts.cache.joined(key, parts.ask_portal(key, ask, turn)).await
        })
    }

    /// Asks the portal without joining anybody; what comes is kept for all.
    fn ask_alone(&self, key: QuestionKey, ask: Ask) -> tokio::task::JoinHandle<Result<Kept, Arc<NotKept>>> {
        let lookup = self.clone();
        tokio::spawn(async move {
            let kept = lookup.0.ask_portal(key, ask, None).await.map_err(Arc::new)?;
            lookup.0.cache.keep(key, kept.clone()).await;
            Ok(kept)
        })
    }
}

impl Parts {
    /// Waits for the right to ask one question now: a slot of the budget, and for a list a place at the portal too.
    async fn turn(&self, ask: &Ask) -> Result<Turn, NotKept> {
        let patience = match ask.lane {
            Lane::Interactive => self.config.patience,
            Lane::Bulk => BULK_PATIENCE,
        };
        let slot = self.budget.slot(&ask.question.facility, ask.asked_by.who(), ask.lane, patience).await;
        let slot = slot.map_err(|Spent { retry_after }| NotKept::Failure(Failure::BudgetSpent(retry_after)))?;
        let place = match ask.lane {
            Lane::Interactive => None,
            Lane::Bulk => {
                let place = self.portal.place_in_bulk(patience).await;
                Some(place.ok_or(NotKept::Failure(Failure::TooMany))?)
            }
        };
        Ok(Turn { _slot: slot, place })
    }

    /// Asks the portal, with the turn in hand or one of its own, and keeps the answer fresh and as last known if its code
    /// allows.
    async fn ask_portal(&self, key: QuestionKey, ask: Ask, turn: Option<Turn>) -> Result<Kept, NotKept> {
        let _place = self.under_way.try_acquire().map_err(|_| NotKept::Failure(Failure::TooMany))?;
        if !self.portal.facilities().contains(&ask.question.facility) {
            let error = PortalError { stage: Stage::NotTried, fault: Fault::NoAccount, retry_after: None };
            return Err(NotKept::Failure(Failure::Portal(error)));
        }
        let turn = match turn {
            Some(turn) => turn,
            None => self.turn(&ask).await?,
        };

        let started = tokio::time::Instant::now();
        let (service, question, officer) = (ask.service, &ask.question, ask.officer.as_ref());
        let result = match &turn.place {
            None => self.portal.ask(service, question, officer).await,
            Some(place) => self.portal.ask_in_bulk(place, service, question, officer).await,
        };
        self.metrics.question(ask.service.name(), started.elapsed(), result.is_ok());
        if result.is_ok() {
            self.silence.heard(ask.service);
        }
        let mut answered = result.map_err(|error| {
            tell_failure(ask.service, &ask.question.facility, &error);
            NotKept::Failure(Failure::Portal(error))
        })?;
        // What came is a slice of the buffer it was read into, and would keep all of that in memory: eight times the
        // answer. A copy keeps the answer alone.
        answered.raw = Bytes::copy_from_slice(&answered.raw);

        let answered_at = self.system.now();
        if let Some(officer) = &ask.officer {
            self.refusals.note(ask.question.facility, officer, &answered.code, answered_at);
        }
        let fresh_until = self.cache.fresh_until(ask.service, &answered.code, answered_at, ask.lane);
        let Some(fresh_until) = fresh_until.filter(|_| answered.http_status == 200) else {
            return Err(NotKept::Answer(answered, answered_at, ask.officer));
        };
        let changed = self.changed_since(ask.service, &key, &answered).await;
        let last = LastKnown { code: answered.code.clone(), raw: answered.raw.clone(), answered_at };
        if !self.store.keep_last_known(key, last) {
            // The disk is behind. The desk must not wait for it; the next answer will be kept.
            self.metrics.last_known_dropped();
        }
        Ok(Kept { code: answered.code.into(), raw: answered.raw, answered_at, fresh_until, changed })
    }

    /// What is different in an answer since the last known one, which it is about to take the place of.
    async fn changed_since(&self, service: Service, key: &QuestionKey, now: &Answered) -> Option<Arc<Changed>> {
        if service != Service::CardLookup {
            return None;
        }
        // It is a row by its key, well under a millisecond; a slow disk costs the desk this much and no more.
        const READING_MAX: Duration = Duration::from_millis(250);
        let last = match tokio::time::timeout(READING_MAX, self.store.last_known(key)).await {
            Ok(Ok(last)) => last?,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the answer before could not be read; what changed is not told");
                return None;
            }
            Err(_) => {
                tracing::warn!("the answer before was not read in time; what changed is not told");
                return None;
            }
        };
        let (before, now) = (read_card(&last.raw).ok()?, read_card(&now.raw).ok()?);
        Some(Arc::new(Changed { since: last.answered_at, changes: changes::between(&before, &now) }))
    }

    fn key(&self, ask: &Ask) -> QuestionKey {
        let Question { facility, subject, name, birth } = &ask.question;
        let birth = birth.iso();
        let parts =
            [ask.service.name(), facility.as_str(), subject.as_str(), name.as_str(), birth.as_str()].map(str::as_bytes);
        self.vault.keyed_hash("question", &parts)
    }
}

/// Tells an operator why a question failed. What the breaker holds back was told when it opened.
fn tell_failure(service: Service, facility: &FacilityCode, error: &PortalError) {
    let (service, stage, fault) = (service.name(), error.stage.name(), &error.fault);
    match fault {
        Fault::BreakerOpen => tracing::debug!(service, %facility, stage, "a question was held back"),
        // A wrong password or a locked account mends itself never.
        Fault::LoginRefused(_) | Fault::SessionRefused | Fault::NoAccount => {
            tracing::error!(service, %facility, stage, %fault, "the portal refuses the facility's account");
        }
        _ => tracing::warn!(service, %facility, stage, %fault, "a question to the portal failed"),
    }
}

fn found(kept: Kept, source: Source, refresh_after: Duration) -> Found {
    // Only answers with status 200 are kept.
    let http_status = 200;
    let Kept { code, raw, answered_at, changed, .. } = kept;
    Found { code, raw, http_status, answered_at, source, refresh_after, changed }
}

/// Whether a code says that the portal failed, rather than something about card, person or officer.
fn is_portal_fault(service: Service, code: &str) -> bool {
    match service {
        Service::Copay => code == "500",
        _ => ResultCode::of(code).conclusion == Conclusion::PortalFault && code != "205",
    }
}

fn unreadable(fault: Fault) -> LookupError {
    let error = PortalError { stage: Stage::NoAnswer, fault, retry_after: None };
    LookupError::NoAnswer(Failure::Portal(error))
}
