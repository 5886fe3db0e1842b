//! What is found while a document is read, as severe as the configuration makes it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::finding::{FINDINGS_LISTED_MAX, Finding, Findings, Place, Severity};
use super::rule::{self, Rule};
use super::rules::{Entry, Settings};
use super::schema::Code;
use crate::domain::Bilingual;
use crate::xml;

/// Collects findings.
pub(super) struct Report<'r> {
    findings: Findings,
    settings: &'r Settings,
    /// Which of the findings are errors of a guard, by their number among all.
    guards: HashSet<u64>,
}

// === impl Report ===

impl<'r> Report<'r> {
    pub(super) fn new(settings: &'r Settings) -> Self {
        Self { findings: Findings::default(), settings, guards: HashSet::new() }
    }

    /// Records that a rule on envelope or identity is broken. `value` must already be masked.
    pub(super) fn push(&mut self, rule: &Rule, place: Place, value: String) {
        let [vi, en] = rule.cure;
        self.push_with_cure(rule, place, value, Bilingual::fixed(vi, en));
    }

    /// Like [`push`](Self::push), with a cure put together at run time.
    pub(super) fn push_with_cure(&mut self, rule: &Rule, place: Place, value: String, cure: Bilingual) {
        let [vi, en] = rule.message;
        let (code, severity, message) = (Cow::Borrowed(rule.code), rule.severity, Bilingual::fixed(vi, en));
        if severity == Severity::Error && !self.is_full() {
            self.guards.insert(self.findings.count());
        }
        self.findings.push(Finding { code, severity, place, message, cure, value });
    }

    /// Records that a rule of the tables is broken. `detail` says more than its fixed words do, such as what a sum came
    /// to.
    pub(super) fn broken(&mut self, rule: &Entry, place: Place, value: String, detail: Option<Bilingual>) {
        let Some(severity) = self.settings.severity(&rule.id, rule.severity) else { return };
        let message = match detail {
            None => rule.message.clone(),
            Some(detail) => Bilingual::composed(
                format!("{} {}", rule.message.vi, detail.vi),
                format!("{} {}", rule.message.en, detail.en),
            ),
        };
        let (code, cure) = (Cow::Owned(rule.id.clone()), rule.cure.clone());
        self.findings.push(Finding { code, severity, place, message, cure, value });
    }

    /// Records what a schema found of a value or of something missing, unless a guard refused the same field after the
    /// first `said_before` findings: guards know better what a key or a facility is for. What stands too often or where it
    /// does not belong is always said.
    pub(super) fn structure(&mut self, mut finding: Finding, said_before: u64) {
        let said = || {
            let since = self.findings.since(said_before).iter().zip(said_before..);
            since.filter(|(_, number)| self.guards.contains(number)).map(|(said, _)| said)
        };
        let same = |said: &Finding| {
            let (one, other) = (&said.place, &finding.place);
            let same_place = (one.line, one.column) == (other.line, other.column);
            one.field == other.field && (same_place || (one.row > 0 && one.row == other.row))
        };
        let code = Code::parse(&finding.code);
        let of_place = code.is_some_and(Code::is_of_place);
        let twice = |said: &Finding| code == Some(Code::RepeatedElement) && said.code == rule::REPEATED_FIELD.code;
        if said().any(|said| same(said) && (!of_place || twice(said))) {
            return;
        }
        let Some(severity) = self.settings.severity(&finding.code, finding.severity) else { return };
        finding.severity = severity;
        self.findings.push(finding);
    }

    /// Whether what this code finds stops no document.
    pub(super) fn is_soft(&self, code: Code) -> bool {
        self.settings.severity(code.name(), Severity::Error) != Some(Severity::Error)
    }

    /// Says once, before all others, that reading stopped because too much was wrong.
    pub(super) fn stopped(&mut self, place: Place) {
        let known = self.findings.listed().first().is_some_and(|finding| finding.code == rule::TOO_MANY_FINDINGS.code);
        if !known {
            let [vi, en] = rule::TOO_MANY_FINDINGS.message;
            let [cure_vi, cure_en] = rule::TOO_MANY_FINDINGS.cure;
            let (message, cure) = (Bilingual::fixed(vi, en), Bilingual::fixed(cure_vi, cure_en));
            let code = Cow::Borrowed(rule::TOO_MANY_FINDINGS.code);
            let value = String::new();
            self.findings.push_first(Finding { code, severity: Severity::Error, place, message, cure, value });
        }
    }

    /// Whether no more findings are listed, so that nobody needs to find out where the next one stands.
    pub(super) fn is_full(&self) -> bool {
        self.findings.listed().len() >= FINDINGS_LISTED_MAX
    }

    /// Counts one finding that nobody lists.
    pub(super) fn unlisted(&mut self, code: &str, severity: Severity) {
        if let Some(severity) = self.settings.severity(code, severity) {
            self.findings.count_unlisted(1, severity);
        }
    }

    /// Counts errors that were found and not kept.
    pub(super) fn not_listed(&mut self, errors: u64) {
        self.findings.count_unlisted(errors, Severity::Error);
    }

    /// Records that a text is not acceptable XML.
    pub(super) fn malformed(&mut self, part: &str, error: xml::Error) {
        let xml::Position { line, column } = error.position;
        self.findings.push(Finding {
            code: Cow::Borrowed(error.kind.code()),
            severity: Severity::Error,
            place: Place { part: part.to_owned(), line, column, ..Place::default() },
            message: error.kind.message(),
            cure: error.kind.cure(),
            value: String::new(),
        });
    }

    /// How many findings there were so far, listed or not.
    pub(super) fn count(&self) -> u64 {
        self.findings.count()
    }

    /// Puts the findings after the first `count` into the order of their text; those of a part go where it stands.
    pub(super) fn sort_since(&mut self, count: u64) {
        self.findings.since_mut(count).sort_by_key(|Finding { place, .. }| match place.envelope_line {
            0 => (place.line, place.column),
            line => (line, u32::MAX),
        });
    }

    /// Says of the findings after the first `count` which record they are about.
    pub(super) fn record_since(&mut self, count: u64, record: u32) {
        self.findings.since_mut(count).iter_mut().for_each(|finding| finding.place.record = record);
    }

    /// Says of the findings in `part`, after the first `count`, in which record and in which line of the envelope that
    /// part stands.
    pub(super) fn place_since(&mut self, count: u64, part: &str, record: u32, envelope_line: u32) {
        for finding in self.findings.since_mut(count).iter_mut().filter(|finding| finding.place.part == part) {
            finding.place.record = record;
            finding.place.envelope_line = envelope_line;
        }
    }

    pub(super) fn into_findings(self) -> Findings {
        self.findings
    }
}
