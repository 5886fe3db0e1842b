//! What was scanned against what the portal has, field by field (`formats/qr.md`, section 7). Pure.
//!
//! A clerk sees at once whose papers are out of date, or that the wrong card lies on the desk. Nothing is said where one
//! side is empty or cannot be read: that is no difference. An identity card is not held to the insurance card's dates.

use unicode_normalization::UnicodeNormalization;

use crate::domain::scan::{Scan, ScanKind};
use crate::domain::{Bilingual, CardNumber, CardSubject, FacilityCode, PartialDate, PersonName, Sex};
use crate::portal::reply::{CardAnswer, CardFacts, NewCard};

/// One field in which scan and answer differ. `Debug` shows the code alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Stable code, `scan.…_differs`.
    pub code: &'static str,
    /// The field, by the portal's name.
    pub field: &'static str,
    /// What was scanned; dates in ISO 8601.
    pub scanned: String,
    /// What the portal has, in the same form.
    pub portal: String,
    /// In words, without data of the person.
    pub label: Bilingual,
}

impl std::fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mismatch({})", self.code)
    }
}

/// Where scan and answer differ. An answer that tells of no holder has nothing to compare with.
pub fn compare(scan: &Scan, answer: &CardAnswer) -> Vec<Mismatch> {
    let card = &answer.card;
    if card.holder.trim().is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    if scan.kind == ScanKind::InsuranceCard {
        compare_cards(scan, answer, &mut found);
    }
    found.extend(differ(&NAME, scan.name.as_deref().map(name), filled(&card.holder).map(name)));
    let birth = PartialDate::parse(&card.birth).ok();
    found.extend(differing_dates(&BIRTH, scan.birth, birth));
    let sex = |sex: Sex| sex.vietnamese().to_lowercase();
    found.extend(differ(&SEX, scan.sex.map(sex), Sex::parse(&card.sex).map(sex)));
    let (scanned, known) = (scan.address.as_deref().and_then(filled), filled(&card.address));
    if let (Some(scanned), Some(known)) = (scanned, known)
        && letters_and_digits(scanned) != letters_and_digits(known)
    {
        found.push(ADDRESS.mismatch(scanned.to_owned(), known.to_owned()));
    }
    found
}

/// What stands on an insurance card only.
fn compare_cards(scan: &Scan, answer: &CardAnswer, found: &mut Vec<Mismatch>) {
    let side = Side::of(scan, answer);
    let number = match scan.card {
        Some(CardSubject::CardNumber(number)) => Some(number),
        _ => None,
    };
    // Asked by another number, the portal may echo that one; it is no card's.
    let text = |number: CardNumber| number.as_str().to_owned();
    let known = CardNumber::parse(side.number.trim()).map(text);
    found.extend(differ(&CARD_NUMBER, number.map(text), known));
    let insured = match scan.card {
        Some(CardSubject::SocialInsuranceNumber(number)) => Some(number.as_str().to_owned()),
        _ => number.and_then(|number| number.as_str().get(5..).map(str::to_owned)),
    };
    // The portal was seen to write it as a number, which has no zeros in front.
    let ten_digits = |text: &str| format!("{text:0>10}");
    found.extend(differ(&INSURANCE_NUMBER, insured, filled(&answer.card.social_insurance_number).map(ten_digits)));
    found.extend(differing_dates(&VALID_FROM, scan.valid_from, PartialDate::parse(side.valid_from).ok()));
    found.extend(differing_dates(&VALID_TO, scan.valid_to, PartialDate::parse(side.valid_to).ok()));
    let first_contact = FacilityCode::parse(side.first_contact.trim()).ok();
    let shown = |code: FacilityCode| code.to_string();
    found.extend(differ(&FIRST_CONTACT, scan.facility.map(shown), first_contact.map(shown)));
    let scanned_area = scan.area.as_deref().and_then(living_area);
    found.extend(differ(&LIVING_AREA, scanned_area, living_area(&answer.card.area)));
    let five_years = PartialDate::parse(&answer.card.five_years).ok();
    found.extend(differing_dates(&FIVE_YEARS, scan.five_years, five_years));
}

