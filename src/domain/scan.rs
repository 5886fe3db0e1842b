//! What a scanner reads at the admission desk: the QR codes of identity and insurance cards, and the fields of chip
//! readers (`formats/qr.md`).
//!
//! Nothing is guessed: what is no card says so, a field that cannot be read stays empty with a warning, and fields
//! that disagree are kept with a warning, because the person at the desk sees the card and the program does not.
//! `Debug` shows nothing of the person.

mod bhyt;
mod cccd;
mod warning;

use unicode_normalization::UnicodeNormalization;

pub use self::warning::{ScanError, ScanWarning};

use crate::domain::{
    CardNumber, CardSubject, FacilityCode, NationalId, PartialDate, PersonName, Sex, SocialInsuranceNumber,
};

/// Longest payload taken, in bytes. The longest card seen has about 600; an error page of a wrong scanner has more.
pub const SCAN_BYTES_MAX: usize = 4 << 10;

/// What was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanKind {
    /// The QR code of a national identity card: chip card of 2021 or card of 2024 (sections 1 and 2).
    IdentityCard,
    /// The QR code of an insurance card or of VssID (sections 3 and 4).
    InsuranceCard,
    /// A chip reader's fields (section 6).
    Chip,
}

/// How far the reading can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// A number alone, or the number itself could not be read.
    Low,
    /// Of a form that is not surely known, or with parts missing.
    Medium,
    /// Of a form that is known and complete.
    High,
}

/// One card, as read. What the card does not say, or says unreadably, is `None`.
#[derive(Clone, PartialEq, Eq)]
pub struct Scan {
    /// What was scanned.
    pub kind: ScanKind,
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// National ID.
    pub national_id: Option<NationalId>,
    /// The nine-digit number of the identity card before it (số CMND).
    pub old_id: Option<String>,
    /// The number on the insurance card, of either form.
    pub card: Option<CardSubject>,
    /// Full name as written on the card, in NFC with single blanks.
    pub name: Option<String>,
    /// Date of birth, as precise as the card has it.
    pub birth: Option<PartialDate>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Residence, as written.
    pub address: Option<String>,
    /// First-contact facility of the insurance card.
    pub facility: Option<FacilityCode>,
    /// First day the insurance card holds.
    pub valid_from: Option<PartialDate>,
    /// Last day the card holds.
    pub valid_to: Option<PartialDate>,
    /// Day the card was issued.
    pub issued: Option<PartialDate>,
    /// Day from which five years of insurance without a gap are reached.
    pub five_years: Option<PartialDate>,
    /// Office or management code of the insurance card.
    pub office: Option<String>,
    /// Parent or guardian on a child's insurance card.
    pub guardian: Option<String>,
    /// Living-area code: `K1` to `K3`, or a digit.
    pub area: Option<String>,
    /// Fields beyond those known, in order.
    pub extra: Vec<String>,
    /// What was odd, in the order it was noticed.
    pub warnings: Vec<ScanWarning>,
}

/// What a chip reader's companion program sends (section 6), without the photograph and the relatives. Empty texts
/// are fields it did not fill.
#[derive(Clone, Copy, Default)]
pub struct ChipFields<'a> {
    /// `id_card`.
    pub national_id: &'a str,
    /// `old_id_card`.
    pub old_id: &'a str,
    /// `full_name`.
    pub name: &'a str,
    /// `date_of_birth`.
    pub birth: &'a str,
    /// `gender`.
    pub sex: &'a str,
    /// `place_of_residence`.
    pub address: &'a str,
    /// `date_of_issue`.
    pub issued: &'a str,
    /// `date_of_expiry`.
    pub expires: &'a str,
}

// === impl Scan ===

impl Scan {
    /// Reads what a scanner typed, raw.
    pub fn parse(raw: &str) -> Result<Self, ScanError> {
        let text = clean(raw)?;
        if text.is_empty() {
            return Err(ScanError::Empty);
        }
        let fields: Vec<&str> = text.split('|').map(str::trim).collect();
        match fields.as_slice() {
            [alone] => Self::number_alone(alone),
            // The rule of HISPro, but for the ten digits of newer insurance cards, which are digits too.
            [id, ..] if fields.len() >= cccd::FIELDS_MIN && is_digits(id, 12) => cccd::read(&fields),
            [number, ..] if bhyt::is_card_code(number) => bhyt::read(&fields),
            _ => Err(ScanError::Unknown),
        }
    }

    /// Takes what a chip reader's program sent.
    pub fn from_chip(fields: &ChipFields<'_>) -> Result<Self, ScanError> {
        let ChipFields { national_id, old_id, name, birth, sex, address, issued, expires } = *fields;
        let all = [national_id, old_id, name, birth, sex, address, issued, expires];
        if all.iter().map(|field| field.len()).sum::<usize>() > SCAN_BYTES_MAX {
            return Err(ScanError::TooLong);
        }
        let [national_id, old_id, name, birth, sex, address, issued, expires] = all.map(clean_field);
        let mut scan = Self::empty(ScanKind::Chip, Confidence::High);
        scan.take_national_id(&national_id);
        scan.old_id = Some(old_id).filter(|id| is_digits(id, 9));
        scan.take_name(&name);
        scan.birth = scan.date(&birth, ScanWarning::BirthUnreadable);
        scan.sex = scan.sex_of(&sex);
        scan.address = filled(&address);
        scan.issued = scan.date(&issued, ScanWarning::DateUnreadable);
        // Cards of the old have no end: the chip then says so in words.
        scan.valid_to = PartialDate::parse(&expires).ok();
        if scan.national_id.is_none() && scan.name.is_none() {
            return Err(ScanError::Unknown);
        }
        scan.compare_with_id();
        Ok(scan)
    }

