//! What is counted of what is kept and forgotten, and of the room for it.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Of what is kept.
#[derive(Clone)]
pub struct KeepingMetrics {
    forgotten: Family<ForgottenLabel, Counter>,
    disk_free: Gauge,
    data_kept: Gauge,
    days_left: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ForgottenLabel {
    what: &'static str,
}

impl KeepingMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let keeping = KeepingMetrics {
            forgotten: Family::default(),
            disk_free: Gauge::default(),
            data_kept: Gauge::default(),
            days_left: Gauge::default(),
        };
        registry.register("forgotten", "What was forgotten because it was due", keeping.forgotten.clone());
        registry.register_with_unit("disk_free", "What can still be written", Unit::Bytes, keeping.disk_free.clone());
        registry.register_with_unit("data_kept", "Size of the data folder", Unit::Bytes, keeping.data_kept.clone());
        registry.register("disk_days_left", "For how many days the disk will do", keeping.days_left.clone());
        keeping
    }

    /// So many bodies, records or events were forgotten.
    pub fn forgotten(&self, what: &'static str, count: u64) {
        self.forgotten.get_or_create(&ForgottenLabel { what }).inc_by(count);
    }

    /// The room there is.
    pub fn room(&self, free_bytes: u64, kept_bytes: u64, days_left: u32) {
        let gauge = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.disk_free.set(gauge(free_bytes));
        self.data_kept.set(gauge(kept_bytes));
        self.days_left.set(days_left.into());
    }
}
