//! Every guard has a broken neighbour: a right document, one thing wrong, the rule that says so.

use super::*;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(guards(text), expected, "{}", text.get(..200.min(text.len())).unwrap_or_default());
}

/// The first finding of a document that must not pass.
#[track_caller]
fn first(text: &str) -> Finding {
    let found = parse(text).unwrap_err();
    let guard = |finding: &&Finding| !finding.code.starts_with("XSD_") && !finding.code.contains('-');
    found.listed().iter().find(guard).cloned().unwrap()
}

#[test]
fn whole_documents() {
    check("", &["XML_EMPTY"]);
    check("PK", &["XML_NOT_XML"]);
    check("<HOSO/>", &["UNKNOWN_ROOT"]);
    check("<x:GKSK xmlns:x='u'/>", &["UNKNOWN_ROOT"]);
    let cure = first("<HOSO/>").cure;
    assert!(kind::KINDS.iter().all(|facts| cure.vi.contains(facts.root) && cure.en.contains(facts.root)));
    assert!(
        codes(&sample!("checkin/sample.xml").replace("_KCB>\n  <DSACH", "_KCB xmlns='u'>\n  <DSACH"))
            .contains(&"ROOT_NAMESPACE".to_owned())
    );
    let limits = Limits { bytes_max: 10, ..Limits::default() };
    let findings = Document::parse(sample!("claim/sample.xml").as_bytes(), &limits, rulebook(), TODAY).unwrap_err();
    assert_eq!(findings.listed().first().unwrap().code, "TOO_LARGE");
}

#[test]
fn envelopes() {
    let right = claim("01999", "1", &[&[("XML1", &xml1("HS1", "01999"))]]);
    check(&right, &[]);
    let envelope = |text: &str| -> Vec<String> {
        let outer = findings(text)
            .into_iter()
            .filter(|finding| !finding.place.part.starts_with("XML1") || !finding.code.starts_with("XSD_"));
        outer.map(|finding| finding.code.into_owned()).collect()
    };
    for (from, to, expected) in [
        ("<CHUKYDONVI/>", "", &["XSD_MISSING_ELEMENT"][..]),
        ("<CHUKYDONVI/>", "<CHUKYDONVI/><CHUKYDONVI/>", &["XSD_REPEATED_ELEMENT"]),
        ("<CHUKYDONVI/>", "<KHAC><A>1</A></KHAC><CHUKYDONVI/>", &["XSD_UNEXPECTED_ELEMENT"]),
        ("<CHUKYDONVI/>", "chữ<CHUKYDONVI/>", &["XSD_STRAY_TEXT"]),
        ("<NGAYLAP>20260316</NGAYLAP>", "", &["XSD_MISSING_ELEMENT"]),
        ("20260316", "20261316", &["XSD_PATTERN"]),
        ("20260316", "202603", &["XSD_PATTERN"]),
        ("20260316", "202603160000", &["XSD_PATTERN"]),
        ("<SOLUONGHOSO>1<", "<SOLUONGHOSO><", &["XSD_EMPTY"]),
        ("<SOLUONGHOSO>1<", "<SOLUONGHOSO>+1<", &["XSD_DIGITS"]),
        ("<SOLUONGHOSO>1<", "<SOLUONGHOSO>2<", &["COUNT_FEWER"]),
        ("<SOLUONGHOSO>1<", "<SOLUONGHOSO>0<", &["COUNT_MORE"]),
        ("<MACSKCB>01999</MACSKCB>", "", &["XSD_MISSING_ELEMENT"]),
        ("<MACSKCB>01999<", "<MACSKCB><", &["FACILITY_MISSING"]),
        ("<MACSKCB>01999<", "<MACSKCB>01999 <", &["FACILITY_FORM"]),
        ("<MACSKCB>01999<", "<MACSKCB>40999<", &["FACILITY_MISMATCH"]),
        ("<LOAIHOSO>XML1<", "<LOAIHOSO>XML12<", &["MISSING_XML1", "UNKNOWN_PART"]),
        ("<LOAIHOSO>XML1<", "<LOAIHOSO>XML2<", &["MISSING_XML1", "PART_ROOT"]),
        ("<LOAIHOSO>XML1</LOAIHOSO>", "", &["MISSING_XML1", "XSD_MISSING_ELEMENT"]),
        ("</NOIDUNGFILE>", "*</NOIDUNGFILE>", &["NOT_BASE64"]),
        ("</NOIDUNGFILE>", "&#10; </NOIDUNGFILE>", &[]),
        ("</GIAMDINHHS>", "</GIAMDINHHS>x", &["XML_TEXT_OUTSIDE_ROOT"]),
        ("</HOSO>", "", &["XML_END_TAG"]),
    ] {
        assert!(right.contains(from), "{from}");
        assert_eq!(envelope(&right.replacen(from, to, 1)), expected, "{from} → {to}");
    }
}

