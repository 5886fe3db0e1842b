//! `token/take`: a session of the gateway's own. The portal's stays here.

use serde_json::Value;

use crate::domain::FacilityCode;
use crate::facade::caller::Admitted;
use crate::facade::dialect::object;
use crate::facade::reply::{Refusal, Reply, Why};
use crate::facade::request::Call;
use crate::facade::{Facade, token};

/// Answers in the portal's shape and order (`portal-api.md`, section 1.2).
pub(super) fn take(facade: &Facade, call: &Call, admitted: &Admitted) -> Result<Reply, Refusal> {
    let parts = &facade.0;
    // A facility named beside the account must be one of the account's.
    let named = call.fields.get("maCSKCB").trim();
    let owns = |named: &str| FacilityCode::parse(named).is_ok_and(|code| admitted.caller.owns(&code));
    if !named.is_empty() && !owns(named) {
        return Err(Refusal::new(Why::WrongFacility, "facility.not_allowed", "Mã cơ sở KCB không đúng"));
    }
    let client = &admitted.caller.client;
    let session = token::issue(&parts.vault, &parts.gateway.0.system, client, parts.config.token_life);
    let user = client.facade_user.clone().unwrap_or_default();
    let key = object(&[
        ("access_token", Value::from(session.access_token)),
        ("id_token", Value::from(session.id_token)),
        ("token_type", Value::from("Bearer")),
        ("username", Value::from(user)),
        ("expires_in", Value::from(session.expires_in)),
    ]);
    Ok(Reply::of(200, "200", format!(r#"{{"maKetQua":"200","APIKey":{key}}}"#)))
}
