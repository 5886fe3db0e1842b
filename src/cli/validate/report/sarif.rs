//! SARIF 2.1.0 (OASIS), as code hosts and editors read it: the rules once, then a result a finding.

use serde_json::{Value, json};

use super::{outer_line, within};
use crate::document::{Finding, Rulebook, Severity};
use crate::domain::Language;

/// What stands after the last result.
pub(super) const TAIL: &str = "\n]}]}\n";

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
                "defaultConfiguration": { "level": level(entry.severity) },
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

pub(super) fn result(name: &str, finding: &Finding, language: Language) -> Value {
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

/// The name as a relative reference.
fn uri(name: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    percent_encoding::utf8_percent_encode(name, KEPT).to_string()
}
