//! Check-in, claims and medical assessment of the qd130 family (`portal-api.md`, sections 3 and 4).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::sandbox::judge;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Taken;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::Call;
use crate::sandbox::tokens::{Credentials, hex};

/// What a path of this family takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    CheckIn,
    Claim,
    MedicalAssessment,
}

impl Kind {
    /// `loaiHoSo`.
    fn service(self) -> &'static str {
        match self {
            Self::CheckIn => "0",
            Self::Claim => "130",
            Self::MedicalAssessment => "12",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    ma_ket_qua: Code<'a>,
    ma_giao_dich: &'a str,
    thoi_gian_tiep_nhan: String,
    thong_diep: &'a str,
}

/// Credentials in headers, the account in the body; form and JSON alike. 200 means received, not accepted.
pub(super) fn take(portal: &Portal, call: &Call, kind: Kind) -> Answer {
    let fields = &call.fields;
    let credentials = Credentials {
        access_token: call.header("accessToken"),
        id_token: call.header("tokenId"),
        username: fields.get("username"),
        password: call.header("passwordHash"),
    };
    if !portal.admits(call, &credentials) {
        return refuse(portal, "401", "Lỗi xác thực tài khoản");
    }
    let facility = fields.get("maCSKCB");
    if facility.is_empty() || fields.get("maTinh").is_empty() || fields.get("loaiHoSo") != kind.service() {
        return refuse(portal, "205", "Tham số đầu vào không đúng");
    }
    let Some(body) = decoded(fields.get("fileHSBase64")) else {
        return refuse(portal, "205", "fileHSBase64 không đúng định dạng");
    };
    let reading = judge::read(&body, facility);
    let receipt = format!("HSKCB130_{facility}_{}", hex(&portal.system.random::<16>()).to_uppercase());
    let taken = Taken {
        path: call.path.clone(),
        service: kind.service().to_owned(),
        facility: facility.to_owned(),
        sha256: sha256(&body),
        body,
        receipt: receipt.clone(),
        business_key: reading.business_key,
        received_at: portal.system.now(),
        finding: reading.finding,
    };
    let number = portal.records().take_once_or_twice(taken, call.double);
    reply(portal, "200", &receipt, "Tiếp nhận thành công").of_submission(number)
}

/// The bytes behind a base64 field; `None` if it is empty or no base64. A `+` that a form left unescaped arrives as a
/// blank and fails here, as it should.
pub(super) fn decoded(base64: &str) -> Option<Bytes> {
    STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty()).map(Bytes::from)
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    // SHA-256 has 32 bytes; the fallback keeps this total.
    digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default()
}

/// The wording of refusals is ours.
fn refuse(portal: &Portal, code: &str, message: &str) -> Answer {
    reply(portal, code, "", message)
}

fn reply(portal: &Portal, code: &str, receipt: &str, message: &str) -> Answer {
    let reply = Reply {
        ma_ket_qua: portal.code(code),
        ma_giao_dich: receipt,
        thoi_gian_tiep_nhan: portal.wall_clock().strftime("%Y%m%d%H%M%S").to_string(),
        thong_diep: message,
    };
    Answer::json(StatusCode::OK, &reply)
}
