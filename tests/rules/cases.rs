//! The rows of `cases/*.csv`.

use std::path::Path;

use crate::lists;

/// One row.
#[derive(Debug)]
pub(crate) struct Case {
    /// File and line.
    pub(crate) place: String,
    pub(crate) rule: String,
    pub(crate) base: String,
    pub(crate) common: String,
    pub(crate) broken: String,
    pub(crate) neighbour: String,
}

impl Case {
    /// The rules that are broken: one, or several that cannot be broken apart.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &str> {
        self.rule.split('+')
    }

    /// Whether it speaks of lists that the program does not have.
    pub(crate) fn needs_lists(&self) -> bool {
        self.place.starts_with(lists::FILE)
    }
}

/// Every case, file by file.
pub(crate) fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Vec<Case> {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).unwrap();
    assert_eq!(reader.headers().unwrap(), vec!["rule", "base", "common", "break", "neighbour"], "{name}");
    let mut cases = Vec::new();
    for record in reader.records() {
        let record = record.unwrap_or_else(|error| panic!("{name}: {error}"));
        let column = |at: usize| record.get(at).unwrap().to_owned();
        let place = format!("{name}:{}", record.position().unwrap().line());
        let [rule, base, common, broken, neighbour] = [0, 1, 2, 3, 4].map(column);
        assert_ne!(broken, neighbour, "{place}: both are the same");
        cases.push(Case { place, rule, base, common, broken, neighbour });
    }
    cases
}
