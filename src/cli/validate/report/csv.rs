//! One line a finding, as spreadsheets read it.

use super::super::Checked;
use super::super::excerpt::plain;
use crate::document::Severity;
use crate::domain::Language;

const COLUMNS: [&str; 14] = [
    "file",
    "severity",
    "code",
    "record",
    "part",
    "row",
    "field",
    "line",
    "column",
    "envelope_line",
    "value",
    "message",
    "cure",
    "xpath",
];

pub(super) fn head() -> String {
    // Programs that read CSV take it for UTF-8 by this mark alone.
    format!("\u{FEFF}{}", line(COLUMNS.map(str::to_owned)))
}

pub(super) fn rows(checked: &Checked<'_>, language: Language) -> String {
    let rows = checked.findings.listed().iter().map(|finding| {
        let place = &finding.place;
        let number = |number: u32| if number > 0 { number.to_string() } else { String::new() };
        line([
            checked.name.to_owned(),
            if finding.severity == Severity::Error { "error" } else { "warning" }.to_owned(),
            finding.code.to_string(),
            number(place.record),
            place.part.clone(),
            number(place.row),
            place.field.clone(),
            number(place.line),
            number(place.column),
            number(place.envelope_line),
            finding.value.clone(),
            finding.message.wording(language).to_owned(),
            finding.cure.wording(language).to_owned(),
            place.xpath.clone(),
        ])
    });
    rows.collect()
}

/// A file that was not checked must not look like one in which nothing was found.
pub(super) fn unreadable(name: &str, why: &str) -> String {
    let mut cells: [String; 14] = std::array::from_fn(|_| String::new());
    let [file, severity, code, .., message, _, _] = &mut cells;
    (*file, *severity, *code) = (name.to_owned(), "error".to_owned(), "UNREADABLE".to_owned());
    why.clone_into(message);
    line(cells)
}

fn line(cells: [String; 14]) -> String {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    // Into memory: nothing can go wrong.
    drop(writer.write_record(cells.iter().map(|cell| harmless(cell))));
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula (OWASP ASVS 5.0, 1.2.10), and that rewrites no screen.
fn harmless(cell: &str) -> String {
    let cell: String = cell.chars().map(plain).collect();
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("\t=1+1\u{1b}[2J"), " =1+1\u{FFFD}[2J");
        assert_eq!(harmless("XML3"), "XML3");
        assert!(head().ends_with("xpath\r\n"));
    }
}