#[test]
fn the_order_of_an_envelope_is_kept() {
    let swapped = "<GIAMDINHHS><CHUKYDONVI/><THONGTINDONVI><MACSKCB>01999</MACSKCB></THONGTINDONVI></GIAMDINHHS>";
    assert_eq!(codes(swapped), ["XSD_MISSING_ELEMENT", "XSD_ELEMENT_ORDER"]);
    let main = STANDARD.encode(xml1("HS1", "01999"));
    let (name, content) = ("<LOAIHOSO>XML1</LOAIHOSO>", format!("<NOIDUNGFILE>{main}</NOIDUNGFILE>"));
    let right = claim("01999", "1", &[&[("XML1", &xml1("HS1", "01999"))]]);
    let swapped = codes(&right.replace(&format!("{name}{content}"), &format!("{content}{name}")));
    assert!(swapped.contains(&"XSD_ELEMENT_ORDER".to_owned()), "{swapped:?}");
}

#[test]
fn parts_of_a_record() {
    let main = xml1("HS1", "01999");
    let drugs = xml2(&["HS1"]);
    check(&claim("01999", "1", &[&[("XML2", &drugs), ("XML1", &main)]]), &[]);
    check(&claim("01999", "1", &[&[("XML2", &drugs)]]), &["MISSING_XML1"]);
    check(&claim("01999", "1", &[&[("XML1", &main), ("XML1", &main)]]), &["REPEATED_PART", "KEY_REPEATED"]);
    check(&claim("01999", "1", &[&[("XML1", &main), ("XML2", &drugs), ("XML2", &drugs)]]), &["REPEATED_PART"]);
    check(&claim("01999", "1", &[&[("XML1", &drugs)]]), &["PART_ROOT"]);
    check(&claim("01999", "1", &[&[]]), &["MISSING_XML1"]);
    assert_eq!(codes(&claim("01999", "0", &[])), ["XSD_MISSING_ELEMENT"]);
    let limits = Limits { parts_max: 1, ..Limits::default() };
    let text = claim("01999", "1", &[&[("XML1", &main), ("XML2", &drugs)]]);
    let findings = Document::parse(text.as_bytes(), &limits, rulebook(), TODAY).unwrap_err();
    assert!(findings.listed().iter().any(|finding| finding.code == "TOO_MANY_PARTS"));
}

