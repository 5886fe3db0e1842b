//! The documents the tests send: the samples of `schemas/`, and small ones made to order. Everybody in them is invented.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::exams;
pub(crate) use crate::parts::part;
use crate::parts::with_field;

pub(crate) const CHECKIN: &str = include_str!("../../schemas/checkin/sample.xml");
pub(crate) const CLAIM: &str = include_str!("../../schemas/claim/sample.xml");
pub(crate) const REFERRAL: &str = include_str!("../../schemas/claim/sample-referral.xml");
pub(crate) const APPOINTMENT: &str = include_str!("../../schemas/claim/sample-appointment.xml");
pub(crate) const MEDICAL_ASSESSMENT: &str = include_str!("../../schemas/medical-assessment/sample.xml");
pub(crate) const DRIVER_EXAM: &str = include_str!("../../schemas/driver-health-exam/sample.xml");
pub(crate) const DRIVER_EXAM_JSON: &str = include_str!("../../schemas/driver-health-exam/sample.json");
pub(crate) const BIRTH: &str = include_str!("../../schemas/birth-certificate/sample.xml");
pub(crate) const DEATH: &str = include_str!("../../schemas/death-certificate/sample.xml");
pub(crate) const VOUCHER: &str = include_str!("../../schemas/electronic-voucher/sample.xml");

/// The smallest claim: one record of facility 01999 with its XML1. `note` makes its content another.
pub(crate) fn claim(key: &str, note: &str) -> String {
    claim_for("01999", key, note)
}

/// The smallest claim of another facility.
pub(crate) fn claim_for(facility: &str, key: &str, note: &str) -> String {
    // The sample's visit, with nothing to pay, so that it needs no other part.
    let sums = ["T_THUOC", "T_VTYT", "T_TONGCHI_BV", "T_TONGCHI_BH", "T_BNTT", "T_BNCCT", "T_BHTT", "T_BHTT_GDV"];
    let paid = sums.into_iter().fold(part(CLAIM, "XML1"), |main, sum| with_field(&main, sum, "0"));
    let main = [("MA_LK", key), ("MA_CSKCB", facility), ("MA_DKBD", facility), ("GHI_CHU", note)]
        .into_iter()
        .fold(paid, |main, (field, value)| with_field(&main, field, value));
    package(facility, "1", &[("XML1", main.as_bytes())])
}

/// A claim package of one record with these parts, which says it holds `declared` records.
pub(crate) fn package(facility: &str, declared: &str, parts: &[(&str, &[u8])]) -> String {
    let file = |(name, xml): &(&str, &[u8])| {
        let content = STANDARD.encode(xml);
        format!("<FILEHOSO>\n<LOAIHOSO>{name}</LOAIHOSO>\n<NOIDUNGFILE>{content}</NOIDUNGFILE>\n</FILEHOSO>\n")
    };
    let files: String = parts.iter().map(file).collect();
    format!(
        "<GIAMDINHHS>\n<THONGTINDONVI><MACSKCB>{facility}</MACSKCB></THONGTINDONVI>\n<THONGTINHOSO>\n\
         <NGAYLAP>20260316</NGAYLAP>\n<SOLUONGHOSO>{declared}</SOLUONGHOSO>\n<DANHSACHHOSO>\n<HOSO>\n{files}</HOSO>\n\
         </DANHSACHHOSO>\n</THONGTINHOSO>\n<CHUKYDONVI/>\n</GIAMDINHHS>"
    )
}

/// A notice that a visit of facility 01999 went one step on.
pub(crate) fn checkin(key: &str, step: usize) -> String {
    CHECKIN.replace("HS2603160001", key).replace("<STT>1</STT>", &format!("<STT>{step}</STT>"))
}

/// A birth certificate of facility 79999 with this number.
pub(crate) fn birth(number: usize) -> String {
    BIRTH.replace("00012.GCS", &format!("{number:05}.GCS"))
}

/// A death notice of facility 38999 with this number.
pub(crate) fn death(number: usize) -> String {
    DEATH.replace("00003.GBT", &format!("{number:05}.GBT"))
}

/// A driver exam of facility 48999, as JSON, with this number and state.
pub(crate) fn driver_exam(number: usize, state: &str) -> String {
    exams::numbered(DRIVER_EXAM_JSON, number).replace("\"ADD\"", &format!("\"{state}\""))
}

/// The package with one text put for another in every part.
pub(crate) fn with_parts_changed(package: &str, old: &str, new: &str) -> String {
    let mut pieces = package.split("<NOIDUNGFILE>");
    let mut changed = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (content, rest) = piece.split_once("</NOIDUNGFILE>").unwrap();
        let part = String::from_utf8(STANDARD.decode(content).unwrap()).unwrap().replace(old, new);
        changed.push_str(&format!("<NOIDUNGFILE>{}</NOIDUNGFILE>{rest}", STANDARD.encode(part)));
    }
    changed
}
