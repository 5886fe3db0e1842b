//! Reads a JSON object field by field, collecting every fault before it complains.
//!
//! Written by hand because a deserialiser stops at the first fault and repeats the value at fault in its message, and
//! these values name patients.

mod member;

use bytes::Bytes;
use serde_json::Value;

use self::member::{Member, Members};
use crate::domain::Bilingual;
use crate::http::problem::{self, Problem, field_error};

/// Characters of a reason somebody gives, wherever it is given: a sentence or two, kept for years.
pub const REASON_MAX: usize = 500;

/// A JSON object being read.
pub struct Fields {
    members: Members,
    prefix: String,
    errors: Vec<Value>,
}

impl Fields {
    /// Reads `body` as a JSON object.
    pub fn read(body: &Bytes) -> Result<Self, Problem> {
        match member::read(body) {
            Ok(Member::Object(members)) => Ok(Self { members, prefix: String::new(), errors: Vec::new() }),
            Ok(_) => Err(problem::not_an_object()),
            Err(error) => Err(problem::malformed_json(error.line(), error.column())),
        }
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Lets go of one field that somebody else reads.
    pub fn let_go(&mut self, name: &str) {
        self.members.remove(name);
    }

    /// Lets go of every field that was not read, without complaint.
    pub fn drop_rest(&mut self) {
        self.members.clear();
    }

    /// The text of a field; `None` if it is missing, null or blank.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.members.remove(name) {
            None | Some(Member::Null) => None,
            Some(Member::Text(text)) if text.trim().is_empty() => None,
            Some(Member::Text(text)) => Some(text),
            Some(_) => {
                self.fault(
                    name,
                    "NOT_TEXT",
                    ("Trường này phải là chuỗi ký tự", "This field must be text"),
                    (
                        "Đặt giá trị trong dấu ngoặc kép; giữ số 0 ở đầu.",
                        "Put the value in quotes; keep leading zeros.",
                    ),
                );
                None
            }
        }
    }

    /// A flag; `None` if it is missing or null.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name) {
            None | Some(Member::Null) => None,
            Some(Member::Flag(flag)) => Some(flag),
            Some(_) => {
                let words = ("Trường này phải là true hoặc false", "This field must be true or false");
                let cure = ("Ghi true hoặc false, không có dấu ngoặc kép.", "Write true or false, without quotes.");
                self.fault(name, "NOT_A_FLAG", words, cure);
                None
            }
        }
    }

    /// A short list of texts; `None` if it is missing or null.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        match self.members.remove(name) {
            None | Some(Member::Null) => None,
            Some(Member::Texts(texts)) => Some(texts),
            Some(_) => {
                let words = ("Trường này phải là danh sách ngắn các chuỗi", "This field must be a short list of texts");
                self.fault(name, "NOT_A_LIST", words, ("Viết như [\"…\", \"…\"].", "Write it like [\"…\", \"…\"]."));
                None
            }
        }
    }

    /// The text of a field that must be there.
    pub fn needed(&mut self, name: &str) -> Option<String> {
        let before = self.errors.len();
        let text = self.text(name);
        if text.is_none() && self.errors.len() == before {
            self.fault(
                name,
                "MISSING",
                ("Thiếu trường bắt buộc", "A required field is missing"),
                ("Bổ sung trường này.", "Add this field."),
            );
        }
        text
    }

    /// A field read by `parse`, whose refusal becomes a fault with `code` and words.
    pub fn parsed<T, E>(
        &mut self,
        name: &str,
        text: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
        code: &'static str,
        words: impl FnOnce(&E) -> (Bilingual, Bilingual),
    ) -> Option<T> {
        match parse(&text?) {
            Ok(value) => Some(value),
            Err(error) => {
                let (message, cure) = words(&error);
                self.refused(name, code, message, cure);
                None
            }
        }
    }

    /// Refuses a text of more than `max` characters: what is kept is kept whole, so it is never cut.
    pub fn at_most(&mut self, name: &str, text: Option<String>, max: usize) -> Option<String> {
        let fit = |text: &str| if text.chars().count() <= max { Ok(text.to_owned()) } else { Err(()) };
        self.parsed(name, text, fit, "TOO_LONG", |()| {
            (
                Bilingual::composed(
                    format!("Trường này dài quá {max} ký tự"),
                    format!("This field has more than {max} characters"),
                ),
                Bilingual::fixed("Rút ngắn lại.", "Make it shorter."),
            )
        })
    }

    /// Base64, decoded.
    pub fn base64(&mut self, name: &str, text: Option<String>) -> Option<Bytes> {
        let decode = |text: &str| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.trim());
        let decoded = self.parsed(name, text, decode, "BASE64", |_| {
            (
                Bilingual::fixed("Base64 không giải mã được", "The base64 cannot be decoded"),
                Bilingual::fixed("Mã hóa lại tệp theo base64 chuẩn.", "Encode the file again as standard base64."),
            )
        });
        decoded.map(Bytes::from)
    }

    /// An object within; its fields are named `name.field` in faults. Give it back with [`close`](Self::close).
    pub fn object(&mut self, name: &str) -> Option<Self> {
        match self.members.remove(name) {
            None | Some(Member::Null) => None,
            Some(Member::Object(members)) => {
                Some(Self { members, prefix: format!("{}{name}.", self.prefix), errors: Vec::new() })
            }
            Some(_) => {
                let words = ("Trường này phải là một đối tượng JSON", "This field must be a JSON object");
                self.fault(name, "NOT_AN_OBJECT", words, ("Sửa cấu trúc.", "Put the structure right."));
                None
            }
        }
    }

    /// Takes back an object that was read to its end.
    pub fn close(&mut self, mut object: Self) {
        object.unknown();
        self.errors.append(&mut object.errors);
    }

    /// Records a fault in words of the caller's.
    pub fn refused(&mut self, name: &str, code: &'static str, message: Bilingual, cure: Bilingual) {
        self.errors.push(field_error(&format!("{}{name}", self.prefix), code, message, cure));
    }

    /// Records a fault.
    pub fn fault(
        &mut self,
        name: &str,
        code: &'static str,
        message: (&'static str, &'static str),
        cure: (&'static str, &'static str),
    ) {
        self.refused(name, code, Bilingual::fixed(message.0, message.1), Bilingual::fixed(cure.0, cure.1));
    }

    /// Ends the reading: the problem with all faults, if there were any.
    pub fn end(mut self) -> Result<(), Problem> {
        self.unknown();
        if self.errors.is_empty() { Ok(()) } else { Err(problem::invalid_request(self.errors)) }
    }

    /// Fields nobody read are faults: a mistyped name must not pass for a missing value.
    fn unknown(&mut self) {
        // Twenty tell the story, and bound the answer.
        let names: Vec<String> = std::mem::take(&mut self.members).into_keys().take(20).collect();
        for name in names {
            // A name from outside is repeated only if it looks like one.
            let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let shown = if plain { name.as_str() } else { "?" };
            let words = ("Không có trường này", "There is no such field");
            self.fault(shown, "UNKNOWN_FIELD", words, ("Bỏ hoặc sửa tên trường.", "Remove it or put its name right."));
        }
    }
}
