//! GIAMDINHHS and HSCHUNGTU: packages of records whose parts are XML files in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::finding::{FINDINGS_COUNTED_MAX, Place};
use super::inspection::Inspection;
use super::mask;
use super::part::{Part, claim_parts, voucher_parts};
use super::reading::Reading;
use super::row::Value;
use super::rule;
use crate::document::Kind;
use crate::domain::Bilingual;
use crate::xml;

/// Reads one package.
struct Package<'x, 'r, 'a> {
    inspection: &'x mut Inspection<'r>,
    reading: &'x mut Reading<'r, 'a>,
    /// FILEHOSO so far.
    files: u32,
    /// Those of the HOSO being read, not decoded.
    record: Vec<File<'a>>,
    /// Whether a part of that HOSO cannot be told, or stands twice: then its sums say nothing.
    doubtful: bool,
    /// The decoded bytes of one part at a time.
    decoded: Vec<u8>,
}

/// One FILEHOSO, its content still in base64 and borrowed from the envelope.
struct File<'a> {
    part: &'static Part,
    content: Value<'a>,
    xpath: String,
}

/// Reads what stands under the root element.
pub(super) fn read<'r>(inspection: &mut Inspection<'r>, reading: &mut Reading<'r, '_>) -> Result<(), xml::Error> {
    let (record, decoded) = (Vec::new(), Vec::new());
    let mut package = Package { inspection, reading, files: 0, record, doubtful: false, decoded };
    let read = package.root();
    if read.is_err() && !package.record.is_empty() {
        // What was gathered before a fault in the envelope is looked at as well, though the record is not whole.
        package.doubtful = true;
        package.parts(package.inspection.outline.records.saturating_add(1));
    }
    read
}

// === impl Package ===

