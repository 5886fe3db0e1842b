//! How lists and their rows look as JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::cells::Wrong;
use super::problems::state_word;
use crate::batch::{ROW_WRONG, answer};
use crate::domain::{Bilingual, FacilityCode};
use crate::http::Gateway;
use crate::http::cards::answer::card_json;
use crate::http::problem::{Voice, in_language};
use crate::http::shapes::{instant, words};
use crate::store::batches::{BatchView, GOOD_CONCLUSIONS, RowState, RowView};

/// A list and how far it is.
pub(super) fn batch(view: &BatchView, expected_end: Option<Timestamp>) -> Value {
    let mut conclusions: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, conclusion, count) in &view.counts {
        if let Some(conclusion) = conclusion {
            *conclusions.entry(conclusion).or_default() += count;
        }
    }
    let good: u32 = GOOD_CONCLUSIONS.iter().filter_map(|conclusion| conclusions.get(conclusion)).sum();
    let (done, failed) = (view.count(RowState::Done), view.count(RowState::Failed));
    let path = format!("/v1/card-lookups/batches/{}", view.id);
    json!({
        "id": view.id,
        "name": view.name,
        "maCSKCB": view.facility.as_str(),
        "trangThai": state_word(view.state),
        "lyDo": view.reason,
        "tong": view.total,
        "xong": done,
        "hopLe": good,
        "canXem": done - good.min(done) + failed,
        "loi": failed,
        "conLai": view.count(RowState::Waiting),
        "ketLuan": conclusions,
        "createdAt": instant(view.created_at),
        "startAt": instant(view.start_at),
        "startedAt": view.started_at.map(instant),
        "endedAt": view.ended_at.map(instant),
        "expectedEnd": expected_end.map(instant),
        "links": {"results": format!("{path}/results"), "problems": format!("{path}/results?only=problems")},
    })
}

/// One row: what was asked, and what came of it, as a lookup of its own would show it.
pub(super) fn row(gateway: &Gateway, facility: &FacilityCode, view: &RowView, voice: &Voice) -> Value {
    let mut shown = Map::new();
    shown.insert("dong".into(), view.number.into());
    // The members of a question are ours; what cannot be read back is left out rather than shown by halves.
    let question: Map<String, Value> = serde_json::from_str(&view.question_json).unwrap_or_default();
    shown.extend(question);
    let state = match view.state {
        RowState::Waiting => "cho",
        RowState::Done => "xong",
        RowState::Failed => "loi",
    };
    shown.insert("trangThai".into(), state.into());
    let answered = view.answer_json.as_deref().filter(|_| view.state == RowState::Done);
    if let Some(found) = answered.and_then(|answer| answer::from_json(answer, facility)) {
        let answer = card_json(gateway, "", &found, None, None, voice);
        for member in ["nguon", "traLuc", "ngayKham", "ketLuan", "nextStep", "the", "theMoi", "canhBao"] {
            shown.insert(member.into(), answer.get(member).cloned().unwrap_or_default());
        }
    }
    if view.state != RowState::Done
        && let Some(code) = &view.code
    {
        shown.insert("loi".into(), failure(code, view.answer_json.as_deref(), voice));
    }
    Value::Object(shown)
}

/// Why a row has no answer (yet).
fn failure(code: &str, answer: Option<&str>, voice: &Voice) -> Value {
    let (vi, en) = match code {
        ROW_WRONG => ("Dòng sai, không tra", "The row is wrong and was not asked"),
        "portal.timeout" => ("Cổng chưa trả lời kịp", "The portal did not answer in time"),
        "portal.fault" => ("Cổng báo lỗi hệ thống", "The portal reports a system fault"),
        "portal.budget_spent" => ("Chưa đến lượt hỏi cổng", "Its turn has not come"),
        "card.sandbox_only" => ("Mã chỉ dùng để thử nghiệm", "This id exists in the sandbox only"),
        "gateway.fault" => ("Lỗi của gateway", "A fault of the gateway"),
        "gateway.busy" => ("Gateway đang bận", "The gateway is busy"),
        _ => ("Cổng không trả lời", "The portal does not answer"),
    };
    let mut shown = Map::new();
    shown.insert("code".into(), code.into());
    shown.insert("nhan".into(), words(&Bilingual::fixed(vi, en), voice));
    let faults: Vec<Value> = answer.and_then(|answer| serde_json::from_str(answer).ok()).unwrap_or_default();
    let faults: Vec<Value> = faults.iter().filter_map(|fault| told(fault, voice)).collect();
    if !faults.is_empty() {
        shown.insert("errors".into(), faults.into());
    }
    Value::Object(shown)
}

/// One fault of a wrong row, in words.
fn told(fault: &Value, voice: &Voice) -> Option<Value> {
    let wrong = Wrong::of(fault.get("maLoi")?.as_str()?)?;
    Some(in_language(&wrong.told(fault.get("truong")?.as_str()?), voice))
}
