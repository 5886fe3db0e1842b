//! What the schemas say of a right document, field by field.
//!
//! Only warnings, and only asked when a document is validated: the rules that belong to the schemas are not complete, and
//! a schema that is wrong about one field must not stop a hospital's claims.

use std::ops::ControlFlow;

use super::content::{Part, visit_parts};
use super::finding::{Findings, Severity};
use super::kind::Kind;
use super::schema::Library;
use super::{Document, Format, Limits};
use crate::xml::Reader;

/// Findings about one document: who mends a document field by field looks at the first dozens.
const FINDINGS_MAX: usize = 200;

/// Checks envelope and parts against the schemas that hold on the day the package says, else on `today` (yyyymmdd).
pub fn check(document: &Document, bytes: &[u8], library: &Library, limits: &Limits, today: u32) -> Findings {
    let mut findings = Findings::default();
    // The driver exam's JSON has no schema of its own; its fields are those of the XML.
    if document.format == Format::DriverExamJson {
        return findings;
    }
    let part = match document.kind {
        Kind::Claim | Kind::Voucher => document.kind.facts().root,
        _ => document.parts.first().map_or("", String::as_str),
    };
    let mut check_part = |name: &str, shown: &str, bytes: &[u8], envelope_line: u32, day: u32| {
        let schema = library.version_on(name, day).and_then(|version| library.schema(name, version));
        // The schemas in the binary are all compiled by a test; one that is missing or broken says nothing here.
        let Some(Ok(schema)) = schema else { return };
        let Ok(faults) = schema.check(bytes, limits.xml()) else { return };
        let Ok(mut reader) = Reader::new(bytes, limits.xml()) else { return };
        for fault in &faults.list {
            if findings.count() >= FINDINGS_MAX as u64 {
                return;
            }
            let mut finding = fault.to_finding(shown, reader.position_at(fault.offset));
            finding.severity = Severity::Warning;
            finding.place.envelope_line = envelope_line;
            findings.push(finding);
        }
    };
    // The day stands before the parts in the envelope, but is told after them; it is the same for all.
    let day = visit_parts(bytes, |_| ControlFlow::Break(())).unwrap_or(today);
    check_part(part, "", bytes, 0, day);
    visit_parts(bytes, |Part { name, line, decoded }| {
        check_part(name, name, decoded, line, day);
        ControlFlow::Continue(())
    });
    findings
}
