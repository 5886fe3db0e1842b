//! Lookups that the portal switched off on 2024-08-01 (`portal-api.md`, section 2.3): asked with the functions of today,
//! and answered in the old form.
//!
//! The answer is the portal's own to the byte, save one value: the list of visits, which today's card lookup leaves empty,
//! comes from today's visit history. How exactly each of the five functions wrote that list is not recorded, so a visit
//! carries the old fields and today's, and the list stands under both names it is known by.

use serde_json::Value;

use crate::facade::Facade;
use crate::facade::caller::Admitted;
use crate::facade::dialect::object;
use crate::facade::lookup::{self, Outcome};
use crate::facade::reply::{Refusal, Reply};
use crate::facade::request::Call;
use crate::lookup::Ask;
use crate::portal::Service;
use crate::portal::members::{members, spliced};
use crate::portal::reply::{Visit, read_history};

/// The list of visits as today's card lookup names it, and as the first of the old functions did.
const LIST: &str = "dsLichSuKCB2018";
const OLD_LIST: &str = "dsLichSuKCB";

/// Codes of cards with which people are admitted, as the clients of the field have it (section 2.2): only then is the
/// second question worth its place in the budget.
const USABLE: [&str; 4] = ["000", "001", "002", "004"];

/// Asks about the card and, if it is good, about the visits.
pub(super) async fn answer(facade: &Facade, call: &Call, admitted: &Admitted) -> Result<Reply, Refusal> {
    let ask = lookup::read(facade, call, admitted, Service::CardLookup)?;
    let history = Ask { service: Service::TreatmentHistory, ..ask.clone() };
    let found = match lookup::find(facade, ask).await? {
        Outcome::Fault(reply) => return Ok(Reply { deprecated: true, ..reply }),
        Outcome::Found(found) => found,
    };
    // A failure here must not break the card lookup: then the list stays empty, as today's function leaves it.
    let visits = match USABLE.contains(&&*found.code) {
        true => visits(facade, history).await,
        false => None,
    };
    let mut reply = Reply { deprecated: true, ..lookup::reply(facade, found) };
    if let Some(visits) = visits
        && let Some(body) = with_visits(&reply.body, &visits)
    {
        reply.body = body.into();
    }
    Ok(reply)
}

async fn visits(facade: &Facade, ask: Ask) -> Option<Vec<Visit>> {
    let Ok(Outcome::Found(found)) = lookup::find(facade, ask).await else { return None };
    let answer = read_history(&found.raw).ok()?;
    USABLE.contains(&answer.code.as_str()).then_some(answer.visits)
}

/// The card's answer with the visits in their place.
fn with_visits(card: &[u8], visits: &[Visit]) -> Option<Vec<u8>> {
    let list: Vec<String> = visits.iter().map(as_before).collect();
    let list = format!("[{}]", list.join(","));
    let place = members(card)?.into_iter().find(|member| member.name == LIST)?.value;
    Some(spliced(card, &[(place, format!("{list},\"{OLD_LIST}\":{list}"))]))
}

/// A visit with the old fields (section 2.3), and today's beside them.
fn as_before(visit: &Visit) -> String {
    let text = |text: &str| Value::from(text);
    // The old number was one; what is none stays a text.
    let record = visit.record.parse::<u64>().map_or_else(|_| text(&visit.record), Value::from);
    object(&[
        ("maHoSo", record),
        ("maCSKCB", text(&visit.facility)),
        ("tuNgay", text(&day(&visit.admitted))),
        ("denNgay", text(&day(&visit.discharged))),
        ("tenBenh", text(&visit.illness)),
        ("tinhTrang", text(&visit.condition)),
        ("kqDieuTri", text(&visit.outcome)),
        ("ngayVao", text(&visit.admitted)),
        ("ngayRa", text(&visit.discharged)),
        ("lyDoVV", text(&visit.reason)),
    ])
}

/// `dd/MM/yyyy` of `yyyyMMddHHmm`; empty where there is no whole day.
fn day(moment: &str) -> String {
    let digits = moment.get(..8).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.map_or_else(String::new, |digits| {
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        format!("{}/{}/{}", part(6, 8), part(4, 6), part(0, 4))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_of_visits_changes() {
        let card = r#"{"maKetQua":"000", "ghiChu":"dsLichSuKCB2018","dsLichSuKCB2018":null,"dsLichSuKT2018":[]}"#;
        let visit = Visit {
            record: "2605580001".into(),
            facility: "01094".into(),
            admitted: "202604020822".into(),
            discharged: String::new(),
            ..Visit::default()
        };
        let written = String::from_utf8(with_visits(card.as_bytes(), &[visit]).unwrap()).unwrap();
        let list = r#"[{"maHoSo":2605580001,"maCSKCB":"01094","tuNgay":"02/04/2026","denNgay":"","tenBenh":"","tinhTrang":"","kqDieuTri":"","ngayVao":"202604020822","ngayRa":"","lyDoVV":""}]"#;
        assert_eq!(written, card.replace(":null", &format!(":{list},\"dsLichSuKCB\":{list}")));
        assert!(with_visits(b"{\"maKetQua\":\"000\"}", &[]).is_none());
        for (moment, told) in [("20260402", "02/04/2026"), ("2026", ""), ("", ""), ("khôngrõ", "")] {
            assert_eq!(day(moment), told);
        }
    }
}
