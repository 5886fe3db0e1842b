//! When the clock was set back: what waits for a time that no wait could have led to is due now.
//!
//! Times to try again are kept as instants of the wall clock, so that they mean the same after a restart. A clock that was a
//! day ahead and is put right would make everything that waits wait for a day.

use std::time::Duration;

use rusqlite::params;

use super::column;
use super::fault::Fault;
use super::writer::Work;
use crate::system;

/// The longest wait of a ticket (five minutes) and of a row of a list (half an hour), and as much again.
const LONGEST_OF_LOOKUPS: Duration = Duration::from_secs(3_600);

/// No lease is longer (an hour by configuration, and as much again): one that ends later was taken before the clock was set
/// back.
const LEASE_MAX: Duration = Duration::from_secs(2 * 3_600);

pub(super) const LEASES: &str = "UPDATE deliveries SET lease_until = ?1 WHERE state = 'sending' AND lease_until > ?2";

/// Each looks along the index of due times and touches nothing where the clock is right.
pub(super) const DELIVERIES: &str = "UPDATE deliveries SET next_at = ?1 WHERE state = 'queued' AND next_at > ?2";
pub(super) const TICKETS: &str = "UPDATE tickets SET next_at = ?1 WHERE state = 'waiting' AND next_at > ?2";
pub(super) const ROWS: &str = "UPDATE batch_rows SET next_at = ?1 WHERE state = 'waiting' AND next_at > ?2
    AND batch IN (SELECT sequence FROM batches WHERE state IN ('waiting', 'running', 'paused') AND ended_at IS NULL)";

pub(super) const WEBHOOKS: &str = "UPDATE webhook_deliveries SET next_at = ?1 WHERE state = 'waiting' AND next_at > ?2
    AND endpoint IN (SELECT sequence FROM webhook_endpoints)";
pub(super) const RESTS: &str = "UPDATE webhook_endpoints SET rest_until = ?1 WHERE rest_until > ?2";

/// Longer than webhooks are ever asked to wait.
const LONGEST_OF_WEBHOOKS: Duration = Duration::from_secs(24 * 3_600);

/// Makes due now what is due later than `longest_wait` from now; how many there were.
pub(super) fn bring_back(work: &mut Work<'_>, longest_wait: Duration) -> Result<u64, Fault> {
    let now = work.system.now();
    let due = column::millis(now);
    let mut brought = 0;
    for (statement, longest) in [
        (DELIVERIES, longest_wait),
        (TICKETS, LONGEST_OF_LOOKUPS),
        (ROWS, LONGEST_OF_LOOKUPS),
        (WEBHOOKS, LONGEST_OF_WEBHOOKS),
        (RESTS, LONGEST_OF_WEBHOOKS),
    ] {
        let latest = column::millis(system::after(now, longest));
        brought += work.connection.prepare_cached(statement)?.execute(params![due, latest])?;
    }
    work.wakes |= brought > 0;
    Ok(u64::try_from(brought).unwrap_or(u64::MAX))
}

/// Lets leases end that were taken when the clock was ahead. Whose attempt is still in hand is kept by its holder.
pub(super) fn end_leases(work: &Work<'_>) -> Result<(), Fault> {
    let now = work.system.now();
    let (end, latest) = (column::millis(now), column::millis(system::after(now, LEASE_MAX)));
    work.connection.prepare_cached(LEASES)?.execute(params![end, latest])?;
    Ok(())
}
