//! Documents as trees, made right for a schema, so that they can be made wrong in one place.

use crate::field::{Field, Form};
use crate::generate::{Schema, escape};
use crate::random::Random;

/// One element.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// As written, with a blank before each.
    pub(crate) attributes: String,
    /// As written.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

// === impl Element ===

impl Element {
    pub(crate) fn new(name: &str, children: Vec<Element>) -> Self {
        Self { name: name.to_owned(), children, ..Self::default() }
    }

    pub(crate) fn text(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned(), ..Self::default() }
    }

    pub(crate) fn to_xml(&self) -> String {
        let mut xml = String::new();
        self.write(&mut xml);
        xml
    }

    fn write(&self, xml: &mut String) {
        xml.extend(["<", &self.name, &self.attributes]);
        if self.text.is_empty() && self.children.is_empty() {
            xml.push_str("/>");
            return;
        }
        xml.extend([">", &self.text]);
        for child in &self.children {
            child.write(xml);
        }
        xml.extend(["</", &self.name, ">"]);
    }
}

/// A valid document, and the way to the element whose children are the fields.
pub(crate) fn valid(schema: &Schema, random: &mut Random) -> (Element, Vec<usize>) {
    let part = &schema.part;
    let (root, list, row) = (part["root"].as_str(), part["list"].as_str(), part["row"].as_str());
    if part["rows"] == "package" {
        return package(schema, random);
    }
    let mut record = |name: &str| Element::new(name, fields(&schema.fields, random));
    let (mut document, way) = match part["rows"].as_str() {
        "one" => (record(root), vec![]),
        "many" => (Element::new(root, vec![Element::new(list, vec![record(row), record(row)])]), vec![0, 1]),
        _ => (Element::new(root, vec![record(row)]), vec![0]),
    };
    if part["rows"] == "identified" && random.one_in(2) {
        document.children[0].attributes = " Id=\"Id-1\"".to_owned();
    }
    match part["signed"].as_str() {
        "yes" => document.children.push(signature(random)),
        "enveloped" if random.one_in(2) => document.children.push(foreign()),
        _ => {}
    }
    (document, way)
}

fn package(schema: &Schema, random: &mut Random) -> (Element, Vec<usize>) {
    let claim = schema.part["part"] == "GIAMDINHHS";
    let mut file = || {
        let kind = if claim { random.pick(&["XML1", "XML2", "XML11"]) } else { random.pick(&["CT03", "CT07"]) };
        let mut children = vec![Element::text("LOAIHOSO", kind), Element::text("NOIDUNGFILE", "PGEvPg==")];
        if !claim && random.one_in(2) {
            children.insert(random.below(3), Element::text("MACSKCB", "01999"));
        }
        Element::new("FILEHOSO", children)
    };
    let records = vec![Element::new("HOSO", vec![file(), file()]), Element::new("HOSO", vec![file()])];
    let dossier = vec![
        Element::text("NGAYLAP", "20260316"),
        Element::text("SOLUONGHOSO", "2"),
        Element::new("DANHSACHHOSO", records),
    ];
    let unit = Element::new("THONGTINDONVI", vec![Element::text("MACSKCB", "01999")]);
    let children = vec![unit, Element::new("THONGTINHOSO", dossier), signature(random)];
    let ways = [vec![], vec![0], vec![1], vec![1, 2], vec![1, 2, 0], vec![1, 2, 0, 0]];
    (Element::new(&schema.part["root"], children), random.pick(&ways))
}

fn fields(fields: &[Field], random: &mut Random) -> Vec<Element> {
    let present = fields.iter().filter_map(|field| {
        let text = match random.below(4) {
            0 if !field.required => return None,
            1 if !field.required => String::new(),
            _ => value(&field.form, random),
        };
        Some(Element::text(&field.name, &text))
    });
    present.collect()
}

fn signature(random: &mut Random) -> Element {
    let mut signature = Element::text("CHUKYDONVI", random.pick(&["", " ", "MIIB", "\n"]));
    match random.below(4) {
        0 => signature.children.push(foreign()),
        1 => signature.children.extend([foreign(), foreign()]),
        2 => signature.attributes = " Id='a' xml:lang='vi'".to_owned(),
        _ => {}
    }
    signature
}

/// Something of another namespace.
pub(crate) fn foreign() -> Element {
    let inner = Element { attributes: " Algorithm=\"a\"".to_owned(), ..Element::text("ds:SignedInfo", "x") };
    Element {
        attributes: " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"".to_owned(),
        ..Element::new("ds:Signature", vec![inner])
    }
}

/// A right value, as written in XML.
pub(crate) fn value(form: &Form, random: &mut Random) -> String {
    match form {
        Form::Text(length) => {
            let length = length.unwrap_or(30).min(30);
            text(1 + random.below(length.try_into().unwrap()), random)
        }
        Form::Integer(length) => digits(1 + random.below((*length).try_into().unwrap()), random),
        Form::Decimal { characters, decimals } => {
            let whole = digits(1 + random.below(2), random);
            let room = characters.saturating_sub(whole.len() as u32 + 1).min(*decimals);
            let sign = if room > 1 && random.one_in(8) { "-" } else { "" };
            let room = room.saturating_sub(sign.len() as u32);
            if room == 0 || random.one_in(3) {
                return format!("{sign}{whole}");
            }
            format!("{sign}{whole}.{}", digits(1 + random.below(room as usize), random))
        }
        Form::Date8 => random.pick(DAYS).to_string(),
        Form::DateTime12 => format!("{}{}", random.pick(DAYS), random.pick(TIMES)),
        Form::Birth12 if random.one_in(2) => format!("{}{}", random.pick(DAYS), random.pick(TIMES)),
        Form::Birth12 => random.pick(&["194000000000", "198500000810", "000100000000"]).to_string(),
        Form::Moment if random.one_in(3) => random.pick(DAYS).to_string(),
        Form::Moment if random.one_in(2) => format!("{}{}", random.pick(DAYS), random.pick(TIMES)),
        Form::Moment => format!("{}{}{}", random.pick(DAYS), random.pick(TIMES), random.pick(&["00", "59"])),
        Form::Birth8 if random.one_in(2) => random.pick(&["1940", "2000", "0001"]).to_string(),
        Form::Birth8 => random.pick(DAYS).to_string(),
        Form::DateTime14 => format!("{}{}{}", random.pick(DAYS), random.pick(TIMES), random.pick(&["00", "59"])),
        Form::SlashedDate => random.pick(&["05/09/2001", "31/12/1999", "29/02/2024", "28/02/2023"]).to_string(),
        Form::OneOf(_, codes) => escape(&random.pick(codes)),
    }
}

/// Days at the edges of months, years and leap years.
const DAYS: &[&str] =
    &["20260316", "19991231", "00010101", "20240229", "20000229", "24000229", "19000228", "20230131", "20230430"];
const TIMES: &[&str] = &["0810", "0000", "2359"];

fn digits(count: usize, random: &mut Random) -> String {
    (0..count).map(|_| random.pick(&['0', '1', '5', '9'])).collect()
}

/// Text of exactly so many characters, in all the ways XML has of writing them.
pub(crate) fn text(count: usize, random: &mut Random) -> String {
    const CHARACTERS: &[&str] = &[
        "a",
        "Đ",
        "ế",
        "&amp;",
        "&#x1F600;",
        " ",
        "<![CDATA[&]]>",
        "&lt;",
        "\u{1EA1}",
        ";",
        "&#13;",
        "\r\n",
        "<!-- c -->b",
    ];
    (0..count).map(|_| random.pick(CHARACTERS)).collect()
}
