//! What a workbook may cost, found out before anything is made of it.
//!
//! A workbook is an archive of XML parts, and a small one can unpack to gigabytes, announce a billion rows, or hold parts
//! that make whoever reads them allocate what they say. Every part is unpacked once here, under a bound that does not
//! believe the sizes written in the archive, and every XML part goes through our own guard: no DTD, no encoding but
//! UTF-8, nothing ill-formed. Only then does the library that knows workbooks see it.

use std::io::{Cursor, Read};
use std::time::Instant;

use zip::ZipArchive;

use crate::http::batches::fault::ReadFault;
use crate::xml::{Event, Limits, Reader};

/// Parts of an archive. A workbook of one sheet has a dozen, one of fifty sheets with pictures under two hundred.
const PARTS_MAX: usize = 500;

/// Bytes of one part. A sheet of 20,000 rows and twenty columns has some 20 MB.
const PART_BYTES_MAX: u64 = 32 << 20;

/// Bytes of all parts.
const BYTES_MAX: u64 = 64 << 20;

/// Fonts, fills, borders, formats and styles of cells. Spreadsheets end at 65,490 styles; each costs the library some
/// hundred times what it takes in the file.
const STYLES_MAX: usize = 70_000;

/// Depth and attributes of workbooks: a cell is five deep, a root has a dozen namespaces.
const LIMITS: Limits = Limits { depth_max: 64, attributes_max: 256 };

/// Bytes read between two looks at the clock.
const BETWEEN_LOOKS: u64 = 1 << 20;

/// Refuses a workbook that would cost too much, or is none.
pub(super) fn inspect(bytes: &[u8], deadline: Instant) -> Result<(), ReadFault> {
    // An archive may hide behind something else at its front, which the library would look at first.
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(ReadFault::NoWorkbook);
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ReadFault::NoWorkbook)?;
    if archive.len() > PARTS_MAX {
        return Err(ReadFault::TooMuch);
    }
    let mut total = 0;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|_| ReadFault::NoWorkbook)?;
        // An honest archive is refused by what it says; the other kind below, by what comes.
        if part.size() > PART_BYTES_MAX || total + part.size() > BYTES_MAX {
            return Err(ReadFault::TooMuch);
        }
        let name = part.name().map_err(|_| ReadFault::NoWorkbook)?.to_ascii_lowercase();
        let is_xml = [".xml", ".rels"].iter().any(|end| name.ends_with(end));
        let unpacked = unpack(&mut part, BYTES_MAX - total, deadline)?;
        total += unpacked.len() as u64;
        if is_xml {
            look_through(&unpacked, deadline)?;
        }
    }
    Ok(())
}

fn unpack(part: &mut impl Read, room: u64, deadline: Instant) -> Result<Vec<u8>, ReadFault> {
    let most = room.min(PART_BYTES_MAX);
    let mut unpacked = Vec::new();
    loop {
        let piece = BETWEEN_LOOKS.min(most + 1 - unpacked.len() as u64);
        let read = part.by_ref().take(piece).read_to_end(&mut unpacked).map_err(|_| ReadFault::NoWorkbook)?;
        if unpacked.len() as u64 > most {
            return Err(ReadFault::TooMuch);
        }
        if read == 0 {
            return Ok(unpacked);
        }
        if Instant::now() > deadline {
            return Err(ReadFault::TooSlow);
        }
    }
}

/// Reads a part to its end under the guard, and counts what it would make others build.
fn look_through(part: &[u8], deadline: Instant) -> Result<(), ReadFault> {
    let mut reader = Reader::new(part, LIMITS).map_err(|_| ReadFault::NoWorkbook)?;
    let (mut styles, mut seen) = (0, 0u32);
    loop {
        match reader.read().map_err(|_| ReadFault::NoWorkbook)? {
            Event::Eof => return Ok(()),
            Event::Start(tag) => {
                match tag.local_name() {
                    "font" | "fill" | "border" | "numFmt" | "xf" => styles += 1,
                    "sst" => {
                        // Room is made at once for as many texts as this says, and a process that is refused the
                        // room ends. Each text that is there takes more bytes of the part than this.
                        const TEXT_BYTES_MIN: u64 = "<si></si>".len() as u64;
                        let told = tag.attribute("uniqueCount").and_then(|value| value.trim().parse::<u64>().ok());
                        if told.is_some_and(|told| told > part.len() as u64 / TEXT_BYTES_MIN) {
                            return Err(ReadFault::TooMuch);
                        }
                    }
                    _ => {}
                }
                if styles > STYLES_MAX {
                    return Err(ReadFault::TooMuch);
                }
                seen = seen.wrapping_add(1);
                if seen.is_multiple_of(4_096) && Instant::now() > deadline {
                    return Err(ReadFault::TooSlow);
                }
            }
            _ => {}
        }
    }
}
