//! The QR code of identity cards: seven fields, or more on cards since 2024 (`formats/qr.md`, sections 1 and 2).

use super::{Confidence, Scan, ScanError, ScanKind, ScanWarning, filled, is_digits};
use crate::domain::PartialDate;

/// Six: the issue date may be missing in real scans, and some makers leave out the old number.
pub(super) const FIELDS_MIN: usize = 6;

/// Reads the fields of a code whose first field is twelve digits.
pub(super) fn read(fields: &[&str]) -> Result<Scan, ScanError> {
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let mut scan = Scan::empty(ScanKind::IdentityCard, Confidence::High);

    // Without the old number everything stands one place further to the left.
    let old_id = field(1);
    let has_old_id = old_id.is_empty() || is_digits(old_id, 9);
    let shift = if !has_old_id && PartialDate::parse(field(2)).is_ok() { 0 } else { 1 };
    if shift == 0 {
        scan.confidence = Confidence::Medium;
        scan.warn(ScanWarning::OldIdMissing);
    } else if is_digits(old_id, 9) {
        scan.old_id = Some(old_id.to_owned());
    }

    scan.take_national_id(field(0));
    scan.take_name(field(1 + shift));
    let birth = field(2 + shift);
    scan.birth = scan.date(birth, ScanWarning::BirthUnreadable);
    scan.sex = scan.sex_of(field(3 + shift));
    scan.address = filled(field(4 + shift));
    let issued = field(5 + shift);
    scan.issued = scan.date(issued, ScanWarning::DateUnreadable);
    if issued.is_empty() {
        scan.warn(ScanWarning::IssueDateMissing);
    }

    // Cards since 2024 go on with what is not published; a separator at the very end is no field.
    scan.extra = fields.iter().skip(6 + shift).map(|field| (*field).to_owned()).collect();
    while scan.extra.last().is_some_and(String::is_empty) {
        scan.extra.pop();
    }
    if !scan.extra.is_empty() {
        scan.confidence = scan.confidence.min(Confidence::Medium);
    }

    // Twelve digits and bars may be anything; a card also has a name or a date of birth.
    if scan.name.is_none() && scan.birth.is_none() {
        return Err(ScanError::Unknown);
    }
    scan.compare_with_id();
    Ok(scan)
}
