//! A list as a workbook: the cells of its first sheet, one after the other. What the workbook may cost is looked at first
//! (`package`); nothing here is built that is as large as a file says it is.

mod package;

use std::io::Cursor;
use std::time::Instant;

use bytes::Bytes;
use calamine::{DataRef, Reader, Xlsx};
use jiff::civil::Date;

use super::cells::Cell;
use super::fault::ReadFault;
use super::table::{COLUMNS_MAX, Table};

/// Bytes of a text that is kept. The longest name a table allows has 765; and as any number of cells may point to one text
/// of the archive, a list of these is what a workbook costs at the most: 100 MB.
const TEXT_BYTES_MAX: usize = 1_024;

/// Cells between two looks at the clock.
const CELLS_BETWEEN_LOOKS: u32 = 1_024;

/// Reads the first sheet, by `deadline`.
pub(super) fn read(bytes: &Bytes, deadline: Instant) -> Result<Table, ReadFault> {
    package::inspect(bytes, deadline)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes.clone())).map_err(|_| ReadFault::NoWorkbook)?;
    let first = workbook.sheet_names().first().cloned().ok_or(ReadFault::NoWorkbook)?;
    let mut cells = workbook.worksheet_cells_reader(&first).map_err(|_| ReadFault::NoWorkbook)?;

    let mut table = Table::default();
    let mut row: Vec<(usize, Cell)> = Vec::new();
    let (mut number, mut seen) = (0, 0u32);
    while let Some(cell) = cells.next_cell().map_err(|_| ReadFault::NoWorkbook)? {
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(CELLS_BETWEEN_LOOKS) && Instant::now() > deadline {
            return Err(ReadFault::TooSlow);
        }
        let (row_index, column) = cell.get_position();
        if row_index != number {
            // A sheet goes from the top down, or was not written by a spreadsheet.
            if row_index < number {
                return Err(ReadFault::NoWorkbook);
            }
            table.take(number.saturating_add(1), std::mem::take(&mut row))?;
            number = row_index;
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column < COLUMNS_MAX && row.len() < COLUMNS_MAX {
            row.push((column, value(cell.get_value())));
        }
    }
    table.take(number.saturating_add(1), row)?;
    Ok(table.end()?)
}

fn value(data: &DataRef<'_>) -> Cell {
    match data {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) => kept(text),
        DataRef::SharedString(text) => kept(text),
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::DateTimeIso(text) => kept(text),
        DataRef::DateTime(instant) if instant.is_datetime() => {
            let (year, month, day, ..) = instant.to_ymd_hms_milli();
            let narrow = |number: u8| i8::try_from(number).ok();
            let date = i16::try_from(year).ok().zip(narrow(month)).zip(narrow(day));
            let date = date.and_then(|((year, month), day)| Date::new(year, month, day).ok());
            date.map_or(Cell::Other, Cell::Date)
        }
        DataRef::DateTime(_) | DataRef::DurationIso(_) | DataRef::Bool(_) | DataRef::Error(_) => Cell::Other,
    }
}

fn kept(text: &str) -> Cell {
    if text.len() > TEXT_BYTES_MAX { Cell::Long } else { Cell::Text(text.to_owned()) }
}

#[cfg(test)]
mod tests;
