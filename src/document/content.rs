//! A part of a package that was read before, decoded again.

use super::Limits;
use super::package::decode;
use crate::xml::{Event, Reader, push_text};

/// The first part called `name`, decoded; `None` if there is none.
pub(super) fn part(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes, Limits::default().xml()).ok()?;
    let mut element = "";
    let (mut text, mut found, mut decoded) = (String::new(), false, Vec::new());
    loop {
        match reader.read().ok()? {
            Event::Start(tag) => {
                element = tag.name;
                text.clear();
            }
            Event::Text(piece) => push_text(&mut text, piece),
            Event::Character(character) => text.push(character),
            Event::End => {
                match element {
                    "LOAIHOSO" => found = text.trim() == name,
                    "NOIDUNGFILE" if found && decode(&text, &mut decoded) => return Some(decoded),
                    _ => {}
                }
                element = "";
            }
            Event::Eof => return None,
        }
    }
}
