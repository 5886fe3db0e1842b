//! What the portal says otherwise than the last time it was asked the same. Pure.

use jiff::Timestamp;

use crate::domain::{Bilingual, PartialDate};
use crate::portal::reply::CardAnswer;

/// What became different since an earlier answer to the same question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// When the portal gave the earlier answer.
    pub since: Timestamp,
    /// What is different; often nothing.
    pub changes: Vec<Change>,
}

/// One thing that is different. `Debug` shows the field alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The field, by the portal's name.
    pub field: &'static str,
    /// What it was; dates in ISO 8601.
    pub before: String,
    /// What it is now.
    pub now: String,
    /// In words, without data of the person.
    pub label: Bilingual,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Change({})", self.field)
    }
}

impl Changed {
    /// Bytes it takes in memory beside an answer, about.
    pub fn bytes(&self) -> usize {
        let change = |change: &Change| size_of::<Change>() + change.before.len() + change.now.len();
        size_of::<Self>() + self.changes.iter().map(change).sum::<usize>()
    }
}

/// What is different in `now`. The facts of the card are compared only where both answers have them: a refusal tells
/// nothing of a card, and is told as what it is, another result code.
pub fn between(before: &CardAnswer, now: &CardAnswer) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare = |field, label, before: &str, now: &str| {
        let (before, now) = (plain(before), plain(now));
        if before != now {
            changes.push(Change { field, before, now, label });
        }
    };
    compare("maKetQua", Bilingual::fixed("Kết quả tra cứu đã đổi", "The result changed"), &before.code, &now.code);
    let has_facts = |answer: &CardAnswer| !answer.card.holder.trim().is_empty();
    if !has_facts(before) || !has_facts(now) {
        return changes;
    }
    let (was, is) = (&before.card, &now.card);
    compare("maThe", Bilingual::fixed("Số thẻ đã đổi", "The card number changed"), &was.number, &is.number);
    compare(
        "gtTheTu",
        Bilingual::fixed("Ngày bắt đầu hạn thẻ đã đổi", "The first day of the card changed"),
        &was.valid_from,
        &is.valid_from,
    );
    compare(
        "gtTheDen",
        Bilingual::fixed("Ngày hết hạn thẻ đã đổi", "The last day of the card changed"),
        &was.valid_to,
        &is.valid_to,
    );
    compare(
        "maDKBD",
        Bilingual::fixed("Nơi đăng ký khám ban đầu đã đổi", "The first-contact facility changed"),
        &was.first_contact,
        &is.first_contact,
    );
    compare("maKV", Bilingual::fixed("Mã nơi sinh sống đã đổi", "The living area changed"), &was.area, &is.area);
    compare(
        "ngayDu5Nam",
        Bilingual::fixed("Ngày đủ 5 năm liên tục đã đổi", "The five-year date changed"),
        &was.five_years,
        &is.five_years,
    );
    let (was, is) = (new_card(before), new_card(now));
    compare("maTheMoi", Bilingual::fixed("Thẻ mới đã đổi", "The new card changed"), &was[0], &is[0]);
    let label = Bilingual::fixed("Ngày bắt đầu hạn thẻ mới đã đổi", "The first day of the new card changed");
    compare("gtTheTuMoi", label, &was[1], &is[1]);
    let label = Bilingual::fixed("Ngày hết hạn thẻ mới đã đổi", "The last day of the new card changed");
    compare("gtTheDenMoi", label, &was[2], &is[2]);
    changes
}

/// Number, first and last day of the new card, where it is another than the asked one.
fn new_card(answer: &CardAnswer) -> [String; 3] {
    let new = answer.new_card.as_ref().filter(|_| answer.has_other_card());
    new.map(|new| [&new.number, &new.valid_from, &new.valid_to].map(Clone::clone)).unwrap_or_default()
}

/// A date as ISO 8601, everything else without the blanks around it.
fn plain(text: &str) -> String {
    // A code of three digits is no date, a facility of five neither; a year alone stays as it is.
    PartialDate::parse(text).map_or_else(|_| text.trim().to_owned(), PartialDate::iso)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::reply::{CardFacts, NewCard};

    fn answer() -> CardAnswer {
        let card = CardFacts {
            number: "GD4010199999991".into(),
            holder: "Nguyễn Văn Thử".into(),
            valid_from: "01/01/2026".into(),
            valid_to: "31/12/2026".into(),
            first_contact: "01999".into(),
            five_years: "01/01/2030".into(),
            ..CardFacts::default()
        };
        CardAnswer { code: "000".into(), card, ..CardAnswer::default() }
    }

    fn told(now: &CardAnswer) -> Vec<(&'static str, String, String)> {
        between(&answer(), now).into_iter().map(|change| (change.field, change.before, change.now)).collect()
    }

    #[test]
    fn each_field_is_told() {
        assert_eq!(told(&answer()), []);
        type Alter = fn(&mut CardFacts);
        let cases: [(Alter, &str, &str, &str); 6] = [
            (|card| card.number = "DN4010199999991".into(), "maThe", "GD4010199999991", "DN4010199999991"),
            (|card| card.valid_from = "01/02/2026".into(), "gtTheTu", "2026-01-01", "2026-02-01"),
            (|card| card.valid_to = "31/12/2027".into(), "gtTheDen", "2026-12-31", "2027-12-31"),
            (|card| card.first_contact = "79001".into(), "maDKBD", "01999", "79001"),
            (|card| card.area = "K1".into(), "maKV", "", "K1"),
            (|card| card.five_years = "".into(), "ngayDu5Nam", "2030-01-01", ""),
        ];
        for (alter, field, before, now) in cases {
            let mut altered = answer();
            alter(&mut altered.card);
            assert_eq!(told(&altered), [(field, before.to_owned(), now.to_owned())]);
        }
        let mut same = answer();
        same.card.valid_to = " 31/12/2026 ".into();
        same.card.address = "Nơi khác".into();
        assert_eq!(told(&same), []);
    }

    #[test]
    fn a_new_card_is_told_once_it_is_another_one() {
        let new = |number: &str, to: &str| NewCard {
            number: number.into(),
            valid_from: "01/01/2026".into(),
            valid_to: to.into(),
            ..NewCard::default()
        };
        let mut now = answer();
        now.new_card = Some(new("GD4010199999991", "31/12/2026"));
        assert_eq!(told(&now), [], "the portal repeats the asked card there");
        now.code = "004".into();
        now.new_card = Some(new("DN4010199999991", "31/12/2027"));
        let fields: Vec<_> = told(&now).into_iter().map(|told| told.0).collect();
        assert_eq!(fields, ["maKetQua", "maTheMoi", "gtTheTuMoi", "gtTheDenMoi"]);
    }

    #[test]
    fn a_refusal_is_another_result_and_no_change_of_the_card() {
        let refused = CardAnswer { code: "110".into(), ..CardAnswer::default() };
        assert_eq!(told(&refused), [("maKetQua", "000".to_owned(), "110".to_owned())]);
        assert_eq!(format!("{:?}", between(&answer(), &refused)), "[Change(maKetQua)]");
    }
}
