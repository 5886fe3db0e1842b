//! What the audit log is told of a question.

use crate::audit::{About, Deed, Entry, Outcome, Unavailable};
use crate::lookup::{Ask, Failure, Found, LookupError, Source};
use crate::portal::Service;

/// Records a question that was answered from memory. The answer may leave when this returns.
pub(super) async fn whole(ask: &Ask, found: &Found) -> Result<(), Unavailable> {
    ask.asked_by.record(deed(ask.service), about(ask), answered(found)).await
}

/// Opens the entry of a question that is about to leave memory. It may leave when this returns.
pub(super) async fn opened(ask: &Ask) -> Result<Entry, Unavailable> {
    ask.asked_by.open(deed(ask.service), about(ask)).await
}

/// What came of a question.
pub(super) fn outcome(result: &Result<Found, LookupError>) -> Outcome {
    match result {
        Ok(found) => answered(found),
        Err(LookupError::NoAnswer(failure)) => Outcome::code(match failure {
            Failure::Portal(_) => "portal.unreachable",
            Failure::PortalFault(_) => "portal.fault",
            Failure::BudgetSpent(_) => "portal.budget_spent",
            Failure::TooMany => "gateway.busy",
            Failure::StillAsking => "portal.timeout",
        }),
        Err(LookupError::SandboxOnly) => Outcome::code("card.sandbox_only"),
        Err(LookupError::OfficerMissing) => Outcome::code("staff.missing"),
        Err(LookupError::NotRecorded(_)) => Outcome::code("audit.unavailable"),
    }
}

fn answered(found: &Found) -> Outcome {
    let source = match found.source {
        Source::Portal => "portal",
        Source::Cache { .. } => "cache",
        Source::LastKnown { .. } => "last-known",
    };
    Outcome::code(&found.code).from(source)
}

fn deed(service: Service) -> Deed {
    match service {
        Service::TreatmentHistory => Deed::HistoryLookup,
        Service::Copay => Deed::CopayLookup,
        // The other services take documents and are never asked.
        _ => Deed::CardLookup,
    }
}

fn about(ask: &Ask) -> About {
    let subject = ask.asked_by.audit().person(&ask.question.subject);
    About { facility: Some(ask.question.facility), subject: Some(subject), object: String::new() }
}
