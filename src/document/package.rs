//! GIAMDINHHS and HSCHUNGTU: packages of records whose parts are XML files in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checks::Checks;
use super::finding::Place;
use super::mask;
use super::part::{self, CLAIM_PARTS, Part, VOUCHER_PARTS};
use super::rule::{self, Report};
use super::shape::{Occurs, Shape};
use super::walk::{Places, Walker};
use super::{Limits, Outline};
use crate::document::Kind;
use crate::domain::{Bilingual, PartialDate, Precision};
use crate::xml;

const ROOT: &[(&str, Occurs)] =
    &[("THONGTINDONVI", Occurs::Once), ("THONGTINHOSO", Occurs::Once), ("CHUKYDONVI", Occurs::Once)];
const UNIT: &[(&str, Occurs)] = &[("MACSKCB", Occurs::Once)];
const DOSSIER: &[(&str, Occurs)] =
    &[("NGAYLAP", Occurs::Once), ("SOLUONGHOSO", Occurs::Once), ("DANHSACHHOSO", Occurs::Once)];
const LIST: &[(&str, Occurs)] = &[("HOSO", Occurs::OnceOrMore)];
const RECORD: &[(&str, Occurs)] = &[("FILEHOSO", Occurs::OnceOrMore)];
const CLAIM_FILE: &[(&str, Occurs)] = &[("LOAIHOSO", Occurs::Once), ("NOIDUNGFILE", Occurs::Once)];
/// The text of PL02 lists MACSKCB within FILEHOSO, its sample does not (portal-api.md, section 5.2).
const VOUCHER_FILE: &[(&str, Occurs)] =
    &[("LOAIHOSO", Occurs::Once), ("NOIDUNGFILE", Occurs::Once), ("MACSKCB", Occurs::PerhapsAnywhere)];

/// Reads one package.
struct Package<'r, 'a> {
    walker: &'r mut Walker<'a>,
    kind: Kind,
    limits: &'r Limits,
    checks: &'r mut Checks,
    report: &'r mut Report,
    outline: &'r mut Outline,
    /// FILEHOSO so far.
    files: u32,
    /// The decoded bytes of one part at a time.
    decoded: Vec<u8>,
}

/// One FILEHOSO, its content still in base64 and borrowed from the envelope.
struct File<'a> {
    part: &'static Part,
    content: Cow<'a, str>,
    offset: usize,
    xpath: String,
}

/// Reads what stands under the root element, which was entered already.
pub(super) fn read(
    walker: &mut Walker<'_>,
    kind: Kind,
    limits: &Limits,
    checks: &mut Checks,
    report: &mut Report,
    outline: &mut Outline,
) -> Result<(), xml::Error> {
    Package { walker, kind, limits, checks, report, outline, files: 0, decoded: Vec::new() }.root()
}

// === impl Package ===

