//! Makes the XSDs, and the list by which they are embedded, from the tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::field::{self, Field, Form};
use crate::simple::{Simple, simple};
use crate::table::{self, Row};

/// One schema.
pub(crate) struct Schema {
    pub(crate) part: Row,
    pub(crate) version: String,
    /// Empty for packages.
    pub(crate) fields: Vec<Field>,
}

/// Every schema there is, in the order of `parts.csv`.
pub(crate) fn schemas() -> Vec<Schema> {
    let mut schemas = Vec::new();
    for part in table::read("parts") {
        for version in part["versions"].split(' ') {
            let fields = if part["table"].is_empty() { Vec::new() } else { field::fields(&part, version) };
            schemas.push(Schema { part: part.clone(), version: version.to_owned(), fields });
        }
    }
    schemas
}

/// Every derived file by its path in the tree.
pub(crate) fn files() -> BTreeMap<String, String> {
    let schemas = schemas();
    let mut files: BTreeMap<String, String> = schemas.iter().map(|schema| (schema.path(), schema.to_xsd())).collect();
    files.insert("src/document/schema/embedded.rs".to_owned(), embedded(&schemas));
    files.insert("src/document/reference/embedded.rs".to_owned(), embedded_lists());
    files
}

fn embedded(schemas: &[Schema]) -> String {
    let mut text =
        "//! The schemas in the binary. Made by `tests/schemas/regenerate` from `schemas/`; not for editing.\n\n\
                    use super::library::{EmbeddedPart, EmbeddedSchema};\n\n/// Every part, in the order of \
                    `schemas/parts.csv`.\n#[rustfmt::skip]\npub(super) const PARTS: &[EmbeddedPart] = &[\n"
            .to_owned();
    for part in table::read("parts") {
        let (name, family, folder, root) = (&part["part"], &part["family"], &part["folder"], &part["root"]);
        let meaning = [&part["meaning_vi"], &part["meaning_en"]];
        write!(text, "    EmbeddedPart {{ name: {name:?}, family: {family:?}, folder: {folder:?}, ").unwrap();
        writeln!(text, "root: {root:?}, meaning: {meaning:?} }},").unwrap();
    }
    text.push_str("];\n\n/// Every schema: part, version and text.\n#[rustfmt::skip]\n");
    text.push_str("pub(super) const SCHEMAS: &[EmbeddedSchema] = &[\n");
    for schema in schemas {
        let (part, version, path) = (&schema.part["part"], &schema.version, schema.path());
        writeln!(text, "    ({part:?}, {version:?}, include_str!(\"../../../{path}\")),").unwrap();
    }
    text.push_str("];\n\n/// Which version holds when.\n");
    text.push_str("pub(super) const VERSIONS: &str = include_str!(\"../../../schemas/versions.csv\");\n");
    text
}

fn embedded_lists() -> String {
    let mut text =
        "//! The code lists in the binary. Made by `tests/schemas/regenerate` from `schemas/lists.csv`; not for \
                    editing.\n\n/// What is known of each list.\npub(super) const INDEX: &str = \
                    include_str!(\"../../../schemas/lists.csv\");\n\n/// Name and rows of every list.\n\
                    #[rustfmt::skip]\npub(super) const LISTS: &[(&str, &str)] = &[\n"
            .to_owned();
    for row in table::read("lists") {
        let list = &row["list"];
        writeln!(text, "    ({list:?}, include_str!(\"../../../schemas/code-lists/{list}.csv\")),").unwrap();
    }
    text.push_str("];\n");
    text
}

// === impl Schema ===

impl Schema {
    pub(crate) fn path(&self) -> String {
        format!("schemas/{}/{}/{}.xsd", self.part["folder"], self.version, self.part["part"])
    }

    fn to_xsd(&self) -> String {
        let part = &self.part;
        let source = match part["table"].as_str() {
            "" => "parts.csv".to_owned(),
            table => format!("tables/{table}.csv, variants.csv and enumerations.csv"),
        };
        let mut xsd = Xsd::default();
        xsd.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xsd.raw(&format!("<!-- Made by tests/schemas/regenerate from {source}; not for editing. -->\n"));
        let version = &self.version;
        xsd.open("xs:schema", &format!("xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" version=\"{version}\""));
        xsd.document(None, &[part["meaning_vi"].clone(), part["meaning_en"].clone()]);
        if part["rows"] == "package" {
            self.package(&mut xsd)
        } else {
            self.table(&mut xsd)
        }
        xsd.types();
        xsd.close("xs:schema");
        xsd.text
    }

