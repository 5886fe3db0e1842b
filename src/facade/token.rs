//! Tokens of the gateway's own, in the portal's shape (`portal-api.md`, section 1.4), with nothing kept of them.
//!
//! An access token is base64 of `<base64 of 32 bytes>:<user name>:<FILETIME of issue>`. The 32 bytes are a keyed hash over
//! the client, its user name, the id token and that time, so a token holds for exactly one client, outlives a restart,
//! and dies with its client, without whom nobody comes as far as having a token checked.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::store::Client;
use crate::store::vault::Vault;
use crate::system::{System, after};

/// Longest token looked at; real ones are under 300 characters.
const TOKEN_BYTES_MAX: usize = 1024;

/// A token issued later than now by more than this was issued before the clock was set back, and would live too long.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// FILETIME of 1970-01-01: ticks of 100 ns since 1601.
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

/// A session as `token/take` gives it.
pub(super) struct Session {
    pub(super) access_token: String,
    pub(super) id_token: String,
    /// Until when, as .NET writes it.
    pub(super) expires_in: String,
}

/// A session for a client that signed in.
pub(super) fn issue(vault: &Vault, system: &System, client: &Client, life: Duration) -> Session {
    let now = system.now();
    let user = client.facade_user.as_deref().unwrap_or_default();
    let (id_token, filetime) = (uuid(system), filetime(now));
    let signature = STANDARD.encode(signature(vault, client, &id_token, filetime));
    Session {
        access_token: STANDARD.encode(format!("{signature}:{user}:{filetime}")),
        id_token,
        expires_in: dot_net(after(now, life)),
    }
}

/// Whether the two tokens belong together, to this client, and still live.
pub(super) fn is_right(vault: &Vault, client: &Client, tokens: (&str, &str), now: Timestamp, life: Duration) -> bool {
    let (access_token, id_token) = tokens;
    let Some((given, user, issued)) = taken_apart(access_token) else { return false };
    let wanted = signature(vault, client, id_token, issued);
    let ticks = i64::try_from(life.as_nanos() / 100).unwrap_or(i64::MAX);
    let lives = filetime(now) < issued.saturating_add(ticks) && issued <= filetime(after(now, CLOCK_SLACK));
    let ours = client.facade_user.as_deref() == Some(user.as_str());
    verify_slices_are_equal(&given, &wanted).is_ok() && ours && lives
}

/// The user name that stands in an access token, whoever wrote it.
pub(super) fn user_of(access_token: &str) -> Option<String> {
    taken_apart(access_token).map(|(_, user, _)| user)
}

fn taken_apart(access_token: &str) -> Option<(Vec<u8>, String, i64)> {
    if access_token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(access_token).ok()?).ok()?;
    let (signature, rest) = text.split_once(':')?;
    let (user, filetime) = rest.rsplit_once(':')?;
    Some((STANDARD.decode(signature).ok()?, user.to_owned(), filetime.parse().ok()?))
}

fn signature(vault: &Vault, client: &Client, id_token: &str, filetime: i64) -> [u8; 32] {
    let user = client.facade_user.as_deref().unwrap_or_default();
    let parts = [client.id.as_bytes(), user.as_bytes(), id_token.as_bytes(), &filetime.to_be_bytes()];
    vault.keyed_hash("facade-token", &parts)
}

fn filetime(instant: Timestamp) -> i64 {
    i64::try_from(instant.as_nanosecond() / 100).unwrap_or_default().saturating_add(UNIX_EPOCH)
}

/// A random UUID of version 4, in lower case.
fn uuid(system: &System) -> String {
    let mut bytes = system.random::<16>();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
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
    use crate::domain::FacilityCode;

    fn client(id: &str, user: &str) -> Client {
        Client {
            id: id.to_owned(),
            name: "his".to_owned(),
            secret_hash: [0; 32],
            prefix: String::new(),
            scopes: Vec::new(),
            facilities: vec![FacilityCode::parse("01999").unwrap()],
            requests_per_minute: 1,
            addresses: Vec::new(),
            facade_user: Some(user.to_owned()),
            created_at: Timestamp::UNIX_EPOCH,
            revoked_at: None,
        }
    }

    #[test]
    fn a_token_is_for_one_client_one_id_token_and_its_life() {
        let (vault, system) = (Vault::for_tests().unwrap(), System::real());
        let (life, one, other) = (Duration::from_secs(60), client("key_1", "01999_BV"), client("key_2", "01999_BV"));
        let session = issue(&vault, &system, &one, life);
        let now = system.now();
        let tokens = (session.access_token.as_str(), session.id_token.as_str());
        assert!(is_right(&vault, &one, tokens, now, life));
        assert!(!is_right(&vault, &other, tokens, now, life), "of another client");
        assert!(!is_right(&vault, &client("key_1", "x"), tokens, now, life), "of another user name");
        assert!(!is_right(&vault, &one, (tokens.0, "0"), now, life), "of another id token");
        assert!(!is_right(&vault, &one, tokens, after(now, life), life), "too old");
        let a_day_before = now.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap();
        assert!(!is_right(&vault, &one, tokens, a_day_before, life), "issued before the clock was set back");
        let second = issue(&vault, &system, &one, life);
        assert!(!is_right(&vault, &one, (tokens.0, &second.id_token), now, life), "of another session");
        for broken in
            ["", "x", tokens.0.get(4..).unwrap(), &STANDARD.encode("a:b:c"), &STANDARD.encode("a:1"), &"A".repeat(5000)]
        {
            assert!(!is_right(&vault, &one, (broken, tokens.1), now, life), "{broken}");
        }
    }

    #[test]
    fn a_token_has_the_portals_shape() {
        let (vault, system) = (Vault::for_tests().unwrap(), System::real());
        // A user name may hold the sign that parts the token.
        let session = issue(&vault, &system, &client("key_1", "a:b"), Duration::from_secs(60));
        assert_eq!(user_of(&session.access_token).as_deref(), Some("a:b"));
        let (signature, _, filetime) = taken_apart(&session.access_token).unwrap();
        assert_eq!(signature.len(), 32);
        // Between 2020 and 2100.
        assert!((132_223_104_000_000_000..157_469_184_000_000_000).contains(&filetime));
        assert_eq!(session.id_token.len(), 36);
        assert_eq!(session.id_token, session.id_token.to_lowercase());
        for (text, told) in [
            ("2026-07-27T01:37:07.9726Z", "2026-07-27T01:37:07.9726Z"),
            ("2026-07-27T01:37:07.104718799Z", "2026-07-27T01:37:07.1047187Z"),
            ("2026-07-27T01:37:07Z", "2026-07-27T01:37:07Z"),
        ] {
            assert_eq!(dot_net(text.parse().unwrap()), told);
        }
    }
}