#[test]
fn one_key_a_record_and_one_record_a_key() {
    let main = xml1("HS1", "01999");
    let other = xml1("HS2", "01999");
    check(&claim("01999", "2", &[&[("XML1", &main)], &[("XML1", &other)]]), &[]);
    check(&claim("01999", "2", &[&[("XML1", &main)], &[("XML1", &main)]]), &["KEY_REPEATED"]);
    let mixed = xml2(&["HS1", "HS2", "HS1"]);
    check(&claim("01999", "1", &[&[("XML1", &main), ("XML2", &mixed)]]), &["KEY_MISMATCH"]);
    check(&claim("01999", "1", &[&[("XML2", &mixed), ("XML1", &main)]]), &["KEY_MISMATCH"]);
    check(&claim("01999", "1", &[&[("XML1", &xml1("", "01999"))]]), &["KEY_MISSING"]);
    check(&claim("01999", "1", &[&[("XML1", &xml1(" HS1", "01999"))]]), &["KEY_FORM"]);
    check(&claim("01999", "1", &[&[("XML1", &xml1("HS&#10;1", "01999"))]]), &["KEY_FORM"]);
    check(&claim("01999", "1", &[&[("XML1", &xml1(&"H".repeat(201), "01999"))]]), &["KEY_FORM"]);
    let twice = main.replace("<MA_LK>HS1</MA_LK>", "<MA_LK>HS1</MA_LK><MA_LK>HS2</MA_LK>");
    check(&claim("01999", "1", &[&[("XML1", &twice)]]), &["REPEATED_FIELD"]);
    let nested = main.replace("HS1<", "HS1<B/><");
    assert!(codes(&claim("01999", "1", &[&[("XML1", &nested)]])).contains(&"XSD_NESTED_ELEMENT".to_owned()));
    let referral = "<CHI_TIEU_GIAYCHUYENTUYEN><MA_LK>HS1</MA_LK><MA_CSKCB>40999</MA_CSKCB></CHI_TIEU_GIAYCHUYENTUYEN>";
    check(&claim("01999", "1", &[&[("XML1", &main), ("XML13", referral)]]), &["FACILITY_MISMATCH"]);
    check(&claim("40999", "1", &[&[("XML1", &main)]]), &["FACILITY_MISMATCH"]);
    check(&claim("01999", "1", &[&[("XML1", &xml1("HS1", ""))]]), &["FACILITY_MISSING"]);
}

#[test]
fn faults_are_placed_in_the_part_and_in_the_envelope() {
    let main = xml1("HS1", "01999");
    let drugs = xml2(&["HS1", "HS1", "HS2"]);
    let finding = first(&claim("01999", "1", &[&[("XML1", &main), ("XML2", &drugs)]]));
    let expected = Place {
        part: "XML2".to_owned(),
        row: 3,
        field: "MA_LK".to_owned(),
        xpath: "/CHITIEU_CHITIET_THUOC/DSACH_CHI_TIET_THUOC/CHI_TIET_THUOC[3]/MA_LK".to_owned(),
        line: 4,
        column: 17,
        envelope_line: 4,
        record: 1,
    };
    assert_eq!((finding.place, finding.value.as_str()), (expected, "HS***"));

    let broken = main.replace("BÙI", "a < b");
    let finding = first(&claim("01999", "1", &[&[("XML1", &broken)]]));
    assert_eq!((&*finding.code, finding.place.part.as_str()), ("XML_NAME", "XML1"));
    assert_eq!((finding.place.line, finding.place.column, finding.place.envelope_line), (3, 11, 3));
    assert!(finding.cure.vi.contains("&lt;") && finding.cure.en.contains("escape < as &lt;"));

    let text = claim("01999", "2", &[&[("XML1", &main)], &[("XML1", "*")]]);
    let finding = first(&text.replace(&STANDARD.encode("*"), "*"));
    assert_eq!(finding.code, "NOT_BASE64");
    assert_eq!(finding.place.xpath, "/GIAMDINHHS/THONGTINHOSO/DANHSACHHOSO/HOSO[2]/FILEHOSO/NOIDUNGFILE");

    let text = claim("01999", "1", &[&[("XML1", &main)]]).replace("<NGAYLAP>20260316</NGAYLAP>", "");
    let finding = findings(&text).into_iter().find(|finding| finding.place.part.is_empty()).unwrap();
    assert_eq!((finding.place.xpath.as_str(), finding.place.line), ("/GIAMDINHHS/THONGTINHOSO/NGAYLAP", 3));
}

