//! FLOW 2, second half: a kept document on its way to the portal. Lease, send, judge, settle.
//!
//! Guarantees: the lease is on the disk before the first byte leaves, so that after a crash every delivery that may
//! have been sent is known; the same record never overtakes itself (the store leases it in order); what comes of an
//! attempt is on the disk before the next attempt; a delivery that cannot go on waits for a person and stops nobody
//! else. Not here: whoever waits for a receipt watches the store, never this.

pub mod backoff;
pub mod judge;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::audit::{About, Audit, Deed, GATEWAY, Outcome, Trail};
use crate::delivery::backoff::Backoff;
use crate::delivery::judge::{Judgement, Patience, SYSTEM_ERROR, Tries, broke_off, judge};
use crate::document::Kind;
use crate::document::kind::KINDS;
use crate::portal::{Answer, Fault, Handover, Portal, PortalError, Service, Stage, Submission};
use crate::store::{Counts, End, LeaseWish, Leased, Settlement, Store};
use crate::system::stop::Stopper;
use crate::system::{System, after, until};
use crate::telemetry::DocumentMetrics;

/// How deliveries are made.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Deliveries under way at once. Thirty-two at the portal's usual second carry a month-end's claims of a province
    /// hospital in minutes and leave the portal room for lookups.
    pub under_way_max: usize,
    /// How waits grow.
    pub backoff: Backoff,
    /// When a person must look.
    pub patience: Patience,
    /// How often the store is asked for work though nothing woke the courier: a net under the wake-ups.
    pub look_every: Duration,
    /// How long a lease holds. Longer than any attempt (connect, log in, 60 s for the answer, twice), so that it ends
    /// only where the attempt's task is gone.
    pub lease: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            under_way_max: 32,
            backoff: Backoff::default(),
            patience: Patience::default(),
            look_every: Duration::from_secs(5),
            lease: Duration::from_secs(300),
        }
    }
}

/// Why a delivery waits that could not be recorded.
const AUDIT_UNAVAILABLE: &str = "audit_unavailable";

/// Carries documents to the portal.
#[derive(Clone)]
pub struct Courier(Arc<Parts>);

struct Parts {
    config: Config,
    portal: Portal,
    store: Store,
    audit: Audit,
    system: System,
    metrics: DocumentMetrics,
    /// One permit an attempt under way.
    places: Arc<Semaphore>,
    /// The leases of the attempts under way, by token.
    in_hand: Mutex<HashSet<i64>>,
    /// Told when an attempt ends, so that its place is filled.
    place_free: Notify,
    under_way: TaskTracker,
}

impl Courier {
    /// Wires the parts.
    pub fn new(
        config: Config,
        portal: Portal,
        store: Store,
        audit: Audit,
        system: System,
        metrics: DocumentMetrics,
    ) -> Self {
        let places = Arc::new(Semaphore::new(config.under_way_max.max(1)));
        let (in_hand, place_free, under_way) = (Mutex::default(), Notify::new(), TaskTracker::new());
        Self(Arc::new(Parts { config, portal, store, audit, system, metrics, places, in_hand, place_free, under_way }))
    }

    /// Carries what is due until told to stop, then waits for the attempts under way.
    pub async fn run(self, stopper: Stopper) {
        let parts = &self.0;
        let mut changes = parts.store.changes();
        while !stopper.is_stopping() {
            // Registered before looking, so that what comes while looking is not missed.
            changes.mark_unchanged();
            let place_free = parts.place_free.notified();

            let looked_at = parts.system.now();
            let leased = self.lease().await;
            if !leased.is_empty() {
                for (delivery, place) in leased {
                    let courier = self.clone();
                    parts.under_way.spawn(async move { courier.deliver(delivery, place).await });
                }
                continue;
            }

            // Nothing is due, or no place is free: wait for a change, a place, the next due time, or a while.
            // What was due already and was not leased waits for something else than time.
            let due_in = match parts.store.next_due_after(looked_at).await {
                Ok(Some(due)) => until(parts.system.now(), due),
                _ => parts.config.look_every,
            };
            let nothing_free = parts.places.available_permits() == 0;
            tokio::select! {
                biased;
                () = stopper.stopping() => {}
                () = place_free => {}
                changed = changes.changed(), if !nothing_free => {
                    if changed.is_err() { break }
                }
                () = tokio::time::sleep(due_in.min(parts.config.look_every)) => {}
            }
        }
        parts.under_way.close();
        tokio::select! {
            biased;
            () = parts.under_way.wait() => {}
            // What is dropped here is found as `sending` at the next start and settled by its kind.
            () = stopper.letting_go() => {}
        }
    }

