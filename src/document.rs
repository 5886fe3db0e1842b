//! Documents: parsed once, streaming, into what the rest of the gateway needs to know of them.
//!
//! A [`Document`] exists only if its bytes are well-formed, have a known root and a right envelope, declare as many
//! records as they hold, decode to the right inner roots, and name one facility and one `MA_LK` a record throughout.
//! Nothing downstream checks these again. The bytes themselves are never changed or re-serialised: they are what is
//! forwarded. Field-level rules stand behind the same face ([`Findings`]).

mod content;
mod day;
mod driver_exam;
pub mod finding;
mod identity;
mod inspection;
pub mod kind;
mod mask;
mod package;
mod part;
mod reading;
pub mod reference;
mod report;
mod row;
mod rule;
pub mod rulebook;
pub mod rules;
pub mod schema;
pub mod shown;
mod single;
mod table;

pub use self::finding::{Finding, Findings, Place, Severity};
pub use self::kind::{Carried, Kind};
pub use self::rulebook::Rulebook;

use self::identity::Identity;
use self::inspection::Inspection;
use self::reading::Root;
use self::report::Report;
use self::rules::Run;
use crate::domain::{Bilingual, FacilityCode};
use crate::xml;

/// How a document came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// XML, the form of every kind.
    Xml,
    /// The JSON in which the portal itself takes driver health exams (`portal-api.md`, section 5.1).
    DriverExamJson,
}

/// What is known of a right document. `Debug` shows no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Read from the root.
    pub kind: Kind,
    /// XML, or the driver exam's JSON.
    pub format: Format,
    /// The facility the document names; `None` for kinds that name none (XML12), or a certificate whose number does
    /// not hold one.
    pub facility: Option<FacilityCode>,
    /// Business keys, in the order of the document; empty where the kind or this document has none.
    pub keys: Vec<String>,
    /// How many records (HOSO, rows of XML0 or XML12, certificates).
    pub records: u32,
    /// The inner parts present, each once, in order of first appearance (`XML1`, `XML3`, …, `CT07`).
    pub parts: Vec<String>,
    /// Whether `CHUKYDONVI` (or, for driver exams, `SIGNDATA`) holds a signature.
    pub signed: bool,
    /// Whether the document itself says that it replaces an earlier one (a driver exam with `STATE` `EDIT`).
    pub replaces: bool,
    /// What was found that does not stop it.
    pub warnings: Findings,
}

/// Bounds on one document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole document.
    pub bytes_max: usize,
    /// Nesting. The deepest table has 5 levels, a signature about 8; 64 leaves room and stops stack games.
    pub depth_max: u32,
    /// Attributes on one element. A root with its namespaces has 2, a signature 3.
    pub attributes_max: u32,
    /// Parts of one package: 1,000 records of 15 tables, the largest file facilities were seen to send.
    pub parts_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, depth_max: 64, attributes_max: 32, parts_max: 15_000 }
    }
}

/// What a document turned out to hold, besides its identity.
#[derive(Default)]
struct Outline {
    records: u32,
    /// Rows of tables so far.
    rows: u32,
    /// Keys of the records of a package, in their order; empty where one told none.
    record_keys: Vec<String>,
    parts: Vec<String>,
    signed: bool,
    replaces: bool,
}

// === impl Document ===

