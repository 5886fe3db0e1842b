//! GKSKLX, the driver health exam: as XML (root GKSK, one desktop tool's form) and as the JSON the portal takes.

mod json;

pub(super) use self::json::{is_json, read as read_json};

use super::Limits;
use super::inspection::Inspection;
use super::package::decode;
use super::reading::Reading;
use super::row::{Places, Row};
use super::rule;
use crate::xml::{self, Event, Reader, push_text};

/// The fields in the order of the official sample (`portal-api.md`, section 5.1).
const WIRE_ORDER: [&str; 25] = [
    "SO",
    "HOTEN",
    "GIOITINHVAL",
    "NGAYSINH",
    "DIACHITHUONGTRU",
    "MATINH_THUONGTRU",
    "MAHUYEN_THUONGTRU",
    "MAXA_THUONGTRU",
    "SOCMND_PASSPORT",
    "NGAYTHANGNAMCAPCMND",
    "NOICAP",
    "IDBENHVIEN",
    "BENHVIEN",
    "NONGDOCON",
    "DVINONGDOCON",
    "MATUY",
    "NGAYKETLUAN",
    "BACSYKETLUAN",
    "KETLUAN",
    "HANGBANGLAI",
    "NGAYKHAMLAI",
    "LYDO",
    "TINHTRANGBENH",
    "STATE",
    "SIGNDATA",
];

/// What is signed, each with the name of the field beside the signature (`gksklx-signed-root.csv`).
const SIGNED: [(&str, &str); 21] = [
    ("SO", "SO"),
    ("HOTEN", "HOTEN"),
    ("NGAYSINH", "NGAYSINH"),
    ("GIOITINHVAL", "GIOITINHVAL"),
    ("SOCMND_PASSPORT", "SOCMND_PASSPORT"),
    ("NGAYTHANGNAMCAPCMD", "NGAYTHANGNAMCAPCMND"),
    ("NOICAP", "NOICAP"),
    ("DIACHITHUONGTRU", "DIACHITHUONGTRU"),
    ("MATINH_THUONGTRU", "MATINH_THUONGTRU"),
    ("MAHUYEN_THUONGTRU", "MAHUYEN_THUONGTRU"),
    ("MAXA_THUONGTRU", "MAXA_THUONGTRU"),
    ("NONGDOCON", "NONGDOCON"),
    ("DVINONGDOCON", "DVINONGDOCON"),
    ("MATUY", "MATUY"),
    ("KETLUAN", "KETLUAN"),
    ("HANGBANGLAI", "HANGBANGLAI"),
    ("NGAYKETLUAN", "NGAYKETLUAN"),
    ("BACSYKETLUAN", "BACSYKETLUAN"),
    ("NGAYKHAMLAI", "NGAYKHAMLAI"),
    ("LYDO", "LYDO"),
    ("TINHTRANGBENH", "TINHTRANGBENH"),
];

/// Fields of one exam. The sample has 25; room for what later forms add, and none for documents made to fill the memory
/// with their names.
const FIELDS_MAX: usize = 256;

/// Reads what stands under the root element.
pub(super) fn read_xml<'r>(inspection: &mut Inspection<'r>, reading: &mut Reading<'r, '_>) -> Result<(), xml::Error> {
    while let Some(ended) = reading.next()? {
        if ended.name == reading.part.record {
            let (row, mut places) = reading.split(true);
            check(row, &mut places, inspection);
        }
    }
    Ok(())
}

/// Has the row checked and the signature looked at: the same for both forms.
fn check<'r>(row: &Row<'r, '_>, places: &mut dyn Places, inspection: &mut Inspection<'r>) {
    inspection.row(row, places);
    let outline = &mut inspection.outline;
    outline.records = 1;
    outline.parts.push(row.part.name.to_owned());
    outline.replaces = row.get("STATE").is_some_and(|state| state.text.trim_ascii() == "EDIT");
    let Some(field) = row.get("SIGNDATA") else { return };
    match Signed::read(&field.text, &inspection.limits) {
        Some(signed) => {
            outline.signed = signed.has_signature;
            compare(row, &signed, places, inspection);
        }
        None => {
            let place = places.place(field.offset, 1, "SIGNDATA");
            inspection.report.push(&rule::SIGNDATA_UNREADABLE, place, String::new());
        }
    }
}

