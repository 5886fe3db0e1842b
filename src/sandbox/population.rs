//! The invented population: whoever is asked for, the sandbox has somebody.
//!
//! A person is a pure function of ten digits, the social-insurance number, and those are a pure function of the
//! national ID: two digits of the place, the digit of century and sex, two of the year, and five that are the last
//! five of the ID in a fixed shuffle. So one person is found by national ID, by card and by social-insurance number,
//! at every start and on every machine, without a table. The price: IDs that differ only in their seventh digit, or
//! in a country code, are one person. Nobody here is real; a real ID put in meets an invented name.

pub(super) mod lists;

use jiff::civil::Date;

use crate::domain::{NationalId, PartialDate, Sex};
use crate::sandbox::faults::{GOLDEN, mix};

/// One of the invented insured, as the portal's books have them.
#[derive(Clone, Debug, PartialEq)]
pub struct InsuredPerson {
    /// The national ID asked for; for a person found by another number, the first ID that leads to them.
    pub national_id: NationalId,
    /// The name as the portal prints it, NFC: `Trần Văn A`.
    pub name: String,
    /// A whole day, or for some of the old only the year.
    pub birth_date: PartialDate,
    /// Agrees with the national ID.
    pub sex: Sex,
    /// The card in force, or the newest one: 15 characters.
    pub card: String,
    /// The earlier card, where the code is 003 or 004: that is the card on record, and `card` the new one.
    pub old_card: Option<String>,
    /// Ten digits, the last ten of every card of this person.
    pub social_insurance_number: String,
    /// Commune and province.
    pub address: String,
    /// The facility of first contact: 5 digits.
    pub facility: String,
    /// Its name.
    pub facility_name: String,
    /// The office that issued the card (`cqBHXH`).
    pub office: String,
    /// `K1`, `K2`, `K3` or empty (`maKV`).
    pub living_area: &'static str,
    /// When five unbroken years were or will be reached.
    pub five_years_on: Date,
    /// The result code a right question brings (`portal-api.md`, section 2.2): `050` means the books do not have them.
    pub code: String,
}

/// The magic code of somebody whose card has other facts from its second look on.
pub(super) const MOVES: &str = "907";

/// The magic code of somebody who lies in another hospital.
pub(super) const STILL_IN: &str = "908";

/// The facility that both have to do with.
pub(super) const ELSEWHERE: &str = "79001";

/// From the first to the last day a card is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Date,
    pub(super) to: Date,
}

/// The person behind a national ID, always the same one. A magic ID (`000080000NNN`) is Nguyễn Văn Thử with the code
/// `NNN`.
pub fn person_of(id: &NationalId) -> InsuredPerson {
    match id.sandbox_code() {
        Some(code) => tester(*id, format!("{code:03}")),
        None => invented(*id, &ten_digits_of(id)),
    }
}

/// A person, no magic one, for whom a right question brings `code`; `None` for the codes that no person has:
/// 054 and 055 (name another officer, or misname one), 060, 061 and 070 (misname a person, or their birthday), 205
/// (leave a field out) and 401 (no session). For 051, 052 and 053 the person is in order and `card` is misprinted:
/// ask by `card`.
pub fn example_for_code(code: &str) -> Option<InsuredPerson> {
    if let "051" | "052" | "053" = code {
        let mut person = example_for_code("000")?;
        let (group, entitlement, province) = match code {
            "051" => ("XX", person.card.get(2..3)?, person.card.get(3..5)?),
            "052" => (person.card.get(..2)?, person.card.get(2..3)?, "99"),
            // Any other entitlement than the person's own is the wrong one.
            _ if person.card.get(2..3) == Some("5") => (person.card.get(..2)?, "1", person.card.get(3..5)?),
            _ => (person.card.get(..2)?, "5", person.card.get(3..5)?),
        };
        person.card = format!("{group}{entitlement}{province}{}", person.social_insurance_number);
        return Some(person);
    }
    if !lists::PERSONAL_CODES.iter().any(|(known, _)| *known == code) {
        return None;
    }
    // A woman of Ha Noi born 1985; for the code of children a girl born 2022. The rarest code falls to 5 of 100,000,
    // and the five shuffled digits run through every remainder, so each search ends well before its bound.
    let prefix = if code == "130" { "001322" } else { "001185" };
    (0..100_000)
        .filter_map(|number| NationalId::parse(&format!("{prefix}{number:06}")).ok())
        .find(|id| code_of(&ten_digits_of(id), id.birth_year()) == code)
        .map(|id| person_of(&id))
}

