//! Who a facility is: `POST /api/egw/NhanThongTinCSKCB` (`portal-api.md`, section 2.3).
//!
//! Clients write the credentials and `maCSKCB` in a JSON body, or in the query, there also as `macskcb`: both are read.
//! What the real reply looks like is not known; this one is ours.

use http::StatusCode;
use serde::Serialize;

use crate::domain::FacilityCode;
use crate::sandbox::population::lists;
use crate::sandbox::portal::Portal;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::Call;
use crate::sandbox::tokens::Credentials;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    ma_ket_qua: Code<'a>,
    #[serde(rename = "maCSKCB")]
    facility: Option<&'a str>,
    #[serde(rename = "tenCSKCB")]
    name: Option<&'static str>,
    ma_tinh: Option<&'a str>,
    ten_tinh: Option<&'static str>,
}

/// Any code of a right form is a facility, always of the same name.
pub(in crate::sandbox) fn tell(portal: &Portal, call: &Call) -> Answer {
    let refuse = |code: &str| {
        let nothing =
            Reply { ma_ket_qua: portal.code(code), facility: None, name: None, ma_tinh: None, ten_tinh: None };
        Answer::json(StatusCode::OK, &nothing)
    };
    let fields = if call.query.get("token").is_empty() { &call.fields } else { &call.query };
    let credentials = Credentials {
        access_token: fields.get("token"),
        id_token: fields.get("id_token"),
        username: fields.get("username"),
        password: fields.get("password"),
    };
    if !portal.admits(call, &credentials) {
        return refuse("401");
    }
    let named = ["maCSKCB", "macskcb"].map(|name| fields.get(name)).into_iter().find(|code| !code.is_empty());
    let Some(code) = named.and_then(|code| FacilityCode::parse(code).ok()) else { return refuse("205") };
    let told = Reply {
        ma_ket_qua: portal.code("200"),
        facility: Some(code.as_str()),
        name: Some(lists::clinic(code.as_str())),
        ma_tinh: Some(code.province()),
        ten_tinh: Some(lists::province(code.province()).1),
    };
    Answer::json(StatusCode::OK, &told)
}
