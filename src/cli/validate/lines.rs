//! The lines of a file and of the parts in it, found again for findings that follow each other.

use std::borrow::Cow;

use super::excerpt::Form;
use crate::document::{Document, Limits, Place};
use crate::xml::{self, Event, Reader};

/// A file, and what was looked up in it.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    whole: Option<Lines<'a>>,
    files: Option<Vec<File<'a>>>,
    /// The part that was looked at last, by its index.
    part: Option<(usize, Option<Lines<'static>>)>,
}

/// One FILEHOSO.
struct File<'a> {
    name: String,
    /// The line of its content.
    line: u32,
    record: u32,
    written: &'a str,
}

/// A text, and where its lines begin.
struct Lines<'t> {
    text: Cow<'t, str>,
    starts: Vec<usize>,
    form: Form,
}

// === impl Source ===

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, whole: None, files: None, part: None }
    }

    /// The line of the place, in the part it names or in the file; `None` if there is none to be shown.
    pub(super) fn line(&mut self, place: &Place) -> Option<(&str, Form)> {
        let number = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let lines = if place.envelope_line == 0 {
            let bytes = self.bytes;
            if self.whole.is_none() {
                self.whole = Lines::new(Cow::Borrowed(std::str::from_utf8(bytes).ok()?));
            }
            self.whole.as_ref()?
        } else if place.xpath.ends_with("/NOIDUNGFILE") {
            // The content itself is at fault; the line is base64.
            return None;
        } else {
            self.part(place)?
        };
        Some((lines.line(number)?, lines.form))
    }

    fn part(&mut self, place: &Place) -> Option<&Lines<'static>> {
        let files = self.files.get_or_insert_with(|| files(self.bytes));
        // A part may stand twice in a record, and a whole package in one line: together they tell which it is.
        let is_of = |file: &&File<'_>| file.name == place.part && file.line == place.envelope_line;
        let mut of_line = files.iter().enumerate().filter(|(_, file)| is_of(file));
        let (index, file) = match (of_line.next()?, of_line.next()) {
            (only, None) => only,
            _ => {
                let is_of = |file: &&File<'_>| is_of(file) && file.record == place.record;
                let mut of_record = files.iter().enumerate().filter(|(_, file)| is_of(file));
                match (of_record.next()?, of_record.next()) {
                    (only, None) => only,
                    _ => return None,
                }
            }
        };
        if self.part.as_ref().is_none_or(|(known, _)| *known != index) {
            let decoded = Document::part(file.written.as_bytes(), &file.name);
            let text = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
            self.part = Some((index, text.and_then(|text| Lines::new(Cow::Owned(text)))));
        }
        self.part.as_ref().and_then(|(_, lines)| lines.as_ref())
    }
}

/// Every FILEHOSO of a package, as far as it can be read.
fn files(bytes: &[u8]) -> Vec<File<'_>> {
    let limits =
        xml::Limits { depth_max: Limits::default().depth_max, attributes_max: Limits::default().attributes_max };
    let mut files = Vec::new();
    let Ok(mut reader) = Reader::new(bytes, limits) else { return files };
    let mut open = Vec::new();
    let (mut start, mut line, mut record, mut name) = (0, 0, 0, String::new());
    while let Ok(event) = reader.read() {
        match event {
            Event::Start(tag) => {
                open.push(tag.name);
                match tag.name {
                    "HOSO" => record += 1,
                    "FILEHOSO" => (start, name) = (reader.offset(), String::new()),
                    "NOIDUNGFILE" => line = reader.position_at(reader.offset()).line,
                    _ => {}
                }
            }
            Event::Text(piece) if open.last() == Some(&"LOAIHOSO") => name.push_str(piece.trim()),
            Event::Text(_) | Event::Character(_) => {}
            Event::End => {
                if open.pop() == Some("FILEHOSO") {
                    let rest = reader.source().get(reader.offset()..).unwrap_or_default();
                    let end = reader.offset() + rest.find('>').map_or(0, |length| length + 1);
                    let written = reader.source().get(start..end).unwrap_or_default();
                    files.push(File { name: std::mem::take(&mut name), line, record, written });
                }
            }
            Event::Eof => break,
        }
    }
    files
}

