//! The forms in which findings are told: text, JSON lines, SARIF, JUnit, CSV. Each is written as the files come, so that a
//! folder of any size takes no memory.

mod csv;
mod junit;
mod sarif;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::text::Printer;
use super::{Checked, Format};
use crate::cli::output::Output;
use crate::document::{Finding, Rulebook, Severity, shown};
use crate::domain::Language;

/// Tells what was found, file by file.
pub(super) struct Reporter {
    format: Format,
    colored: bool,
    show_values: bool,
    language: Language,
    files: u64,
    wrong_files: u64,
    unreadable: u64,
    errors: u64,
    warnings: u64,
    /// How often each rule was broken.
    by_code: BTreeMap<String, u64>,
    /// Whether a member of an array was written already.
    begun: bool,
}

/// Rules named in the summary: those broken most often.
const SUMMARY_RULES: usize = 10;

impl Reporter {
    /// Writes what stands before the first file.
    pub(super) fn begin(format: Format, colored: bool, show_values: bool, rulebook: &Rulebook, out: &Output) -> Self {
        let language = out.language();
        match format {
            Format::Sarif => out.raw(&sarif::head(rulebook, language)),
            Format::Junit => out.raw(junit::HEAD),
            Format::Csv => out.raw(&csv::head()),
            Format::Text | Format::Json => {}
        }
        let (files, wrong_files, unreadable, errors, warnings) = (0, 0, 0, 0, 0);
        let (by_code, begun) = (BTreeMap::new(), false);
        Self {
            format,
            colored,
            show_values,
            language,
            files,
            wrong_files,
            unreadable,
            errors,
            warnings,
            by_code,
            begun,
        }
    }

    /// Tells of one file.
    pub(super) fn file(&mut self, checked: &Checked<'_>, out: &Output) {
        self.count(checked);
        match self.format {
            Format::Text => self.text(checked, out),
            Format::Json => out.json(&json_of(checked, self.language)),
            Format::Sarif => {
                for finding in checked.findings.listed() {
                    let comma = if std::mem::replace(&mut self.begun, true) { ",\n" } else { "" };
                    out.raw(&format!("{comma}{}", sarif::result(checked.name, finding, self.language)));
                }
            }
            Format::Junit => out.raw(&junit::case(checked, self.language)),
            Format::Csv => out.raw(&csv::rows(checked, self.language)),
        }
    }

    /// Tells that a file could not be read.
    pub(super) fn unreadable(&mut self, name: &str, error: &std::io::Error, out: &Output) {
        self.unreadable += 1;
        if self.format == Format::Json {
            out.json(&json!({ "file": name, "unreadable": error.to_string() }));
        } else if self.format == Format::Junit {
            out.raw(&junit::unreadable(name, error));
        }
        let words = out.wording("không đọc được", "cannot be read");
        out.error(&format!("{name}: {words}: {error}"));
    }

    /// Writes what stands after the last file.
    pub(super) fn end(&self, out: &Output) {
        match self.format {
            Format::Sarif => out.raw(sarif::TAIL),
            Format::Junit => out.raw(junit::TAIL),
            Format::Text => self.summary(out),
            Format::Json | Format::Csv => {}
        }
    }

    fn count(&mut self, checked: &Checked<'_>) {
        self.files += 1;
        self.wrong_files += u64::from(checked.findings.has_errors());
        self.errors += checked.findings.error_count();
        self.warnings += checked.findings.count() - checked.findings.error_count();
        for finding in checked.findings.listed() {
            *self.by_code.entry(finding.code.to_string()).or_default() += 1;
        }
    }

    fn text(&self, checked: &Checked<'_>, out: &Output) {
        let mut printer = Printer {
            name: checked.name,
            bytes: checked.bytes,
            language: self.language,
            colored: self.colored,
            show_values: self.show_values,
            decoded: None,
        };
        for finding in checked.findings.listed() {
            out.raw(&format!("{}\n", printer.finding(finding)));
        }
        let more = checked.findings.not_listed();
        if more > 0 {
            out.line(&match self.language {
                Language::Vietnamese => format!("{}: còn {more} lỗi và cảnh báo nữa không liệt kê", checked.name),
                Language::English => format!("{}: {more} more that are not listed", checked.name),
            });
        }
    }

    fn summary(&self, out: &Output) {
        let Self { files, wrong_files, errors, warnings, unreadable, .. } = self;
        let mut often: Vec<(&String, &u64)> = self.by_code.iter().collect();
        often.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        if often.len() > 1 {
            for (code, count) in often.iter().take(SUMMARY_RULES) {
                out.line(&format!("{count:>8}  {code}"));
            }
        }
        let unread = match (*unreadable, self.language) {
            (0, _) => String::new(),
            (count, Language::Vietnamese) => format!(", {count} tệp không đọc được"),
            (count, Language::English) => format!(", {count} not readable"),
        };
        out.line(&match self.language {
            Language::Vietnamese => {
                format!("{files} tệp: {wrong_files} có lỗi, {errors} lỗi, {warnings} cảnh báo{unread}")
            }
            Language::English => {
                format!("{files} files: {wrong_files} with errors, {errors} errors, {warnings} warnings{unread}")
            }
        });
    }
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