#[test]
fn a_fault_in_one_part_does_not_hide_the_next() {
    let main = xml1("HS1", "40999");
    let text = claim("01999", "3", &[&[("XML1", &main), ("XML2", "<CHITIEU_CHITIET_THUOC>"), ("XML3", "<b/>")]]);
    check(&text, &["COUNT_FEWER", "FACILITY_MISMATCH", "XML_UNCLOSED_ELEMENT", "PART_ROOT"]);
}

#[test]
fn findings_never_name_a_person() {
    let main = xml1("BÙI THỊ GIẢ", "BÙI THỊ GIẢ");
    let text = claim("BÙI THỊ GIẢ", "BÙI THỊ GIẢ", &[&[("XML1", &main), ("BÙI THỊ GIẢ", "<BÙI_THỊ_GIẢ/>")]])
        .replace("20260316", "BÙI THỊ GIẢ")
        .replace("<CHUKYDONVI/>", "<BÙI_THỊ_GIẢ/>");
    let shown = format!("{:?}", parse(&text).unwrap_err());
    assert!(!shown.contains("THỊ"), "{shown}");
}

#[test]
fn signatures_are_seen() {
    let text = sample!("claim/sample.xml");
    assert!(!parse(&text.replace("<CHUKYDONVI/>", "<CHUKYDONVI> x </CHUKYDONVI>")).unwrap().signed);
    let signed = "<CHUKYDONVI><Signature xmlns='http://www.w3.org/2000/09/xmldsig#'><A/></Signature></CHUKYDONVI>";
    assert!(parse(&text.replace("<CHUKYDONVI/>", signed)).unwrap().signed);
    // Passed over, but guarded all the same.
    let broken = "<CHUKYDONVI><ds:Signature/></CHUKYDONVI>";
    check(&text.replace("<CHUKYDONVI/>", broken), &["XML_UNBOUND_PREFIX"]);
}

#[test]
fn checkins() {
    let text = sample!("checkin/sample.xml");
    check(&text.replace("<MA_CSKCB>01999<", "<MA_CSKCB>1999<"), &["FACILITY_FORM"]);
    check(&text.replace("<MA_LK>HS2603160001</MA_LK>", ""), &["KEY_MISSING"]);
    check(&text.replace("TRANG_THAI_KCB>\n      <MA_LK", "X>\n      <MA_LK"), &["XML_END_TAG"]);
    assert_eq!(codes(&text.replace("  <CHUKYDONVI/>\n", "")), ["XSD_MISSING_ELEMENT"]);
    let row = text.get(text.find("    <TRANG_THAI_KCB>").unwrap()..text.find("  </DSACH").unwrap()).unwrap();
    let two = text.replace("  </DSACH", &format!("{row}  </DSACH"));
    let document = parse(&two).unwrap();
    assert_eq!((document.records, document.keys.len()), (2, 1));
    let other = row.replace("<MA_CSKCB>01999<", "<MA_CSKCB>40999<");
    check(&text.replace("  </DSACH", &format!("{other}  </DSACH")), &["FACILITY_MISMATCH"]);
}

#[test]
fn certificates() {
    let birth = sample!("birth-certificate/sample.xml");
    check(&birth.replace("00012.GCS.79999.26", ""), &["KEY_MISSING"]);
    let renamed = codes(&birth.replace("GIAYCHUNGSINH", "GIAY"));
    assert_eq!(renamed, ["XSD_UNEXPECTED_ELEMENT", "XSD_MISSING_ELEMENT"]);
    let odd = parse(&birth.replace("00012.GCS.79999.26", "12/2026")).unwrap();
    assert_eq!((odd.facility, &*odd.warnings.listed().first().unwrap().code), (None, "NUMBER_FORM"));
    let death = sample!("death-certificate/sample.xml");
    check(&death.replace(".38999.", ".01999."), &["FACILITY_MISMATCH"]);
    check(&death.replace("<MACSKCB>38999</MACSKCB>", "<MACSKCB/>"), &["FACILITY_MISSING"]);
    check(&death.replace("00003.GBT.38999.26", "3"), &["NUMBER_FORM"]);
}

