//! Edits of a document, joined by ` | `:
//!
//! | edit | what |
//! |---|---|
//! | `XML1.FIELD=value` | the field of the first row; `@file` is `parts/file` in base64 |
//! | `XML3[2].FIELD=value`, `XML3[2].FIELD-` | the field of the second row; its element taken out |
//! | `XML3[+2]`, `XML3[-2]` | a copy of row 2 after the last row; row 2 taken out |
//! | `+XML4`, `-XML2` | `parts/XML4.xml` added, of the same record; the part taken out |
//! | `FIELD=value`, `FIELD-` | the same of a field of the envelope |
//! | `XML1~old~new`, `~old~new` | the first such piece of the part, of the whole document as sent |
//!
//! Values are written as XML writes them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::documents::{self, Text};
use crate::text;

/// The tables, of which the elements of rows are read.
const PARTS: &str = include_str!("../../schemas/parts.csv");

/// The base with these lists of edits.
pub(crate) fn made(base: &str, lists: &[&str]) -> Result<String, String> {
    let (mut document, own) = documents::base(base)?;
    let edits = std::iter::once(own.as_str()).chain(lists.iter().copied()).flat_map(|list| list.split(" | "));
    let mut late = Vec::new();
    for edit in edits.map(str::trim).filter(|edit| !edit.is_empty()) {
        match edit.strip_prefix('~') {
            Some(pieces) => late.push(pieces),
            None => apply(&mut document, edit).map_err(|error| format!("{edit:?}: {error}"))?,
        }
    }
    late.into_iter().try_fold(document.written(), |text, pieces| piece(&text, pieces))
}

fn apply(document: &mut Text, edit: &str) -> Result<(), String> {
    if let Some(part) = edit.strip_prefix('+') {
        return add(document, part);
    }
    if let Some(part) = edit.strip_prefix('-') {
        let at = document.parts.iter().position(|(name, _)| name == part).ok_or("no such part")?;
        document.parts.remove(at);
        return Ok(());
    }
    let (target, value) = match edit.split_once('=') {
        Some((target, value)) if !target.contains('~') => (target, Some(value)),
        _ => match edit.split_once('~') {
            Some((part, pieces)) => {
                let content = document.content(part)?;
                *content = piece(content, pieces)?;
                return Ok(());
            }
            None if edit.ends_with(']') => return change_rows(document, edit),
            None => (edit.strip_suffix('-').ok_or("no such edit")?, None),
        },
    };
    let value = value.map(value_of).transpose()?;
    let Some((part, name)) = target.split_once('.') else { return set_outer(document, target, value.as_deref()) };
    let (part, row) = row_of(part)?;
    let content = document.content(part)?;
    if content.trim_start().starts_with('{') {
        *content = set_member(content, name, value.as_deref())?;
        return Ok(());
    }
    let row = text::nth(content, &row_element(part)?, row).ok_or("no such row")?;
    let changed = set(&content[row.clone()], name, value.as_deref())?;
    *content = text::replaced(content, row, &changed);
    Ok(())
}

fn value_of(written: &str) -> Result<String, String> {
    written.strip_prefix('@').map_or_else(|| Ok(written.to_owned()), |file| Ok(STANDARD.encode(fixture(file)?)))
}

/// `XML3[2]`: the part and the number of the row, 1 if none is said.
fn row_of(target: &str) -> Result<(&str, usize), String> {
    let Some((part, number)) = target.split_once('[') else { return Ok((target, 1)) };
    let number = number.strip_suffix(']').and_then(|number| number.parse().ok());
    Ok((part, number.ok_or("no such row")?))
}

/// The element that holds a row of this part.
fn row_element(part: &str) -> Result<String, String> {
    let mut reader = csv::Reader::from_reader(PARTS.as_bytes());
    let mut rows = reader.records().map(Result::unwrap);
    // folder, part, family, versions, root, list, row
    let row = rows.find(|row| &row[1] == part).ok_or_else(|| format!("no part {part}"))?;
    Ok(if row[6].is_empty() { row[4].to_owned() } else { row[6].to_owned() })
}

fn set(row: &str, name: &str, value: Option<&str>) -> Result<String, String> {
    let range = text::element(row, name, 0).ok_or_else(|| format!("no field {name}"))?;
    Ok(text::replaced(row, range, &value.map_or_else(String::new, |value| text::written(name, value))))
}

/// Sets a field of the envelope.
fn set_outer(document: &mut Text, name: &str, value: Option<&str>) -> Result<(), String> {
    let outer = if text::element(&document.head, name, 0).is_some() { &mut document.head } else { &mut document.tail };
    *outer = set(outer, name, value)?;
    Ok(())
}

fn set_member(json: &str, name: &str, value: Option<&str>) -> Result<String, String> {
    let range = text::member(json, name).ok_or_else(|| format!("no member {name}"))?;
    let Some(value) = value else {
        let line = format!("\"{name}\": \"{}\",", &json[range]);
        return Ok(json.replacen(&line, "", 1));
    };
    Ok(text::replaced(json, range, value))
}

fn change_rows(document: &mut Text, edit: &str) -> Result<(), String> {
    let (part, change) = edit.split_once('[').ok_or("no such edit")?;
    let (change, number) = change.trim_end_matches(']').split_at(1);
    let (element, number) = (row_element(part)?, number.parse().map_err(|_| "no such row")?);
    let content = document.content(part)?;
    let row = text::nth(content, &element, number).ok_or("no such row")?;
    match change {
        "-" => *content = text::replaced(content, row, ""),
        "+" => {
            let copy = content[row.clone()].to_owned();
            let mut end = row.end;
            while let Some(next) = text::element(content, &element, end) {
                end = next.end;
            }
            content.insert_str(end, &copy);
        }
        _ => return Err("no such edit".to_owned()),
    }
    Ok(())
}

/// Adds a part, made one of the record by its `MA_LK` and `MA_CSKCB`.
fn add(document: &mut Text, part: &str) -> Result<(), String> {
    let mut content = fixture(&format!("{part}.xml"))?;
    let first = document.parts.first().map_or("", |(_, content)| content);
    for name in ["MA_LK", "MA_CSKCB"] {
        let (own, value) = (text::value(&content, name).to_owned(), text::value(first, name));
        if !own.is_empty() && !value.is_empty() {
            content = content.replace(&text::written(name, &own), &text::written(name, value));
        }
    }
    document.parts.push((part.to_owned(), content));
    Ok(())
}

fn fixture(name: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/parts").join(name);
    std::fs::read_to_string(path).map_err(|error| format!("parts/{name}: {error}"))
}

/// Replaces one piece of text: `old~new`.
fn piece(text: &str, pieces: &str) -> Result<String, String> {
    let (old, new) = pieces.split_once('~').ok_or("a piece and what stands for it")?;
    let at = text.find(old).ok_or_else(|| format!("no {old:?}"))?;
    Ok(text::replaced(text, at..at + old.len(), new))
}