impl Document {
    /// Reads a document from its bytes, which say themselves what it is. `today` is yyyymmdd: rules speak of the future,
    /// and a document that names no day of its own is held to the version of today.
    ///
    /// Everything wrong that can be found in one go is found: a fault in one part does not hide those of the next.
    /// Warnings alone do not stop a document; they travel in [`Document::warnings`].
    pub fn parse(bytes: &[u8], limits: &Limits, rulebook: &Rulebook, today: u32) -> Result<Self, Findings> {
        let mut inspection = Inspection {
            rulebook,
            limits: *limits,
            kind: Kind::DriverExam,
            day: today,
            report: Report::new(rulebook.settings()),
            identity: Identity::new(Kind::DriverExam),
            rules: Run::new(rulebook.rules(), today),
            outline: Outline::default(),
            version: "",
        };
        let mut format = Format::Xml;
        if bytes.len() > limits.bytes_max {
            inspection.report.push(&rule::TOO_LARGE, Place::default(), String::new());
        } else if driver_exam::is_json(bytes) {
            format = Format::DriverExamJson;
            driver_exam::read_json(bytes, &mut inspection);
        } else if let Err(error) = read_xml(bytes, &mut inspection) {
            inspection.report.malformed("", error);
        }

        let Inspection { kind, report, identity, outline, version, .. } = inspection;
        let (facility, keys) = identity.into_parts();
        let mut warnings = report.into_findings();
        let spec = match kind {
            _ if version.is_empty() => String::new(),
            // `QD3176` for the tables of the Ministry's decisions, else as the schemas name it.
            Kind::Claim | Kind::Checkin | Kind::MedicalAssessment => format!("QD{version}"),
            _ => version.to_owned(),
        };
        warnings.set_document(outline.record_keys, spec);
        if warnings.has_errors() {
            return Err(warnings);
        }
        let Outline { records, parts, signed, replaces, .. } = outline;
        Ok(Self { kind, format, facility, keys, records, parts, signed, replaces, warnings })
    }

    /// The JSON the portal takes for the XML rendering (root `GKSK`) of a driver health exam that was parsed: the fields
    /// in the order of its sample (`portal-api.md`, section 5.1), others after them, values verbatim. What is JSON
    /// already goes as it is; `None` for it and for every other kind.
    pub fn driver_exam_wire(&self, bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
        match (self.kind, self.format) {
            (Kind::DriverExam, Format::Xml) => driver_exam::to_json(bytes, limits),
            _ => None,
        }
    }

    /// The first part `name` (`XML3`, `CT07`) of a package, decoded; `None` if there is none, or what is read is no
    /// package. For showing a part of a document that was parsed before.
    pub fn part(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
        content::part(bytes, name)
    }

    /// The version as the API names it, such as `QD3176`.
    pub fn spec(&self) -> &str {
        self.warnings.spec()
    }

    /// Whether the package carries such a paper.
    pub fn carries(&self, carried: Carried) -> bool {
        self.kind == Kind::Claim && self.parts.iter().any(|part| part == carried.part())
    }
}

/// Reads XML: the root tells the kind, the kind the reader.
fn read_xml(bytes: &[u8], inspection: &mut Inspection<'_>) -> Result<(), xml::Error> {
    let mut root = Root::open(bytes, inspection.limits.xml())?;
    let Some((kind, part)) = Kind::of_root(root.tag.name).zip(part::of_root(root.tag.name)) else {
        let known: Vec<&str> = kind::KINDS.iter().map(|facts| facts.root).collect();
        let known = known.join(", ");
        let cure = Bilingual::composed(
            format!("Phần tử gốc phải là một trong: {known}."),
            format!("The root element must be one of: {known}."),
        );
        let name = mask::name(root.tag.name);
        let place = root.place("", format!("/{name}"));
        inspection.report.push_with_cure(&rule::UNKNOWN_ROOT, place, name.to_owned(), cure);
        return Ok(());
    };
    inspection.kind = kind;
    inspection.identity = Identity::new(kind);
    inspection.day = day::spoken_of(kind, bytes).unwrap_or(inspection.day);

    let said_before = inspection.report.count();
    let Some(mut reading) = inspection.begin(root, part)? else { return Ok(()) };
    let read = match kind {
        Kind::Claim | Kind::Voucher => package::read(inspection, &mut reading),
        Kind::DriverExam => driver_exam::read_xml(inspection, &mut reading),
        _ => single::read(inspection, &mut reading),
    };
    reading.finish(said_before, &mut inspection.report);
    read
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("kind", &self.kind)
            .field("format", &self.format)
            .field("spec", &self.spec())
            .field("facility", &self.facility)
            .field("keys", &format_args!("{} redacted", self.keys.len()))
            .field("records", &self.records)
            .field("parts", &self.parts)
            .field("signed", &self.signed)
            .field("warnings", &self.warnings.count())
            .finish()
    }
}

// === impl Limits ===

impl Limits {
    /// Those the XML reader keeps.
    fn xml(&self) -> xml::Limits {
        xml::Limits { depth_max: self.depth_max, attributes_max: self.attributes_max }
    }
}

#[cfg(test)]
mod tests;
