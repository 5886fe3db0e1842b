//! The answer of `KQNhanLichSuKCB2024` (`portal-api.md`, section 2.1).

use crate::domain::{CardNumber, FacilityCode};
use crate::portal::Fault;
use crate::portal::reply::{Envelope, Visit, debug_is_redacted, debug_shows_code_only, history};

/// What the portal says of a card. Every text is verbatim; empty where the portal had null or nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CardAnswer {
    /// `maKetQua`: the result code (section 2.2).
    pub code: String,
    /// `ghiChu`: the message for a person; it names the holder.
    pub note: String,
    /// The card and its holder.
    pub card: CardFacts,
    /// The new card, where one was issued (`maTheMoi` is not empty).
    pub new_card: Option<NewCard>,
    /// `dsLichSuKT2018`: who looked this card up.
    pub checks: Vec<Check>,
    /// `dsLichSuKCB2018`: visits; null in this function since 2025, see [`read_history`](super::read_history).
    pub visits: Vec<Visit>,
}

/// A card and its holder. Dates are `dd/MM/yyyy`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CardFacts {
    /// `maThe`: the card number, 15 characters or what was asked with.
    pub number: String,
    /// `hoTen`: the holder's name.
    pub holder: String,
    /// `ngaySinh`: the holder's date of birth.
    pub birth: String,
    /// `gioiTinh`: `Nam` or `Nữ`.
    pub sex: String,
    /// `diaChi`: the holder's address.
    pub address: String,
    /// `maDKBD`: the facility of initial registration, 5 characters.
    pub first_contact: String,
    /// `cqBHXH`: the issuing office.
    pub office: String,
    /// `gtTheTu`: the first day the card is valid.
    pub valid_from: String,
    /// `gtTheDen`: the last day the card is valid.
    pub valid_to: String,
    /// `maKV`: the living area, K1 to K3, often empty.
    pub area: String,
    /// `ngayDu5Nam`: the day five continuous years are reached.
    pub five_years: String,
    /// `maSoBHXH`: the social-insurance number, 10 digits.
    pub social_insurance_number: String,
    /// `maTheCu`: the number of the card before this one.
    pub old_number: String,
}

/// A new card, possibly issued ahead of the old one's end.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NewCard {
    /// `maTheMoi`: its number.
    pub number: String,
    /// `gtTheTuMoi`: the first day it is valid, `dd/MM/yyyy`.
    pub valid_from: String,
    /// `gtTheDenMoi`: the last day it is valid, `dd/MM/yyyy`.
    pub valid_to: String,
    /// `maDKBDMoi`: the facility of initial registration.
    pub first_contact: String,
    /// `tenDKBDMoi`: that facility's name.
    pub first_contact_name: String,
}

/// One earlier look at the card.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// `userKT`: the account that looked.
    pub account: String,
    /// The facility of that account, where the account's name begins with one.
    pub facility: Option<FacilityCode>,
    /// `thoiGianKT`: when, `yyyyMMddHHmm`.
    pub at: String,
    /// `thongBao` (or `thongbao`): what it was told; it names the holder.
    pub note: String,
    /// `maLoi`: the code it was told.
    pub code: String,
}

debug_shows_code_only!(CardAnswer);
debug_is_redacted!(CardFacts, NewCard, Check);

impl CardAnswer {
    /// Whether the new card in the answer is another one than the asked, or the same with other dates: the portal often
    /// names the asked card itself there (`portal-api.md`, section 2.2, "Picking the new card").
    pub fn has_other_card(&self) -> bool {
        self.new_card.as_ref().is_some_and(|new| {
            let card = &self.card;
            let is_same = |asked: &str, new: &str| asked.trim().eq_ignore_ascii_case(new.trim());
            // Asked by another number, the portal may echo that one (section 2.1). It names no card, so the dates tell.
            let names_no_card = CardNumber::parse(card.number.trim()).is_none();
            !((names_no_card || is_same(&card.number, &new.number))
                && is_same(&card.valid_from, &new.valid_from)
                && is_same(&card.valid_to, &new.valid_to))
        })
    }
}