impl Package<'_, '_, '_> {
    fn root(&mut self) -> Result<(), xml::Error> {
        while let Some(ended) = self.reading.next()? {
            // It is refused already, and the rest would only keep a core busy.
            let too_long = self.files > self.inspection.limits.parts_max;
            if too_long || self.inspection.report.count() >= FINDINGS_COUNTED_MAX {
                break;
            }
            match ended.name {
                "THONGTINDONVI" => {
                    self.facility();
                    self.check_single();
                }
                "FILEHOSO" => self.file(),
                "HOSO" => self.record(),
                "THONGTINHOSO" => self.dossier(),
                "CHUKYDONVI" => self.inspection.outline.signed = ended.is_signature(),
                _ => {}
            }
        }
        Ok(())
    }

    /// What identifies in the element that just ended stands in it once.
    fn check_single(&mut self) {
        for (slot, offset) in self.reading.row.take_repeated() {
            let name = self.reading.row.name(slot).to_owned();
            let place = self.place(offset, &name);
            self.inspection.report.push(&rule::REPEATED_FIELD, place, String::new());
        }
    }

    fn facility(&mut self) {
        if let Some(Value { text, offset }) = self.reading.row.take("MACSKCB") {
            let place = self.place(offset, "MACSKCB");
            self.inspection.identity.facility(&text, place, &mut self.inspection.report);
        }
    }

    /// The place of a field of the element that just ended; nothing of it if nobody lists it.
    fn place(&mut self, offset: usize, field: &str) -> Place {
        if self.inspection.report.is_full() { Place::default() } else { self.reading.place(offset, field) }
    }

    fn dossier(&mut self) {
        if let Some(Value { text, offset }) = self.reading.row.take("NGAYLAP") {
            let place = self.place(offset, "NGAYLAP");
            self.inspection.rules.made_on(&text, place, &mut self.inspection.report);
        }
        let declared = self.reading.row.take("SOLUONGHOSO");
        self.check_single();
        // One that is no number is a fault of structure.
        let Some(Value { text, offset }) = declared else { return };
        let Ok(declared) = text.trim_ascii().parse::<u32>() else { return };
        let broken = match self.inspection.outline.records.cmp(&declared) {
            // Records may have been lost on the way, so nothing of the file is taken (users.md, pain 18).
            std::cmp::Ordering::Less => &rule::COUNT_FEWER,
            std::cmp::Ordering::Greater => &rule::COUNT_MORE,
            std::cmp::Ordering::Equal => return,
        };
        let place = self.place(offset, "SOLUONGHOSO");
        self.inspection.report.push(broken, place, mask::code(&text, 5));
    }

    /// Takes one FILEHOSO, without decoding it, unless it does not say what it holds.
    fn file(&mut self) {
        // The text of PL02 lists MACSKCB within FILEHOSO, its sample does not (portal-api.md, section 5.2).
        self.facility();
        let (name, content) = (self.reading.row.take("LOAIHOSO"), self.reading.row.take("NOIDUNGFILE"));
        self.check_single();
        self.files = self.files.saturating_add(1);
        if self.files > self.inspection.limits.parts_max {
            let place = self.place(self.reading.row.offset, "");
            return self.inspection.report.push(&rule::TOO_MANY_PARTS, place, String::new());
        }
        let Some(name) = name else { return };
        let Some(part) = self.known_part(&name) else { return };
        if let Some(content) = content {
            self.record.push(File { part, content, xpath: self.reading.xpath() });
        }
    }

    fn known_part(&mut self, name: &Value<'_>) -> Option<&'static Part> {
        let parts = if self.inspection.kind == Kind::Claim { claim_parts() } else { voucher_parts() };
        let part = parts.iter().find(|part| part.name == name.text);
        self.doubtful |= part.is_none();
        // An empty one is a fault of structure.
        if part.is_none() && !name.text.trim_ascii().is_empty() {
            let known: Vec<&str> = parts.iter().map(|part| part.name).collect();
            let known = known.join(", ");
            let cure = Bilingual::composed(
                format!("Dùng một trong: {known}. XML0 và XML12 gửi thành tệp riêng."),
                format!("Use one of: {known}. XML0 and XML12 are files of their own."),
            );
            let place = self.place(name.offset, "LOAIHOSO");
            // A name, and no number of anybody.
            let shown = if name.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
                mask::code(&name.text, 8)
            } else {
                String::new()
            };
            self.inspection.report.push_with_cure(&rule::UNKNOWN_PART, place, shown, cure);
        }
        part
    }

    /// Checks the HOSO that just ended: which parts it has, then each part, then what they say together.
    fn record(&mut self) {
        let number = self.inspection.outline.records.saturating_add(1);
        self.inspection.outline.records = number;
        let said_before = self.inspection.report.count();
        if self.inspection.kind == Kind::Claim && self.files <= self.inspection.limits.parts_max {
            self.check_parts();
        }
        self.inspection.report.record_since(said_before, number);
        self.parts(number);
    }

    /// Reads the parts that were gathered of the record with this number.
    fn parts(&mut self, number: u32) {
        let files = std::mem::take(&mut self.record);
        let outline = &mut self.inspection.outline;
        for file in &files {
            if !outline.parts.iter().any(|known| known == file.part.name) {
                outline.parts.push(file.part.name.to_owned());
            }
        }
        self.inspection.identity.record();
        self.inspection.rules.begin_record();
        if std::mem::take(&mut self.doubtful) {
            self.inspection.rules.part_is_broken();
        }
        // In the order of the tables wherever they stand: the later ones are held against the earlier.
        let mut ordered: Vec<&File<'_>> = files.iter().collect();
        ordered.sort_by_key(|file| file.part.index);
        for file in ordered {
            self.read_file(file, number);
        }
        // No more records than parts can hold anything.
        if number <= self.inspection.limits.parts_max {
            let key = self.inspection.identity.link().unwrap_or_default().to_owned();
            self.inspection.outline.record_keys.push(key);
        }
        let said_before = self.inspection.report.count();
        let parts: Vec<&'static Part> = files.iter().map(|file| file.part).collect();
        self.inspection.rules.end_record(&parts, &mut self.inspection.report);
        for file in &files {
            self.place_since(said_before, file, number);
        }
    }

    /// Exactly one XML1, every other part at most once (rules.csv, ENV-07).
    fn check_parts(&mut self) {
        if !self.record.iter().any(|file| file.part.name == "XML1") {
            let place = self.place(self.reading.row.offset, "");
            self.inspection.report.push(&rule::MISSING_XML1, place, String::new());
        }
        let mut seen: Vec<&str> = Vec::new();
        for index in 0..self.record.len() {
            let Some(file) = self.record.get(index) else { continue };
            let name = file.part.name;
            if seen.contains(&name) {
                let place = place_of(self.reading, file);
                self.inspection.report.push(&rule::REPEATED_PART, place, name.to_owned());
                self.doubtful = true;
            } else {
                seen.push(name);
            }
        }
    }

    /// Decodes and reads one part. A fault in it ends that part and no other.
    fn read_file(&mut self, file: &File<'_>, number: u32) {
        let said_before = self.inspection.report.count();
        if !decode(&file.content.text, &mut self.decoded) {
            let place = place_of(self.reading, file);
            self.inspection.report.push(&rule::NOT_BASE64, place, String::new());
            self.inspection.rules.part_is_broken();
        } else if let Err(error) = self.inspection.part(&self.decoded, file.part) {
            self.inspection.report.malformed(file.part.name, error);
            self.inspection.rules.part_is_broken();
        }
        self.place_since(said_before, file, number);
    }

    /// Says of the findings in this part where it stands.
    fn place_since(&mut self, said_before: u64, file: &File<'_>, number: u32) {
        if self.inspection.report.count() > said_before {
            let line = self.reading.position(file.content.offset).line;
            self.inspection.report.place_since(said_before, file.part.name, number, line);
        }
    }
}

