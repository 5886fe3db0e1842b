//! Every sample is right, and what it is is told rightly.

use super::*;

const SAMPLES: &[&str] = &[
    sample!("checkin/sample.xml"),
    sample!("claim/sample.xml"),
    sample!("claim/sample-referral.xml"),
    sample!("claim/sample-appointment.xml"),
    sample!("medical-assessment/sample.xml"),
    sample!("driver-health-exam/sample.xml"),
    sample!("driver-health-exam/sample.json"),
    sample!("birth-certificate/sample.xml"),
    sample!("death-certificate/sample.xml"),
    sample!("electronic-voucher/sample.xml"),
];

#[test]
fn samples_are_told_for_what_they_are() {
    type Expected = (Kind, Option<&'static str>, &'static [&'static str], &'static [&'static str]);
    let expected: [Expected; 10] = [
        (Kind::Checkin, Some("01999"), &["HS2603160001"], &["XML0"]),
        (Kind::Claim, Some("01999"), &["HS2603160001"], &["XML1", "XML2", "XML3"]),
        (Kind::Claim, Some("40999"), &["HS2605110007"], &["XML1", "XML3", "XML13"]),
        (Kind::Claim, Some("01999"), &["HS2603160009"], &["XML1", "XML2", "XML3", "XML14"]),
        (Kind::MedicalAssessment, None, &[], &["XML12"]),
        (Kind::DriverExam, Some("48999"), &["00042/GKSKLX/48999/26+B"], &["GKSK"]),
        (Kind::DriverExam, Some("48999"), &["00042/GKSKLX/48999/26+B"], &["GKSK"]),
        (Kind::BirthCertificate, Some("79999"), &["00012.GCS.79999.26"], &["GIAYCHUNGSINH"]),
        (Kind::DeathCertificate, Some("38999"), &["00003.GBT.38999.26"], &["GIAYBAOTU"]),
        (Kind::Voucher, Some("01999"), &["CT07:01999-26-0001"], &["CT07"]),
    ];
    for (text, (kind, facility, keys, parts)) in SAMPLES.iter().zip(expected) {
        let document = parse(text).unwrap_or_else(|findings| panic!("{kind:?}: {:?}", findings.listed()));
        assert_eq!(document.kind, kind);
        assert_eq!(document.facility.map(|code| code.to_string()).as_deref(), facility, "{kind:?}");
        assert_eq!(document.keys, keys, "{kind:?}");
        assert_eq!(document.parts, parts, "{kind:?}");
        assert_eq!((document.records, document.signed), (1, false), "{kind:?}");
        let warnings: Vec<_> = document.warnings.listed().iter().map(|finding| &*finding.code).collect();
        let expected: &[&str] = match kind {
            Kind::MedicalAssessment => &["NO_BUSINESS_KEY"],
            // Concluded months before the day of the tests.
            Kind::DriverExam => &["EDOC-18"],
            _ => &[],
        };
        assert_eq!(warnings, expected, "{kind:?}");
    }
}

#[test]
fn formats_and_papers_carried_are_told() {
    let json = parse(sample!("driver-health-exam/sample.json")).unwrap();
    assert_eq!(json.format, Format::DriverExamJson);
    let referral = parse(sample!("claim/sample-referral.xml")).unwrap();
    assert!(referral.carries(Carried::Referral) && !referral.carries(Carried::Appointment));
    let appointment = parse(sample!("claim/sample-appointment.xml")).unwrap();
    assert!(appointment.carries(Carried::Appointment) && appointment.format == Format::Xml);
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", parse(sample!("claim/sample.xml")).unwrap());
    assert!(shown.contains("01999") && !shown.contains("HS26"), "{shown}");
}

/// The JSON of the portal for a driver exam in XML.
fn wire(xml: &str) -> String {
    String::from_utf8(driver_exam::to_json(xml.as_bytes(), &Limits::default()).unwrap()).unwrap()
}

#[test]
fn the_xml_of_a_driver_exam_becomes_the_json_of_the_portal() {
    let xml = sample!("driver-health-exam/sample.xml");
    let wire = parse(xml).unwrap().driver_exam_wire(xml.as_bytes(), &Limits::default()).unwrap();
    // The official sample is pretty-printed; white space between members apart, the bytes are the same.
    let dense: String =
        sample!("driver-health-exam/sample.json").lines().map(str::trim).collect::<String>().replace("\": \"", "\":\"");
    assert_eq!(String::from_utf8(wire.clone()).unwrap(), dense);
    // What is JSON already goes as it is.
    assert_eq!(parse_bytes(&wire).unwrap().driver_exam_wire(&wire, &Limits::default()), None);
}

#[test]
fn values_reach_the_wire_verbatim() {
    let xml = "<GKSK><NGAYKHAM>20/04/2026</NGAYKHAM><SO>1/GKSKLX/48999/26</SO><LYDO> \"a\\b\" &lt;&#9;\r\nă </LYDO>\
               <IDBENHVIEN>48999</IDBENHVIEN><HANGBANGLAI>B</HANGBANGLAI><STATE>ADD</STATE></GKSK>";
    let expected = "{\"SO\":\"1/GKSKLX/48999/26\",\"IDBENHVIEN\":\"48999\",\"HANGBANGLAI\":\"B\",\
                    \"LYDO\":\" \\\"a\\\\b\\\" <\\t\\nă \",\"STATE\":\"ADD\",\"NGAYKHAM\":\"20/04/2026\"}";
    assert_eq!(wire(xml), expected);
}

#[test]
fn only_driver_exams_have_a_wire_form() {
    let text = sample!("checkin/sample.xml");
    assert_eq!(parse(text).unwrap().driver_exam_wire(text.as_bytes(), &Limits::default()), None);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _verdict = parse_bytes(&bytes);
        }

        #[test]
        fn no_text_of_envelope_words_panics(
            words in proptest::collection::vec(
                prop::sample::select(vec![
                    "<GIAMDINHHS>", "</GIAMDINHHS>", "<HSCHUNGTU>", "<THONGTINDONVI>", "</THONGTINDONVI>", "<MACSKCB>01999",
                    "</MACSKCB>", "<THONGTINHOSO>", "</THONGTINHOSO>", "<DANHSACHHOSO>", "<HOSO>", "<FILEHOSO>", "</HOSO>",
                    "</FILEHOSO>", "<LOAIHOSO>XML1</LOAIHOSO>", "<NOIDUNGFILE>PGEvPg==</NOIDUNGFILE>", "<CHUKYDONVI/>",
                    "{\"SO\":\"1\"", "}", "<GKSK>", "</GKSK>", "<SO>", "</SO>", "&", "x", " ", "<![CDATA[", "]]>",
                ]),
                0..20,
            )
        ) {
            let _verdict = parse(&words.concat());
        }

        #[test]
        fn mutated_samples_never_panic(
            which in 0..SAMPLES.len(),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
        ) {
            let mut bytes = SAMPLES[which].as_bytes().to_vec();
            for (index, byte, what) in edits {
                if bytes.is_empty() {
                    break;
                }
                let at = index.index(bytes.len());
                match what {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => bytes.truncate(at),
                }
            }
            let _verdict = parse_bytes(&bytes);
            let _wire = driver_exam::to_json(&bytes, &Limits::default());
        }

        /// A sample with one byte changed inside a decoded part, encoded again.
        #[test]
        fn mutated_parts_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let inner = xml2(&["HS1", "HS1"]);
            let mut bytes = inner.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            let main = xml1("HS1", "01999");
            let _verdict = parse(&claim("01999", "1", &[&[("XML1", &main), ("XML2", &changed)]]));
        }
    }
}
