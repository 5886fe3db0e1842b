//! Incidents: what is wrong so that a person has to know, told once when it begins and once when it ends.
//!
//! A watcher looks every so often at the portal's weather, the accounts, the documents that wait for a person, the webhook
//! endpoints, the disk and the certificate. What it finds becomes at most one open incident a subject, with how many things
//! are concerned and since when the oldest is, however often it fails in between. What comes and goes is one incident until
//! it has been well for a while. While the disk takes nothing, what is found is kept in memory and written when it can be.
//! Not here: sending anybody a message, which is the feed's and the webhooks' work.

pub mod board;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::audit::Audit;
use crate::domain::{FacilityCode, IncidentKind};
use crate::incidents::board::{Board, Seen, Settling};
use crate::portal::{Portal, Service, Weather};
use crate::store::incidents::{Extent, IncidentChange, Standing, Subject};
use crate::store::webhooks::{HookState, HookView};
use crate::store::{Store, StoreError};
use crate::system::stop::Stopper;
use crate::system::{System, after, until};
use crate::telemetry::IncidentMetrics;

/// What is watched, and when it is too much.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How often somebody looks.
    pub look_every: Duration,
    /// How long things must be so before they are believed.
    pub settling: Settling,
    /// Documents waiting longer than this are too old.
    pub backlog_max: Duration,
    /// How long a refused document may lie before somebody must have looked at it.
    pub rejected_max: Duration,
    /// How long before its end a certificate is spoken of.
    pub certificate_notice: Duration,
}

/// Refused documents older than this are nobody's news any more: the period they belong to is settled.
const REJECTED_FORGOTTEN: Duration = Duration::from_secs(60 * 24 * 3600);

/// Ended incidents are kept for a year, so that the same month of the year before can be looked at.
const KEPT: Duration = Duration::from_secs(366 * 24 * 3600);

/// When the certificate that callers see ends.
pub type CertificateEnd = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Looks.
pub struct Watcher {
    config: Config,
    store: Store,
    audit: Audit,
    portal: Portal,
    certificate_end: CertificateEnd,
    system: System,
    metrics: IncidentMetrics,
}

impl Watcher {
    /// Wires the parts.
    pub fn new(
        config: Config,
        store: Store,
        audit: Audit,
        portal: Portal,
        certificate_end: CertificateEnd,
        system: System,
        metrics: IncidentMetrics,
    ) -> Self {
        Self { config, store, audit, portal, certificate_end, system, metrics }
    }

    /// Looks until told to stop.
    pub async fn run(self, stopper: Stopper) {
        let mut board = None;
        loop {
            if board.is_none() {
                board = self.resume().await;
            }
            if let Some(board) = &mut board {
                self.look(board).await;
            }
            self.keep_house().await;
            if !stopper.sleep(self.config.look_every).await {
                return;
            }
        }
    }

    /// What an earlier process left open; `None` if that cannot be read now.
    async fn resume(&self) -> Option<Board> {
        match self.store.incidents_open().await {
            Ok(open) => Some(Board::resume(&open)),
            Err(error) => {
                tracing::warn!(%error, "open incidents could not be read");
                None
            }
        }
    }

    /// One look, and what follows from it.
    async fn look(&self, board: &mut Board) {
        let now = self.system.now();
        let changes = board.look(now, self.seen(now).await, &self.config.settling);
        for change in &changes {
            // Told at once and once, though the disk may be what is wrong.
            if let IncidentChange::Open { subject, extent, .. } = change
                && board.announce(subject)
            {
                let (incident, count) = (subject.kind.name(), extent.count);
                tracing::warn!(incident, subject = subject.name, count, "an incident began");
            }
        }
        if !changes.is_empty() {
            match self.store.change_incidents(changes.clone()).await {
                Ok(()) => board.wrote(&changes),
                // It comes again at the next look.
                Err(error) => tracing::warn!(%error, "incidents could not be kept"),
            }
        }
        for subject in board.ended(&changes) {
            tracing::info!(incident = subject.kind.name(), subject = subject.name, "an incident ended");
        }
        for kind in IncidentKind::ALL {
            self.metrics.open(kind.name(), board.open(kind));
        }
    }

    /// Everything that is wrong at `now`, as far as it can be seen.
    async fn seen(&self, now: Timestamp) -> Vec<Seen> {
        let mut seen = self.storage().await;
        seen.extend(self.weather());
        seen.extend(self.accounts());
        seen.extend(self.certificate(now));
        let rejected = (
            now.checked_sub(REJECTED_FORGOTTEN).unwrap_or(Timestamp::MIN),
            now.checked_sub(self.config.rejected_max).unwrap_or(Timestamp::MIN),
        );
        match self.store.standing(self.portal.facilities(), rejected).await {
            Ok(standing) => seen.extend(standing.iter().flat_map(|one| self.documents(one, now))),
            Err(error) => tracing::warn!(%error, "what waits for a person could not be counted"),
        }
        match self.store.webhooks().await {
            Ok(endpoints) => seen.extend(endpoints.iter().filter_map(|one| endpoint(one, &self.config, now))),
            Err(error) => tracing::warn!(%error, "webhook endpoints could not be read"),
        }
        seen
    }

