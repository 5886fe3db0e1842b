//! What is counted of incidents, and of events sent to webhook endpoints.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::OutcomeLabel;

/// Of events sent to webhook endpoints.
#[derive(Clone)]
pub struct WebhookMetrics {
    tries: Family<OutcomeLabel, Counter>,
}

/// Of what is wrong.
#[derive(Clone)]
pub struct IncidentMetrics {
    open: Family<IncidentLabel, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct IncidentLabel {
    kind: &'static str,
}

impl WebhookMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let webhooks = WebhookMetrics { tries: Family::default() };
        registry.register("webhook_tries", "Tries to send an event to an endpoint, by outcome", webhooks.tries.clone());
        webhooks
    }

    /// A try ended.
    pub fn tried(&self, outcome: &'static str) {
        self.tries.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}

impl IncidentMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let incidents = IncidentMetrics { open: Family::default() };
        registry.register("incidents_open", "Incidents that are open, by kind", incidents.open.clone());
        incidents
    }

    /// How many of a kind are open.
    pub fn open(&self, kind: &'static str, count: usize) {
        self.open.get_or_create(&IncidentLabel { kind }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