#[test]
fn vouchers() {
    let voucher = |key: &str| format!("<CT07><MA_CT>{key}</MA_CT></CT07>");
    let one = voucher("1");
    check(&package("HSCHUNGTU", "01999", "1", &[&[("CT07", &one)]]), &[]);
    check(&package("HSCHUNGTU", "01999", "1", &[&[("CT07", &voucher(" "))]]), &["NO_BUSINESS_KEY"]);
    check(&package("HSCHUNGTU", "01999", "1", &[&[("CT07", &one), ("CT07", &one)]]), &["VOUCHER_REPEATED"]);
    check(&package("HSCHUNGTU", "01999", "1", &[&[("CT03", &one)]]), &["PART_ROOT"]);
    check(&package("HSCHUNGTU", "01999", "1", &[&[("XML1", &one)]]), &["UNKNOWN_PART"]);
    let inpatient = "<CTGiayDieuTriNoiTru><MA_YTE>Y1</MA_YTE><MA_CT>C1</MA_CT></CTGiayDieuTriNoiTru>";
    check(&package("HSCHUNGTU", "01999", "1", &[&[("GIAYDIEUTRINOITRU", inpatient); 2]]), &["VOUCHER_REPEATED"]);
    let inside = |code: &str| {
        let text = package("HSCHUNGTU", "01999", "1", &[&[("CT07", &one)]]);
        text.replace("<FILEHOSO>", &format!("<FILEHOSO><MACSKCB>{code}</MACSKCB>"))
    };
    check(&inside("01999"), &[]);
    check(&inside("40999"), &["FACILITY_MISMATCH"]);
}

