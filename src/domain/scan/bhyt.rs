//! The QR code of insurance cards: names and addresses in the hexadecimal digits of their UTF-8, so that any keyboard
//! layout lets them through (`formats/qr.md`, section 3).

use unicode_normalization::UnicodeNormalization;

use super::{
    CardNumber, CardSubject, Confidence, Scan, ScanError, ScanKind, ScanWarning, SocialInsuranceNumber, filled,
};
use crate::domain::{FacilityCode, Sex};

/// Fields of a whole code, with the end mark.
const FIELDS: usize = 15;
/// Number, name, birth: with fewer no card can be looked up.
const FIELDS_MIN: usize = 3;

/// Whether the first field can be an insurance card's number: its shape only, so that a card with a number unknown to
/// us is still known for a card.
pub(super) fn is_card_code(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        10 => digits(text),
        15 => {
            let letters = text.bytes().take(2).all(|byte| byte.is_ascii_alphabetic());
            letters && digits(text.get(2..).unwrap_or_default())
        }
        _ => false,
    }
}

/// The number of an insurance card, of either form.
pub(super) fn card_subject(text: &str) -> Option<CardSubject> {
    let card = CardNumber::parse(text).map(CardSubject::CardNumber);
    card.or_else(|| SocialInsuranceNumber::parse(text).map(CardSubject::SocialInsuranceNumber))
}

/// Reads the fields of a code whose first field [`is_card_code`].
pub(super) fn read(fields: &[&str]) -> Result<Scan, ScanError> {
    if fields.len() < FIELDS_MIN {
        return Err(ScanError::Unknown);
    }
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let mut scan = Scan::empty(ScanKind::InsuranceCard, Confidence::High);

    scan.card = card_subject(field(0));
    if scan.card.is_none() {
        scan.confidence = Confidence::Low;
        scan.warn(ScanWarning::CardNumberUnreadable);
    }
    let name = scan.hex(field(1));
    scan.take_name(&name);
    scan.birth = scan.date(field(2), ScanWarning::BirthUnreadable);
    // Every reader seen takes 1 for male and all else for female.
    scan.sex = filled(field(3)).map(|sex| if sex == "1" { Sex::Male } else { Sex::Female });
    let address = scan.hex(field(4));
    scan.address = filled(&address);
    scan.facility = scan.first_contact(field(5));
    scan.valid_from = scan.date(field(6), ScanWarning::DateUnreadable);
    scan.valid_to = scan.date(field(7), ScanWarning::DateUnreadable);
    scan.issued = scan.date(field(8), ScanWarning::DateUnreadable);
    scan.office = filled(field(9));
    let guardian = scan.hex(field(10));
    scan.guardian = filled(&guardian);
    scan.area = filled(field(11));
    scan.five_years = scan.date(field(12), ScanWarning::DateUnreadable);
    // Field 13 is a check string nobody can check; it is dropped here and so logged nowhere.
    if fields.len() < FIELDS || !fields.contains(&"$") {
        scan.confidence = scan.confidence.min(Confidence::Medium);
        scan.warn(ScanWarning::Incomplete);
    }
    scan.extra =
        fields.iter().skip(FIELDS).filter(|field| !field.is_empty()).map(|field| (*field).to_owned()).collect();

    if scan.name.is_none() && scan.birth.is_none() {
        return Err(ScanError::Unknown);
    }
    Ok(scan)
}

impl Scan {
    /// Hexadecimal digits as text; what is none is taken as it stands (other programs fall back the same way).
    fn hex(&mut self, field: &str) -> String {
        if field.is_empty() || !field.len().is_multiple_of(2) || !field.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return field.to_owned();
        }
        let digits: Vec<u32> = field.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let bytes = digits.chunks_exact(2).filter_map(|pair| match pair {
            // Two digits make at most 255.
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        });
        match String::from_utf8(bytes.collect()) {
            Ok(text) => {
                text.chars().filter(|character| !character.is_control()).nfc().collect::<String>().trim().to_owned()
            }
            Err(_) => {
                self.confidence = self.confidence.min(Confidence::Medium);
                self.warn(ScanWarning::TextUnreadable);
                field.to_owned()
            }
        }
    }

    /// `PP - CCC` with a hyphen, an en dash or a blank.
    fn first_contact(&mut self, field: &str) -> Option<FacilityCode> {
        let code: String = field.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–' | '—')).collect();
        if code.is_empty() {
            return None;
        }
        let facility = FacilityCode::parse(&code).ok();
        if facility.is_none() {
            self.warn(ScanWarning::FacilityUnreadable);
        }
        facility
    }
}
