//! Changes to a document, chosen by chance: of bytes, of tokens, of markup as a whole.

use crate::random::Random;

/// What means something to XML, and what nearly does.
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "<", ">", "</", "/>", "/", "=", "'", "\"", "&", ";", ":", "!", "?", "-", "--", "]", "]]", "[", "#", "x", "X", "a",
    " ", "\t", "\n", "\r", "\r\n", "1", ".",
    // Markup, whole, begun and ended.
    "<a>", "</a>", "<a/>", "<a b='1'>", "< a>", "<a / >", "</ a>", "</a b='1'>", "<!--", "-->", "<!-- c -->", "<!---->",
    "<!-- -- -->", "<!-- --->", "<!-->", "<![CDATA[", "]]>", "<![CDATA[x]]>", "<![CDATA[<&]]>", "<![cdata[x]]>",
    "<!", "<!>", "<!a>", "<?", "?>", "<?p?>", "<?p d?>", "<?p ?d?>", "<??>", "<? p?>", "<?p:q?>", "<?1?>", "<?p/?>",
    "<?xml?>", "<?XML?>", "<?xMl a?>", "<?xml-a?>", "<?xmla?>", "<?xml:a?>",
    // Declarations.
    "<?xml version='1.0'?>", "<?xml version=\"1.0\" encoding=\"utf-8\"?>", "<?xml version='1.1'?>",
    "<?xml version='2.0'?>", "<?xml version='1.0' encoding='us-ascii'?>", "<?xml version='1.0' standalone='no'?>",
    "<?xml", " version='1.0'", " version=\"1.05\"", "1.0", " encoding='UTF-8'", " encoding='utf-16'", "encoding", "utf-8",
    " encoding='latin1'", " encoding=''", " standalone='yes'", " standalone='maybe'", "standalone", "version",
    // References.
    "&lt;", "&amp;", "&apos;", "&quot;", "&gt;", "&nbsp;", "&a", "&;", "& ", "&#65;", "&#x41;", "&#X41;", "&#0;",
    "&#1;", "&#9;", "&#x1F;", "&#x7F;", "&#xD7FF;", "&#xD800;", "&#xDFFF;", "&#xE000;", "&#xFFFD;", "&#xFFFE;",
    "&#xFFFF;", "&#x10000;", "&#x10FFFF;", "&#x110000;", "&#99999999999;", "&#x0000000041;", "&#;", "&#x;", "&#-1;",
    "&#+65;", "&# 65;", "&#6 5;", "&lt", "&LT;", "&lt ;", "&a:b;",
    // Attributes and namespaces.
    " a='1'", " a=\"1\"", " a = '1'", " a", " a=1", " a='", "='1'", " a='<'", " a='&lt;'", " a='>'", " :a='1'",
    " a:='1'", " xmlns='u'", " xmlns=''", " xmlns:p='urn:p'", " xmlns:p='u'", " xmlns:q='u'", " xmlns:p=''",
    " p:a='1'", " q:a='1'", " p:b='2'", "p:", "q:", "xml:", "xmlns:", "xmlns", " xml:lang='vi'", " xml:a='1'",
    " xml:space='other'", " xml:id='1'", " xmlns:p='&#117;'", " xmlns:p='urn:&#10;p'", " xmlns:p=' u'", " xmlns:p='%'",
    " xmlns:xml='http://www.w3.org/XML/1998/namespace'", " xmlns:xml='u'", " xmlns:xmlns='u'", " xmlns:='u'",
    " xmlns:p='http://www.w3.org/XML/1998/namespace'", " xmlns:p='http://www.w3.org/2000/xmlns/'",
    " xmlns='http://www.w3.org/XML/1998/namespace'", " xmlns='http://www.w3.org/2000/xmlns/'", " xmlns:xmlx='u'",
    "<p:a>", "</p:a>", "<p:a/>", "<p:a xmlns:p='u'/>", "<a:b:c/>", "<:a/>", "<a:/>", "<xml:a/>", "<xmlns:a/>",
    "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "<a xmlns='u' xmlns:q='u' x='1' q:x='2'/>", "<xml/>", "<XML/>",
    // What never stands in a document here.
    "<!DOCTYPE a>", "<!doctype a>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<!DOCTYPE a SYSTEM 'x'>", "<!DOCTYPE",
    "<!DOCTYPE a [", "]>", "<!ENTITY b 'c'>", "<!ELEMENT a ANY>", "<!ATTLIST a b CDATA 'c'>", "%a;", "&b;",
    // Characters at the borders of what is allowed, in texts and in names.
    "\u{0}", "\u{1}", "\u{8}", "\u{B}", "\u{C}", "\u{1F}", "\u{7F}", "\u{80}", "\u{85}", "\u{A0}", "\u{AD}", "\u{B7}",
    "\u{BF}", "\u{C0}", "\u{D7}", "\u{F7}", "\u{2FF}", "\u{300}", "\u{36F}", "\u{370}", "\u{37E}", "\u{1EAF}",
    "\u{1FFF}", "\u{2000}", "\u{200C}", "\u{200E}", "\u{2028}", "\u{203F}", "\u{2041}", "\u{2070}", "\u{2190}",
    "\u{2BFF}", "\u{2C00}", "\u{2FF0}", "\u{3000}", "\u{3001}", "\u{D7FF}", "\u{E000}", "\u{F8FF}", "\u{F900}",
    "\u{FDCF}", "\u{FDD0}", "\u{FDEF}", "\u{FDF0}", "\u{FEFF}", "\u{FFFD}", "\u{FFFE}", "\u{FFFF}", "\u{10000}",
    "\u{1FFFE}", "\u{EFFFF}", "\u{F0000}", "\u{10FFFF}",
];

