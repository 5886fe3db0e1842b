//! Reads a configuration file key by key and remembers everything that is wrong with it.
//!
//! Each reading method returns a usable value whatever stands in the file, and reports what is wrong to the one
//! [`Report`]. So the file is read to its end, and the stand-in values never get out: with a fault in the report there
//! is no configuration.

mod nearest;
mod number;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use self::nearest::nearest;
use crate::config::fault::{Fault, place};
use crate::domain::Bilingual;

/// Reads a variable of the environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What one reading found, and what it reads from.
pub(super) struct Report<'a> {
    text: &'a str,
    base_folder: &'a Path,
    pub(super) environment: Environment<'a>,
    faults: RefCell<Vec<Fault>>,
    notices: RefCell<Vec<Fault>>,
    /// Every key that was asked for, as `section.key`.
    known: RefCell<BTreeSet<String>>,
}

/// One table of the file, or the place where it is missing.
pub(super) struct Section<'a> {
    pub(super) report: &'a Report<'a>,
    /// For messages: `api`, `facility[2]`; empty for the root.
    path: String,
    /// For the list of known keys: `api`, `facility`.
    name: &'static str,
    at: usize,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
}

/// A value and the place where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

// === impl Report ===

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str, base_folder: &'a Path, environment: Environment<'a>) -> Self {
        let (faults, notices, known) = Default::default();
        Self { text, base_folder, environment, faults, notices, known }
    }

    /// The folder that paths are relative to.
    pub(super) fn base_folder(&self) -> &'a Path {
        self.base_folder
    }

    /// Records a fault at the byte `at`.
    pub(super) fn fault(&self, at: usize, key: String, code: &'static str, message: Bilingual, cure: Bilingual) {
        let (line, column) = place(self.text, at);
        self.faults.borrow_mut().push(Fault { file: None, line, column, key, code, message, cure });
    }

    /// Records a fault of another file that the configuration points to.
    pub(super) fn fault_of_file(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    fn notice(&self, at: usize, key: String, code: &'static str, message: Bilingual, cure: Bilingual) {
        let (line, column) = place(self.text, at);
        self.notices.borrow_mut().push(Fault { file: None, line, column, key, code, message, cure });
    }

    /// The faults, the notices and the known keys.
    pub(super) fn into_parts(self) -> (Vec<Fault>, Vec<Fault>, BTreeSet<String>) {
        (self.faults.into_inner(), self.notices.into_inner(), self.known.into_inner())
    }
}

