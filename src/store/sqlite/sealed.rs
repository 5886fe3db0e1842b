//! Every sealed column there is, and what its blobs are bound to. A test holds this table to the schema.

use rusqlite::Row;
use rusqlite::types::{Value, ValueRef};

use super::fault::{Fault, unreadable};

/// A table with sealed columns.
pub(super) struct SealedTable {
    /// Its name. A blob is bound to `table.column`.
    pub(super) name: &'static str,
    /// Its primary key: the order in which it is gone through. A key never changes.
    pub(super) order: &'static [&'static str],
    /// What the row's blobs are bound to, in SQL, with the table as `t`: a text or a blob as it is, a number as its eight
    /// bytes.
    bound_to: &'static str,
    /// Its sealed columns.
    pub(super) columns: &'static [&'static str],
    /// A column of its own that names the key as well.
    key_column: Option<&'static str>,
}

/// All of them, in the order in which they are sealed anew.
pub(super) const TABLES: &[SealedTable] = &[
    SealedTable {
        name: "documents",
        order: &["sequence"],
        bound_to: "t.id",
        columns: &["keys", "warnings", "replace_reason"],
        key_column: None,
    },
    SealedTable {
        name: "bodies",
        order: &["document"],
        bound_to: "(SELECT id FROM documents WHERE sequence = t.document)",
        columns: &["body", "wire"],
        key_column: Some("sealing_key"),
    },
    SealedTable {
        name: "deliveries",
        order: &["document", "destination"],
        bound_to: "(SELECT id FROM documents WHERE sequence = t.document) || '/' || t.destination",
        columns: &["reason", "replay_reason"],
        key_column: None,
    },
    SealedTable { name: "attempts", order: &["id"], bound_to: "t.id", columns: &["raw"], key_column: None },
    // By its hash, because the rows have no number that stays.
    SealedTable {
        name: "last_known",
        order: &["key_hash"],
        bound_to: "t.key_hash",
        columns: &["raw"],
        key_column: None,
    },
    SealedTable {
        name: "officers",
        order: &["key_hash"],
        bound_to: "t.key_hash",
        columns: &["sealed"],
        key_column: None,
    },
    SealedTable {
        name: "tickets",
        order: &["sequence"],
        bound_to: "t.id",
        columns: &["asked", "answer"],
        key_column: None,
    },
    SealedTable {
        name: "legal_holds",
        order: &["id"],
        bound_to: "t.id",
        columns: &["set_reason", "lifted_reason"],
        key_column: None,
    },
    SealedTable {
        name: "webhook_endpoints",
        order: &["sequence"],
        bound_to: "t.id",
        columns: &["details", "secret", "old_secret"],
        key_column: None,
    },
    SealedTable {
        name: "batches",
        order: &["sequence"],
        bound_to: "t.id",
        columns: &["name", "details"],
        key_column: None,
    },
    SealedTable {
        name: "batch_rows",
        order: &["batch", "number"],
        bound_to: "(SELECT id FROM batches WHERE sequence = t.batch) || '/' || t.number",
        columns: &["question", "answer"],
        key_column: None,
    },
];

/// The table of this name and its place.
pub(super) fn by_name(name: &str) -> Option<(usize, &'static SealedTable)> {
    TABLES.iter().enumerate().find(|(_, table)| table.name == name)
}

/// A row with what it has sealed.
pub(super) struct SealedRow {
    /// Its primary key.
    pub(super) place: Vec<Value>,
    /// What its blobs are bound to.
    pub(super) bound_to: Vec<u8>,
    /// Column by column.
    pub(super) blobs: Vec<Option<Vec<u8>>>,
}

// === impl SealedTable ===

impl SealedTable {
    /// What a column's blobs are bound to beside their row.
    pub(super) fn sealed_as(&self, column: &str) -> String {
        format!("{}.{column}", self.name)
    }

    /// The rows behind a place, or from the first one; as many as the last parameter says.
    pub(super) fn select(&self, is_first: bool) -> String {
        let order = self.order.join(", ");
        let count = self.order.len();
        let after = match is_first {
            true => String::new(),
            false => format!("WHERE ({order}) > ({}) ", parameters(1, count)),
        };
        let limit = if is_first { 1 } else { count + 1 };
        let columns = self.columns.join(", ");
        format!(
            "SELECT {order}, {}, {columns} FROM {} t {after}ORDER BY {order} LIMIT ?{limit}",
            self.bound_to, self.name
        )
    }

