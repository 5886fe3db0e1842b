//! Code lists: what the coded fields of the tables may hold, each list with its source and the days it holds for.
//!
//! They stand in `schemas/code-lists` and `schemas/lists.csv`, are embedded in the binary, and can be replaced from a
//! folder together with the schemas ([`Library::with_folder`](super::schema::Library::with_folder)).

mod embedded;

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::table::{LineFault, Row, Table, is_enough};
use crate::domain::Bilingual;

/// All code lists, by name.
#[derive(Clone, Debug, Default)]
pub struct ReferenceLists {
    /// In the order of the alphabet.
    lists: Vec<List>,
}

/// One code list.
#[derive(Clone, Debug)]
pub struct List {
    facts: Facts,
    table: Table,
    /// Codes by the field they are for; without a column of fields all are for the field without a name.
    codes: HashMap<Box<str>, HashSet<Box<str>>>,
}

/// What is known of a list: one row of `schemas/lists.csv`.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its name, such as `ma-loai-kcb`.
    pub name: String,
    /// What it lists.
    pub meaning: Bilingual,
    /// The decision or other source it is from.
    pub source: String,
    /// The first day it holds, if known.
    pub valid_from: Option<Date>,
    /// The last day it holds; `None` if it still does, or the day is not known.
    pub valid_to: Option<Date>,
    /// A: official text or two independent sources; B: one source; C: inferred.
    pub confidence: String,
    /// What else is to be known.
    pub note: String,
    code_column: String,
    field_column: String,
    line: u32,
}

/// A fault in one of the files that lists are made of, by the file's path in the tree.
pub(super) type FileFault = (String, LineFault);

/// The file of all lists' facts in the tree.
pub(super) const INDEX: &str = "lists.csv";
/// The folder of the lists in the tree.
pub(super) const FOLDER: &str = "code-lists";

const INDEX_COLUMNS: [&str; 5] = ["list", "meaning_vi", "meaning_en", "source", "code_column"];

// === impl ReferenceLists ===

impl ReferenceLists {
    /// The lists in the binary.
    pub fn embedded() -> Self {
        let files = embedded::LISTS.iter().map(|(name, text)| ((*name).to_owned(), *text)).collect();
        // A test reads them all; a list that could not be read would be known to nobody.
        Self::default().replaced(Some(embedded::INDEX), files).unwrap_or_default()
    }

    /// The lists, by name.
    pub fn list(&self) -> impl Iterator<Item = &List> {
        self.lists.iter()
    }

    /// One list.
    pub fn get(&self, name: &str) -> Option<&List> {
        let at = self.lists.binary_search_by(|list| list.facts.name.as_str().cmp(name)).ok()?;
        self.lists.get(at)
    }

    /// Whether the list has this code, for whichever field. A list that is not there has none.
    pub fn contains(&self, name: &str, code: &str) -> bool {
        self.get(name).is_some_and(|list| list.contains(code))
    }

