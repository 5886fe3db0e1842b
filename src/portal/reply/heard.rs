//! What an answer says, by service: a refused session, a code, or a receipt (`portal-api.md`, sections 1.5, 3 and 5).

use unicode_normalization::UnicodeNormalization;

use crate::domain::Receipt;
use crate::portal::passage::Passed;
use crate::portal::reply::{Envelope, trimmed_bytes};
use crate::portal::transport::Reply;
use crate::portal::{Answer, Answered, Fault, Service};

/// Longest message kept of the portal's own words, in bytes: the longest known are a few hundred.
const MESSAGE_BYTES_MAX: usize = 4096;

/// An answer of a service that may also refuse the session.
pub(in crate::portal) enum Heard<T> {
    /// The service answered.
    Said(T),
    /// The service did not act, because it did not accept who asked.
    SessionRefused,
}

/// Hears the answer to a question.
pub(in crate::portal) fn hear_question(service: Service, reply: &Reply) -> Result<Heard<Answered>, Fault> {
    // The co-payment lookup refuses with an empty body, the card lookup also with JSON: the status says it alone.
    if is_unauthorised(reply) {
        return Ok(Heard::SessionRefused);
    }
    let envelope = understood(reply, Envelope::read(&reply.body))?;
    let refused = match service {
        Service::Copay => envelope.code == "401",
        // One client in the field saw 501 and 999 and these words for an expired token.
        _ => matches!(envelope.code.as_str(), "401" | "501" | "999") || blames_token(&envelope.text("ghiChu")),
    };
    if refused {
        return Ok(Heard::SessionRefused);
    }
    let raw = trimmed_bytes(&reply.body);
    Ok(Heard::Said(Answered { code: envelope.code, http_status: reply.status.as_u16(), raw }))
}

/// Hears the answer to a submission.
pub(in crate::portal) fn hear_submission(service: Service, reply: &Reply) -> Result<Heard<Answer>, Fault> {
    if service == Service::DriverExam {
        return hear_driver_exam(reply);
    }
    let envelope = match Envelope::read(&reply.body) {
        Err(_) if is_unauthorised(reply) => return Ok(Heard::SessionRefused),
        outcome => understood(reply, outcome)?,
    };
    if envelope.code == "401" || reply.status.as_u16() == 401 {
        return Ok(Heard::SessionRefused);
    }
    if envelope.code != "200" {
        let message = envelope.first_text(&["thongDiep", "ghiChu", "thongBao", "moTaLoi", "message"]);
        return Ok(Heard::Said(Answer::Coded { code: envelope.code, message: bounded(message) }));
    }
    // A 200 with another text than "Tiếp nhận thành công" counts too: the transaction code is the receipt, and to send
    // again what has one would double it.
    let code = envelope.first_text(&["maGiaoDich", "MaGD"]).trim().to_owned();
    if code.is_empty() {
        return Err(Fault::Nonsense("it tells of success without a transaction code"));
    }
    let received_at = Some(envelope.text("thoiGianTiepNhan")).filter(|text| !text.is_empty());
    Ok(Heard::Said(Answer::Taken(receipt(code, received_at))))
}

/// Hears the answer to a call that was handed through: anything the portal says is for the caller, save that it refused
/// the session, or that something before it answered in its place.
pub(in crate::portal) fn hear_passage(_: Service, reply: &Reply) -> Result<Heard<Passed>, Fault> {
    let code = Envelope::read(&reply.body).map(|envelope| envelope.code).unwrap_or_default();
    let http_status = reply.status.as_u16();
    match http_status {
        401 | 403 => Ok(Heard::SessionRefused),
        _ if code == "401" => Ok(Heard::SessionRefused),
        502..=504 => Err(Fault::HttpStatus(http_status)),
        _ => {
            let (content_type, raw) = (reply.content_type.clone(), reply.body.clone());
            Ok(Heard::Said(Passed { http_status, content_type, code, raw, refused: None }))
        }
    }
}

