//! Webhooks: events sent by the gateway itself, by the Standard Webhooks specification.
//!
//! Guarantees: every event that an endpoint's client may see and wants arrives at least once, and those of one document in
//! order; after a restart it goes on where the disk says. An endpoint that fails holds up no other, and an event that is
//! never taken holds up only what follows it about the same document. What is sent is signed, and goes to the address that
//! was checked; redirects are not followed; what comes back is read to a small bound and thrown away. Not here: what an
//! event means, which is the feed's business, and who may make endpoints, which is `http`'s.

pub mod address;
pub mod judge;
pub mod payload;
pub mod sign;

mod send;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use serde_json::json;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::delivery::backoff::Backoff;
use crate::store::Store;
use crate::store::webhooks::{DueHook, HookEnd, HookFate, HookSecret, HookWork};
use crate::system::stop::Stopper;
use crate::system::trust::TrustFault;
use crate::system::{System, until};
use crate::telemetry::WebhookMetrics;
use crate::webhooks::address::Rules;
use crate::webhooks::judge::{Health, Patience, TRIAL_AFTER};
use crate::webhooks::send::Sender;

/// How events are sent.
#[derive(Clone, Debug)]
pub struct Config {
    /// To where plain HTTP may go besides this machine.
    pub plain_http_hosts: Vec<String>,
    /// Authorities trusted besides the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
    /// From connecting to the end of the answer.
    pub timeout: Duration,
    /// Requests under way at once, to all endpoints.
    pub under_way_max: usize,
    /// How waits grow, and when it is enough.
    pub patience: Patience,
    /// How often the store is asked though nothing woke the sender: a net under the wake-ups.
    pub look_every: Duration,
}

/// Requests under way at once to one endpoint: a receiver of one process takes its turn with others, and with four its
/// answers of a tenth of a second make forty events a second.
const UNDER_WAY_PER_ENDPOINT_MAX: u32 = 4;

/// How long the sender lets pass after a wake-up before it looks: every commit wakes it, and what comes within this time is
/// looked at together.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How often old deliveries are forgotten, some each time: more than the busiest gateway makes.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// How long ended deliveries are shown.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long an old secret signs beside the new one.
pub const OLD_SECRET_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Sends events to endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Parts>);

struct Parts {
    config: Config,
    rules: Rules,
    sender: Sender,
    store: Store,
    system: System,
    metrics: WebhookMetrics,
    places: Arc<Semaphore>,
    /// What is being sent: endpoint and event, by position.
    in_hand: Mutex<HashSet<(i64, i64)>>,
    /// Told when a request ends.
    ended: Notify,
    under_way: TaskTracker,
}

/// What came of trying an endpoint out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Whether the endpoint took it.
    pub taken: bool,
    /// What status came back.
    pub http_status: Option<u16>,
    /// What went wrong, as a stable word.
    pub fault: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
}

impl Webhooks {
    /// Wires the parts.
    pub fn new(config: Config, store: Store, system: System, metrics: WebhookMetrics) -> Result<Self, TrustFault> {
        let rules = Rules { plain_http_hosts: config.plain_http_hosts.clone() };
        let sender = Sender::new(&config.authorities, config.timeout)?;
        let places = Arc::new(Semaphore::new(config.under_way_max.max(1)));
        let (in_hand, ended, under_way) = (Mutex::default(), Notify::new(), TaskTracker::new());
        Ok(Self(Arc::new(Parts { config, rules, sender, store, system, metrics, places, in_hand, ended, under_way })))
    }

    /// Which addresses may be sent to.
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// A new secret.
    pub fn new_secret(&self) -> HookSecret {
        HookSecret::new(self.0.system.random::<{ sign::SECRET_BYTES }>().to_vec())
    }

