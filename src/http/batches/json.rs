//! The rows of a list as JSON. What stands around them is read as any other request's fields; nothing but the rows is
//! built here, and of a row nothing but its texts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::cells::{Cell, Cells, Column, Wrong};
use super::fault::ReadFault;
use crate::batch::ROWS_MAX;

/// Reads the member `rows` of a body that is known to be a JSON object.
pub(super) fn rows(body: &[u8]) -> Result<Vec<Cells>, ReadFault> {
    let mut rows = Rows::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = Body(&mut rows).deserialize(&mut deserializer);
    match (rows.state, read) {
        (State::TooMany, _) => Err(ReadFault::Table(super::table::TableFault::TooManyRows)),
        (State::NoArray, _) => Err(ReadFault::RowsMissing),
        (State::Read, Ok(())) => Ok(rows.read),
        (State::Read, Err(_)) => Err(ReadFault::Damaged),
    }
}

#[derive(Default)]
struct Rows {
    read: Vec<Cells>,
    state: State,
}

#[derive(Default)]
enum State {
    /// `rows` is missing, or no array.
    #[default]
    NoArray,
    Read,
    TooMany,
}

struct Body<'r>(&'r mut Rows);

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "rows" {
                map.next_value_seed(List(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct List<'r>(&'r mut Rows);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.0.state = State::Read;
        let mut number = 1;
        while let Some(row) = sequence.next_element_seed(Row(number))? {
            if self.0.read.len() == ROWS_MAX {
                self.0.state = State::TooMany;
                return Err(A::Error::custom("too many rows"));
            }
            self.0.read.push(row);
            number += 1;
        }
        Ok(())
    }
}

/// A row, by its number.
struct Row(u32);

impl<'de> DeserializeSeed<'de> for Row {
    type Value = Cells;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cells, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Row {
    fn no_object(self) -> Cells {
        let mut row = Cells::new(self.0);
        row.wrong(None, Wrong::NotAnObject);
        row
    }
}

impl<'de> Visitor<'de> for Row {
    type Value = Cells;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
        let mut row = Cells::new(self.0);
        let mut seen: Vec<Column> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match Column::ALL.into_iter().find(|column| column.member() == name) {
                // Two readers of such a row might take different people for meant.
                Some(column) if seen.contains(&column) => {
                    map.next_value::<IgnoredAny>()?;
                    row.wrong(Some(column), Wrong::MemberTwice);
                }
                Some(column) => {
                    seen.push(column);
                    row.set(column, map.next_value_seed(Value)?, None);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    row.wrong(None, Wrong::UnknownField);
                }
            }
        }
        Ok(row)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Cells, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.no_object())
    }

    fn visit_unit<E: Error>(self) -> Result<Cells, E> {
        Ok(self.no_object())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Cells, E> {
        Ok(self.no_object())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Cells, E> {
        Ok(self.no_object())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Cells, E> {
        Ok(self.no_object())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Cells, E> {
        Ok(self.no_object())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Cells, E> {
        Ok(self.no_object())
    }
}

/// A value of a row: text, nothing, or something else.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Cell;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Empty)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Cell, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::batches::cells::Faults;

    fn codes(body: &str) -> Vec<(u64, String)> {
        let mut faults = Faults::default();
        for row in rows(body.as_bytes()).unwrap() {
            drop(row.read(&mut faults));
        }
        let shown =
            |fault: &serde_json::Value| (fault["dong"].as_u64().unwrap(), fault["maLoi"].as_str().unwrap().to_owned());
        faults.listed.iter().map(shown).collect()
    }

    #[test]
    fn rows_are_read_and_what_is_no_row_is_told() {
        let good = r#"{"ref":"a","maThe":"001185012345","hoTen":"A","ngaySinh":"1985","ngayKham":null}"#;
        let body = format!(
            r#"{{"name":"x","rows":[{good}, 5, ["a"], {{"maThe":1,"hoTen":"A","ngaySinh":"1985"}},
            {{"maThe":"001185012345","hoTen":"A","ngaySinh":"1985","tuoi":{{"a":[1]}}}},
            {{"maThe":"001185012345","maThe":"001185012346","hoTen":"A","ngaySinh":"1985"}}], "z": [1]}}"#
        );
        let expected =
            [(2, "NOT_AN_OBJECT"), (3, "NOT_AN_OBJECT"), (4, "NOT_TEXT"), (5, "UNKNOWN_FIELD"), (6, "MEMBER_TWICE")];
        let told = codes(&body);
        // A row that is no object lacks its values as well; that goes without saying, but is said.
        for (row, code) in expected {
            assert!(told.contains(&(row, code.to_owned())), "{row} {code}: {told:?}");
        }
        assert!(told.iter().all(|(row, _)| *row > 1), "{told:?}");
    }

    #[test]
    fn what_holds_no_rows_is_refused() {
        for body in ["{}", r#"{"rows":null}"#, r#"{"rows":{}}"#, r#"{"rows":"x"}"#] {
            assert!(matches!(rows(body.as_bytes()), Err(ReadFault::RowsMissing)), "{body}");
        }
        assert!(rows(br#"{"rows":[]}"#).unwrap().is_empty());
        let many = format!(r#"{{"rows":[{}{{}}]}}"#, "{},".repeat(ROWS_MAX));
        assert!(matches!(rows(many.as_bytes()), Err(ReadFault::Table(_))));
        assert!(rows(format!(r#"{{"rows":[{}]}}"#, "[".repeat(100_000)).as_bytes()).is_err());
    }
}
