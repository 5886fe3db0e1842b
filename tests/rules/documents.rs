//! The documents the cases start from, their base64 parts decoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::text;

/// The bases: the samples of `schemas/`, and those made of them by edits.
const BASES: &[(&str, &str)] = &[
    ("claim", include_str!("../../schemas/claim/sample.xml")),
    ("referral", include_str!("../../schemas/claim/sample-referral.xml")),
    ("appointment", include_str!("../../schemas/claim/sample-appointment.xml")),
    ("checkin", include_str!("../../schemas/checkin/sample.xml")),
    ("medical-assessment", include_str!("../../schemas/medical-assessment/sample.xml")),
    ("birth", include_str!("../../schemas/birth-certificate/sample.xml")),
    ("death", include_str!("../../schemas/death-certificate/sample.xml")),
    ("voucher", include_str!("../../schemas/electronic-voucher/sample.xml")),
    ("driver", include_str!("../../schemas/driver-health-exam/sample.xml")),
    ("driver-json", include_str!("../../schemas/driver-health-exam/sample.json")),
];

/// `name,base,edits`: bases that many cases share.
const DERIVED: &str = include_str!("bases.csv");

/// A document as text.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Up to the first part; everything where there are no parts.
    pub(crate) head: String,
    /// `LOAIHOSO` and the decoded content.
    pub(crate) parts: Vec<(String, String)>,
    /// After the last part.
    pub(crate) tail: String,
}

/// The base of this name, and the edits that make it of a sample.
pub(crate) fn base(name: &str) -> Result<(Text, String), String> {
    if let Some((_, sample)) = BASES.iter().find(|(known, _)| *known == name) {
        return Ok((Text::read(sample), String::new()));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(DERIVED.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let row = rows.iter().find(|row| &row[0] == name).ok_or_else(|| format!("no base {name}"))?;
    let (text, before) = base(&row[1])?;
    Ok((text, format!("{before} | {}", &row[2])))
}

// === impl Text ===

impl Text {
    fn read(sample: &str) -> Self {
        let Some(first) = text::element(sample, "FILEHOSO", 0) else {
            return Self { head: sample.to_owned(), parts: Vec::new(), tail: String::new() };
        };
        let (mut parts, mut end) = (Vec::new(), first.start);
        while let Some(range) = text::element(sample, "FILEHOSO", end) {
            end = range.end;
            let file = &sample[range];
            let content = STANDARD.decode(text::value(file, "NOIDUNGFILE").trim()).unwrap();
            parts.push((text::value(file, "LOAIHOSO").to_owned(), String::from_utf8(content).unwrap()));
        }
        Self { head: sample[..first.start].to_owned(), parts, tail: sample[end..].to_owned() }
    }

    /// The document as it is sent.
    pub(crate) fn written(&self) -> String {
        let file = |(name, content): &(String, String)| {
            let content = STANDARD.encode(content);
            format!("<FILEHOSO><LOAIHOSO>{name}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>\n")
        };
        let files: String = self.parts.iter().map(file).collect();
        format!("{}{files}{}", self.head, self.tail)
    }

    /// The content of a part; the document itself where it has no parts in base64.
    pub(crate) fn content(&mut self, part: &str) -> Result<&mut String, String> {
        if self.parts.is_empty() {
            return Ok(&mut self.head);
        }
        let found = self.parts.iter_mut().find(|(name, _)| name == part);
        found.map(|(_, content)| content).ok_or_else(|| format!("no part {part}"))
    }
}
