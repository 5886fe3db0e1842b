//! What the desk needs to know for a visit date, drawn from the portal's answer. Pure.

use jiff::civil::Date;

use crate::domain::{Bilingual, FacilityCode, PartialDate};
use crate::lookup::code::{Conclusion, ResultCode};
use crate::lookup::notices::{self, Warning};
use crate::portal::reply::{CardAnswer, Visit};

/// The verdict on one answer for one visit date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it comes to.
    pub conclusion: Conclusion,
    /// In words.
    pub label: Bilingual,
    /// What the person at the desk does next.
    pub next_step: Bilingual,
    /// Which card counts.
    pub counts: WhichCard,
    /// What else deserves a look.
    pub warnings: Vec<Warning>,
}

/// Which of the cards in an answer counts on the visit date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichCard {
    /// The card that was asked about.
    Asked,
    /// The newly issued card.
    New,
    /// Neither.
    Neither,
}

/// What a card is looked at for.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The day of the visit.
    pub visit: Date,
    /// The day on which the patient is expected to leave, where somebody said so.
    pub leaves: Option<Date>,
    /// The day of the portal's answer, where it is known: its code speaks of that day.
    pub answered: Option<Date>,
    /// Which facility is visited.
    pub facility: &'a FacilityCode,
    /// Earlier visits, where they were asked for.
    pub history: Option<&'a [Visit]>,
}

impl<'a> Circumstances<'a> {
    /// A visit of which nothing further is known.
    pub fn on(visit: Date, facility: &'a FacilityCode) -> Self {
        Self { visit, leaves: None, answered: None, facility, history: None }
    }
}

