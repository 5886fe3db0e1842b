//! What is counted of the audit log.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::seconds;

/// Of the audit log.
#[derive(Clone)]
pub struct AuditMetrics {
    entries: Counter,
    failed: Counter,
    refused: Counter,
    group: Histogram,
    commit_seconds: Histogram,
    durable_seconds: Histogram,
}

impl Default for AuditMetrics {
    fn default() -> Self {
        Self {
            entries: Counter::default(),
            failed: Counter::default(),
            refused: Counter::default(),
            group: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]),
            commit_seconds: seconds(),
            durable_seconds: seconds(),
        }
    }
}

impl AuditMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let audit = AuditMetrics::default();
        registry.register("audit_entries", "Entries of the audit log written", audit.entries.clone());
        registry.register("audit_failures", "Writings of the audit log that failed", audit.failed.clone());
        registry.register("audit_refused", "Deeds refused because they could not be recorded", audit.refused.clone());
        registry.register("audit_group_size", "Entries that share a sync", audit.group.clone());
        registry.register_with_unit(
            "audit_commit_duration",
            "How long one group took to the disk",
            Unit::Seconds,
            audit.commit_seconds.clone(),
        );
        registry.register_with_unit(
            "audit_wait_duration",
            "How long a deed waited for its entry",
            Unit::Seconds,
            audit.durable_seconds.clone(),
        );
        audit
    }

    /// A group of entries is on the disk.
    pub fn written(&self, count: usize, took: Duration) {
        self.entries.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        // A count of entries in one group is small enough to be exact.
        self.group.observe(u32::try_from(count).map_or(f64::MAX, f64::from));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// A deed waited so long for its entry.
    pub fn durable(&self, waited: Duration) {
        self.durable_seconds.observe(waited.as_secs_f64());
    }

    /// A group could not be written.
    pub fn failed(&self) {
        self.failed.inc();
    }

    /// A deed was refused.
    pub fn refused(&self) {
        self.refused.inc();
    }
}
