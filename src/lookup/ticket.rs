//! What a ticket holds: the question as it was asked, and what the desk was told meanwhile. Pure, but for the form in
//! which the store keeps it (sealed).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::audit::Trail;
use crate::domain::{CardSubject, FacilityCode, NationalId, Officer, PartialDate, PersonName};
use crate::lookup::budget::Lane;
use crate::lookup::code::Conclusion;
use crate::lookup::provisional::Clues;
use crate::lookup::verdict::Verdict;
use crate::lookup::{Ask, CardFound};
use crate::portal::reply::CardAnswer;
use crate::portal::{Question, Service};

/// A question as a ticket keeps it. `Debug` is redacted by its parts.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question.
    pub ask: Ask,
    /// The visit it is about.
    pub visit: Date,
    /// What the desk was told.
    pub told: Told,
}

/// What the desk was told instead of the portal's answer.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether it was the last known answer; otherwise it was the card's own word.
    pub last_known: bool,
    /// `ketLuan.code`.
    pub conclusion: String,
    /// `maThe`; empty where it was not known. The same holds for the rest.
    pub card: String,
    /// `gtTheTu`, as the portal writes it.
    pub valid_from: String,
    /// `gtTheDen`.
    pub valid_to: String,
    /// `maDKBD`.
    pub first_contact: String,
    /// `maKV`.
    pub area: String,
    /// `ngayDu5Nam`.
    pub five_years: String,
}

/// What came of a ticket.
#[derive(Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The portal's JSON, as it came.
    pub raw: String,
    /// When the portal gave it.
    pub answered_at: Timestamp,
    /// What differs from what the desk was told: names of members of our answer.
    pub differs: Vec<String>,
}

impl Told {
    /// The last known answer.
    pub fn last_known(found: &CardFound) -> Self {
        Self { last_known: true, ..Self::of(&found.answer, &found.verdict) }
    }

    /// The card's own word.
    pub fn provisional(verdict: &Verdict, clues: &Clues) -> Self {
        let day = |date: Option<PartialDate>| date.map(PartialDate::portal).unwrap_or_default();
        Self {
            conclusion: verdict.conclusion.name().to_owned(),
            card: clues.card.as_ref().map(|card| card.as_str().to_owned()).unwrap_or_default(),
            valid_from: day(clues.valid_from),
            valid_to: day(clues.valid_to),
            ..Self::default()
        }
    }

    /// Whether the portal's conclusion is the one the desk was told, if only provisionally.
    fn is_borne_out_by(&self, conclusion: Conclusion) -> bool {
        let provisionally = match conclusion {
            Conclusion::Valid => Conclusion::ProvisionallyValid,
            Conclusion::Expired => Conclusion::ProvisionallyExpired,
            other => other,
        };
        [conclusion.name(), provisionally.name()].contains(&self.conclusion.as_str())
    }

    fn of(answer: &CardAnswer, verdict: &Verdict) -> Self {
        let card = &answer.card;
        Self {
            last_known: false,
            conclusion: verdict.conclusion.name().to_owned(),
            card: card.number.clone(),
            valid_from: card.valid_from.clone(),
            valid_to: card.valid_to.clone(),
            first_contact: card.first_contact.clone(),
            area: card.area.clone(),
            five_years: card.five_years.clone(),
        }
    }

    /// The members of our answer in which the portal's word now differs from what the desk was told. What the desk was
    /// not told cannot differ; a conclusion differs if it was not so much as provisionally told.
    pub fn differs_from(&self, answer: &CardAnswer, verdict: &Verdict) -> Vec<String> {
        let now = Self::of(answer, verdict);
        let mut differs = Vec::new();
        if !self.is_borne_out_by(verdict.conclusion) {
            differs.push("ketLuan".to_owned());
        }
        // A refusal has no card to compare.
        if answer.card.holder.is_empty() {
            return differs;
        }
        for (name, told, now) in [
            ("maThe", &self.card, &now.card),
            ("gtTheTu", &self.valid_from, &now.valid_from),
            ("gtTheDen", &self.valid_to, &now.valid_to),
            ("maDKBD", &self.first_contact, &now.first_contact),
            ("maKV", &self.area, &now.area),
            ("ngayDu5Nam", &self.five_years, &now.five_years),
        ] {
            let known = self.last_known || !told.is_empty();
            if known && !is_same(told, now) {
                differs.push(name.to_owned());
            }
        }
        differs
    }
}

/// Whether two values say the same: a card may tell only the year of a day, and the portal write a day otherwise.
fn is_same(told: &str, now: &str) -> bool {
    let date = |text: &str| PartialDate::parse(text).ok();
    told.trim() == now.trim() || date(told).zip(date(now)).is_some_and(|(told, now)| told.agrees_with(now))
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Told({})", self.conclusion)
    }
}

/// The form in which the store keeps a question.
#[derive(Serialize, Deserialize)]
struct Kept {
    subject: String,
    name: String,
    birth: String,
    officer: Option<(String, String)>,
    visit: Date,
    told: Told,
}

