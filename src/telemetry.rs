//! Logs and metrics: how they start, and the names of all metrics in one place.
//!
//! Labels have few values and never name a person, a card or a token. Each part is handed its own struct of metrics;
//! nothing is registered globally, so several gateways can live in one process (as in the tests).

mod alerts;
mod audit;
mod keeping;

use std::io::IsTerminal;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

pub use self::alerts::{IncidentMetrics, WebhookMetrics};
pub use self::audit::AuditMetrics;
pub use self::keeping::KeepingMetrics;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Starts logging to standard error. A second call in one process changes nothing (tests start many gateways).
///
/// `filter` is a `tracing` filter such as `info` or `lienthong=debug`; one that cannot be read counts as `info`.
pub fn start_log(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(colours);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // An error means that logging runs already, which is what was asked for.
    drop(started);
}

/// All metrics of one gateway.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    /// Of the lookups.
    pub lookup: LookupMetrics,
    /// Of documents and deliveries.
    pub documents: DocumentMetrics,
    /// Of lists of questions.
    pub batches: BatchMetrics,
    /// Of the listeners.
    pub http: HttpMetrics,
    /// Of the façade.
    pub facade: FacadeMetrics,
    /// Of the audit log.
    pub audit: AuditMetrics,
    /// Of events sent to webhook endpoints.
    pub webhooks: WebhookMetrics,
    /// Of what is wrong.
    pub incidents: IncidentMetrics,
    /// Of what is kept.
    pub keeping: KeepingMetrics,
    /// Set just before each reading.
    pub gauges: Gauges,
}

/// Of the lookups.
#[derive(Clone)]
pub struct LookupMetrics {
    answers: Family<SourceLabel, Counter>,
    verdicts: Family<VerdictLabel, Counter>,
    questions: Family<QuestionLabel, Counter>,
    question_seconds: Family<ServiceLabel, Histogram, fn() -> Histogram>,
    last_known_dropped: Counter,
    tickets_ended: Family<TicketLabel, Counter>,
}

/// Of documents and deliveries.
#[derive(Clone)]
pub struct DocumentMetrics {
    intake: Family<IntakeLabel, Counter>,
    attempts: Family<AttemptLabel, Counter>,
    attempt_seconds: Family<ServiceLabel, Histogram, fn() -> Histogram>,
}

/// Of lists of questions.
#[derive(Clone)]
pub struct BatchMetrics {
    rows: Family<OutcomeLabel, Counter>,
}

/// Of the listeners.
#[derive(Clone)]
pub struct HttpMetrics {
    requests: Family<RequestLabel, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
}

/// Of the façade.
#[derive(Clone)]
pub struct FacadeMetrics {
    calls: Family<FacadeLabel, Counter>,
}

