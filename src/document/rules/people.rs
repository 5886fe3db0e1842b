//! The identity number against what it says of its bearer (rules.csv, FMT-07; code-lists/cccd-structure.csv).

use super::fields::{death, exam, voucher, xml0, xml1, xml12};
use super::function::{Facts, RowRule, Wrong};

/// What is known of a person besides the number.
struct Person<'x> {
    number: &'x str,
    /// `yyyy…` or `dd/MM/yyyy`.
    born: &'x str,
    sex: Option<Sex>,
}

#[derive(Clone, Copy)]
enum Sex {
    Male,
    Female,
}

const fn person(part: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id: "FMT-07", part, field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    person("XML0", xml0::SO_CCCD, |facts| {
        let text = |slot| facts.row.text(slot);
        agrees(&Person { number: text(xml0::SO_CCCD), born: text(xml0::NGAY_SINH), sex: sex(text(xml0::GIOI_TINH)) })
    }),
    person("XML1", xml1::SO_CCCD, |facts| {
        let text = |slot| facts.row.text(slot);
        let person =
            Person { number: text(xml1::SO_CCCD), born: text(xml1::NGAY_SINH), sex: sex(text(xml1::GIOI_TINH)) };
        // A passport may have twelve digits as well.
        if matches!(text(xml1::MA_QUOCTICH), "" | "000") { agrees(&person) } else { None }
    }),
    person("XML12", xml12::SO_CCCD, |facts| {
        let text = |slot| facts.row.text(slot);
        agrees(&Person { number: text(xml12::SO_CCCD), born: text(xml12::NGAY_SINH), sex: None })
    }),
    person("CT03", voucher::SO_CCCD, of_voucher),
    person("CT04", voucher::SO_CCCD, of_voucher),
    person("CT06", voucher::SO_CCCD, of_voucher),
    person("CT07", voucher::SO_CCCD, of_voucher),
    person("GIAYDIEUTRINOITRU", voucher::SO_CCCD, of_voucher),
    person("GIAYDIEUTRIVOSINH", voucher::SO_CCCD, of_voucher),
    person("GIAYSUCKHOEME", voucher::SO_CCCD, of_voucher),
    person("GIAYBAOTU", death::SO_GIAYTO, |facts| {
        let text = |slot| facts.row.text(slot);
        let person =
            Person { number: text(death::SO_GIAYTO), born: text(death::NGAY_SINH), sex: sex(text(death::GIOI_TINH)) };
        if matches!(text(death::LOAI_GIAYTO), "1" | "4") { agrees(&person) } else { None }
    }),
    person("GKSK", exam::SOCMND_PASSPORT, |facts| {
        let text = |slot| facts.row.text(slot);
        let sex = match text(exam::GIOITINHVAL) {
            "0" => Some(Sex::Male),
            "1" => Some(Sex::Female),
            _ => None,
        };
        agrees(&Person { number: text(exam::SOCMND_PASSPORT), born: text(exam::NGAYSINH), sex })
    }),
];

/// The vouchers name the kind of paper; where they do not tell the sex, the field is not there.
fn of_voucher(facts: &Facts<'_, '_>) -> Option<Wrong> {
    let text = |slot| facts.row.text(slot);
    let person =
        Person { number: text(voucher::SO_CCCD), born: text(voucher::NGAY_SINH), sex: sex(text(voucher::GIOI_TINH)) };
    if matches!(text(voucher::LOAI_GIAYTO), "" | "1" | "4") { agrees(&person) } else { None }
}

/// `GIOI_TINH`: 3 and blank tell nothing.
fn sex(code: &str) -> Option<Sex> {
    match code {
        "1" => Some(Sex::Male),
        "2" => Some(Sex::Female),
        _ => None,
    }
}

/// Digit 4 tells the century of birth and the sex, digits 5 and 6 the year within it.
fn agrees(person: &Person<'_>) -> Option<Wrong> {
    let number = digits(person.number).filter(|_| person.number.len() == 12)?;
    let [_, _, _, century_and_sex, tens, ones, ..] = number else { return None };
    let year: u16 = year_of(person.born)?.parse().ok()?;
    // The digits begin with the twentieth century.
    let century = (year / 100).checked_sub(19).filter(|century| *century < 5)?;
    let digit = u16::from(century_and_sex - b'0');
    let sex_agrees = match person.sex {
        Some(Sex::Male) => digit % 2 == 0,
        Some(Sex::Female) => digit % 2 == 1,
        None => true,
    };
    let year_agrees = u16::from(tens - b'0') * 10 + u16::from(ones - b'0') == year % 100;
    Wrong::unless(digit / 2 == century && sex_agrees && year_agrees)
}

fn year_of(born: &str) -> Option<&str> {
    let year = if born.contains('/') { born.rsplit('/').next() } else { born.get(..4) };
    year.filter(|year| year.len() == 4 && digits(year).is_some())
}

fn digits(text: &str) -> Option<&[u8]> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text.as_bytes())
}
