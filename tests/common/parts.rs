//! The parts of a package and their fields, read and changed as text: no code of the program stands between.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The decoded part `name` of a package.
pub(crate) fn part(envelope: &str, name: &str) -> String {
    let (_, rest) = envelope.split_once(&format!("<LOAIHOSO>{name}</LOAIHOSO>")).expect("the package has the part");
    let (_, rest) = rest.split_once("<NOIDUNGFILE>").expect("every part has content");
    let (content, _) = rest.split_once("</NOIDUNGFILE>").expect("every part is closed");
    String::from_utf8(STANDARD.decode(content.trim()).expect("base64")).expect("UTF-8")
}

/// `xml` with the text of its first field `name` replaced; the field is there, filled or empty.
pub(crate) fn with_field(xml: &str, name: &str, value: &str) -> String {
    let (empty, open, close) = (format!("<{name}/>"), format!("<{name}>"), format!("</{name}>"));
    let filled = format!("{open}{value}{close}");
    if let Some((before, after)) = xml.split_once(&empty) {
        return format!("{before}{filled}{after}");
    }
    let (before, rest) = xml.split_once(&open).unwrap_or_else(|| panic!("no field {name}"));
    let (_, after) = rest.split_once(&close).expect("every field is closed");
    format!("{before}{filled}{after}")
}