    /// Puts other blobs in the place of those of one row: the primary key, then the columns, then the key.
    pub(super) fn update(&self) -> String {
        let count = self.order.len();
        let is = |(index, column): (usize, &&str)| format!("{column} = ?{}", index + 1);
        let this: Vec<String> = self.order.iter().enumerate().map(is).collect();
        let sets = |(index, column): (usize, &&str)| format!("{column} = ?{}", count + index + 1);
        let mut new: Vec<String> = self.columns.iter().enumerate().map(sets).collect();
        if let Some(column) = self.key_column {
            new.push(format!("{column} = ?{}", count + self.columns.len() + 1));
        }
        format!("UPDATE {} SET {} WHERE {}", self.name, new.join(", "), this.join(" AND "))
    }

    /// Whether [`update`](Self::update) takes the key as well.
    pub(super) fn has_key_column(&self) -> bool {
        self.key_column.is_some()
    }

    /// A row of [`select`](Self::select).
    pub(super) fn read(&self, row: &Row<'_>) -> Result<SealedRow, Fault> {
        let count = self.order.len();
        let place = (0..count).map(|index| row.get(index)).collect::<Result<_, _>>()?;
        let bound_to = match row.get_ref(count)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            ValueRef::Integer(number) => number.to_be_bytes().to_vec(),
            ValueRef::Null | ValueRef::Real(_) => return Err(unreadable("what a row is bound to")),
        };
        let blob = |index| row.get::<_, Option<Vec<u8>>>(count + 1 + index);
        let blobs = (0..self.columns.len()).map(blob).collect::<Result<_, _>>()?;
        Ok(SealedRow { place, bound_to, blobs })
    }
}

impl SealedRow {
    /// Bytes that it holds.
    pub(super) fn weight(&self) -> usize {
        self.blobs.iter().flatten().map(Vec::len).sum()
    }
}

fn parameters(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::super::schema;
    use super::*;

    /// Blobs that are digests and not sealed; `*_hash` are keyed hashes.
    const DIGESTS: [&str; 1] = ["sha256"];

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        schema::migrate(&connection).unwrap();
        connection
    }

    #[test]
    fn no_sealed_column_of_the_schema_is_forgotten() {
        let connection = connection();
        let mut listed = connection
            .prepare(
                "SELECT s.name, c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c
                 WHERE s.type = 'table' AND c.type = 'BLOB'",
            )
            .unwrap();
        let blobs: BTreeSet<(String, String)> =
            listed.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
        let is_sealed =
            |(_, column): &&(String, String)| !column.ends_with("_hash") && !DIGESTS.contains(&column.as_str());
        let sealed: BTreeSet<(String, String)> = blobs.iter().filter(is_sealed).cloned().collect();
        let known: BTreeSet<(String, String)> = TABLES
            .iter()
            .flat_map(|table| table.columns.iter().map(|column| (table.name.to_owned(), (*column).to_owned())))
            .collect();
        assert_eq!(known, sealed, "every BLOB that is no hash is sealed, and must stand in the table");
        assert!(known.len() >= 16);

        // The schema's own words say the same.
        let mut marked = BTreeSet::new();
        for text in schema::MIGRATIONS {
            let mut table = "";
            for line in text.lines() {
                let mut words = line.split_whitespace().map(|word| word.trim_end_matches(','));
                match (words.next(), words.next(), words.next()) {
                    (Some("CREATE"), Some("TABLE"), Some(name)) => table = name,
                    (Some(column), Some("BLOB"), _) if line.contains("-- sealed") => {
                        marked.insert((table.to_owned(), column.to_owned()));
                    }
                    _ => {}
                }
            }
        }
        // One column says it by its name.
        marked.insert(("officers".to_owned(), "sealed".to_owned()));
        assert_eq!(marked, known);
    }

    #[test]
    fn every_table_is_gone_through_along_its_primary_key() {
        let connection = connection();
        for table in TABLES {
            for is_first in [true, false] {
                let query = table.select(is_first);
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
                let nothing = vec![Value::Null; plan.parameter_count()];
                let steps: Vec<String> = plan
                    .query_map(rusqlite::params_from_iter(nothing), |row| row.get(3))
                    .unwrap()
                    .collect::<Result<_, _>>()
                    .unwrap();
                assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{query}\n{steps:#?}");
                assert!(is_first || steps.iter().all(|step| !step.starts_with("SCAN")), "{query}\n{steps:#?}");
            }
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", table.update())).unwrap();
            let count = plan.parameter_count();
            assert_eq!(
                count,
                table.order.len() + table.columns.len() + usize::from(table.has_key_column()),
                "{}",
                table.update()
            );
            let nothing = vec![Value::Null; count];
            let mut steps = plan.query(rusqlite::params_from_iter(nothing)).unwrap();
            while let Some(step) = steps.next().unwrap() {
                let step: String = step.get(3).unwrap();
                assert!(step.starts_with("SEARCH"), "{}: {step}", table.update());
            }
        }
    }
}
