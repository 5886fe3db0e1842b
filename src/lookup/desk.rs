//! The outage ladder: a desk is told something at every rung, and hears the rest later.
//!
//! Fresh, or asked now, or last known with its age ([`Lookup::find`] takes these three) → what the card says of itself.
//! Whoever was told less than the portal's present answer gets a ticket: the question is asked again when the portal is
//! back (`recheck.rs`), and what differs goes out as an event.

use jiff::civil::Date;

use crate::lookup::provisional::{self, Clues};
use crate::lookup::ticket::{Asked, Told};
use crate::lookup::verdict::Verdict;
use crate::lookup::{Ask, CardFound, Failure, Lookup, LookupError, Purpose, Source};
use crate::portal::Fault;
use crate::store::ticket::NewTicket;
use crate::system::{after, vietnam};

/// What a desk is told.
#[derive(Clone, Debug)]
pub enum AtDesk {
    /// The portal's answer, of now or of before.
    Answered(Box<CardFound>, Option<TicketId>),
    /// What the card says of itself, because the portal does not answer.
    Provisional(Box<Provisional>),
}

/// The ticket under which a question is asked again, `lkp_…`.
pub type TicketId = String;

/// A verdict without the portal.
#[derive(Clone, Debug)]
pub struct Provisional {
    /// What the desk needs to know, provisionally.
    pub verdict: Verdict,
    /// The visit date the verdict is drawn for.
    pub visit: Date,
    /// Why the portal did not answer.
    pub why: Failure,
    /// The ticket; `None` if the store took none.
    pub ticket: Option<TicketId>,
}

impl Lookup {
    /// Is this card good for a visit? The whole ladder. `client` (`Client::id`) is who may see the ticket.
    pub async fn at_desk(&self, client: &str, ask: Ask, purpose: Purpose, clues: Clues) -> Result<AtDesk, LookupError> {
        let visit = purpose.visit.unwrap_or_else(|| vietnam(self.0.system.now()).date());
        match self.card(ask.clone(), Purpose { visit: Some(visit), ..purpose }).await {
            Ok(found) => {
                let ticket = match &found.found.source {
                    Source::LastKnown { .. } => self.open_ticket(client, &ask, visit, Told::last_known(&found)).await,
                    Source::Portal | Source::Cache { .. } => None,
                };
                Ok(AtDesk::Answered(Box::new(found), ticket))
            }
            Err(LookupError::NoAnswer(why)) if is_outage(&why) => {
                let verdict = provisional::draw(&clues, visit);
                self.0.metrics.provisional();
                self.0.metrics.verdict(verdict.conclusion.name());
                let ticket = self.open_ticket(client, &ask, visit, Told::provisional(&verdict, &clues)).await;
                Ok(AtDesk::Provisional(Box::new(Provisional { verdict, visit, why, ticket })))
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a ticket. A desk must not wait for it longer than for the disk's usual moment, and a store that takes none
    /// is no reason to tell the desk less.
    async fn open_ticket(&self, client: &str, ask: &Ask, visit: Date, told: Told) -> Option<TicketId> {
        /// The disk's usual moment is milliseconds; a second is what a clerk does not notice beside an outage.
        const MOMENT: std::time::Duration = std::time::Duration::from_secs(1);
        let parts = &self.0;
        let asked_json = Asked { ask: ask.clone(), visit, told }.to_json();
        let new = NewTicket {
            // Whoever asked in another officer's name, for another day, or was told something else waits for an answer of
            // his own. Equal questions cost the portal one all the same.
            key: parts.vault.keyed_hash("ticket", &[client.as_bytes(), &parts.key(ask), asked_json.as_bytes()]),
            client: client.to_owned(),
            facility: ask.question.facility,
            asked_json,
            next_at: after(parts.system.now(), super::recheck::FIRST_WAIT),
        };
        match tokio::time::timeout(MOMENT, parts.store.open_ticket(new)).await {
            Ok(Ok(Some(id))) => Some(id),
            Ok(Ok(None)) => {
                tracing::warn!("a question is not kept for later: too many wait already");
                None
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a question could not be kept for later");
                None
            }
            Err(_) => {
                tracing::error!("a question could not be kept for later in time");
                None
            }
        }
    }
}

/// Whether the portal is to blame, so that asking again later makes sense. What only the gateway's operator can mend, and
/// a gateway that is itself overrun, are errors and told as such.
fn is_outage(why: &Failure) -> bool {
    match why {
        Failure::Portal(error) => error.fault != Fault::NoAccount,
        Failure::PortalFault(_) | Failure::BudgetSpent(_) | Failure::StillAsking => true,
        Failure::TooMany => false,
    }
}
