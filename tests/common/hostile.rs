//! Documents made to hurt their reader, shared by the test of what they cost and the benchmark of how long they take.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::document::{Document, Findings, Limits, Rulebook};

/// The largest document the gateway reads, less a little.
pub(crate) const LARGE: usize = (64 << 20) - 4096;

/// One of them.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What must be among the findings.
    pub(crate) code: &'static str,
    /// Makes it, of about so many bytes if it is one that is long.
    pub(crate) make: fn(usize) -> Vec<u8>,
}

static RULEBOOK: LazyLock<Rulebook> = LazyLock::new(Rulebook::embedded);

/// The one call that is examined: why the document is refused.
pub(crate) fn read(document: &[u8]) -> Findings {
    Document::parse(document, &Limits::default(), &RULEBOOK, 20_261_120).err().unwrap_or_default()
}

/// What it cost to read a document.
pub(crate) struct Cost {
    /// Bytes of the document.
    pub(crate) document: usize,
    /// Bytes that the process grew by at most while it was read, beyond the document itself.
    pub(crate) grown: usize,
    /// The code of every finding that was listed, each once.
    pub(crate) codes: Vec<String>,
}

/// Reads one case in this process, which must have read nothing before: what was freed would be used again unseen.
pub(crate) fn cost(case: &Case, size: usize) -> Cost {
    // The rules are there before the first document.
    LazyLock::force(&RULEBOOK);
    let document = (case.make)(size);
    // Sets the peak back to what is held now: the document.
    std::fs::write("/proc/self/clear_refs", "5").expect("the kernel can set the peak back");
    let before = status("VmRSS");
    let findings = read(&document);
    let grown = status("VmHWM").saturating_sub(before);
    let mut codes: Vec<String> = findings.listed().iter().map(|finding| finding.code.to_string()).collect();
    codes.sort_unstable();
    codes.dedup();
    Cost { document: document.len(), grown, codes }
}

/// One line of what the kernel says of this process, in bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells of this process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("the line is there");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kib << 10
}

