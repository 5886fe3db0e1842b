//! What becomes of a claim after it was received (`portal-api.md`, section 4.2): a few of the portal's checks, and the
//! magic endings of MA_LK that play the rest (`api.md`, section 7).
//!
//! This reads just enough XML to find the keys. It is no validator: a file that passes here may still be wrong.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Serialize;

use crate::system::after;

/// How deep an element may stand before the scan gives up; the deepest document of the field has eight levels.
const DEPTH_MAX: usize = 64;

/// Errors reported for one file; more would only repeat themselves.
const ERRORS_MAX: usize = 100;

/// One row of the error popup: Mã liên kết, the part, Mã lỗi, Mô tả lỗi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JudgedError {
    pub(super) ma_lk: String,
    pub(super) part: String,
    pub(super) code: &'static str,
    pub(super) text: String,
}

/// What the judge will say, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) errors: Vec<JudgedError>,
    pub(super) timing: Timing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Timing {
    /// This service is never judged in a way that shows.
    #[default]
    None,
    /// At the usual delay.
    Usual,
    /// `-LATE-2H`.
    Late,
    /// `-ACK-ONLY`: received, and nothing more is ever heard.
    Never,
}

/// The state a person would see on the portal's pages, in its own words (section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// File đã nhận và đang chờ xử lý.
    Waiting,
    /// Đã lưu vào hệ thống.
    Accepted,
    /// File đã xử lý xong, with errors.
    Rejected,
    /// Taken by a service that judges nothing afterwards.
    NotJudged,
}

/// What was read from a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Every MA_LK, joined by `;`; `None` if there is none.
    pub(super) business_key: Option<String>,
    pub(super) finding: Finding,
}

impl Finding {
    /// When the judge speaks, if ever.
    pub(super) fn due_at(&self, received_at: Timestamp, usual: Duration) -> Option<Timestamp> {
        match self.timing {
            Timing::None | Timing::Never => None,
            Timing::Usual => Some(after(received_at, usual)),
            Timing::Late => Some(after(received_at, Duration::from_secs(2 * 3600))),
        }
    }

    pub(super) fn state(&self, received_at: Timestamp, usual: Duration, now: Timestamp) -> State {
        match self.due_at(received_at, usual) {
            None if self.timing == Timing::None => State::NotJudged,
            Some(due) if now >= due && self.errors.is_empty() => State::Accepted,
            Some(due) if now >= due => State::Rejected,
            _ => State::Waiting,
        }
    }
}

/// Reads a check-in, a claims file or a medical assessment sent for `facility`.
pub(super) fn read(file: &[u8], facility: &str) -> Reading {
    let mut keys: Vec<String> = Vec::new();
    let mut errors: Vec<JudgedError> = Vec::new();
    let mut part = String::new();
    let whole = leaves(file, &mut |path, text, line| match last(path) {
        "MA_LK" => keys.push(text.to_owned()),
        // The wording is the portal's own.
        "MACSKCB" | "MA_CSKCB" if text != facility => errors.push(JudgedError {
            ma_lk: keys.last().cloned().unwrap_or_default(),
            part: String::new(),
            code: "123",
            text: format!(
                "Dòng {line} {} {text} mã cơ sở khám chữa bệnh không khớp với mã trong hồ sơ",
                path.join(">")
            ),
        }),
        "LOAIHOSO" => part = text.to_owned(),
        "NOIDUNGFILE" => {
            // Line breaks inside base64 are common and harmless.
            let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let mut inner_key = None;
            let opened = STANDARD.decode(packed).ok().filter(|inner| !inner.is_empty()).is_some_and(|inner| {
                leaves(&inner, &mut |path, text, _| {
                    if last(path) == "MA_LK" && inner_key.is_none() {
                        inner_key = Some(text.to_owned());
                    }
                })
                .is_some()
            });
            if part == "XML1" {
                keys.extend(inner_key.clone());
            }
            if !opened {
                errors.push(JudgedError {
                    ma_lk: keys.last().cloned().unwrap_or_default(),
                    part: part.clone(),
                    code: "204",
                    text: format!("Không đọc được nội dung {part}"),
                });
            }
        }
        _ => {}
    });
    if whole.is_none() {
        let text = "File XML sai cấu trúc".to_owned();
        errors.push(JudgedError { ma_lk: String::new(), part: String::new(), code: "204", text });
    }
    for key in keys.iter().filter(|key| key.ends_with("-REJECT-XML3")) {
        errors.push(JudgedError {
            ma_lk: key.clone(),
            part: "XML3".to_owned(),
            code: "124",
            text: "XML3: Ngày thực hiện y lệnh không hợp lệ (NGAY_TH_YL)".to_owned(),
        });
    }
    let timing = if keys.iter().any(|key| key.ends_with("-ACK-ONLY")) {
        Timing::Never
    } else if keys.iter().any(|key| key.ends_with("-LATE-2H")) {
        Timing::Late
    } else {
        Timing::Usual
    };
    errors.truncate(ERRORS_MAX);
    keys.dedup();
    let business_key = (!keys.is_empty()).then(|| keys.join(";"));
    Reading { business_key, finding: Finding { errors, timing } }
}

/// The MA_LK and the T_TONGCHI (since QĐ 130: T_TONGCHI_BV) of every record of a claims file, as far as it can be read.
pub(super) fn sums(file: &[u8]) -> Vec<(String, f64)> {
    let (mut records, mut part) = (Vec::new(), String::new());
    let whole = leaves(file, &mut |path, text, _| match last(path) {
        "LOAIHOSO" => part = text.to_owned(),
        "NOIDUNGFILE" if part == "XML1" => {
            let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let (mut key, mut sum) = (String::new(), 0.0);
            let inner = STANDARD.decode(packed).unwrap_or_default();
            let read = leaves(&inner, &mut |path, text, _| match last(path) {
                "MA_LK" => key = text.to_owned(),
                "T_TONGCHI" | "T_TONGCHI_BV" => sum = text.parse().unwrap_or_default(),
                _ => {}
            });
            records.extend(read.map(|()| (key, sum)));
        }
        _ => {}
    });
    // Half a file is no claim of anything.
    if whole.is_some() { records } else { Vec::new() }
}