/// What is no UTF-8, or only a piece of it.
#[rustfmt::skip]
const NO_TEXT: &[&[u8]] = &[
    b"\x80", b"\xBF", b"\xC0\x80", b"\xC1\xBF", b"\xC3", b"\xE1\xBB", b"\xE0\x80\x80", b"\xED\xA0\x80", b"\xED\xBF\xBF",
    b"\xEF\xBF", b"\xEF\xBB\xBF", b"\xF0\x80\x80\x80", b"\xF4\x90\x80\x80", b"\xF8\x88\x80\x80\x80", b"\xFE", b"\xFF",
    b"\xFF\xFE", b"\xFE\xFF", b"\0",
];

/// Changes `document` once to four times; once in a while not at all.
pub(crate) fn mutate(document: &mut Vec<u8>, random: &mut Random) {
    let more = usize::from(random.one_in(3)) + 2 * usize::from(random.one_in(8));
    let count = if random.one_in(50) { 0 } else { 1 + more };
    for _ in 0..count {
        once(document, random);
    }
}

fn once(document: &mut Vec<u8>, random: &mut Random) {
    match random.below(20) {
        0..=5 => {
            let at = place(document, random);
            insert(document, at, random.pick(TOKENS).as_bytes());
        }
        6 | 7 => {
            // In the place of a few bytes.
            let at = place(document, random);
            let end = (at + 1 + random.below(4)).min(document.len());
            drop(document.splice(at..end, random.pick(TOKENS).bytes()));
        }
        8 => {
            let at = place(document, random);
            insert(document, at, random.pick(NO_TEXT));
        }
        9 => {
            let at = random.below(document.len());
            if let Some(byte) = document.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        10 => {
            let at = place(document, random);
            let end = (at + 1 + random.below(6)).min(document.len());
            drop(document.drain(at..end));
        }
        11 => document.truncate(random.below(document.len() + 1)),
        12 => drop(document.drain(..random.below(document.len() / 4 + 1))),
        13 => {
            let piece = piece(document, random);
            drop(document.drain(piece));
        }
        14 => {
            let piece = document[piece(document, random)].to_vec();
            let at = place(document, random);
            insert(document, at, &piece);
        }
        15 => swap(document, random),
        16 => copy_attribute(document, random),
        17 => nest(document, random),
        18 => crowd(document, random),
        _ => {
            // The same bytes twice, or somewhere else.
            let from = random.below(document.len());
            let end = (from + 1 + random.below(30)).min(document.len());
            let copy = document.get(from..end).unwrap_or_default().to_vec();
            if random.one_in(2) {
                drop(document.drain(from..end));
            }
            let at = place(document, random);
            insert(document, at, &copy);
        }
    }
}

fn insert(document: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    drop(document.splice(at..at, bytes.iter().copied()));
}

/// Somewhere: mostly beside what means something, where a change tells most.
fn place(document: &[u8], random: &mut Random) -> usize {
    let anywhere = random.below(document.len() + 1);
    if random.one_in(10) {
        return 0;
    }
    if random.one_in(4) {
        return anywhere;
    }
    let near = document.iter().skip(anywhere).position(|byte| b"<>/='\"&;:?!-[] ".contains(byte));
    near.map_or(anywhere, |steps| (anywhere + steps + random.below(2)).min(document.len()))
}

/// A piece of markup, or a text between two.
fn piece(document: &[u8], random: &mut Random) -> std::ops::Range<usize> {
    let from = random.below(document.len());
    let start = document.iter().take(from + 1).rposition(|&byte| byte == b'<').unwrap_or(0);
    let inner = document.get(start..).unwrap_or_default();
    let end = inner.iter().position(|&byte| byte == b'>').map_or(document.len(), |length| start + length + 1);
    if !random.one_in(3) {
        return start..end;
    }
    let after = document.iter().skip(end).position(|&byte| byte == b'<');
    end..after.map_or(document.len(), |length| end + length)
}

fn swap(document: &mut Vec<u8>, random: &mut Random) {
    let (one, other) = (piece(document, random), piece(document, random));
    let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
    if first.end > second.start {
        return;
    }
    let later = document[second.clone()].to_vec();
    let earlier: Vec<u8> = document.splice(first.clone(), later.iter().copied()).collect();
    let moved = second.start + later.len() - first.len();
    drop(document.splice(moved..moved + second.len(), earlier));
}

/// Writes an attribute again in the same tag, or in another, as it is or under another prefix.
fn copy_attribute(document: &mut Vec<u8>, random: &mut Random) {
    let from = random.below(document.len());
    let Some(equals) = document.iter().skip(from).position(|&byte| byte == b'=').map(|steps| from + steps) else {
        return;
    };
    let start = document.iter().take(equals).rposition(|byte| byte.is_ascii_whitespace()).unwrap_or(equals);
    let rest = document.get(equals + 1..).unwrap_or_default();
    let Some(&quote) = rest.first() else { return };
    let Some(length) = rest.iter().skip(1).position(|&byte| byte == quote) else { return };
    let mut copy = document[start..equals + length + 3].to_vec();
    if random.one_in(3) {
        let prefix: &[u8] = random.pick(&[&b"p:"[..], b"q:", b"xml:", b"xmlns:"]);
        drop(copy.splice(1.min(copy.len())..1.min(copy.len()), prefix.iter().copied()));
    }
    let at = if random.one_in(2) { start } else { place(document, random) };
    insert(document, at.min(document.len()), &copy);
}

/// Puts the whole document, or what stands at one place, into many elements.
fn nest(document: &mut Vec<u8>, random: &mut Random) {
    // Around the limit and well below.
    let depth = random.pick(&[1, 2, 3, 60, 63, 64, 65, 70]);
    let at = place(document, random);
    let (open, close) = random.pick(&[("<n>", "</n>"), ("<p:n xmlns:p='u'>", "</p:n>"), ("<n xmlns='u'>", "</n >")]);
    insert(document, at, format!("{}{}", open.repeat(depth), close.repeat(depth)).as_bytes());
}

/// Gives a tag many attributes, or one that is very long.
fn crowd(document: &mut Vec<u8>, random: &mut Random) {
    let count = random.pick(&[2, 5, 30, 31, 32, 33, 40]);
    if random.one_in(100) {
        let at = place(document, random);
        return insert(document, at, format!(" c='{}'", "c".repeat(65_500 + count)).as_bytes());
    }
    let at = document.iter().skip(random.below(document.len())).position(|&byte| byte == b'>');
    let at = at.unwrap_or_else(|| random.below(document.len() + 1));
    let attributes: String = (0..count).map(|number| format!(" c{number}=''")).collect();
    insert(document, at, attributes.as_bytes());
}
