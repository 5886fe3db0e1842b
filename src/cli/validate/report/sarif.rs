//! SARIF 2.1.0 (OASIS), as code hosts and editors read it: the rules once, then a result a finding.

use serde_json::{Value, json};

use super::super::Checked;
use super::{outer_line, within};
use crate::document::rules::Entry;
use crate::document::{Finding, Rulebook, Severity};
use crate::domain::Language;

/// What stands before the first result.
pub(super) fn head(rulebook: &Rulebook, language: Language) -> String {
    let rules: Vec<Value> = rulebook
        .rules()
        .entries()
        .iter()
        .filter(|entry| entry.how.is_carried_out_here())
        .map(|entry| {
            json!({
                "id": entry.id,
                "shortDescription": { "text": entry.message.wording(language) },
                "fullDescription": { "text": entry.statement },
                "help": { "text": entry.cure.wording(language) },
                "defaultConfiguration": configuration(rulebook, entry),
                "properties": { "source": entry.source, "scope": entry.scope },
            })
        })
        .collect();
    let driver = json!({ "name": "lienthong", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    format!(
        "{{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{{\
         \"tool\":{{\"driver\":{driver}}},\"columnKind\":\"unicodeCodePoints\",\"results\":[\n"
    )
}

/// How severe a rule is here, which may be another than its table says.
fn configuration(rulebook: &Rulebook, entry: &Entry) -> Value {
    match rulebook.settings().severity(&entry.id, entry.severity) {
        Some(severity) => json!({ "level": level(severity) }),
        None => json!({ "enabled": false }),
    }
}

/// The results as they come, and what is told after them.
#[derive(Default)]
pub(super) struct Results {
    /// Whether one was written already.
    begun: bool,
    /// What could not be read.
    notifications: Vec<Value>,
}

impl Results {
    /// Those of one file.
    pub(super) fn of(&mut self, checked: &Checked<'_>, language: Language) -> String {
        let mut text = String::new();
        for finding in checked.findings.listed() {
            if std::mem::replace(&mut self.begun, true) {
                text.push_str(",\n");
            }
            text.push_str(&result(checked.name, finding, language).to_string());
        }
        text
    }

    /// Keeps that a file could not be read.
    pub(super) fn unreadable(&mut self, name: &str, why: &str) {
        self.notifications.push(json!({
            "level": "error",
            "message": { "text": why },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(name) } } }],
        }));
    }

    /// What stands after the last result.
    pub(super) fn tail(&self) -> String {
        let invocation = json!({
            "executionSuccessful": self.notifications.is_empty(),
            "toolExecutionNotifications": self.notifications,
        });
        format!("\n],\"invocations\":[{invocation}]}}]}}\n")
    }
}

fn result(name: &str, finding: &Finding, language: Language) -> Value {
    let place = &finding.place;
    // A place within a part is one of the decoded part; the file has the line of the part's own element.
    let column = if place.envelope_line > 0 { 1 } else { place.column.max(1) };
    let region = json!({ "startLine": outer_line(finding).max(1), "startColumn": column });
    let message = format!("{} {}", finding.message.wording(language), finding.cure.wording(language));
    json!({
        "ruleId": finding.code,
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": uri(name) }, "region": region },
            "logicalLocations": [{ "fullyQualifiedName": place.xpath, "name": within(finding), "kind": "element" }],
        }],
        "properties": {
            "part": place.part,
            "record": place.record,
            "row": place.row,
            "field": place.field,
            "partLine": place.line,
            "partColumn": place.column,
            "value": finding.value,
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The name as a reference: relative as it was given, or of this machine.
fn uri(name: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    let scheme = if name.starts_with('/') { "file://" } else { "" };
    format!("{scheme}{}", percent_encoding::utf8_percent_encode(name, KEPT))
}
