//! XML, read event by event and guarded: what XML 1.0 (fifth edition) and Namespaces in XML 1.0 (third edition)
//! forbid in a document without DTD does not pass, and a DTD does not pass at all.
//!
//! `token` cuts the text; what stands inside a token is checked here: characters, names, attributes, references,
//! comments, the declaration, the one root, namespaces. Events borrow from the document. Places are byte offsets
//! until somebody asks for line and column. Why no library does this: `docs/decisions/0006-own-xml-tokens.md`; that it
//! is right: `tests/guard`, a million documents beside libxml2.
//!
//! Deliberately absent: DTDs, entities beyond the five, encodings other than UTF-8, writing.

mod character;
mod declaration;
pub mod error;
mod namespace;
mod position;
mod reference;
mod tag;
mod token;

pub use self::error::{Error, ErrorKind};
pub(crate) use self::position::Locator;
pub use self::position::Position;
pub use self::tag::Tag;

use self::character::is_blank;
use self::error::{BeyondLimit, IllFormed, NotXml};
use self::namespace::Namespaces;
use self::token::{Token, Tokens};

/// Bounds on one document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nesting.
    pub depth_max: u32,
    /// Attributes on one element.
    pub attributes_max: u32,
}

/// Bytes of one start tag. A root with its namespaces has about two hundred; attributes of this length cost no more than
/// text does, and longer ones (a name, a value, a namespace of megabytes) are made to cost more.
const TAG_BYTES_MAX: usize = 64 << 10;

