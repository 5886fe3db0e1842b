//! Accounts and sessions: the token of `portal-api.md`, sections 1.4 and 8.2, down to its bytes.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest, Md5};

use crate::domain::FacilityCode;
use crate::system::{System, after};

/// The password of every account of the sandbox. Any facility code `F` has the accounts `F_BV` and `F_HSSK`. This is
/// a rule of the sandbox, not of the portal.
pub const ACCOUNT_PASSWORD: &str = "Sandbox@123";

/// The portal's `SessionTimeLimit` (section 1.4).
const SESSION_LIFE: Duration = Duration::from_secs(600);

/// Sessions kept at once; the oldest go first. Ten minutes at 150 logins a second, more than any client takes.
const SESSIONS_MAX: usize = 100_000;

/// A facility code that does not exist, to provoke 402, and a locked account, to provoke 403.
const FACILITY_UNKNOWN: &str = "00000";
const ACCOUNT_LOCKED: &str = "99403_BV";

/// Why a login is refused, as the code of section 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Account,
    Facility,
    Locked,
}

/// What a login brings.
pub(super) struct Session {
    pub(super) access_token: String,
    pub(super) id_token: String,
    pub(super) expires_at: Timestamp,
}

/// The credentials that come with a call, wherever the family puts them.
pub(super) struct Credentials<'a> {
    pub(super) access_token: &'a str,
    pub(super) id_token: &'a str,
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// Every living session, by id token.
pub(super) struct Tokens {
    key: hmac::Key,
    sessions: HashMap<String, Held>,
    /// Id tokens in order of issue; holds ids of ended sessions too until they reach the front.
    order: VecDeque<String>,
}

struct Held {
    access_token: String,
    account: String,
    caller: IpAddr,
    expires_at: Timestamp,
}

impl Refusal {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Account => "401",
            Self::Facility => "402",
            Self::Locked => "403",
        }
    }
}

/// Checks an account and its hashed password; a facility named beside the account must be the account's own.
pub(super) fn check_account(account: &str, password_md5: &str, facility: Option<&str>) -> Result<(), Refusal> {
    let Some((code, "BV" | "HSSK")) = account.split_once('_') else { return Err(Refusal::Account) };
    if code == FACILITY_UNKNOWN || facility.is_some_and(|named| named != code) {
        return Err(Refusal::Facility);
    }
    if FacilityCode::parse(code).is_err() || !is_password(password_md5) {
        return Err(Refusal::Account);
    }
    if account == ACCOUNT_LOCKED {
        return Err(Refusal::Locked);
    }
    Ok(())
}

/// Whether this is the MD5 of the password, in hex of either case (section 1.1).
fn is_password(md5_hex: &str) -> bool {
    md5_hex.eq_ignore_ascii_case(&hex(&Md5::digest(ACCOUNT_PASSWORD)))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A random UUID of version 4, in lower case.
pub(super) fn uuid(system: &System) -> String {
    let mut bytes = system.random::<16>();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let digits = hex(&bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

impl Tokens {
    pub(super) fn new(system: &System) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &system.random::<32>());
        Self { key, sessions: HashMap::new(), order: VecDeque::new() }
    }

    /// Opens a session for an account that was checked.
    pub(super) fn open(&mut self, account: &str, caller: IpAddr, last_wins: bool, system: &System) -> Session {
        let now = system.now();
        self.make_room(now);
        if last_wins {
            self.sessions.retain(|_, held| held.account != account);
        }
        let id_token = uuid(system);
        let filetime = filetime(now);
        let signed = format!("{account}|{caller}|{id_token}|{filetime}");
        let signature = STANDARD.encode(hmac::sign(&self.key, signed.as_bytes()));
        let access_token = STANDARD.encode(format!("{signature}:{account}:{filetime}"));
        let expires_at = after(now, SESSION_LIFE);
        let held = Held { access_token: access_token.clone(), account: account.to_owned(), caller, expires_at };
        self.sessions.insert(id_token.clone(), held);
        self.order.push_back(id_token.clone());
        Session { access_token, id_token, expires_at }
    }

    /// Whether the credentials belong to a living session of the same caller. The account named beside the token is
    /// not compared with the token's own: the portal does not either (section 1.4).
    pub(super) fn admits(&self, credentials: &Credentials<'_>, caller: IpAddr, now: Timestamp) -> bool {
        self.sessions.get(credentials.id_token).is_some_and(|held| {
            held.access_token == credentials.access_token && held.caller == caller && now < held.expires_at
        }) && !credentials.username.is_empty()
            && is_password(credentials.password)
    }

    pub(super) fn revoke(&mut self, id_token: &str) {
        self.sessions.remove(id_token);
    }

    pub(super) fn revoke_all(&mut self) {
        self.sessions.clear();
        self.order.clear();
    }

    fn make_room(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            let living = self.sessions.get(oldest).is_some_and(|held| now < held.expires_at);
            if living && self.order.len() < SESSIONS_MAX {
                return;
            }
            self.sessions.remove(oldest);
            self.order.pop_front();
        }
    }
}

