//! JUnit's XML, as build servers read it: one case a file, a failure if it has errors.

use quick_xml::escape::escape;

use super::super::Checked;
use super::{counted, outer_line, within};
use crate::document::Severity;
use crate::domain::Language;

pub(super) const HEAD: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"lienthong validate\">\n";
pub(super) const TAIL: &str = "</testsuite>\n</testsuites>\n";

pub(super) fn case(checked: &Checked<'_>, language: Language) -> String {
    let name = text(checked.name);
    let told = |severity| -> Vec<String> {
        let findings = checked.findings.listed().iter().filter(|finding| finding.severity == severity);
        findings
            .map(|finding| {
                let (code, within) = (&finding.code, within(finding));
                let (message, cure) = (finding.message.wording(language), finding.cure.wording(language));
                text(&format!("{}:{} [{code}] {within}: {message} {cure}", checked.name, outer_line(finding)))
            })
            .collect()
    };
    let (errors, warnings) = (told(Severity::Error), told(Severity::Warning));
    // Errors that are not listed are errors all the same.
    let failure = if checked.findings.has_errors() {
        let message = counted(checked.findings.error_count(), "error");
        format!("<failure type=\"invalid\" message=\"{message}\">{}</failure>\n", errors.join("\n"))
    } else {
        String::new()
    };
    let out =
        if warnings.is_empty() { String::new() } else { format!("<system-out>{}</system-out>\n", warnings.join("\n")) };
    format!("<testcase classname=\"document\" name=\"{name}\">\n{failure}{out}</testcase>\n")
}

pub(super) fn unreadable(name: &str, why: &str) -> String {
    let (name, why) = (text(name), text(why));
    format!(
        "<testcase classname=\"document\" name=\"{name}\">\n<error type=\"unreadable\">{why}</error>\n</testcase>\n"
    )
}

/// Characters that XML forbids may stand in the name of a file.
fn text(raw: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}') || matches!(c, '\n' | '\t');
    let allowed: String = raw.chars().filter(allowed).collect();
    escape(allowed).into_owned()
}
