//! GKSKLX, the driver health exam: as XML (root GKSK, one desktop tool's form) and as the JSON the portal takes.

mod json;

pub(super) use self::json::{is_json, read as read_json};

use std::collections::HashSet;

use super::checks::{Checks, Row};
use super::finding::Findings;
use super::mask;
use super::package::decode;
use super::part::DRIVER_EXAM;
use super::rule::{self, Report};
use super::walk::{Places, Walker};
use super::{Limits, Outline};
use crate::xml::{self, Event, Reader};

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

/// Reads the fields under the root, which was entered already.
pub(super) fn read_xml(
    walker: &mut Walker<'_>,
    limits: &Limits,
    checks: &mut Checks,
    report: &mut Report,
    outline: &mut Outline,
) -> Result<(), xml::Error> {
    walker.set_part(DRIVER_EXAM.name);
    let mut row = Row::new(&DRIVER_EXAM, 1, walker.offset());
    let mut names: HashSet<&str> = HashSet::new();
    while let Some(tag) = walker.child(report)? {
        let offset = walker.offset();
        let place = walker.place_here(mask::name(tag.name));
        let value = walker.text()?;
        // Every field becomes a JSON member, so every field, not only the identifying ones, is single and plain text.
        if !DRIVER_EXAM.identity.contains(&tag.name) {
            if names.contains(tag.name) {
                report.push(&rule::REPEATED_FIELD, place.clone(), String::new());
            }
            if value.nested {
                report.push(&rule::NESTED_FIELD, place, String::new());
            }
        }
        names.insert(tag.name);
        row.field(tag.name, value, offset);
    }
    walker.look_back(|walker, _| finish(&row, limits, checks, walker, report, outline));
    Ok(())
}

/// Has the row checked and the signature looked at: the same for both forms.
fn finish(
    row: &Row<'_>,
    limits: &Limits,
    checks: &mut Checks,
    places: &mut dyn Places,
    report: &mut Report,
    outline: &mut Outline,
) {
    checks.row(row, places, report);
    outline.records = 1;
    outline.parts.push(DRIVER_EXAM.name.to_owned());
    outline.replaces = row.get("STATE").is_some_and(|state| state.value.text.trim_ascii() == "EDIT");
    let Some(field) = row.get("SIGNDATA") else { return };
    match is_signed(&field.value.text, limits) {
        Some(signed) => outline.signed = signed,
        None => {
            let place = places.place(field.offset, 1, "SIGNDATA");
            report.push(&rule::SIGNDATA_UNREADABLE, place, String::new());
        }
    }
}

/// Whether `SIGNDATA` holds a signature; `None` if it cannot be read. Unsigned senders write nothing or `test`
/// (`portal-api.md`, section 5.1).
fn is_signed(signdata: &str, limits: &Limits) -> Option<bool> {
    if matches!(signdata.trim_ascii(), "" | "test") {
        return Some(false);
    }
    let mut decoded = Vec::new();
    if !decode(signdata, &mut decoded) {
        return None;
    }
    let mut reader = Reader::new(&decoded, limits.xml()).ok()?;
    let mut signed = false;
    loop {
        match reader.read().ok()? {
            Event::Start(tag) => signed |= tag.local_name() == "Signature",
            Event::Eof => return Some(signed),
            _ => {}
        }
    }
}

/// The portal's JSON for XML that [`read_xml`] found right.
pub(super) fn to_json(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Findings> {
    let mut report = Report::default();
    let fields = read_fields(bytes, limits, &mut report).map_err(|error| {
        let mut report = Report::default();
        report.malformed("", error);
        report.into_findings()
    })?;
    let known = WIRE_ORDER.iter().filter_map(|name| fields.iter().find(|(field, _)| field == name));
    let others = fields.iter().filter(|(field, _)| !WIRE_ORDER.contains(&field.as_str()));
    let mut wire = String::from("{");
    for (name, value) in known.chain(others) {
        if wire.len() > 1 {
            wire.push(',');
        }
        // `Value` writes a string as JSON without a way to fail.
        wire.push_str(&serde_json::Value::from(name.as_str()).to_string());
        wire.push(':');
        wire.push_str(&serde_json::Value::from(value.as_str()).to_string());
    }
    wire.push('}');
    Ok(wire.into_bytes())
}

fn read_fields(bytes: &[u8], limits: &Limits, report: &mut Report) -> Result<Vec<(String, String)>, xml::Error> {
    let mut walker = Walker::open(bytes, limits.xml(), DRIVER_EXAM.name)?;
    walker.root()?;
    let mut fields = Vec::new();
    while let Some(tag) = walker.child(report)? {
        fields.push((tag.name.to_owned(), walker.text()?.text.into_owned()));
    }
    Ok(fields)
}
