//! What deserves a look beside the verdict: where else the person is, when the card ends, who manages it. Pure.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::domain::{Bilingual, FacilityCode, PartialDate};
use crate::lookup::verdict::{Circumstances, WhichCard};
use crate::portal::reply::{CardAnswer, Check, Visit};

/// Something that deserves a look but does not change the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Stable code.
    pub code: &'static str,
    /// The field of the answer it is about (the portal's name), or empty.
    pub field: &'static str,
    /// In words, without data of the person.
    pub label: Bilingual,
    /// What the clerk does about it, where that is not plain.
    pub next_step: Option<Bilingual>,
    /// The facilities it is about, and how often each.
    pub facilities: Vec<(FacilityCode, usize)>,
    /// The day it is about.
    pub date: Option<Date>,
}

impl Warning {
    /// A warning of words alone.
    pub fn new(code: &'static str, field: &'static str, label: Bilingual) -> Self {
        Self { code, field, label, next_step: None, facilities: Vec::new(), date: None }
    }

    fn with_next_step(mut self, vi: &'static str, en: &'static str) -> Self {
        self.next_step = Some(Bilingual::fixed(vi, en));
        self
    }
}

/// Facilities told of in one warning: those with the most; a card seen at more is told by its first ones.
const FACILITIES_TOLD_MAX: usize = 5;

/// Groups that the insurers of the Defence and Police ministries manage, or may manage: clients in the field treat them
/// as special (`portal-api.md`, section 2.2). HC is civil servants in general too, so nothing is taken for certain.
pub(super) const SPECIAL_GROUPS: [&str; 6] = ["QN", "HC", "LS", "XK", "CY", "CA"];

/// All that is to be said of an answer in which the card `counts`, in the order of what changes the admission most.
pub fn of(answer: &CardAnswer, at: &Circumstances<'_>, counts: WhichCard) -> Vec<Warning> {
    let mut all = Vec::new();
    if counts != WhichCard::Neither {
        all.extend(in_hospital_elsewhere(answer, at));
        all.extend(checked_elsewhere(answer, at));
        all.extend(ends_during_stay(answer, at, counts));
    }
    // Said of refused cards too: the portal may not know a card that another insurer manages.
    all.extend(special_group(answer, counts));
    if counts != WhichCard::Neither {
        all.extend(five_years(answer, at));
        all.extend(living_area(answer));
    }
    all
}

/// A visit elsewhere that has not ended on the visit date; or, as VietSens does it, checks elsewhere since the last
/// discharge that is known.
fn in_hospital_elsewhere(answer: &CardAnswer, at: &Circumstances<'_>) -> Option<Warning> {
    const CODE: &str = "card.in_hospital_elsewhere";
    // The list within the card's answer is the same one of older days; both together would count a visit twice.
    let visits = at.history.filter(|history| !history.is_empty()).unwrap_or(&answer.visits);
    let open = visits.iter().filter(|visit| is_open(visit, at.visit)).filter_map(|visit| facility(&visit.facility));
    let open = counted(open.filter(|code| code != at.facility));
    if !open.is_empty() {
        let list = names(&open);
        let label = Bilingual::composed(
            format!("Người bệnh có đợt điều trị chưa ra viện ở cơ sở khác: {list}"),
            format!("A treatment at another facility has not ended: {list}"),
        );
        let warning = Warning { facilities: open, ..Warning::new(CODE, "dsLichSuKCB", label) };
        return Some(warning.with_next_step(
            "Hỏi người bệnh đã ra viện chưa; chưa thì liên hệ cơ sở đó trước khi tiếp nhận.",
            "Ask whether the patient was discharged; if not, talk to that facility before admitting.",
        ));
    }
    let last_discharge = visits.iter().filter_map(|visit| moment(&visit.discharged)).max()?;
    let since = answer.checks.iter().filter(|check| {
        let when = moment(&check.at);
        when.is_some_and(|when| when > last_discharge) && day(&check.at).is_some_and(|day| day <= at.visit)
    });
    let since = elsewhere(since, at.facility);
    if since.is_empty() {
        return None;
    }
    let list = names(&since);
    let label = Bilingual::composed(
        format!("Sau lần ra viện gần nhất, thẻ có lượt tra cứu ở cơ sở khác mà chưa thấy ra viện: {list}"),
        format!("Since the last discharge, another facility looked this card up, and no discharge is known: {list}"),
    );
    let warning = Warning { facilities: since, ..Warning::new(CODE, "dsLichSuKT2018", label) };
    Some(warning.with_next_step(
        "Hỏi người bệnh có đang điều trị ở nơi khác không.",
        "Ask whether the patient is being treated elsewhere.",
    ))
}

