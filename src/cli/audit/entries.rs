//! Entries as they are written out: for people, for programs, for spreadsheets. One at a time, so that a year of them costs
//! no more memory than a day.

use std::io::Write;

use serde_json::{Value, json};

use super::Format;
use crate::audit::book::Shown;
use crate::audit::{AuditError, Book, Filter};
use crate::cli::output::Output;
use crate::system::vietnam;

const COLUMNS: [&str; 16] = [
    "sequence",
    "at",
    "phase",
    "opening",
    "outcomeKnown",
    "deed",
    "who",
    "request",
    "facility",
    "subject",
    "object",
    "from",
    "status",
    "code",
    "source",
    "hash",
];

/// Writes entries out.
pub(super) fn write(book: &Book, filter: &Filter, format: Format, out: &Output) -> Result<(), AuditError> {
    let mut stream = out.stream();
    if format == Format::Csv {
        drop(stream.write_all(line(&COLUMNS.map(str::to_owned)).as_bytes()));
    }
    book.each(filter, |entry| {
        let written = match format {
            Format::Jsonl => writeln!(stream, "{}", as_json(entry)),
            Format::Csv => stream.write_all(line(&cells(entry)).as_bytes()),
        };
        // A reader that went away (`| head`) has enough.
        written.is_ok()
    })?;
    drop(stream.flush());
    Ok(())
}

/// Shows what was found: a line an entry for a person, an object a line for a program.
pub(super) fn show(book: &Book, filter: &Filter, out: &Output) -> Result<(), AuditError> {
    if out.wants_json() {
        return write(book, filter, Format::Jsonl, out);
    }
    let mut stream = out.stream();
    let count = book.each(filter, |entry| writeln!(stream, "{}", as_text(entry, out)).is_ok())?;
    drop(stream.flush());
    out.error(&match out.wording("vi", "en") {
        "vi" => format!("{count} mục"),
        _ => format!("{count} entries"),
    });
    Ok(())
}

fn as_text(entry: &Shown, out: &Output) -> String {
    let Shown { sequence, at, deed, who, facility, object, origin, code, source, .. } = entry;
    let at = vietnam(*at).strftime("%Y-%m-%d %H:%M:%S");
    let came = match (entry.phase, entry.is_closed) {
        ("opened", Some(false)) => out.wording("chưa rõ kết quả", "outcome not known").to_owned(),
        ("opened", _) => out.wording("mở", "opened").to_owned(),
        ("closed", _) => {
            format!("{} {}", out.wording("đóng mục", "closes"), entry.opening.unwrap_or_default())
        }
        _ => String::new(),
    };
    let status = entry.status.map(|status| status.to_string()).unwrap_or_default();
    let words = [&at.to_string(), deed, who, facility, object, origin, &status, code, &source.clone(), &came];
    let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    format!("{sequence:>9}  {}", words.join("  "))
}

fn as_json(entry: &Shown) -> Value {
    json!({
        "sequence": entry.sequence,
        "at": entry.at.to_string(),
        "phase": entry.phase,
        "opening": entry.opening,
        "outcomeKnown": entry.is_closed,
        "deed": entry.deed,
        "who": entry.who,
        "request": entry.request,
        "facility": entry.facility,
        "subject": entry.subject,
        "object": entry.object,
        "from": entry.origin,
        "status": entry.status,
        "code": entry.code,
        "source": entry.source,
        "hash": entry.hash,
    })
}

fn cells(entry: &Shown) -> [String; 16] {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let known = entry.is_closed.map(|known| if known { "yes" } else { "no" }).unwrap_or_default();
    [
        entry.sequence.to_string(),
        entry.at.to_string(),
        entry.phase.to_owned(),
        number(entry.opening),
        known.to_owned(),
        entry.deed.clone(),
        entry.who.clone(),
        entry.request.clone(),
        entry.facility.clone(),
        entry.subject.clone(),
        entry.object.clone(),
        entry.origin.clone(),
        number(entry.status),
        entry.code.clone(),
        entry.source.clone(),
        entry.hash.clone(),
    ]
}

fn line(cells: &[String; 16]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Into memory: nothing can go wrong.
    drop(writer.write_record(cells.iter().map(|cell| harmless(cell))));
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula (OWASP ASVS 5.0, 1.2.10). Whoever changed the file may have put one in.
fn harmless(cell: &str) -> String {
    let cell: String = cell.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out() {
        let mut cells = COLUMNS.map(str::to_owned);
        cells[6] = "=1+1\",\r\n".to_owned();
        let line = line(&cells);
        assert!(line.contains("\"'=1+1\"\",\u{FFFD}\u{FFFD}\""), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }
}
