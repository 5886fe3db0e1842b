//! What the tables say of one field in one version, and the type that follows from it.

use crate::table::{self, Row};

/// One field of a part.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) form: Form,
    /// Present and not empty; else it may be empty or absent.
    pub(crate) required: bool,
    pub(crate) meaning: [String; 2],
}

/// What a value must look like. Lengths are in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text(Option<u32>),
    Integer(u32),
    Decimal {
        characters: u32,
        decimals: u32,
    },
    Date8,
    DateTime12,
    /// `NGAY_SINH`: month and day may be 0000 (`envelope.md`).
    Birth12,
    /// Days and times of vouchers: 8, 12 or 14 digits (rules.csv, EDOC-11; `portal-api.md`, section 5.2).
    Moment,
    /// `NGAY_SINH` of vouchers: yyyyMMdd, or yyyy (`portal-api.md`, section 5.2).
    Birth8,
    DateTime14,
    /// dd/MM/yyyy.
    SlashedDate,
    /// The name of the list and its codes.
    OneOf(String, Vec<String>),
}

/// The order of the versions of the claim family; a list that holds since one holds in those after it.
const ORDER: [&str; 4] = ["130", "4750", "3176", "1931"];

/// The fields of a part in a version, in their order.
pub(crate) fn fields(part: &Row, version: &str) -> Vec<Field> {
    let (name, source) = (&part["part"], &part["table"]);
    let mut rows = table::read(&format!("tables/{source}"));
    rows.retain(|row| row.get("loaihoso").is_none_or(|loaihoso| loaihoso == name));
    let fixed: Vec<Row> = table::read("variants")
        .into_iter()
        .filter(|row| row["part"] == *name && (row["version"] == version || row["version"] == "*"))
        .collect();
    for variant in &fixed {
        apply(&mut rows, variant);
    }
    rows.retain(|row| row.get("present").is_none_or(|present| present != "no"));
    rows.iter().map(|row| field(name, version, row)).collect()
}

fn apply(rows: &mut Vec<Row>, variant: &Row) {
    let (name, column, value) = (&variant["field"], &variant["column"], &variant["value"]);
    let original = |row: &Row| row.get("original").unwrap_or(&row["name"]).clone();
    if column == "after" {
        let at = rows.iter().position(|row| original(row) == *value).expect("the field it follows");
        rows.insert(at + 1, Row::from([("name".into(), name.clone()), ("rule".into(), String::new())]));
        return;
    }
    let row = rows.iter_mut().find(|row| original(row) == *name).expect("the field that varies");
    if column == "name" {
        row.insert("original".into(), name.clone());
    }
    row.insert(column.clone(), value.clone());
}

fn field(part: &str, version: &str, row: &Row) -> Field {
    let name = row["name"].clone();
    let required = match row["required"].as_str() {
        "Y" => true,
        "N" | "C" => false,
        other => panic!("{part}/{name}: required is {other:?}"),
    };
    let original = row.get("original").unwrap_or(&name);
    let form = listed(part, original, version).unwrap_or_else(|| form(part, row));
    let meaning = ["meaning_vi", "meaning_en"].map(|column| row.get(column).cloned().unwrap_or_default());
    let meaning = if meaning[0].is_empty() { borrowed_meaning(&name) } else { meaning };
    Field { name, form, required, meaning }
}

/// The tables of vouchers give names only; `meanings.csv`, or fields of the same name elsewhere, tell what they mean.
fn borrowed_meaning(name: &str) -> [String; 2] {
    if table::read("meanings").iter().any(|row| row["name"] == name) {
        return meaning_of(name);
    }
    for source in ["gcs", "gbt", "xml1", "xml7", "xml8", "xml10", "xml11", "xml2", "xml9"] {
        let rows = table::read(&format!("tables/{source}"));
        if let Some(row) = rows.iter().find(|row| row["name"] == name) {
            return [row["meaning_vi"].clone(), row["meaning_en"].clone()];
        }
    }
    meaning_of(name)
}

/// The meaning of a field that no table explains.
pub(crate) fn meaning_of(name: &str) -> [String; 2] {
    let rows = table::read("meanings");
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("meanings.csv: no {name}"));
    [row["meaning_vi"].clone(), row["meaning_en"].clone()]
}

fn form(part: &str, row: &Row) -> Form {
    let rule = row["rule"].as_str();
    let Some(kind) = row.get("type") else {
        // Vouchers: the remark is all there is, and flags are only warned about (EDOC-10).
        return match rule.split([',', ';']).next().unwrap_or_default() {
            "yyyyMMdd" if row["name"] == "NGAY_SINH" => Form::Birth8,
            "yyyyMMdd" | "yyyyMMddHHmm" => Form::Moment,
            _ => Form::Text(None),
        };
    };
    let length = match row["max_length"].as_str() {
        "n" | "?" => None,
        length => Some(length.parse().unwrap_or_else(|_| panic!("{part}/{}: max_length {length:?}", row["name"]))),
    };
    match kind.as_str() {
        "string" if rule.starts_with("dd/MM/yyyy") => Form::SlashedDate,
        "string" => Form::Text(length),
        "integer" => Form::Integer(length.expect("a size")),
        "decimal" => Form::Decimal { characters: length.expect("a size"), decimals: decimals(&row["name"]) },
        "date8" => Form::Date8,
        "datetime12" if row["name"] == "NGAY_SINH" => Form::Birth12,
        "datetime12" => Form::DateTime12,
        "datetime14" => Form::DateTime14,
        other => panic!("{part}/{}: type {other:?}", row["name"]),
    }
}

/// FMT-04: amounts have at most two decimals, all else three.
fn decimals(name: &str) -> u32 {
    let amount = name.starts_with("THANH_TIEN_") || (name.starts_with("T_") && name != "T_TRANTT");
    if amount { 2 } else { 3 }
}

fn listed(part: &str, field: &str, version: &str) -> Option<Form> {
    let rows = table::read("enumerations");
    let row = rows.iter().find(|row| row["part"] == part && row["field"] == field)?;
    let since = |version: &str| ORDER.iter().position(|known| *known == version);
    if !row["since"].is_empty() && since(version) < since(&row["since"]) {
        return None;
    }
    if row["list"].is_empty() {
        let codes: Vec<String> = row["values"].split(' ').map(str::to_owned).collect();
        return Some(Form::OneOf(format!("one-of-{}", codes.join("-")), codes));
    }
    let list = table::read(&format!("code-lists/{}", row["list"]));
    let of_field = |entry: &&Row| row["list_field"].is_empty() || entry["field"] == row["list_field"];
    let codes: Vec<String> = list.iter().filter(of_field).map(|entry| entry["code"].clone()).collect();
    assert!(!codes.is_empty(), "{part}/{field}: the list has no codes");
    let name = if row["list_field"].is_empty() {
        row["list"].clone()
    } else {
        format!("{}-{}", row["list"], row["list_field"])
    };
    Some(Form::OneOf(name, codes))
}
