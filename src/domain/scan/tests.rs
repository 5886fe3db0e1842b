//! Tables of scans.

use proptest::prelude::*;

use super::*;

const IDENTITY: &str =
    "000080000000|000000001|Nguyễn Văn Thử|01011980|Nam|Thôn Mẫu, Xã Ví Dụ, Tỉnh Thử Nghiệm|01072021";
const INSURANCE: &str = "GD4000000000001|4e677579e1bb856e2056c4836e205468e1bbad|01/01/1980|1|5468c3b46e204de1baab752c2058c3a32056c3ad2044e1bba52c2054e1bb896e68205468e1bbad204e676869e1bb876d|00 - 001|01/01/2026|31/12/2026|02/01/2026|00000000000001|-|4|01/01/2030|0f0f0f0f0f0f0f0f-0000|$";

fn iso(date: Option<PartialDate>) -> Option<String> {
    date.map(PartialDate::iso)
}

type Summary = (&'static str, &'static str, Vec<&'static str>);

/// Kind, confidence and warnings, in the API's words.
fn summary(raw: &str) -> Result<Summary, &'static str> {
    let scan = Scan::parse(raw).map_err(ScanError::code)?;
    Ok((scan.kind.name(), scan.confidence.name(), scan.warnings.iter().map(|warning| warning.code()).collect()))
}

#[test]
fn the_documented_identity_card_is_read_whole() {
    let scan = Scan::parse(IDENTITY).unwrap();
    assert_eq!((scan.kind.name(), scan.confidence.name()), ("cccd", "cao"));
    assert_eq!(scan.national_id.map(|id| id.as_str().to_owned()).as_deref(), Some("000080000000"));
    assert_eq!(scan.old_id.as_deref(), Some("000000001"));
    assert_eq!(scan.name.as_deref(), Some("Nguyễn Văn Thử"));
    assert_eq!(scan.person_name().unwrap().as_str(), "NGUYỄN VĂN THỬ");
    assert_eq!(iso(scan.birth).as_deref(), Some("1980-01-01"));
    assert_eq!(scan.sex, Some(Sex::Male));
    assert_eq!(scan.address.as_deref(), Some("Thôn Mẫu, Xã Ví Dụ, Tỉnh Thử Nghiệm"));
    assert_eq!(iso(scan.issued).as_deref(), Some("2021-07-01"));
    assert!(scan.extra.is_empty() && scan.warnings.is_empty());
    assert_eq!(scan.subject().unwrap().as_str(), "000080000000");
}

#[test]
fn the_documented_insurance_card_is_read_whole() {
    let scan = Scan::parse(INSURANCE).unwrap();
    assert_eq!((scan.kind.name(), scan.confidence.name()), ("bhyt", "cao"));
    assert_eq!(scan.subject().unwrap().as_str(), "GD4000000000001");
    assert_eq!(scan.name.as_deref(), Some("Nguyễn Văn Thử"));
    assert_eq!(iso(scan.birth).as_deref(), Some("1980-01-01"));
    assert_eq!(scan.sex, Some(Sex::Male));
    assert_eq!(scan.address.as_deref(), Some("Thôn Mẫu, Xã Ví Dụ, Tỉnh Thử Nghiệm"));
    assert_eq!(scan.facility.unwrap().as_str(), "00001");
    assert_eq!(iso(scan.valid_from).as_deref(), Some("2026-01-01"));
    assert_eq!(iso(scan.valid_to).as_deref(), Some("2026-12-31"));
    assert_eq!(iso(scan.issued).as_deref(), Some("2026-01-02"));
    assert_eq!(iso(scan.five_years).as_deref(), Some("2030-01-01"));
    assert_eq!(
        (scan.office.as_deref(), scan.area.as_deref(), scan.guardian),
        (Some("00000000000001"), Some("4"), None)
    );
    assert!(scan.extra.is_empty() && scan.warnings.is_empty());
}

