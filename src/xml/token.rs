//! The tokens of a text: where each begins and ends, and that every end tag names the element it ends. What stands
//! inside a token is the reader's business. The text is UTF-8 already, so nothing is looked at twice or copied.

use super::character::{continues_ascii_name, is_blank};
use super::error::{ErrorKind, Forbidden, IllFormed};

/// What stands next in a text, without its delimiters unless told otherwise.
pub(super) enum Token<'a> {
    Start(&'a str),
    Empty(&'a str),
    End,
    Text(&'a str),
    Reference(&'a str),
    Cdata(&'a str),
    Comment(&'a str),
    Instruction(&'a str),
    /// Whole, with its delimiters.
    Declaration(&'a str),
    Eof,
}

/// Cuts a text into tokens.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// Where the next token begins.
    offset: usize,
    /// The names of the open elements.
    open: Vec<&'a str>,
}

const UNCLOSED: ErrorKind = ErrorKind::IllFormed(IllFormed::UnclosedMarkup);

// === impl Tokens ===

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, open: Vec::new() }
    }

    /// Where the next token begins.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The next token. What is wrong with it is wrong where it begins.
    pub(super) fn next(&mut self) -> Result<Token<'a>, ErrorKind> {
        let rest = self.text.get(self.offset..).unwrap_or_default();
        match rest.as_bytes() {
            [] => Ok(Token::Eof),
            [b'<', b'/', ..] => self.end(rest),
            [b'<', b'!', ..] => self.declared(rest),
            [b'<', b'?', ..] => {
                let content = self.between(rest, "<?", "?>")?;
                let target = content.strip_prefix("xml");
                let declares = target.is_some_and(|after| after.bytes().next().is_none_or(is_blank));
                let whole = rest.get(..content.len() + 4).unwrap_or_default();
                Ok(if declares { Token::Declaration(whole) } else { Token::Instruction(content) })
            }
            [b'<', ..] => self.start(rest),
            [b'&', after @ ..] => match memchr::memchr3(b';', b'&', b'<', after) {
                Some(length) if after.get(length) == Some(&b';') => Ok(Token::Reference(self.take(rest, 1, length, 1))),
                _ => Err(ErrorKind::IllFormed(IllFormed::Ampersand)),
            },
            bytes => {
                let length = memchr::memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
                Ok(Token::Text(self.take(rest, 0, length, 0)))
            }
        }
    }

    fn start(&mut self, rest: &'a str) -> Result<Token<'a>, ErrorKind> {
        let inside = rest.as_bytes().get(1..).unwrap_or_default();
        let name = inside.iter().position(|&byte| !continues_ascii_name(byte)).unwrap_or(inside.len());
        // The usual tag is nothing but a name.
        let length = match inside.get(name..) {
            Some([b'>', ..] | [b'/', b'>', ..]) => name,
            _ => tag_length(inside).ok_or(UNCLOSED)?,
        };
        if inside.get(length) == Some(&b'/') {
            return Ok(Token::Empty(self.take(rest, 1, length, 2)));
        }
        let content = self.take(rest, 1, length, 1);
        let blank = if name == length { None } else { content.bytes().position(is_blank) };
        self.open.push(blank.and_then(|blank| content.get(..blank)).unwrap_or(content));
        Ok(Token::Start(content))
    }

    fn end(&mut self, rest: &'a str) -> Result<Token<'a>, ErrorKind> {
        const WRONG: ErrorKind = ErrorKind::IllFormed(IllFormed::EndTag);
        let length = memchr::memchr(b'>', rest.as_bytes()).ok_or(UNCLOSED)?;
        let name = self.open.pop().ok_or(WRONG)?;
        let after = rest.get(2..length).and_then(|written| written.strip_prefix(name)).ok_or(WRONG)?;
        if !after.bytes().all(is_blank) {
            return Err(WRONG);
        }
        self.offset += length + 1;
        Ok(Token::End)
    }

    fn declared(&mut self, rest: &'a str) -> Result<Token<'a>, ErrorKind> {
        if rest.starts_with("<!--") {
            return self.between(rest, "<!--", "-->").map(Token::Comment);
        }
        if rest.starts_with("<![CDATA[") {
            return self.between(rest, "<![CDATA[", "]]>").map(Token::Cdata);
        }
        let doctype = rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic);
        Err(if doctype { ErrorKind::Forbidden(Forbidden::Doctype) } else { ErrorKind::IllFormed(IllFormed::Markup) })
    }

    /// Takes the token that begins with `opening`, up to the first `closing` behind that.
    fn between(&mut self, rest: &'a str, opening: &str, closing: &str) -> Result<&'a str, ErrorKind> {
        let inside = rest.as_bytes().get(opening.len()..).unwrap_or_default();
        let length = memchr::memmem::find(inside, closing.as_bytes()).ok_or(UNCLOSED)?;
        Ok(self.take(rest, opening.len(), length, closing.len()))
    }

    /// Takes a token of `before`, `length` and `after` bytes; gives those in the middle.
    fn take(&mut self, rest: &'a str, before: usize, length: usize, after: usize) -> &'a str {
        self.offset += before + length + after;
        // All delimiters are ASCII, so these are always boundaries of characters.
        rest.get(before..before + length).unwrap_or_default()
    }
}

/// The bytes of a tag up to its `>` or `/>`, which may stand in quotes before.
fn tag_length(inside: &[u8]) -> Option<usize> {
    let mut quote = None;
    let end = inside.iter().position(|&byte| {
        match quote {
            Some(open) if byte == open => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
        byte == b'>' && quote.is_none()
    })?;
    let closed = end.checked_sub(1).filter(|&slash| inside.get(slash) == Some(&b'/'));
    Some(closed.unwrap_or(end))
}
