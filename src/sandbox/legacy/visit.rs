//! One past visit in detail: `POST /api/egw/nhanHoSoKCBChiTiet` (`portal-api.md`, section 2.5).
//!
//! The visits are those that were told by `Lskcb2025`, under the numbers told there; a number that was never told is
//! answered with nothing, in a form of our own.

use http::StatusCode;
use serde::Serialize;

use crate::sandbox::lookup::egw_admits;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::ToldVisit;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::Call;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    ma_ket_qua: Code<'a>,
    #[serde(rename = "hoSoKCB")]
    record: Option<Record>,
}

/// The tables of lines are empty: what was done at an invented visit is nowhere written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    xml1: Visit,
    ds_xml2: [(); 0],
    ds_xml3: [(); 0],
    ds_xml4: [(); 0],
    ds_xml5: [(); 0],
}

/// The fields of XML1 that clients show.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Visit {
    ma_lk: String,
    ho_ten: String,
    ngay_sinh: String,
    ma_the: String,
    #[serde(rename = "MaCSKCB")]
    facility: String,
    ten_benh: &'static str,
    ngay_vao: String,
    ngay_ra: String,
    ket_qua_dtri: &'static str,
    tinh_trang_rv: &'static str,
}

/// Everything in the query, nothing in the body.
pub(in crate::sandbox) fn tell(portal: &Portal, call: &Call) -> Answer {
    let reply = |code, record| Answer::json(StatusCode::OK, &Reply { ma_ket_qua: portal.code(code), record });
    let number = call.query.get("maHoSo");
    if !egw_admits(portal, call) {
        return reply("401", None);
    }
    if number.is_empty() {
        return reply("205", None);
    }
    let visit = portal.records().told_visit(number).cloned();
    reply("200", visit.map(|visit| Record::of(number, visit)))
}

impl Record {
    fn of(number: &str, visit: ToldVisit) -> Self {
        let xml1 = Visit {
            ma_lk: number.to_owned(),
            ho_ten: visit.name,
            ngay_sinh: visit.birth_date,
            ma_the: visit.card,
            facility: visit.facility,
            ten_benh: visit.diagnosis,
            ngay_vao: visit.from,
            ngay_ra: visit.to,
            ket_qua_dtri: "2",
            tinh_trang_rv: "1",
        };
        Self { xml1, ds_xml2: [], ds_xml3: [], ds_xml4: [], ds_xml5: [] }
    }
}
