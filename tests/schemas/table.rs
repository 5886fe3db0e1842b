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
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let read = reader.deserialize().collect::<Result<_, _>>();
    read.unwrap_or_else(|error| panic!("{name}.csv: {error}"))
}
