//! A finding as a good compiler prints it: what and where, the line, a caret, the cure.

use crate::document::{Document, Finding, Severity};
use crate::domain::Language;

/// Characters shown of one line: some programs write a whole table in one.
const LINE_CHARACTERS_MAX: usize = 120;
/// Of those, before the element at fault.
const BEFORE_CHARACTERS: usize = 24;

/// Prints findings of one file.
pub(super) struct Printer<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) language: Language,
    pub(super) colored: bool,
    pub(super) show_values: bool,
    /// The part that was decoded last: findings of one follow each other.
    pub(super) decoded: Option<(u32, String, Option<Vec<u8>>)>,
}

impl Printer<'_> {
    /// One finding, several lines.
    pub(super) fn finding(&mut self, finding: &Finding) -> String {
        let place = &finding.place;
        let (word, paint) = match (finding.severity, self.language) {
            (Severity::Error, Language::Vietnamese) => ("lỗi", RED),
            (Severity::Error, Language::English) => ("error", RED),
            (Severity::Warning, Language::Vietnamese) => ("cảnh báo", YELLOW),
            (Severity::Warning, Language::English) => ("warning", YELLOW),
        };
        let head = self.paint(paint, &format!("{word}[{}]", finding.code));
        let message = self.paint(BOLD, finding.message.wording(self.language));
        let value = if finding.value.is_empty() { String::new() } else { format!(" ({})", finding.value) };
        let mut text = format!("{head}: {message}{value}\n");
        let arrow = self.paint(BLUE, "-->");
        text.push_str(&format!("  {arrow} {}{}\n", self.position(finding), self.within(finding)));
        if place.line > 0
            && let Some((line, caret, length)) = self.quoted(finding)
        {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let bar = self.paint(BLUE, "|");
            let marks = self.paint(paint, &"^".repeat(length));
            let number = self.paint(BLUE, &number);
            text.push_str(&format!(
                "{margin} {bar}\n{number} {bar} {line}\n{margin} {bar} {}{marks}\n",
                " ".repeat(caret)
            ));
        }
        let cure = finding.cure.wording(self.language);
        text.push_str(&format!("  {} {cure}\n", self.paint(BLUE, "=")));
        text
    }

    /// `file:line:column`, and for a place within a part that part and the place in it.
    fn position(&self, finding: &Finding) -> String {
        let place = &finding.place;
        match (place.envelope_line, place.line) {
            (0, 0) => self.name.to_owned(),
            (0, line) => format!("{}:{line}:{}", self.name, place.column),
            (outer, 0) => format!("{}:{outer}: {}", self.name, place.part),
            (outer, line) => format!("{}:{outer}: {}:{line}:{}", self.name, place.part, place.column),
        }
    }

    /// ` (record 2, row 4, NGAY_YL)`.
    fn within(&self, finding: &Finding) -> String {
        let place = &finding.place;
        let numbered = |vi: &str, en: &str, number: u32| {
            let word = if self.language == Language::Vietnamese { vi } else { en };
            (number > 0).then(|| format!("{word} {number}"))
        };
        let words = [
            numbered("hồ sơ", "record", place.record),
            numbered("dòng", "row", place.row),
            (!place.field.is_empty()).then(|| place.field.clone()),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    }

    /// The line at fault, where in it the caret begins, and how long it is.
    fn quoted(&mut self, finding: &Finding) -> Option<(String, usize, usize)> {
        let place = &finding.place;
        let show_values = self.show_values;
        let bytes = if place.envelope_line > 0 && place.xpath.ends_with("/NOIDUNGFILE") {
            // The content itself is at fault; the line is base64.
            return None;
        } else if place.envelope_line > 0 {
            self.part(place.record, &place.part)?
        } else {
            self.bytes
        };
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
        Some(excerpt(line, usize::try_from(place.column).ok()?.checked_sub(1)?, show_values))
    }

    fn part(&mut self, record: u32, name: &str) -> Option<&[u8]> {
        let known = self.decoded.as_ref().is_some_and(|(known, part, _)| *known == record && part == name);
        if !known {
            let decoded = Document::part_of(self.bytes, record, name);
            self.decoded = Some((record, name.to_owned(), decoded));
        }
        self.decoded.as_ref().and_then(|(_, _, decoded)| decoded.as_deref())
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.colored { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const BOLD: &str = "1";

/// What is shown of a line around the character at `column` (from 0): its text, where the caret begins, how long it is.
fn excerpt(line: &str, column: usize, show_values: bool) -> (String, usize, usize) {
    let masked: Vec<char> = if show_values { line.chars().map(plain).collect() } else { mask(line) };
    let column = column.min(masked.len());
    // From the beginning if it fits, else from a little before the place.
    let skipped = if column + BEFORE_CHARACTERS < LINE_CHARACTERS_MAX { 0 } else { column - BEFORE_CHARACTERS };
    let end = masked.len().min(skipped + LINE_CHARACTERS_MAX);
    let mut shown: String = masked.iter().skip(skipped).take(end - skipped).collect();
    if end < masked.len() {
        shown.push('…');
    }
    let mut caret = column - skipped;
    if skipped > 0 {
        shown.insert(0, '…');
        caret += 1;
    }
    // Indentation says nothing.
    let indent = shown.chars().take_while(|c| *c == ' ').count().min(caret);
    let shown: String = shown.chars().skip(indent).collect();
    // The tag, if one begins here.
    let tag = masked.iter().skip(column).position(|c| *c == '>').map_or(1, |length| length + 1);
    let length = if masked.get(column) == Some(&'<') { tag } else { 1 };
    let room = (skipped + LINE_CHARACTERS_MAX).saturating_sub(column).max(1);
    (shown, caret - indent, length.min(room))
}

/// The line with every letter and digit of its texts and attribute values a dot: names of elements stay.
fn mask(line: &str) -> Vec<char> {
    let mut in_tag = !line.contains('<') && line.contains("/>");
    let mut quote = None;
    line.chars()
        .map(|c| {
            match (c, quote) {
                ('<', None) => in_tag = true,
                ('>', None) => in_tag = false,
                ('"' | '\'', None) if in_tag => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                _ if in_tag && quote.is_none() => {}
                (c, _) if c.is_alphanumeric() => return '•',
                _ => {}
            }
            plain(c)
        })
        .collect()
}

/// A character that cannot rewrite the screen.
fn plain(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() {
        '\u{FFFD}'
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_dots_and_names_stay() {
        let (shown, caret, length) = excerpt("  <HO_TEN>BÙI THỊ GIẢ</HO_TEN>", 2, false);
        assert_eq!((shown.as_str(), caret, length), ("<HO_TEN>••• ••• •••</HO_TEN>", 0, 8));
        let (shown, ..) = excerpt("<A Id=\"Id-1\" b='x>y'>1.5</A>", 0, false);
        assert_eq!(shown, "<A Id=\"••-•\" b='•>•'>•.•</A>");
        let (shown, ..) = excerpt("GIẢ", 0, false);
        assert_eq!(shown, "•••");
        let (shown, ..) = excerpt("<A>1\u{1b}[2J</A>", 0, true);
        assert_eq!(shown, "<A>1\u{FFFD}[2J</A>");
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let line = format!("<A>{}</A><B>1</B>{}", "x".repeat(500), "y".repeat(500));
        let (shown, caret, length) = excerpt(&line, 507, false);
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.chars().count() == LINE_CHARACTERS_MAX + 2);
        let marked: String = shown.chars().skip(caret).take(length).collect();
        assert_eq!(marked, "<B>");
        assert_eq!(excerpt("", 5, false), (String::new(), 0, 1));
    }
}