/// The card of the answer that a scan is held against.
struct Side<'a> {
    number: &'a str,
    valid_from: &'a str,
    valid_to: &'a str,
    first_contact: &'a str,
}

impl<'a> Side<'a> {
    /// The new card for who scanned the new card; the asked one otherwise. Where both have one number, as after a
    /// renewal, the first day tells them apart.
    fn of(scan: &Scan, answer: &'a CardAnswer) -> Self {
        let CardFacts { number, valid_from, valid_to, first_contact, .. } = &answer.card;
        let asked = Self { number, valid_from, valid_to, first_contact };
        let Some(NewCard { number, valid_from, valid_to, first_contact, .. }) =
            answer.new_card.as_ref().filter(|_| answer.has_other_card())
        else {
            return asked;
        };
        let new = Self { number, valid_from, valid_to, first_contact };
        let Some(CardSubject::CardNumber(scanned)) = scan.card else { return asked };
        let is = |side: &Self| side.number.trim().eq_ignore_ascii_case(scanned.as_str());
        let begins = |side: &Self| {
            let from = PartialDate::parse(side.valid_from).ok();
            scan.valid_from.zip(from).is_some_and(|(scanned, from)| scanned.agrees_with(from))
        };
        if is(&new) && (!is(&asked) || (begins(&new) && !begins(&asked))) { new } else { asked }
    }
}

/// One row of the table of fields.
struct Field {
    code: &'static str,
    name: &'static str,
    label: (&'static str, &'static str),
}

impl Field {
    fn mismatch(&self, scanned: String, portal: String) -> Mismatch {
        let label = Bilingual::fixed(self.label.0, self.label.1);
        Mismatch { code: self.code, field: self.name, scanned, portal, label }
    }
}

const CARD_NUMBER: Field = Field {
    code: "scan.card_number_differs",
    name: "maThe",
    label: ("Số thẻ trên cổng khác thẻ quét", "The card number at the portal differs from the scan"),
};
const INSURANCE_NUMBER: Field = Field {
    code: "scan.social_insurance_number_differs",
    name: "maSoBHXH",
    label: ("Mã số BHXH trên cổng khác thẻ quét", "The social-insurance number at the portal differs from the scan"),
};
const VALID_FROM: Field = Field {
    code: "scan.valid_from_differs",
    name: "gtTheTu",
    label: ("Ngày bắt đầu hạn thẻ trên cổng khác thẻ quét", "The first day at the portal differs from the scan"),
};
const VALID_TO: Field = Field {
    code: "scan.valid_to_differs",
    name: "gtTheDen",
    label: ("Ngày hết hạn thẻ trên cổng khác thẻ quét", "The last day at the portal differs from the scan"),
};
const FIRST_CONTACT: Field = Field {
    code: "scan.first_contact_differs",
    name: "maDKBD",
    label: (
        "Nơi đăng ký khám ban đầu trên cổng khác thẻ quét",
        "The first-contact facility at the portal differs from the scan",
    ),
};
const LIVING_AREA: Field = Field {
    code: "scan.living_area_differs",
    name: "maKV",
    label: ("Mã nơi sinh sống trên cổng khác thẻ quét", "The living area at the portal differs from the scan"),
};
const FIVE_YEARS: Field = Field {
    code: "scan.five_years_differs",
    name: "ngayDu5Nam",
    label: ("Ngày đủ 5 năm liên tục trên cổng khác thẻ quét", "The five-year date at the portal differs from the scan"),
};
const NAME: Field = Field {
    code: "scan.name_differs",
    name: "hoTen",
    label: ("Họ tên trên cổng khác thẻ quét", "The name at the portal differs from the scan"),
};
const BIRTH: Field = Field {
    code: "scan.birth_differs",
    name: "ngaySinh",
    label: ("Ngày sinh trên cổng khác thẻ quét", "The birth date at the portal differs from the scan"),
};
const SEX: Field = Field {
    code: "scan.sex_differs",
    name: "gioiTinh",
    label: ("Giới tính trên cổng khác thẻ quét", "The sex at the portal differs from the scan"),
};
const ADDRESS: Field = Field {
    code: "scan.address_differs",
    name: "diaChi",
    label: ("Địa chỉ trên cổng khác thẻ quét", "The address at the portal differs from the scan"),
};