    /// Takes leases on as many due deliveries as there are free places, of the kinds whose service may be tried.
    async fn lease(&self) -> Vec<(Leased, OwnedSemaphorePermit)> {
        let parts = &self.0;
        // Nothing may leave unrecorded, so nothing is taken in hand: a lease that cannot be used costs attempts and patience.
        if parts.audit.health().is_err() {
            return Vec::new();
        }
        // While a service is due for a trial, one delivery is the trial; the rest would only count as failed with it.
        let kinds: Vec<(Kind, u32)> = KINDS
            .iter()
            .map(|facts| (facts.kind, parts.portal.room(service_of(facts.kind))))
            .filter(|(_, room)| *room > 0)
            .collect();
        let mut places = Vec::new();
        while let Ok(place) = parts.places.clone().try_acquire_owned() {
            places.push(place);
        }
        if places.is_empty() || kinds.is_empty() {
            return Vec::new();
        }
        let most = u32::try_from(places.len()).unwrap_or(u32::MAX);
        let wish = LeaseWish { most, kinds, facilities_excluded: Vec::new(), lease_for: parts.config.lease };
        match parts.store.lease(wish).await {
            Ok(leased) => leased.into_iter().zip(places).collect(),
            Err(error) => {
                tracing::error!(%error, "no delivery could be leased");
                Vec::new()
            }
        }
    }

    /// The leases whose attempt this process still has in hand. They must not be taken for lost, however late it is:
    /// a receipt may be in hand that the disk would not take yet.
    pub fn in_hand(&self) -> Vec<i64> {
        self.0.in_hand.lock().map(|tokens| tokens.iter().copied().collect()).unwrap_or_default()
    }

    /// One attempt, from the wire to the disk.
    async fn deliver(&self, leased: Leased, place: OwnedSemaphorePermit) {
        let parts = &self.0;
        let _in_hand = InHand::take(parts, leased.token);
        let started = tokio::time::Instant::now();
        // What leaves, and that it leaves, is on the disk first; otherwise it stays.
        let trail = Trail::new(&parts.audit, GATEWAY, &leased.document, None);
        let about = About { facility: Some(leased.facility), ..About::object(&leased.document) };
        let Ok(entry) = trail.open(Deed::DocumentSend, about).await else { return self.stays(&leased, place).await };
        let submission =
            Submission { service: service_of(leased.kind), facility: leased.facility, body: leased.body.clone() };
        // After a panic of ours the portal may have the document, and the document may be what made it.
        let mut panicked = false;
        let handover = match tokio::spawn({
            let portal = parts.portal.clone();
            async move { portal.submit(&submission).await }
        })
        .await
        {
            Ok(handover) => handover,
            Err(error) => {
                panicked = true;
                tracing::error!(document = leased.document, panicked = error.is_panic(), "an attempt broke off");
                Handover { result: Err(PortalError::broken()), http_status: None, raw: Bytes::new() }
            }
        };

        let now = parts.system.now();
        let tries = Tries {
            attempt: leased.attempt,
            answers_lost: leased.answers_lost,
            system_errors: leased.system_errors,
            interrupted: leased.interrupted,
            waiting_for: until(leased.waiting_since, now),
        };
        let judgement = match panicked {
            true => broke_off(leased.kind, tries, &parts.config.patience),
            false => judge(leased.kind, &handover.result, tries, &parts.config.patience),
        };
        let mut settlement = self.settlement(&leased, judgement, handover);
        if panicked {
            settlement.end = settlement.end.interrupted();
        }
        let outcome = settlement.end.outcome();
        tracing::info!(
            document = leased.document,
            kind = leased.kind.name(),
            facility = %leased.facility,
            attempt = leased.attempt,
            outcome,
            reason = settlement.end.reason().unwrap_or(""),
            took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "delivery attempted"
        );
        parts.metrics.attempted(leased.kind.name(), outcome, started.elapsed());
        let status = settlement.http_status.unwrap_or_default();
        entry.close(Outcome::status(status, settlement.code.as_deref().unwrap_or(outcome)));
        self.settle(&leased, settlement).await;
        drop(place);
        parts.place_free.notify_one();
    }