    fn table(&self, xsd: &mut Xsd) {
        let part = &self.part;
        let (root, list, row) = (&part["root"], &part["list"], &part["row"]);
        match part["rows"].as_str() {
            "one" => xsd.line(&format!("<xs:element name=\"{root}\" type=\"record\"/>")),
            "many" => xsd.element(root, "", |xsd| {
                xsd.element(list, "", |xsd| {
                    xsd.line(&format!("<xs:element name=\"{row}\" type=\"record\" maxOccurs=\"unbounded\"/>"));
                });
                if part["signed"] == "yes" {
                    xsd.line("<xs:element name=\"CHUKYDONVI\" type=\"signature\"/>");
                }
            }),
            "identified" => xsd.element(root, "", |xsd| {
                xsd.line(&format!("<xs:element name=\"{row}\" type=\"record\"/>"));
                xsd.line("<xs:element name=\"CHUKYDONVI\" type=\"signature\"/>");
            }),
            other => panic!("rows {other:?}"),
        }
        xsd.open("xs:complexType", "name=\"record\"");
        xsd.open("xs:sequence", "");
        for field in &self.fields {
            let kind = xsd.simple(&field.form, field.required);
            let occurs = if field.required { "" } else { " minOccurs=\"0\"" };
            xsd.leaf(&Leaf { name: &field.name, kind, meaning: field.meaning.clone() }, occurs);
        }
        if part["signed"] == "enveloped" {
            let any =
                "<xs:any namespace=\"##other\" processContents=\"skip\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>";
            xsd.line(any);
        }
        xsd.close("xs:sequence");
        if part["rows"] == "identified" {
            xsd.line("<xs:attribute name=\"Id\" type=\"xs:string\"/>");
        }
        xsd.close("xs:complexType");
        if part["signed"] == "yes" {
            xsd.signature();
        }
    }

    /// The envelopes of `envelope.md`, "GIAMDINHHS" and "HSCHUNGTU".
    fn package(&self, xsd: &mut Xsd) {
        let claim = self.part["part"] == "GIAMDINHHS";
        let facility = xsd.simple(&Form::Text(Some(5)), true);
        let date = xsd.simple(&Form::Date8, true);
        let count = xsd.simple(&Form::Integer(10), true);
        let content = xsd.simple(&Form::Text(None), true);
        let names: Vec<String> = table::read("parts")
            .into_iter()
            .filter(|part| part["folder"] == self.part["folder"] && !part["table"].is_empty())
            .filter(|part| part["versions"].split(' ').any(|version| version == self.version))
            .map(|part| part["part"].clone())
            .collect();
        let loaihoso = xsd.simple(&Form::OneOf("loaihoso".to_owned(), names), true);
        let leaf = |name, kind| Leaf { name, kind, meaning: field::meaning_of(name) };
        let macskcb = leaf("MACSKCB", facility);
        let kind = leaf("LOAIHOSO", loaihoso);
        let file = leaf("NOIDUNGFILE", content);
        xsd.element(&self.part["root"], "", |xsd| {
            xsd.element("THONGTINDONVI", "", |xsd| xsd.leaf(&macskcb, ""));
            xsd.line("<xs:element name=\"THONGTINHOSO\" type=\"dossier\"/>");
            xsd.line("<xs:element name=\"CHUKYDONVI\" type=\"signature\"/>");
        });
        xsd.open("xs:complexType", "name=\"dossier\"");
        xsd.open("xs:sequence", "");
        xsd.leaf(&leaf("NGAYLAP", date), "");
        xsd.leaf(&leaf("SOLUONGHOSO", count), "");
        xsd.element("DANHSACHHOSO", "", |xsd| {
            xsd.element("HOSO", " maxOccurs=\"unbounded\"", |xsd| {
                xsd.element("FILEHOSO", " maxOccurs=\"unbounded\"", |xsd| {
                    if claim {
                        xsd.leaf(&kind, "");
                        xsd.leaf(&file, "");
                    } else {
                        xsd.voucher_file(&macskcb, &kind, &file);
                    }
                });
            });
        });
        xsd.close("xs:sequence");
        if !claim {
            xsd.line("<xs:attribute name=\"Id\" type=\"xs:string\"/>");
        }
        xsd.close("xs:complexType");
        xsd.signature();
    }
}

