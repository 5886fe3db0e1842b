//! `audit`: prove, export and search the audit log. Works on the data folder, also beside a running gateway.

mod entries;

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz};
use serde_json::json;

use crate::app::audit as app;
use crate::audit::verify::{Report, Trust, Wrong};
use crate::audit::{Deed, Filter, PublicKey};
use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::connection::standard_input;
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::config::Config;
use crate::domain::Bilingual;
use crate::system::System;

/// What `audit` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prove the log: every entry in its place, every hash, every signature. Names the first entry that is wrong.
    Verify(Verify),
    /// Write out the entries of a time, for whoever asks who did what.
    Export(Export),
    /// Find entries.
    Search(Search),
    /// Print the public half of the key that signs the log; it belongs with somebody else.
    PublicKey(Place),
}

/// Whose log.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The configuration file of the gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// What the log is held to.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// A public key noted elsewhere (`audit public-key`); several where the key was changed. Without one, the gateway's
    /// own key file is believed.
    #[arg(long = "public-key", value_name = "FILE")]
    public_keys: Vec<PathBuf>,
    /// A head noted elsewhere, as the gateway's log told it: that entry must have that hash.
    #[arg(long, value_name = "SEQUENCE:HASH", value_parser = noted)]
    head: Option<(i64, String)>,
}

/// A time, whole days of Viet Nam.
#[derive(Debug, clap::Args)]
pub(super) struct Days {
    /// The first day.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
}

/// What is written out.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    days: Days,
    /// How.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A JSON object a line.
    Jsonl,
    /// For spreadsheets.
    Csv,
}

/// What is looked for.
#[derive(Debug, clap::Args)]
pub(super) struct Search {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    days: Days,
    /// About whom or which record: asks for the national ID, card number or business key on standard input, because other
    /// accounts of the machine can read the command line.
    #[arg(long)]
    subject: bool,
    /// Who did it: key_…, gateway, operator:….
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// About what: doc_…, lkp_…, bat_…, key_….
    #[arg(long, value_name = "ID")]
    object: Option<String>,
    /// What was done, such as card.lookup.
    #[arg(long, value_name = "DEED", value_parser = clap::builder::PossibleValuesParser::new(Deed::names()))]
    deed: Option<String>,
    /// For which facility.
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
}

/// Bytes of a subject on standard input: a business key has at most 100.
const SUBJECT_BYTES_MAX: usize = 1_024;

/// A public key's file is a line or two.
const KEY_BYTES_MAX: u64 = 16 << 10;

fn noted(text: &str) -> Result<(i64, String), String> {
    let (sequence, hash) = text.split_once(':').ok_or("17:0a1b…")?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sequence = sequence.parse().map_err(|_| "17:0a1b…")?;
    if is_hash { Ok((sequence, hash.to_ascii_lowercase())) } else { Err("17:0a1b…".to_owned()) }
}

pub(super) fn audit(command: &Command, out: &Output) -> Exit {
    let place = match command {
        Command::Verify(Verify { place, .. })
        | Command::Export(Export { place, .. })
        | Command::Search(Search { place, .. })
        | Command::PublicKey(place) => place,
    };
    let config = match Config::load(&place.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&place.config, &faults, out),
    };
    match command {
        Command::Verify(wish) => verify(wish, &config, out),
        Command::Export(wish) => export(wish, &config, out),
        Command::Search(wish) => search(wish, &config, out),
        Command::PublicKey(_) => public_key(&config, out),
    }
}

// === verify ===

fn verify(wish: &Verify, config: &Config, out: &Output) -> Exit {
    let mut trust = Trust { keys: Vec::new(), noted: wish.head.clone() };
    for file in &wish.public_keys {
        match read_key(file) {
            Some(key) => trust.keys.push(key),
            None => {
                let file = file.display();
                let message = Bilingual::composed(
                    format!("{file} không phải khóa công khai"),
                    format!("{file} is no public key"),
                );
                return out.failure(Exit::Usage, "cli.usage", &message);
            }
        }
    }
    match app::verify(config, trust) {
        Ok(report) => tell(&report, out),
        Err(error) => not_done(&error, out),
    }
}

fn read_key(file: &Path) -> Option<PublicKey> {
    let is_small = std::fs::metadata(file).is_ok_and(|metadata| metadata.len() <= KEY_BYTES_MAX);
    let text = if is_small { std::fs::read_to_string(file).ok()? } else { return None };
    PublicKey::parse(&text)
}

fn tell(report: &Report, out: &Output) -> Exit {
    let Report { entries, first, last, hash, heads, signed_to, open, first_open, broken } = report;
    if out.wants_json() {
        out.json(&json!({
            "whole": broken.is_none(),
            "entries": entries,
            "first": first,
            "last": last,
            "hash": hash,
            "heads": heads,
            "signedTo": signed_to,
            "open": open,
            "firstOpen": first_open,
            "broken": broken.map(|broken| json!({"sequence": broken.sequence, "wrong": broken.wrong.name()})),
        }));
    } else {
        let told = match out.wording("vi", "en") {
            "vi" => format!("Đã xem {entries} mục ({first}–{last}), {heads} chữ ký, ký đến mục {signed_to}."),
            _ => {
                format!("{entries} entries looked at ({first}–{last}), {heads} heads, signed up to entry {signed_to}.")
            }
        };
        out.line(&told);
        if *open > 0 {
            let numbers = first_open.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            out.line(&match out.wording("vi", "en") {
                "vi" => format!("{open} việc đã mở mà chưa rõ kết quả (đang làm, hoặc tiến trình bị dừng): {numbers}"),
                _ => format!(
                    "{open} deeds are open, their outcome not known (under way, or the process died): {numbers}"
                ),
            });
        }
        out.line(&format!("{last}:{hash}"));
    }
    match broken {
        None if out.wants_json() => Exit::Done,
        None => {
            out.line(out.wording("Nhật ký nguyên vẹn.", "The log is whole."));
            Exit::Done
        }
        Some(_) if out.wants_json() => Exit::Failed,
        Some(broken) => {
            let (sequence, (vi, en)) = (broken.sequence, words(broken.wrong));
            let message = Bilingual::composed(format!("mục {sequence}: {vi}"), format!("entry {sequence}: {en}"));
            out.failure(Exit::Failed, &format!("audit.{}", broken.wrong.name()), &message)
        }
    }
}