    /// These lists with facts and rows of a folder in place of their own, or beside them: everything, or every fault.
    pub(super) fn replaced(self, index: Option<&str>, files: Vec<(String, &str)>) -> Result<Self, Vec<FileFault>> {
        let mut faults = Vec::new();
        let mut facts: HashMap<String, Facts> = HashMap::new();
        let mut tables: HashMap<String, Table> = HashMap::new();
        for List { facts: known, table, .. } in self.lists {
            tables.insert(known.name.clone(), table);
            facts.insert(known.name.clone(), known);
        }
        if let Some(text) = index {
            match read_index(text) {
                Ok(brought) => facts.extend(brought.into_iter().map(|facts| (facts.name.clone(), facts))),
                Err(found) => faults.extend(found.into_iter().map(|fault| (INDEX.to_owned(), fault))),
            }
        }
        for (name, text) in files {
            let path = format!("{FOLDER}/{name}.csv");
            match Table::read(text) {
                Ok(_) if !facts.contains_key(&name) => faults.push((path, not_in_the_index(&name))),
                Ok(table) => drop(tables.insert(name, table)),
                Err(found) => faults.extend(found.into_iter().map(|fault| (path.clone(), fault))),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut lists = Vec::with_capacity(facts.len());
        for (name, facts) in facts {
            let Some(table) = tables.remove(&name) else {
                faults.push((INDEX.to_owned(), without_rows(&facts)));
                continue;
            };
            match List::new(facts, table) {
                Ok(list) => lists.push(list),
                Err(found) => {
                    let path = format!("{FOLDER}/{name}.csv");
                    faults.extend(found.into_iter().map(|fault| (path.clone(), fault)));
                }
            }
        }
        if !faults.is_empty() {
            faults.sort_by(|one, other| (&one.0, one.1.line).cmp(&(&other.0, other.1.line)));
            return Err(faults);
        }
        lists.sort_unstable_by(|one, other| one.facts.name.cmp(&other.facts.name));
        Ok(Self { lists })
    }
}

// === impl List ===

impl List {
    fn new(facts: Facts, table: Table) -> Result<Self, Vec<LineFault>> {
        let wanted = [facts.code_column.as_str(), facts.field_column.as_str()];
        let wanted: Vec<&str> = wanted.into_iter().filter(|column| !column.is_empty()).collect();
        let mut faults = table.missing(&wanted);
        let mut codes: HashMap<Box<str>, HashSet<Box<str>>> = HashMap::new();
        if faults.is_empty() && !facts.code_column.is_empty() {
            for row in &table.rows {
                let (code, field) = (table.cell(row, &facts.code_column), table.cell(row, &facts.field_column));
                let of_field = codes.entry(field.into()).or_default();
                if code.is_empty() || !of_field.insert(code.into()) {
                    faults.push(bad_code(row, code));
                    if is_enough(&mut faults) {
                        break;
                    }
                }
            }
        }
        if faults.is_empty() { Ok(Self { facts, table, codes }) } else { Err(faults) }
    }

    /// What is known of the list.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.table.columns
    }

    /// The rows, each with a cell for every column.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[String]> {
        self.table.rows.iter().map(|row| row.cells.as_slice())
    }

    /// The column that holds the code; `None` where the rows describe something else than codes.
    pub fn code_column(&self) -> Option<&str> {
        Some(self.facts.code_column.as_str()).filter(|column| !column.is_empty())
    }

    /// The column that names the field a code is for, in lists for several fields.
    pub fn field_column(&self) -> Option<&str> {
        Some(self.facts.field_column.as_str()).filter(|column| !column.is_empty())
    }

    /// Whether it has this code, for whichever field.
    pub fn contains(&self, code: &str) -> bool {
        self.codes.values().any(|codes| codes.contains(code))
    }

    /// Whether it has this code for this field.
    pub fn contains_for(&self, field: &str, code: &str) -> bool {
        self.codes.get(field).is_some_and(|codes| codes.contains(code))
    }

    /// Whether it holds on a day, as far as its days are known.
    pub fn holds_on(&self, day: Date) -> bool {
        self.facts.valid_from.is_none_or(|from| from <= day) && self.facts.valid_to.is_none_or(|to| day <= to)
    }
}

// === impl Facts ===

impl Facts {
    /// The cells of `schemas/lists.csv`, in the order of [`Facts::COLUMNS`].
    pub(super) fn cells(&self) -> [String; 10] {
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        [
            self.name.clone(),
            self.meaning.vi.to_string(),
            self.meaning.en.to_string(),
            self.source.clone(),
            day(self.valid_from),
            day(self.valid_to),
            self.confidence.clone(),
            self.code_column.clone(),
            self.field_column.clone(),
            self.note.clone(),
        ]
    }

