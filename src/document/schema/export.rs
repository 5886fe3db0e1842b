//! The whole tree of a library as files: what a folder of schemas may hold.

use super::super::reference::{FOLDER as LISTS, Facts, INDEX};
use super::library::{Library, RuleTables};
use super::versions;

impl Library {
    /// Path (with `/`) and text of every file of the tree that [`Library::with_folder`] reads.
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for entry in &self.entries {
            let folder = self.part(&entry.part).map_or("", |part| &part.folder);
            files.push((format!("{folder}/{}/{}.xsd", entry.version, entry.part), entry.text.to_string()));
        }
        let rows = self.versions.iter().map(|version| version.cells().to_vec());
        files.push((versions::FILE.to_owned(), table(&versions::COLUMNS.map(str::to_owned), rows)));
        let rows = self.reference.list().map(|list| list.facts().cells().to_vec());
        files.push((INDEX.to_owned(), table(&Facts::COLUMNS.map(str::to_owned), rows)));
        files.push((RuleTables::RULES.to_owned(), self.rule_tables.rules.to_string()));
        files.push((RuleTables::CHECKS.to_owned(), self.rule_tables.checks.to_string()));
        for list in self.reference.list() {
            let rows = list.rows().map(<[String]>::to_vec);
            files.push((format!("{LISTS}/{}.csv", list.facts().name), table(list.columns(), rows)));
        }
        files
    }
}

fn table(columns: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(columns.to_vec()).chain(rows) {
        // Into memory, and rows of one length: nothing can go wrong.
        drop(writer.write_record(row));
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
