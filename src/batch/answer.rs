//! The answer to one row, both ways between the lookup's and the JSON that is sealed. The portal's own bytes are kept and
//! the verdict drawn again when somebody looks, so that it is in the reader's language.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::domain::FacilityCode;
use crate::lookup::verdict::Circumstances;
use crate::lookup::{CardFound, Found, Source, verdict};
use crate::portal::reply::read_card;
use crate::system::vietnam;

/// An answer as it is kept.
pub fn to_json(found: &CardFound) -> String {
    let Found { code, raw, answered_at, source, .. } = &found.found;
    json!({
        "code": code,
        "raw": String::from_utf8_lossy(raw),
        "answeredAt": answered_at.as_millisecond(),
        "kept": matches!(source, Source::Cache { .. }),
        "visit": found.visit.to_string(),
    })
    .to_string()
}

/// Reads [`to_json`] back, and draws the verdict again; `None` for what it did not write.
pub fn from_json(text: &str, facility: &FacilityCode) -> Option<CardFound> {
    let members: Value = serde_json::from_str(text).ok()?;
    let raw = Bytes::from(members.get("raw")?.as_str()?.to_owned());
    let visit: Date = members.get("visit")?.as_str()?.parse().ok()?;
    let answer = read_card(&raw).ok()?;
    let answered_at = Timestamp::from_millisecond(members.get("answeredAt")?.as_i64()?).ok()?;
    let answered = Some(vietnam(answered_at).date());
    let verdict = verdict::draw(&answer, &Circumstances { answered, ..Circumstances::on(visit, facility) });
    let source = match members.get("kept")?.as_bool()? {
        true => Source::Cache { fresh_for: Duration::ZERO },
        false => Source::Portal,
    };
    let found = Found {
        code: members.get("code")?.as_str()?.into(),
        raw,
        http_status: 200,
        answered_at,
        source,
        refresh_after: Duration::ZERO,
        changed: None,
    };
    Some(CardFound { found, answer, verdict, visit, history: None })
}
