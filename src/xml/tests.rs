//! Tables of good and bad XML.

use super::error::Forbidden;
use super::*;

const LIMITS: Limits = Limits { depth_max: 8, attributes_max: 4 };

/// Reads to the end: `Ok` or the code of the fault.
fn check(bytes: &[u8]) -> Result<(), &'static str> {
    located(bytes).map_err(|error| error.kind.code())
}

fn located(bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(bytes, LIMITS)?;
    while reader.read()? != Event::Eof {}
    Ok(())
}

#[test]
fn well_formed_documents_pass() {
    for text in [
        "<a/>",
        "<a></a>",
        "<a ></a >",
        "<a\n/>",
        " \t\r\n<a/>\n",
        "\u{FEFF}<a/>",
        "\u{FEFF}<?xml version=\"1.0\"?><a/>",
        "<?xml version='1.0' encoding='utf-8'?><a/>",
        "<?xml version = \"1.0\" encoding=\"UTF-8\" standalone='yes' ?>\n<a/>",
        "<?xml version=\"1.0\" standalone=\"no\"?><a/>",
        "<?xml version=\"1.1\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"us-ascii\"?><a>x</a>",
        "<!-- c --><a/><!-- d -->",
        "<!----><a/>",
        "<!-->--><a/>",
        "<a><!-- - > < & ]]> --></a>",
        "<?style x?><a/><?b?>",
        "<?xml-stylesheet href='a'?><a/>",
        "<a>&lt;&gt;&amp;&quot;&apos;&#10;&#x1EAF;&#x10FFFF;</a>",
        "<a>]] ></a>",
        "<a>]]&gt;</a>",
        "<a>></a>",
        "<a><![CDATA[<x>&nbsp;]] > -- ]]></a>",
        "<a><![CDATA[]]></a>",
        "<a b='1' c=\"2\"/>",
        "<a b = '1'\n\tc=\">\" d='\"'/>",
        "<a b='&lt;&#65;]]>'/>",
        "<họ_tên năm='2026'>Nguyễn</họ_tên>",
        "<a xmlns='urn:x'/>",
        "<a xmlns=''/>",
        "<x:a xmlns:x='urn:x' x:b='1' b='2'><x:c/></x:a>",
        "<a xml:lang='vi' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:x='urn:1'><b xmlns:x='urn:2' x:c='1'/><x:d/></a>",
        "<a xmlns:x='u' xmlns:y='v' x:b='1' y:b='2'/>",
        "<a>\u{FFFD}\u{7F}\u{85}\u{10000}</a>",
        "<a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a>",
        "<a b='' c='' d='' e=''/>",
    ] {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused_by_its_own_name() {
    for (text, code) in [
        // Not XML.
        ("", "XML_EMPTY"),
        ("  \n", "XML_EMPTY"),
        ("\u{FEFF}", "XML_EMPTY"),
        ("<!-- only -->", "XML_EMPTY"),
        ("<?xml version='1.0'?>", "XML_EMPTY"),
        ("{\"SO\":1}", "XML_NOT_XML"),
        ("PD94bWw=", "XML_NOT_XML"),
        ("x<a/>", "XML_NOT_XML"),
        ("\u{FEFF}\u{FEFF}<a/>", "XML_NOT_XML"),
        // Declaration and encoding.
        ("<?xml?><a/>", "XML_DECLARATION"),
        ("<?xml ?><a/>", "XML_DECLARATION"),
        ("<?xml version='2.0'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.'?><a/>", "XML_DECLARATION"),
        ("<?xml version=1.0?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0\"?><a/>", "XML_DECLARATION"),
        ("<?xml encoding='utf-8'?><a/>", "XML_DECLARATION"),
        ("<?xml encoding='utf-8' version='1.0'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0'encoding='utf-8'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' standalone='maybe'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' encoding=''?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' encoding='-utf'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' other='1'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' version='1.0'?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' x?><a/>", "XML_DECLARATION"),
        ("<?xml version='1.0' encoding='utf-16'?><a/>", "XML_ENCODING_DECLARED"),
        ("<?xml version='1.0' encoding='windows-1258'?><a/>", "XML_ENCODING_DECLARED"),
        ("<?xml version='1.0' encoding='us-ascii'?><a>ắ</a>", "XML_ENCODING_DECLARED"),
        (" <?xml version='1.0'?><a/>", "XML_DECLARATION_NOT_FIRST"),
        ("<!-- c --><?xml version='1.0'?><a/>", "XML_DECLARATION_NOT_FIRST"),
        ("<?xml version='1.0'?><?xml version='1.0'?><a/>", "XML_DECLARATION_NOT_FIRST"),
        ("<a/><?xml version='1.0'?>", "XML_DECLARATION_NOT_FIRST"),
        ("<?XML version='1.0'?><a/>", "XML_PROCESSING_INSTRUCTION"),
        ("<?xMl?><a/>", "XML_PROCESSING_INSTRUCTION"),
        // Characters.
        ("<a>\u{0}</a>", "XML_CHARACTER"),
        ("<a>\u{1}</a>", "XML_CHARACTER"),
        ("<a b='\u{1F}'/>", "XML_CHARACTER"),
        ("<a><!--\u{B}--></a>", "XML_CHARACTER"),
        ("<a>\u{FFFE}</a>", "XML_CHARACTER"),
        ("<a>\u{FFFF}</a>", "XML_CHARACTER"),
        ("<a>&#1;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a>&#0;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a>&#xD800;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a>&#xFFFF;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a>&#x110000;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a>&#;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a>&#X41;</a>", "XML_CHARACTER_REFERENCE"),
        ("<a b='&#8;'/>", "XML_CHARACTER_REFERENCE"),
        // References.
        ("<a>A & B</a>", "XML_AMPERSAND"),
        ("<a>&</a>", "XML_AMPERSAND"),
        ("<a>&lt</a>", "XML_AMPERSAND"),
        ("<a>&;</a>", "XML_AMPERSAND"),
        ("<a>A & B; C</a>", "XML_AMPERSAND"),
        ("<a b='A & B'/>", "XML_AMPERSAND"),
        ("<a>&", "XML_AMPERSAND"),
        ("<a>&nbsp;</a>", "XML_ENTITY"),
        ("<a b='&nbsp;'/>", "XML_ENTITY"),
        ("<a>&LT;</a>", "XML_ENTITY"),
        // Names and tags.
        ("<>x</>", "XML_NAME"),
        ("< a/>", "XML_NAME"),
        ("<a>x < 5</a>", "XML_NAME"),
        ("<a><5</a>", "XML_NAME"),
        ("<-a/>", "XML_NAME"),
        ("<a:/>", "XML_NAME"),
        ("<:a/>", "XML_NAME"),
        ("<a:b:c xmlns:a='u'/>", "XML_NAME"),
        ("<a/ >", "XML_NAME"),
        ("<a\"b\"/>", "XML_NAME"),
        ("<a><b</a>", "XML_NAME"),
        ("<a></b>", "XML_END_TAG"),
        ("<a><b></a></b>", "XML_END_TAG"),
        ("<a></ a>", "XML_END_TAG"),
        ("<a></a b='1'>", "XML_END_TAG"),
        ("<a></A>", "XML_END_TAG"),
        ("</a>", "XML_END_TAG"),
        ("<a/></a>", "XML_END_TAG"),
        ("<a>", "XML_UNCLOSED_ELEMENT"),
        ("<a><b></b>", "XML_UNCLOSED_ELEMENT"),
        ("<", "XML_UNCLOSED_MARKUP"),
        ("<a", "XML_UNCLOSED_MARKUP"),
        ("<a b='", "XML_UNCLOSED_MARKUP"),
        ("<a><!-- x</a>", "XML_UNCLOSED_MARKUP"),
        ("<a><![CDATA[ x</a>", "XML_UNCLOSED_MARKUP"),
        ("<a><? x</a>", "XML_UNCLOSED_MARKUP"),
        ("<!--->", "XML_UNCLOSED_MARKUP"),
        ("<!-->", "XML_UNCLOSED_MARKUP"),
        // Attributes.
        ("<a b/>", "XML_ATTRIBUTE"),
        ("<a b=/>", "XML_ATTRIBUTE"),
        ("<a b=1/>", "XML_ATTRIBUTE"),
        ("<a b='1'c='2'/>", "XML_ATTRIBUTE"),
        ("<a ='1'/>", "XML_ATTRIBUTE"),
        ("<a 1='1'/>", "XML_ATTRIBUTE"),
        ("<a 'b'/>", "XML_ATTRIBUTE"),
        ("<a b='1'/ >", "XML_ATTRIBUTE"),
        ("<a b:='1'/>", "XML_ATTRIBUTE"),
        ("<a b='<'/>", "XML_LESS_THAN_IN_ATTRIBUTE"),
        ("<a b='1' b='2'/>", "XML_ATTRIBUTE_TWICE"),
        ("<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>", "XML_ATTRIBUTE_TWICE"),
        ("<a xmlns:x='u' xmlns:y='&#117;' x:b='1' y:b='2'/>", "XML_ATTRIBUTE_TWICE"),
        ("<a xmlns:x='u' xmlns:x='u'/>", "XML_ATTRIBUTE_TWICE"),
        // Text, comments, instructions, other markup.
        ("<a>]]></a>", "XML_CDATA_END"),
        ("<a>x]]>y<![CDATA[z]]></a>", "XML_CDATA_END"),
        ("<a><!-- a -- b --></a>", "XML_COMMENT"),
        ("<a><!-- a ---></a>", "XML_COMMENT"),
        ("<?1?><a/>", "XML_PROCESSING_INSTRUCTION"),
        ("<? x?><a/>", "XML_PROCESSING_INSTRUCTION"),
        ("<??><a/>", "XML_PROCESSING_INSTRUCTION"),
        ("<?a:b?><a/>", "XML_PROCESSING_INSTRUCTION"),
        ("<a><! x></a>", "XML_MARKUP"),
        ("<a><!></a>", "XML_MARKUP"),
        ("<a><!-x></a>", "XML_MARKUP"),
        ("<a><![cdata[x]]></a>", "XML_MARKUP"),
        // One root and nothing outside it.
        ("<a/>x", "XML_TEXT_OUTSIDE_ROOT"),
        ("<a/>&lt;", "XML_TEXT_OUTSIDE_ROOT"),
        ("<a/><![CDATA[x]]>", "XML_TEXT_OUTSIDE_ROOT"),
        ("<!-- c -->x<a/>", "XML_TEXT_OUTSIDE_ROOT"),
        ("<a/>\u{A0}", "XML_TEXT_OUTSIDE_ROOT"),
        ("<a/><b/>", "XML_SECOND_ROOT"),
        ("<a></a><a></a>", "XML_SECOND_ROOT"),
        // Namespaces.
        ("<x:a/>", "XML_UNBOUND_PREFIX"),
        ("<a x:b='1'/>", "XML_UNBOUND_PREFIX"),
        ("<a><b xmlns:x='u'/><x:c/></a>", "XML_UNBOUND_PREFIX"),
        ("<xmlns:a xmlns:b='u'/>", "XML_UNBOUND_PREFIX"),
        ("<a xmlns:x=''/>", "XML_NAMESPACE_DECLARATION"),
        ("<a xmlns:xmlns='u'/>", "XML_NAMESPACE_DECLARATION"),
        ("<a xmlns:xml='u'/>", "XML_NAMESPACE_DECLARATION"),
        ("<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>", "XML_NAMESPACE_DECLARATION"),
        ("<a xmlns:x='http://www.w3.org/2000/xmlns/'/>", "XML_NAMESPACE_DECLARATION"),
        ("<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "XML_NAMESPACE_DECLARATION"),
        // Forbidden.
        ("<!DOCTYPE a><a/>", "XML_DOCTYPE"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "XML_DOCTYPE"),
        ("<!DOCTYPE", "XML_DOCTYPE"),
        ("<!doctype a><a/>", "XML_DOCTYPE"),
        ("<a><!ENTITY b 'c'></a>", "XML_DOCTYPE"),
        // Limits.
        ("<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>", "XML_TOO_DEEP"),
        ("<a b='' c='' d='' e='' f=''/>", "XML_TOO_MANY_ATTRIBUTES"),
    ] {
        assert_eq!(check(text.as_bytes()), Err(code), "{text}");
    }
}

#[test]
fn a_start_tag_has_a_length_and_is_not_looked_at_beyond() {
    let longest = "a".repeat(TAG_BYTES_MAX);
    assert_eq!(check(format!("<{longest}></{longest}>").as_bytes()), Ok(()));
    let value = "a".repeat(TAG_BYTES_MAX - "b c=''".len());
    assert_eq!(check(format!("<a><b c='{value}'/></a>").as_bytes()), Ok(()));
    for text in [
        format!("<a{longest}/>"),
        format!("<a><b c='{value}-'/></a>"),
        format!("<a xmlns='{longest}'/>"),
        format!("<a {}/>", "b=".repeat(TAG_BYTES_MAX)),
    ] {
        assert_eq!(check(text.as_bytes()), Err("XML_TAG_TOO_LONG"));
    }
}

#[test]
fn a_declaration_of_a_dtd_is_refused_where_it_begins() {
    for text in ["<!DOCTYPE a [", "<!DOCTYPE a [<!ENTITY b 'c'>", "<!DOCTYPEa", "<a><!ELEMENT", "<!-- c --><!d"] {
        assert_eq!(check(text.as_bytes()), Err("XML_DOCTYPE"), "{text}");
    }
    let error = located(b"<!-- c -->\n <!DOCTYPE a>").unwrap_err();
    assert_eq!((error.position.line, error.position.column), (2, 2));
}

#[test]
fn line_ends_are_normalised_in_texts() {
    for (written, read) in [
        ("", ""),
        ("a", "a"),
        ("\r", "\n"),
        ("\r\n", "\n"),
        ("\n\r", "\n\n"),
        ("a\r\r\nb\n", "a\n\nb\n"),
        ("ắ\r", "ắ\n"),
    ] {
        let mut text = String::from("x");
        push_text(&mut text, written);
        assert_eq!(text, format!("x{read}"), "{written:?}");
    }
}

#[test]
fn other_encodings_are_refused_by_name() {
    for (bytes, code) in [
        (&b"\xFF\xFE<\0a\0/\0>\0"[..], "XML_UTF16"),
        (b"\xFE\xFF\0<\0a\0/\0>", "XML_UTF16"),
        (b"<\0a\0/\0>\0", "XML_UTF16"),
        (b"\0<\0a\0/\0>", "XML_UTF16"),
        (b"\xFF\xFE\0\0<\0\0\0", "XML_UTF16"),
        (b"\0\0\xFE\xFF\0\0\0<", "XML_UTF16"),
        (b"<a>\xE1</a>", "XML_NOT_UTF8"),
        (b"<a>\xC0\x80</a>", "XML_NOT_UTF8"),
        (b"<a>\xED\xA0\x80</a>", "XML_NOT_UTF8"),
        (b"<a>\xF4\x90\x80\x80</a>", "XML_NOT_UTF8"),
        (b"<a>\xE1\xBB", "XML_NOT_UTF8"),
        (b"PK\x03\x04\xFF", "XML_NOT_XML"),
    ] {
        assert_eq!(check(bytes), Err(code), "{bytes:?}");
    }
}

#[test]
fn faults_are_placed_by_line_and_character() {
    for (text, line, column) in [
        ("<a>\n  <b>ắ &</b></a>", 2, 8),
        ("\u{FEFF}<a>\n<b></c></a>", 2, 4),
        ("<a>\u{1}</a>", 1, 4),
        ("<a\n  b='1'\n  b='2'/>", 3, 3),
        ("<a>\n", 2, 1),
        ("<a><b c='1' d/></a>", 1, 13),
        ("<a/>\n\n  x", 3, 3),
    ] {
        let error = located(text.as_bytes()).unwrap_err();
        assert_eq!((error.position.line, error.position.column), (line, column), "{text}");
    }
    let error = located(b"<a>\n\xC3\xA1\xE1</a>").unwrap_err();
    assert_eq!((error.position.line, error.position.column), (2, 2));
}

#[test]
fn events_tell_what_was_written() {
    let text = "<a x='1'>b&amp;c<![CDATA[<d>]]><e/></a>";
    let mut reader = Reader::new(text.as_bytes(), LIMITS).unwrap();
    let Ok(Event::Start(tag)) = reader.read() else { panic!("no start") };
    assert_eq!((tag.name, tag.attribute("x").as_deref()), ("a", Some("1")));
    for expected in [Event::Text("b"), Event::Character('&'), Event::Text("c"), Event::Text("<d>")] {
        assert!(reader.read() == Ok(expected));
    }
    assert!(matches!(reader.read(), Ok(Event::Start(tag)) if tag.local_name() == "e"));
    assert_eq!((reader.offset(), reader.depth()), (31, 2));
    for expected in [Event::End, Event::End, Event::Eof, Event::Eof] {
        assert!(reader.read() == Ok(expected));
    }
}

#[test]
fn an_error_stays() {
    let mut reader = Reader::new(b"<a></b><c>", LIMITS).unwrap();
    assert!(reader.read().is_ok());
    let first = reader.read().err();
    assert!(first.is_some());
    assert_eq!(reader.read().err(), first);
}

#[test]
fn every_fault_has_words_in_both_languages_and_a_code_of_its_own() {
    let mut codes = std::collections::HashSet::new();
    let kinds = [
        ErrorKind::NotXml(NotXml::Empty),
        ErrorKind::NotXml(NotXml::NoMarkup),
        ErrorKind::IllFormed(IllFormed::Name),
        ErrorKind::IllFormed(IllFormed::EndTag),
        ErrorKind::Forbidden(Forbidden::Doctype),
        ErrorKind::BeyondLimit(BeyondLimit::Depth),
        ErrorKind::BeyondLimit(BeyondLimit::Tag),
    ];
    for kind in kinds {
        assert!(codes.insert(kind.code()));
        assert!(!kind.message().vi.is_empty() && !kind.cure().en.is_empty());
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _verdict = check(&bytes);
    }

    #[test]
    fn no_markup_makes_the_reader_panic(text in "[<>&;/?!a-c:='\" x#\\[\\]\\-]{0,60}") {
        let _verdict = check(text.as_bytes());
    }
}