#[test]
fn kinds_and_warnings() {
    let high = |kind| Ok((kind, "cao", vec![]));
    for (raw, expected) in [
        (format!("\u{FEFF}{IDENTITY}\r\n"), high("cccd")),
        (format!("{IDENTITY}\t"), high("cccd")),
        (format!("{IDENTITY}|"), high("cccd")),
        ("001185012345||Nguyễn Thị Ví Dụ|12051985|Nữ|Số 1|01072021".to_owned(), high("cccd")),
        ("001185012345||NGUYEN THI VI DU|051985|nu|Số 1|01072021".to_owned(), high("cccd")),
        ("001185012345||Nguyễn Thị Ví Dụ|1985|nu|Số 1|01072021".to_owned(), high("cccd")),
        // Seven fields without a date, and six.
        (
            "001185012345||Nguyễn Thị Ví Dụ|12051985|Nữ|Số 1|".to_owned(),
            Ok(("cccd", "cao", vec!["scan.issue_date_missing"])),
        ),
        (
            "001185012345|012345678|Nguyễn Thị Ví Dụ|12051985|Nữ|Số 1".to_owned(),
            Ok(("cccd", "cao", vec!["scan.issue_date_missing"])),
        ),
        (
            "001185012345|Nguyễn Thị Ví Dụ|12051985|Nữ|Số 1|01072021".to_owned(),
            Ok(("cccd", "trung_binh", vec!["scan.old_id_missing"])),
        ),
        // A card of 2024 with what is not published.
        (format!("{IDENTITY}|Trần Văn A||Lê Thị B"), Ok(("cccd", "trung_binh", vec![]))),
        // The ID tells a woman born 1985.
        (
            "001185012345||Nguyễn Văn Dụ|12051986|Nam|Số 1|01072021".to_owned(),
            Ok(("cccd", "cao", vec!["scan.sex_differs_from_id", "scan.birth_year_differs_from_id"])),
        ),
        (
            "003185012345||Nguyễn Thị Ví Dụ|12051985|Nữ|Số 1|01072021".to_owned(),
            Ok(("cccd", "thap", vec!["scan.id_unreadable"])),
        ),
        (
            "001185012345||Nguyễn Thị Ví Dụ|32051985|?|Số 1|x".to_owned(),
            Ok(("cccd", "trung_binh", vec!["scan.birth_unreadable", "scan.sex_unreadable", "scan.date_unreadable"])),
        ),
        ("001185012345|a|b1|c|d|e|f".to_owned(), Err("qr.unknown")),
        ("001185012345|a|b".to_owned(), Err("qr.unknown")),
        // Insurance cards: ten digits, other forms of dates, dashes, plain text.
        (INSURANCE.replace("GD4000000000001", "0000000001"), high("bhyt")),
        (INSURANCE.replace("01/01/1980", "01011980"), high("bhyt")),
        (INSURANCE.replace("01/01/1980", "1980"), high("bhyt")),
        (INSURANCE.replace("00 - 001", "00 – 001"), high("bhyt")),
        (INSURANCE.replace("31/12/2026", "-"), high("bhyt")),
        (INSURANCE.replace("4e677579e1bb856e2056c4836e205468e1bbad", "Nguyễn Văn Thử"), high("bhyt")),
        (INSURANCE.replace("|$", ""), Ok(("bhyt", "trung_binh", vec!["scan.incomplete"]))),
        ("GD4000000000001|4e|1980".to_owned(), Ok(("bhyt", "trung_binh", vec!["scan.incomplete"]))),
        (
            INSURANCE.replace("4e677579e1bb856e2056c4836e205468e1bbad", "4e677579ê1bb856ê"),
            Ok(("bhyt", "trung_binh", vec!["scan.name_unreadable"])),
        ),
        (
            INSURANCE.replace("4e677579e1bb856e2056c4836e205468e1bbad", "ffff"),
            Ok(("bhyt", "trung_binh", vec!["scan.text_unreadable"])),
        ),
        (INSURANCE.replace("00 - 001", "1"), Ok(("bhyt", "cao", vec!["scan.facility_unreadable"]))),
        (INSURANCE.replace("GD4", "GD9"), Ok(("bhyt", "thap", vec!["scan.card_number_unreadable"]))),
        ("GD4000000000001|".to_owned(), Err("qr.unknown")),
        // A number alone.
        ("0199999991".to_owned(), Ok(("bhyt", "thap", vec!["scan.number_only"]))),
        ("gd4010199999991".to_owned(), Ok(("bhyt", "thap", vec!["scan.number_only"]))),
        ("001185012345".to_owned(), Ok(("cccd", "thap", vec!["scan.number_only"]))),
        // VNeID and what is no card.
        ("https://vneid.gov.vn/s/abc".to_owned(), Err("qr.unsupported_vneid")),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln".to_owned(), Err("qr.unsupported_vneid")),
        ("Zm9vYmFyYmF6cXV4Zm9vYmFy".to_owned(), Err("qr.unsupported_vneid")),
        ("A7F3K9Q2".to_owned(), Err("qr.unsupported_vneid")),
        ("hello".to_owned(), Err("qr.unknown")),
        ("xin chào".to_owned(), Err("qr.unknown")),
        ("12345".to_owned(), Err("qr.unknown")),
        ("a|b|c|d|e|f|g".to_owned(), Err("qr.unknown")),
        ("{\"a\":1}".to_owned(), Err("qr.unknown")),
        (String::new(), Err("qr.empty")),
        (" \r\n".to_owned(), Err("qr.empty")),
        ("1".repeat(SCAN_BYTES_MAX + 1), Err("qr.too_long")),
    ] {
        assert_eq!(summary(&raw), expected, "{raw}");
    }
}