#[test]
fn driver_exams() {
    let xml = sample!("driver-health-exam/sample.xml");
    let json = sample!("driver-health-exam/sample.json");
    for (from, to, expected) in [
        ("00042/GKSKLX/48999/26", "00042/GKSKLX/01999/26", "FACILITY_MISMATCH"),
        ("00042/GKSKLX/48999/26", "42", "SO_FORM"),
        ("00042/GKSKLX/48999/26", "", "KEY_MISSING"),
    ] {
        check(&xml.replace(from, to), &[expected]);
        check(&json.replace(from, to), &[expected]);
    }
    check(&xml.replace("<STATE>ADD<", "<STATE>DELETE<"), &["STATE_VALUE"]);
    check(&xml.replace("<STATE>ADD</STATE>", ""), &["FIELD_MISSING"]);
    check(&xml.replace("<HANGBANGLAI>B<", "<HANGBANGLAI><"), &["FIELD_MISSING"]);
    // On the day of the tests the sample is late.
    assert_eq!(codes(&xml.replace("<LYDO/>", "<LYDO/><LYDO/>")), ["EDOC-18", "XSD_REPEATED_ELEMENT"]);
    assert_eq!(codes(&xml.replace("<LYDO/>", "<LYDO><B/></LYDO>")), ["EDOC-18", "XSD_NESTED_ELEMENT"]);
    check(&json.replace("\"STATE\": \"ADD\"", "\"STATE\": \"add\""), &["STATE_VALUE"]);
    check(&json.replace("\"STATE\": \"ADD\",", ""), &["FIELD_MISSING"]);
    check(&json.replace("\"LYDO\": \"\"", "\"LYDO\": \"\", \"LYDO\": \"\""), &["REPEATED_FIELD"]);
    check(&json.replace("\"STATE\": \"ADD\"", "\"STATE\": \"ADD\", \"ST\\u0041TE\": \"ADD\""), &["REPEATED_FIELD"]);
    check(&json.replace("\"LYDO\": \"\"", "\"NGAYKHAM\": \"x\""), &[]);
    check(&json.replace("\"LYDO\": \"\"", "\"LYDO\": {\"a\": [1, null]}, \"MATUY2\": 0"), &["JSON_NOT_STRING"; 2]);
    // Fixed bug: where values that do not keep to the template only warn, a number stopped the exam all the same. What
    // has lost a zero is no facility, and stays an error.
    let lenient = |json: String| Document::parse(json.as_bytes(), &Limits::default(), &rulebook().lenient(), TODAY);
    let numbers = lenient(json.replace("\"MATUY\": \"0\"", "\"MATUY\": 0").replace("\"48999\"", "48999")).unwrap();
    let told: Vec<&str> = numbers.warnings.listed().iter().map(|finding| &*finding.code).collect();
    assert_eq!(numbers.facility, FacilityCode::parse("48999").ok());
    assert_eq!(told.iter().filter(|code| **code == "JSON_NOT_STRING").count(), 2, "{told:?}");
    for wrong in ["\"STATE\": 1", "\"STATE\": true", "\"STATE\": 1.5"] {
        assert!(lenient(json.replace("\"STATE\": \"ADD\"", wrong)).is_err(), "{wrong}");
    }
    assert!(lenient(json.replace("\"48999\"", "4899")).is_err());
    let named = codes(&json.replace("\"HOTEN\"", "\"HO_TEN\""));
    assert!(named.contains(&"XSD_MISSING_ELEMENT".to_owned()), "{named:?}");
    let dated = codes(&json.replace("20/04/2026", "2026-04-20"));
    assert!(dated.contains(&"XSD_PATTERN".to_owned()), "{dated:?}");
    check(&json.replace("\"LYDO\": \"\",", "\"LYDO\": \"\""), &["JSON_MALFORMED"]);
    check(&format!("{json}{{}}"), &["JSON_MALFORMED"]);
    let finding = first(&json.replace("\"LYDO\": \"\"", "\"LYDO\": 1"));
    assert_eq!((finding.place.line, finding.place.field.as_str()), (23, "LYDO"));
    let finding = first(&json.replace("\"MATUY\": ", "\"MATUY\" "));
    assert_eq!((&*finding.code, finding.place.line, finding.place.column), ("JSON_MALFORMED", 17, 11));
    assert!(parse_bytes(b"{\"SO\":\"\xE1\"}").is_err());
}

#[test]
fn signed_driver_exams_are_told_from_unsigned_ones() {
    let json = sample!("driver-health-exam/sample.json");
    let (before, after) = json.split_once("\"SIGNDATA\": \"").unwrap();
    let after = after.split_once('"').unwrap().1;
    let exam = |signdata: &str| {
        // Sent in time, so that nothing else is said of it.
        let text = format!("{before}\"SIGNDATA\": \"{signdata}\"{after}").replace("20/04/2026", "20/11/2026");
        parse(&text).unwrap()
    };
    let signature =
        "<root><SO>00042/GKSKLX/48999/26</SO><ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/></root>";
    assert!(exam(&STANDARD.encode(signature)).signed);
    for unsigned in ["", "test", &STANDARD.encode("<root/>")] {
        let document = exam(unsigned);
        assert!(!document.signed && document.warnings.is_empty(), "{unsigned}: {:?}", document.warnings);
    }
    for unreadable in ["abc", &STANDARD.encode("<root>")] {
        let document = exam(unreadable);
        assert_eq!(document.warnings.listed().first().unwrap().code, "SIGNDATA_UNREADABLE");
        assert!(!document.signed);
    }
}

#[test]
fn findings_beyond_the_list_are_counted() {
    let keys = vec!["HS2"; 1_500];
    let main = xml1("HS1", "01999");
    let findings = parse(&claim("01999", "1", &[&[("XML1", &main), ("XML2", &xml2(&keys))]])).unwrap_err();
    assert_eq!(findings.listed().len(), 1_000);
    assert!(findings.not_listed() > 500 && findings.error_count() > 1_500);
    assert!(findings.count() == findings.not_listed() + 1_000);
}