fn words(wrong: Wrong) -> (&'static str, &'static str) {
    match wrong {
        Wrong::Missing => ("không còn", "it is missing"),
        Wrong::Changed => {
            ("đã bị sửa, hoặc không nối tiếp mục trước", "it was changed, or does not follow from the entry before")
        }
        Wrong::ClosesNothing => ("đóng một mục không hề mở", "it closes what was not open"),
        Wrong::HeadForged => ("chữ ký không đúng khóa", "its head is not signed by a key that counts"),
        Wrong::HeadDiffers => ("không phải chuỗi đã được ký", "the entries up to here are not those that were signed"),
        Wrong::HeadMissing => ("thiếu chữ ký trước đó", "the head before its own is missing"),
        Wrong::CutForged => {
            ("nhật ký bắt đầu ở đây mà không có mốc cắt được ký", "the log begins here without a signed cut")
        }
        Wrong::NotAsNoted => ("không đúng với giá trị đã ghi lại", "it is not what was noted elsewhere"),
    }
}

// === export and search ===

fn export(wish: &Export, config: &Config, out: &Output) -> Exit {
    let filter = wish.days.filter();
    let written = on_log(config, Deed::AuditExport, filter, None, out, |book, filter| {
        entries::write(book, filter, wish.format, out)
    });
    written.unwrap_or_else(|exit| exit)
}

fn search(wish: &Search, config: &Config, out: &Output) -> Exit {
    let Search { client, object, deed, facility, .. } = wish;
    let filter = Filter {
        who: client.clone(),
        object: object.clone(),
        deed: deed.clone(),
        facility: facility.clone(),
        ..wish.days.filter()
    };
    let about = match wish.subject.then(|| read_subject(out)).transpose() {
        Ok(about) => about,
        Err(exit) => return exit,
    };
    let found = on_log(config, Deed::AuditSearch, filter, about.as_deref(), out, |book, filter| {
        entries::show(book, filter, out)
    });
    found.unwrap_or_else(|exit| exit)
}

fn read_subject(out: &Output) -> Result<String, Exit> {
    out.prompt(out.wording("Số CCCD, số thẻ hoặc mã hồ sơ: ", "National ID, card number or business key: "));
    let bytes = standard_input(SUBJECT_BYTES_MAX).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.lines().next().unwrap_or_default().trim();
    if text.is_empty() {
        let message = Bilingual::fixed("chưa nhập số hoặc mã nào", "no number or key was typed");
        return Err(out.failure(Exit::Usage, "cli.usage", &message));
    }
    Ok(text.to_owned())
}

fn on_log(
    config: &Config,
    deed: Deed,
    filter: Filter,
    about: Option<&str>,
    out: &Output,
    look: impl FnOnce(&crate::audit::Book, &Filter) -> Result<(), crate::audit::AuditError>,
) -> Result<Exit, Exit> {
    Ok(on_one_thread(out, async {
        match app::read(config, &System::real(), deed, filter, about).await {
            Ok((book, filter)) => match look(&book, &filter) {
                Ok(()) => Exit::Done,
                Err(error) => not_done(&error, out),
            },
            Err(error) => not_done(&error, out),
        }
    }))
}

impl Days {
    /// From the beginning of the first day to the end of the last, in Viet Nam.
    fn filter(&self) -> Filter {
        let start = |day: Date| -> Option<Timestamp> {
            let start = day.to_zoned(tz::TimeZone::fixed(tz::offset(7))).ok();
            start.map(|start| start.timestamp())
        };
        let end = |day: Date| day.checked_add(1.day()).ok().and_then(start);
        Filter { from: self.from.and_then(start), before: self.to.and_then(end), ..Filter::default() }
    }
}

fn public_key(config: &Config, out: &Output) -> Exit {
    match app::public_key(config) {
        Ok(key) if out.wants_json() => out.json(&json!({"id": key.id(), "key": key.to_text()})),
        Ok(key) => out.line(&format!("# {}\n{}", key.id(), key.to_text())),
        Err(error) => return not_done(&error, out),
    }
    Exit::Done
}

fn not_done(error: &dyn std::error::Error, out: &Output) -> Exit {
    let message = Bilingual::composed(format!("không làm được: {error}"), format!("this could not be done: {error}"));
    out.failure(Exit::Failed, "audit.not_done", &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noted_heads_are_read_and_refused() {
        let hash = "0A".repeat(32);
        assert_eq!(noted(&format!("17:{hash}")), Ok((17, hash.to_lowercase())));
        for wrong in ["", "17", "17:", "17:0a", "x:00", &format!("17:{}", "zz".repeat(32))] {
            assert!(noted(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_whole_and_of_viet_nam() {
        let days = Days { from: "2026-11-20".parse().ok(), to: "2026-11-20".parse().ok() };
        let filter = days.filter();
        assert_eq!(filter.from, "2026-11-20T00:00:00+07:00".parse().ok());
        assert_eq!(filter.before, "2026-11-21T00:00:00+07:00".parse().ok());
    }
}
