//! Which version of a family of parts holds when: `versions.csv`.

use super::super::reference::{day, is_name};
use super::super::table::{LineFault, Row, Table, is_enough};
use crate::domain::Bilingual;

/// One version of a family.
#[derive(Clone, Debug)]
pub struct Version {
    /// Which parts it is about: `claim`, `birth`, `death`, `voucher`, `driver`.
    pub family: String,
    /// Its name, also the name of its folder.
    pub name: String,
    /// The decision that it is from.
    pub decision: String,
    /// The first day it holds, as yyyymmdd; 0 if the day is not known, and then it holds from the beginning.
    pub valid_from: u32,
    /// The version that holds for parts this one says nothing about; empty if there is none.
    pub based_on: String,
    /// What else is to be known.
    pub note: String,
    /// Its line in the folder's file; 0 if it is embedded.
    pub(super) line: u32,
}

/// The file in the tree.
pub(super) const FILE: &str = "versions.csv";
/// Its columns; the first three must be there.
pub(super) const COLUMNS: [&str; 6] = ["family", "version", "valid_from", "decision", "based_on", "note"];

/// `known` with the versions of a file in place of their namesakes, or beside them.
pub(super) fn replaced(
    known: Vec<Version>,
    text: &str,
    families: Option<&[String]>,
) -> Result<Vec<Version>, Vec<LineFault>> {
    let table = Table::read(text)?;
    let mut faults = table.missing(&["family", "version", "valid_from"]);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut brought: Vec<Version> = Vec::new();
    for row in &table.rows {
        match read(&table, row) {
            Ok(version) => {
                if let Some(fault) = wrong(&version, &brought, families, row.line) {
                    faults.push(fault);
                }
                brought.push(version);
            }
            Err(fault) => faults.push(*fault),
        }
        if is_enough(&mut faults) {
            return Err(faults);
        }
    }
    let mut versions = known;
    versions.retain(|version| !brought.iter().any(|other| version.is(&other.family, &other.name)));
    versions.extend(brought);
    // Stable: of those that begin on the same day (or on no known day) the last counts.
    versions.sort_by_key(|version| version.valid_from);
    faults.extend(versions.iter().filter_map(|version| without_ground(version, &versions)));
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() { Ok(versions) } else { Err(faults) }
}

// === impl Version ===

impl Version {
    /// Whether it is this one.
    pub(super) fn is(&self, family: &str, name: &str) -> bool {
        self.family == family && self.name == name
    }

    /// The first day it holds as yyyy-MM-dd; `None` if it is not known.
    pub fn first_day(&self) -> Option<String> {
        let (year, month, day) = (self.valid_from / 10_000, self.valid_from / 100 % 100, self.valid_from % 100);
        (self.valid_from > 0).then(|| format!("{year:04}-{month:02}-{day:02}"))
    }

    /// The cells of a row, in the order of [`COLUMNS`].
    pub(super) fn cells(&self) -> [String; 6] {
        [
            self.family.clone(),
            self.name.clone(),
            self.first_day().unwrap_or_default(),
            self.decision.clone(),
            self.based_on.clone(),
            self.note.clone(),
        ]
    }
}

fn read(table: &Table, row: &Row) -> Result<Version, Box<LineFault>> {
    let cell = |name| table.cell(row, name).to_owned();
    let digits = day(table, row, "valid_from")?.map(|day| day.strftime("%Y%m%d").to_string());
    Ok(Version {
        family: cell("family"),
        name: cell("version"),
        decision: cell("decision"),
        valid_from: digits.and_then(|digits| digits.parse().ok()).unwrap_or_default(),
        based_on: cell("based_on"),
        note: cell("note"),
        line: row.line,
    })
}

fn wrong(version: &Version, before: &[Version], families: Option<&[String]>, line: u32) -> Option<LineFault> {
    let Version { family, name, .. } = version;
    if families.is_some_and(|families| !families.contains(family)) {
        let all = families.unwrap_or_default().join(", ");
        return Some(LineFault::new(
            line,
            Bilingual::composed(format!("không có nhóm \"{family}\""), format!("there is no family \"{family}\"")),
            Bilingual::composed(format!("Chọn một trong: {all}."), format!("Choose one of: {all}.")),
        ));
    }
    let repeated = before.iter().any(|other| other.is(family, name));
    (repeated || !is_name(name)).then(|| {
        LineFault::new(
            line,
            Bilingual::composed(
                format!("phiên bản \"{name}\" trùng hoặc không dùng được làm tên"),
                format!("the version \"{name}\" stands twice or cannot be a name"),
            ),
            Bilingual::fixed(
                "Mỗi phiên bản một dòng; tên gồm chữ không dấu, số, dấu - _ . và không quá 64 ký tự.",
                "One row a version; a name has plain letters, digits, - _ . and at most 64 characters.",
            ),
        )
    })
}

/// A version that is based on one there is not, or in the end on itself.
fn without_ground(version: &Version, all: &[Version]) -> Option<LineFault> {
    let mut at = version;
    for _ in 0..=all.len() {
        if at.based_on.is_empty() {
            return None;
        }
        match all.iter().find(|other| other.is(&at.family, &at.based_on)) {
            Some(ground) => at = ground,
            None => break,
        }
    }
    let ground = &version.based_on;
    Some(LineFault::new(
        version.line.max(1),
        Bilingual::composed(
            format!("based_on \"{ground}\" không dẫn tới phiên bản nào"),
            format!("based_on \"{ground}\" leads to no version"),
        ),
        Bilingual::fixed(
            "Ghi tên một phiên bản khác của cùng nhóm, hoặc để trống.",
            "Name another version of the same family, or leave it empty.",
        ),
    ))
}
