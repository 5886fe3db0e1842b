//! The parts of a package that was read before, decoded one after the other.

use std::ops::ControlFlow;

use super::Limits;
use super::package::decode;
use crate::xml::{Event, Reader, push_text};

/// One part.
pub(super) struct Part<'a> {
    /// `XML3`, `CT07`.
    pub(super) name: &'a str,
    /// Line of its content in the envelope.
    pub(super) line: u32,
    /// Its bytes.
    pub(super) decoded: &'a [u8],
}

/// Gives every part to `visit`, until that breaks off; tells the day the package was made (`NGAYLAP`, yyyymmdd). What is
/// no package has no parts.
pub(super) fn visit_parts(bytes: &[u8], mut visit: impl FnMut(Part<'_>) -> ControlFlow<()>) -> Option<u32> {
    let mut reader = Reader::new(bytes, Limits::default().xml()).ok()?;
    let mut day = None;
    let (mut element, mut offset) = ("", 0);
    let (mut name, mut text, mut decoded) = (String::new(), String::new(), Vec::new());
    loop {
        match reader.read().ok()? {
            Event::Start(tag) => {
                (element, offset) = (tag.name, reader.offset());
                text.clear();
            }
            Event::Text(piece) => push_text(&mut text, piece),
            Event::Character(character) => text.push(character),
            Event::End => {
                match element {
                    "NGAYLAP" => day = text.trim().parse().ok(),
                    "LOAIHOSO" => text.trim().clone_into(&mut name),
                    "NOIDUNGFILE" if decode(&text, &mut decoded) => {
                        let line = reader.position_at(offset).line;
                        if visit(Part { name: &name, line, decoded: &decoded }).is_break() {
                            return day;
                        }
                    }
                    _ => {}
                }
                element = "";
            }
            Event::Eof => return day,
        }
    }
}

/// The first part called `name`, decoded.
pub(super) fn part(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut found = None;
    visit_parts(bytes, |part| {
        if part.name == name {
            found = Some(part.decoded.to_vec());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found
}