fn checked_elsewhere(answer: &CardAnswer, at: &Circumstances<'_>) -> Option<Warning> {
    let today = answer.checks.iter().filter(|check| day(&check.at) == Some(at.visit));
    let today = elsewhere(today, at.facility);
    if today.is_empty() {
        return None;
    }
    let list = names(&today);
    let label = Bilingual::composed(
        format!("Thẻ đã được cơ sở khác tra cứu trong ngày khám: {list}"),
        format!("Another facility looked this card up on the visit date: {list}"),
    );
    Some(Warning { facilities: today, ..Warning::new("card.checked_elsewhere_today", "dsLichSuKT2018", label) })
}

/// The card that counts ends before the patient is expected to leave (`api.md`, section 5).
fn ends_during_stay(answer: &CardAnswer, at: &Circumstances<'_>, counts: WhichCard) -> Option<Warning> {
    let leaves = at.leaves?;
    let new = answer.new_card.as_ref().filter(|_| answer.has_other_card());
    let (field, end) = match (counts, new) {
        (WhichCard::New, Some(new)) => ("gtTheDenMoi", whole(&new.valid_to)?),
        _ => ("gtTheDen", whole(&answer.card.valid_to)?),
    };
    if leaves <= end {
        return None;
    }
    // With the old card ending and the new one beginning, the stay has two cards.
    let follows = new.filter(|_| counts == WhichCard::Asked).and_then(|new| whole(&new.valid_from));
    let shown = end.strftime("%d/%m/%Y");
    let label = Bilingual::composed(
        format!("Thẻ hết hạn ngày {shown}, trước ngày ra viện dự kiến"),
        format!("The card ends on {shown}, before the expected discharge"),
    );
    let warning = Warning { date: Some(end), ..Warning::new("card.ends_during_stay", field, label) };
    Some(match follows {
        Some(from) if from <= leaves => warning.with_next_step(
            "Ghi cả thẻ mới vào hồ sơ: từ ngày thẻ mới có giá trị thì dùng thẻ mới.",
            "Record the new card as well: it counts from its first day on.",
        ),
        _ => warning.with_next_step(
            "Nhắc người bệnh gia hạn thẻ trước ngày hết hạn; tra lại thẻ trước khi ra viện.",
            "Remind the patient to renew the card in time; look it up again before the discharge.",
        ),
    })
}

fn special_group(answer: &CardAnswer, counts: WhichCard) -> Option<Warning> {
    let number = match (counts, &answer.new_card) {
        (WhichCard::New, Some(new)) => &new.number,
        _ => &answer.card.number,
    };
    // A number of 15 characters begins with its group; what else the portal may echo has none.
    let group = Some(number.trim()).filter(|number| number.len() == 15)?.get(..2)?.to_ascii_uppercase();
    let group = SPECIAL_GROUPS.into_iter().find(|special| *special == group)?;
    let label = Bilingual::composed(
        format!("Đầu thẻ {group}: có thể do BHXH Bộ Quốc phòng hoặc Bộ Công an quản lý"),
        format!("Card group {group}: the insurer of the Defence or the Police ministry may manage it"),
    );
    let warning = Warning::new("card.special_group", "maThe", label);
    Some(warning.with_next_step(
        "Đối chiếu thẻ với giấy tờ tùy thân; nếu cổng không có dữ liệu thì tin theo thẻ và giấy tờ.",
        "Compare the card with the identity papers; where the portal has no data, card and papers decide.",
    ))
}

fn five_years(answer: &CardAnswer, at: &Circumstances<'_>) -> Option<Warning> {
    let reached = whole(&answer.card.five_years).filter(|date| *date <= at.visit)?;
    let label = Bilingual::fixed("Đã đủ 5 năm tham gia liên tục", "Five continuous years have been reached");
    Some(Warning { date: Some(reached), ..Warning::new("card.five_years_reached", "ngayDu5Nam", label) })
}

fn living_area(answer: &CardAnswer) -> Option<Warning> {
    let area = ["K1", "K2", "K3"].into_iter().find(|area| answer.card.area.trim().eq_ignore_ascii_case(area))?;
    let label = Bilingual::composed(
        format!("Thẻ có mã nơi đối tượng sinh sống {area}"),
        format!("The card carries the living-area code {area}"),
    );
    Some(Warning::new("card.living_area", "maKV", label))
}

