//! Many documents made from the samples, each with numbers of its own. Invented people only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::exams;

const CLAIM: &str = include_str!("../../schemas/claim/sample.xml");
const BIRTH: &str = include_str!("../../schemas/birth-certificate/sample.xml");
const DEATH: &str = include_str!("../../schemas/death-certificate/sample.xml");
const DRIVER: &str = include_str!("../../schemas/driver-health-exam/sample.json");

/// A claim whose `MA_LK` is `key`, its inner parts too.
pub(crate) fn claim(key: &str) -> String {
    with_parts(CLAIM, |part| part.replace("HS2603160001", key))
}

/// A birth certificate with serial number `serial` (five digits).
pub(crate) fn birth(serial: usize) -> String {
    BIRTH.replace("00012.GCS.79999.26", &format!("{serial:05}.GCS.79999.26"))
}

/// A death notice with serial number `serial` (five digits).
pub(crate) fn death(serial: usize) -> String {
    DEATH.replace("00003.GBT.38999.26", &format!("{serial:05}.GBT.38999.26"))
}

/// A driver health exam, in the portal's own JSON, with serial number `serial` (five digits).
pub(crate) fn driver_exam(serial: usize) -> String {
    exams::numbered(DRIVER, serial)
}

/// `envelope` with every base64 part decoded, changed and encoded again.
pub(crate) fn with_parts(envelope: &str, change: impl Fn(&str) -> String) -> String {
    const OPEN: &str = "<NOIDUNGFILE>";
    const CLOSE: &str = "</NOIDUNGFILE>";
    let mut pieces = envelope.split(OPEN);
    let mut changed = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (content, rest) = piece.split_once(CLOSE).expect("every part is closed");
        let part = String::from_utf8(STANDARD.decode(content.trim()).expect("base64")).expect("UTF-8");
        changed.push_str(OPEN);
        changed.push_str(&STANDARD.encode(change(&part)));
        changed.push_str(CLOSE);
        changed.push_str(rest);
    }
    changed
}
