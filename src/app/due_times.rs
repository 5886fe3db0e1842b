//! What waits when the clock is set back.

use std::time::Duration;

use crate::config::Config;
use crate::store::Store;
use crate::system::stop::Stopper;

/// Ten seconds beside the hours that they would wait; it costs a look at three indexes.
const EVERY: Duration = Duration::from_secs(10);

/// How long a delivery waits at most between two tries, and as much again, an hour at least.
pub(super) fn longest_wait(config: &Config) -> Duration {
    let delivery = &config.delivery;
    delivery.retry_longest.max(delivery.refused_wait).saturating_mul(2).max(Duration::from_secs(3_600))
}

/// Looks for due times that only a clock set back explains, at the start and ever after.
pub(super) async fn put_right(store: Store, longest_wait: Duration, stopper: Stopper) {
    loop {
        match store.bring_due_times_back(longest_wait).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "the clock was set back: what waited for later times is due now"),
            Err(error) => tracing::error!(%error, "due times could not be looked at"),
        }
        if !stopper.sleep(EVERY).await {
            return;
        }
    }
}
