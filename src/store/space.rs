//! How much room the disk has, and for how long it will do.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::retention::SpaceSample;
use crate::system::until;

/// The room there is, as last measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that can still be written: of the disk, or up to the database's greatest size if that is less.
    pub free_bytes: u64,
    /// Bytes of the data folder.
    pub kept_bytes: u64,
    /// For how many days it will do, going on as in the last day or the last two weeks, whichever is worse; `None` where
    /// nothing grows, or too little is known yet.
    pub days_left: Option<u32>,
    /// New documents are refused.
    pub is_short: bool,
    /// A person should make room.
    pub is_low: bool,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Bytes of the disk that this account may still write.
    pub disk_free_bytes: u64,
    /// Bytes of the data folder's files.
    pub kept_bytes: u64,
}

/// Ten years: beyond this a forecast says nothing but "long".
pub const DAYS_LEFT_MAX: u32 = 3_650;

/// Spans over which growth is measured: the last day, for what began just now, and all that is kept, for the week's rhythm.
const WINDOWS: [Duration; 2] = [Duration::from_secs(24 * 3600), Duration::from_secs(14 * 24 * 3600)];

/// Over less time than this, one large import would look like the end of the disk.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// Looks at the disk of `folder` and at the files in it. Blocks for as long as the file system takes.
pub fn measure(folder: &Path) -> io::Result<Measured> {
    let mut kept_bytes = 0;
    for entry in fs::read_dir(folder)? {
        // A file may be gone between the listing and the look at it.
        let metadata = entry?.metadata();
        kept_bytes += metadata.ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len());
    }
    Ok(Measured { disk_free_bytes: fs4::available_space(folder)?, kept_bytes })
}

/// For how many days `now` will do, after what `samples` (the oldest first) tell of the time before.
pub fn days_left(samples: &[SpaceSample], now: SpaceSample) -> Option<u32> {
    let mut fewest: Option<u32> = None;
    for window in WINDOWS {
        let begun = now.at.checked_sub(window).unwrap_or(Timestamp::MIN);
        let Some(first) = samples.iter().find(|sample| sample.at >= begun) else { continue };
        let (span, used) = (until(first.at, now.at), first.free_bytes.saturating_sub(now.free_bytes));
        if span < KNOWN_FOR || used == 0 {
            continue;
        }
        let seconds = u128::from(now.free_bytes) * u128::from(span.as_secs()) / u128::from(used);
        let days = u32::try_from(seconds / (24 * 3600)).unwrap_or(DAYS_LEFT_MAX).min(DAYS_LEFT_MAX);
        fewest = Some(fewest.map_or(days, |fewest| fewest.min(days)));
    }
    fewest
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const GIB: u64 = 1 << 30;

    fn sample(hours: i64, free_gib: u64) -> SpaceSample {
        let at = Timestamp::from_millisecond(1_800_000_000_000 + hours * HOUR).unwrap();
        SpaceSample { at, free_bytes: free_gib * GIB, kept_bytes: 0 }
    }

    #[test]
    fn the_worse_of_the_last_day_and_the_last_weeks_counts() {
        let cases: &[(&[SpaceSample], SpaceSample, Option<u32>)] = &[
            (&[], sample(0, 10), None),
            // Half an hour is too little to tell.
            (&[sample(0, 100)], SpaceSample { at: sample(0, 0).at, ..sample(0, 50) }, None),
            // Ten a day, a hundred left.
            (&[sample(0, 110)], sample(24, 100), Some(10)),
            // Nothing grows, or room was made.
            (&[sample(0, 100)], sample(24, 100), None),
            (&[sample(0, 90)], sample(24, 100), None),
            // One a day over ten days, twenty in the last one.
            (&[sample(0, 129), sample(240, 120)], sample(264, 100), Some(5)),
            // Room was made yesterday: the last day alone tells.
            (&[sample(0, 50), sample(240, 110)], sample(264, 100), Some(10)),
            // What is older than two weeks tells nothing.
            (&[sample(-24 * 20, 1000)], sample(0, 100), None),
            (&[sample(0, 5_000_001)], sample(24, 5_000_000), Some(DAYS_LEFT_MAX)),
        ];
        for (samples, now, expected) in cases {
            assert_eq!(days_left(samples, *now), *expected, "{samples:?} {now:?}");
        }
    }

    #[test]
    fn the_disk_and_the_files_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("aside")).unwrap();
        fs::write(folder.path().join("a.db"), [0; 1000]).unwrap();
        let measured = measure(folder.path()).unwrap();
        assert_eq!(measured.kept_bytes, 1000);
        assert!(measured.disk_free_bytes > 0);
        assert!(measure(&folder.path().join("none")).is_err());
    }
}