    /// Nothing left, because the audit log could not be written: tried again later, like anything that did not leave.
    async fn stays(&self, leased: &Leased, place: OwnedSemaphorePermit) {
        let error = PortalError { stage: Stage::NotTried, fault: Fault::Broken, retry_after: None };
        let handover = Handover { result: Err(error), http_status: None, raw: Bytes::new() };
        let judgement = Judgement::TryLater { wait: None, answer_lost: false, reason: AUDIT_UNAVAILABLE };
        let mut settlement = self.settlement(leased, judgement, handover);
        settlement.note = Some("the audit log cannot be written, so nothing was sent".to_owned());
        self.0.metrics.attempted(leased.kind.name(), settlement.end.outcome(), Duration::ZERO);
        self.settle(leased, settlement).await;
        drop(place);
        self.0.place_free.notify_one();
    }

    /// What a judgement means for the store.
    fn settlement(&self, leased: &Leased, judgement: Judgement, handover: Handover) -> Settlement {
        let failure = handover.result.as_ref().err();
        let end = match judgement {
            Judgement::Acknowledged(receipt) => End::Acknowledged(receipt),
            Judgement::Rejected { code } => End::Rejected { reason: format!("portal_code_{code}") },
            Judgement::TryLater { wait, answer_lost, reason } => {
                let counts = match (answer_lost, reason) {
                    (true, _) => Counts::AnswerLost,
                    (false, SYSTEM_ERROR) => Counts::SystemError,
                    (false, _) => Counts::Nothing,
                };
                End::TryLater { at: self.try_again_at(leased, wait), reason: reason.to_owned(), counts }
            }
            Judgement::Unknown { reason } => {
                let was_lost = failure.is_some_and(|error| error.stage == Stage::NoAnswer);
                let counts = if was_lost { Counts::AnswerLost } else { Counts::Nothing };
                End::Unknown { reason: reason.to_owned(), counts }
            }
            Judgement::Failed { reason } => End::Failed { reason: reason.to_owned() },
        };
        let code = match &handover.result {
            Ok(Answer::Coded { code, .. }) => Some(code.clone()),
            Ok(Answer::Taken(_)) | Err(_) => None,
        };
        Settlement {
            end,
            stage: failure.map(|error| error.stage.name()),
            http_status: handover.http_status,
            code,
            note: failure.map(|error| error.fault.to_string()),
            raw: handover.raw,
        }
    }

    /// When the next try is due. What the fault asks for is the least: a login that fails asks for seconds, through days of
    /// outage too.
    fn try_again_at(&self, leased: &Leased, asked: Option<Duration>) -> Timestamp {
        let Parts { config, system, .. } = &*self.0;
        let usual = config.backoff.wait(leased.attempt, system.chance());
        after(system.now(), asked.map_or(usual, |asked| asked.max(usual)))
    }

    /// Writes the settlement. While the disk refuses, it is tried again for as long as the process lives: what the portal
    /// said must not be forgotten because of a disk that is full. The places under way bound how many wait like this.
    async fn settle(&self, leased: &Leased, settlement: Settlement) {
        let parts = &self.0;
        let mut tries: u32 = 0;
        loop {
            match parts.store.settle(leased, settlement.clone()).await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::error!(document = leased.document, "a lease was lost before it was settled");
                    return;
                }
                Err(error) => {
                    tries = tries.saturating_add(1);
                    tracing::error!(%error, document = leased.document, tries, "an attempt's end could not be kept");
                    tokio::time::sleep(parts.config.backoff.wait(tries.min(4), parts.system.chance())).await;
                }
            }
        }
    }
}

/// A lease in hand; let go of when dropped.
struct InHand<'a> {
    parts: &'a Parts,
    token: i64,
}

impl<'a> InHand<'a> {
    fn take(parts: &'a Parts, token: i64) -> Self {
        if let Ok(mut tokens) = parts.in_hand.lock() {
            tokens.insert(token);
        }
        Self { parts, token }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if let Ok(mut tokens) = self.parts.in_hand.lock() {
            tokens.remove(&self.token);
        }
    }
}

/// The service of the portal that takes documents of `kind`.
pub fn service_of(kind: Kind) -> Service {
    match kind {
        Kind::Checkin => Service::Checkin,
        Kind::Claim => Service::Claim,
        Kind::MedicalAssessment => Service::MedicalAssessment,
        Kind::DriverExam => Service::DriverExam,
        Kind::BirthCertificate => Service::BirthCertificate,
        Kind::DeathCertificate => Service::DeathCertificate,
        Kind::Voucher => Service::Voucher,
    }
}