/// Set just before each reading.
#[derive(Clone)]
pub struct Gauges {
    documents: Family<BacklogLabel, Gauge>,
    oldest_seconds: Gauge<f64, AtomicU64>,
    cached: Gauge,
    connections: Family<ListenerLabel, Gauge>,
    portal_up: Family<ServiceLabel, Gauge>,
    portal_weather: Family<WeatherLabel, Gauge>,
    portal_since: Family<ServiceLabel, Gauge>,
    portal_waiting: Family<ServiceLabel, Gauge>,
    portal_drain: Family<ServiceLabel, Gauge<f64, AtomicU64>>,
    store_up: Gauge,
    audit_up: Gauge,
    batch_rows_waiting: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TicketLabel {
    outcome: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QuestionLabel {
    service: &'static str,
    answered: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabel {
    service: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WeatherLabel {
    service: &'static str,
    weather: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct IntakeLabel {
    kind: &'static str,
    outcome: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AttemptLabel {
    kind: &'static str,
    outcome: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabel {
    route: &'static str,
    status: u16,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FacadeLabel {
    function: &'static str,
    outcome: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ListenerLabel {
    listener: &'static str,
}
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BacklogLabel {
    kind: &'static str,
    state: &'static str,
}

/// A family of histograms of [`seconds`].
fn by_seconds<Label: Clone + std::hash::Hash + Eq>() -> Family<Label, Histogram, fn() -> Histogram> {
    Family::new_with_constructor(seconds as fn() -> Histogram)
}

/// From 0.1 ms, where cached answers are, to a minute, where the portal gives up.
fn seconds() -> Histogram {
    Histogram::new([0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0])
}

impl Metrics {
    /// A registry of its own with every metric in it.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("lienthong");
        let lookup = LookupMetrics {
            answers: Family::default(),
            verdicts: Family::default(),
            questions: Family::default(),
            question_seconds: by_seconds(),
            last_known_dropped: Counter::default(),
            tickets_ended: Family::default(),
        };
        registry.register("tickets_ended", "Questions of an outage asked again", lookup.tickets_ended.clone());
        registry.register("lookup_answers", "Lookups answered, by where the answer came from", lookup.answers.clone());
        registry.register("lookup_verdicts", "Verdicts drawn", lookup.verdicts.clone());
        registry.register("portal_questions", "Questions put to the portal", lookup.questions.clone());
        registry.register_with_unit(
            "portal_question_duration",
            "How long the portal took for a question",
            Unit::Seconds,
            lookup.question_seconds.clone(),
        );
        registry.register(
            "last_known_dropped",
            "Answers not kept for outages because the disk was behind",
            lookup.last_known_dropped.clone(),
        );

        let documents =
            DocumentMetrics { intake: Family::default(), attempts: Family::default(), attempt_seconds: by_seconds() };
        registry.register("documents_submitted", "Documents submitted, by outcome", documents.intake.clone());
        registry.register("delivery_attempts", "Attempts to hand a document over", documents.attempts.clone());
        registry.register_with_unit(
            "delivery_attempt_duration",
            "How long an attempt took",
            Unit::Seconds,
            documents.attempt_seconds.clone(),
        );

        let batches = BatchMetrics { rows: Family::default() };
        registry.register("batch_rows", "Rows of lists that were asked, by outcome", batches.rows.clone());

        let http = HttpMetrics { requests: Family::default(), seconds: by_seconds() };
        registry.register("http_requests", "Requests answered", http.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From the request's head to the answer's head",
            Unit::Seconds,
            http.seconds.clone(),
        );

        let facade = FacadeMetrics { calls: Family::default() };
        registry.register("facade_calls", "Calls in the portal's own language, by function", facade.calls.clone());

        let audit = AuditMetrics::registered(&mut registry);
        let webhooks = WebhookMetrics::registered(&mut registry);
        let incidents = IncidentMetrics::registered(&mut registry);
        let keeping = KeepingMetrics::registered(&mut registry);

        let gauges = Gauges {
            documents: Family::default(),
            oldest_seconds: Gauge::default(),
            cached: Gauge::default(),
            connections: Family::default(),
            portal_up: Family::default(),
            portal_weather: Family::default(),
            portal_since: Family::default(),
            portal_waiting: Family::default(),
            portal_drain: Family::default(),
            store_up: Gauge::default(),
            audit_up: Gauge::default(),
            batch_rows_waiting: Gauge::default(),
        };
        registry.register("documents", "Deliveries by state", gauges.documents.clone());
        registry.register_with_unit(
            "document_oldest_waiting",
            "Age of the oldest waiting delivery",
            Unit::Seconds,
            gauges.oldest_seconds.clone(),
        );
        registry.register("lookup_cached_answers", "Answers in memory", gauges.cached.clone());
        registry.register("connections", "Open connections", gauges.connections.clone());
        registry.register("portal_up", "1 while the service answers", gauges.portal_up.clone());
        registry.register("portal_weather", "1 for the weather a service has", gauges.portal_weather.clone());
        registry.register_with_unit(
            "portal_weather_since",
            "When the weather last changed, in seconds since 1970; 0 if never since the start",
            Unit::Seconds,
            gauges.portal_since.clone(),
        );
        registry.register("portal_waiting", "What waits for a service", gauges.portal_waiting.clone());
        registry.register_with_unit(
            "portal_drain",
            "How long what waits takes once the service answers",
            Unit::Seconds,
            gauges.portal_drain.clone(),
        );
        registry.register("store_up", "1 while the last write to the store worked", gauges.store_up.clone());
        registry.register("audit_up", "1 while the last write to the audit log worked", gauges.audit_up.clone());

        registry.register(
            "batch_rows_waiting",
            "Rows of lists that have yet to be asked",
            gauges.batch_rows_waiting.clone(),
        );

        Self {
            registry: Arc::new(Mutex::new(registry)),
            lookup,
            documents,
            batches,
            http,
            facade,
            audit,
            keeping,
            webhooks,
            incidents,
            gauges,
        }
    }

    /// All metrics in the text format of OpenMetrics.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Ok(registry) = self.registry.lock()
            && let Err(error) = prometheus_client::encoding::text::encode(&mut text, &registry)
        {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl LookupMetrics {
    /// An answer came from memory.
    pub fn cached(&self) {
        self.answers.get_or_create(&SourceLabel { source: "cache" }).inc();
    }

    /// An answer came from the portal.
    pub fn asked(&self) {
        self.answers.get_or_create(&SourceLabel { source: "portal" }).inc();
    }

    /// The last known answer stood in.
    pub fn last_known(&self) {
        self.answers.get_or_create(&SourceLabel { source: "last-known" }).inc();
    }

    /// The card's own word stood in.
    pub fn provisional(&self) {
        self.answers.get_or_create(&SourceLabel { source: "provisional" }).inc();
    }

    /// A question of an outage was answered after all, or given up.
    pub fn ticket_ended(&self, outcome: &'static str) {
        self.tickets_ended.get_or_create(&TicketLabel { outcome }).inc();
    }

    /// There was no answer at all.
    pub fn failed(&self) {
        self.answers.get_or_create(&SourceLabel { source: "none" }).inc();
    }

    /// A verdict was drawn.
    pub fn verdict(&self, verdict: &'static str) {
        self.verdicts.get_or_create(&VerdictLabel { verdict }).inc();
    }

    /// The portal was asked.
    pub fn question(&self, service: &'static str, took: Duration, answered: bool) {
        let answered = if answered { "yes" } else { "no" };
        self.questions.get_or_create(&QuestionLabel { service, answered }).inc();
        self.question_seconds.get_or_create(&ServiceLabel { service }).observe(took.as_secs_f64());
    }

    /// An answer could not be kept for outages.
    pub fn last_known_dropped(&self) {
        self.last_known_dropped.inc();
    }
}

impl DocumentMetrics {
    /// A document was offered.
    pub fn offered(&self, kind: &'static str, outcome: &'static str) {
        self.intake.get_or_create(&IntakeLabel { kind, outcome }).inc();
    }

    /// An attempt ended.
    pub fn attempted(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.attempts.get_or_create(&AttemptLabel { kind, outcome }).inc();
        self.attempt_seconds.get_or_create(&ServiceLabel { service: kind }).observe(took.as_secs_f64());
    }
}

impl BatchMetrics {
    /// A row was asked: the conclusion it came to, or `failed`, or `later`.
    pub fn row(&self, outcome: &'static str) {
        self.rows.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}

impl HttpMetrics {
    /// A request was answered.
    pub fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabel { route, status }).inc();
        self.seconds.get_or_create(&RouteLabel { route }).observe(took.as_secs_f64());
    }
}

impl FacadeMetrics {
    /// A call was answered.
    pub fn answered(&self, function: &'static str, outcome: &'static str) {
        self.calls.get_or_create(&FacadeLabel { function, outcome }).inc();
    }
}

impl Gauges {
    /// Whether the last write to the audit log worked.
    pub fn audit_up(&self, up: bool) {
        self.audit_up.set(i64::from(up));
    }

    /// Deliveries of one kind in one state.
    pub fn documents(&self, kind: &'static str, state: &'static str, count: u64) {
        self.documents.get_or_create(&BacklogLabel { kind, state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Forgets the deliveries counted before, so that a state that emptied does not linger.
    pub fn clear_documents(&self) {
        self.documents.clear();
    }

    /// Age of the oldest waiting delivery.
    pub fn oldest_waiting(&self, age: Duration) {
        self.oldest_seconds.set(age.as_secs_f64());
    }

    /// Answers in memory.
    pub fn cached(&self, count: u64) {
        self.cached.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Open connections of one listener.
    pub fn connections(&self, listener: &'static str, count: usize) {
        self.connections.get_or_create(&ListenerLabel { listener }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Whether a service of the portal answers.
    pub fn portal_up(&self, service: &'static str, up: bool) {
        self.portal_up.get_or_create(&ServiceLabel { service }).set(i64::from(up));
    }

    /// How a service does, of all the words there are for it, and since when.
    pub fn portal_weather(&self, service: &'static str, weather: &'static str, words: &[&'static str], since: i64) {
        for word in words {
            let label = WeatherLabel { service, weather: word };
            self.portal_weather.get_or_create(&label).set(i64::from(*word == weather));
        }
        self.portal_since.get_or_create(&ServiceLabel { service }).set(since);
    }

    /// What waits for a service, and how long that takes.
    pub fn portal_waiting(&self, service: &'static str, waiting: u64, drain: Duration) {
        let label = ServiceLabel { service };
        self.portal_waiting.get_or_create(&label).set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.portal_drain.get_or_create(&label).set(drain.as_secs_f64());
    }

    /// Whether the last write to the store worked.
    pub fn store_up(&self, up: bool) {
        self.store_up.set(i64::from(up));
    }

    /// Rows of lists that have yet to be asked.
    pub fn batch_rows_waiting(&self, count: u64) {
        self.batch_rows_waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