/// Ticks of 100 ns since 1601-01-01, as Windows counts.
fn filetime(instant: Timestamp) -> i128 {
    instant.as_nanosecond() / 100 + 116_444_736_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: fn() -> String = || hex(&Md5::digest(ACCOUNT_PASSWORD));

    #[test]
    fn accounts_are_checked_in_the_order_of_their_codes() {
        for (account, facility, wanted) in [
            ("99001_BV", None, Ok(())),
            ("99001_HSSK", Some("99001"), Ok(())),
            ("99001", None, Err(Refusal::Account)),
            ("99001_XX", None, Err(Refusal::Account)),
            ("9900_BV", None, Err(Refusal::Account)),
            ("00000_BV", None, Err(Refusal::Facility)),
            ("99001_BV", Some("99002"), Err(Refusal::Facility)),
            ("99403_BV", None, Err(Refusal::Locked)),
        ] {
            assert_eq!(check_account(account, &HASH(), facility), wanted, "{account}");
            assert_eq!(check_account(account, &HASH().to_uppercase(), facility), wanted, "{account}");
        }
        assert_eq!(check_account("99001_BV", ACCOUNT_PASSWORD, None), Err(Refusal::Account));
    }

    #[test]
    fn the_token_has_the_form_of_the_captured_ones() {
        let system = System::real();
        let mut tokens = Tokens::new(&system);
        let session = tokens.open("99001_BV", IpAddr::from([127, 0, 0, 1]), false, &system);
        let inner = String::from_utf8(STANDARD.decode(&session.access_token).unwrap()).unwrap();
        let parts: Vec<_> = inner.split(':').collect();
        assert_eq!(STANDARD.decode(parts[0]).unwrap().len(), 32);
        assert_eq!(parts[1], "99001_BV");
        // Between 2020 and 2100.
        assert!((132_223_104_000_000_000..157_469_184_000_000_000).contains(&parts[2].parse::<i64>().unwrap()));
        assert_eq!(session.id_token.len(), 36);
        assert_eq!(session.id_token, session.id_token.to_lowercase());
    }

    #[test]
    fn a_session_is_for_one_caller_and_ten_minutes() {
        let system = System::real();
        let mut tokens = Tokens::new(&system);
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let session = tokens.open("99001_BV", here, false, &system);
        let password = HASH();
        let credentials = Credentials {
            access_token: &session.access_token,
            id_token: &session.id_token,
            username: "99002_BV",
            password: &password,
        };
        let now = system.now();
        assert!(tokens.admits(&credentials, here, now));
        assert!(!tokens.admits(&credentials, there, now));
        assert!(!tokens.admits(&credentials, here, after(now, SESSION_LIFE)));
        assert!(!tokens.admits(&Credentials { password: "x", ..credentials }, here, now));
        tokens.open("99001_BV", here, false, &system);
        assert!(tokens.admits(&credentials, here, now), "sessions live side by side");
        tokens.open("99001_BV", here, true, &system);
        assert!(!tokens.admits(&credentials, here, now), "unless the last login wins");
    }
}
