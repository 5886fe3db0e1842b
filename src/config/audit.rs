//! The audit log: how long it is kept, and what signs it.

use std::path::PathBuf;

use crate::config::reader::Section;

/// How the audit log is kept.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Whole days that are kept.
    pub keep_days: u32,
    /// The file of the signing key; `None` leaves it to the log, in the data folder.
    pub key_file: Option<PathBuf>,
}

pub(super) fn read(mut section: Section<'_>) -> Audit {
    // Who is asked about a lookup is asked weeks later: less than a quarter of a year would be no log at all, and more than
    // ten years nobody demands.
    let keep_days = section.whole_number("keep_days", 90..=3_660, 365);
    let key_file = section.path("key_file");
    section.finish();
    Audit { keep_days: u32::try_from(keep_days).unwrap_or(u32::MAX), key_file }
}
