//! The documents that mutations begin from: windows of the samples, their decoded parts, and some that are rich in
//! what the samples lack.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Fields of one window. The mutations need places, not length.
const FIELDS: usize = 8;

/// Where every construct of XML without a DTD occurs.
const RICH: &[&str] = &[
    "<a/>",
    "<a><b>x</b></a>",
    "\u{FEFF}<a b='1'/>",
    "\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<a>\r\n</a>\r\n",
    "<?xml version='1.0' encoding='utf-8' standalone='yes'?><!-- before --><?pi data?><a>x</a><!-- after --><?pi?>\n",
    "<?xml version = \"1.0\"\tencoding = 'UTF-8' ?>\n<a ></a >",
    "<?xml version='1.0' encoding='us-ascii'?><a>&#7855;</a>",
    "<?xml version='1.0' encoding='iso-8859-1'?><a>x</a>",
    "<?xml version='1.0' encoding='utf-16'?><a>x</a>",
    "<?xml version='1.1'?><a>x</a>",
    "<a><!-- - -> <x> & ]]> --><!----><b/><!-- ắ --></a>",
    "<a><![CDATA[<x> & ]] > ]] ]]]><![CDATA[]]>x<![CDATA[]]]]></a>",
    "<a>&lt;&gt;&amp;&quot;&apos;&#10;&#x1EAF;&#x10FFFF;&#0065;]] ></a>",
    "<a b='&lt;&amp;&#65;\"]]>>' c=\"'&quot;\n\t\" d=''>x</a>",
    "<?style a='1'?><a><?b?><?c ? > ?><?xml-stylesheet x?></a>",
    "<a xmlns='urn:a' xmlns:p='urn:p' p:b='1' b='2'><p:c xmlns:p='urn:q' p:d='3'/><p:e/><c xmlns=''><d/></c></a>",
    "<p:a xmlns:p='urn:p' xmlns:q='urn:q' p:x='1' q:x='2'><q:b p:x=''/><q:c q:x='1' x='2'></q:c></p:a>",
    "<a xml:lang='vi' xml:space='preserve' xmlns:xml='http://www.w3.org/XML/1998/namespace'><b xml:id='c'/></a>",
    "<ds:S xmlns:ds='http://www.w3.org/2000/09/xmldsig#' Id='i'><ds:V>AAAA</ds:V></ds:S>",
    "<họ_tên năm='2026' _x='1' a-b.c='2'>Nguyễn Văn Thử<đ·/></họ_tên>",
    "<a><b><c><d><e><f/></e></d></c></b></a>",
    "<a b1='' b2='' b3='' b4='' b5='' b6=''/>",
    "<a>\u{85}\u{2028}\u{7F}\u{FFFD}\u{10000}</a>",
    "<!DOCTYPE a [<!ELEMENT a ANY><!ENTITY e 'f'><!ATTLIST a b CDATA #IMPLIED>]><a b='1'>&e;</a>",
    "<!DOCTYPE a SYSTEM 'a.dtd'><a>x</a>",
];

/// All of them.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut samples = Vec::new();
    gather(&schemas, &mut samples);
    assert!(samples.len() >= 9, "the samples are found: {}", samples.len());
    samples.sort();
    let mut bases: Vec<String> = RICH.iter().map(|&text| text.to_owned()).collect();
    for sample in &samples {
        bases.extend(windows(sample));
        for part in parts(sample) {
            bases.extend(windows(&part));
        }
    }
    // What can only be told by its bytes.
    let utf16: Vec<u8> = "\u{FEFF}<a>ắ</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE1\xE0</a>".to_vec();
    bases.into_iter().map(String::into_bytes).chain([utf16, latin]).collect()
}

fn gather(folder: &Path, samples: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, samples);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            samples.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The parts of a package, decoded.
fn parts(sample: &str) -> Vec<String> {
    let contents = sample.split("<NOIDUNGFILE>").skip(1).filter_map(|rest| rest.split("</NOIDUNGFILE>").next());
    contents.map(|content| String::from_utf8(STANDARD.decode(content.trim()).unwrap()).unwrap()).collect()
}

/// A sample again and again, each time with a few of its fields only. Samples have one field a line.
fn windows(sample: &str) -> Vec<String> {
    let is_field = |line: &str| line.contains("</") && !line.trim_start().starts_with("</") || line.ends_with("/>");
    let count = sample.lines().filter(|line| is_field(line)).count();
    let window = |from: usize| {
        let mut field = 0;
        let mut text = String::new();
        for line in sample.lines() {
            if is_field(line) {
                field += 1;
                if !(from < field && field <= from + FIELDS) {
                    continue;
                }
            }
            push_shortened(&mut text, line);
            text.push('\n');
        }
        text
    };
    (0..count.max(1)).step_by(FIELDS).map(window).collect()
}

/// Base64 is text like any other to the guard.
fn push_shortened(text: &mut String, line: &str) {
    match (line.split_once("<NOIDUNGFILE>"), line.split_once("</NOIDUNGFILE>")) {
        (Some((before, content)), Some(_)) => {
            text.push_str(before);
            text.push_str("<NOIDUNGFILE>");
            text.extend(content.chars().take(40));
            text.push_str("</NOIDUNGFILE>");
        }
        _ => text.push_str(line),
    }
}
