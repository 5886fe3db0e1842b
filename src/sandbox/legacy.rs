//! The services of QĐ 4210 and QĐ 9324 (`portal-api.md`, section 4.6), which stopped being the current ones in 2023 and
//! live on in many hospital systems: claims sent as bytes in JSON, and in `legacy/` what may be asked about them.
//!
//! Field names, places of credentials, JSON types and codes are those that working clients rely on. The form of the
//! transaction code and the replies to refused calls are not known and are ours.

pub(super) mod facility;
pub(super) mod results;
pub(super) mod visit;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::sandbox::claims::{decoded, sha256};
use crate::sandbox::judge::{self, Reading};
use crate::sandbox::lookup::egw_admits;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Taken;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::{Call, Encoding};
use crate::sandbox::tokens::hex;

/// `loaiHoSo`: visits, the reports 79/80a, 19, 20, 21, and referral letters.
const SERVICES: [&str; 6] = ["3", "5", "6", "7", "8", "9"];

/// The one service whose files are claims with records in them.
const VISITS: &str = "3";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    ma_ket_qua: Code<'a>,
    ma_giao_dich: &'a str,
}

/// `POST /api/egw/guiHoSoGiamDinh4210` and `guiHoSoGiamDinh`: everything in the query but the file, which is the whole
/// body: a JSON array of byte numbers, or base64 in a JSON string as .NET writes an array of bytes.
pub(super) fn take(portal: &Portal, call: &Call) -> Answer {
    let refuse = |code: &str| reply(portal, code, "");
    if !egw_admits(portal, call) {
        return refuse("401");
    }
    let (facility, service) = (call.query.get("maCSKCB"), call.query.get("loaiHoSo"));
    if facility.is_empty() || call.query.get("maTinh").is_empty() || !SERVICES.contains(&service) {
        return refuse("205");
    }
    let body = match file_in(call) {
        None => return refuse("205"),
        Some(body) if body.is_empty() => return refuse("204"),
        Some(body) => body,
    };
    let reading = if service == VISITS { judge::read(&body, facility) } else { Reading::default() };
    let receipt = format!("HS4210_{facility}_{}", hex(&portal.system.random::<16>()).to_uppercase());
    let taken = Taken {
        path: call.path.clone(),
        service: service.to_owned(),
        facility: facility.to_owned(),
        sha256: sha256(&body),
        body,
        receipt: receipt.clone(),
        business_key: reading.business_key,
        received_at: portal.system.now(),
        finding: reading.finding,
    };
    let number = portal.records().take_once_or_twice(taken, call.double);
    reply(portal, "200", &receipt).of_submission(number)
}

/// The bytes of the file; `None` if the body is neither of the two forms.
fn file_in(call: &Call) -> Option<Bytes> {
    if call.encoding != Encoding::Json {
        return None;
    }
    match call.body.trim_ascii_start().first()? {
        b'[' => serde_json::from_slice::<Vec<u8>>(&call.body).ok().map(Bytes::from),
        b'"' => match serde_json::from_slice::<String>(&call.body).ok()? {
            empty if empty.is_empty() => Some(Bytes::new()),
            base64 => decoded(&base64),
        },
        _ => None,
    }
}

fn reply(portal: &Portal, code: &str, receipt: &str) -> Answer {
    Answer::json(StatusCode::OK, &Reply { ma_ket_qua: portal.code(code), ma_giao_dich: receipt })
}
