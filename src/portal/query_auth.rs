//! The `egw` family: what opens the portal stands in the query (`portal-api.md`, sections 2.1 and 2.4).

use form_urlencoded::Serializer;
use serde_json::json;

use crate::domain::Officer;
use crate::portal::Question;
use crate::portal::call::{Call, Keys};

/// `KQNhanLichSuKCB2024`. Without an officer the two fields are sent empty, and the portal says what it misses.
pub(super) fn card_lookup(keys: &Keys<'_>, question: &Question, officer: Option<&Officer>) -> Call {
    let body = json!({
        "maThe": question.subject.as_str(),
        "hoTen": question.name.as_str(),
        "ngaySinh": question.birth.portal(),
        "hoTenCb": officer.map_or("", |officer| officer.name.as_str()),
        "cccdCb": officer.map_or("", |officer| officer.national_id.as_str()),
    });
    Call::json(with_query("/api/egw/KQNhanLichSuKCB2024", keys), body.to_string())
}

/// `Lskcb2025`. As a form: the real portal was seen to refuse JSON here, against its own letter.
pub(super) fn treatment_history(keys: &Keys<'_>, question: &Question, officer: Option<&Officer>) -> Call {
    let fields = [
        ("maThe", question.subject.as_str()),
        ("hoTen", question.name.as_str()),
        ("ngaySinh", &question.birth.portal()),
        ("hoTenCb", officer.map_or("", |officer| officer.name.as_str())),
        ("cccdCb", officer.map_or("", |officer| officer.national_id.as_str())),
    ];
    Call::form(with_query("/api/egw/Lskcb2025", keys), &fields)
}

/// The token is base64: its `+`, `/` and `=` are percent-encoded by the serializer.
fn with_query(path: &str, keys: &Keys<'_>) -> String {
    let mut query = Serializer::for_suffix(format!("{path}?"), path.len() + 1);
    query.append_pair("token", keys.token.access());
    query.append_pair("id_token", keys.token.id());
    query.append_pair("username", &keys.account.username);
    query.append_pair("password", keys.account.password.md5());
    query.finish()
}