#[test]
fn extra_fields_are_kept_in_order() {
    let scan = Scan::parse(&format!("{IDENTITY}|Trần Văn A||Lê Thị B||")).unwrap();
    assert_eq!(scan.extra, ["Trần Văn A", "", "Lê Thị B"]);
}

#[test]
fn decomposed_text_is_composed() {
    let decomposed: String = IDENTITY.nfd().collect();
    assert_eq!(Scan::parse(&decomposed), Scan::parse(IDENTITY));
}

#[test]
fn chip_fields_are_taken() {
    let fields = ChipFields {
        national_id: "001185012345",
        old_id: "012345678",
        name: "NGUYỄN THỊ VÍ DỤ",
        birth: "12/05/1985",
        sex: "Nữ",
        address: "Số 1",
        issued: "01/07/2021",
        expires: "Không thời hạn",
    };
    let scan = Scan::from_chip(&fields).unwrap();
    assert_eq!((scan.kind.name(), scan.confidence.name(), scan.warnings.len()), ("chip", "cao", 0));
    assert_eq!((scan.valid_to, iso(scan.issued).as_deref()), (None, Some("2021-07-01")));
    let other = ChipFields { sex: "Nam", ..fields };
    assert_eq!(Scan::from_chip(&other).unwrap().warnings, [ScanWarning::SexDiffersFromId]);
    assert_eq!(Scan::from_chip(&ChipFields::default()), Err(ScanError::Unknown));
    let long = "x".repeat(SCAN_BYTES_MAX);
    assert_eq!(Scan::from_chip(&ChipFields { address: &long, ..fields }), Err(ScanError::TooLong));
}

#[test]
fn debug_shows_nothing_of_the_person() {
    for raw in [IDENTITY, INSURANCE] {
        let shown = format!("{:?}", Scan::parse(raw));
        for secret in ["Thử", "1980", "000080000000", "GD4", "Thôn"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert_eq!(format!("{:?}", ChipFields { name: "A", ..ChipFields::default() }), "ChipFields(redacted)");
}

proptest! {
    #[test]
    fn no_input_panics(raw in ".{0,200}") {
        let _verdict = Scan::parse(&raw);
    }

    #[test]
    fn no_fields_panic(
        first in prop::sample::select(vec!["001185012345", "GD4010199999991", "0199999991", "x"]),
        rest in prop::collection::vec("[0-9a-f]{0,12}|.{0,6}|[0-9]{2}/[0-9]{2}/[0-9]{4}", 0..18),
    ) {
        let _verdict = Scan::parse(&format!("{first}|{}", rest.join("|")));
    }
}
