//! A part of a package that was read before, decoded again.

use super::Limits;
use super::package::decode;
use crate::xml::{Event, Reader, push_text};

/// The first part called `name`, decoded; `None` if there is none.
pub(super) fn part(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    find(bytes, None, name)
}

/// The first part called `name` of the record with this number, from 1.
pub(super) fn part_of(bytes: &[u8], record: u32, name: &str) -> Option<Vec<u8>> {
    find(bytes, Some(record), name)
}

fn find(bytes: &[u8], record: Option<u32>, name: &str) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes, Limits::default().xml()).ok()?;
    let mut element = "";
    let (mut text, mut found, mut decoded, mut records) = (String::new(), false, Vec::new(), 0_u32);
    loop {
        match reader.read().ok()? {
            Event::Start(tag) => {
                element = tag.name;
                records = records.saturating_add(u32::from(element == "HOSO"));
                text.clear();
            }
            Event::Text(piece) => push_text(&mut text, piece),
            Event::Character(character) => text.push(character),
            Event::End => {
                match element {
                    "LOAIHOSO" => found = text.trim() == name && record.is_none_or(|record| record == records),
                    "NOIDUNGFILE" if found && decode(&text, &mut decoded) => return Some(decoded),
                    _ => {}
                }
                element = "";
            }
            Event::Eof => return None,
        }
    }
}
