//! `POST /api/token/take` (`portal-api.md`, section 1).

use http::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::sandbox::portal::Portal;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::Call;
use crate::sandbox::tokens::check_account;

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(rename = "maKetQua")]
    code: Code<'a>,
    #[serde(rename = "APIKey")]
    key: Option<Key<'a>>,
}

#[derive(Serialize)]
struct Key<'a> {
    access_token: String,
    id_token: String,
    token_type: &'static str,
    username: &'a str,
    expires_in: String,
}

/// Takes form and JSON alike; the status stays 200 whatever the code.
pub(super) fn take(portal: &Portal, call: &Call) -> Answer {
    let (username, password) = (call.fields.get("username"), call.fields.get("password"));
    let facility = Some(call.fields.get("maCSKCB")).filter(|facility| !facility.is_empty());
    let reply = match check_account(username, password, facility) {
        Err(refusal) => Reply { code: portal.code(refusal.code()), key: None },
        Ok(()) => {
            let session = portal.log_in(username, call);
            Reply {
                code: portal.code("200"),
                key: Some(Key {
                    access_token: session.access_token,
                    id_token: session.id_token,
                    token_type: "Bearer",
                    username,
                    expires_in: dot_net(portal.skewed(session.expires_at)),
                }),
            }
        }
    };
    Answer::json(StatusCode::OK, &reply)
}

/// ISO 8601 in UTC with up to seven digits of the second, zeros at the end dropped, as .NET writes it.
fn dot_net(instant: Timestamp) -> String {
    let whole = instant.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let ticks = format!("{:07}", instant.subsec_nanosecond().unsigned_abs() / 100);
    match ticks.trim_end_matches('0') {
        "" => format!("{whole}Z"),
        fraction => format!("{whole}.{fraction}Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_lose_their_last_zeros() {
        for (text, told) in [
            ("2026-07-27T01:37:07.9726Z", "2026-07-27T01:37:07.9726Z"),
            ("2026-07-27T01:37:07.104718799Z", "2026-07-27T01:37:07.1047187Z"),
            ("2026-07-27T01:37:07.000001Z", "2026-07-27T01:37:07.000001Z"),
            ("2026-07-27T01:37:07Z", "2026-07-27T01:37:07Z"),
        ] {
            assert_eq!(dot_net(text.parse().unwrap()), told);
        }
    }
}
