//! How lookups behave.

use std::time::Duration;

use crate::config::reader::Section;

/// How lookups behave. The reasons for the defaults stand in the sample.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// How long a usable card counts as fresh.
    pub usable: Duration,
    /// How long a usable card that a list asked about counts as fresh.
    pub usable_in_bulk: Duration,
    /// How long a definite refusal (expired, withdrawn) counts as fresh.
    pub definite: Duration,
    /// How long an answer that people correct (not found, wrong name) counts as fresh.
    pub correctable: Duration,
    /// How long histories and co-payments count as fresh.
    pub history: Duration,
    /// Bytes of all answers in memory.
    pub cache_bytes_max: u64,
    /// Questions a minute to the portal, for each facility's account.
    pub questions_per_minute: u32,
    /// Questions at once after a quiet time.
    pub burst: u32,
    /// What lists may take of the questions a minute, in hundredths.
    pub bulk_share_percent: u32,
    /// Questions under way at once for one facility.
    pub under_way_per_facility_max: usize,
    /// Questions under way or waiting, of all facilities.
    pub under_way_max: usize,
    /// How long a caller waits before the last known answer is given.
    pub patience: Duration,
    /// How long a caller waits while nothing is heard of the portal.
    pub patience_in_silence: Duration,
    /// How soon the same card may be asked about again on demand.
    pub refresh_cooldown: Duration,
    /// How old a last-known answer may be.
    pub last_known_max: Duration,
}

pub(super) fn read(mut section: Section<'_>) -> Lookup {
    const DAY_S: u64 = 24 * 3600;
    let days = |days: u64| Duration::from_secs(days * DAY_S);
    let lookup = Lookup {
        usable: section.seconds("usable_s", 0..=DAY_S, 14_400),
        usable_in_bulk: section.seconds("usable_in_bulk_s", 0..=DAY_S, 43_200),
        definite: section.seconds("definite_s", 0..=DAY_S, 3_600),
        correctable: section.seconds("correctable_s", 0..=DAY_S, 300),
        history: section.seconds("history_s", 0..=DAY_S, 900),
        cache_bytes_max: section.whole_number("cache_mib", 1..=65_536, 256) << 20,
        questions_per_minute: section.count_u32("questions_per_minute", 1..=60_000, 300),
        burst: section.count_u32("burst", 1..=10_000, 60),
        bulk_share_percent: section.count_u32("bulk_share_percent", 1..=100, 80),
        under_way_per_facility_max: section.count("under_way_per_facility_max", 1..=1_024, 32),
        under_way_max: section.count("under_way_max", 1..=100_000, 4_096),
        patience: section.seconds("patience_s", 1..=300, 20),
        patience_in_silence: section.seconds("patience_in_silence_s", 1..=300, 3),
        refresh_cooldown: section.seconds("refresh_cooldown_s", 0..=DAY_S, 60),
        last_known_max: days(section.whole_number("last_known_days", 0..=365, 30)),
    };
    section.finish();
    lookup
}