/// A receipt, held to a length: it goes into columns and events. The portal's are 52 characters (`portal-api.md`, section
/// 5.2); of a longer one the whole stands in the attempt's raw answer.
fn receipt(code: String, received_at: Option<String>) -> Receipt {
    const CHARACTERS_MAX: usize = 200;
    let bounded = |text: String| text.chars().take(CHARACTERS_MAX).collect();
    Receipt { code: bounded(code), received_at: received_at.map(bounded) }
}

/// `MSG_STATE` "1" is success; its `UUID` is the receipt, empty where the portal gave none, because no other field of
/// the answer is the portal's own.
fn hear_driver_exam(reply: &Reply) -> Result<Heard<Answer>, Fault> {
    let envelope = match Envelope::read_coded(&reply.body, "MSG_STATE") {
        Err(_) if is_unauthorised(reply) => return Ok(Heard::SessionRefused),
        outcome => understood(reply, outcome)?,
    };
    Ok(Heard::Said(match envelope.code.as_str() {
        "1" => Answer::Taken(receipt(envelope.text("UUID").trim().to_owned(), None)),
        _ => Answer::Coded { message: bounded(envelope.text("MSG_TEXT")), code: envelope.code },
    }))
}

/// Holds an understood body against its status: an error status without a code is told by its number, and a success
/// under an error status is believed in neither sense.
fn understood(reply: &Reply, outcome: Result<Envelope, Fault>) -> Result<Envelope, Fault> {
    let status = reply.status;
    match outcome {
        Err(_) if status.is_server_error() => Err(Fault::HttpStatus(status.as_u16())),
        Err(_) if status.is_redirection() => Err(Fault::Nonsense("it sends us elsewhere")),
        Ok(envelope) if !status.is_success() && matches!(envelope.code.as_str(), "000" | "200" | "1") => {
            Err(Fault::Nonsense("it tells of success under an error status"))
        }
        outcome => outcome,
    }
}

fn is_unauthorised(reply: &Reply) -> bool {
    matches!(reply.status.as_u16(), 401 | 403)
}

fn blames_token(note: &str) -> bool {
    // Bounded, because a note of a good answer may be long; these words stand at its beginning.
    let note: String = note.chars().take(200).nfc().flat_map(char::to_lowercase).collect();
    note.contains("token không đúng") || note.contains("token hết hạn")
}

