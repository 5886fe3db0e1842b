//! `rules try`: what a rule would have found in the documents stored.

use std::path::PathBuf;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz};
use serde_json::{Value, json};

use super::{Named, asleep, distinct, find, severity_name, severity_word};
use crate::app::trial::{self, Counts, Trial, TrialError, Wish};
use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::documents::table::Table;
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::config::Config;
use crate::document::rules::{Entry, How, StructureCode};
use crate::document::{Rulebook, Severity};
use crate::domain::{Bilingual, Language};
use crate::system::{System, vietnam};

/// Which rule, on which documents.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The configuration file of the gateway, whose data folder is looked through.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The rule, such as T-01, or a code of structure, such as XSD_TOO_LONG; it may be off in the configuration.
    #[arg(long, value_name = "ID")]
    rule: String,
    /// Documents received on or after this day (yyyy-MM-dd, Viet Nam time).
    #[arg(long, value_name = "DATE", value_parser = day)]
    since: Date,
    /// Documents received up to this day; without it, up to now.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<Date>,
    /// How severe the rule is to be; without it, as its table says.
    #[arg(long, value_name = "SEVERITY", value_parser = ["error", "warning"])]
    severity: Option<String>,
}

/// The parser takes other forms too; a slip of the pen must not choose another day.
fn day(text: &str) -> Result<Date, String> {
    let day: Option<Date> = text.parse().ok();
    day.filter(|day| day.to_string() == text).ok_or_else(|| "yyyy-MM-dd".to_owned())
}

pub(super) fn try_rule(arguments: &Arguments, out: &Output) -> Result<Exit, Exit> {
    let config = Config::load(&arguments.config).map_err(|faults| tell_faults(&arguments.config, &faults, out))?;
    let (rule, of_table) = triable(&config.documents.rulebook, &arguments.rule, out)?;
    let severity = match arguments.severity.as_deref() {
        None => of_table,
        Some("warning") => Severity::Warning,
        Some(_) => Severity::Error,
    };
    let system = System::real();
    let (from, before) = span(arguments.since, arguments.until, system.now()).ok_or_else(|| {
        let message = Bilingual::fixed(
            "không có thời gian nào từ --since đến --until hoặc đến bây giờ",
            "there is no time from --since to --until or to now",
        );
        out.failure(Exit::Usage, "cli.usage", &message)
    })?;
    let configured = config.documents.rulebook.settings().severity(&rule, of_table);
    let wish = Wish { rule, severity, from, before };
    let progress = |trial: &Trial, received_at: Timestamp| {
        let (documents, day) = (trial.all.documents, vietnam(received_at).date());
        out.progress(&match out.language() {
            Language::Vietnamese => format!("đã xem {documents} tài liệu, đến ngày {day}"),
            Language::English => format!("{documents} documents looked at, up to {day}"),
        });
    };
    let mut tried = None;
    let exit = on_one_thread(out, async {
        tried = Some(trial::try_rule(&config, &system, &wish, progress).await);
        Exit::Done
    });
    out.progress("");
    // Without a runtime, that has been told.
    let trial = tried.ok_or(exit)?.map_err(|error| not_done(&error, out))?;
    if out.wants_json() {
        out.json(&as_json(&wish, configured, &trial));
    } else {
        tell(&wish, configured, &trial, out);
        tell_gaps(&config.documents.rulebook, &wish, &trial, out);
    }
    Ok(Exit::Done)
}

/// From the beginning of the first day to the end of the last, in Viet Nam, and never beyond `now`: what a busy gateway
/// goes on receiving would not end. `None` if that is no time at all.
fn span(since: Date, until: Option<Date>, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let start = |day: Date| {
        let start = day.to_zoned(tz::TimeZone::fixed(tz::offset(7))).ok();
        start.map(|start| start.timestamp())
    };
    let end = until.and_then(|day| day.checked_add(1.day()).ok()).and_then(start);
    let before = end.map_or(now, |end| end.min(now));
    start(since).filter(|from| *from < before).map(|from| (from, before))
}

