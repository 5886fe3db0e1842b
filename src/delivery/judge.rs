//! What an attempt's end means for the delivery. Pure: the retry table of the gateway.
//!
//! Three questions decide. Did the portal take it? If not, could it have acted on the request all the same? And if it
//! could, does it replace by key, so that sending again is harmless? Only where the last answer is no does a lost
//! answer wait for a person (`portal-api.md`, sections 4.3 and 5.2).

use std::time::Duration;

use crate::document::Kind;
use crate::domain::Receipt;
use crate::domain::delivery::{CRASHED_THE_SENDER, INTERRUPTED_MAX};
use crate::portal::{Answer, Fault, PortalError, Stage};

/// How often and how long a delivery is tried before a person must look at it.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long failures that cannot have reached the portal are tried again. Three days: a weekend's outage mends
    /// itself.
    pub unreachable_for: Duration,
    /// How many lost answers in all. Ten: an answer lost so often is no accident of the line.
    pub answers_lost_max: u32,
    /// How many times the portal may answer with a system error of its own. Ten, at growing waits, are half an hour.
    pub system_errors_max: u32,
    /// The wait while the account lacks a right or is locked: a person must act at the portal, minutes do not matter.
    pub refused_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            unreachable_for: Duration::from_secs(3 * 24 * 3600),
            answers_lost_max: 10,
            system_errors_max: 10,
            refused_wait: Duration::from_secs(900),
        }
    }
}

/// What is known of the tries so far.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// Which attempt just ended, from 1.
    pub attempt: u32,
    /// Lost answers before this attempt, since the last replay.
    pub answers_lost: u32,
    /// System errors before this attempt, since the last replay.
    pub system_errors: u32,
    /// Attempts that broke off with the process or with their task before this one, since the last replay.
    pub interrupted: u32,
    /// How long the delivery has been waiting since it was accepted or last replayed.
    pub waiting_for: Duration,
}

/// What the delivery becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The portal has it.
    Acknowledged(Receipt),
    /// The portal refused it; a person must change something.
    Rejected {
        /// The portal's code.
        code: String,
    },
    /// It is tried again.
    TryLater {
        /// A wait that the fault itself asks for at the least; beyond it the backoff decides.
        wait: Option<Duration>,
        /// Whether the answer was lost after the request was written whole.
        answer_lost: bool,
        /// Why, as a stable word.
        reason: &'static str,
    },
    /// The portal may have it, and sending again could double it.
    Unknown {
        /// Why, as a stable word.
        reason: &'static str,
    },
    /// Tried as often as allowed.
    Failed {
        /// Why, as a stable word.
        reason: &'static str,
    },
}

/// The reason of a delivery that the portal answered with a system error of its own.
pub const SYSTEM_ERROR: &str = "portal_system_error";

/// Judges how an attempt to hand over a document of `kind` ended.
pub fn judge(kind: Kind, result: &Result<Answer, PortalError>, tries: Tries, patience: &Patience) -> Judgement {
    match result {
        Ok(Answer::Taken(receipt)) => Judgement::Acknowledged(receipt.clone()),
        Ok(Answer::Coded { code, .. }) => answered_with(kind, code, tries, patience),
        Err(error) => match error.stage {
            Stage::NotTried | Stage::NotConnected | Stage::NotWritten | Stage::Refused => {
                not_acted_on(error, tries, patience)
            }
            Stage::NoAnswer => answer_lost(kind, "answer_lost", tries, patience),
        },
    }
}

/// The portal answered, with another code than success. What each code means: `portal-api.md`, sections 3, 4.6, 5.2
/// and 6.2. A code in no table is a refusal too: the document was not taken, and the raw answer is there to be read.
fn answered_with(kind: Kind, code: &str, tries: Tries, patience: &Patience) -> Judgement {
    match code {
        // A system error gives no word on whether the document was taken before it happened.
        "500" | "408" if !kind.facts().replaced_by_key => Judgement::Unknown { reason: SYSTEM_ERROR },
        "500" | "408" if tries.system_errors + 1 >= patience.system_errors_max => {
            Judgement::Failed { reason: SYSTEM_ERROR }
        }
        "500" | "408" => Judgement::TryLater { wait: None, answer_lost: false, reason: SYSTEM_ERROR },
        // The account lacks the right (403) or names another facility (402): nothing is wrong with the document.
        "402" | "403" => not_before(tries, patience, "account_refused"),
        _ => Judgement::Rejected { code: code.to_owned() },
    }
}