const fn case(name: &'static str, code: &'static str, make: fn(usize) -> Vec<u8>) -> Case {
    Case { name, code, make }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    // DTDs and what they reach.
    case("a DTD", "XML_DOCTYPE", |_| text("<!DOCTYPE GIAMDINHHS><GIAMDINHHS/>")),
    case("a billion laughs", "XML_DOCTYPE", |_| laughs()),
    case("one long entity, used often", "XML_DOCTYPE", |_| long_entity()),
    case("an external entity", "XML_DOCTYPE", |_| {
        text("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><GIAMDINHHS>&b;</GIAMDINHHS>")
    }),
    case("an external DTD", "XML_DOCTYPE", |_| {
        text("<!DOCTYPE GIAMDINHHS SYSTEM 'http://127.0.0.1:9/a.dtd'><GIAMDINHHS/>")
    }),
    case("a parameter entity", "XML_DOCTYPE", |_| {
        text("<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://127.0.0.1:9/b'>%b;]><GIAMDINHHS/>")
    }),
    case("a DTD behind a comment", "XML_DOCTYPE", |_| text("<!-- c --><!DOCTYPE GIAMDINHHS []><GIAMDINHHS/>")),
    case("a DTD in a part", "XML_DOCTYPE", |_| package(b"<!DOCTYPE a [<!ENTITY b 'c'>]><TONG_HOP>&b;</TONG_HOP>")),
    case("a DTD that never ends", "XML_DOCTYPE", |size| filled(size, "<!DOCTYPE a [", "<!ENTITY b 'c'>", "")),
    case("an entity nobody declares", "XML_ENTITY", |_| text("<GIAMDINHHS>&lol9;</GIAMDINHHS>")),
    case("an inclusion", "XSD_UNEXPECTED_ELEMENT", |_| {
        text(
            "<GIAMDINHHS xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/passwd'/></GIAMDINHHS>",
        )
    }),
    // Processing instructions.
    case("a style sheet elsewhere", "XSD_MISSING_ELEMENT", |_| {
        text("<?xml-stylesheet href='http://127.0.0.1:9/a.xsl' type='text/xsl'?><GIAMDINHHS/>")
    }),
    case("a second declaration", "XML_DECLARATION_NOT_FIRST", |_| {
        text("<?xml version='1.0'?><GIAMDINHHS><?xml version='1.0' encoding='utf-7'?></GIAMDINHHS>")
    }),
    case("a reserved target", "XML_PROCESSING_INSTRUCTION", |_| text("<GIAMDINHHS><?XML a?></GIAMDINHHS>")),
    case("instructions without number", "XSD_MISSING_ELEMENT", |size| {
        filled(size, "<GIAMDINHHS>", "<?a?>", "</GIAMDINHHS>")
    }),
    case("an instruction that never ends", "XML_UNCLOSED_MARKUP", |size| filled(size, "<GIAMDINHHS><?a ", "? ", "")),
    // Depth, width, attributes.
    case("100,000 elements deep", "XML_TOO_DEEP", |_| {
        text(&("<GIAMDINHHS>".to_owned() + &"<a>".repeat(100_000) + &"</a>".repeat(100_000) + "</GIAMDINHHS>"))
    }),
    case("deep to the end", "XML_TOO_DEEP", |size| filled(size, "<GIAMDINHHS>", "<a>", "")),
    case("deep in a part", "XML_TOO_DEEP", |_| package(&filled(1 << 20, "<TONG_HOP>", "<a>", ""))),
    case("1,000,000 siblings", "XSD_UNEXPECTED_ELEMENT", |_| {
        text(&("<GIAMDINHHS>".to_owned() + &"<a/>".repeat(1_000_000) + "</GIAMDINHHS>"))
    }),
    case("siblings to the end", "XSD_UNEXPECTED_ELEMENT", |size| filled(size, "<GIAMDINHHS>", "<a/>", "</GIAMDINHHS>")),
    case("siblings in a field", "FACILITY_MISSING", |size| {
        filled(size, "<GIAMDINHHS><THONGTINDONVI><MACSKCB>", "<a/>", "</MACSKCB></THONGTINDONVI></GIAMDINHHS>")
    }),
    case("records without files", "MISSING_XML1", |size| {
        filled(
            size,
            "<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO>",
            "<HOSO/>",
            "</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>",
        )
    }),
    case("rows without fields", "KEY_MISSING", |size| {
        filled(
            size,
            "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB>",
            "<TRANG_THAI_KCB/>",
            "</DSACH_TRANG_THAI_KCB></CHI_TIEU_TRANG_THAI_KCB>",
        )
    }),
    case("one field again and again", "TOO_MANY_FINDINGS", |size| {
        filled(
            size,
            "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB><TRANG_THAI_KCB>",
            "<MA_LK/>",
            "</TRANG_THAI_KCB></DSACH_TRANG_THAI_KCB></CHI_TIEU_TRANG_THAI_KCB>",
        )
    }),
    case("exam fields of different names", "XSD_UNEXPECTED_ELEMENT", |size| {
        let fields: String = (0..size / 16).map(|number| format!("<A{number:08}/>")).collect();
        text(&format!("<GKSK>{fields}</GKSK>"))
    }),
    case("exam fields without number", "TOO_MANY_FINDINGS", |size| filled(size, "<GKSK>", "<A/>", "</GKSK>")),
    case("too many attributes", "XML_TOO_MANY_ATTRIBUTES", |_| {
        let attributes: String = (0..33).map(|number| format!(" a{number}=''")).collect();
        text(&format!("<GIAMDINHHS{attributes}/>"))
    }),
    case("1,000,000 attributes", "XML_TAG_TOO_LONG", |_| {
        let attributes: String = (0..1_000_000).map(|number| format!(" a{number}=''")).collect();
        text(&format!("<GIAMDINHHS{attributes}/>"))
    }),
    case("attributes on every element", "XSD_UNEXPECTED_ELEMENT", |size| {
        let attributes: String = (0..32).map(|number| format!(" a{number}=''")).collect();
        filled(size, "<GIAMDINHHS>", &format!("<a{attributes}/>"), "</GIAMDINHHS>")
    }),
    case("prefixes on every level", "XML_UNBOUND_PREFIX", |size| {
        let declared: String = (0..31).map(|number| format!(" xmlns:n{number}='u'")).collect();
        let nested = format!("<a{declared}>").repeat(60);
        filled(size, &format!("<GIAMDINHHS>{nested}"), "<n0:b n1:c=''/>", "<x:b/>")
    }),
    // One long token.
    case("a root's name", "XML_TAG_TOO_LONG", |size| filled(size, "<A", "A", "/>")),
    case("an element's name", "XML_TAG_TOO_LONG", |size| filled(size, "<GIAMDINHHS><A", "A", "/></GIAMDINHHS>")),
    case("a name of other letters", "XML_TAG_TOO_LONG", |size| filled(size, "<GIAMDINHHS><Ắ", "ắ", "/></GIAMDINHHS>")),
    case("an end tag's name", "XML_END_TAG", |size| filled(size, "<GIAMDINHHS></A", "A", ">")),
    case("an attribute's name", "XML_TAG_TOO_LONG", |size| filled(size, "<GIAMDINHHS a", "a", "=''></GIAMDINHHS>")),
    case("an attribute's value", "XML_TAG_TOO_LONG", |size| filled(size, "<GIAMDINHHS a='", "a", "'></GIAMDINHHS>")),
    case("a namespace's name", "XML_TAG_TOO_LONG", |size| {
        filled(size, "<GIAMDINHHS xmlns='", "a\t", "'></GIAMDINHHS>")
    }),
    case("a namespace of references", "XML_TAG_TOO_LONG", |size| {
        filled(size, "<GIAMDINHHS xmlns:a='", "&#65;", "'></GIAMDINHHS>")
    }),
    case("an attribute that never ends", "XML_UNCLOSED_MARKUP", |size| filled(size, "<GIAMDINHHS a='", "a ", "")),
    case("text", "XSD_STRAY_TEXT", |size| filled(size, "<GIAMDINHHS>", "a", "</GIAMDINHHS>")),
    case("text of references", "XSD_STRAY_TEXT", |size| filled(size, "<GIAMDINHHS>", "&#65;", "</GIAMDINHHS>")),
    case("a field's text", "FACILITY_FORM", |size| facility(size, "a", "")),
    case("a field's text of line ends", "FACILITY_FORM", |size| facility(size, "a\r\n", "")),
    case("a field's text of references", "FACILITY_FORM", |size| facility(size, "&#65;", "")),
    case("a field's text of pieces", "FACILITY_FORM", |size| facility(size, "a<![CDATA[b]]>", "")),
    case("a field's last piece", "FACILITY_FORM", |size| facility(size, "a", "&#65;")),
    case("a comment", "XSD_MISSING_ELEMENT", |size| filled(size, "<GIAMDINHHS><!--", "- ", "--></GIAMDINHHS>")),
    case("a comment that never ends", "XML_UNCLOSED_MARKUP", |size| filled(size, "<GIAMDINHHS><!--", "- ", "")),
    case("a CDATA section", "XSD_STRAY_TEXT", |size| filled(size, "<GIAMDINHHS><![CDATA[", "]>", "]]></GIAMDINHHS>")),
    case("a CDATA section that never ends", "XML_UNCLOSED_MARKUP", |size| {
        filled(size, "<GIAMDINHHS><![CDATA[", "]]", "")
    }),
    case("a character reference", "XML_CHARACTER_REFERENCE", |size| {
        filled(size, "<GIAMDINHHS>&#1", "1", ";</GIAMDINHHS>")
    }),
    case("ampersands", "XML_AMPERSAND", |size| filled(size, "<GIAMDINHHS>", "&", "</GIAMDINHHS>")),
    case("less-than signs", "XML_UNCLOSED_MARKUP", |size| filled(size, "", "<", "")),
    case("blanks", "XML_EMPTY", |size| filled(size, "", " \n", "")),
    // Encodings.
    case("UTF-16", "XML_UTF16", |_| utf16("\u{FEFF}<GIAMDINHHS/>")),
    case("UTF-16 without a mark", "XML_UTF16", |_| utf16("<GIAMDINHHS/>")),
    case("UTF-7 declared", "XML_ENCODING_DECLARED", |_| {
        text("<?xml version='1.0' encoding='utf-7'?><GIAMDINHHS>+ADw-script+AD4-</GIAMDINHHS>")
    }),
    case("Latin-1 declared", "XML_ENCODING_DECLARED", |_| {
        text("<?xml version='1.0' encoding='iso-8859-1'?><GIAMDINHHS/>")
    }),
    case("Latin-1", "XML_NOT_UTF8", |_| b"<GIAMDINHHS>Nguy\xEAn</GIAMDINHHS>".to_vec()),
    case("a stray byte at the end", "XML_NOT_UTF8", |size| {
        let mut document = filled(size, "<GIAMDINHHS>", "ắ", "");
        document.push(0xE1);
        document
    }),
    case("NUL", "XML_CHARACTER", |_| text("<GIAMDINHHS>\0</GIAMDINHHS>")),
    case("NUL at the end", "XML_CHARACTER", |size| filled(size, "<GIAMDINHHS>", "a", "\0</GIAMDINHHS>")),
    case("a noncharacter at the end of many like it", "XML_CHARACTER", |size| {
        filled(size, "<GIAMDINHHS>", "\u{FFFD}", "\u{FFFE}</GIAMDINHHS>")
    }),
    // Base64 and parts.
    case("base64 cut short", "NOT_BASE64", |_| package_of("PFRPTkdfSE9QPjwvVE9OR19IT1A")),
    case("base64 of base64", "XML_NOT_XML", |_| package(STANDARD.encode("<TONG_HOP/>").as_bytes())),
    case("base64 of base64, long", "XML_NOT_XML", |size| package(&filled(packed(size), "", "PFRP", ""))),
    case("base64 of no alphabet", "NOT_BASE64", |size| content(size, "-", "")),
    case("base64 of line ends", "NOT_BASE64", |size| content(size, "\r\n", "-")),
    case("base64 in lines", "XML_UNCLOSED_MARKUP", |size| content(size, "PFRP\n", "")),
    case("a part of text", "XML_TEXT_OUTSIDE_ROOT", |size| package(&filled(packed(size), "<TONG_HOP/>", "a\r\n", ""))),
    case("a part of rows", "KEY_MISSING", |size| {
        let rows = filled(
            packed(size),
            "<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>",
            "<CHI_TIET_THUOC/>",
            "</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>",
        );
        package_named("XML2", &STANDARD.encode(rows))
    }),
    case("too many parts", "TOO_MANY_PARTS", |size| {
        let file = "<FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE/></FILEHOSO>";
        filled(
            size,
            "<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO><HOSO>",
            file,
            "</HOSO></DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>",
        )
    }),
    // The driver exam's JSON.
    case("JSON that is deep", "JSON_MALFORMED", |size| filled(size, "{\"A\":", "[", "")),
    case("JSON of many members", "JSON_MALFORMED", |size| filled(size, "{\"A\":\"\"", ",\"A\":\"\"", "}")),
    case("JSON of many numbers", "JSON_MALFORMED", |size| filled(size, "{\"A\":0", ",\"A\":0", "}")),
    case("JSON of one string", "FACILITY_FORM", |size| filled(size, "{\"IDBENHVIEN\":\"", "a", "\"}")),
    case("JSON of one string of escapes", "FACILITY_FORM", |size| filled(size, "{\"IDBENHVIEN\":\"", "\\u0041", "\"}")),
    case("a signature that is deep", "SIGNDATA_UNREADABLE", |size| {
        let signature = STANDARD.encode(filled(packed(size), "", "<a>", ""));
        text(&format!("{{\"SIGNDATA\":\"{signature}\"}}"))
    }),
    // Beyond every limit.
    case("one byte too many", "TOO_LARGE", |_| filled((64 << 20) + 1, "<GIAMDINHHS>", "a", "</GIAMDINHHS>")),
];

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The size of a part that fills a document of `size` bytes with its base64.
fn packed(size: usize) -> usize {
    size / 4 * 3 - 4096
}

