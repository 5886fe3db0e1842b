//! Whose record is it: one facility throughout, one key throughout, and the two agreeing where one holds the other.
//! A document that contradicts itself here could be sent under another facility's name or replace another patient's
//! record, so these rules stand before all others.

use std::collections::HashSet;

use super::finding::Place;
use super::mask;
use super::report::Report;
use super::row::{Places, Row, Value};
use super::rule::{self, Rule};
use crate::document::Kind;
use crate::domain::FacilityCode;

/// Longest key: `MA_LK` may have 100 characters, `MA_YTE` 200 (portal-api.md, appendix A). Bounds what is stored.
const KEY_CHARACTERS_MAX: usize = 200;

/// What the document says it is, as far as read.
pub(super) struct Identity {
    kind: Kind,
    facility: Option<FacilityCode>,
    /// In the order of the document.
    keys: Vec<String>,
    /// The same, to find repetitions.
    known: HashSet<String>,
    /// `MA_LK` of the XML1 of the record being read.
    link: Option<String>,
}

/// Asks for the place of a field of one row.
struct At<'r> {
    row: &'r Row<'r, 'r>,
    places: &'r mut dyn Places,
}

// === impl Identity ===

impl Identity {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, facility: None, keys: Vec::new(), known: HashSet::new(), link: None }
    }

    /// The facility and the keys, once all is read.
    pub(super) fn into_parts(self) -> (Option<FacilityCode>, Vec<String>) {
        (self.facility, self.keys)
    }

    /// A new record (HOSO) begins: its XML1 will set the link anew.
    pub(super) fn record(&mut self) {
        self.link = None;
    }

    /// The key of the record being read, if its XML1 told one.
    pub(super) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// Takes a facility code found outside of rows: the first sets the document's, later ones must equal it.
    pub(super) fn facility(&mut self, written: &str, place: Place, report: &mut Report<'_>) {
        match FacilityCode::parse(written) {
            Err(_) if written.trim_ascii().is_empty() => report.push(&rule::FACILITY_MISSING, place, String::new()),
            Err(_) => report.push(&rule::FACILITY_FORM, place, mask::code(written, 6)),
            Ok(code) => match self.facility {
                None => self.facility = Some(code),
                Some(known) if known == code => {}
                Some(_) => report.push(&rule::FACILITY_MISMATCH, place, mask::code(written, 5)),
            },
        }
    }

    /// Checks one row.
    pub(super) fn row(&mut self, row: &Row<'_, '_>, places: &mut dyn Places, report: &mut Report<'_>) {
        let mut at = At { row, places };
        at.check_single(report);
        match self.kind {
            Kind::Claim => self.claim(row, &mut at, report),
            Kind::Checkin => {
                self.row_facility("MA_CSKCB", &mut at, report);
                // One visit may stand in several rows, one a first service, drug or supply (portal-api.md, section 3).
                if let Some(key) = at.key("MA_LK", report) {
                    self.add(key);
                }
            }
            Kind::MedicalAssessment => {
                // No field of XML12 is unique; once a document is enough.
                if row.number == 1 {
                    let place = at.place_of_row("");
                    report.push(&rule::NO_BUSINESS_KEY, place, String::new());
                }
            }
            Kind::BirthCertificate => self.certificate("MA_GCS", ".GCS.", &mut at, report),
            Kind::DeathCertificate => {
                self.row_facility("MACSKCB", &mut at, report);
                self.certificate("MA_GBT", ".GBT.", &mut at, report);
            }
            Kind::DriverExam => self.driver_exam(&mut at, report),
            Kind::Voucher => self.voucher(row, &mut at, report),
        }
    }

    fn claim(&mut self, row: &Row<'_, '_>, at: &mut At<'_>, report: &mut Report<'_>) {
        if row.part.identity.contains(&"MA_CSKCB") {
            self.row_facility("MA_CSKCB", at, report);
        } else if let Some(named) = row.get("MA_CSKCB").filter(|named| !named.text.trim_ascii().is_empty()) {
            // Optional in XML6 and XML15, and the same where it is filled.
            let place = at.place("MA_CSKCB");
            self.facility(&named.text, place, report);
        }
        // Nearly every row repeats the key of its record.
        let link = self.link.as_deref().filter(|_| row.part.name != "XML1");
        if link.is_some_and(|link| row.get("MA_LK").is_some_and(|key| key.text == link)) {
            return;
        }
        let Some(key) = at.key("MA_LK", report) else { return };
        if row.part.name != "XML1" {
            if link.is_some() {
                at.push(&rule::KEY_MISMATCH, "MA_LK", mask::key(&key), report);
            }
            return;
        }
        if !self.add(key.clone()) {
            at.push(&rule::KEY_REPEATED, "MA_LK", mask::key(&key), report);
        }
        self.link = Some(key);
    }

    /// A certificate with a number of the form `NNNNN.GCS.<facility>.<yy>`.
    fn certificate(&mut self, field: &'static str, middle: &str, at: &mut At<'_>, report: &mut Report<'_>) {
        let Some(key) = at.key(field, report) else { return };
        match facility_in_number(&key, middle) {
            None => at.push(&rule::NUMBER_FORM, field, mask::key(&key), report),
            Some(code) => {
                let place = at.place(field);
                self.facility(code.as_str(), place, report);
            }
        }
        self.add(key);
    }

    fn driver_exam(&mut self, at: &mut At<'_>, report: &mut Report<'_>) {
        self.row_facility("IDBENHVIEN", at, report);
        let number = at.key("SO", report);
        if let Some(number) = &number {
            match facility_in_exam_number(number) {
                None => at.push(&rule::SO_FORM, "SO", mask::key(number), report),
                Some(code) => {
                    let place = at.place("SO");
                    self.facility(code.as_str(), place, report);
                }
            }
        }
        let class = at.required("HANGBANGLAI", &rule::FIELD_MISSING, report).map(|field| field.text.to_string());
        if let Some(state) = at.required("STATE", &rule::FIELD_MISSING, report)
            && !matches!(state.text.as_ref(), "ADD" | "EDIT")
        {
            at.push(&rule::STATE_VALUE, "STATE", String::new(), report);
        }
        if let (Some(number), Some(class)) = (number, class) {
            let key = format!("{number}+{class}");
            if is_right_key(&key) {
                self.add(key);
            } else {
                at.push(&rule::KEY_FORM, "HANGBANGLAI", String::new(), report);
            }
        }
    }

    fn voucher(&mut self, row: &Row<'_, '_>, at: &mut At<'_>, report: &mut Report<'_>) {
        let filled = |name: &&str| row.get(name).is_some_and(|field| !field.text.trim_ascii().is_empty());
        let Some(field) = ["MA_YTE", "MA_CT"].into_iter().find(filled) else {
            let place = at.place_of_row("");
            report.push(&rule::NO_BUSINESS_KEY, place, String::new());
            return;
        };
        let Some(number) = at.key(field, report) else { return };
        if !self.add(format!("{}:{number}", row.part.name)) {
            at.push(&rule::VOUCHER_REPEATED, field, mask::key(&number), report);
        }
    }

    fn row_facility(&mut self, field: &'static str, at: &mut At<'_>, report: &mut Report<'_>) {
        if let Some(found) = at.required(field, &rule::FACILITY_MISSING, report) {
            let place = at.place(field);
            self.facility(&found.text, place, report);
        }
    }

    /// Adds a key; `false` if the document has it already.
    fn add(&mut self, key: String) -> bool {
        let new = self.known.insert(key.clone());
        if new {
            self.keys.push(key);
        }
        new
    }
}

