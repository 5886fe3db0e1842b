//! How long what is kept stays, and when the disk is too full. The reasons for the defaults stand in the sample.

use std::time::Duration;

use crate::config::documents::KIND_NAMES;
use crate::config::reader::Section;
use crate::domain::Bilingual;

/// How long what is kept stays.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Bodies of documents that the portal has.
    pub finished: Spans,
    /// Bodies of documents that went wrong and that nobody decided about.
    pub unsettled: Spans,
    /// Bodies of documents that were withdrawn, or replaced before they went out.
    pub withdrawn: Spans,
    /// What is known of a document: receipts, attempts, states.
    pub records: Duration,
    /// Events of the feed.
    pub events: Duration,
    /// Free bytes of the disk under which no new document is taken.
    pub disk_free_min_bytes: u64,
    /// A disk that lasts fewer days than this is warned of.
    pub disk_warn_days: u32,
}

/// A span for each kind of document.
#[derive(Clone, Debug)]
pub struct Spans {
    usual: Duration,
    of_kinds: Vec<(&'static str, Duration)>,
}

/// A hundred years: as good as for ever, and far from where times overflow.
const DAYS_MAX: u64 = 36_500;
const DAY_S: u64 = 24 * 3600;

impl Spans {
    /// The span of a kind, by its name in the API.
    pub fn of(&self, kind: &str) -> Duration {
        let own = self.of_kinds.iter().find(|(name, _)| *name == kind);
        own.map_or(self.usual, |(_, span)| *span)
    }

    fn longest(&self) -> Duration {
        self.of_kinds.iter().map(|(_, span)| *span).fold(self.usual, Duration::max)
    }
}

pub(super) fn read(mut section: Section<'_>) -> Retention {
    let finished = spans(section.section_within("finished_days", "retention.finished_days"), 400, &[("checkin", 90)]);
    let unsettled = spans(section.section_within("unsettled_days", "retention.unsettled_days"), 730, &[]);
    let withdrawn = spans(section.section_within("withdrawn_days", "retention.withdrawn_days"), 90, &[]);
    let records = days(section.whole_number("records_years", 1..=100, 10) * 365);
    let retention = Retention {
        finished,
        unsettled,
        withdrawn,
        records,
        events: days(section.whole_number("events_days", 1..=DAYS_MAX, 90)),
        disk_free_min_bytes: section.whole_number("disk_free_min_mib", 0..=1 << 30, 512) << 20,
        disk_warn_days: section.count_u32("disk_warn_days", 0..=3_650, 14),
    };
    let classes = [&retention.finished, &retention.unsettled, &retention.withdrawn];
    if classes.into_iter().any(|spans| spans.longest() > retention.records) {
        section.fault(
            "records_years",
            "config.conflict",
            Bilingual::fixed("ngắn hơn thời hạn giữ nội dung", "shorter than some content is kept"),
            Bilingual::fixed(
                "Đặt dài hơn: biên nhận phải còn ít nhất lâu bằng nội dung.",
                "Set it longer: a receipt stays at least as long as the content.",
            ),
        );
    }
    section.finish();
    retention
}

fn spans(mut section: Section<'_>, usual: u64, own: &[(&str, u64)]) -> Spans {
    let usual = days(section.whole_number("usual", 1..=DAYS_MAX, usual));
    let mut of_kinds = Vec::new();
    for kind in KIND_NAMES {
        let default = own.iter().find(|(name, _)| *name == kind).map(|(_, days)| *days);
        let written = section.whole_number_if_any(kind, 1..=DAYS_MAX);
        of_kinds.extend(written.or(default).map(|number| (kind, days(number))));
    }
    section.finish();
    Spans { usual, of_kinds }
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY_S)
}