/// The person with this social-insurance number; `None` only for ten characters that are no number.
pub(super) fn person_by_number(digits: &str) -> Option<InsuredPerson> {
    if [TESTER_NUMBER, TESTER_NUMBER_NEW, TESTER_NUMBER_MOVES].contains(&digits) {
        return NationalId::parse("000080000000").ok().map(|id| person_of(&id));
    }
    let (place, middle, last) = (digits.get(..2)?, digits.get(2..5)?, digits.get(5..10)?);
    let shuffled: u64 = last.parse().ok()?;
    let number = (shuffled + LAST_FIVE - shift(place, middle)) % LAST_FIVE * power(STRIDE, 39_999) % LAST_FIVE;
    let id = ["0", "1"]
        .iter()
        .find_map(|century| NationalId::parse(&format!("{century}{place}{middle}0{number:05}")).ok())?;
    Some(invented(id, digits))
}

impl InsuredPerson {
    /// Who this is at the next look, where that is another picture: for [`MOVES`] registered elsewhere, in another area.
    pub(super) fn after_a_move(&self) -> Option<Self> {
        let moved = || Self { facility: ELSEWHERE.to_owned(), living_area: "K1", ..self.clone() };
        (self.code == MOVES).then(moved)
    }

    /// The validity of the card on record (the old one, where there is a new one).
    pub(super) fn validity(&self, today: Date) -> Validity {
        match self.code.as_str() {
            "010" | "003" => whole_year(today.year() - 1),
            _ => whole_year(today.year()),
        }
    }

    /// The validity of the newest card.
    pub(super) fn new_validity(&self, today: Date) -> Validity {
        match self.code.as_str() {
            "003" => whole_year(today.year()),
            // Issued ahead of the end of the old one.
            "004" => whole_year(today.year() + 1),
            _ => self.validity(today),
        }
    }
}

/// How many values the last five digits have.
const LAST_FIVE: u64 = 100_000;

/// What the last five digits are multiplied with in the shuffle; prime to 100,000, so the shuffle can be undone
/// (its inverse is its 39,999th power, Euler's totient of 100,000 being 40,000).
const STRIDE: u64 = 38_917;

const TESTER_NUMBER: &str = "0000000001";
const TESTER_NUMBER_NEW: &str = "0000000002";
const TESTER_NUMBER_MOVES: &str = "0000000003";

/// The social-insurance number of a national ID.
fn ten_digits_of(id: &NationalId) -> String {
    let text = id.as_str();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let place: u64 = part(0, 3).parse().unwrap_or_default();
    // 97 to 99 are no province: the people born abroad.
    let place = if place < 100 { format!("{place:02}") } else { (97 + place % 3).to_string() };
    let middle = part(3, 6);
    let number: u64 = part(7, 12).parse().unwrap_or_default();
    let shuffled = (number * STRIDE + shift(&place, middle)) % LAST_FIVE;
    format!("{place}{middle}{shuffled:05}")
}

fn shift(place: &str, middle: &str) -> u64 {
    hash(&format!("{place}{middle}")) % LAST_FIVE
}

fn power(base: u64, exponent: u32) -> u64 {
    (0..u32::BITS - exponent.leading_zeros()).rev().fold(1, |product, bit| {
        let square = product * product % LAST_FIVE;
        if exponent >> bit & 1 == 1 { square * base % LAST_FIVE } else { square }
    })
}

/// The same on every machine and in every version: the population hangs on it.
fn hash(text: &str) -> u64 {
    mix(text.bytes().fold(GOLDEN, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)))
}

