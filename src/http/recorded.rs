//! Every route's entry in the audit log.

use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::audit::{About, Deed, Manner, Outcome, Trail, Unavailable};
use crate::clients::Caller;
use crate::http::call::facility_header;
use crate::http::problem::Problem;

/// Notes for which facility a request is, as far as its head tells: a handler that knows better tells so itself.
pub(super) fn tell_facility(trail: &Trail, caller: &Caller, headers: &HeaderMap) {
    let named = facility_header(headers).ok().flatten();
    let facility = named.or(match caller.client.facilities.as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    trail.tell(About { facility, ..About::default() });
}

/// Does what a route does, with its entry: of a deed that acts, opened before and closed after; of one that reads, whole
/// before the answer leaves. What a flow records itself is left to it, unless the request ended before the flow.
pub(super) async fn recorded(trail: &Trail, deed: Deed, run: impl Future<Output = Response>) -> Response {
    match deed.manner() {
        Manner::Not => run.await,
        Manner::Acts => match trail.open(deed, About::default()).await {
            Ok(mut entry) => {
                let response = run.await;
                entry.tell(trail.told());
                entry.close(outcome(&response));
                response
            }
            Err(error) => refused(error),
        },
        manner @ (Manner::Reads | Manner::InFlow) => {
            let response = run.await;
            let is_told = trail.has_written() || is_of_audit(&response);
            if manner == Manner::InFlow && is_told {
                return response;
            }
            match trail.record(deed, About::default(), outcome(&response)).await {
                Ok(()) => response,
                Err(error) => refused(error),
            }
        }
    }
}

/// What is told of a known caller who may not do this.
pub(super) async fn turned_away(trail: &Trail, deed: Deed, problem: Problem) -> Problem {
    if deed.manner() == Manner::Not {
        return problem;
    }
    let outcome = Outcome::status(problem.status.as_u16(), problem.code);
    match trail.record(deed, About::default(), outcome).await {
        Ok(()) => problem,
        Err(error) => error.into(),
    }
}

fn outcome(response: &Response) -> Outcome {
    let code = response.extensions().get::<Problem>().map_or("", |problem| problem.code);
    Outcome::status(response.status().as_u16(), code)
}

/// Whether the flow found that it cannot be recorded: trying again would only make the caller wait.
fn is_of_audit(response: &Response) -> bool {
    response.extensions().get::<Problem>().is_some_and(|problem| problem.code == "audit.unavailable")
}

fn refused(error: Unavailable) -> Response {
    Problem::from(error).into_response()
}