impl Asked {
    /// As the store keeps it.
    pub fn to_json(&self) -> String {
        let Question { subject, name, birth, .. } = &self.ask.question;
        let officer = |officer: &Officer| (officer.name.as_str().to_owned(), officer.national_id.as_str().to_owned());
        let kept = Kept {
            subject: subject.as_str().to_owned(),
            name: name.as_str().to_owned(),
            birth: birth.portal(),
            officer: self.ask.officer.as_ref().map(officer),
            visit: self.visit,
            told: self.told.clone(),
        };
        // Texts only; they always serialise.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Reads it back, to be asked again in the bulk lane; `None` if it cannot be read.
    pub fn from_json(text: &str, facility: FacilityCode, asked_by: Trail) -> Option<Self> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        let officer = match kept.officer {
            Some((name, id)) => {
                Some(Officer { name: PersonName::parse(&name).ok()?, national_id: NationalId::parse(&id).ok()? })
            }
            None => None,
        };
        let question = Question {
            facility,
            subject: CardSubject::parse(&kept.subject).ok()?,
            name: PersonName::parse(&kept.name).ok()?,
            birth: PartialDate::parse(&kept.birth).ok()?,
        };
        let ask = Ask {
            service: Service::CardLookup,
            question,
            officer,
            refresh: false,
            // Only what the portal says from now on ends a ticket.
            stale_max: Some(std::time::Duration::ZERO),
            lane: Lane::Bulk,
            asked_by,
        };
        Some(Self { ask, visit: kept.visit, told: kept.told })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::audit::Audit;
    use crate::lookup::verdict;
    use crate::portal::reply::CardFacts;
    use crate::store::Vault;
    use crate::system::System;

    fn told() -> Told {
        Told {
            last_known: true,
            conclusion: "hop_le".into(),
            card: "GD4000000000001".into(),
            valid_from: "01/01/2026".into(),
            valid_to: "31/12/2026".into(),
            first_contact: "01999".into(),
            area: String::new(),
            five_years: "01/01/2030".into(),
        }
    }

    fn answer(code: &str, to: &str) -> CardAnswer {
        let card = CardFacts {
            number: "GD4000000000001".into(),
            holder: "Nguyễn Văn Thử".into(),
            valid_from: "01/01/2026".into(),
            valid_to: to.into(),
            first_contact: "01999".into(),
            five_years: "01/01/2030".into(),
            ..CardFacts::default()
        };
        CardAnswer { code: code.into(), card, ..CardAnswer::default() }
    }

    fn differs(told: &Told, answer: &CardAnswer) -> Vec<String> {
        let verdict = verdict::draw(
            answer,
            &verdict::Circumstances::on(date(2026, 11, 20), &FacilityCode::parse("01999").unwrap()),
        );
        told.differs_from(answer, &verdict)
    }

    #[test]
    fn only_what_the_desk_was_told_can_differ() {
        assert!(differs(&told(), &answer("000", "31/12/2026")).is_empty());
        assert_eq!(differs(&told(), &answer("000", "30/06/2027")), ["gtTheDen"]);
        assert_eq!(differs(&told(), &answer("000", "30/06/2026")), ["ketLuan", "gtTheDen"]);
        let refused = CardAnswer { code: "050".into(), ..CardAnswer::default() };
        assert_eq!(differs(&told(), &refused), ["ketLuan"]);
        let provisional = Told { last_known: false, conclusion: "tam_tinh_con_han".into(), ..told() };
        assert!(differs(&provisional, &answer("000", "31/12/2026")).is_empty());
        assert_eq!(differs(&provisional, &answer("050", "31/12/2026")), ["ketLuan"]);
        let little = Told { conclusion: "chua_ro".into(), ..Told::default() };
        assert_eq!(differs(&little, &answer("000", "31/12/2026")), ["ketLuan"]);
    }

    #[test]
    fn a_date_that_is_only_written_differently_does_not_differ() {
        for to in ["2026", "12/2026", "31/12/2026"] {
            let told = Told { conclusion: "tam_tinh_con_han".into(), valid_to: to.into(), ..Told::default() };
            assert!(differs(&told, &answer("000", "31/12/2026")).is_empty(), "{to}");
            assert_eq!(differs(&told, &answer("000", "31/12/2027")), ["gtTheDen"], "{to}");
        }
    }

    #[test]
    fn a_question_survives_its_keeping() {
        let facility = FacilityCode::parse("01999").unwrap();
        let officer = Officer {
            name: PersonName::parse("NGUYỄN THỊ B").unwrap(),
            national_id: NationalId::parse("001181012345").unwrap(),
        };
        let audit = Audit::idle_for_measuring(Vault::for_tests().unwrap(), System::real());
        let asked_by = audit.trail_of("key_1");
        let ask = Ask {
            service: Service::CardLookup,
            question: Question {
                facility,
                subject: CardSubject::parse("001185012345").unwrap(),
                name: PersonName::parse("Trần Văn Thử").unwrap(),
                birth: PartialDate::parse("1985").unwrap(),
            },
            officer: Some(officer),
            refresh: true,
            stale_max: None,
            lane: Lane::Interactive,
            asked_by: asked_by.clone(),
        };
        let asked = Asked { ask: ask.clone(), visit: date(2026, 11, 20), told: told() };
        let again = Asked::from_json(&asked.to_json(), facility, asked_by.clone()).unwrap();
        assert_eq!((&again.ask.question, &again.ask.officer), (&ask.question, &ask.officer));
        assert_eq!((again.visit, again.told), (asked.visit, told()));
        assert_eq!((again.ask.lane, again.ask.refresh), (Lane::Bulk, false));
        assert!(Asked::from_json("{}", facility, asked_by).is_none());
        let shown = format!("{asked:?}");
        for secret in ["TRẦN", "001185012345", "NGUYỄN", "GD4"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