fn bounded(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    message
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;

    use super::*;
    use crate::portal::Stage;

    fn reply(status: u16, body: &str) -> Reply {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            date: None,
            content_type: None,
            body,
            stage: Stage::NoAnswer,
        }
    }

    fn submitted(service: Service, status: u16, body: &str) -> String {
        match hear_submission(service, &reply(status, body)) {
            Ok(Heard::Said(Answer::Taken(receipt))) => format!("taken {} {:?}", receipt.code, receipt.received_at),
            Ok(Heard::Said(Answer::Coded { code, message })) => format!("coded {code} {message}"),
            Ok(Heard::SessionRefused) => "refused".to_owned(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn answers_to_submissions() {
        use Service::{BirthCertificate, Checkin, Claim, DriverExam, Voucher};
        let odd = "the portal's answer cannot be understood: ";
        for (service, status, body, expected) in [
            (
                Claim,
                200,
                r#"{"maKetQua":"200","maGiaoDich":"G1","thoiGianTiepNhan":"20261006083015","thongDiep":"Tiếp nhận thành công"}"#,
                "taken G1 Some(\"20261006083015\")",
            ),
            (Claim, 200, r#"{"maKetQua":200,"maGiaoDich":"G1","thongDiep":"Đã nhận"}"#, "taken G1 None"),
            (Claim, 200, r#"{"maKetQua":"205","thongDiep":"sai"}"#, "coded 205 sai"),
            (Claim, 200, r#"{"maKetQua":"403","thongDiep":"?"}"#, "coded 403 ?"),
            (Claim, 500, r#"{"maKetQua":500,"thongDiep":null}"#, "coded 500 "),
            (Claim, 200, r#"{"maKetQua":"401"}"#, "refused"),
            (Checkin, 200, r#"{"maKetQua":401}"#, "refused"),
            (Checkin, 401, "", "refused"),
            (Checkin, 403, "<html>", "refused"),
            (Checkin, 502, "<html>", "the portal answered with HTTP status 502"),
            (Checkin, 503, "", "the portal answered with HTTP status 503"),
            (
                Voucher,
                200,
                r#"{"MaGD":"HS1","MaKetQua":"200","ThoiGianTiepNhan":20261006083015}"#,
                "taken HS1 Some(\"20261006083015\")",
            ),
            (BirthCertificate, 200, r#"{"MaGD":"","MaKetQua":1001}"#, "coded 1001 "),
            (Voucher, 200, r#"{"MaKetQua":401}"#, "refused"),
            (DriverExam, 200, r#"{"MSG_STATE":"1","UUID":"U1","SO":"1"}"#, "taken U1 None"),
            (DriverExam, 200, r#"{"MSG_STATE":1,"MSG_TEXT":"ok"}"#, "taken  None"),
            (DriverExam, 200, r#"{"MSG_STATE":"0","MSG_TEXT":"trùng số"}"#, "coded 0 trùng số"),
            (DriverExam, 401, "", "refused"),
        ] {
            assert_eq!(submitted(service, status, body), expected, "{service:?} {body}");
        }
        for (service, status, body, words) in [
            (Claim, 200, r#"{"maKetQua":"200","maGiaoDich":""}"#, "it tells of success without a transaction code"),
            (Claim, 200, r#"{"maKetQua":"200"}"#, "it tells of success without a transaction code"),
            (Claim, 500, r#"{"maKetQua":"200","maGiaoDich":"G"}"#, "it tells of success under an error status"),
            (Claim, 200, "", "it is empty"),
            (Claim, 302, "", "it sends us elsewhere"),
            (DriverExam, 200, r#"{"maKetQua":"200"}"#, "it has no result code"),
            (DriverExam, 404, "<html>", "it is a page and no JSON"),
        ] {
            assert_eq!(submitted(service, status, body), format!("{odd}{words}"), "{service:?} {body}");
        }
    }

    #[test]
    fn answers_to_questions() {
        use Service::{CardLookup, Copay, TreatmentHistory};
        let asked = |service, status, body: &str| match hear_question(service, &reply(status, body)) {
            Ok(Heard::Said(answered)) => answered.code,
            Ok(Heard::SessionRefused) => "refused".to_owned(),
            Err(fault) => fault.to_string(),
        };
        for (service, status, body, expected) in [
            (CardLookup, 200, r#"{"maKetQua":"050","ghiChu":null}"#, "050"),
            (CardLookup, 200, r#"{"maKetQua":"401"}"#, "refused"),
            (CardLookup, 200, r#"{"maKetQua":501}"#, "refused"),
            (CardLookup, 200, r#"{"maKetQua":"999"}"#, "refused"),
            (CardLookup, 200, r#"{"maKetQua":"101","ghiChu":"Token hết hạn!"}"#, "refused"),
            (CardLookup, 403, "", "refused"),
            (CardLookup, 400, r#"{"maKetQua":"401"}"#, "refused"),
            (CardLookup, 400, r#"{"maKetQua":"205"}"#, "205"),
            (TreatmentHistory, 200, r#"{"maKetQua":"100","ghiChu":"TOKEN KHÔNG ĐÚNG"}"#, "refused"),
            (Copay, 401, "", "refused"),
            (Copay, 200, r#"{"MaKetQua":204}"#, "204"),
            (Copay, 400, r#"{"MaKetQua":400}"#, "400"),
            (Copay, 500, r#"{"MaKetQua":500}"#, "500"),
            (Copay, 500, "", "the portal answered with HTTP status 500"),
        ] {
            assert_eq!(asked(service, status, body), expected, "{service:?} {status} {body}");
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let body = format!(r#"{{"maKetQua":"124","thongDiep":"a{}"}}"#, "ễ".repeat(3000));
        let Ok(Heard::Said(Answer::Coded { message, .. })) = hear_submission(Service::Claim, &reply(200, &body)) else {
            panic!("not read");
        };
        assert!(message.len() <= MESSAGE_BYTES_MAX && message.ends_with('ễ'));
    }
}