/// Reads an answer of the card lookup.
pub fn read_card(raw: &[u8]) -> Result<CardAnswer, Fault> {
    let mut envelope = Envelope::read(raw)?;
    let checks = envelope.rows("dsLichSuKT2018");
    let visits = envelope.rows("dsLichSuKCB2018").iter().map(history::visit).collect();
    let text = |name: &str| envelope.text(name);
    let new_card = NewCard {
        number: text("maTheMoi"),
        valid_from: text("gtTheTuMoi"),
        valid_to: text("gtTheDenMoi"),
        first_contact: text("maDKBDMoi"),
        first_contact_name: text("tenDKBDMoi"),
    };
    let card = CardFacts {
        number: text("maThe"),
        holder: text("hoTen"),
        birth: text("ngaySinh"),
        sex: text("gioiTinh"),
        address: text("diaChi"),
        first_contact: text("maDKBD"),
        office: text("cqBHXH"),
        valid_from: text("gtTheTu"),
        valid_to: text("gtTheDen"),
        area: text("maKV"),
        five_years: text("ngayDu5Nam"),
        social_insurance_number: text("maSoBHXH"),
        old_number: text("maTheCu"),
    };
    let check = |row: &super::Fields| {
        let account = row.text("userKT");
        let facility = account.get(..5).and_then(|code| FacilityCode::parse(code).ok());
        Check { account, facility, at: row.text("thoiGianKT"), note: row.text("thongBao"), code: row.text("maLoi") }
    };
    Ok(CardAnswer {
        note: text("ghiChu"),
        new_card: Some(new_card).filter(|card| !card.number.trim().is_empty()),
        checks: checks.iter().map(check).collect(),
        visits,
        card,
        code: envelope.code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asked_card_is_no_other_card_though_it_was_asked_by_another_number() {
        let answer = |number: &str, to: &str| {
            let card = CardFacts {
                number: number.into(),
                valid_from: "01/01/2024".into(),
                valid_to: "31/12/2024".into(),
                ..CardFacts::default()
            };
            let new_card = NewCard {
                number: "DN4010100000001".into(),
                valid_from: "01/01/2024".into(),
                valid_to: to.into(),
                ..NewCard::default()
            };
            CardAnswer { card, new_card: Some(new_card), ..CardAnswer::default() }
        };
        // The portal may echo what was asked (section 2.1): a national ID is no card that another could follow.
        for echoed in ["DN4010100000001", " dn4010100000001", "001094012345", "0100000001", ""] {
            assert!(!answer(echoed, "31/12/2024").has_other_card(), "{echoed}");
            assert!(answer(echoed, "31/12/2025").has_other_card(), "{echoed}, renewed");
        }
        assert!(answer("GD4010100000001", "31/12/2024").has_other_card());
    }

    #[test]
    fn the_official_sample_is_read() {
        let raw = r#"{"maKetQua":"004","ghiChu":"Thẻ cũ","maThe":"DN4010100000001","hoTen":"Trần Văn A",
            "ngaySinh":"05/03/1994","gioiTinh":"Nam","diaChi":"Hà Nội","maDKBD":"01832","cqBHXH":"Cầu Giấy",
            "gtTheTu":"01/01/2024","gtTheDen":"31/12/2024","maKV":null,"ngayDu5Nam":"01/06/2025",
            "maSoBHXH":100000001,"maTheCu":"","maTheMoi":"DN4010100000002","gtTheTuMoi":"01/01/2025",
            "gtTheDenMoi":"31/12/2025","maDKBDMoi":"01832","tenDKBDMoi":"Phòng khám","dsLichSuKCB2018":null,
            "dsLichSuKT2018":[{"userKT":"99001_BV","thoiGianKT":"202404251031","thongbao":"ok","maLoi":"000"},
            {"userKT":"é9001","thoiGianKT":null},7]}"#;
        let answer = read_card(raw.as_bytes()).unwrap();
        assert_eq!((answer.code.as_str(), answer.note.as_str()), ("004", "Thẻ cũ"));
        assert_eq!(answer.card.holder, "Trần Văn A");
        assert_eq!(answer.card.area, "");
        assert_eq!(answer.card.social_insurance_number, "100000001");
        assert_eq!(answer.new_card.as_ref().unwrap().first_contact_name, "Phòng khám");
        assert_eq!(answer.checks.len(), 2);
        assert_eq!(answer.checks[0].facility, FacilityCode::parse("99001").ok());
        assert_eq!(answer.checks[0].note, "ok");
        assert_eq!(answer.checks[1].facility, None);
        let shown = format!("{answer:?} {:?} {:?} {:?}", answer.card, answer.new_card, answer.checks);
        for secret in ["Trần", "DN401", "1994", "99001", "Thẻ"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_card_that_was_not_found_has_empty_facts() {
        let answer = read_card(br#"{"maKetQua":50,"ghiChu":"?"}"#).unwrap();
        assert!(answer.card == CardFacts::default() && answer.new_card.is_none() && answer.code == "050");
        assert!(read_card(b"<html>").is_err());
    }
}