/// The result code that falls to ten digits: about 88 of 100 people are in order.
fn code_of(digits: &str, birth_year: i16) -> &'static str {
    let mut drawn = hash(digits) % 100_000;
    for (code, share) in lists::PERSONAL_CODES {
        if drawn < share {
            // Only a child can be a child without a card.
            return if code == "130" && birth_year < 2015 { "000" } else { code };
        }
        drawn -= share;
    }
    "000"
}

fn invented(id: NationalId, digits: &str) -> InsuredPerson {
    let code = code_of(digits, id.birth_year());
    let mut state = hash(digits);
    let mut draw = |count: usize| {
        state = state.wrapping_add(GOLDEN);
        usize::try_from(mix(state) % count.max(1) as u64).unwrap_or_default()
    };
    let mut pick = |list: &'static [&'static str]| list.get(draw(list.len())).copied().unwrap_or_default();
    let (middles, givens) = match id.sex() {
        Sex::Male => (lists::MIDDLE_NAMES_OF_MEN, lists::GIVEN_NAMES_OF_MEN),
        Sex::Female => (lists::MIDDLE_NAMES_OF_WOMEN, lists::GIVEN_NAMES_OF_WOMEN),
    };
    let name = format!("{} {} {}", pick(lists::SURNAMES), pick(middles), pick(givens));
    let commune = pick(lists::COMMUNES);
    let living_area = pick(lists::LIVING_AREAS);
    let clinic = pick(lists::CLINICS);
    let day = Date::new(id.birth_year(), 1 + draw(12) as i8, 1 + draw(28) as i8).unwrap_or(Date::MIN);
    // Of the old, one in twenty has only a year on the card.
    let year_alone = PartialDate::parse(&id.birth_year().to_string()).ok().filter(|_| id.birth_year() < 1955);
    let birth_date = year_alone.filter(|_| draw(20) == 0).unwrap_or(PartialDate::from(day));
    let (group, entitlement) = group_of(code, id.birth_year(), draw(lists::GROUPS_OF_ADULTS.len()));
    let (place, province) = lists::province(digits.get(..2).unwrap_or_default());
    let old_group = if group == "GD" { ("DN", 4) } else { ("GD", 4) };
    InsuredPerson {
        national_id: id,
        name,
        birth_date,
        sex: id.sex(),
        card: format!("{group}{entitlement}{place}{digits}"),
        old_card: matches!(code, "003" | "004").then(|| format!("{}{}{place}{digits}", old_group.0, old_group.1)),
        social_insurance_number: digits.to_owned(),
        address: format!("{commune}, {province}"),
        facility: format!("{place}{:03}", 1 + draw(200)),
        facility_name: clinic.to_owned(),
        office: format!("Bảo hiểm Xã hội {province}"),
        living_area,
        five_years_on: Date::new(2017 + draw(12) as i16, 1 + draw(12) as i8, 1).unwrap_or(Date::MIN),
        code: code.to_owned(),
    }
}

/// Group and entitlement of a card. Soldiers and police have groups of their own, children and pupils too.
fn group_of(code: &str, birth_year: i16, drawn: usize) -> (&'static str, u8) {
    match (code, birth_year) {
        ("001", _) => ("QN", 5),
        ("002", _) => ("CA", 5),
        (_, 2020..) => ("TE", 1),
        (_, 2008..) => ("HS", 4),
        (_, ..1965) => ("HT", 3),
        _ => lists::GROUPS_OF_ADULTS.get(drawn).copied().unwrap_or(("GD", 4)),
    }
}