/// Draws the verdict on `answer` for a visit.
///
/// The new card counts when the visit falls within its dates and it differs from the asked one; not doing this is a
/// repeated complaint (`portal-api.md`, section 2.2, "Picking the new card").
pub fn draw(answer: &CardAnswer, at: &Circumstances<'_>) -> Verdict {
    let visit = at.visit;
    let row = ResultCode::of(&answer.code);
    let mut warnings = Vec::new();
    let asked = covers(&answer.card.valid_from, &answer.card.valid_to, visit);
    let new = match &answer.new_card {
        Some(card) if answer.has_other_card() => covers(&card.valid_from, &card.valid_to, visit),
        _ => Cover::No,
    };

    let (conclusion, counts) = match row.conclusion {
        // 000, 003, 004 and 010 speak of today; the visit date decides. Where it is the new card's, that one counts.
        Conclusion::Valid | Conclusion::Expired if new == Cover::Yes => (Conclusion::ValidNewCard, WhichCard::New),
        Conclusion::Valid => match asked {
            Cover::Yes => (Conclusion::Valid, WhichCard::Asked),
            Cover::No => (Conclusion::Expired, WhichCard::Neither),
            Cover::Unreadable => {
                let label = Bilingual::fixed(
                    "Không đọc được hạn thẻ trên cổng; kết luận chỉ theo mã kết quả",
                    "The validity dates could not be read; the verdict rests on the result code alone",
                );
                warnings.push(Warning::new("card.validity_unreadable", "gtTheDen", label));
                (Conclusion::Valid, WhichCard::Asked)
            }
        },
        // A visit of before is settled by the dates of before; dates that still run are none, the card has ended.
        Conclusion::Expired if asked == Cover::Yes && ended_since(answer, at) => (Conclusion::Valid, WhichCard::Asked),
        Conclusion::SpecialGroup => (Conclusion::SpecialGroup, WhichCard::Asked),
        other => (other, WhichCard::Neither),
    };

    if conclusion == Conclusion::Expired && row.conclusion == Conclusion::Valid {
        let label = Bilingual::fixed(
            "Thẻ còn giá trị hôm nay nhưng không có giá trị vào ngày khám",
            "The card is valid today but not on the visit date",
        );
        warnings.push(Warning::new("card.not_valid_on_visit", "gtTheDen", label));
    }
    warnings.extend(notices::of(answer, at, counts));

    let (label, next_step) = match conclusion {
        Conclusion::ValidNewCard => (
            Bilingual::fixed(
                "Dùng thẻ mới: có giá trị vào ngày khám",
                "Use the new card: it is valid on the visit date",
            ),
            Bilingual::fixed("Ghi nhận số thẻ mới rồi tiếp nhận.", "Record the new card's number, then admit."),
        ),
        Conclusion::Expired if row.conclusion == Conclusion::Valid => (
            Bilingual::fixed("Thẻ không có giá trị vào ngày khám", "The card is not valid on the visit date"),
            ResultCode::of("010").next_step(),
        ),
        Conclusion::Valid if row.conclusion == Conclusion::Expired => (
            Bilingual::fixed(
                "Thẻ có giá trị vào ngày khám, nay đã hết hạn",
                "The card was valid on the visit date and has ended since",
            ),
            Bilingual::fixed(
                "Dùng thẻ này cho ngày khám đó; lần khám sau cần thẻ mới.",
                "Use this card for that visit; the next one needs a new card.",
            ),
        ),
        _ => (row.label(), row.next_step()),
    };
    Verdict { conclusion, label, next_step, counts, warnings }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cover {
    Yes,
    No,
    Unreadable,
}

/// Whether `visit` falls within the portal's two dates. An empty end means "no end is set"; either date alone can exclude
/// the visit.
fn covers(from: &str, to: &str, visit: Date) -> Cover {
    let from = whole(from);
    let to = if to.trim().is_empty() { Some(Date::MAX) } else { whole(to) };
    if from.is_some_and(|from| visit < from) || to.is_some_and(|to| to < visit) {
        return Cover::No;
    }
    if from.and(to).is_some() { Cover::Yes } else { Cover::Unreadable }
}

/// Whether the asked card had ended when the portal answered.
fn ended_since(answer: &CardAnswer, at: &Circumstances<'_>) -> bool {
    at.answered.zip(whole(&answer.card.valid_to)).is_some_and(|(answered, to)| to < answered)
}

fn whole(date: &str) -> Option<Date> {
    PartialDate::parse(date).ok().and_then(PartialDate::whole)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::portal::reply::{CardFacts, NewCard};

    fn answer(code: &str, asked: (&str, &str), new: Option<(&str, &str)>) -> CardAnswer {
        let card = CardFacts {
            number: "GD4000000000001".into(),
            valid_from: asked.0.into(),
            valid_to: asked.1.into(),
            ..CardFacts::default()
        };
        let new_card = new.map(|(from, to)| NewCard {
            number: "DN4000000000001".into(),
            valid_from: from.into(),
            valid_to: to.into(),
            ..NewCard::default()
        });
        CardAnswer { code: code.into(), card, new_card, ..CardAnswer::default() }
    }

    fn drawn(answer: &CardAnswer, visit: Date) -> Verdict {
        let facility = FacilityCode::parse("01999").unwrap();
        draw(answer, &Circumstances::on(visit, &facility))
    }

    fn check(answer: &CardAnswer, visit: Date, conclusion: Conclusion, counts: WhichCard) {
        let verdict = drawn(answer, visit);
        assert_eq!((verdict.conclusion, verdict.counts), (conclusion, counts), "code {}", answer.code);
    }

    const YEAR: (&str, &str) = ("01/01/2026", "31/12/2026");
    const NEXT: (&str, &str) = ("01/01/2027", "31/12/2027");

    #[test]
    fn the_card_that_counts_hangs_on_the_visit_date() {
        let (in_2026, in_2027) = (date(2026, 11, 20), date(2027, 2, 1));
        check(&answer("000", YEAR, None), in_2026, Conclusion::Valid, WhichCard::Asked);
        check(&answer("000", YEAR, None), in_2027, Conclusion::Expired, WhichCard::Neither);
        check(&answer("004", YEAR, Some(NEXT)), in_2026, Conclusion::Valid, WhichCard::Asked);
        check(&answer("004", YEAR, Some(NEXT)), in_2027, Conclusion::ValidNewCard, WhichCard::New);
        check(&answer("003", YEAR, Some(NEXT)), in_2027, Conclusion::ValidNewCard, WhichCard::New);
        check(
            &answer("003", ("01/01/2025", "31/12/2025"), Some(YEAR)),
            in_2026,
            Conclusion::ValidNewCard,
            WhichCard::New,
        );
        check(
            &answer("003", ("01/01/2025", "31/12/2025"), Some(NEXT)),
            in_2026,
            Conclusion::Expired,
            WhichCard::Neither,
        );
        check(
            &answer("010", ("01/01/2025", "31/12/2025"), Some(YEAR)),
            in_2026,
            Conclusion::ValidNewCard,
            WhichCard::New,
        );
        // The first and the last day count.
        check(&answer("000", YEAR, None), date(2026, 1, 1), Conclusion::Valid, WhichCard::Asked);
        check(&answer("000", YEAR, None), date(2026, 12, 31), Conclusion::Valid, WhichCard::Asked);
        check(&answer("000", ("01/01/2026", ""), None), in_2027, Conclusion::Valid, WhichCard::Asked);
    }

    #[test]
    fn a_new_card_that_is_the_asked_one_is_no_new_card() {
        let mut same = answer("000", YEAR, Some(YEAR));
        same.new_card.as_mut().unwrap().number = "GD4000000000001".into();
        check(&same, date(2026, 11, 20), Conclusion::Valid, WhichCard::Asked);
    }

    #[test]
    fn unreadable_dates_leave_the_code_to_speak_and_say_so() {
        let odd = answer("000", ("?", "?"), None);
        let verdict = drawn(&odd, date(2026, 11, 20));
        assert_eq!(verdict.conclusion, Conclusion::Valid);
        assert_eq!(verdict.warnings.first().map(|warning| warning.code), Some("card.validity_unreadable"));
    }

    #[test]
    fn one_date_that_excludes_the_visit_is_enough_though_the_other_is_not_there() {
        let visit = date(2026, 11, 20);
        for dates in [("", "31/12/2025"), ("?", "19/11/2026"), ("21/11/2026", "?"), ("01/01/2027", "12/2027")] {
            check(&answer("000", dates, None), visit, Conclusion::Expired, WhichCard::Neither);
        }
        check(&answer("000", ("", "31/12/2026"), None), visit, Conclusion::Valid, WhichCard::Asked);
    }

    #[test]
    fn a_card_that_ended_since_was_good_for_a_visit_before() {
        let facility = FacilityCode::parse("01999").unwrap();
        let old = ("01/01/2025", "31/12/2025");
        let on = |answer: &CardAnswer, visit: Date, answered: Date| {
            let at = Circumstances { answered: Some(answered), ..Circumstances::on(visit, &facility) };
            let verdict = draw(answer, &at);
            (verdict.conclusion, verdict.counts)
        };
        let good = (Conclusion::Valid, WhichCard::Asked);
        let over = (Conclusion::Expired, WhichCard::Neither);
        let january = date(2026, 1, 5);
        for code in ["003", "010"] {
            assert_eq!(on(&answer(code, old, None), date(2025, 12, 31), january), good, "{code}");
            assert_eq!(on(&answer(code, old, Some(YEAR)), date(2025, 12, 20), january), good, "{code}");
            assert_eq!(on(&answer(code, old, None), january, january), over, "{code}");
            assert_eq!(on(&answer(code, old, None), date(2024, 12, 31), january), over, "{code}");
            // Dates that still run say less than the portal, which says that the card has ended.
            assert_eq!(on(&answer(code, YEAR, None), january, january), over, "{code}");
            assert_eq!(on(&answer(code, YEAR, None), date(2026, 1, 2), january), over, "{code}");
        }
        assert_eq!(on(&answer("110", old, None), date(2025, 12, 20), january).0, Conclusion::Withdrawn);
    }

    #[test]
    fn codes_that_are_not_about_dates_pass_through() {
        let visit = date(2026, 11, 20);
        for (code, conclusion) in [
            ("050", Conclusion::NotFound),
            ("054", Conclusion::StaffNotAccepted),
            ("110", Conclusion::Withdrawn),
            ("130", Conclusion::ChildWithoutCard),
            ("500", Conclusion::PortalFault),
            ("777", Conclusion::Unclear),
        ] {
            check(&answer(code, ("", ""), None), visit, conclusion, WhichCard::Neither);
        }
        check(&answer("001", ("", ""), None), visit, Conclusion::SpecialGroup, WhichCard::Asked);
    }
}
