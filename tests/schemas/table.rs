//! The tables under `schemas/`, read as they stand: what the XSDs are made from.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One row, by the names of its columns.
pub(crate) type Row = BTreeMap<String, String>;

/// The folder of the package.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads `schemas/<name>.csv`.
pub(crate) fn read(name: &str) -> Vec<Row> {
    let path = root().join("schemas").join(format!("{name}.csv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = records(&text).into_iter();
    let names = lines.next().expect("a first line with the names of the columns");
    let row = |cells: Vec<String>| {
        assert_eq!(cells.len(), names.len(), "{name}.csv: {cells:?}");
        names.iter().cloned().zip(cells).collect()
    };
    lines.map(row).collect()
}

/// RFC 4180: cells between commas, quoted where they hold a comma, a quote or a line break.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            other => cell.push(other),
        }
    }
    assert!(record.is_empty() && cell.is_empty(), "the last line is ended");
    records
}

#[test]
fn quoted_cells_are_read_whole() {
    assert_eq!(records("a,\"b, \"\"c\"\"\"\n,\n"), [vec!["a", "b, \"c\""], vec!["", ""]]);
}