/// Says of every field whether it is what was signed (rules.csv, EDOC-17).
fn compare(row: &Row<'_, '_>, signed: &Signed, places: &mut dyn Places, inspection: &mut Inspection<'_>) {
    for (signed_name, name) in SIGNED {
        let Some((_, value)) = signed.fields.iter().find(|(field, _)| field == signed_name) else { continue };
        let outer = row.get(name);
        if outer.map_or("", |outer| outer.text.trim()) != value.trim() {
            let place = places.place(outer.map_or(row.offset, |outer| outer.offset), 1, name);
            inspection.rules.differs_from_signed(place, &mut inspection.report);
        }
    }
}

/// What `SIGNDATA` holds.
#[derive(Default)]
struct Signed {
    has_signature: bool,
    /// Those of the signed document, none if it is another one.
    fields: Vec<(String, String)>,
}

impl Signed {
    /// `None` if it cannot be read. Unsigned senders write nothing or `test` (`portal-api.md`, section 5.1).
    fn read(signdata: &str, limits: &Limits) -> Option<Self> {
        let mut signed = Self::default();
        if matches!(signdata.trim_ascii(), "" | "test") {
            return Some(signed);
        }
        let mut decoded = Vec::new();
        if !decode(signdata, &mut decoded) {
            return None;
        }
        let mut reader = Reader::new(&decoded, limits.xml()).ok()?;
        let mut known = false;
        loop {
            let event = reader.read().ok()?;
            let field = signed.fields.last_mut().filter(|_| reader.depth() == 2);
            match (event, field) {
                (Event::Start(tag), _) => {
                    signed.has_signature |= tag.local_name() == "Signature";
                    known |= reader.depth() == 1 && tag.name == "root";
                    if signed.fields.len() >= FIELDS_MAX {
                        return None;
                    }
                    if known && reader.depth() == 2 {
                        signed.fields.push((tag.name.to_owned(), String::new()));
                    }
                }
                (Event::Text(piece), Some((_, text))) => push_text(text, piece),
                (Event::Character(character), Some((_, text))) => text.push(character),
                (Event::Eof, _) => return Some(signed),
                _ => {}
            }
        }
    }
}

/// The portal's JSON for XML that [`read_xml`] found right; `None` if it is no such XML.
pub(super) fn to_json(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let fields = read_fields(bytes, limits).ok()?;
    let known = WIRE_ORDER.iter().filter_map(|name| fields.iter().find(|(field, _)| field == name));
    let others = fields.iter().filter(|(field, _)| !WIRE_ORDER.contains(field));
    let mut wire = String::from("{");
    for (name, value) in known.chain(others) {
        if wire.len() > 1 {
            wire.push(',');
        }
        // `Value` writes a string as JSON without a way to fail.
        wire.push_str(&serde_json::Value::from(*name).to_string());
        wire.push(':');
        wire.push_str(&serde_json::Value::from(value.as_str()).to_string());
    }
    wire.push('}');
    Some(wire.into_bytes())
}

fn read_fields<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Vec<(&'a str, String)>, xml::Error> {
    let mut reader = Reader::new(bytes, limits.xml())?;
    let mut fields: Vec<(&str, String)> = Vec::new();
    loop {
        match (reader.read()?, fields.last_mut()) {
            (Event::Start(tag), _) if reader.depth() == 2 => fields.push((tag.name, String::new())),
            (Event::Text(piece), Some((_, text))) if reader.depth() == 2 => push_text(text, piece),
            (Event::Character(character), Some((_, text))) if reader.depth() == 2 => text.push(character),
            (Event::Eof, _) => return Ok(fields),
            _ => {}
        }
    }
}
