//! What asking a row came to, and what follows from it. Pure.

use std::time::Duration;

use crate::lookup::code::Conclusion;
use crate::lookup::{Failure, LookupError};
use crate::portal::{Fault, PortalError, Stage};

/// How long a row waits between its tries, and how many it has.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first try. Half a minute: most faults of the portal are over by then.
    pub first: Duration,
    /// The longest wait; each is four times the one before.
    pub longest: Duration,
    /// Tries in all. With five, a row outlasts most of an hour of faults.
    pub tries_max: u32,
    /// The longest wait while the portal is away: single rows are the trials that find it back.
    pub longest_away: Duration,
    /// Tries in all while it is away, because then it is not the row that fails: a day and a night of trials. Bounded all the
    /// same: a few rows that the portal always fails at look like an outage.
    pub tries_away_max: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(30),
            longest: Duration::from_secs(30 * 60),
            tries_max: 5,
            longest_away: Duration::from_secs(5 * 60),
            tries_away_max: 300,
        }
    }
}

/// What follows for a row, or for its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is asked again after the wait; `counted` says whether this was one of its tries.
    Later {
        /// How long it waits.
        wait: Duration,
        /// Whether the portal was asked.
        counted: bool,
        /// Why, as problems have it.
        code: &'static str,
    },
    /// It is not asked again.
    Failed(&'static str),
    /// Every further row would fail alike, until somebody mends the cause: the list is paused.
    Stop(&'static str),
}

/// Between two looks at what the gateway itself has no room for just now.
const SOON: Duration = Duration::from_secs(1);

impl Backoff {
    /// The wait after the `tries`th try; `None` if it was the last.
    fn wait(&self, tries: u32, is_away: bool) -> Option<Duration> {
        let (longest, most) =
            if is_away { (self.longest_away, self.tries_away_max) } else { (self.longest, self.tries_max) };
        let factor = 4u32.saturating_pow(tries.saturating_sub(1));
        (tries < most).then(|| self.first.saturating_mul(factor).min(longest))
    }
}

/// Why a list must stop because of an answer; `None` if it goes on. 054 and 055 are about the officer in whose name all
/// of its rows are asked.
pub fn stops(conclusion: Conclusion, code: &str) -> Option<&'static str> {
    match (conclusion, code) {
        (Conclusion::StaffNotAccepted, "054") => Some("staff.not_registered"),
        (Conclusion::StaffNotAccepted, _) => Some("staff.name_mismatch"),
        _ => None,
    }
}