/// Nguyễn Văn Thử of the magic IDs (`api.md`, section 7).
fn tester(id: NationalId, code: String) -> InsuredPerson {
    let renewed = matches!(code.as_str(), "003" | "004");
    let number = match code.as_str() {
        _ if renewed => TESTER_NUMBER_NEW,
        // Looks at the other testers are none at this one.
        MOVES => TESTER_NUMBER_MOVES,
        _ => TESTER_NUMBER,
    };
    InsuredPerson {
        national_id: id,
        name: "Nguyễn Văn Thử".to_owned(),
        birth_date: PartialDate::from(Date::constant(1980, 1, 1)),
        sex: Sex::Male,
        card: format!("GD400{number}"),
        old_card: renewed.then(|| format!("GD400{TESTER_NUMBER}")),
        social_insurance_number: number.to_owned(),
        address: "Phường Thử Nghiệm, Thành phố Hà Nội".to_owned(),
        facility: "01999".to_owned(),
        facility_name: "Phòng khám đa khoa Thử Nghiệm".to_owned(),
        office: "Bảo hiểm Xã hội Thành phố Hà Nội".to_owned(),
        living_area: "",
        five_years_on: Date::constant(2020, 1, 1),
        code,
    }
}

fn whole_year(year: i16) -> Validity {
    Validity { from: Date::new(year, 1, 1).unwrap_or(Date::MIN), to: Date::new(year, 12, 31).unwrap_or(Date::MAX) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{CardNumber, FacilityCode, PersonName, SocialInsuranceNumber};

    fn id(text: &str) -> NationalId {
        NationalId::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn every_id_has_one_consistent_person(place in 1u16..1000, rest in 0u32..1_000_000_000) {
            let Ok(id) = NationalId::parse(&format!("{place:03}{rest:09}")) else { return Ok(()) };
            let person = person_of(&id);
            prop_assert_eq!(&person, &person_of(&id));
            prop_assert_eq!(person.national_id, id);
            prop_assert_eq!(person.sex, id.sex());
            prop_assert_eq!(person.birth_date.calendar_year(), id.birth_year());
            prop_assert!(PersonName::parse(&person.name).is_ok());
            prop_assert!(CardNumber::parse(&person.card).is_some());
            prop_assert!(SocialInsuranceNumber::parse(&person.social_insurance_number).is_some());
            prop_assert!(FacilityCode::parse(&person.facility).is_ok());
            let by_number = person_by_number(&person.social_insurance_number).unwrap();
            prop_assert_eq!(InsuredPerson { national_id: id, ..by_number }, person);
        }
    }

    #[test]
    fn neighbours_do_not_share_a_number() {
        let numbers: std::collections::HashSet<_> =
            (0..10_000).map(|n| person_of(&id(&format!("0011850{n:05}"))).social_insurance_number).collect();
        assert_eq!(numbers.len(), 10_000);
    }

    #[test]
    fn about_88_of_100_are_in_order() {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for number in 0..50_000 {
            *counts.entry(person_of(&id(&format!("0793{:02}{number:06}", number % 25))).code).or_default() += 1;
        }
        assert!((43_000..45_000).contains(&counts["000"]), "{counts:?}");
        assert!(counts["050"] > 300, "{counts:?}");
    }

    #[test]
    fn every_code_of_a_person_has_an_example() {
        for (code, _) in lists::RESULT_CODES {
            let example = example_for_code(code);
            let personless = matches!(code, "054" | "055" | "060" | "061" | "070" | "205" | "401");
            assert_eq!(example.is_none(), personless, "{code}");
            if !personless && !matches!(code, "051" | "052" | "053") {
                assert_eq!(example.unwrap().code, code);
            }
        }
        assert_eq!(example_for_code("999"), None);
    }

    #[test]
    fn a_person_of_the_population_stays_the_same_in_every_version() {
        let person = person_of(&id("001185012345"));
        assert_eq!(
            (person.name.as_str(), person.birth_date.portal().as_str(), person.card.as_str(), person.code.as_str()),
            ("Phạm Bảo Huệ", "20/03/1985", "GD4010118515732", "000")
        );
    }

    #[test]
    fn the_tester_plays_the_code_of_the_id() {
        let person = person_of(&id("000080000010"));
        assert_eq!((person.name.as_str(), person.code.as_str()), ("Nguyễn Văn Thử", "010"));
        assert_eq!(person.card, "GD4000000000001");
        assert_eq!(person_of(&id("000080000003")).old_card.as_deref(), Some("GD4000000000001"));
    }
}
