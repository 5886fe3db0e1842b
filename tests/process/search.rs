//! Looking for what names a person in every byte of a file, in every form in which it may have come there.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

/// Shorter ones stand in sealed bytes by chance.
const CHARACTERS_MIN: usize = 8;

/// What names somebody, and all forms of it.
pub(crate) struct Needle {
    pub(crate) value: String,
    forms: Vec<(&'static str, Finder<'static>)>,
}

impl Needle {
    pub(crate) fn new(value: &str) -> Self {
        let mut texts = vec![
            ("plain", value.to_owned()),
            ("upper case", value.to_uppercase()),
            ("lower case", value.to_lowercase()),
            ("taken apart", value.nfd().collect()),
            ("put together", value.nfc().collect()),
        ];
        let escaped = |upper: bool| {
            let unit = |unit: u16| match unit {
                0x20..=0x7E => char::from(u8::try_from(unit).unwrap()).to_string(),
                _ if upper => format!("\\u{unit:04X}"),
                _ => format!("\\u{unit:04x}"),
            };
            value.encode_utf16().map(unit).collect::<String>()
        };
        texts.extend([("escaped in JSON", escaped(true)), ("escaped in JSON, lower", escaped(false))]);
        let percent = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        let form = form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        texts.extend([
            ("percent-encoded, lower", percent.to_lowercase()),
            ("percent-encoded", percent),
            ("in a form", form),
        ]);
        let mut forms: Vec<(&'static str, Vec<u8>)> =
            texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
        forms.push(("UTF-16", value.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        forms.push(("UTF-16, big end first", value.encode_utf16().flat_map(u16::to_be_bytes).collect()));
        forms.push(("hexadecimal", value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()));
        for shift in 0..3 {
            // What stands before and behind it changes the outermost characters only; those are left out.
            for (name, engine) in [("base64", &STANDARD), ("base64 of URLs", &URL_SAFE)] {
                let encoded = engine.encode([&b"???"[..shift], value.as_bytes()].concat());
                let first = if shift == 0 { 0 } else { 4 };
                let last = encoded.trim_end_matches('=').len() - usize::from(!(shift + value.len()).is_multiple_of(3));
                forms.push((name, encoded.as_bytes()[first..last].to_vec()));
            }
        }
        let forms = forms.into_iter().map(|(name, bytes)| (name, Finder::new(&bytes).into_owned())).collect();
        Self { value: value.to_owned(), forms }
    }

    /// The form in which it stands in `bytes`.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        self.forms.iter().find(|(_, form)| form.find(bytes).is_some()).map(|(name, _)| *name)
    }
}

/// Every value in a document that names somebody, those in base64 within it too.
pub(crate) fn names_in(document: &str) -> BTreeSet<String> {
    const FIELDS: [&str; 14] = [
        "HO_TEN",
        "HOTEN",
        "TEN_CON",
        "SO_CCCD",
        "CMND",
        "MA_THE",
        "DIA_CHI",
        "DIACHI",
        "CU_TRU_NND",
        "NGAY_SINH",
        "NGAYSINH",
        "MA_BHXH",
        "MA_BN",
        "MA_LK",
    ];
    let names_somebody = |field: &str| FIELDS.iter().any(|known| field.contains(known)) && !field.contains("MATINH");
    let mut found = BTreeSet::new();
    let mut take = |field: &str, value: &str| {
        let value = value.trim();
        if names_somebody(field) && value.chars().count() >= CHARACTERS_MIN {
            found.extend(value.split(';').map(str::to_owned).filter(|part| part.chars().count() >= CHARACTERS_MIN));
        }
    };
    for piece in document.split('<').skip(1) {
        if let Some((field, value)) = piece.split_once('>') {
            take(field, value);
        }
    }
    for line in document.lines() {
        if let Some((field, value)) = line.trim().trim_end_matches(',').split_once("\": \"") {
            take(field, value.trim_end_matches('"'));
        }
    }
    for word in document.split(['<', '>', '"']).filter(|word| word.len() > 60) {
        if let Some(inner) = STANDARD.decode(word.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            found.extend(names_in(&inner));
        }
    }
    found
}

/// Every file below `folder`, with its content.
pub(crate) fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

#[test]
fn a_name_is_found_in_every_form_and_wherever_it_stands() {
    let name = "Trần Thị Ví Dụ Ở Đây";
    let needle = Needle::new(name);
    for before in 0..7 {
        for after in 0..4 {
            let text = format!("{}{name}{}", "x".repeat(before), "y".repeat(after));
            for bytes in [
                text.clone().into_bytes(),
                text.to_uppercase().into_bytes(),
                STANDARD.encode(&text).into_bytes(),
                URL_SAFE.encode(&text).into_bytes(),
                form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into_bytes(),
                text.nfd().collect::<String>().into_bytes(),
                text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ] {
                assert!(needle.found_in(&bytes).is_some(), "{before} {after}");
            }
        }
    }
    assert_eq!(Needle::new("Dụ \"Ở").found_in(br#"{"a": "D\u1ee5 \"\u1ede"}"#), None, "a quote is not among the forms");
    assert_eq!(Needle::new("Dụ Ở").found_in(br#"{"a": "D\u1ee5 \u1ede"}"#), Some("escaped in JSON, lower"));
    assert!(Needle::new("001185012345").found_in(STANDARD.encode("x001185912345y").as_bytes()).is_none());
    let inner = format!("<A><HO_TEN>{name}</HO_TEN><NGAY_SINH>19850512</NGAY_SINH><HO_TEN>A</HO_TEN></A>");
    let outer = format!("<NOIDUNGFILE>{}</NOIDUNGFILE>\n  \"HOTEN\": \"PHẠM VĂN THỬ\",\n", STANDARD.encode(inner));
    assert_eq!(names_in(&outer), ["19850512", "PHẠM VĂN THỬ", name].map(str::to_owned).into());
}