    /// The columns of `schemas/lists.csv`.
    pub(super) const COLUMNS: [&'static str; 10] = [
        "list",
        "meaning_vi",
        "meaning_en",
        "source",
        "valid_from",
        "valid_to",
        "confidence",
        "code_column",
        "field_column",
        "note",
    ];
}

fn read_index(text: &str) -> Result<Vec<Facts>, Vec<LineFault>> {
    let table = Table::read(text)?;
    let mut faults = table.missing(&INDEX_COLUMNS);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut all: Vec<Facts> = Vec::new();
    for row in &table.rows {
        let cell = |name| table.cell(row, name).to_owned();
        let name = cell("list");
        if !is_name(&name) || all.iter().any(|facts| facts.name == name) {
            faults.push(bad_name(row, &name));
        }
        let mut day = |column| day(&table, row, column).map_err(|fault| faults.push(*fault)).ok().flatten();
        let (valid_from, valid_to) = (day("valid_from"), day("valid_to"));
        if valid_from.zip(valid_to).is_some_and(|(from, to)| to < from) {
            faults.push(LineFault::new(
                row.line,
                Bilingual::fixed("valid_to trước valid_from", "valid_to is before valid_from"),
                Bilingual::fixed("Sửa một trong hai ngày.", "Put one of the days right."),
            ));
        }
        if is_enough(&mut faults) {
            break;
        }
        all.push(Facts {
            name,
            meaning: Bilingual::composed(cell("meaning_vi"), cell("meaning_en")),
            source: cell("source"),
            valid_from,
            valid_to,
            confidence: cell("confidence"),
            note: cell("note"),
            code_column: cell("code_column"),
            field_column: cell("field_column"),
            line: row.line,
        });
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// The day in a cell; `None` if the cell is empty.
pub(super) fn day(table: &Table, row: &Row, column: &str) -> Result<Option<Date>, Box<LineFault>> {
    let text = table.cell(row, column);
    if text.is_empty() {
        return Ok(None);
    }
    // The parser takes other forms too; tables are read by people and other programs.
    let day = text.parse().ok().filter(|day: &Date| day.to_string() == text);
    day.map(Some).ok_or_else(|| {
        Box::new(LineFault::new(
            row.line,
            Bilingual::composed(
                format!("{column} không phải là ngày yyyy-MM-dd có thật"),
                format!("{column} is not a real day yyyy-MM-dd"),
            ),
            Bilingual::fixed("Viết như 2026-07-01, hoặc để trống.", "Write it like 2026-07-01, or leave it empty."),
        ))
    })
}

/// Whether it can name a file, a path in a URL and a version.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed) && !name.starts_with('.')
}

fn bad_name(row: &Row, name: &str) -> LineFault {
    LineFault::new(
        row.line,
        Bilingual::composed(
            format!("tên danh mục \"{name}\" trùng hoặc không dùng được"),
            format!("the list name \"{name}\" stands twice or cannot be used"),
        ),
        Bilingual::fixed(
            "Mỗi danh mục một dòng; tên gồm chữ không dấu, số, dấu - _ . và không quá 64 ký tự.",
            "One row a list; a name has plain letters, digits, - _ . and at most 64 characters.",
        ),
    )
}

fn bad_code(row: &Row, code: &str) -> LineFault {
    LineFault::new(
        row.line,
        Bilingual::composed(
            format!("mã \"{code}\" trống hoặc trùng"),
            format!("the code \"{code}\" is empty or stands twice"),
        ),
        Bilingual::fixed("Mỗi mã một dòng.", "One row a code."),
    )
}

fn not_in_the_index(name: &str) -> LineFault {
    LineFault::new(
        1,
        Bilingual::composed(
            format!("danh mục {name} không có trong {INDEX}"),
            format!("the list {name} is not in {INDEX}"),
        ),
        Bilingual::composed(
            format!("Thêm một dòng cho nó vào {INDEX}, hoặc sửa tên tệp."),
            format!("Add a row for it to {INDEX}, or put the name of the file right."),
        ),
    )
}

fn without_rows(facts: &Facts) -> LineFault {
    let name = &facts.name;
    LineFault::new(
        facts.line,
        Bilingual::composed(
            format!("không có tệp {FOLDER}/{name}.csv"),
            format!("there is no file {FOLDER}/{name}.csv"),
        ),
        Bilingual::fixed("Thêm tệp, hoặc bỏ dòng này.", "Add the file, or remove the row."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_list_is_read() {
        let lists = ReferenceLists::embedded();
        assert_eq!(lists.list().count(), embedded::LISTS.len());
        assert!(lists.list().count() > 30);
        for list in lists.list() {
            let facts = list.facts();
            assert!(list.rows().len() > 1, "{}", facts.name);
            for text in [facts.meaning.vi.as_ref(), &facts.meaning.en, &facts.source, &facts.confidence] {
                assert!(!text.is_empty(), "{facts:?}");
            }
            assert!(list.code_column().is_some() || facts.name.ends_with("-structure"), "{}", facts.name);
        }
    }

    #[test]
    fn codes_are_found_by_list_and_field() {
        let lists = ReferenceLists::embedded();
        assert!(lists.contains("ma-loai-kcb", "09") && !lists.contains("ma-loai-kcb", "9"));
        assert!(!lists.contains("ma-loai-kcb", "") && !lists.contains("nothing", "09"));
        let tb = lists.get("tb-codes").unwrap();
        assert!(tb.contains_for("LOAI_DTRI_LAO", "0") && !tb.contains_for("", "0"));
        let old = lists.get("provinces-63").unwrap();
        assert!(old.holds_on("2025-06-30".parse().unwrap()) && !old.holds_on("2025-07-01".parse().unwrap()));
    }

    #[test]
    fn every_fault_of_a_list_is_told_and_nothing_replaced_by_halves() {
        let replaced = |index: Option<&str>, name: &str, text: &str| {
            let lists = ReferenceLists::embedded().replaced(index, vec![(name.to_owned(), text)]);
            lists.map_err(|faults| faults.into_iter().map(|(file, fault)| (file, fault.line)).collect::<Vec<_>>())
        };
        let lists = replaced(None, "ma-pttt", "code,meaning_vi\n7,x\n").unwrap();
        assert!(lists.contains("ma-pttt", "7") && !lists.contains("ma-pttt", "1") && lists.contains("ma-nhom", "1"));
        let in_list = |line: u32| vec![("code-lists/ma-pttt.csv".to_owned(), line)];
        assert_eq!(replaced(None, "ma-pttt", "code\n1\n\n1\n").unwrap_err(), in_list(4));
        assert_eq!(replaced(None, "ma-pttt", "ma\n1\n").unwrap_err(), in_list(1));
        assert_eq!(replaced(None, "new", "code\n1\n").unwrap_err(), [("code-lists/new.csv".to_owned(), 1)]);
        let head = "list,meaning_vi,meaning_en,source,code_column,valid_from,valid_to\n";
        let lists = replaced(Some(&format!("{head}new,v,e,s,code,2026-01-01,\n")), "new", "code\n1\n").unwrap();
        assert!(lists.contains("new", "1"));
        let bad = "new,v,e,s,code,2026-02-30,\n../x,v,e,s,code,,\nnew,v,e,s,code,2026-01-02,2026-01-01\n";
        let in_index = |line: u32| ("lists.csv".to_owned(), line);
        assert_eq!(
            replaced(Some(&format!("{head}{bad}")), "ma-pttt", "code\n1\n").unwrap_err(),
            [in_index(2), in_index(3), in_index(4), in_index(4)]
        );
        assert_eq!(
            replaced(Some(&format!("{head}other,v,e,s,code,,\n")), "ma-pttt", "code\n1\n").unwrap_err(),
            [in_index(2)]
        );
    }
}
