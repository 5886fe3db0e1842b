//! Reading what the portal answered, defensively.
//!
//! A code may be a string or a number and its key in any case; a body may be empty, a page of HTML, or broken off
//! (`portal-api.md`, section 7). What cannot be understood is [`Fault::Nonsense`] in fixed words that hold nothing of
//! the answer, because answers name people. Nothing here decides what a code means for a card or a delivery.

mod card;
mod copay;
mod heard;
mod history;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::portal::Fault;

pub use self::card::{CardAnswer, CardFacts, Check, NewCard, read_card};
pub use self::copay::{CopayAnswer, CopayHolder, CopayRow, read_copay};
pub(super) use self::heard::{Heard, hear_passage, hear_question, hear_submission};
pub use self::history::{HistoryAnswer, Visit, read_history};

/// Longest result code: the known ones have one to four digits. A longer one is no code, and codes go into logs.
const CODE_BYTES_MAX: usize = 16;

/// An answer with a result code.
pub(super) struct Envelope {
    /// `maKetQua` or `MSG_STATE` as text.
    pub(super) code: String,
    fields: Fields,
}

/// A JSON object of the portal, whose keys differ in case from service to service.
pub(super) struct Fields(Map<String, Value>);

impl Envelope {
    /// Reads an answer that carries `maKetQua`, in any case.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        Self::read_coded(body, "maKetQua")
    }

    /// Reads an answer that carries its code under `key`, in any case.
    pub(super) fn read_coded(body: &[u8], key: &str) -> Result<Self, Fault> {
        let text = trimmed(body);
        match text.first() {
            None => return Err(Fault::Nonsense("it is empty")),
            Some(b'<') => return Err(Fault::Nonsense("it is a page and no JSON")),
            Some(_) => {}
        }
        // serde_json bounds the depth, and the transport the size.
        let fields = match serde_json::from_slice(text) {
            Ok(Value::Object(fields)) => Fields(fields),
            Ok(_) => return Err(Fault::Nonsense("it is no JSON object")),
            Err(error) if error.is_eof() => return Err(Fault::Nonsense("it is broken off")),
            Err(_) => return Err(Fault::Nonsense("it is no JSON")),
        };
        let codes: Vec<String> = fields.named(key).map(|value| whole_code(key, value)).collect();
        let code = codes.first().map(|code| code.trim().to_owned()).unwrap_or_default();
        if codes.iter().any(|other| other.trim() != code) {
            return Err(Fault::Nonsense("it has two result codes"));
        }
        if code.is_empty() || code.len() > CODE_BYTES_MAX || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Fault::Nonsense("it has no result code"));
        }
        Ok(Self { code, fields })
    }

    /// The text under `name`; empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.fields.text(name)
    }

    /// The first of these fields that is not empty.
    pub(super) fn first_text(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.text(name)).find(|text| !text.trim().is_empty()).unwrap_or_default()
    }

    /// The object under `name`.
    pub(super) fn object(&self, name: &str) -> Option<Fields> {
        self.fields.named(name).find_map(Value::as_object).map(|fields| Fields(fields.clone()))
    }

    /// The objects in the list under `name`; none where it is null or missing.
    pub(super) fn rows(&mut self, name: &str) -> Vec<Fields> {
        let found = self.fields.0.iter_mut().find(|(key, value)| key.eq_ignore_ascii_case(name) && value.is_array());
        let rows = match found.map(|(_, value)| value.take()) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let object = |row| if let Value::Object(fields) = row { Some(Fields(fields)) } else { None };
        rows.into_iter().filter_map(object).collect()
    }
}

impl Fields {
    /// The text under `name`, verbatim; a number or a truth value as text; empty where it is null or missing.
    pub(super) fn text(&self, name: &str) -> String {
        self.named(name).map(plain).find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The JSON object without what may stand around it: a byte-order mark, as .NET writes it, and blanks.
fn trimmed(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii()
}

/// [`trimmed`], sharing the memory.
fn trimmed_bytes(body: &Bytes) -> Bytes {
    body.slice_ref(trimmed(body))
}

/// A result code as text. As a number it loses its zeros: 4 is `004` of the lookups, which alone have codes below 100.
fn whole_code(key: &str, value: &Value) -> String {
    match value.as_u64() {
        Some(number) if number < 100 && key == "maKetQua" => format!("{number:03}"),
        _ => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // `200.0` is the number 200; the bound keeps the cast exact.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).to_string(),
            _ => number.to_string(),
        },
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// A `Debug` that shows the result code alone.
macro_rules! debug_shows_code_only {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("code", &self.code).finish_non_exhaustive()
            }
        }
    };
}

/// A `Debug` that shows nothing: every field is about a person.
macro_rules! debug_is_redacted {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}
use {debug_is_redacted, debug_shows_code_only};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_every_guise_and_nonsense_is_named() {
        let code = |body: &str| Envelope::read(body.as_bytes()).map(|envelope| envelope.code);
        for (body, expected) in [
            (r#"{"maKetQua":"000"}"#, "000"),
            (r#"{"maKetQua":0}"#, "000"),
            (r#"{"maKetQua":4}"#, "004"),
            (r#"{"maKetQua":10}"#, "010"),
            (r#"{"MaKetQua":200}"#, "200"),
            (r#"{"MAKETQUA":200.0}"#, "200"),
            (" \r\n{\"maketqua\":\" 401 \"}\n", "401"),
            ("\u{feff}{\"maKetQua\":\"000\"}", "000"),
        ] {
            assert_eq!(code(body).as_deref(), Ok(expected), "{body}");
        }
        for (body, words) in [
            ("", "it is empty"),
            (" \r\n ", "it is empty"),
            ("<!DOCTYPE html><html>", "it is a page and no JSON"),
            (r#"{"maKetQua":"000","ho"#, "it is broken off"),
            ("nginx", "it is no JSON"),
            (r#"{"maKetQua":"000"}{}"#, "it is no JSON"),
            ("[1]", "it is no JSON object"),
            ("\"401\"", "it is no JSON object"),
            (r#"{"maKetQua":null}"#, "it has no result code"),
            (r#"{"maKetQua":{"a":1}}"#, "it has no result code"),
            (r#"{"maKetQua":"Nguyễn Văn A"}"#, "it has no result code"),
            (r#"{"maKetQua":"00000000000000000"}"#, "it has no result code"),
            (r#"{"message":"?"}"#, "it has no result code"),
            (r#"{"maKetQua":"200","MaKetQua":"401"}"#, "it has two result codes"),
        ] {
            assert_eq!(code(body), Err(Fault::Nonsense(words)), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(code(&format!("{{\"maKetQua\":{deep}")), Err(Fault::Nonsense("it is no JSON")));
    }

    #[test]
    fn any_truncation_is_nonsense() {
        let whole = r#"{"maKetQua":"200","maGiaoDich":"HSKCB130_99001_0A","thongDiep":"Tiếp nhận thành công"}"#;
        for end in 0..whole.len() {
            assert!(Envelope::read(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