    /// Sends what is due until told to stop, then waits for the requests under way.
    pub async fn run(self, stopper: Stopper) {
        let parts = &self.0;
        let mut changes = parts.store.changes();
        let mut tidied: Option<tokio::time::Instant> = None;
        while !stopper.is_stopping() {
            // Registered before looking, so that what comes while looking is not missed.
            changes.mark_unchanged();
            let ended = parts.ended.notified();
            let due_in = self.round(&stopper).await;
            if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
                self.keep_house().await;
                tidied = Some(tokio::time::Instant::now());
            }
            tokio::select! {
                () = stopper.stopping() => break,
                () = ended => {}
                changed = changes.changed() => {
                    if changed.is_err() { break }
                }
                () = tokio::time::sleep(due_in.min(parts.config.look_every)) => {}
            }
            stopper.sleep(LOOK_AGAIN_AFTER).await;
        }
        parts.under_way.close();
        tokio::select! {
            () = parts.under_way.wait() => {}
            // What is dropped here is still waiting on the disk, and is sent again.
            () = stopper.letting_go() => {}
        }
    }

    /// Takes from the feed what has room and sends what is due; when something more becomes due.
    async fn round(&self, stopper: &Stopper) -> Duration {
        let parts = &self.0;
        loop {
            let now = parts.system.now();
            let in_hand = parts.in_hand.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            let work = parts.store.webhook_work(now, in_hand, UNDER_WAY_PER_ENDPOINT_MAX, TRIAL_AFTER).await;
            let work = match work {
                Ok(work) => work,
                Err(error) => {
                    tracing::warn!(%error, "what waits for webhook endpoints could not be read");
                    return parts.config.look_every;
                }
            };
            let next_at = work.iter().filter_map(|one| one.next_at).min();
            let mut queued = 0;
            for one in work {
                if one.has_news {
                    match parts.store.queue_webhooks(one.sequence).await {
                        Ok(count) => queued += count,
                        // Nothing is lost by it: the cursor stays.
                        Err(error) => tracing::warn!(%error, endpoint = one.id, "events could not be put on their way"),
                    }
                }
                self.send_due(one, stopper);
            }
            if queued == 0 || stopper.is_stopping() {
                return next_at.map_or(parts.config.look_every, |next| until(now, next));
            }
        }
    }

    fn send_due(&self, mut work: HookWork, stopper: &Stopper) {
        let parts = &self.0;
        let due = std::mem::take(&mut work.due);
        let endpoint = Arc::new(work);
        for hook in due {
            let Ok(place) = parts.places.clone().try_acquire_owned() else { return };
            let held = InHand::take(parts.clone(), (endpoint.sequence, hook.sequence));
            let (webhooks, endpoint, stopper) = (self.clone(), endpoint.clone(), stopper.clone());
            parts.under_way.spawn(async move { webhooks.deliver(&endpoint, hook, place, held, stopper).await });
        }
    }

    /// One try to send one event, from the wire to the disk.
    async fn deliver(
        &self,
        endpoint: &HookWork,
        hook: DueHook,
        place: OwnedSemaphorePermit,
        held: InHand,
        stopper: Stopper,
    ) {
        let parts = &self.0;
        let end = match &hook.event {
            None => {
                let fate = HookFate::Forgotten;
                HookEnd { fate, rest_until: None, disable: None, http_status: None, fault: Some("forgotten") }
            }
            Some(event) => {
                let body = payload::body(event.clone());
                let sent = self.post(&endpoint.url, &event.id, &endpoint.secrets, body).await;
                let now = parts.system.now();
                let health = Health {
                    tries: hook.tries,
                    queued_at: hook.queued_at,
                    failures: endpoint.failures,
                    failing_since: endpoint.failing_since,
                };
                judge::judge(&sent, &health, now, &parts.config.patience, parts.system.chance())
            }
        };
        parts.metrics.tried(match end.fate {
            HookFate::Delivered => "delivered",
            HookFate::Again(_) => "try-later",
            HookFate::GivenUp => "given-up",
            HookFate::Forgotten => "forgotten",
        });
        let event = hook.event.as_ref().map_or("", |event| event.id.as_str());
        match end.fate {
            HookFate::Delivered => tracing::debug!(endpoint = endpoint.id, event, "event sent"),
            _ => tracing::info!(
                endpoint = endpoint.id,
                event,
                tries = hook.tries + 1,
                fault = end.fault,
                status = end.http_status,
                "event not taken"
            ),
        }
        if let Some(reason) = end.disable {
            tracing::warn!(endpoint = endpoint.id, reason, "a webhook endpoint is disabled");
        }
        self.settle(endpoint, hook.sequence, end, &stopper).await;
        drop((held, place));
        parts.ended.notify_one();
    }

    /// Writes down how it went. While the disk refuses, it is tried again and the event kept in hand: let go, it would be
    /// sent again and again. At the stop it is let go, and sent once more after the next start.
    async fn settle(&self, endpoint: &HookWork, event: i64, end: HookEnd, stopper: &Stopper) {
        let parts = &self.0;
        let mut tries: u32 = 0;
        while let Err(error) = parts.store.settle_webhook(endpoint.sequence, event, end.clone()).await {
            tries = tries.saturating_add(1);
            tracing::warn!(%error, endpoint = endpoint.id, tries, "how an event was taken could not be kept");
            let wait = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };
            if !stopper.sleep(wait.wait(tries, parts.system.chance())).await {
                return;
            }
        }
    }

    /// Sends an event of no meaning to an endpoint, once, whatever its state.
    pub async fn try_out(&self, id: &str, url: &str, secrets: &[HookSecret]) -> Tried {
        let parts = &self.0;
        let started = tokio::time::Instant::now();
        let now = parts.system.now();
        let body = json!({"type": "webhook.test", "timestamp": payload::instant(now), "data": {"endpoint": id}});
        let sent = self.post(url, &parts.system.new_id("evt"), secrets, body.to_string().into()).await;
        let (taken, http_status, fault) = judge::told(&sent);
        Tried { taken, http_status, fault, took: started.elapsed() }
    }

    async fn post(
        &self,
        url: &str,
        id: &str,
        secrets: &[HookSecret],
        body: bytes::Bytes,
    ) -> Result<send::Answered, send::Unsent> {
        let parts = &self.0;
        // The rules may have become stricter since the address was given.
        let Ok(address) = parts.rules.check(url) else { return Err(send::Unsent::Forbidden) };
        let timestamp = parts.system.now();
        let signature = sign::header(secrets, id, timestamp, &body);
        parts.sender.post(address, id, timestamp, &signature, body).await
    }

    /// Forgets deliveries that ended long ago.
    async fn keep_house(&self) {
        let oldest: Timestamp = self.0.system.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        if let Err(error) = self.0.store.forget_webhook_deliveries(oldest).await {
            tracing::warn!(%error, "old webhook deliveries could not be forgotten");
        }
    }
}

/// An event in hand; let go of when dropped.
struct InHand {
    parts: Arc<Parts>,
    key: (i64, i64),
}

impl InHand {
    fn take(parts: Arc<Parts>, key: (i64, i64)) -> Self {
        parts.in_hand.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        Self { parts, key }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.parts.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
