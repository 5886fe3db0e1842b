//! The last rung of the outage ladder: what the card in the patient's hand says of itself, when nobody else says
//! anything. Pure.

use jiff::civil::Date;

use crate::domain::{Bilingual, CardNumber, CardSubject, PartialDate};
use crate::lookup::code::Conclusion;
use crate::lookup::notices::{SPECIAL_GROUPS, Warning};
use crate::lookup::verdict::{Verdict, WhichCard};

/// What is known of a card without the portal: from a scan, or typed by the clerk from the card.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Clues {
    /// The card's number.
    pub card: Option<CardNumber>,
    /// The first day it is valid.
    pub valid_from: Option<PartialDate>,
    /// The last day it is valid.
    pub valid_to: Option<PartialDate>,
}

impl Clues {
    /// The clues of a scan, with what the question itself holds.
    pub fn new(subject: &CardSubject, valid_from: Option<PartialDate>, valid_to: Option<PartialDate>) -> Self {
        let card = match subject {
            CardSubject::CardNumber(card) => Some(*card),
            CardSubject::NationalId(_) | CardSubject::SocialInsuranceNumber(_) => None,
        };
        Self { card, valid_from, valid_to }
    }
}

impl std::fmt::Debug for Clues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clues(redacted)")
    }
}

/// Draws a provisional verdict for a visit on `visit`. It never says more than the card does: dates that cover the visit
/// are a reason to admit, never a promise, because the portal may have withdrawn the card since.
pub fn draw(clues: &Clues, visit: Date) -> Verdict {
    let special = clues.card.as_ref().is_some_and(|card| {
        let group = card.as_str().get(..2).unwrap_or_default();
        SPECIAL_GROUPS.contains(&group)
    });
    let begins = clues.valid_from.map(PartialDate::whole);
    let ends = clues.valid_to.map(PartialDate::whole);
    let over = matches!(ends, Some(Some(ends)) if ends < visit);
    let ahead = matches!(begins, Some(Some(begins)) if begins > visit);
    let within = matches!((begins, ends), (None | Some(Some(_)), Some(Some(_)))) && !over && !ahead;

    let mut warnings = Vec::new();
    let (conclusion, counts, label, next_step) = if over || ahead {
        (
            Conclusion::ProvisionallyExpired,
            WhichCard::Neither,
            (
                "Tạm tính: hạn ghi trên thẻ không gồm ngày khám",
                "Provisional: the card's own dates do not cover the visit",
            ),
            (
                "Hỏi người bệnh có thẻ mới không; chưa kết luận cho đến khi cổng trả lời.",
                "Ask for a newer card; nothing is decided until the portal has answered.",
            ),
        )
    } else if within {
        (
            Conclusion::ProvisionallyValid,
            WhichCard::Asked,
            ("Tạm tính: hạn ghi trên thẻ gồm ngày khám", "Provisional: the card's own dates cover the visit"),
            BY_PAPERS,
        )
    } else if special {
        (
            Conclusion::SpecialGroup,
            WhichCard::Asked,
            (
                "Tạm tính: thẻ có thể thuộc nhóm do Bộ Quốc phòng hoặc Bộ Công an quản lý",
                "Provisional: the card may be one that the ministry of defence or of public security manages",
            ),
            BY_PAPERS,
        )
    } else {
        (
            Conclusion::Unclear,
            WhichCard::Neither,
            ("Chưa tra được: cổng BHXH chưa có câu trả lời", "Not known yet: the portal has given no answer"),
            BY_PAPERS,
        )
    };
    if conclusion == Conclusion::Unclear && clues.valid_to.is_none() {
        let label = Bilingual::fixed(
            "Quét mã QR trên thẻ BHYT, hoặc nhập hạn ghi trên thẻ (gtTheTu, gtTheDen), để có kết luận tạm tính",
            "Scan the QR code of the insurance card, or give its dates (gtTheTu, gtTheDen), for a provisional verdict",
        );
        warnings.push(Warning::new("card.dates_unknown", "gtTheDen", label));
    }
    let fixed = |(vi, en)| Bilingual::fixed(vi, en);
    Verdict { conclusion, label: fixed(label), next_step: fixed(next_step), counts, warnings }
}

const BY_PAPERS: (&str, &str) = (
    "Tiếp nhận bằng giấy tờ; hệ thống sẽ tự tra lại và báo nếu kết quả khác.",
    "Admit by the papers; the gateway asks again by itself and tells if the answer differs.",
);

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn verdict(number: &str, from: &str, to: &str) -> (&'static str, WhichCard) {
        let day = |text: &str| PartialDate::parse(text).ok();
        let clues = Clues::new(&CardSubject::parse(number).unwrap(), day(from), day(to));
        let verdict = draw(&clues, date(2026, 11, 20));
        (verdict.conclusion.name(), verdict.counts)
    }

    #[test]
    fn it_says_what_the_card_says_and_no_more() {
        use WhichCard::{Asked, Neither};
        for (number, from, to, expected) in [
            ("GD4000000000001", "01/01/2026", "31/12/2026", ("tam_tinh_con_han", Asked)),
            ("GD4000000000001", "20/11/2026", "20/11/2026", ("tam_tinh_con_han", Asked)),
            ("GD4000000000001", "", "31/12/2026", ("tam_tinh_con_han", Asked)),
            ("GD4000000000001", "01/01/2025", "31/12/2025", ("tam_tinh_het_han", Neither)),
            ("GD4000000000001", "01/01/2027", "31/12/2027", ("tam_tinh_het_han", Neither)),
            ("GD4000000000001", "01/01/2026", "", ("chua_ro", Neither)),
            // A year alone is no last day.
            ("GD4000000000001", "01/01/2026", "2026", ("chua_ro", Neither)),
            ("GD4000000000001", "2026", "31/12/2026", ("chua_ro", Neither)),
            ("QN4000000000001", "", "", ("doi_tuong_dac_biet", Asked)),
            // Dates say more than the group, which civil servants share.
            ("HC4000000000001", "01/01/2026", "31/12/2026", ("tam_tinh_con_han", Asked)),
            ("CA4000000000001", "01/01/2025", "31/12/2025", ("tam_tinh_het_han", Neither)),
            ("001185012345", "", "", ("chua_ro", Neither)),
            ("0199999991", "01/01/2026", "31/12/2026", ("tam_tinh_con_han", Asked)),
        ] {
            assert_eq!(verdict(number, from, to), expected, "{number} {from} {to}");
        }
    }
}