/// The portal cannot have acted on the request, so it may be made again.
fn not_acted_on(error: &PortalError, tries: Tries, patience: &Patience) -> Judgement {
    let reason = match &error.fault {
        Fault::NoAccount => return Judgement::Failed { reason: "no_account" },
        Fault::SessionRefused => return not_before(tries, patience, "session_refused"),
        // A login answered with a system error says nothing of the account.
        Fault::LoginRefused(code) if code == "500" => "portal_unreachable",
        Fault::LoginRefused(_) => return not_before(tries, patience, "login_refused"),
        Fault::BreakerOpen => "portal_resting",
        _ => "portal_unreachable",
    };
    if tries.waiting_for >= patience.unreachable_for {
        return Judgement::Failed { reason };
    }
    Judgement::TryLater { wait: error.retry_after, answer_lost: false, reason }
}

fn not_before(tries: Tries, patience: &Patience, reason: &'static str) -> Judgement {
    if tries.waiting_for >= patience.unreachable_for {
        return Judgement::Failed { reason };
    }
    Judgement::TryLater { wait: Some(patience.refused_wait), answer_lost: false, reason }
}

/// The request was written whole and no understandable answer came: also what recovery finds after a crash.
pub fn answer_lost(kind: Kind, reason: &'static str, tries: Tries, patience: &Patience) -> Judgement {
    if !kind.facts().replaced_by_key || tries.answers_lost + 1 >= patience.answers_lost_max {
        return Judgement::Unknown { reason };
    }
    Judgement::TryLater { wait: None, answer_lost: true, reason }
}