/// Text of an XSD under way, with the simple types it has come to need.
#[derive(Default)]
struct Xsd {
    text: String,
    depth: usize,
    simple: BTreeMap<String, Simple>,
}

/// A field as it stands in an XSD.
struct Leaf<'l> {
    name: &'l str,
    /// The name of its type.
    kind: String,
    meaning: [String; 2],
}

// === impl Xsd ===

impl Xsd {
    fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "{:indent$}{line}", "", indent = self.depth * 2).unwrap();
    }

    fn open(&mut self, name: &str, attributes: &str) {
        let blank = if attributes.is_empty() { "" } else { " " };
        self.line(&format!("<{name}{blank}{attributes}>"));
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    /// An element that holds a value, with what it means.
    fn leaf(&mut self, leaf: &Leaf<'_>, occurs: &str) {
        self.open("xs:element", &format!("name=\"{}\" type=\"{}\"{occurs}", leaf.name, leaf.kind));
        self.document(None, &leaf.meaning);
        self.close("xs:element");
    }

    /// An element that holds a sequence.
    fn element(&mut self, name: &str, occurs: &str, content: impl FnOnce(&mut Self)) {
        self.open("xs:element", &format!("name=\"{name}\"{occurs}"));
        self.open("xs:complexType", "");
        self.open("xs:sequence", "");
        content(self);
        self.close("xs:sequence");
        self.close("xs:complexType");
        self.close("xs:element");
    }

    /// The text of PL02 lists MACSKCB within FILEHOSO, its sample does not (`portal-api.md`, section 5.2): at most
    /// once, at any place.
    fn voucher_file(&mut self, macskcb: &Leaf<'_>, kind: &Leaf<'_>, file: &Leaf<'_>) {
        self.open("xs:choice", "");
        self.open("xs:sequence", "");
        for leaf in [macskcb, kind, file] {
            self.leaf(leaf, "");
        }
        self.close("xs:sequence");
        self.open("xs:sequence", "");
        self.leaf(kind, "");
        self.open("xs:choice", "");
        self.open("xs:sequence", "");
        self.leaf(macskcb, "");
        self.leaf(file, "");
        self.close("xs:sequence");
        self.open("xs:sequence", "");
        self.leaf(file, "");
        self.leaf(macskcb, " minOccurs=\"0\"");
        self.close("xs:sequence");
        self.close("xs:choice");
        self.close("xs:sequence");
        self.close("xs:choice");
    }

    /// Signatures are checked by those who know them; here anything may stand.
    fn signature(&mut self) {
        self.open("xs:complexType", "name=\"signature\" mixed=\"true\"");
        self.open("xs:sequence", "");
        self.line("<xs:any namespace=\"##other\" processContents=\"skip\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>");
        self.close("xs:sequence");
        self.line("<xs:anyAttribute processContents=\"skip\"/>");
        self.close("xs:complexType");
    }

    fn document(&mut self, code: Option<&str>, [vi, en]: &[String; 2]) {
        self.open("xs:annotation", "");
        if let Some(code) = code {
            self.line(&format!("<xs:appinfo>{code}</xs:appinfo>"));
        }
        self.line(&format!("<xs:documentation xml:lang=\"vi\">{}</xs:documentation>", escape(vi)));
        self.line(&format!("<xs:documentation xml:lang=\"en\">{}</xs:documentation>", escape(en)));
        self.close("xs:annotation");
    }

    /// The name of the type of a form, which will be written at the end.
    fn simple(&mut self, form: &Form, required: bool) -> String {
        let made = simple(form, required);
        let name = made.name.clone();
        self.simple.insert(name.clone(), made);
        name
    }

    fn types(&mut self) {
        for (name, simple) in std::mem::take(&mut self.simple) {
            self.open("xs:simpleType", &format!("name=\"{name}\""));
            self.document(simple.code, &simple.words);
            self.open("xs:restriction", "base=\"xs:string\"");
            if let Some(length) = simple.length_min {
                self.line(&format!("<xs:minLength value=\"{length}\"/>"));
            }
            if let Some(length) = simple.length_max {
                self.line(&format!("<xs:maxLength value=\"{length}\"/>"));
            }
            if let Some(pattern) = simple.pattern {
                self.line(&format!("<xs:pattern value=\"{}\"/>", escape(&pattern)));
            }
            for code in &simple.codes {
                self.line(&format!("<xs:enumeration value=\"{}\"/>", escape(code)));
            }
            self.close("xs:restriction");
            self.close("xs:simpleType");
        }
    }
}

/// Escapes text for elements and attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