fn last(path: &[String]) -> &str {
    path.last().map_or("", String::as_str)
}

/// Calls `each` with the path from the root, the text and the line of every element that closes. `None` if the XML breaks off or is
/// out of shape.
fn leaves(xml: &[u8], each: &mut dyn FnMut(&[String], &str, usize)) -> Option<()> {
    let xml = std::str::from_utf8(xml).ok()?;
    let mut reader = Reader::from_str(xml.strip_prefix('\u{feff}').unwrap_or(xml));
    let (mut text, mut path, mut elements) = (String::new(), Vec::new(), 0usize);
    // Lines are counted as far as the scan has come, so that the whole costs one pass.
    let (mut line, mut counted) = (1, 0usize);
    loop {
        let event = reader.read_event().ok()?;
        let here = usize::try_from(reader.buffer_position()).ok()?;
        line += xml.as_bytes().get(counted..here).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        counted = here.max(counted);
        match event {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                elements += 1;
                text.clear();
            }
            Event::Empty(_) => elements += 1,
            Event::Text(piece) => text.push_str(&piece.xml10_content()),
            Event::CData(piece) => text.push_str(&piece.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(char) => text.push(char),
                None => text.push_str(quick_xml::escape::resolve_predefined_entity(&reference.xml10_content())?),
            },
            // The reader has checked that the names of start and end agree.
            Event::End(_) => {
                each(&path, text.trim(), line);
                path.pop();
                text.clear();
            }
            Event::DocType(_) => return None,
            Event::Eof => return (path.is_empty() && elements > 0).then_some(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        if path.len() > DEPTH_MAX {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(keys: &[&str]) -> String {
        let records: String = keys
            .iter()
            .map(|key| {
                let inner = STANDARD.encode(format!("<TONG_HOP><MA_LK>{key}</MA_LK><STT>1</STT></TONG_HOP>"));
                format!("<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>{inner}</NOIDUNGFILE></FILEHOSO></HOSO>")
            })
            .collect();
        format!(
            "<GIAMDINHHS>\n<THONGTINDONVI>\n<MACSKCB>99001</MACSKCB></THONGTINDONVI><THONGTINHOSO><DANHSACHHOSO>{records}\
             </DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"
        )
    }

    #[test]
    fn keys_are_read_from_inside_the_base64() {
        let reading = read(claim(&["A1", "A2"]).as_bytes(), "99001");
        assert_eq!(reading.business_key.as_deref(), Some("A1;A2"));
        assert_eq!(reading.finding, Finding { errors: vec![], timing: Timing::Usual });
    }

    #[test]
    fn keys_of_a_check_in_are_read_directly() {
        let file = "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB><TRANG_THAI_KCB><MA_LK>A&amp;1</MA_LK>\
                    <MA_CSKCB>99001</MA_CSKCB></TRANG_THAI_KCB></DSACH_TRANG_THAI_KCB></CHI_TIEU_TRANG_THAI_KCB>";
        let reading = read(file.as_bytes(), "99001");
        assert_eq!(reading.business_key.as_deref(), Some("A&1"));
        assert!(reading.finding.errors.is_empty());
    }

    #[test]
    fn what_the_portal_would_find_is_found() {
        let errors = read(claim(&["A1"]).as_bytes(), "99002").finding.errors;
        assert!(errors[0].text.starts_with("Dòng 3 GIAMDINHHS>THONGTINDONVI>MACSKCB 99001"), "{errors:?}");
        let broken = claim(&["A1"]).replace("<NOIDUNGFILE>", "<NOIDUNGFILE>*");
        let errors = read(broken.as_bytes(), "99001").finding.errors;
        assert_eq!((errors[0].part.as_str(), errors[0].code), ("XML1", "204"));
        for file in ["", "not xml", "<a>", "<a></b>", "<!DOCTYPE a><a/>", "<a>&none;</a>"] {
            assert_eq!(read(file.as_bytes(), "99001").finding.errors.len(), 1, "{file}");
        }
    }

    #[test]
    fn magic_endings_are_played() {
        let errors = read(claim(&["A1", "A2-REJECT-XML3"]).as_bytes(), "99001").finding.errors;
        assert_eq!((errors[0].ma_lk.as_str(), errors[0].part.as_str()), ("A2-REJECT-XML3", "XML3"));
        let timing = |key: &str| read(claim(&[key]).as_bytes(), "99001").finding.timing;
        assert_eq!((timing("A-ACK-ONLY"), timing("A-LATE-2H")), (Timing::Never, Timing::Late));
    }

    #[test]
    fn the_state_follows_the_clock() {
        let start = Timestamp::UNIX_EPOCH;
        let at = |seconds: u64| after(start, Duration::from_secs(seconds));
        let usual = Duration::from_secs(1);
        let state = |timing, seconds| Finding { timing, errors: vec![] }.state(start, usual, at(seconds));
        assert_eq!((state(Timing::Usual, 0), state(Timing::Usual, 1)), (State::Waiting, State::Accepted));
        assert_eq!((state(Timing::Late, 7_199), state(Timing::Late, 7_200)), (State::Waiting, State::Accepted));
        assert_eq!((state(Timing::Never, 1_000_000), state(Timing::None, 0)), (State::Waiting, State::NotJudged));
    }
}
