//! The forms in which findings are told: text, JSON lines, SARIF, JUnit, CSV. Each is written as the files come, so that a
//! folder of any size takes no memory.

mod csv;
mod junit;
mod sarif;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::files::Unreadable;
use super::text::{Printer, Style};
use super::{Checked, Format};
use crate::cli::output::Output;
use crate::document::{Finding, Rulebook, Severity, shown};
use crate::domain::Language;

/// Tells what was found, file by file.
pub(super) struct Reporter {
    format: Format,
    style: Style,
    counts: Counts,
    /// How often each rule was broken.
    by_code: BTreeMap<String, u64>,
    sarif: sarif::Results,
}

/// What was counted over all files.
#[derive(Default)]
struct Counts {
    files: u64,
    wrong_files: u64,
    unreadable: u64,
    errors: u64,
    warnings: u64,
}

/// Rules named in the summary: those broken most often.
const SUMMARY_RULES: usize = 10;

impl Reporter {
    /// Writes what stands before the first file.
    pub(super) fn begin(format: Format, style: Style, rulebook: &Rulebook, out: &Output) -> Self {
        match format {
            Format::Sarif => out.raw(&sarif::head(rulebook, style.language)),
            Format::Junit => out.raw(junit::HEAD),
            Format::Csv => out.raw(&csv::head()),
            Format::Text | Format::Json => {}
        }
        let (counts, by_code, sarif) = (Counts::default(), BTreeMap::new(), sarif::Results::default());
        Self { format, style, counts, by_code, sarif }
    }

    /// Tells of one file.
    pub(super) fn file(&mut self, checked: &Checked<'_>, out: &Output) {
        self.count(checked);
        let language = self.style.language;
        match self.format {
            Format::Text => self.text(checked, out),
            Format::Json => out.json(&json_of(checked, language)),
            Format::Sarif => out.raw(&self.sarif.of(checked, language)),
            Format::Junit => out.raw(&junit::case(checked, language)),
            Format::Csv => out.raw(&csv::rows(checked, language)),
        }
        let more = checked.findings.not_listed();
        if more > 0 {
            let more = match language {
                Language::Vietnamese => format!("{}: còn {more} lỗi và cảnh báo nữa không liệt kê", checked.name),
                Language::English => format!("{}: {more} more errors and warnings are not listed", checked.name),
            };
            match self.format {
                Format::Text => out.line(&more),
                // There is no place for it among the findings.
                Format::Csv | Format::Sarif | Format::Junit => out.error(&more),
                Format::Json => {}
            }
        }
    }

    /// Tells that a file could not be read.
    pub(super) fn unreadable(&mut self, unreadable: &Unreadable, out: &Output) {
        self.counts.unreadable += 1;
        let language = self.style.language;
        let why = unreadable.why.wording(language);
        match self.format {
            Format::Text => {}
            Format::Json => out.json(&json!({ "file": unreadable.name, "unreadable": why })),
            Format::Junit => out.raw(&junit::unreadable(&unreadable.name, why)),
            Format::Sarif => self.sarif.unreadable(&unreadable.name, why),
            Format::Csv => out.raw(&csv::unreadable(&unreadable.name, why)),
        }
        let words = out.wording("không kiểm tra được", "cannot be checked");
        out.error(&format!("{}: {words}: {why}", unreadable.name));
    }

    /// Writes what stands after the last file.
    pub(super) fn end(&self, out: &Output) {
        match self.format {
            Format::Sarif => out.raw(&self.sarif.tail()),
            Format::Junit => out.raw(junit::TAIL),
            Format::Text => self.summary(out),
            Format::Json | Format::Csv => {}
        }
    }

    fn count(&mut self, checked: &Checked<'_>) {
        let (counts, findings) = (&mut self.counts, &checked.findings);
        counts.files += 1;
        counts.wrong_files += u64::from(findings.has_errors());
        counts.errors += findings.error_count();
        counts.warnings += findings.count() - findings.error_count();
        for finding in findings.listed() {
            *self.by_code.entry(finding.code.to_string()).or_default() += 1;
        }
    }

    fn text(&self, checked: &Checked<'_>, out: &Output) {
        let mut printer = Printer::new(checked.name, checked.bytes, self.style);
        for finding in checked.findings.listed() {
            out.raw(&format!("{}\n", printer.finding(finding)));
        }
    }

    fn summary(&self, out: &Output) {
        let mut often: Vec<(&String, &u64)> = self.by_code.iter().collect();
        often.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        if often.len() > 1 {
            for (code, count) in often.iter().take(SUMMARY_RULES) {
                out.line(&format!("{count:>8}  {code}"));
            }
        }
        let Counts { files, wrong_files, errors, warnings, unreadable } = &self.counts;
        let unread = match (*unreadable, self.style.language) {
            (0, _) => String::new(),
            (count, Language::Vietnamese) => format!(", {count} không kiểm tra được"),
            (count, Language::English) => format!(", {count} not checked"),
        };
        out.line(&match self.style.language {
            Language::Vietnamese => {
                format!("{files} tệp: {wrong_files} có lỗi, {errors} lỗi, {warnings} cảnh báo{unread}")
            }
            Language::English => {
                let (files, errors) = (counted(*files, "file"), counted(*errors, "error"));
                format!("{files}: {wrong_files} with errors, {errors}, {}{unread}", counted(*warnings, "warning"))
            }
        });
    }
}

/// `1 file`, `2 files`.
fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn json_of(checked: &Checked<'_>, language: Language) -> Value {
    let told = |severity| -> Vec<Value> {
        let findings = checked.findings.listed().iter().filter(|finding| finding.severity == severity);
        findings.map(|finding| worded(shown::finding(finding), language)).collect()
    };
    let mut told = json!({
        "file": checked.name,
        "hopLe": !checked.findings.has_errors(),
        "errors": told(Severity::Error),
        "warnings": told(Severity::Warning),
        "khongLietKe": checked.findings.not_listed(),
    });
    if let (Some(document), Some(members)) = (&checked.document, told.as_object_mut()) {
        members.insert("type".to_owned(), document.kind.name().into());
        members.insert("spec".to_owned(), document.spec().into());
        members.insert("records".to_owned(), document.records.into());
        members.insert("parts".to_owned(), document.parts.clone().into());
    }
    told
}

/// A finding's words in one language, with both beside them.
fn worded(mut finding: Value, language: Language) -> Value {
    let chosen = if language == Language::Vietnamese { "vi" } else { "en" };
    if let Some(members) = finding.as_object_mut() {
        let words: Vec<(&str, Value)> = ["thongBao", "goiY"]
            .into_iter()
            .filter_map(|name| Some((name, members.get(name)?.get(chosen)?.clone())))
            .collect();
        let both = json!({ "thongBao": members.get("thongBao"), "goiY": members.get("goiY") });
        members.insert("i18n".to_owned(), both);
        for (name, text) in words {
            members.insert(name.to_owned(), text);
        }
    }
    finding
}

/// `XML3 4 NGAY_YL`: where within the document, for forms that have no place for it.
fn within(finding: &Finding) -> String {
    let place = &finding.place;
    let numbers = [place.record, place.row].map(|number| if number > 0 { number.to_string() } else { String::new() });
    let [record, row] = numbers;
    let words = [place.part.clone(), record, row, place.field.clone()];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The line of the file as it was sent: that of the part's own element for a place within one.
fn outer_line(finding: &Finding) -> u32 {
    if finding.place.envelope_line > 0 { finding.place.envelope_line } else { finding.place.line }
}