fn differ(field: &Field, scanned: Option<String>, portal: Option<String>) -> Option<Mismatch> {
    let (scanned, portal) = scanned.zip(portal)?;
    (scanned != portal).then(|| field.mismatch(scanned, portal))
}

fn differing_dates(field: &Field, scanned: Option<PartialDate>, portal: Option<PartialDate>) -> Option<Mismatch> {
    let (scanned, portal) = scanned.zip(portal)?;
    (!scanned.agrees_with(portal)).then(|| field.mismatch(scanned.iso(), portal.iso()))
}

fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !matches!(*text, "" | "-"))
}

/// A name in the form in which names are compared; what is no name is compared as it stands.
fn name(text: &str) -> String {
    PersonName::parse(text).map_or_else(|_| text.nfc().collect(), |name| name.as_str().to_owned())
}

/// Places are written with and without commas, hyphens and blanks.
fn letters_and_digits(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// K1 to K3. The digit that cards carry instead is not held against it: nobody has said what it stands for.
fn living_area(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    matches!(code.as_str(), "K1" | "K2" | "K3").then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    /// An insurance card's code; the fields by their place in `formats/qr.md`, section 3.
    fn card(changed: &[(usize, &str)]) -> Scan {
        let name = hex("Nguyễn Văn Thử");
        let address = hex("Thôn Mẫu, Xã Ví Dụ, Tỉnh Thử Nghiệm");
        let mut fields = vec![
            "GD4010199999991",
            &name,
            "01/01/1980",
            "1",
            &address,
            "01 - 999",
            "01/01/2026",
            "31/12/2026",
            "02/01/2026",
            "x",
            "-",
            "4",
            "01/01/2030",
            "0f",
            "$",
        ];
        for (place, value) in changed {
            fields[*place] = value;
        }
        Scan::parse(&fields.join("|")).unwrap()
    }

    fn answer() -> CardAnswer {
        let card = CardFacts {
            number: "GD4010199999991".into(),
            holder: "Nguyễn Văn Thử".into(),
            birth: "01/01/1980".into(),
            sex: "Nam".into(),
            address: "Thôn Mẫu - Xã Ví Dụ - Tỉnh Thử Nghiệm".into(),
            first_contact: "01999".into(),
            valid_from: "01/01/2026".into(),
            valid_to: "31/12/2026".into(),
            five_years: "01/01/2030".into(),
            social_insurance_number: "199999991".into(),
            ..CardFacts::default()
        };
        CardAnswer { code: "000".into(), card, ..CardAnswer::default() }
    }

    fn told(scan: &Scan, answer: &CardAnswer) -> Vec<(&'static str, String, String)> {
        compare(scan, answer).into_iter().map(|found| (found.code, found.scanned, found.portal)).collect()
    }

    #[test]
    fn what_is_only_written_differently_is_no_difference() {
        assert_eq!(told(&card(&[]), &answer()), []);
        let decomposed: String = "NGUYỄN  VĂN THỬ".nfd().collect();
        let decomposed = hex(&decomposed);
        for changed in [
            (1, decomposed.as_str()),
            (2, "1980"),
            (2, "01/1980"),
            (3, "1"),
            (5, "01999"),
            (6, "-"),
            (7, ""),
            (12, "-"),
            (11, "K1"),
            (0, "0199999991"),
        ] {
            assert_eq!(told(&card(&[changed]), &answer()), [], "{changed:?}");
        }
    }

    #[test]
    fn each_field_has_its_own_warning() {
        let mut answer = answer();
        answer.card.area = "K2".into();
        let (name, address) = (hex("Nguyễn Văn Thư"), hex("Phường Khác"));
        for (changed, code, scanned, portal) in [
            ((1, name.as_str()), "scan.name_differs", "NGUYỄN VĂN THƯ", "NGUYỄN VĂN THỬ"),
            ((2, "02/01/1980"), "scan.birth_differs", "1980-01-02", "1980-01-01"),
            ((2, "1981"), "scan.birth_differs", "1981", "1980-01-01"),
            ((3, "2"), "scan.sex_differs", "nữ", "nam"),
            ((4, address.as_str()), "scan.address_differs", "Phường Khác", "Thôn Mẫu - Xã Ví Dụ - Tỉnh Thử Nghiệm"),
            ((5, "79 - 001"), "scan.first_contact_differs", "79001", "01999"),
            ((6, "01/02/2026"), "scan.valid_from_differs", "2026-02-01", "2026-01-01"),
            ((7, "30/06/2026"), "scan.valid_to_differs", "2026-06-30", "2026-12-31"),
            ((11, "k1"), "scan.living_area_differs", "K1", "K2"),
            ((12, "01/01/2031"), "scan.five_years_differs", "2031-01-01", "2030-01-01"),
            ((0, "DN4010199999991"), "scan.card_number_differs", "DN4010199999991", "GD4010199999991"),
            ((0, "0199999992"), "scan.social_insurance_number_differs", "0199999992", "0199999991"),
        ] {
            let expected = [(code, scanned.to_owned(), portal.to_owned())];
            assert_eq!(told(&card(&[changed]), &answer), expected, "{changed:?}");
        }
        // Another person's card altogether: both its numbers differ.
        let codes: Vec<_> = told(&card(&[(0, "GD4010199999992")]), &answer).into_iter().map(|told| told.0).collect();
        assert_eq!(codes, ["scan.card_number_differs", "scan.social_insurance_number_differs"]);
    }

    #[test]
    fn an_identity_card_is_held_to_the_person_only() {
        let raw = "001080012345||Nguyễn Văn Thử|01011980|Nam|Xã Khác|01072021";
        let codes: Vec<_> = told(&Scan::parse(raw).unwrap(), &answer()).into_iter().map(|told| told.0).collect();
        assert_eq!(codes, ["scan.address_differs"]);
        let chip = crate::domain::scan::ChipFields {
            national_id: "001080012345",
            name: "Nguyễn Văn Thử",
            expires: "01/01/2040",
            ..crate::domain::scan::ChipFields::default()
        };
        assert_eq!(told(&Scan::from_chip(&chip).unwrap(), &answer()), [], "the chip's end is not the insurance's");
    }

    #[test]
    fn the_new_card_is_held_to_the_new_card() {
        let mut answer = answer();
        answer.new_card = Some(NewCard {
            number: "DN4010199999991".into(),
            valid_from: "01/01/2027".into(),
            valid_to: "31/12/2027".into(),
            first_contact: "79001".into(),
            ..NewCard::default()
        });
        let new = [(0, "DN4010199999991"), (5, "79-001"), (6, "01/01/2027"), (7, "31/12/2027")];
        assert_eq!(told(&card(&new), &answer), []);
        assert_eq!(told(&card(&[]), &answer), [], "the old card is held to the old one");
        // Renewed under the same number: the first day tells.
        answer.new_card.as_mut().unwrap().number = "GD4010199999991".into();
        assert_eq!(told(&card(&new[1..]), &answer), []);
        assert_eq!(told(&card(&[]), &answer), []);
    }

    #[test]
    fn who_was_refused_has_nothing_to_compare() {
        let mut refused = answer();
        refused.card = CardFacts { number: "DN4010199999991".into(), ..CardFacts::default() };
        assert_eq!(told(&card(&[]), &refused), []);
    }

    #[test]
    fn debug_shows_nobody() {
        let shown = format!("{:?}", compare(&card(&[(2, "1981")]), &answer()));
        assert_eq!(shown, "[Mismatch(scan.birth_differs)]");
    }
}