/// Begun by the visit date and not ended on it. A visit that tells neither of its days tells nothing.
fn is_open(visit: &Visit, on: Date) -> bool {
    let (admitted, discharged) = (day(&visit.admitted), day(&visit.discharged));
    match (admitted, discharged) {
        (None, None) => false,
        (admitted, discharged) => {
            let begun = admitted.is_none_or(|day| day <= on);
            // A discharge that is there but cannot be read is a discharge.
            let ended = discharged.map_or(!visit.discharged.trim().is_empty(), |day| day <= on);
            begun && !ended
        }
    }
}

/// Which other facilities the checks are by. An account that names no facility is nobody's in particular, perhaps an
/// officer of ours, and is not counted.
fn elsewhere<'a>(checks: impl Iterator<Item = &'a Check>, own: &FacilityCode) -> Vec<(FacilityCode, usize)> {
    counted(checks.filter_map(|check| check.facility).filter(|code| code != own))
}

/// How often each, the most frequent first.
fn counted(codes: impl Iterator<Item = FacilityCode>) -> Vec<(FacilityCode, usize)> {
    let mut counts: BTreeMap<FacilityCode, usize> = BTreeMap::new();
    for code in codes {
        *counts.entry(code).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(FACILITIES_TOLD_MAX);
    counts
}

/// `79001 (3 ×), 01094 (1 ×)`.
fn names(facilities: &[(FacilityCode, usize)]) -> String {
    facilities.iter().map(|(code, count)| format!("{code} ({count} ×)")).collect::<Vec<_>>().join(", ")
}

fn facility(code: &str) -> Option<FacilityCode> {
    FacilityCode::parse(code.trim()).ok()
}

fn whole(date: &str) -> Option<Date> {
    PartialDate::parse(date).ok().and_then(PartialDate::whole)
}

/// The day of `yyyyMMddHHmm`, or of a date with slashes, as older lists of visits had them.
fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let table = PartialDate::parse_table(text).ok().and_then(PartialDate::whole);
    table.or_else(|| text.contains('/').then(|| whole(text)).flatten())
}

