//! The `qd130` family and the co-payment lookup: what opens the portal stands in headers (`portal-api.md`, sections
//! 2.6, 3 and 4.1).

use base64::prelude::{BASE64_STANDARD, Engine};
use http::HeaderName;
use serde_json::json;

use crate::portal::call::{Call, Keys};
use crate::portal::{Generation, Question, Submission};

/// `checkInKcb…`.
pub(super) fn checkin(keys: &Keys<'_>, submission: &Submission, generation: Generation) -> Call {
    let path = match generation {
        Generation::Qd130 => "/api/qd130/checkInKcbQd130",
        Generation::Qd4750 => "/api/qd130/checkInKcbQd4750",
        Generation::Qd3176 => "/api/qd130/checkInKcbQd3176",
    };
    file(keys, submission, path, "0")
}

/// `guiHoSoXml…`. The record type is 130 for the later generations too.
pub(super) fn claim(keys: &Keys<'_>, submission: &Submission, generation: Generation) -> Call {
    let path = match generation {
        Generation::Qd130 => "/api/qd130/guiHoSoXmlQD130",
        Generation::Qd4750 => "/api/qd130/guiHoSoXmlQD4750",
        Generation::Qd3176 => "/api/qd130/guiHoSoXmlQD3176",
    };
    file(keys, submission, path, "130")
}

/// `guiDuLieuGdykQd130`, which has no later generation.
pub(super) fn medical_assessment(keys: &Keys<'_>, submission: &Submission) -> Call {
    file(keys, submission, "/api/qd130/guiDuLieuGdykQd130", "12")
}

/// `TraCuuTienMCCT`, which takes JSON and no officer.
pub(super) fn copay(keys: &Keys<'_>, question: &Question) -> Call {
    let body = json!({
        "username": keys.account.username,
        "maThe": question.subject.as_str(),
        "hoTen": question.name.as_str(),
        "ngaySinh": question.birth.portal(),
    });
    with_keys(Call::json("/api/TraCuuCCT/TraCuuTienMCCT", body.to_string()), keys)
}

/// The facility and its province are those of the submission, the record type that of the service: the portal files a
/// record under whatever stands here, whoever's token came with it (`portal-api.md`, section 1.4).
fn file(keys: &Keys<'_>, submission: &Submission, path: &str, record_type: &str) -> Call {
    let fields = [
        ("username", keys.account.username.as_str()),
        ("loaiHoSo", record_type),
        ("maTinh", submission.facility.province()),
        ("maCSKCB", submission.facility.as_str()),
        ("fileHSBase64", &BASE64_STANDARD.encode(&submission.body)),
    ];
    with_keys(Call::form(path, &fields), keys)
}

fn with_keys(call: Call, keys: &Keys<'_>) -> Call {
    call.with_key(HeaderName::from_static("accesstoken"), keys.token.access())
        .with_key(HeaderName::from_static("tokenid"), keys.token.id())
        .with_key(HeaderName::from_static("passwordhash"), keys.account.password.md5())
}
