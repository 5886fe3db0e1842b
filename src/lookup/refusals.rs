//! Which officers the portal did not accept, and since when: what it last said of them, for who mends the directory. In
//! memory: after a restart the next lookup says it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::{FacilityCode, NationalId, Officer, PersonName};
use crate::lookup::code::{Conclusion, ResultCode};

/// Refused officers remembered. Callers may name whomever they like, so there is a bound; the oldest go first. A whole
/// hospital has fewer who look up cards.
const REMEMBERED_MAX: usize = 10_000;

/// An officer of a facility, with the name that was sent: another name is another question.
type Asker = (FacilityCode, NationalId, PersonName);

/// The refused officers.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Asker, Refused>>);

/// That the portal did not accept an officer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 054 or 055.
    pub code: &'static str,
    /// When it said so last.
    pub at: Timestamp,
}

impl Refusals {
    /// Notes what the portal answered to a question in an officer's name. A refusal is remembered; whatever shows that
    /// the officer was accepted ends it; a fault of the portal's own shows nothing.
    pub fn note(&self, facility: FacilityCode, officer: &Officer, code: &str, at: Timestamp) {
        let row = ResultCode::of(code);
        let asker = || (facility, officer.national_id, officer.name.clone());
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match row.conclusion {
            Conclusion::StaffNotAccepted => {
                let asker = asker();
                if refused.len() >= REMEMBERED_MAX && !refused.contains_key(&asker) {
                    let oldest = refused.iter().min_by_key(|(_, refusal)| refusal.at).map(|(asker, _)| asker.clone());
                    oldest.map(|oldest| refused.remove(&oldest));
                }
                refused.insert(asker, Refused { code: row.code, at });
            }
            Conclusion::PortalFault | Conclusion::Unclear => {}
            // Most facilities have none, and pay nothing for the accepted.
            _ if refused.is_empty() => {}
            _ => drop(refused.remove(&asker())),
        }
    }

    /// Whether the portal did not accept this officer of this facility.
    pub fn of(&self, facility: FacilityCode, officer: &Officer) -> Option<Refused> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(&(facility, officer.national_id, officer.name.clone())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_lasts_until_the_officer_is_accepted() {
        let facility = FacilityCode::parse("01999").unwrap();
        let officer = |name: &str| Officer {
            name: PersonName::parse(name).unwrap(),
            national_id: NationalId::parse("079085054321").unwrap(),
        };
        let (refusals, wrong, right) = (Refusals::default(), officer("Le Van C"), officer("Lê Văn C"));
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = |officer| refusals.of(facility, officer).map(|refused| (refused.code, refused.at));
        refusals.note(facility, &wrong, "055", at(1));
        assert_eq!(told(&wrong), Some(("055", at(1))));
        assert_eq!(told(&right), None, "the name was mended");
        assert_eq!(refusals.of(FacilityCode::parse("79999").unwrap(), &wrong), None);
        for nothing in ["500", "100", "401", "205", "777"] {
            refusals.note(facility, &wrong, nothing, at(2));
            assert_eq!(told(&wrong), Some(("055", at(1))), "{nothing}");
        }
        refusals.note(facility, &wrong, "054", at(3));
        assert_eq!(told(&wrong), Some(("054", at(3))));
        // Whatever is about the card says that the officer was accepted.
        refusals.note(facility, &wrong, "060", at(4));
        assert_eq!(told(&wrong), None);
    }

    #[test]
    fn the_oldest_refusals_go_first() {
        let facility = FacilityCode::parse("01999").unwrap();
        let name = PersonName::parse("A B").unwrap();
        let officer = |number: usize| Officer {
            name: name.clone(),
            national_id: NationalId::parse(&format!("0010800{number:05}")).unwrap(),
        };
        let refusals = Refusals::default();
        for number in 0..=REMEMBERED_MAX {
            refusals.note(facility, &officer(number), "054", Timestamp::from_second(number as i64).unwrap());
        }
        assert_eq!(refusals.of(facility, &officer(0)), None);
        assert!(
            refusals.of(facility, &officer(1)).is_some() && refusals.of(facility, &officer(REMEMBERED_MAX)).is_some()
        );
    }
}