/// A moment that can be put in order: day, then hour and minute as far as they are told.
fn moment(text: &str) -> Option<(Date, &str)> {
    let text = text.trim();
    Some((day(text)?, if text.contains('/') { "" } else { text.get(8..12).unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::portal::reply::{CardFacts, NewCard};

    const VISIT: Date = date(2026, 11, 20);

    fn own() -> FacilityCode {
        FacilityCode::parse("01999").unwrap()
    }

    fn answer() -> CardAnswer {
        let card = CardFacts {
            number: "GD4010199999991".into(),
            valid_from: "01/01/2026".into(),
            valid_to: "31/12/2026".into(),
            ..CardFacts::default()
        };
        CardAnswer { code: "000".into(), card, ..CardAnswer::default() }
    }

    fn check(account: &str, at: &str) -> Check {
        let facility = account.get(..5).and_then(|code| FacilityCode::parse(code).ok());
        Check { account: account.into(), facility, at: at.into(), ..Check::default() }
    }

    fn visit(facility: &str, admitted: &str, discharged: &str) -> Visit {
        Visit {
            facility: facility.into(),
            admitted: admitted.into(),
            discharged: discharged.into(),
            ..Visit::default()
        }
    }

    /// Codes of warnings, and the facilities each names.
    fn told(answer: &CardAnswer, history: Option<&[Visit]>, leaves: Option<Date>) -> Vec<(&'static str, String)> {
        told_where(answer, history, leaves, WhichCard::Asked)
    }

    fn told_where(
        answer: &CardAnswer,
        history: Option<&[Visit]>,
        leaves: Option<Date>,
        counts: WhichCard,
    ) -> Vec<(&'static str, String)> {
        let own = own();
        let circumstances = Circumstances { leaves, history, ..Circumstances::on(VISIT, &own) };
        let told = of(answer, &circumstances, counts).into_iter();
        told.map(|warning| (warning.code, names(&warning.facilities))).collect()
    }

    #[test]
    fn looks_of_others_on_the_visit_date_are_counted_by_facility() {
        let mut answer = answer();
        answer.checks = vec![
            check("79001_BV", "202611200810"),
            check("79001_BV", "202611201310"),
            check("01094_BV", "202611200700"),
            check("01999_BV", "202611200700"),
            check("79001_BV", "202611190810"),
            check("nguyenthib", "202611200810"),
            check("48001_BV", ""),
        ];
        let expected = [("card.checked_elsewhere_today", "79001 (2 ×), 01094 (1 ×)".to_owned())];
        assert_eq!(told(&answer, None, None), expected);
    }

    #[test]
    fn a_visit_elsewhere_that_has_not_ended_is_told() {
        const OPEN: &str = "card.in_hospital_elsewhere";
        for (visit, is_told) in [
            (visit("79001", "202611180800", ""), true),
            (visit("79001", "202611180800", "202611250900"), true),
            (visit("79001", "", "202611250900"), true),
            (visit("79001", "18/11/2026", ""), true),
            // Left on the visit date: free to come.
            (visit("79001", "202611180800", "202611200700"), false),
            (visit("79001", "202611180800", "202611190700"), false),
            (visit("79001", "202611180800", "?"), false),
            // Begins later; is our own; tells nothing.
            (visit("79001", "202611210800", ""), false),
            (visit("01999", "202611180800", ""), false),
            (visit("79001", "", ""), false),
            (visit("", "202611180800", ""), false),
        ] {
            let expected = if is_told { vec![(OPEN, "79001 (1 ×)".to_owned())] } else { vec![] };
            let history = [visit];
            assert_eq!(told(&answer(), Some(&history), None), expected, "{:?}", history[0].discharged);
            let own_list = CardAnswer { visits: history.to_vec(), ..answer() };
            assert_eq!(told(&own_list, None, None), expected);
            assert_eq!(told(&own_list, Some(&history), None), expected, "one visit is counted once");
        }
    }

    #[test]
    fn looks_of_others_since_the_last_discharge_are_told() {
        let mut answer = answer();
        answer.checks = vec![check("79001_BV", "202611151000"), check("79001_BV", "202611100900")];
        assert_eq!(told(&answer, None, None), [], "without a known discharge nothing is concluded");
        let history = [visit("01094", "202611010800", "202611101000")];
        let expected = [("card.in_hospital_elsewhere", "79001 (1 ×)".to_owned())];
        assert_eq!(told(&answer, Some(&history), None), expected, "only the look after it counts");
        let later = [visit("79001", "202611151000", "202611181000")];
        assert_eq!(told(&answer, Some(&later), None), []);
    }

    #[test]
    fn a_card_that_ends_during_the_stay_is_told_with_what_follows() {
        let until = |leaves: Date, answer: &CardAnswer, counts| {
            let own = own();
            let at = Circumstances { leaves: Some(leaves), ..Circumstances::on(VISIT, &own) };
            of(answer, &at, counts).pop()
        };
        assert_eq!(until(date(2026, 12, 31), &answer(), WhichCard::Asked), None);
        let told = until(date(2027, 1, 1), &answer(), WhichCard::Asked).unwrap();
        assert_eq!((told.code, told.date), ("card.ends_during_stay", Some(date(2026, 12, 31))));
        let mut renewed = answer();
        renewed.new_card = Some(NewCard {
            number: "DN4010199999991".into(),
            valid_from: "01/01/2027".into(),
            valid_to: "31/12/2027".into(),
            ..NewCard::default()
        });
        let with_new = until(date(2027, 1, 5), &renewed, WhichCard::Asked).unwrap();
        assert_ne!(with_new.next_step, told.next_step, "the new card is to be recorded");
        assert_eq!(until(date(2027, 12, 31), &renewed, WhichCard::New), None);
        let told = until(date(2028, 1, 1), &renewed, WhichCard::New).unwrap();
        assert_eq!((told.field, told.date), ("gtTheDenMoi", Some(date(2027, 12, 31))));
    }

    #[test]
    fn special_groups_are_told_of_refused_cards_too() {
        for group in SPECIAL_GROUPS {
            let mut answer = answer();
            answer.card.number = format!("{group}5010199999991");
            for counts in [WhichCard::Asked, WhichCard::Neither] {
                assert_eq!(told_where(&answer, None, None, counts), [("card.special_group", String::new())]);
            }
        }
        for number in ["GD4010199999991", "001080012345", "0199999991", "", "QN"] {
            let mut answer = answer();
            answer.card.number = number.into();
            assert_eq!(told(&answer, None, None), [], "{number}");
        }
    }

    #[test]
    fn five_years_and_living_area_are_told_when_they_hold() {
        let mut answer = answer();
        answer.card.five_years = "20/11/2026".into();
        answer.card.area = "k2".into();
        let codes: Vec<_> = told(&answer, None, None).into_iter().map(|told| told.0).collect();
        assert_eq!(codes, ["card.five_years_reached", "card.living_area"]);
        answer.card.five_years = "21/11/2026".into();
        answer.card.area = "4".into();
        assert_eq!(told(&answer, None, None), []);
        assert_eq!(told_where(&answer, None, None, WhichCard::Neither), []);
    }
}
