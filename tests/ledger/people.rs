//! The people behind the systems: they see what waits for a person, look at the portal, and order what is right.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::clients::Round;
use crate::ledger::{Entry, Order};
use crate::plan;

/// How often somebody looks.
const EVERY: Duration = Duration::from_millis(700);

/// Somebody with a key that sees every facility.
pub(crate) struct Person {
    pub(crate) round: Round,
    pub(crate) key: String,
    /// What was seen at the last look and was the same then: whatever was on its way to the portal has arrived since.
    seen: HashSet<String>,
}

impl Person {
    pub(crate) fn new(round: Round, key: String) -> Self {
        Self { round, key, seen: HashSet::new() }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            self.look().await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
        self
    }

    /// Looks once, and sees to what was there at the last look already. Every fourth document is left alone for good: it
    /// must still wait at the end.
    pub(crate) async fn look(&mut self) {
        let places = self.round.ledger.by_id();
        let mut now = HashSet::new();
        for state in ["unknown", "rejected", "failed"] {
            let path = format!("/v1/documents?status={state}");
            for document in self.round.site.ask_all(&self.key, &path).await {
                let id = document["id"].as_str().unwrap_or_default();
                // What nobody was told of yet is its sender's, who repeats the request.
                let Some(place) = places.get(id) else { continue };
                if plan::chance(self.round.seed, &[2, *place]).one_in(4) {
                    continue;
                }
                let sight = format!("{id} {} {}", document["deliveries"][0]["attempts"], document["status"]);
                if self.seen.contains(&sight) {
                    self.see_to(*place, id, state).await;
                }
                now.insert(sight);
            }
        }
        self.seen = now;
    }

    async fn see_to(&self, place: usize, id: &str, state: &str) {
        let entry = self.round.ledger.entries()[place].clone();
        let receipt = (state == "unknown").then(|| self.receipt_at_the_portal(&entry)).flatten();
        if let Some(receipt) = receipt {
            // Written down before it is ordered: an order without an answer may have been done.
            self.round.ledger.change(place, |entry| entry.confirmed.push(receipt.clone()));
            let order = json!({"lyDo": "đã thấy ở cổng", "maGiaoDich": receipt});
            self.round.order_with(&self.key, id, "confirm", order).await;
            return;
        }
        self.round.ledger.change(place, |entry| entry.replays += 1);
        let told = self.round.order_with(&self.key, id, "replay", json!({"lyDo": "cổng chưa có"})).await;
        // A newer version went out since, or an order without an answer was done.
        if told == Some(409) && self.state(id).await == state {
            self.round.order(&self.key, place, id, "cancel").await;
        }
    }

    /// The receipt under which the portal holds exactly this document.
    fn receipt_at_the_portal(&self, entry: &Entry) -> Option<String> {
        let held = self.round.site.sandbox.submissions();
        let this = held.iter().find(|taken| taken.sha256 == entry.paper.sha256 && taken.twin_of.is_none());
        this.map(|taken| taken.receipt.clone())
    }

    async fn state(&self, id: &str) -> String {
        let document = self.round.site.ask(&self.key, &format!("/v1/documents/{id}")).await;
        document["status"].as_str().unwrap_or_default().to_owned()
    }
}

/// Follows the feed of events over every kill, as a system does that wants to know of each document.
pub(crate) async fn follow(round: Arc<Round>, key: String, stop: CancellationToken) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    loop {
        let last = stop.is_cancelled();
        let after = seen.last().and_then(|event| event["id"].as_str());
        let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
        let wait = if last { "" } else { "&wait=1" };
        let mut page = round.site.ask(&key, &format!("/v1/events?limit=500{wait}{after}")).await;
        let Value::Array(events) = page["data"].take() else { panic!("no events: {page}") };
        if last && events.is_empty() {
            return seen;
        }
        seen.extend(events);
    }
}

/// Whether an order may have been done.
pub(crate) fn was_ordered(order: Order) -> bool {
    order != Order::None
}
