//! Certificates, death notices and birth certificates of PL02 (`portal-api.md`, section 5.2).
//!
//! Deliberately, as at the real portal: `loaiHs` is not checked against the root, and nothing is recognised as sent
//! before. Whoever sends twice has issued two certificates.

use http::StatusCode;
use serde::Serialize;

use crate::sandbox::claims::{decoded, sha256};
use crate::sandbox::judge::Finding;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Taken;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::{Call, Encoding, Fields};
use crate::sandbox::tokens::{Credentials, uuid};

/// Larger files are refused with 1001. The real limit is not published (section 4.5); this one is ours.
const FILE_BYTES_MAX: usize = 20 << 20;

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(rename = "MaGD")]
    receipt: &'a str,
    #[serde(rename = "MaKetQua")]
    code: Code<'a>,
    #[serde(rename = "ThoiGianTiepNhan")]
    received_at: String,
}

/// Takes a form that carries everything, the credentials too. `services` are the values of `loaiHs` the path knows.
pub(super) fn take(portal: &Portal, call: &Call, services: &[&str]) -> Answer {
    let nothing = Fields::default();
    let fields = if call.encoding == Encoding::Form { &call.fields } else { &nothing };
    let credentials = Credentials {
        access_token: fields.get("token"),
        id_token: fields.get("id_token"),
        username: fields.get("username"),
        password: fields.get("password"),
    };
    if !portal.admits(call, &credentials) {
        return reply(portal, "401", "");
    }
    let (facility, service) = (fields.get("maCskcb"), fields.get("loaiHs"));
    // Two names for one field: the table's and the one of the official example.
    let file = Some(fields.get("fileBase64Str")).filter(|file| !file.is_empty());
    let Some(body) = decoded(file.unwrap_or(fields.get("fileHsBase64"))) else { return reply(portal, "205", "") };
    if facility.is_empty() || !services.contains(&service) {
        return reply(portal, "205", "");
    }
    if body.len() > FILE_BYTES_MAX {
        return reply(portal, "1001", "");
    }
    let receipt = format!("HS_CHUNGTU{facility}_{}", uuid(&portal.system).to_uppercase());
    let taken = Taken {
        path: call.path.clone(),
        service: service.to_owned(),
        facility: facility.to_owned(),
        sha256: sha256(&body),
        body,
        receipt: receipt.clone(),
        business_key: None,
        received_at: portal.system.now(),
        finding: Finding::default(),
    };
    let number = portal.records().take_once_or_twice(taken, call.double);
    reply(portal, "200", &receipt).of_submission(number)
}

fn reply(portal: &Portal, code: &str, receipt: &str) -> Answer {
    let received_at = portal.wall_clock().strftime("%Y%m%d%H%M%S").to_string();
    Answer::json(StatusCode::OK, &Reply { receipt, code: portal.code(code), received_at })
}
