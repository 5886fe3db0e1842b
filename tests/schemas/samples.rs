//! The samples, whole and part by part: right for libxml2 and here; and each schema's refusals, seen by hand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::document::schema::Library;

use crate::differential::LIMITS;
use crate::{generate, table, xmllint};

/// Sample, part of its outermost element, version.
const SAMPLES: [(&str, &str, &str); 9] = [
    ("checkin/sample.xml", "XML0", "3176"),
    ("claim/sample.xml", "GIAMDINHHS", "3176"),
    ("claim/sample-referral.xml", "GIAMDINHHS", "3176"),
    ("claim/sample-appointment.xml", "GIAMDINHHS", "3176"),
    ("medical-assessment/sample.xml", "XML12", "3176"),
    ("birth-certificate/sample.xml", "GIAYCHUNGSINH", "2025"),
    ("death-certificate/sample.xml", "GIAYBAOTU", "2025"),
    ("electronic-voucher/sample.xml", "HSCHUNGTU", "2025"),
    ("driver-health-exam/sample.xml", "GKSK", "api"),
];

/// Every sample and every part inside one: its part, version and text.
fn parts() -> Vec<(String, &'static str, String)> {
    let mut parts = Vec::new();
    for (path, part, version) in SAMPLES {
        let text = std::fs::read_to_string(table::root().join("schemas").join(path)).unwrap();
        for (kind, content) in inner(&text, "<LOAIHOSO>", "<NOIDUNGFILE>") {
            parts.push((kind, version, content));
        }
        for (_, content) in inner(&text, "<STATE>", "<SIGNDATA>") {
            parts.push(("root".to_owned(), version, content));
        }
        parts.push((part.to_owned(), version, text));
    }
    parts
}

/// What follows each `first`, and the decoded text of the `second` after it.
fn inner(text: &str, first: &str, second: &str) -> Vec<(String, String)> {
    let up_to_tag = |text: &str| text.split('<').next().unwrap().trim().to_owned();
    let one = |piece: &str| {
        let content = STANDARD.decode(up_to_tag(piece.split(second).nth(1).unwrap())).unwrap();
        (up_to_tag(piece), String::from_utf8(content).unwrap())
    };
    text.split(first).skip(1).map(one).collect()
}

#[test]
fn the_samples_are_right() {
    let library = Library::embedded();
    let mut count = 0;
    for (part, version, text) in parts() {
        let schema = generate::schemas().into_iter().find(|s| s.part["part"] == part && s.version == version).unwrap();
        let path = table::root().join(schema.path());
        assert_eq!(xmllint::verdicts(&path, std::slice::from_ref(&text)), [true], "{part}");
        let faults = library.schema(&part, version).unwrap().unwrap().check(text.as_bytes(), LIMITS).unwrap();
        assert_eq!(faults.list, [], "{part}");
        count += 1;
    }
    println!("{count} samples and parts of samples");
    assert!(count >= 18, "{count}");
}

#[test]
fn a_fault_is_found_where_it_is_and_says_what_to_do() {
    let library = Library::embedded();
    let (_, _, text) = parts().into_iter().find(|(part, ..)| part == "XML2").unwrap();
    let broken = text.replacen("<MA_PTTT>1<", "<MA_PTTT>7<", 1).replacen("<SO_LUONG>", "<SO_LUONG>,", 1);
    assert_ne!(broken, text);
    let schema = library.schema("XML2", "3176").unwrap().unwrap();
    let faults = schema.check(broken.as_bytes(), LIMITS).unwrap().list;
    let mut reader = lienthong::xml::Reader::new(broken.as_bytes(), LIMITS).unwrap();
    let findings: Vec<_> =
        faults.iter().map(|fault| fault.to_finding("XML2", reader.position_at(fault.offset))).collect();
    let seen: Vec<_> = findings.iter().map(|f| (&*f.code, f.place.field.as_str(), f.place.row, &*f.value)).collect();
    assert_eq!(seen, [("XSD_DIGITS", "SO_LUONG", 1, ""), ("XSD_ENUMERATION", "MA_PTTT", 1, "7")]);
    let line = broken.lines().position(|line| line.contains("<SO_LUONG>,")).unwrap() + 1;
    assert_eq!(findings[0].place.line as usize, line);
    assert!(findings[0].cure.en.contains("a number with a decimal point"), "{:?}", findings[0].cure);
    assert!(findings[0].cure.vi.contains("dấu thập phân"), "{:?}", findings[0].cure);
    assert!(findings[1].cure.en.contains("1, 2, 3"), "{:?}", findings[1].cure);
    for finding in &findings {
        println!("{finding:#?}");
    }
}
