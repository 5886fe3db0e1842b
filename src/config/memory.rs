//! How much memory the gateway takes at most, by its own bounds.
//!
//! Every cache, queue and body has a bound of its own; here they are added up, so that an operator sees what the machine
//! must have, and a ceiling that the bounds cannot keep is told at the start and not at the worst hour.

use crate::config::reader::Report;
use crate::config::{Documents, Limits, Lookup, Portal};
use crate::domain::Bilingual;

const MIB: u64 = 1 << 20;

/// The program itself, its code lists and schemas, and the pages that SQLite keeps: 17 MiB at rest were measured
/// (`docs/performance.md`), 64 MiB for the connection that writes and 8 MiB for each of four that read.
const GROUND: u64 = (32 + 64 + 4 * 8) * MIB;

/// One connection with its TLS, its buffers and a header of the longest size.
const CONNECTION: u64 = 64 << 10;

/// One question under way, with its task.
const QUESTION: u64 = 8 << 10;

/// Copies of a body at once: as it came, taken out of its base64, and sealed for the disk.
const COPIES: u64 = 3;

/// Documents on their way to the portal at once (`store`: leased together up to 64 MiB, and one that is larger).
const LEASED: u64 = 64 * MIB;

/// One part of the whole, in bytes.
pub struct Share {
    /// The key that bounds it; empty for what is always there.
    pub key: &'static str,
    /// At most so much.
    pub bytes: u64,
}

/// What each part takes at most.
pub fn shares(limits: &Limits, portal: &Portal, lookup: &Lookup, documents: &Documents) -> Vec<Share> {
    let share = |key, bytes| Share { key, bytes };
    let of = |count: usize, each: u64| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(each);
    let body = of(documents.body_bytes_max, 1);
    vec![
        share("", GROUND + LEASED + body),
        share("lookup.cache_mib", lookup.cache_bytes_max),
        share("lookup.under_way_max", of(lookup.under_way_max, QUESTION)),
        share("documents.bodies_in_memory_mib", of(documents.bodies_in_memory_bytes_max, COPIES)),
        share("portal.in_flight_max", of(portal.in_flight_max, of(portal.reply_bytes_max, 1))),
        share("limits.connections_max", of(limits.connections_max, CONNECTION)),
    ]
}

/// The whole, in bytes.
pub fn bound(shares: &[Share]) -> u64 {
    shares.iter().fold(0, |sum, share| sum.saturating_add(share.bytes))
}

/// Tells of a ceiling (`limits.memory_max_mib`, standing at the byte `at`) that the other bounds do not keep.
pub(super) fn hold(report: &Report<'_>, at: usize, ceiling: u64, shares: &[Share]) {
    let bound = bound(shares);
    if bound <= ceiling {
        return;
    }
    let in_mib = |bytes: u64| bytes.div_ceil(MIB);
    let mut largest: Vec<&Share> = shares.iter().filter(|share| !share.key.is_empty()).collect();
    largest.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    let told: Vec<String> =
        largest.iter().take(3).map(|share| format!("{} ({} MiB)", share.key, in_mib(share.bytes))).collect();
    let told = told.join(", ");
    report.fault(
        at,
        "limits.memory_max_mib".to_owned(),
        "config.memory",
        Bilingual::composed(
            format!("các giới hạn khác cho phép dùng tới {} MiB, hơn trần {} MiB", in_mib(bound), in_mib(ceiling)),
            format!("the other bounds allow up to {} MiB, above the ceiling of {} MiB", in_mib(bound), in_mib(ceiling)),
        ),
        Bilingual::composed(
            format!("Giảm một trong: {told}; hoặc tăng trần."),
            format!("Lower one of: {told}; or raise the ceiling."),
        ),
    );
}
