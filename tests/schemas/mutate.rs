//! Documents made wrong (or perhaps not) in one place.

use crate::field::Form;
use crate::generate::Schema;
use crate::random::Random;
use crate::tree_of::{self, Element};

/// Every way to change child `at` of `record`, with its name.
pub(crate) fn all(schema: &Schema, record: &Element, at: usize, random: &mut Random) -> Vec<(&'static str, Element)> {
    let mut changed: Vec<(&'static str, Element)> = Vec::new();
    let mut change = |name: &'static str, with: &mut dyn FnMut(&mut Vec<Element>)| {
        let mut record = record.clone();
        with(&mut record.children);
        changed.push((name, record));
    };
    let here = &record.children[at];
    change("removed", &mut |children| drop(children.remove(at)));
    change("doubled", &mut |children| children.insert(at, here.clone()));
    change("again at the end", &mut |children| children.push(here.clone()));
    change("last", &mut |children| {
        let moved = children.remove(at);
        children.push(moved);
    });
    change("first", &mut |children| {
        let moved = children.remove(at);
        children.insert(0, moved);
    });
    change("swapped", &mut |children| {
        let other = (at + 1) % children.len();
        children.swap(at, other);
    });
    change("unknown before", &mut |children| children.insert(at, Element::text("LA", "x")));
    change("foreign before", &mut |children| children.insert(at, tree_of::foreign()));
    change("renamed", &mut |children| children[at].name.push('_'));
    change("emptied", &mut |children| {
        children[at].text.clear();
        children[at].children.clear();
    });
    change("nested", &mut |children| children[at].children.push(Element::text("b", "x")));
    change("attribute", &mut |children| add_attribute(&mut children[at], random));
    change("blanks around", &mut |children| children[at].text = format!(" {}\n", children[at].text));
    change("junk", &mut |children| children[at].text = random.pick(JUNK).to_string());
    change("junk behind", &mut |children| children[at].text.push_str(random.pick(JUNK)));
    let form = schema.fields.iter().find(|field| field.name == here.name).map(|field| &field.form);
    if let Some(Form::Text(Some(length))) = form {
        let length = usize::try_from(*length).unwrap();
        change("as long as may be", &mut |children| children[at].text = tree_of::text(length, random));
        change("too long", &mut |children| children[at].text = tree_of::text(length + 1, random));
    }
    if let Some(Form::Integer(length)) = form {
        let length = usize::try_from(*length).unwrap();
        change("as many digits as may be", &mut |children| children[at].text = "7".repeat(length));
        change("too many digits", &mut |children| children[at].text = "7".repeat(length + 1));
    }
    if let Some(Form::Decimal { characters, decimals }) = form {
        let (characters, decimals) = (usize::try_from(*characters).unwrap(), usize::try_from(*decimals).unwrap());
        change("as many digits as may be", &mut |children| children[at].text = "7".repeat(characters));
        change("too many digits", &mut |children| children[at].text = "7".repeat(characters + 1));
        change("too many decimals", &mut |children| children[at].text = format!("1.{}", "1".repeat(decimals + 1)));
    }
    if let Some(Form::OneOf(_, codes)) = form {
        change("two codes", &mut |children| children[at].text = codes.concat());
        change("a code in another way", &mut |children| {
            children[at].text = format!("<![CDATA[{}]]>", random.pick(codes));
        });
    }
    changed
}

/// Not beside others: two of one name are not well-formed.
fn add_attribute(element: &mut Element, random: &mut Random) {
    if element.attributes.is_empty() {
        element.attributes = random.pick(ATTRIBUTES).to_owned();
    }
}

/// Changes to the document as a whole.
pub(crate) fn whole(document: &Element, random: &mut Random) -> Vec<(&'static str, String)> {
    let xml = document.to_xml();
    let mut changed = document.clone();
    add_attribute(&mut changed, random);
    let mut renamed = document.clone();
    renamed.name.push('X');
    let stray = |text: &str| xml.replacen("><", &format!(">{text}<"), 1);
    vec![
        ("root attribute", changed.to_xml()),
        ("root renamed", renamed.to_xml()),
        ("root emptied", Element::new(&document.name, Vec::new()).to_xml()),
        ("stray text", stray("x")),
        ("stray reference", stray("&#32;&#120;")),
        ("blank reference", stray("&#32;")),
        ("comment", stray("<!-- x -->")),
        ("CDATA", stray("<![CDATA[ ]]>")),
        ("instruction", stray("<?x y?>")),
        ("declared", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n{}", xml.replace("><", ">\r\n<"))),
        ("byte order mark", format!("\u{FEFF}{xml}")),
        ("wrapped", format!("<a>{xml}</a>")),
    ]
}

const ATTRIBUTES: &[&str] = &[
    " a=\"1\"",
    " xmlns=\"urn:a\"",
    " xmlns=\"\"",
    " xmlns:a='urn:a'",
    " Id='x'",
    " xml:lang=\"vi\"",
    " xmlns:a='urn:a' a:b='>'",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"nowhere.xsd\"",
];

const JUNK: &[&str] = &[
    "x",
    "-1",
    "1",
    "0",
    "1.5",
    "1.2345",
    ".5",
    "5.",
    "+5",
    "1e3",
    "1,5",
    "20260230",
    "20261301",
    "20230229",
    "20240230",
    "19000229",
    "20260431",
    "00000101",
    "202302290810",
    "190002290810",
    "000000000000",
    "20230229081059",
    "29/02/1900",
    "29/02/2023",
    "31/04/2026",
    "01/01/0000",
    "2026031",
    "202603160860",
    "202603162400",
    "202600000000",
    "\u{660}\u{661}",
    "ế",
    " ",
    "\n",
    "01",
    "99",
    "31/02/2020",
    "1/1/2020",
    "&#48;",
    "00000000",
    "2026 0316",
    "<![CDATA[]]>",
    "<![CDATA[ ]]>",
    "&#9;",
    "<!-- -->",
];