    /// What the portal can be asked by: the insurance card's number, or else the national ID (section 7).
    pub fn subject(&self) -> Option<CardSubject> {
        self.card.or(self.national_id.map(CardSubject::NationalId))
    }

    /// The name in the form that is compared and sent.
    pub fn person_name(&self) -> Option<PersonName> {
        self.name.as_deref().and_then(|name| PersonName::parse(name).ok())
    }

    fn empty(kind: ScanKind, confidence: Confidence) -> Self {
        Self {
            kind,
            confidence,
            national_id: None,
            old_id: None,
            card: None,
            name: None,
            birth: None,
            sex: None,
            address: None,
            facility: None,
            valid_from: None,
            valid_to: None,
            issued: None,
            five_years: None,
            office: None,
            guardian: None,
            area: None,
            extra: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A number without fields, as VssID and bar codes have it: it can be looked up once somebody adds name and birth.
    fn number_alone(text: &str) -> Result<Self, ScanError> {
        let mut scan = if let Ok(id) = NationalId::parse(text) {
            Self { national_id: Some(id), ..Self::empty(ScanKind::IdentityCard, Confidence::Low) }
        } else if let Some(card) = bhyt::card_subject(text) {
            Self { card: Some(card), ..Self::empty(ScanKind::InsuranceCard, Confidence::Low) }
        } else if looks_like_vneid(text) {
            return Err(ScanError::UnsupportedVneid);
        } else {
            return Err(ScanError::Unknown);
        };
        scan.warn(ScanWarning::NumberOnly);
        Ok(scan)
    }

    fn warn(&mut self, warning: ScanWarning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn take_national_id(&mut self, text: &str) {
        self.national_id = NationalId::parse(text).ok();
        if self.national_id.is_none() {
            self.confidence = Confidence::Low;
            self.warn(ScanWarning::IdUnreadable);
        }
    }

    fn take_name(&mut self, text: &str) {
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if PersonName::parse(&name).is_ok() {
            self.name = Some(name);
        } else {
            self.confidence = self.confidence.min(Confidence::Medium);
            self.warn(ScanWarning::NameUnreadable);
        }
    }

    fn date(&mut self, text: &str, unreadable: ScanWarning) -> Option<PartialDate> {
        if matches!(text, "" | "-") {
            return None;
        }
        let date = PartialDate::parse(text).ok();
        if date.is_none() {
            self.confidence = self.confidence.min(Confidence::Medium);
            self.warn(unreadable);
        }
        date
    }

    fn sex_of(&mut self, text: &str) -> Option<Sex> {
        if text.is_empty() {
            return None;
        }
        let sex = Sex::parse(text);
        if sex.is_none() {
            self.warn(ScanWarning::SexUnreadable);
        }
        sex
    }

    /// The fourth to sixth digits of an ID tell sex and year of birth; a card that says otherwise was misread or is
    /// not the person's.
    fn compare_with_id(&mut self) {
        let Some(id) = self.national_id else { return };
        // Sandbox ids are numbered, not built.
        if id.is_sandbox_only() {
            return;
        }
        if self.sex.is_some_and(|sex| sex != id.sex()) {
            self.warn(ScanWarning::SexDiffersFromId);
        }
        if self.birth.is_some_and(|birth| birth.calendar_year() != id.birth_year()) {
            self.warn(ScanWarning::BirthYearDiffersFromId);
        }
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("kind", &self.kind)
            .field("confidence", &self.confidence)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ChipFields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChipFields(redacted)")
    }
}

// === impl ScanKind, Confidence ===

impl ScanKind {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdentityCard => "cccd",
            Self::InsuranceCard => "bhyt",
            Self::Chip => "chip",
        }
    }
}

impl Confidence {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "thap",
            Self::Medium => "trung_binh",
            Self::High => "cao",
        }
    }
}

/// Bounded, in NFC, without the control characters scanners end with and the mark some begin with.
fn clean(raw: &str) -> Result<String, ScanError> {
    if raw.len() > SCAN_BYTES_MAX {
        return Err(ScanError::TooLong);
    }
    Ok(clean_field(raw))
}

fn clean_field(raw: &str) -> String {
    let kept = raw.chars().filter(|character| !character.is_control() && *character != '\u{FEFF}');
    kept.nfc().collect::<String>().trim().to_owned()
}

fn filled(text: &str) -> Option<String> {
    (!matches!(text, "" | "-")).then(|| text.to_owned())
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Session codes of VNeID, which only the police system resolves: a link, a signed token, base64, or a short random
/// string (section 5). A plain word is none of these.
fn looks_like_vneid(text: &str) -> bool {
    if text.contains("://") {
        return true;
    }
    let token = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.:".contains(&byte));
    let mixed = text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    token && ((mixed && text.len() >= 6) || text.len() >= 24)
}

#[cfg(test)]
mod tests;
