//! Tickets are asked again when the portal is back, in the lane of lists, so that the desks that are busy again go first.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::lookup::ticket::{Asked, Outcome};
use crate::lookup::{CardFound, Failure, Lookup, LookupError, Purpose, Source};
use crate::portal::Service;
use crate::store::ticket::{TicketEnd, TicketState, TicketView};
use crate::system::stop::Stopper;
use crate::system::{after, until};

/// How long a ticket waits before it is asked again for the first time: a question the desk lost patience with is often
/// answered by then, and costs nothing more.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest wait between two tries. Five minutes after an outage every ticket has been asked.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How long a ticket matters: a visit is over after a day, and its claim rests on the answer of the day.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Tries after which a ticket is given up that the portal answers with a fault of its own: half an hour of them is no
/// passing weather but something about this question, and the portal restricts accounts that ask too much.
const FAULTS_MAX: u32 = 12;

/// Tickets asked again at once. The budget lets no more than a few a second through; eight keep it busy at the portal's
/// usual three seconds.
const AT_ONCE: u32 = 8;

/// How often the tickets are looked at though the weather did not change.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Lookup {
    /// Asks tickets again until told to stop.
    pub async fn recheck_tickets(self, stopper: Stopper) {
        let mut weather = self.0.portal.weather_changes();
        while !stopper.is_stopping() {
            let asked = tokio::select! {
                biased;
                // What is dropped here stays due, and is asked again after the next start.
                () = stopper.letting_go() => return,
                asked = self.recheck_some() => asked,
            };
            if asked > 0 {
                continue;
            }
            tokio::select! {
                biased;
                () = stopper.stopping() => return,
                // A lost or closed feed of weather leaves the regular look.
                _ = weather.recv() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Asks again what is due, as far as the portal's weather allows, and tells how many were asked.
    async fn recheck_some(&self) -> usize {
        let parts = &self.0;
        // While the service rests or is on trial, one ticket is the trial; the rest would only fail with it.
        let room = parts.portal.room(Service::CardLookup).min(AT_ONCE);
        if room == 0 {
            return 0;
        }
        let due = match parts.store.due_tickets(parts.system.now(), room).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "the open questions could not be read");
                return 0;
            }
        };
        let (count, mut tasks) = (due.len(), JoinSet::new());
        for ticket in due {
            let lookup = self.clone();
            tasks.spawn(async move { lookup.recheck(ticket).await });
        }
        while tasks.join_next().await.is_some() {}
        count
    }

    async fn recheck(&self, ticket: TicketView) {
        let parts = &self.0;
        let settled =
            match Asked::from_json(&ticket.asked_json, ticket.facility, self.trail_of(&ticket.client, &ticket.id)) {
                Some(asked) => match self.card(asked.ask.clone(), Purpose::on(asked.visit)).await {
                    Ok(found) if !matches!(found.found.source, Source::LastKnown { .. }) => {
                        Some(answered(&ticket, &asked, &found))
                    }
                    Err(LookupError::NoAnswer(Failure::PortalFault(_))) if ticket.tries >= FAULTS_MAX => {
                        Some(given_up(&ticket))
                    }
                    // What keeps the portal from answering is in the log already.
                    _ => None,
                },
                // It was written by another version, or changed: nobody can ask it any more.
                None => Some(given_up(&ticket)),
            };
        let too_old = until(ticket.created_at, parts.system.now()) > GIVE_UP_AFTER;
        let kept = match settled.or_else(|| too_old.then(|| given_up(&ticket))) {
            Some(end) => {
                parts.metrics.ticket_ended(end.state.name());
                parts.store.end_ticket(&ticket.id, end).await.map(drop)
            }
            None => {
                let next_at = after(parts.system.now(), wait(ticket.tries, parts.system.chance()));
                parts.store.postpone_ticket(&ticket.id, next_at).await
            }
        };
        if let Err(error) = kept {
            tracing::error!(%error, ticket = ticket.id, "what came of an open question could not be kept");
            // It stays due; without a pause the failing store would be asked without end.
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The end of a ticket that the portal has answered. The event names no person, only what differs.
fn answered(ticket: &TicketView, asked: &Asked, found: &CardFound) -> TicketEnd {
    let CardFound { found, answer, verdict, .. } = found;
    let differs = asked.told.differs_from(answer, verdict);
    let event = json!({
        "id": ticket.id,
        "ketLuan": verdict.conclusion.name(),
        "ketLuanTruoc": asked.told.conclusion,
        "maKetQua": found.code,
        "khac": differs,
        "url": format!("/v1/card-lookups/{}", ticket.id),
    });
    let raw = String::from_utf8_lossy(&found.raw).into_owned();
    let outcome = Outcome { raw, answered_at: found.answered_at, differs };
    TicketEnd {
        state: TicketState::Answered,
        // Texts only; they always serialise.
        answer_json: serde_json::to_string(&outcome).ok(),
        event: "lookup.completed",
        event_json: event.to_string(),
    }
}

fn given_up(ticket: &TicketView) -> TicketEnd {
    let event = json!({"id": ticket.id, "url": format!("/v1/card-lookups/{}", ticket.id)});
    TicketEnd {
        state: TicketState::GivenUp,
        answer_json: None,
        event: "lookup.given_up",
        event_json: event.to_string(),
    }
}

/// Doubling from [`FIRST_WAIT`], held at [`LONGEST_WAIT`], and a little by chance so that not all come at once.
fn wait(tries: u32, chance: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(tries.min(10)));
    doubled.min(LONGEST_WAIT).mul_f64(0.75 + chance / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(wait(0, 0.0), FIRST_WAIT.mul_f64(0.75));
        for tries in 0..40 {
            assert!(wait(tries, 0.5) <= wait(tries + 1, 0.5));
            assert!(wait(tries, 1.0) <= LONGEST_WAIT);
        }
    }
}