/// The rule's name and the severity of its table, if it can be tried.
fn triable(rulebook: &Rulebook, name: &str, out: &Output) -> Result<(String, Severity), Exit> {
    let why = match find(rulebook, name, out)? {
        Named::Rule(entry) => match why_not(rulebook, entry) {
            None => return Ok((entry.id.clone(), entry.severity)),
            Some(why) => why,
        },
        Named::Structure(StructureCode { code, severity, is_changeable: true, .. }) => {
            return Ok((code.to_owned(), severity));
        }
        Named::Structure(_) | Named::Code(_) => always_on(name),
    };
    Err(out.failure(Exit::Failed, "rules.not_triable", &why))
}

fn why_not(rulebook: &Rulebook, entry: &Entry) -> Option<Bilingual> {
    let Entry { id, codes, reason, .. } = entry;
    let lists = || distinct(asleep(rulebook, entry).iter().map(|check| check.list)).join(", ");
    let codes = codes.join(", ");
    match entry.how {
        How::Check if rulebook.rules().is_asleep(entry) => Some(Bilingual::composed(
            format!("{id} đang ngủ: thư mục lược đồ chưa có danh mục {}", lists()),
            format!("{id} is asleep: the folder of schemas has no list {}", lists()),
        )),
        How::Check | How::Function => None,
        How::Guard => Some(always_on(id)),
        How::Schema => Some(Bilingual::composed(
            format!("{id} do lược đồ thực hiện: hãy thử từng mã {codes}"),
            format!("{id} is carried out by the schemas: try one of its codes, {codes}"),
        )),
        How::None => Some(Bilingual::composed(
            format!("{id} không được thực hiện: {reason}"),
            format!("{id} is not carried out: {reason}"),
        )),
    }
}

fn always_on(name: &str) -> Bilingual {
    Bilingual::composed(
        format!("{name} luôn bật: mọi tài liệu đã lưu đều đã qua"),
        format!("{name} is always on: every document stored has passed it"),
    )
}

fn not_done(error: &TrialError, out: &Output) -> Exit {
    let message = Bilingual::composed(format!("không thử được: {error}"), format!("it could not be tried: {error}"));
    out.failure(Exit::Failed, "rules.not_done", &message)
}

fn tell(wish: &Wish, configured: Option<Severity>, trial: &Trial, out: &Output) {
    let Wish { rule, severity, from, .. } = wish;
    let [word, configured] = [Some(*severity), configured].map(|severity| severity_word(severity, out));
    let since = vietnam(*from).date();
    out.line(&match out.language() {
        Language::Vietnamese => {
            format!("{rule} ở mức {word} (cấu hình: {configured}), trên tài liệu nhận từ ngày {since}:")
        }
        Language::English => {
            format!("{rule} as {word} (configured: {configured}), on documents received since {since}:")
        }
    });
    let mut table = Table::new([
        "",
        out.wording("TÀI LIỆU", "DOCUMENTS"),
        out.wording("VI PHẠM", "HIT"),
        out.wording("SỐ LỖI", "FINDINGS"),
        out.wording("MỚI BỊ TỪ CHỐI", "NEWLY INVALID"),
        out.wording("KHÔNG ĐỌC ĐƯỢC", "UNREADABLE"),
    ]);
    let findings = |count: u64| if trial.is_more { format!("≥ {count}") } else { count.to_string() };
    let mut row = |name: &str, counts: &Counts| {
        let Counts { documents, hit, newly_invalid, unreadable, .. } = counts;
        let [documents, hit, newly_invalid, unreadable] =
            [documents, hit, newly_invalid, unreadable].map(ToString::to_string);
        table.row([name.to_owned(), documents, hit, findings(counts.findings), newly_invalid, unreadable]);
    };
    row(out.wording("tất cả", "all"), &trial.all);
    trial.by_facility.iter().for_each(|(facility, counts)| row(facility.as_str(), counts));
    trial.by_kind.iter().for_each(|(kind, counts)| row(kind.name(), counts));
    out.line(&table.draw());
    if !trial.first.is_empty() {
        out.line(&format!("{}: {}", out.wording("vi phạm đầu tiên", "first hit"), trial.first.join(" ")));
    }
}

