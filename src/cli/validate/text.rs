//! A finding as a good compiler prints it: what and where, the line, a caret, the cure.

use super::excerpt::{Excerpt, plain};
use super::lines::Source;
use crate::document::{Finding, Severity};
use crate::domain::Language;

/// Prints findings of one file.
pub(super) struct Printer<'a> {
    name: String,
    source: Source<'a>,
    style: Style,
}

/// How findings are printed.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) language: Language,
    pub(super) colored: bool,
    pub(super) show_values: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(name: &str, bytes: &'a [u8], style: Style) -> Self {
        Self { name: name.chars().map(plain).collect(), source: Source::new(bytes), style }
    }

    /// One finding, several lines.
    pub(super) fn finding(&mut self, finding: &Finding) -> String {
        let (style, language) = (self.style, self.style.language);
        let (word, color) = match (finding.severity, language) {
            (Severity::Error, Language::Vietnamese) => ("lỗi", RED),
            (Severity::Error, Language::English) => ("error", RED),
            (Severity::Warning, Language::Vietnamese) => ("cảnh báo", YELLOW),
            (Severity::Warning, Language::English) => ("warning", YELLOW),
        };
        let head = style.paint(color, &format!("{word}[{}]", finding.code));
        let message = style.paint(BOLD, finding.message.wording(language));
        let value = if finding.value.is_empty() { String::new() } else { format!(" ({})", finding.value) };
        let mut text = format!("{head}: {message}{value}\n");
        let arrow = style.paint(BLUE, "-->");
        text.push_str(&format!("  {arrow} {}{}\n", self.position(finding), self.within(finding)));
        if let Some(Excerpt { text: line, before, marked }) = self.quoted(finding) {
            let number = finding.place.line.to_string();
            let margin = " ".repeat(number.len());
            let bar = style.paint(BLUE, "|");
            let marks = style.paint(color, &"^".repeat(marked));
            let (number, before) = (style.paint(BLUE, &number), " ".repeat(before));
            text.push_str(&format!("{margin} {bar}\n{number} {bar} {line}\n{margin} {bar} {before}{marks}\n"));
        }
        let cure = finding.cure.wording(language);
        if !cure.is_empty() {
            text.push_str(&format!("  {} {cure}\n", style.paint(BLUE, "=")));
        }
        text
    }

    /// `file:line:column`, and for a place within a part that part and the place in it.
    fn position(&self, finding: &Finding) -> String {
        let place = &finding.place;
        match (place.envelope_line, place.line) {
            (0, 0) => self.name.clone(),
            (0, line) => format!("{}:{line}:{}", self.name, place.column),
            // The content itself is at fault: its element has the place.
            (outer, _) if place.xpath.ends_with("/NOIDUNGFILE") => {
                format!("{}:{outer}:{}: {}", self.name, place.column, place.part)
            }
            (outer, 0) => format!("{}:{outer}: {}", self.name, place.part),
            (outer, line) => format!("{}:{outer}: {}:{line}:{}", self.name, place.part, place.column),
        }
    }

    /// ` (record 2, row 4, NGAY_YL)`.
    fn within(&self, finding: &Finding) -> String {
        let place = &finding.place;
        let numbered = |vi: &str, en: &str, number: u32| {
            let word = if self.style.language == Language::Vietnamese { vi } else { en };
            (number > 0).then(|| format!("{word} {number}"))
        };
        let named = |name: &String| (!name.is_empty()).then(|| name.clone());
        let words = [
            numbered("hồ sơ", "record", place.record),
            // Said by the position already where the part has a place in the file.
            named(&place.part).filter(|_| place.envelope_line == 0),
            numbered("dòng", "row", place.row),
            named(&place.field),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    }

    /// The line at fault.
    fn quoted(&mut self, finding: &Finding) -> Option<Excerpt> {
        let column = usize::try_from(finding.place.column).ok()?.checked_sub(1)?;
        let (line, form) = self.source.line(&finding.place)?;
        (!line.is_empty()).then(|| Excerpt::of(line, form, column, self.style.show_values))
    }
}

// === impl Style ===

impl Style {
    fn paint(self, color: &str, text: &str) -> String {
        if self.colored { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const BOLD: &str = "1";