// === impl Section ===

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(report: &'a Report<'a>, table: &'a DeTable<'a>) -> Self {
        Self { report, path: String::new(), name: "", at: 0, table: Some(table), asked: Vec::new() }
    }

    /// A text, if it is there.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.placed_text(key).map(|text| text.value)
    }

    /// A text, if it is there, and where.
    pub(super) fn placed_text(&mut self, key: &'static str) -> Option<Placed<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Placed { value: text.clone().into_owned(), at: value.span().start }),
            _ => {
                self.wrong_type(key, "một chuỗi trong ngoặc kép", "a text in quotes");
                None
            }
        }
    }

    /// A text that must be there and not be empty; empty after a fault.
    pub(super) fn required_text(&mut self, key: &'static str) -> String {
        if !self.has(key) {
            self.missing(key);
            return String::new();
        }
        let text = self.text(key);
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            self.fault(
                key,
                "config.empty",
                Bilingual::fixed("giá trị để trống", "the value is empty"),
                Bilingual::fixed("Điền giá trị.", "Fill it in."),
            );
        }
        text.unwrap_or_default()
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.value(key) else { return default };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        self.wrong_type(key, "true hoặc false", "true or false");
        default
    }

    /// `address:port` to listen on.
    pub(super) fn address(&mut self, key: &'static str, default: SocketAddr) -> SocketAddr {
        let Some(text) = self.text(key) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.fault(
                key,
                "config.bad_address",
                Bilingual::fixed("không phải địa chỉ IP kèm cổng", "not an IP address with a port"),
                Bilingual::fixed(
                    "Viết như \"127.0.0.1:8443\" hoặc \"[::1]:8443\"; 0.0.0.0 là mọi địa chỉ của máy.",
                    "Write \"127.0.0.1:8443\" or \"[::1]:8443\"; 0.0.0.0 means every address of this machine.",
                ),
            );
            default
        })
    }

    /// One word of `words`.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.not_one_of(self.at(key), key, &text, &all);
        default
    }

    /// A list of texts.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Placed<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => Vec::from([value]),
        };
        let mut texts = Vec::with_capacity(items.len());
        let is_list = matches!(value.get_ref(), DeValue::Array(_));
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if is_list => {
                    texts.push(Placed { value: text.clone().into_owned(), at: item.span().start });
                }
                _ => {
                    self.wrong_type_at(
                        item.span(),
                        key,
                        "một danh sách chuỗi: [\"…\", \"…\"]",
                        "a list of texts: [\"…\", \"…\"]",
                    );
                }
            }
        }
        texts
    }

    /// Words of `words`, each once.
    pub(super) fn words(&mut self, key: &'static str, words: &[&'static str]) -> Vec<&'static str> {
        let mut found = Vec::new();
        for item in self.list(key) {
            match words.iter().find(|word| **word == item.value) {
                Some(word) if !found.contains(word) => found.push(*word),
                Some(_) => {}
                None => self.not_one_of(item.at, key, &item.value, words),
            }
        }
        found
    }

    /// A path, relative to the folder of the configuration file.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        Some(self.report.base_folder.join(self.text(key)?))
    }

    /// The table `key`, empty if it is missing.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        self.section_within(key, key)
    }

    /// The table `key` of a table that is itself within the file; `name` is both names, with a dot.
    pub(super) fn section_within(&mut self, key: &'static str, name: &'static str) -> Section<'a> {
        let (at, table) = match self.value(key) {
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => (value.span().start, Some(table)),
                _ => {
                    self.wrong_type(key, "một mục [tên]", "a section [name]");
                    (value.span().start, None)
                }
            },
            None => (self.at, None),
        };
        Section { report: self.report, path: name.to_owned(), name, at, table, asked: Vec::new() }
    }

    /// Every table of `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, "các mục [[tên]], hai dấu ngoặc", "sections [[name]], in double brackets");
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let DeValue::Table(table) = item.get_ref() else {
                self.wrong_type_at(
                    item.span(),
                    key,
                    "các mục [[tên]], hai dấu ngoặc",
                    "sections [[name]], in double brackets",
                );
                continue;
            };
            let (path, at) = (format!("{key}[{}]", number + 1), item.span().start);
            sections.push(Section { report: self.report, path, name: key, at, table: Some(table), asked: Vec::new() });
        }
        sections
    }

    /// Ends the reading: every key that nobody asked for is a fault.
    pub(super) fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let word: &str = key.get_ref();
            if self.asked.contains(&word) {
                continue;
            }
            let cure = match nearest(word, &self.asked) {
                Some(near) => {
                    Bilingual::composed(format!("Có phải là \"{near}\"?"), format!("Did you mean \"{near}\"?"))
                }
                None => Bilingual::fixed(
                    "Xóa khóa này, hoặc xem các khóa trong docs/samples/lienthong.toml.",
                    "Remove it, or see docs/samples/lienthong.toml for the keys there are.",
                ),
            };
            let message =
                Bilingual::composed(format!("không có khóa \"{word}\""), format!("there is no key \"{word}\""));
            self.report.fault(key.span().start, self.full(word), "config.unknown_key", message, cure);
        }
    }

    /// Whether `key` stands in the file.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Where the value of `key` stands; where the section begins, if it is missing.
    pub(super) fn at(&self, key: &str) -> usize {
        self.table.and_then(|table| table.get(key)).map_or(self.at, |value| value.span().start)
    }

    /// Records a fault of `key`.
    pub(super) fn fault(&self, key: &str, code: &'static str, message: Bilingual, cure: Bilingual) {
        self.report.fault(self.at(key), self.full(key), code, message, cure);
    }

    /// Records something doubtful about `key` that does not stop the gateway.
    pub(super) fn notice(&self, key: &str, code: &'static str, message: Bilingual, cure: Bilingual) {
        self.report.notice(self.at(key), self.full(key), code, message, cure);
    }

    /// Records that `key` must be there.
    pub(super) fn missing(&self, key: &str) {
        let message = Bilingual::composed(format!("thiếu khóa \"{key}\""), format!("the key \"{key}\" is missing"));
        let section = if self.path.is_empty() { String::new() } else { format!(" [{}]", self.name) };
        let cure = Bilingual::composed(
            format!("Thêm {key} = … vào mục{section}; xem docs/samples/lienthong.toml."),
            format!("Add {key} = … to the section{section}; see docs/samples/lienthong.toml."),
        );
        self.report.fault(self.at, self.full(key), "config.missing_key", message, cure);
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
            let known = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
            self.report.known.borrow_mut().insert(known);
        }
        self.table?.get(key)
    }

    fn wrong_type(&self, key: &str, vi: &str, en: &str) {
        let at = self.at(key);
        self.wrong_type_at(at..at, key, vi, en);
    }

    fn wrong_type_at(&self, at: Range<usize>, key: &str, vi: &str, en: &str) {
        let message = Bilingual::fixed("sai kiểu giá trị", "a value of the wrong type");
        let cure = Bilingual::composed(format!("Viết {vi}."), format!("Write {en}."));
        self.report.fault(at.start, self.full(key), "config.wrong_type", message, cure);
    }

    pub(super) fn not_one_of(&self, at: usize, key: &str, word: &str, words: &[&str]) {
        let message =
            Bilingual::composed(format!("không nhận giá trị \"{word}\""), format!("\"{word}\" is not accepted"));
        let all = words.join(", ");
        let cure = match nearest(word, words) {
            Some(near) => Bilingual::composed(
                format!("Có phải là \"{near}\"? Nhận: {all}."),
                format!("Did you mean \"{near}\"? Accepted: {all}."),
            ),
            None => Bilingual::composed(format!("Chọn một trong: {all}."), format!("Choose one of: {all}.")),
        };
        self.report.fault(at, self.full(key), "config.not_accepted", message, cure);
    }

    pub(super) fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
