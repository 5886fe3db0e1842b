//! Schemas, versions and code lists from a folder: everything in it is right and taken, or nothing is.
//!
//! This is the one place of this part that reads files; it does so at the start, bounded, and for whoever wants to see
//! whether a folder is right.

mod files;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::super::reference::{FOLDER as LISTS, INDEX, is_name};
use super::super::table::LineFault;
use super::identity::Broken;
use super::library::{Entry, Library, Part, RuleTables};
use super::source::{self, Node};
use super::versions::{self, Version};
use super::{Schema, SchemaError};
use crate::domain::Bilingual;

/// One thing wrong with a folder of schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFault {
    /// The file, within the folder; empty if it is the folder itself.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: Bilingual,
    /// What to do about it.
    pub cure: Bilingual,
}

/// What the XSDs are made from stands beside them in the tree of the project; it is not read here.
const SOURCES: [&str; 6] = ["parts.csv", "variants.csv", "enumerations.csv", "meanings.csv", "tables", "README.md"];

/// The faults of one reading.
#[derive(Default)]
struct Faults(Vec<FolderFault>);

/// `library` with what stands in the folder.
pub(super) fn load(path: &Path, mut library: Library) -> Result<Library, Vec<FolderFault>> {
    let mut faults = Faults::default();
    let files = files::read(path, &mut faults);
    let text_of = |name: &str| files.iter().find(|(path, _)| path == name).map(|(_, text)| text.as_str());

    // While they are wrong, nothing is said of a version that seems to be missing.
    let mut versions_known = true;
    if let Some(text) = text_of(versions::FILE) {
        match versions::replaced(library.versions.clone(), text, Some(&library.families())) {
            Ok(versions) => library.versions = versions,
            Err(found) => {
                versions_known = false;
                faults.of_file(versions::FILE, found);
            }
        }
    }
    let mut lists = Vec::new();
    for (path, text) in &files {
        let pieces: Vec<&str> = path.split('/').collect();
        match pieces.as_slice() {
            [single] if [versions::FILE, INDEX].contains(single) || SOURCES.contains(single) => {}
            // What stands in them is told where rules are read.
            [RuleTables::RULES] => library.rule_tables.rules = Cow::Owned(text.clone()),
            [RuleTables::CHECKS] => library.rule_tables.checks = Cow::Owned(text.clone()),
            [folder, ..] if SOURCES.contains(folder) => {}
            [kind, sample] if is_kind(&library, kind) && sample.starts_with("sample") => {}
            [folder, file] if *folder == LISTS => match file.strip_suffix(".csv") {
                Some(name) => lists.push((name.to_owned(), text.as_str())),
                None => faults.misplaced(path),
            },
            [kind, version, file] if is_kind(&library, kind) => {
                let Some(name) = file.strip_suffix(".xsd") else {
                    faults.misplaced(path);
                    continue;
                };
                if versions_known {
                    faults.of_file(path, unknown_version(&library, kind, version));
                }
                take_schema(&mut library, path, [kind, version, name], text, &mut faults);
            }
            _ => faults.misplaced(path),
        }
    }
    match std::mem::take(&mut library.reference).replaced(text_of(INDEX), lists) {
        Ok(reference) => library.reference = reference,
        Err(found) => found.into_iter().for_each(|(file, fault)| faults.of_file(&file, vec![fault])),
    }
    if faults.0.is_empty() {
        faults.of_file(versions::FILE, versions_with_gaps(&library));
    }
    faults.0.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    if faults.0.is_empty() { Ok(library) } else { Err(faults.0) }
}

fn is_kind(library: &Library, folder: &str) -> bool {
    library.parts.iter().any(|part| part.folder == folder)
}

/// Takes one XSD, if it is right.
fn take_schema(library: &mut Library, path: &str, place: [&str; 3], text: &str, faults: &mut Faults) {
    let [kind, version, name] = place;
    let known = match part_of(library, kind, name) {
        Ok(known) => known,
        Err(fault) => return faults.of_file(path, vec![*fault]),
    };
    // A new part belongs to the family of its neighbours.
    let neighbour = library.parts.iter().find(|part| part.folder == kind);
    let family = known.as_ref().or(neighbour).map(|part| part.family.clone()).unwrap_or_default();
    let compiled = Schema::compile(text).and_then(|schema| source::read(text).map(|node| (schema, node)));
    let (schema, node) = match compiled {
        Ok(both) => both,
        Err(error) => return faults.of_file(path, vec![not_understood(&error)]),
    };
    let part = known.unwrap_or_else(|| Part {
        name: name.to_owned(),
        family,
        folder: kind.to_owned(),
        root: schema.root_names().next().unwrap_or_default().to_owned(),
        meaning: Bilingual::composed(node.documentation("vi"), node.documentation("en")),
    });
    let wrong = wrong_for(&part, &schema, &node);
    if wrong.is_empty() {
        if library.part(name).is_none() {
            library.parts.push(part);
        }
        library.put(Entry::of_folder(name, version, text.to_owned(), schema));
    }
    faults.of_file(path, wrong);
}

/// The part that a file is for; `None` if it is a new one.
fn part_of(library: &Library, kind: &str, name: &str) -> Result<Option<Part>, Box<LineFault>> {
    let namesake = library.parts.iter().find(|part| part.name.eq_ignore_ascii_case(name));
    let (right_folder, right_name) = match namesake {
        None if is_name(name) => return Ok(None),
        None => (kind, "XML3"),
        Some(part) if part.name == name && part.folder == kind => return Ok(Some(part.clone())),
        Some(part) => (part.folder.as_str(), part.name.as_str()),
    };
    Err(Box::new(LineFault::new(
        1,
        Bilingual::fixed("tên hoặc thư mục của tệp không đúng", "a file of the wrong name or in the wrong folder"),
        Bilingual::composed(
            format!("Đặt là {right_folder}/<phiên bản>/{right_name}.xsd."),
            format!("Make it {right_folder}/<version>/{right_name}.xsd."),
        ),
    )))
}