impl<'a> Package<'_, 'a> {
    fn root(&mut self) -> Result<(), xml::Error> {
        let mut shape = Shape::new(ROOT);
        while let Some(tag) = self.walker.next(&mut shape, self.report)? {
            match tag.name {
                "THONGTINDONVI" => self.unit()?,
                "THONGTINHOSO" => self.dossier()?,
                _ => self.outline.signed = self.walker.skip()?,
            }
        }
        Ok(())
    }

    fn unit(&mut self) -> Result<(), xml::Error> {
        let mut shape = Shape::new(UNIT);
        while self.walker.next(&mut shape, self.report)?.is_some() {
            let place = self.walker.place_here("MACSKCB");
            let value = self.walker.text()?;
            self.checks.identity.facility(&value.text, place, self.report);
        }
        Ok(())
    }

    fn dossier(&mut self) -> Result<(), xml::Error> {
        let mut declared = None;
        let mut shape = Shape::new(DOSSIER);
        while let Some(tag) = self.walker.next(&mut shape, self.report)? {
            match tag.name {
                "NGAYLAP" => {
                    let place = self.walker.place_here("NGAYLAP");
                    let date = self.walker.text()?.text;
                    let whole = PartialDate::parse_table(&date).is_ok_and(|date| date.precision() == Precision::Day);
                    if !whole || date.len() != 8 {
                        self.report.push(&rule::DATE_FORM, place, mask::code(&date, 14));
                    }
                }
                "SOLUONGHOSO" => {
                    let place = self.walker.place_here("SOLUONGHOSO");
                    declared = Some((self.walker.text()?.text, place));
                }
                _ => self.list()?,
            }
        }
        if let Some((written, place)) = declared {
            self.compare_count(&written, place);
        }
        Ok(())
    }

    fn compare_count(&mut self, written: &str, place: Place) {
        let digits = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit());
        let broken = match written.parse::<u32>().ok().filter(|_| digits) {
            None => &rule::COUNT_FORM,
            // Records may have been lost on the way, so nothing of the file is taken (users.md, pain 18).
            Some(declared) if self.outline.records < declared => &rule::COUNT_FEWER,
            Some(declared) if self.outline.records > declared => &rule::COUNT_MORE,
            Some(_) => return,
        };
        self.report.push(broken, place, mask::code(written, 10));
    }

    fn list(&mut self) -> Result<(), xml::Error> {
        let mut shape = Shape::new(LIST);
        while self.walker.next(&mut shape, self.report)?.is_some() {
            self.outline.records = self.outline.records.saturating_add(1);
            let record = self.walker.place_here("");
            let mut files = Vec::new();
            let gathered = self.gather(&mut files);
            // What was gathered before a fault in the envelope is looked at as well.
            self.record(&files, record, gathered.is_ok());
            gathered?;
        }
        Ok(())
    }

    /// Gathers the files of the HOSO just entered, without decoding them.
    fn gather(&mut self, files: &mut Vec<File<'a>>) -> Result<(), xml::Error> {
        let mut shape = Shape::new(RECORD);
        while self.walker.next(&mut shape, self.report)?.is_some() {
            self.files = self.files.saturating_add(1);
            if self.files > self.limits.parts_max {
                if self.files == self.limits.parts_max.saturating_add(1) {
                    let place = self.walker.place_here("");
                    self.report.push(&rule::TOO_MANY_PARTS, place, String::new());
                }
                self.walker.skip()?;
                continue;
            }
            if let Some(file) = self.file()? {
                files.push(file);
            }
        }
        Ok(())
    }

    /// Reads the FILEHOSO just entered; `None` if it does not say what it holds, which is reported.
    fn file(&mut self) -> Result<Option<File<'a>>, xml::Error> {
        let mut part = None;
        let mut content = None;
        let mut shape = Shape::new(if self.kind == Kind::Claim { CLAIM_FILE } else { VOUCHER_FILE });
        while let Some(tag) = self.walker.next(&mut shape, self.report)? {
            match tag.name {
                "LOAIHOSO" => part = self.part_name()?,
                "NOIDUNGFILE" => {
                    let (offset, xpath) = (self.walker.offset(), self.walker.xpath());
                    content = Some((self.walker.text()?.text, offset, xpath));
                }
                _ => {
                    let place = self.walker.place_here("MACSKCB");
                    let value = self.walker.text()?;
                    self.checks.identity.facility(&value.text, place, self.report);
                }
            }
        }
        let (Some(part), Some((content, offset, xpath))) = (part, content) else { return Ok(None) };
        Ok(Some(File { part, content, offset, xpath }))
    }

    fn part_name(&mut self) -> Result<Option<&'static Part>, xml::Error> {
        let place = self.walker.place_here("LOAIHOSO");
        let name = self.walker.text()?.text;
        let parts: &'static [Part] = if self.kind == Kind::Claim { &CLAIM_PARTS } else { &VOUCHER_PARTS };
        let part = parts.iter().find(|part| part.name == name);
        if part.is_none() {
            let known: Vec<&str> = parts.iter().map(|part| part.name).collect();
            let known = known.join(", ");
            let cure = Bilingual::composed(
                format!("Dùng một trong: {known}. XML0 và XML12 gửi thành tệp riêng."),
                format!("Use one of: {known}. XML0 and XML12 are files of their own."),
            );
            self.report.push_with_cure(&rule::UNKNOWN_PART, place, mask::code(&name, 20), cure);
        }
        Ok(part)
    }

    /// Checks one HOSO: which parts it has, then each part.
    fn record(&mut self, files: &[File<'a>], place: Place, whole: bool) {
        self.checks.identity.record();
        if self.kind == Kind::Claim {
            self.check_parts(files, place, whole);
        }
        for file in files {
            if !self.outline.parts.iter().any(|known| known == file.part.name) {
                self.outline.parts.push(file.part.name.to_owned());
            }
        }
        // XML1 first wherever it stands: its MA_LK is what the others are held to.
        let (main, others): (Vec<&File<'_>>, Vec<&File<'_>>) = files.iter().partition(|file| file.part.name == "XML1");
        for file in main.into_iter().chain(others) {
            self.read_file(file);
        }
    }

    /// Exactly one XML1, every other part at most once (rules.csv, ENV-07).
    fn check_parts(&mut self, files: &[File<'a>], record: Place, whole: bool) {
        if whole && !files.iter().any(|file| file.part.name == "XML1") {
            self.report.push(&rule::MISSING_XML1, record, String::new());
        }
        let mut seen: Vec<&str> = Vec::new();
        for file in files {
            if seen.contains(&file.part.name) {
                let place = self.place_of(file);
                self.report.push(&rule::REPEATED_PART, place, file.part.name.to_owned());
            } else {
                seen.push(file.part.name);
            }
        }
    }

    /// Decodes and reads one part. A fault in it ends that part and no other.
    fn read_file(&mut self, file: &File<'a>) {
        let found_before = self.report.count();
        if !decode(&file.content, &mut self.decoded) {
            let place = self.place_of(file);
            self.report.push(&rule::NOT_BASE64, place, String::new());
            return;
        }
        if let Err(error) = part::read(&self.decoded, self.limits.xml(), file.part, self.checks, self.report) {
            self.report.malformed(file.part.name, error);
        }
        if self.report.count() > found_before {
            let line = self.walker.line(file.offset);
            self.report.set_envelope_line(found_before, line);
        }
    }

    /// The place of a file's content within the envelope.
    fn place_of(&mut self, file: &File<'a>) -> Place {
        let place = self.walker.place(file.offset, 0, "NOIDUNGFILE");
        Place { part: file.part.name.to_owned(), xpath: file.xpath.clone(), envelope_line: place.line, ..place }
    }
}

/// Decodes standard base64, in which blanks and line ends may stand; `false` if it is none.
pub(super) fn decode(text: &str, decoded: &mut Vec<u8>) -> bool {
    decoded.clear();
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let dense: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode_vec(dense, decoded).is_ok()
    } else {
        STANDARD.decode_vec(text, decoded).is_ok()
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
}
