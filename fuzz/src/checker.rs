//! The check against a schema.

use std::sync::OnceLock;

use crate::document::finding::FINDINGS_LISTED_MAX;
use crate::document::schema::{Faults, Library, Schema};
use crate::places;
use crate::xml::{Error, Event, Limits, Reader};

const LIMITS: Limits = Limits { depth_max: 64, attributes_max: 32 };

/// Checks a document against a schema, both told by `input`: a line with part and version, such as `XML3 3176`, then
/// the document. `false` if the line names no schema.
pub fn run(input: &[u8]) -> bool {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(Library::embedded);
    let Some(end) = input.iter().position(|&byte| byte == b'\n') else { return false };
    let (line, document) = (&input[..end], &input[end + 1..]);
    let named = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
    let Some((part, version)) = named else { return false };
    let Some(schema) = library.schema(part, version) else { return false };
    check(schema.expect("every schema in the binary compiles"), document);
    true
}

fn check(schema: &Schema, document: &[u8]) {
    let faults = schema.check(document, LIMITS);
    assert!(schema.check(document, LIMITS) == faults, "checked twice, two answers");
    let read = read(document);
    match &faults {
        Ok(faults) => {
            assert!(read.is_ok(), "checked to the end, and not well-formed");
            bounded(faults, document);
        }
        Err(error) => {
            assert!(read == Err(*error), "the guard says something else");
            places::assert_within(document, error.position.line, error.position.column, error.kind.code());
        }
    }
    if !document.starts_with(b"\xEF\xBB\xBF")
        && !document.starts_with(b"\xFF\xFE")
        && !document.starts_with(b"\xFE\xFF")
    {
        let marked = [b"\xEF\xBB\xBF", document].concat();
        assert!(faults.is_err() || schema.check(&marked, LIMITS) == faults, "a byte order mark changes nothing");
    }
}

fn bounded(faults: &Faults, document: &[u8]) {
    assert!(faults.list.len() <= FINDINGS_LISTED_MAX && (faults.more == 0 || faults.list.len() == FINDINGS_LISTED_MAX));
    let mut reader = Reader::new(document, LIMITS).expect("it was read before");
    for fault in &faults.list {
        let position = reader.position_at(fault.offset);
        assert!(fault.offset <= document.len(), "{}: offset {}", fault.code.name(), fault.offset);
        places::assert_within(document, position.line, position.column, fault.code.name());
        assert!(fault.xpath.starts_with('/'), "{}: {:?}", fault.code.name(), fault.xpath);
        let finding = fault.to_finding("", position);
        assert!(!finding.message.vi.is_empty() && !finding.cure.en.is_empty());
    }
}

fn read(document: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(document, LIMITS)?;
    while reader.read()? != Event::Eof {}
    Ok(())
}