// === impl At ===

impl<'r> At<'r> {
    /// An identifying field written twice says two things at once.
    fn check_single(&mut self, report: &mut Report<'_>) {
        let row = self.row;
        for (name, offset) in row.repeated() {
            let place = self.place_at(offset, name);
            report.push(&rule::REPEATED_FIELD, place, String::new());
        }
    }

    /// The field, if it holds more than blanks; else the rule is broken.
    fn required(&mut self, name: &'static str, broken: &Rule, report: &mut Report<'_>) -> Option<&'r Value<'r>> {
        let field = self.row.get(name).filter(|field| !field.text.trim_ascii().is_empty());
        if field.is_none() {
            self.push(broken, name, String::new(), report);
        }
        field
    }

    /// The field as a key.
    fn key(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<String> {
        let key = &self.required(name, &rule::KEY_MISSING, report)?.text;
        if !is_right_key(key) {
            self.push(&rule::KEY_FORM, name, mask::key(key), report);
            return None;
        }
        Some(key.to_string())
    }

    fn push(&mut self, broken: &Rule, name: &str, value: String, report: &mut Report<'_>) {
        let place = self.place(name);
        report.push(broken, place, value);
    }

    /// The place of a field, or of the row if it lacks the field.
    fn place(&mut self, name: &str) -> Place {
        match self.row.get(name) {
            Some(field) => self.place_at(field.offset, name),
            None => self.place_of_row(name),
        }
    }

    fn place_of_row(&mut self, name: &str) -> Place {
        self.place_at(self.row.offset, name)
    }

    fn place_at(&mut self, offset: usize, name: &str) -> Place {
        self.places.place(offset, self.row.number, name)
    }
}

fn is_right_key(key: &str) -> bool {
    key.trim() == key && !key.chars().any(char::is_control) && key.chars().count() <= KEY_CHARACTERS_MAX
}

/// The facility in `NNNNN.GCS.<facility>.<yy>` (rules.csv, EDOC-04).
fn facility_in_number(number: &str, middle: &str) -> Option<FacilityCode> {
    let (sequence, rest) = number.split_once(middle)?;
    let (facility, year) = rest.split_once('.')?;
    let right = are_digits(sequence, 5) && are_digits(year, 2);
    FacilityCode::parse(facility).ok().filter(|_| right)
}

/// The facility in `<sequence>/GKSKLX/<facility>/<yy>` (rules.csv, EDOC-14).
fn facility_in_exam_number(number: &str) -> Option<FacilityCode> {
    const CHARACTERS_MAX: usize = 21;
    let (sequence, rest) = number.split_once("/GKSKLX/")?;
    let (facility, year) = rest.split_once('/')?;
    let right = number.len() <= CHARACTERS_MAX && are_digits(sequence, sequence.len()) && are_digits(year, 2);
    FacilityCode::parse(facility).ok().filter(|_| right)
}

fn are_digits(text: &str, length: usize) -> bool {
    !text.is_empty() && text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_their_facility() {
        let code = |text| FacilityCode::parse(text).ok();
        assert_eq!(facility_in_number("00012.GCS.79999.26", ".GCS."), code("79999"));
        for number in ["00012.GBT.79999.26", "12.GCS.79999.26", "00012.GCS.799.26", "00012.GCS.79999.2026", ""] {
            assert_eq!(facility_in_number(number, ".GCS."), None, "{number}");
        }
        assert_eq!(facility_in_exam_number("00042/GKSKLX/48999/26"), code("48999"));
        for number in ["/GKSKLX/48999/26", "000042/GKSKLX/48999/26", "00042/KSK/48999/26", "00042/GKSKLX/48999/2026"] {
            assert_eq!(facility_in_exam_number(number), None, "{number}");
        }
    }
}
