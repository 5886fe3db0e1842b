//! What makes two answers the same to a client: the status, the kind of the content, the names of the headers, what
//! becomes of the connection, and every byte of the body but for tokens, times and receipts. Those must still have the
//! form that the portal gives them: a client that checks or stores them must not stumble.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::wire::Answer;

type HasForm = fn(&str) -> bool;

/// The members whose value may be another, and the form it must have to be passed over. `ngayTraCuu` is the day of the
/// question and compares as it is.
const BLANKED: &[(&str, HasForm)] = &[
    ("access_token", is_token),
    ("id_token", is_uuid),
    ("expires_in", is_instant),
    ("maGiaoDich", is_receipt),
    ("MaGD", is_receipt),
    ("thoiGianTiepNhan", is_fourteen_digits),
    ("ThoiGianTiepNhan", is_fourteen_digits),
    ("thoiGianKT", is_twelve_digits),
    ("UUID", is_uuid),
];

/// Members that hold words for people. Of a refusal nobody knows what the portal writes there: the sandbox's words are its
/// own (`portal-api.md` has tables of codes, not of texts), so this is a difference of a kind of its own.
const WORDS: &[&str] = &["ghiChu", "GhiChu", "thongDiep", "MSG_TEXT", "Message"];

/// Before a time to the minute in the middle of a text (`portal-api.md`, section 2.6).
const AS_OF: &str = "tính đến: ";

/// The longest token of the portal for an account of eight letters: 32 bytes in base64, the account and eighteen
/// digits, in base64 again (`portal-api.md`, section 1.4).
const TOKEN_MAX: usize = 96;

/// Headers by which the façade may say more; no client of the portal knows them.
const OURS: &str = "gateway-";

/// How the answer of a façade differs from the portal's, in a few words; empty if it does not.
pub(crate) fn difference(portal: &Answer, facade: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if portal.version != facade.version {
        found.push(format!("version {} → {}", portal.version, facade.version));
    }
    if portal.status != facade.status {
        found.push(format!("status {} → {}", portal.status, facade.status));
    }
    let (kind, other) = (portal.header("content-type"), facade.header("content-type"));
    if kind != other {
        found.push(format!("type {kind:?} → {other:?}"));
    }
    let names = |answer: &Answer| {
        let mut names: Vec<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        names.retain(|name| !name.starts_with(OURS) && name != "content-type");
        names.sort();
        names
    };
    let (named, told) = (names(portal), names(facade));
    found.extend(named.iter().filter(|name| !told.contains(name)).map(|name| format!("no {name}")));
    found.extend(told.iter().filter(|name| !named.contains(name)).map(|name| format!("a {name}")));
    if portal.continued != facade.continued {
        found.push(format!("100 Continue {} → {}", portal.continued, facade.continued));
    }
    if portal.kept != facade.kept {
        found.push(format!("kept {} → {}", portal.kept, facade.kept));
    }
    found.extend(difference_of_bodies(&portal.body, &facade.body));
    found
}

/// As [`difference`], of the bodies alone.
pub(crate) fn difference_of_bodies(portal: &[u8], facade: &[u8]) -> Option<String> {
    let (wanted, got) = (blanked(portal), blanked(facade));
    if wanted == got {
        return None;
    }
    let (code, other) = (code(portal), code(facade));
    if code != other {
        return Some(format!("code {code} → {other}"));
    }
    if let Some(member) = WORDS.iter().find(|member| without(&wanted, member) == without(&got, member)) {
        return Some(format!("other words in {member}"));
    }
    // Where they part, with a little before it.
    let parts = wanted.bytes().zip(got.bytes()).position(|(a, b)| a != b).unwrap_or(wanted.len().min(got.len()));
    let excerpt = |text: &str| {
        let from = (0..=parts.saturating_sub(24)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.get(from..).unwrap_or_default().chars().take(60).collect::<String>()
    };
    Some(format!("body {:?} → {:?}", excerpt(&wanted), excerpt(&got)))
}

/// The result code of a reply, as its text; what there is instead, where there is none.
pub(crate) fn code(body: &[u8]) -> String {
    if body.is_empty() {
        return "nothing".to_owned();
    }
    let Ok(reply) = serde_json::from_slice::<serde_json::Value>(body) else { return "no JSON".to_owned() };
    let code = ["maKetQua", "MaKetQua", "MSG_STATE"].iter().find_map(|name| reply.get(name));
    code.map_or("none".to_owned(), |code| code.as_str().map_or(code.to_string(), str::to_owned))
}

/// The body with everything blanked that may differ.
pub(crate) fn blanked(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for (name, is_right) in BLANKED {
        let open = format!("\"{name}\":\"");
        let mut done = String::new();
        while let Some((before, rest)) = text.split_once(&open) {
            let Some((value, after)) = rest.split_once('"') else { break };
            // Of a receipt, what stands before its number (the service and the facility) must be right.
            let shown = match value.rsplit_once('_') {
                Some((family, _)) if is_right(value) => format!("{family}_*"),
                None if is_right(value) => "*".to_owned(),
                _ => value.to_owned(),
            };
            done.push_str(&format!("{before}{open}{shown}\""));
            text = after.to_owned();
        }
        text = done + &text;
    }
    let Some((before, rest)) = text.split_once(AS_OF) else { return text };
    let is_minute = rest.get(..16).is_some_and(|time| {
        let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        form == "00/00/0000 00:00"
    });
    match rest.get(16..) {
        Some(after) if is_minute => format!("{before}{AS_OF}*{after}"),
        _ => text,
    }
}

/// The text without what the first member of this name says; a member that is no text stays.
fn without(text: &str, member: &str) -> String {
    let open = format!("\"{member}\":\"");
    let Some((before, rest)) = text.split_once(&open) else { return text.to_owned() };
    // Escapes stand in words only where a word has quotes.
    let mut escaped = false;
    let end = rest.find(|sign: char| {
        let ends = sign == '"' && !escaped;
        escaped = sign == '\\' && !escaped;
        ends
    });
    format!("{before}{open}{}", rest.get(end.unwrap_or(rest.len())..).unwrap_or_default())
}

fn is_token(text: &str) -> bool {
    text.len() <= TOKEN_MAX && STANDARD.decode(text).is_ok_and(|bytes| bytes.len() >= 16)
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = |c: char| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c);
    groups == [8, 4, 4, 4, 12] && text.chars().all(hex)
}

/// `2026-07-27T01:37:07.9726Z`: the fraction has up to seven digits, or is left out.
fn is_instant(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z') else { return false };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let form: String = whole.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    form == "0000-00-00T00:00:00" && (1..=7).contains(&fraction.len()) && digits(fraction) && !fraction.ends_with('0')
}

/// `HSKCB130_<facility>_<32 hex>` and its like of the old family, or `HS_CHUNGTU<facility>_<UUID>`.
fn is_receipt(text: &str) -> bool {
    let Some((family, number)) = text.rsplit_once('_') else { return false };
    let upper = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
    if family.starts_with("HS_CHUNGTU") {
        return number.chars().all(|c| c == '-' || upper(c)) && is_uuid(&number.to_ascii_lowercase());
    }
    ["HSKCB130_", "HS4210_"].iter().any(|known| family.starts_with(known))
        && number.len() == 32
        && number.chars().all(upper)
}

fn is_fourteen_digits(text: &str) -> bool {
    text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_twelve_digits(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
