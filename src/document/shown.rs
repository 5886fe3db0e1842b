//! How findings look as JSON, the same in answers and in the store (`api.md`, section 4).

use serde::Serialize;
use serde_json::{Value, json};

use crate::document::finding::{Finding, Findings, Severity};
use crate::domain::Bilingual;

/// One finding. `thongBao` and `goiY` hold both languages; the answer's writer chooses.
pub fn finding(finding: &Finding) -> Value {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown<'a> {
        #[serde(skip_serializing_if = "is_none")]
        ho_so: u32,
        #[serde(skip_serializing_if = "str::is_empty")]
        bang: &'a str,
        dong: u32,
        #[serde(skip_serializing_if = "str::is_empty")]
        truong: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        xpath: &'a str,
        line: u32,
        column: u32,
        envelope_line: u32,
        ma_loi: &'a str,
        muc_do: &'a str,
        thong_bao: Value,
        goi_y: Value,
        #[serde(skip_serializing_if = "str::is_empty")]
        gia_tri: &'a str,
    }
    let place = &finding.place;
    let shown = Shown {
        ho_so: place.record,
        bang: &place.part,
        dong: place.row,
        truong: &place.field,
        xpath: &place.xpath,
        line: place.line,
        column: place.column,
        envelope_line: place.envelope_line,
        ma_loi: &finding.code,
        muc_do: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        thong_bao: both(&finding.message),
        goi_y: both(&finding.cure),
        gia_tri: &finding.value,
    };
    // Strings and numbers always serialise.
    serde_json::to_value(shown).unwrap_or_default()
}

fn is_none(number: &u32) -> bool {
    *number == 0
}

/// All that are listed.
pub fn findings(findings: &Findings) -> Vec<Value> {
    findings.listed().iter().map(finding).collect()
}

/// A message in both languages.
pub fn both(text: &Bilingual) -> Value {
    json!({"vi": text.vi, "en": text.en})
}