/// The task that made the attempt broke off, by a fault of ours: the portal may have the document, and the document may be
/// what the task broke off at. As after the end of the whole process, it is sent again a stated number of times.
pub fn broke_off(kind: Kind, tries: Tries, patience: &Patience) -> Judgement {
    if kind.facts().replaced_by_key && tries.interrupted + 1 >= INTERRUPTED_MAX {
        return Judgement::Failed { reason: CRASHED_THE_SENDER };
    }
    answer_lost(kind, "answer_lost", tries, patience)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::kind::KINDS;

    const FIRST: Tries =
        Tries { attempt: 1, answers_lost: 0, system_errors: 0, interrupted: 0, waiting_for: Duration::ZERO };

    fn failed(stage: Stage, fault: Fault) -> Result<Answer, PortalError> {
        Err(PortalError { stage, fault, retry_after: None })
    }

    fn coded(code: &str) -> Result<Answer, PortalError> {
        Ok(Answer::Coded { code: code.into(), message: String::new() })
    }

    #[test]
    fn a_lost_answer_is_repeated_only_where_the_portal_replaces_by_key() {
        for facts in &KINDS {
            for fault in [Fault::TimedOut, Fault::Broken, Fault::Nonsense("empty"), Fault::HttpStatus(502)] {
                let judged = judge(facts.kind, &failed(Stage::NoAnswer, fault), FIRST, &Patience::default());
                let repeated = matches!(judged, Judgement::TryLater { answer_lost: true, .. });
                assert_eq!(repeated, matches!(facts.kind, Kind::Claim | Kind::Checkin), "{facts:?}");
                assert!(repeated || matches!(judged, Judgement::Unknown { .. }));
            }
        }
    }

    #[test]
    fn what_cannot_have_reached_the_portal_is_repeated_for_every_kind() {
        for facts in &KINDS {
            for stage in [Stage::NotTried, Stage::NotConnected, Stage::NotWritten] {
                let result = failed(stage, Fault::Unreachable("refused".into()));
                let judged = judge(facts.kind, &result, FIRST, &Patience::default());
                assert!(matches!(judged, Judgement::TryLater { answer_lost: false, .. }), "{facts:?}");
            }
        }
    }

    #[test]
    fn patience_ends() {
        let patience = Patience::default();
        let old = Tries { waiting_for: patience.unreachable_for, ..FIRST };
        let unreachable = failed(Stage::NotConnected, Fault::Unreachable(String::new()));
        assert!(matches!(judge(Kind::Claim, &unreachable, old, &patience), Judgement::Failed { .. }));

        let often = Tries { answers_lost: patience.answers_lost_max - 1, ..FIRST };
        let lost = failed(Stage::NoAnswer, Fault::TimedOut);
        assert!(matches!(judge(Kind::Claim, &lost, often, &patience), Judgement::Unknown { .. }));

        let many = Tries { system_errors: patience.system_errors_max - 1, ..FIRST };
        assert!(matches!(judge(Kind::Claim, &coded("500"), many, &patience), Judgement::Failed { .. }));
        // An outage before does not count against the portal's own errors.
        let after_outage = Tries { attempt: 100, ..FIRST };
        assert!(matches!(judge(Kind::Claim, &coded("500"), after_outage, &patience), Judgement::TryLater { .. }));
    }

    /// Every way an attempt can end that is tried again, by whatever counts it: none goes on for ever.
    #[test]
    fn no_document_is_tried_for_ever() {
        let faults = [
            Fault::Unreachable("refused".into()),
            Fault::TimedOut,
            Fault::Broken,
            Fault::Nonsense("empty"),
            Fault::HttpStatus(502),
            Fault::BreakerOpen,
            Fault::SessionRefused,
            Fault::LoginRefused("401".into()),
            Fault::LoginRefused("500".into()),
            Fault::NoAccount,
        ];
        let stages = [Stage::NotTried, Stage::NotConnected, Stage::NotWritten, Stage::NoAnswer, Stage::Refused];
        let mut endings: Vec<Result<Answer, PortalError>> =
            faults.iter().flat_map(|fault| stages.map(|stage| failed(stage, fault.clone()))).collect();
        endings.extend(["0", "123", "205", "401", "402", "403", "408", "500", "501", "999", ""].map(coded));
        let patience = Patience::default();
        for facts in &KINDS {
            let judges: Vec<Box<dyn Fn(Tries) -> Judgement>> = endings
                .iter()
                .map(|ending| -> Box<dyn Fn(Tries) -> Judgement> {
                    Box::new(|tries| judge(facts.kind, ending, tries, &patience))
                })
                .chain([Box::new(|tries| broke_off(facts.kind, tries, &patience)) as Box<dyn Fn(Tries) -> Judgement>])
                .collect();
            for (place, again) in judges.iter().enumerate() {
                let interrupting = place == endings.len();
                let mut tries = FIRST;
                let mut ended = None;
                // Each try waits as long as it is told, or the first wait of the backoff: the least there is.
                for _ in 0..1_000_000 {
                    match again(tries) {
                        Judgement::TryLater { wait, answer_lost, reason } => {
                            tries.attempt += 1;
                            tries.answers_lost += u32::from(answer_lost);
                            tries.system_errors += u32::from(reason == SYSTEM_ERROR);
                            tries.interrupted += u32::from(interrupting);
                            tries.waiting_for += wait.unwrap_or(Duration::from_secs(1));
                        }
                        end => {
                            ended = Some(end);
                            break;
                        }
                    }
                }
                assert!(ended.is_some(), "{:?}: ending {place} is tried for ever", facts.kind);
            }
            let third = Tries { interrupted: INTERRUPTED_MAX - 1, ..FIRST };
            let expected = if facts.replaced_by_key {
                Judgement::Failed { reason: CRASHED_THE_SENDER }
            } else {
                Judgement::Unknown { reason: "answer_lost" }
            };
            assert_eq!(broke_off(facts.kind, third, &patience), expected);
        }
    }

    #[test]
    fn codes_are_judged_by_the_table() {
        let patience = Patience::default();
        for code in ["123", "124", "125", "201", "202", "204", "205", "1001", "0", "999", ""] {
            let judged = judge(Kind::Claim, &coded(code), FIRST, &patience);
            assert_eq!(judged, Judgement::Rejected { code: code.into() });
        }
        for code in ["402", "403"] {
            let judged = judge(Kind::BirthCertificate, &coded(code), FIRST, &patience);
            assert!(matches!(judged, Judgement::TryLater { wait: Some(_), .. }), "{code}");
        }
        assert!(matches!(judge(Kind::Claim, &coded("500"), FIRST, &patience), Judgement::TryLater { .. }));
        assert!(matches!(judge(Kind::Voucher, &coded("500"), FIRST, &patience), Judgement::Unknown { .. }));
    }

    #[test]
    fn a_receipt_is_a_receipt() {
        let receipt = Receipt { code: "GD".into(), received_at: None };
        let judged = judge(Kind::Claim, &Ok(Answer::Taken(receipt.clone())), FIRST, &Patience::default());
        assert_eq!(judged, Judgement::Acknowledged(receipt));
    }
}
