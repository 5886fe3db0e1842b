//! The reader of documents, and what hangs on what it accepts.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::document::finding::FINDINGS_LISTED_MAX;
use crate::document::{Document, Finding, Findings, Format, Kind, Limits, Rulebook};
use crate::places;
use crate::xml::{self, Event, Reader, push_text};

/// Reads the document that `input` describes and checks what must hold of every answer.
pub fn run(input: &[u8]) {
    let bytes = encode_parts(input);
    let read = parse(&bytes);
    assert!(parse(&bytes) == read, "read twice, two answers");
    let found = match &read {
        Ok(document) => {
            assert!(!document.warnings.has_errors());
            accepted(&bytes, document);
            &document.warnings
        }
        Err(findings) => {
            assert!(findings.has_errors());
            findings
        }
    };
    bounded(found, FINDINGS_LISTED_MAX as u64);
    let parts = decoded_parts(&bytes);
    for finding in found.listed() {
        placed(finding, &bytes, &parts);
    }
}

/// The one call that is examined.
fn parse(bytes: &[u8]) -> Result<Document, Findings> {
    static RULEBOOK: OnceLock<Rulebook> = OnceLock::new();
    Document::parse(bytes, &limits(), RULEBOOK.get_or_init(Rulebook::embedded), 20_261_120)
}

fn limits() -> Limits {
    // Few enough for the fuzzer to reach.
    Limits { parts_max: 20, ..Limits::default() }
}

fn xml_limits() -> xml::Limits {
    let Limits { depth_max, attributes_max, .. } = limits();
    xml::Limits { depth_max, attributes_max }
}

/// Writes what stands between U+0001 and U+0002, which XML forbids, in base64: so the fuzzer changes the parts
/// themselves.
fn encode_parts(input: &[u8]) -> Vec<u8> {
    let mut pieces = input.split(|&byte| byte == 1);
    let mut bytes = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let end = piece.iter().position(|&byte| byte == 2).unwrap_or(piece.len());
        let (part, after) = piece.split_at(end);
        bytes.extend(STANDARD.encode(part).into_bytes());
        bytes.extend(after.iter().skip(1));
    }
    bytes
}

/// What must hold of a document that was accepted.
fn accepted(bytes: &[u8], document: &Document) {
    if document.format == Format::Xml {
        let mut reader = Reader::new(bytes, xml_limits()).expect("what was accepted is well-formed");
        while reader.read().expect("what was accepted is well-formed") != Event::Eof {}
    }
    for name in &document.parts {
        assert!(!name.is_empty());
        if matches!(document.kind, Kind::Claim | Kind::Voucher) {
            assert!(Document::part(bytes, name).is_some(), "{name} was read and is not found again");
        }
    }
    if document.kind == Kind::DriverExam {
        // What goes out in its place says the same.
        let wire = document.driver_exam_wire(bytes, &limits()).unwrap_or_else(|| bytes.to_vec());
        let sent = parse(&wire).expect("what is sent would be accepted");
        assert!((sent.kind, &sent.keys, &sent.facility) == (document.kind, &document.keys, &document.facility));
    }
}

fn bounded(findings: &Findings, listed_max: u64) {
    let listed = findings.listed().len() as u64;
    assert!(listed <= listed_max && findings.count() == listed + findings.not_listed());
    assert!(findings.error_count() <= findings.count());
}

/// A finding has words, and its place is in the document, or in one of its parts.
fn placed(finding: &Finding, bytes: &[u8], parts: &[Vec<u8>]) {
    let place = &finding.place;
    assert!(!finding.code.is_empty() && !finding.message.vi.is_empty() && !finding.cure.en.is_empty());
    if place.line == 0 {
        assert!(place.column == 0, "{}: a column without a line", finding.code);
    } else if place.part.is_empty() {
        places::assert_within(bytes, place.line, place.column, &finding.code);
    } else {
        let mut texts = parts.iter().map(Vec::as_slice).chain([bytes]);
        let found = texts.any(|text| places::is_within(text, place.line, place.column));
        assert!(found, "{} in {}: line {}, column {}", finding.code, place.part, place.line, place.column);
    }
    if place.envelope_line > 0 {
        places::assert_within(bytes, place.envelope_line, 1, &finding.code);
    }
}

/// The parts of a package as far as it can be read.
fn decoded_parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let Ok(mut reader) = Reader::new(bytes, xml_limits()) else { return parts };
    // Depth of the content element that is open, and its own text.
    let mut open = None;
    let mut text = String::new();
    while let Ok(event) = reader.read() {
        match event {
            Event::Start(tag) if tag.name == "NOIDUNGFILE" && open.is_none() => {
                open = Some(reader.depth());
                text.clear();
            }
            Event::Text(piece) if open == Some(reader.depth()) => push_text(&mut text, piece),
            Event::Character(character) if open == Some(reader.depth()) => text.push(character),
            Event::End if open.is_some_and(|depth| reader.depth() < depth) => {
                open = None;
                let dense: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
                parts.extend(STANDARD.decode(dense));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    parts
}