/// What comes next in a document. Comments, processing instructions and the declaration are checked and passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// An element begins. `Start` and `End` come in pairs, for `<a/>` too.
    Start(Tag<'a>),
    /// The innermost open element ends.
    End,
    /// A piece of text, exactly as written; line ends are not normalised (see [`push_text`]). One element's text may
    /// come in several pieces.
    Text(&'a str),
    /// A character written as a reference.
    Character(char),
    /// The document is over, and was right.
    Eof,
}

/// Reads one document from memory.
pub struct Reader<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    limits: Limits,
    namespaces: Namespaces<'a>,
    depth: u32,
    /// Whether the root element has begun.
    rooted: bool,
    /// Whether the `End` of a self-closed element is still owed.
    closing: bool,
    /// Where the last event began.
    offset: usize,
    /// Whether `]]>` occurs anywhere, so that texts need to be searched for it one by one.
    has_cdata_end: bool,
    failed: Option<Error>,
    locator: Locator<'a>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Opens a document: its encoding and its characters are checked at once, the rest as it is read.
    pub fn new(bytes: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let located = |kind, offset| {
            let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            Error { kind, position: Locator::new(text).locate(offset) }
        };
        let text = declaration::decode(bytes).map_err(|(kind, offset)| located(kind, offset))?;
        if let Some(offset) = character::first_forbidden(text.as_bytes()) {
            return Err(located(ErrorKind::IllFormed(IllFormed::Character), offset));
        }
        Ok(Self {
            text,
            tokens: Tokens::new(text),
            limits,
            namespaces: Namespaces::default(),
            depth: 0,
            rooted: false,
            closing: false,
            offset: 0,
            has_cdata_end: memchr::memmem::find(text.as_bytes(), b"]]>").is_some(),
            failed: None,
            locator: Locator::new(text.as_bytes()),
        })
    }

    /// The next event. After an error, the same error for ever.
    pub fn read(&mut self) -> Result<Event<'a>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance().map_err(|(kind, offset)| {
            let error = Error { kind, position: self.locator.locate(offset) };
            self.failed = Some(error);
            error
        })
    }

    /// Byte offset of the last event, without a byte order mark.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The document, without a byte order mark.
    pub fn source(&self) -> &'a str {
        self.text
    }

    /// How many elements are open.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Line and column of a byte offset.
    pub fn position_at(&mut self, offset: usize) -> Position {
        self.locator.locate(offset)
    }

    fn advance(&mut self) -> Result<Event<'a>, (ErrorKind, usize)> {
        if self.closing {
            self.closing = false;
            self.leave();
            return Ok(Event::End);
        }
        loop {
            let start = self.tokens.offset();
            self.offset = start;
            match self.tokens.next().map_err(|kind| (kind, start))? {
                Token::Start(content) => return self.enter(content, start),
                Token::Empty(content) => {
                    self.closing = true;
                    return self.enter(content, start);
                }
                Token::End => {
                    self.leave();
                    return Ok(Event::End);
                }
                Token::Text(written) => {
                    if let Some(event) = self.text(written, start)? {
                        return Ok(event);
                    }
                }
                Token::Reference(body) => return self.reference(body, start),
                Token::Cdata(content) => {
                    self.inside_root(start)?;
                    return Ok(Event::Text(content));
                }
                Token::Comment(content) => check_comment(content, start)?,
                Token::Instruction(content) => check_instruction(content, start)?,
                Token::Declaration(written) => self.check_declaration(written, start)?,
                Token::Eof => return self.finish(),
            }
        }
    }

    fn enter(&mut self, content: &'a str, start: usize) -> Result<Event<'a>, (ErrorKind, usize)> {
        // Offsets within the tag count from after its `<`.
        let placed = |(kind, offset): (ErrorKind, usize)| (kind, if offset == 0 { start } else { start + 1 + offset });
        if self.rooted && self.depth == 0 {
            return Err((ErrorKind::IllFormed(IllFormed::SecondRoot), start));
        }
        if self.depth >= self.limits.depth_max {
            return Err((ErrorKind::BeyondLimit(BeyondLimit::Depth), start));
        }
        if content.len() > TAG_BYTES_MAX {
            return Err((ErrorKind::BeyondLimit(BeyondLimit::Tag), start));
        }
        self.rooted = true;
        self.depth += 1;
        // The usual tag: nothing but a plain name, so nothing but the name to check.
        if character::is_ascii_name(content) {
            return Ok(Event::Start(Tag::bare(content)));
        }
        let checked = tag::check(content, self.limits.attributes_max).map_err(placed)?;
        if checked.colon != character::Colon::None || !checked.attributes.is_empty() {
            self.namespaces.enter(&checked, self.depth).map_err(placed)?;
        }
        Ok(Event::Start(checked.tag))
    }

    fn leave(&mut self) {
        // The tokenizer refuses end tags without a start, so the depth is at least one here.
        self.depth = self.depth.saturating_sub(1);
        self.namespaces.leave(self.depth);
    }

    /// Text within the root, or blanks outside it, which are no event.
    fn text(&mut self, written: &'a str, start: usize) -> Result<Option<Event<'a>>, (ErrorKind, usize)> {
        if self.depth == 0 {
            let stray = written.bytes().position(|byte| !is_blank(byte));
            return match stray {
                None => Ok(None),
                Some(at) => Err((ErrorKind::IllFormed(IllFormed::TextOutsideRoot), start + at)),
            };
        }
        if self.has_cdata_end
            && let Some(at) = memchr::memmem::find(written.as_bytes(), b"]]>")
        {
            return Err((ErrorKind::IllFormed(IllFormed::CdataEnd), start + at));
        }
        Ok(Some(Event::Text(written)))
    }

    fn reference(&mut self, body: &'a str, start: usize) -> Result<Event<'a>, (ErrorKind, usize)> {
        self.inside_root(start)?;
        let character = reference::resolve(body).map_err(|kind| (kind, start))?;
        Ok(Event::Character(character))
    }

    fn inside_root(&self, start: usize) -> Result<(), (ErrorKind, usize)> {
        if self.depth == 0 { Err((ErrorKind::IllFormed(IllFormed::TextOutsideRoot), start)) } else { Ok(()) }
    }

    fn check_declaration(&self, written: &str, start: usize) -> Result<(), (ErrorKind, usize)> {
        if start != 0 {
            return Err((ErrorKind::IllFormed(IllFormed::DeclarationNotFirst), start));
        }
        declaration::check(written, || self.text.is_ascii()).map_err(|kind| (kind, start))
    }

    fn finish(&self) -> Result<Event<'a>, (ErrorKind, usize)> {
        if self.depth > 0 {
            return Err((ErrorKind::IllFormed(IllFormed::UnclosedElement), self.text.len()));
        }
        if !self.rooted {
            return Err((ErrorKind::NotXml(NotXml::Empty), 0));
        }
        Ok(Event::Eof)
    }
}

/// Appends a piece of text with its line ends normalised as XML prescribes (section 2.11).
pub fn push_text(target: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some((line, after)) = rest.split_once('\r') {
        target.push_str(line);
        target.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    target.push_str(rest);
}

fn check_comment(content: &str, start: usize) -> Result<(), (ErrorKind, usize)> {
    // `--->` at the end is a hyphen too many as well.
    let doubled = memchr::memmem::find(content.as_bytes(), b"--").is_some() || content.ends_with('-');
    if doubled { Err((ErrorKind::IllFormed(IllFormed::Comment), start)) } else { Ok(()) }
}

fn check_instruction(content: &str, start: usize) -> Result<(), (ErrorKind, usize)> {
    let target = content.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
    // Namespaces (section 7) forbid colons in targets; any spelling of `xml` is reserved.
    let right = character::is_plain_name(target) && !target.eq_ignore_ascii_case("xml");
    if right { Ok(()) } else { Err((ErrorKind::IllFormed(IllFormed::ProcessingInstruction), start)) }
}

#[cfg(test)]
mod tests;