/// What follows from a row that got no answer, the `tries`th time it was asked; `is_away` tells whether the portal's card
/// lookup is, after this.
pub fn judge(error: &LookupError, tries: u32, is_away: bool, backoff: &Backoff) -> Judgement {
    let failure = match error {
        LookupError::NoAnswer(failure) => failure,
        LookupError::SandboxOnly => return Judgement::Failed("card.sandbox_only"),
        LookupError::OfficerMissing => return Judgement::Stop("staff.missing"),
        // Nothing was asked; a disk that is full is emptied some time.
        LookupError::NotRecorded(_) => {
            return Judgement::Later { wait: SOON, counted: false, code: "audit.unavailable" };
        }
    };
    let not_asked = |wait, code| Judgement::Later { wait, counted: false, code };
    let code = match failure {
        Failure::BudgetSpent(wait) => return not_asked(*wait, "portal.budget_spent"),
        Failure::TooMany => return not_asked(SOON, "gateway.busy"),
        Failure::Portal(PortalError { fault: Fault::NoAccount, .. }) => return Judgement::Stop("facility.no_account"),
        // A wrong password mends itself never, and asking on may lock the account.
        Failure::Portal(PortalError { fault: Fault::LoginRefused(_), .. }) => {
            return Judgement::Stop("portal.login_refused");
        }
        Failure::Portal(PortalError { stage: Stage::NotTried, retry_after, .. }) => {
            return not_asked(retry_after.unwrap_or(SOON), "portal.unreachable");
        }
        Failure::Portal(PortalError { fault: Fault::TimedOut, .. }) | Failure::StillAsking => "portal.timeout",
        Failure::Portal(PortalError { fault: Fault::Nonsense(_), .. }) => "portal.nonsense",
        Failure::Portal(PortalError { fault: Fault::SessionRefused, .. }) => "portal.session_ip_mismatch",
        Failure::Portal(_) => "portal.unreachable",
        Failure::PortalFault(_) => "portal.fault",
    };
    match backoff.wait(tries, is_away) {
        Some(wait) => Judgement::Later { wait, counted: true, code },
        None => Judgement::Failed(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::Answered;

    fn judged(failure: Failure, tries: u32) -> Judgement {
        judge(&LookupError::NoAnswer(failure), tries, false, &Backoff::default())
    }

    fn portal(stage: Stage, fault: Fault) -> Failure {
        Failure::Portal(PortalError { stage, fault, retry_after: None })
    }

    #[test]
    fn what_the_portal_fails_at_is_tried_so_often_and_no_more() {
        let waits: Vec<_> = (1..=6).map(|tries| judged(portal(Stage::NoAnswer, Fault::Broken), tries)).collect();
        let later = |s, code| Judgement::Later { wait: Duration::from_secs(s), counted: true, code };
        let code = "portal.unreachable";
        assert_eq!(waits[..4], [later(30, code), later(120, code), later(480, code), later(1_800, code)]);
        assert_eq!(waits[4..], [Judgement::Failed(code), Judgement::Failed(code)]);
        assert_eq!(judged(Failure::StillAsking, 1), later(30, "portal.timeout"));
        let answered = Answered { code: "100".into(), raw: bytes::Bytes::new(), http_status: 200 };
        assert_eq!(judged(Failure::PortalFault(answered), 5), Judgement::Failed("portal.fault"));
    }

    #[test]
    fn an_outage_fails_no_row_before_a_day_is_over() {
        let error = LookupError::NoAnswer(portal(Stage::NoAnswer, Fault::Broken));
        let mut waited = Duration::ZERO;
        for tries in 1.. {
            match judge(&error, tries, true, &Backoff::default()) {
                Judgement::Later { wait, .. } => waited += wait,
                judgement => {
                    assert_eq!(judgement, Judgement::Failed("portal.unreachable"));
                    break;
                }
            }
        }
        assert!(waited > Duration::from_secs(24 * 3_600), "{waited:?}");
    }

    #[test]
    fn what_never_reached_the_portal_is_no_try() {
        for failure in [
            Failure::BudgetSpent(Duration::from_secs(9)),
            Failure::TooMany,
            portal(Stage::NotTried, Fault::BreakerOpen),
        ] {
            let judgement = judged(failure.clone(), 99);
            assert!(matches!(judgement, Judgement::Later { counted: false, .. }), "{failure:?}: {judgement:?}");
        }
    }

    #[test]
    fn what_every_row_would_fail_at_stops_the_list() {
        assert_eq!(judged(portal(Stage::NotTried, Fault::NoAccount), 1), Judgement::Stop("facility.no_account"));
        let refused = Fault::LoginRefused("401".into());
        assert_eq!(judged(portal(Stage::NotTried, refused), 1), Judgement::Stop("portal.login_refused"));
        let missing = judge(&LookupError::OfficerMissing, 1, false, &Backoff::default());
        assert_eq!(missing, Judgement::Stop("staff.missing"));
        assert_eq!(stops(Conclusion::StaffNotAccepted, "054"), Some("staff.not_registered"));
        assert_eq!(stops(Conclusion::StaffNotAccepted, "055"), Some("staff.name_mismatch"));
        assert_eq!(stops(Conclusion::Expired, "010"), None);
    }
}
