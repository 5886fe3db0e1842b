//! Fields and rows found and changed in XML and JSON as text: no code of the program stands between.

use std::ops::Range;

/// Where the element `name` stands, with its tags, at or after `from`: filled, empty, or with attributes.
pub(crate) fn element(text: &str, name: &str, from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let open = |end: char| rest.find(&format!("<{name}{end}"));
    let start = [open('>'), open('/'), open(' ')].into_iter().flatten().min()?;
    let inner = rest.get(start..)?;
    let head = inner.find('>')?;
    let end = if inner.get(..head)?.ends_with('/') {
        head + 1
    } else {
        let close = format!("</{name}>");
        inner.find(&close)? + close.len()
    };
    Some(from + start..from + start + end)
}

/// Where the `number`th element of this name stands, from 1.
pub(crate) fn nth(text: &str, name: &str, number: usize) -> Option<Range<usize>> {
    let mut found = element(text, name, 0)?;
    for _ in 1..number {
        found = element(text, name, found.end)?;
    }
    Some(found)
}

/// The text of the first element of this name; empty if there is none.
pub(crate) fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let inner = element(text, name, 0).and_then(|range| text.get(range));
    let inner = inner.and_then(|inner| inner.strip_suffix(&format!("</{name}>")));
    inner.and_then(|inner| inner.split_once('>')).map_or("", |(_, value)| value)
}

/// The text with this range replaced.
pub(crate) fn replaced(text: &str, range: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..range.start], &text[range.end..])
}

/// The element `name` written out.
pub(crate) fn written(name: &str, value: &str) -> String {
    if value.is_empty() { format!("<{name}/>") } else { format!("<{name}>{value}</{name}>") }
}

/// Where the value of a member of a JSON object of strings stands, without its quotes.
pub(crate) fn member(text: &str, name: &str) -> Option<Range<usize>> {
    let start = format!("\"{name}\": \"");
    let from = text.find(&start)? + start.len();
    Some(from..from + text.get(from..)?.find('"')?)
}
