//! XML, read event by event and guarded: what XML 1.0 (fifth edition) and Namespaces in XML 1.0 (third edition)
//! forbid in a document without DTD does not pass, and a DTD does not pass at all.
//!
//! quick-xml finds the tokens; left alone it lets more than half of the ill-formed documents of the W3C suite through
//! (`lessons.md`), so everything it does not check is checked here: characters, names, attributes, references,
//! comments, the declaration, the one root, namespaces. Events borrow from the document. Places are byte offsets
//! until somebody asks for line and column.
//!
//! Deliberately absent: DTDs, entities beyond the five, encodings other than UTF-8, writing.

mod character;
mod declaration;
pub mod error;
mod namespace;
mod position;
mod reference;
mod tag;

use quick_xml::errors::{Error as TokenError, IllFormedError};
use quick_xml::events::Event as Token;

pub use self::error::{Error, ErrorKind};
pub(crate) use self::position::Locator;
pub use self::position::Position;
pub use self::tag::Tag;

use self::character::is_blank;
use self::error::{BeyondLimit, Forbidden, IllFormed, NotXml};
use self::namespace::Namespaces;

/// Bounds on one document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nesting.
    pub depth_max: u32,
    /// Attributes on one element.
    pub attributes_max: u32,
}

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
    tokens: quick_xml::Reader<&'a [u8]>,
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
            tokens: quick_xml::Reader::from_str(text),
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
            let start = self.token_offset();
            self.offset = start;
            let token = self.tokens.read_event().map_err(|error| self.judge(&error, start))?;
            let written = self.text.get(start..self.token_offset()).unwrap_or_default();
            match token {
                Token::Start(_) => return self.enter(strip(written, "<", ">"), start),
                Token::Empty(_) => {
                    self.closing = true;
                    return self.enter(strip(written, "<", "/>"), start);
                }
                Token::End(_) => {
                    self.leave();
                    return Ok(Event::End);
                }
                Token::Text(_) => {
                    if let Some(event) = self.text(written, start)? {
                        return Ok(event);
                    }
                }
                Token::GeneralRef(_) => return self.reference(strip(written, "&", ";"), start),
                Token::CData(_) => {
                    self.inside_root(start)?;
                    return Ok(Event::Text(strip(written, "<![CDATA[", "]]>")));
                }
                Token::Comment(_) => check_comment(strip(written, "<!--", "-->"), start)?,
                Token::PI(_) => check_instruction(strip(written, "<?", "?>"), start)?,
                Token::Decl(_) => self.check_declaration(written, start)?,
                Token::DocType(_) => return Err((ErrorKind::Forbidden(Forbidden::Doctype), start)),
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

    fn token_offset(&self) -> usize {
        // A document in memory is never longer than `usize`.
        usize::try_from(self.tokens.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Says in our terms what the tokenizer stumbled over in the token that begins at `start`.
    fn judge(&self, error: &TokenError, start: usize) -> (ErrorKind, usize) {
        let rest = self.text.get(start..).unwrap_or_default();
        let bang = rest.strip_prefix("<!");
        let declares = bang.is_some_and(|bang| bang.starts_with(|c: char| c.is_ascii_alphabetic()));
        let unknown = bang.is_some_and(|bang| !bang.starts_with("--") && !bang.starts_with("[CDATA["));
        let kind = match error {
            _ if declares => ErrorKind::Forbidden(Forbidden::Doctype),
            _ if unknown => ErrorKind::IllFormed(IllFormed::Markup),
            TokenError::IllFormed(IllFormedError::UnclosedReference) => ErrorKind::IllFormed(IllFormed::Ampersand),
            TokenError::IllFormed(_) => ErrorKind::IllFormed(IllFormed::EndTag),
            // A token without end. What else it can say (attributes, encodings, I/O) it does not say to this reader.
            _ => ErrorKind::IllFormed(IllFormed::UnclosedMarkup),
        };
        (kind, start)
    }
}

/// Appends a piece of text with its line ends normalised as XML prescribes (section 2.11).
pub fn push_text(target: &mut String, piece: &str) {
    if memchr::memchr(b'\r', piece.as_bytes()).is_some() {
        target.push_str(&piece.replace("\r\n", "\n").replace('\r', "\n"));
    } else {
        target.push_str(piece);
    }
}

fn strip<'a>(written: &'a str, prefix: &str, suffix: &str) -> &'a str {
    // The tokenizer found both, so neither is ever missing.
    let inner = written.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
    inner.unwrap_or(written)
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