/// What the gateway builds on besides the schema's own rightness.
fn wrong_for(part: &Part, schema: &Schema, node: &Node) -> Vec<LineFault> {
    let mut faults = Vec::new();
    if schema.root_names().collect::<Vec<_>>() != [part.root.as_str()] {
        let (name, root) = (&part.name, &part.root);
        faults.push(LineFault::new(
            node.line,
            Bilingual::composed(
                format!("phần tử gốc phải là {root}, và chỉ nó"),
                format!("the root element must be {root}, and no other"),
            ),
            Bilingual::composed(
                format!("Khai báo ở đầu lược đồ {name} đúng một phần tử: {root}."),
                format!("Declare exactly one element at the top of the schema of {name}: {root}."),
            ),
        ));
    }
    for (field, broken) in schema.broken_identity(&part.name) {
        let line = node.line_of_element(field).unwrap_or(node.line);
        faults.push(broken_identity(field, broken, line));
    }
    faults
}

fn broken_identity(field: &str, broken: Broken, line: u32) -> LineFault {
    let (vi, en) = match broken {
        Broken::Missing => ("không có", "is missing"),
        Broken::NotSimple => ("chứa phần tử khác", "holds elements"),
        Broken::Repeated => ("có thể đứng nhiều lần", "may stand more than once"),
    };
    LineFault::new(
        line,
        Bilingual::composed(format!("trường định danh {field} {vi}"), format!("the identifying field {field} {en}")),
        Bilingual::fixed(
            "Khai báo trường này một lần, kiểu đơn: gateway dựa vào nó để biết hồ sơ là của ai.",
            "Declare it once, with a simple type: by it the gateway knows whose record it is.",
        ),
    )
}

fn not_understood(error: &SchemaError) -> LineFault {
    let SchemaError { construct, what, line } = error;
    LineFault::new(
        *line,
        Bilingual::composed(
            format!("lược đồ không dùng được: {construct}: {what}"),
            format!("the schema is not understood: {construct}: {what}"),
        ),
        Bilingual::fixed(
            "Dùng tập con của XML Schema 1.0 như các tệp của `lienthong schema export`.",
            "Use the subset of XML Schema 1.0 that the files of `lienthong schema export` are written in.",
        ),
    )
}

fn unknown_version(library: &Library, kind: &str, version: &str) -> Vec<LineFault> {
    let family = library.parts.iter().find(|part| part.folder == kind).map_or("", |part| part.family.as_str());
    if library.version(family, version).is_some() {
        return Vec::new();
    }
    vec![LineFault::new(
        1,
        Bilingual::composed(
            format!("{} không có phiên bản {version} của nhóm {family}", versions::FILE),
            format!("{} has no version {version} of the family {family}", versions::FILE),
        ),
        Bilingual::composed(
            format!("Thêm dòng {family},{version} với ngày hiệu lực vào {}.", versions::FILE),
            format!("Add a row {family},{version} with its first day to {}.", versions::FILE),
        ),
    )]
}

/// Versions of the folder that leave a part of their family without a schema: it would pass unchecked.
fn versions_with_gaps(library: &Library) -> Vec<LineFault> {
    let embedded = Library::embedded();
    let mut faults = Vec::new();
    for version in library.versions.iter().filter(|version| version.line > 0) {
        let Version { family, name, line, .. } = version;
        let is_new = embedded.version(family, name).is_none();
        // Old versions did not know every part.
        let wanted = |part: &str| is_new || embedded.entry(part, name).is_some();
        let of_family = library.parts.iter().filter(|part| part.family == *family).map(|part| part.name.as_str());
        let without: Vec<&str> = of_family.filter(|part| wanted(part) && library.entry(part, name).is_none()).collect();
        if without.is_empty() {
            continue;
        }
        let without = without.join(", ");
        faults.push(LineFault::new(
            *line,
            Bilingual::composed(
                format!("phiên bản {name} không có lược đồ cho {without}"),
                format!("the version {name} has no schema for {without}"),
            ),
            Bilingual::fixed(
                "Thêm tệp, hoặc ghi ở based_on phiên bản được dùng cho phần còn lại.",
                "Add the files, or name in based_on the version that counts for the rest.",
            ),
        ));
    }
    faults
}

// === impl Faults ===

impl Faults {
    fn of_file(&mut self, file: &str, found: Vec<LineFault>) {
        for LineFault { line, what, cure } in found {
            self.0.push(FolderFault { file: PathBuf::from(file), line, what, cure });
        }
    }

    fn push(&mut self, file: &str, what: Bilingual, cure: Bilingual) {
        self.of_file(file, vec![LineFault::new(1, what, cure)]);
    }

    fn misplaced(&mut self, file: &str) {
        self.push(
            file,
            Bilingual::fixed("tệp này không có chỗ ở đây", "the file has no place here"),
            Bilingual::fixed(
                "Bỏ đi, hoặc đặt đúng chỗ: <loại>/<phiên bản>/<PHẦN>.xsd, versions.csv, lists.csv, code-lists/*.csv.",
                "Remove it, or put it in its place: <kind>/<version>/<PART>.xsd, versions.csv, lists.csv, code-lists/*.csv.",
            ),
        );
    }
}

#[cfg(test)]
mod tests;