/// `before`, then `filler` again and again, then `after`, and blanks up to `size` bytes.
fn filled(size: usize, before: &str, filler: &str, after: &str) -> Vec<u8> {
    let mut document = Vec::with_capacity(size);
    document.extend(before.bytes());
    let count = (size - before.len() - after.len()) / filler.len();
    for _ in 0..count {
        document.extend_from_slice(filler.as_bytes());
    }
    document.extend(after.bytes());
    document.resize(size, b' ');
    document
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn laughs() -> Vec<u8> {
    let entities: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    text(&format!("<!DOCTYPE a [<!ENTITY l0 'lol'>{entities}]><GIAMDINHHS>&l9;</GIAMDINHHS>"))
}

fn long_entity() -> Vec<u8> {
    let long = "a".repeat(100_000);
    text(&format!("<!DOCTYPE a [<!ENTITY b '{long}'>]><GIAMDINHHS>{}</GIAMDINHHS>", "&b;".repeat(100_000)))
}

/// A package whose facility code is long.
fn facility(size: usize, filler: &str, last: &str) -> Vec<u8> {
    filled(
        size,
        "<GIAMDINHHS><THONGTINDONVI><MACSKCB>",
        filler,
        &format!("{last}</MACSKCB></THONGTINDONVI></GIAMDINHHS>"),
    )
}

fn package(part: &[u8]) -> Vec<u8> {
    package_of(&STANDARD.encode(part))
}

fn package_of(content: &str) -> Vec<u8> {
    package_named("XML1", content)
}

fn package_named(name: &str, content: &str) -> Vec<u8> {
    text(&format!("{}{content}{CLOSED}", opened(name)))
}

/// A package with one part whose base64 is `filler` to the end.
fn content(size: usize, filler: &str, last: &str) -> Vec<u8> {
    filled(size, &opened("XML1"), filler, &format!("{last}{CLOSED}"))
}

fn opened(name: &str) -> String {
    let dossier = "<THONGTINHOSO><DANHSACHHOSO><HOSO><FILEHOSO>";
    format!("<GIAMDINHHS>{dossier}<LOAIHOSO>{name}</LOAIHOSO><NOIDUNGFILE>")
}

const CLOSED: &str = "</NOIDUNGFILE></FILEHOSO></HOSO></DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>";