    /// The disk: after a write that failed, a small one tells whether it has come back.
    async fn storage(&self) -> Vec<Seen> {
        let refuses = match self.store.health() {
            Ok(()) => false,
            Err(_) => !matches!(self.store.probe().await, Ok(()) | Err(StoreError::Busy | StoreError::Closing)),
        };
        let is_low = self.store.room_on_disk().is_some_and(|room| room.is_low || room.is_short);
        let found = [
            (refuses, IncidentKind::StorageRefusing, "store"),
            (self.audit.health().is_err(), IncidentKind::StorageRefusing, "audit"),
            (is_low, IncidentKind::DiskLow, "gateway"),
        ];
        let seen = |(is_so, kind, name): (bool, _, _)| is_so.then(|| one(gateway_wide(kind, name), None));
        found.into_iter().filter_map(seen).collect()
    }

    fn weather(&self) -> Vec<Seen> {
        let report = self.portal.weather();
        let login = report.iter().any(|post| post.service == Service::Login && post.weather == Weather::Down);
        let look = |post: &crate::portal::ServiceWeather| {
            let kind = match post.weather {
                Weather::Up => return None,
                Weather::Slow => IncidentKind::PortalSlow,
                Weather::Down => IncidentKind::PortalDown,
            };
            let subject = gateway_wide(kind, post.service.name());
            let follows = login && post.service != Service::Login && post.service != Service::DriverExam;
            Some(Seen { may_open: !follows, ..one(subject, post.since) })
        };
        report.iter().filter_map(look).collect()
    }

    fn accounts(&self) -> Vec<Seen> {
        let refused = self.portal.refused_accounts();
        refused.into_iter().map(|(facility, _)| one(of(IncidentKind::AccountRefused, facility), None)).collect()
    }

    fn certificate(&self, now: Timestamp) -> Option<Seen> {
        let end = (self.certificate_end)();
        let soon = until(now, end) <= self.config.certificate_notice;
        soon.then(|| one(gateway_wide(IncidentKind::CertificateExpiring, "api"), None))
    }

    fn documents(&self, standing: &Standing, now: Timestamp) -> Vec<Seen> {
        let waits_too_long = |since: Timestamp| after(since, self.config.backlog_max) <= now;
        let backlog = match standing.queued.oldest_at {
            Some(oldest) if waits_too_long(oldest) => standing.queued,
            _ => Extent { count: 0, oldest_at: None },
        };
        let found = [
            (IncidentKind::DocumentsFailed, standing.failed),
            (IncidentKind::DocumentsUnknown, standing.unknown),
            (IncidentKind::DocumentsRejected, standing.rejected),
            (IncidentKind::BacklogOld, backlog),
        ];
        let seen = |(kind, extent): (IncidentKind, Extent)| {
            let subject = of(kind, standing.facility);
            (extent.count > 0).then_some(Seen { subject, extent, may_open: true })
        };
        found.into_iter().filter_map(seen).collect()
    }

    async fn keep_house(&self) {
        let oldest = self.system.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        if let Err(error) = self.store.forget_incidents(oldest).await {
            tracing::warn!(%error, "old incidents could not be forgotten");
        }
    }
}

/// What is wrong with a webhook endpoint.
fn endpoint(view: &HookView, config: &Config, now: Timestamp) -> Option<Seen> {
    let kind = match (view.state, view.failing_since) {
        (HookState::Disabled, _) => IncidentKind::WebhookDisabled,
        (HookState::On, Some(since)) if until(since, now) >= config.settling.open_after => IncidentKind::WebhookFailing,
        _ => return None,
    };
    let subject = Subject { client: Some(view.client.clone()), ..gateway_wide(kind, &view.id) };
    let oldest_at = view.failing_since.or(view.unread_since);
    Some(Seen { subject, extent: Extent { count: u64::from(view.waiting).max(1), oldest_at }, may_open: true })
}

fn gateway_wide(kind: IncidentKind, name: &str) -> Subject {
    Subject { kind, name: name.to_owned(), facility: None, client: None }
}

fn of(kind: IncidentKind, facility: FacilityCode) -> Subject {
    Subject { kind, name: facility.to_string(), facility: Some(facility), client: None }
}

fn one(subject: Subject, oldest_at: Option<Timestamp>) -> Seen {
    Seen { subject, extent: Extent { count: 1, oldest_at }, may_open: true }
}