// === impl Lines ===

impl<'t> Lines<'t> {
    /// `None` for a text without a line.
    fn new(text: Cow<'t, str>) -> Option<Self> {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{FEFF}').unwrap_or(text)),
            Cow::Owned(text) if text.starts_with('\u{FEFF}') => Cow::Owned(text.chars().skip(1).collect()),
            owned @ Cow::Owned(_) => owned,
        };
        let after = |end| end + 1;
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(after)).collect();
        let form = if text.trim_start().starts_with(['{', '[']) { Form::Json } else { Form::Xml };
        (!text.is_empty()).then_some(Self { text, starts, form })
    }

    /// A line from 0, without its end.
    fn line(&self, number: usize) -> Option<&str> {
        let start = *self.starts.get(number)?;
        let end = self.starts.get(number + 1).copied().unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\r', '\n']))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn package(files: &[(&str, &str)], between: &str) -> String {
        let file = |(name, content): &(&str, &str)| {
            let content = STANDARD.encode(content);
            format!("<FILEHOSO><LOAIHOSO> {name} </LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>{between}")
        };
        let files: String = files.iter().map(file).collect();
        format!("\u{FEFF}<G><HOSO>{files}</HOSO><HOSO>{files}</HOSO></G>")
    }

    fn place(part: &str, record: u32, envelope_line: u32, line: u32) -> Place {
        Place { part: part.to_owned(), record, envelope_line, line, ..Place::default() }
    }

    #[test]
    fn a_line_is_found_in_its_own_part() {
        let files = [("XML1", "<a>\r\n<b/>\r\n</a>"), ("XML2", "\u{FEFF}<c/>"), ("XML1", "<d/>")];
        let text = package(&files, "\n");
        let mut source = Source::new(text.as_bytes());
        let line = |source: &mut Source<'_>, place| source.line(&place).map(|(line, _)| line.to_owned());
        assert_eq!(line(&mut source, place("XML1", 1, 1, 2)).as_deref(), Some("<b/>"));
        assert_eq!(line(&mut source, place("XML2", 1, 2, 1)).as_deref(), Some("<c/>"));
        assert_eq!(line(&mut source, place("XML1", 1, 3, 1)).as_deref(), Some("<d/>"));
        assert_eq!(line(&mut source, place("XML1", 2, 4, 3)).as_deref(), Some("</a>"));
        assert_eq!(line(&mut source, place("XML1", 2, 4, 4)), None);
        assert_eq!(line(&mut source, place("", 0, 0, 7)).as_deref(), Some("</HOSO></G>"));
        assert_eq!(line(&mut source, place("", 0, 0, 8)), None);

        // All in one line: the record tells them apart, and what stands twice in it is not shown.
        let text = package(&files, "");
        let mut source = Source::new(text.as_bytes());
        assert_eq!(line(&mut source, place("XML2", 2, 1, 1)).as_deref(), Some("<c/>"));
        assert_eq!(line(&mut source, place("XML1", 2, 1, 1)), None);
    }

    #[test]
    fn of_a_file_that_is_cut_short_the_whole_parts_are_found() {
        let text = package(&[("XML1", "<a/>"), ("XML2", "<b/>")], "\n");
        let cut = text.get(..text.find("</HOSO>").unwrap() - 20).unwrap();
        let mut source = Source::new(cut.as_bytes());
        assert_eq!(source.line(&place("XML1", 0, 1, 1)), Some(("<a/>", Form::Xml)));
        assert_eq!(source.line(&place("XML2", 0, 2, 1)), None);
    }
}