/// What the counts do not cover.
fn tell_gaps(rulebook: &Rulebook, wish: &Wish, trial: &Trial, out: &Output) {
    let Trial { sealed, first_sealed, forgotten, .. } = trial;
    if *sealed > 0 {
        let ids = first_sealed.join(" ");
        out.line(&match out.language() {
            Language::Vietnamese => {
                format!("! {sealed} tài liệu không mở được: thiếu khóa lưu trữ, hoặc đã bị sửa: {ids}")
            }
            Language::English => {
                format!("! {sealed} documents do not open: their storage key is missing, or they were changed: {ids}")
            }
        });
    }
    if *forgotten > 0 {
        out.line(&match out.language() {
            Language::Vietnamese => format!("! {forgotten} tài liệu không còn nội dung"),
            Language::English => format!("! {forgotten} documents have no content any more"),
        });
    }
    let entry = rulebook.rules().entries().iter().find(|entry| entry.id == wish.rule);
    let lists = entry.map(|entry| distinct(asleep(rulebook, entry).iter().map(|check| check.list)).join(", "));
    if let Some(lists) = lists.filter(|lists| !lists.is_empty()) {
        let words = out.wording(
            "! một phần của quy tắc đang ngủ, chờ danh mục",
            "! part of the rule is asleep until there is the list",
        );
        out.line(&format!("{words} {lists}"));
    }
}

fn as_json(wish: &Wish, configured: Option<Severity>, trial: &Trial) -> Value {
    let counts = |Counts { documents, hit, findings, newly_invalid, unreadable }: &Counts| {
        json!({
            "documents": documents,
            "hit": hit,
            "findings": findings,
            "newlyInvalid": newly_invalid,
            "unreadable": unreadable,
        })
    };
    let by_facility = trial.by_facility.iter().map(|(facility, of)| (facility.to_string(), counts(of)));
    let by_kind = trial.by_kind.iter().map(|(kind, of)| (kind.name().to_owned(), counts(of)));
    json!({
        "rule": wish.rule,
        "severity": severity_name(Some(wish.severity)),
        "configured": severity_name(configured),
        "from": wish.from.to_string(),
        "before": wish.before.to_string(),
        "all": counts(&trial.all),
        "findingsAtLeast": trial.is_more,
        "byFacility": by_facility.collect::<serde_json::Map<_, _>>(),
        "byKind": by_kind.collect::<serde_json::Map<_, _>>(),
        "firstHit": trial.first,
        "sealed": trial.sealed,
        "firstSealed": trial.first_sealed,
        "forgotten": trial.forgotten,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_whole_days_of_viet_nam() {
        let date = |text: &str| day(text).unwrap();
        let now: Timestamp = "2026-03-20T08:00:00Z".parse().unwrap();
        let (from, before) = span(date("2026-03-16"), Some(date("2026-03-16")), now).unwrap();
        assert_eq!(from.to_string(), "2026-03-15T17:00:00Z");
        assert_eq!(before.to_string(), "2026-03-16T17:00:00Z");
        for until in [None, Some(date("2026-03-20")), Some(date("9999-12-31"))] {
            assert_eq!(span(date("2026-03-16"), until, now), Some((from, now)), "{until:?}");
        }
        assert_eq!(span(date("2026-03-16"), Some(date("2026-03-15")), now), None);
        assert_eq!(span(date("2026-03-21"), None, now), None);
        for text in ["2026-02-30", "20260316", "2026-3-16", "2026-03-16T08:00", ""] {
            assert!(day(text).is_err(), "{text}");
        }
    }
}
