//! Documents that say two things at once, or hide whose record they are: each was accepted once, and never is again.

use super::*;
use crate::document::rules::Settings;
use crate::document::schema::Library;

/// The claim sample with one part changed.
fn with_part(name: &str, from: &str, to: &str) -> String {
    let text = sample!("claim/sample.xml");
    let part = String::from_utf8(Document::part(text.as_bytes(), name).unwrap()).unwrap();
    assert!(part.contains(from), "{from}");
    let marker = format!("<LOAIHOSO>{name}</LOAIHOSO>");
    let (before, rest) = text.split_once(&marker).unwrap();
    let (open, rest) = rest.split_once("<NOIDUNGFILE>").unwrap();
    let (_, after) = rest.split_once("</NOIDUNGFILE>").unwrap();
    let content = STANDARD.encode(part.replacen(from, to, 1));
    format!("{before}{marker}{open}<NOIDUNGFILE>{content}</NOIDUNGFILE>{after}")
}

#[track_caller]
fn refused(text: &str, code: &str) {
    let Err(findings) = parse(text) else { panic!("accepted") };
    assert!(findings.listed().iter().any(|finding| finding.code == code), "{findings:?}");
}

/// Parsed while every rule that can be softened is off.
fn softened(text: &str) -> Result<Document, Findings> {
    let rulebook = Rulebook::embedded();
    let mut settings = Settings::default();
    for code in rulebook.rules().changeable() {
        settings.change(rulebook.rules(), code, None).unwrap();
    }
    let rulebook = rulebook.with_settings(settings);
    Document::parse(text.as_bytes(), &Limits::default(), &rulebook, TODAY)
}

#[test]
fn a_certificate_with_two_numbers_is_refused_whatever_else_is_odd_about_them() {
    let birth = sample!("birth-certificate/sample.xml");
    let number = "<MA_GCS>00012.GCS.79999.26</MA_GCS>";
    refused(&birth.replace(number, &format!("<MA_GCS>ABC</MA_GCS>{number}")), "REPEATED_FIELD");
    refused(&birth.replace(number, "<MA_GCS>A<B>00012.GCS.79999.26</B></MA_GCS>"), "XSD_NESTED_ELEMENT");
    refused(&birth.replace("00012.GCS.79999.26", &"1".repeat(150)), "XSD_TOO_LONG");
}

#[test]
fn a_count_that_is_no_number_is_refused_though_the_records_are_more() {
    let text = sample!("claim/sample.xml");
    refused(&text.replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>+0<"), "XSD_DIGITS");
}

#[test]
fn what_identifies_stands_once_whatever_rules_are_off() {
    for text in [
        with_part("XML1", "<MA_LK>", "<MA_CSKCB>01999</MA_CSKCB><MA_LK>"),
        with_part("XML2", "<MA_LK>HS2603160001</MA_LK>", "<MA_LK>HS2603160001</MA_LK><MA_LK>HS2603160001</MA_LK>"),
        sample!("claim/sample.xml").replacen("<FILEHOSO>", "<FILEHOSO><NOIDUNGFILE>PGEvPg==</NOIDUNGFILE>", 1),
        sample!("claim/sample.xml").replacen("<NGAYLAP>", "<NGAYLAP>20240101</NGAYLAP><NGAYLAP>", 1),
    ] {
        let findings = softened(&text).unwrap_err();
        assert!(findings.listed().iter().any(|finding| finding.code == "REPEATED_FIELD"), "{findings:?}");
    }
}

#[test]
fn what_nobody_reads_is_refused_whatever_rules_are_off() {
    let text = sample!("claim/sample.xml");
    let hidden = "<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>PGEvPg==</NOIDUNGFILE></FILEHOSO></HOSO>";
    for text in [
        text.replacen("<DANHSACHHOSO>", &format!("<DANHSACHHOSO><KHAC>{hidden}</KHAC>"), 1),
        text.replacen("<HOSO>", "<hoso></hoso><HOSO>", 1),
        text.replace("<CHUKYDONVI/>", &format!("<CHUKYDONVI>{hidden}</CHUKYDONVI>")),
        with_part("XML1", "<MA_LK>", "<MA_LK xmlns='urn:x'>KHAC</MA_LK><MA_LK>"),
    ] {
        let findings = softened(&text).unwrap_err();
        assert!(findings.listed().iter().any(|finding| finding.code == "XSD_UNEXPECTED_ELEMENT"), "{findings:?}");
    }
}

#[test]
fn only_a_signature_signs() {
    let text = sample!("claim/sample.xml");
    let other = text.replace("<CHUKYDONVI/>", "<CHUKYDONVI><x:y xmlns:x='urn:x'/></CHUKYDONVI>");
    assert!(!parse(&other).unwrap().signed);
}

#[test]
fn members_equal_but_for_case_are_one_member_twice() {
    let json = sample!("driver-health-exam/sample.json");
    let twice = json.replacen('{', "{\"so\": \"00099/GKSKLX/79999/26\",", 1);
    refused(&twice, "REPEATED_FIELD");
}

#[test]
fn findings_of_a_record_without_a_key_are_nobody_elses() {
    let record = |key: &str| xml1(key, "01999");
    let text = claim("01999", "2", &[&[("XML1", &record(""))], &[("XML1", &record("BBB"))]]);
    let findings = parse(&text).unwrap_err();
    let by_record: Vec<&str> = findings.by_record().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(by_record, ["", "BBB"]);
}

#[test]
fn no_number_of_a_person_is_shown_where_a_date_or_a_name_belongs() {
    let person = "001185012345";
    for text in [
        with_part("XML1", "<NGAY_RA>202603161040<", &format!("<NGAY_RA>{person}<")),
        with_part("XML1", "<CAN_NANG>52.50<", &format!("<CAN_NANG>{person}<")),
        sample!("claim/sample.xml").replacen("<LOAIHOSO>XML2<", "<LOAIHOSO>GD4010199999991<", 1),
        sample!("claim/sample.xml").replacen("<LOAIHOSO>XML2<", &format!("<LOAIHOSO>{person}<"), 1),
    ] {
        let shown = format!("{:?}", parse(&text).unwrap_err());
        assert!(!shown.contains(person) && !shown.contains("GD40101"), "{shown}");
    }
}

#[test]
fn a_part_nobody_knows_or_that_stands_twice_breaks_no_sum() {
    let unknown = sample!("claim/sample.xml").replacen("<LOAIHOSO>XML2<", "<LOAIHOSO>XML77<", 1);
    assert_eq!(codes(&unknown), ["UNKNOWN_PART"]);
}

#[test]
fn a_folder_cannot_take_the_records_away() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("claim/3176");
    std::fs::create_dir_all(&place).unwrap();
    let library = Library::embedded();
    let envelope = library.entry("GIAMDINHHS", "3176").unwrap().text().replace("\"HOSO\"", "\"HOSO1\"");
    std::fs::write(place.join("GIAMDINHHS.xsd"), envelope).unwrap();
    let rows = library.entry("XML4", "3176").unwrap().text().replace("\"CHI_TIET_CLS\"", "\"DONG\"");
    std::fs::write(place.join("XML4.xsd"), rows).unwrap();
    let faults = Library::with_folder(folder.path()).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
}