/// The place of a file's content within the envelope.
fn place_of(reading: &mut Reading<'_, '_>, file: &File<'_>) -> Place {
    let xml::Position { line, column } = reading.position(file.content.offset);
    let (part, field) = (file.part.name.to_owned(), "NOIDUNGFILE".to_owned());
    let xpath = format!("{}/NOIDUNGFILE", file.xpath);
    Place { part, field, xpath, line, column, envelope_line: line, ..Place::default() }
}

/// Decodes standard base64, in which blanks and line ends may stand; `false` if it is none.
pub(super) fn decode(text: &str, decoded: &mut Vec<u8>) -> bool {
    decoded.clear();
    if STANDARD.decode_vec(text, decoded).is_ok() {
        return true;
    }
    decoded.clear();
    decode_in_pieces(text, decoded)
}

/// The same, leaving out blanks piece by piece, so that no second copy of the text is made.
fn decode_in_pieces(text: &str, decoded: &mut Vec<u8>) -> bool {
    /// Characters decoded at once; a multiple of four.
    const PIECE: usize = 16 << 10;
    let mut piece = Vec::with_capacity(PIECE);
    let mut rest = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    loop {
        piece.clear();
        piece.extend(rest.by_ref().take(PIECE));
        if STANDARD.decode_vec(&piece, decoded).is_err() {
            return false;
        }
        if piece.len() < PIECE || piece.ends_with(b"=") {
            // Padding ends the text.
            return rest.next().is_none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_strict_but_for_blanks() {
        let mut decoded = Vec::new();
        assert!(decode("PGEv\r\n Pg==\n", &mut decoded));
        assert_eq!(decoded, b"<a/>");
        for text in ["PGEvPg", "PGEvPg=", "PGEvPh==", "PGEv-g==", "PGEvPg==PGEvPg==", "PGEvP\u{a0}g==", "="] {
            assert!(!decode(text, &mut decoded), "{text}");
        }
    }

    #[test]
    fn base64_in_lines_is_decoded_in_pieces() {
        for length in [12_287, 12_288, 12_289, 40_000] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let dense = STANDARD.encode(&bytes);
            let lines: Vec<&str> = dense.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let mut decoded = Vec::new();
            assert!(decode(&lines.join("\r\n"), &mut decoded) && decoded == bytes, "{length}");
            assert!(!decode(&format!("{}\n=AAA", lines.join("\n")), &mut decoded), "{length}");
        }
    }
}
