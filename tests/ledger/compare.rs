//! At the end: the ledger, the gateway and the portal, held against each other. Everything that does not agree is told.

mod attempts;
mod events;
mod records;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::Method;
use lienthong::domain::delivery::INTERRUPTED_MAX;
use lienthong::sandbox::Submission;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::clients::Round;
use crate::ledger::{Entry, Order};
use crate::papers::Kind;
use crate::people::was_ordered;

/// Every so many, a document's bytes are read back.
const BODIES_LOOKED_AT: usize = 10;

/// What each of the three says, read when everything is at rest.
pub(crate) struct Picture {
    /// What the ledger says.
    entries: Vec<Entry>,
    /// What the gateway says: each entry's document, in the same place.
    documents: Vec<Option<Value>>,
    /// The gateway's documents that the ledger does not know.
    untold: Vec<Value>,
    /// Each entry's attempts.
    attempts: Vec<Vec<Value>>,
    /// The bytes that the gateway gives back of some entries, by place.
    bodies: HashMap<usize, Bytes>,
    /// The gateway's events, and those that somebody followed while it was killed.
    events: Vec<Value>,
    followed: Vec<Value>,
    /// What the portal says, in its order.
    submissions: Vec<Submission>,
    /// Each entry's submissions, by place in `submissions`.
    held: Vec<Vec<usize>>,
}

/// What a round came to, for people.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) documents: usize,
    pub(crate) submissions: usize,
    pub(crate) booked_twice: usize,
    pub(crate) attempts: usize,
    pub(crate) interrupted: usize,
    /// Submissions that the portal processed and whose answer never reached the gateway's disk.
    pub(crate) unheard: usize,
    pub(crate) events: usize,
    pub(crate) states: BTreeMap<(&'static str, String), usize>,
}

impl Picture {
    pub(crate) async fn take(round: &Round, key: &str, followed: Vec<Value>) -> Self {
        let entries = round.ledger.entries().clone();
        let places: HashMap<&str, usize> =
            entries.iter().enumerate().filter_map(|(place, entry)| Some((entry.id.as_deref()?, place))).collect();
        let (mut documents, mut untold) = (vec![None; entries.len()], Vec::new());
        for document in round.site.ask_all(key, "/v1/documents?lang=en").await {
            match places.get(document["id"].as_str().unwrap_or_default()) {
                Some(place) => documents[*place] = Some(document),
                None => untold.push(document),
            }
        }
        let attempts = attempts_of(round, key, &documents).await;
        let mut bodies = HashMap::new();
        for (place, document) in documents.iter().enumerate().step_by(BODIES_LOOKED_AT) {
            let Some(document) = document else { continue };
            let path = format!("/v1/documents/{}/content", document["id"].as_str().unwrap_or_default());
            if let Some(answer) = round.site.call(key, Method::GET, &path, &[], Bytes::new()).await {
                bodies.insert(place, answer.body);
            }
        }
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().and_then(|event| event["id"].as_str());
            let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
            let mut page = round.site.ask(key, &format!("/v1/events?limit=500{after}")).await;
            match page["data"].take() {
                Value::Array(some) if !some.is_empty() => events.extend(some),
                _ => break,
            }
        }
        let submissions = round.site.sandbox.submissions();
        let by_content: HashMap<[u8; 32], usize> =
            entries.iter().enumerate().map(|(place, entry)| (entry.paper.sha256, place)).collect();
        let mut held = vec![Vec::new(); entries.len()];
        for (number, submission) in submissions.iter().enumerate() {
            if let Some(place) = by_content.get(&submission.sha256) {
                held[*place].push(number);
            }
        }
        Self { entries, documents, untold, attempts, bodies, events, followed, submissions, held }
    }

    /// Everything that is not as it must be.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.nothing_is_lost_or_invented(&mut found);
        self.states_are_honest(&mut found);
        self.receipts_are_the_portals(&mut found);
        self.attempts_agree(&mut found);
        self.records_keep_their_order(&mut found);
        self.events_tell_every_end(&mut found);
        found
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut states = BTreeMap::new();
        for place in 0..self.entries.len() {
            *states.entry((self.entries[place].paper.kind.name(), self.state(place).to_owned())).or_default() += 1;
        }
        let interrupted = |attempt: &&Value| attempt["outcome"] == "interrupted";
        Summary {
            documents: self.entries.len(),
            submissions: self.submissions.len(),
            booked_twice: self.submissions.iter().filter(|taken| taken.twin_of.is_some()).count(),
            attempts: self.attempts.iter().map(Vec::len).sum(),
            interrupted: self.attempts.iter().flatten().filter(interrupted).count(),
            unheard: (0..self.entries.len()).map(|place| self.unheard(place)).sum(),
            events: self.events.len(),
            states,
        }
    }

    fn unheard(&self, place: usize) -> usize {
        let heard = self.attempts[place].iter().filter(|attempt| attempt["outcome"] == "acknowledged").count();
        self.sent(place).count().saturating_sub(heard)
    }

    fn state(&self, place: usize) -> &str {
        self.documents[place].as_ref().and_then(|document| document["status"].as_str()).unwrap_or("not there")
    }

    /// The submissions of an entry that are not the portal's own second bookings.
    fn sent(&self, place: usize) -> impl Iterator<Item = &Submission> {
        self.held[place].iter().map(|number| &self.submissions[*number]).filter(|taken| taken.twin_of.is_none())
    }

    /// One line that lets a person begin to look.
    fn tell(&self, place: usize, what: &str) -> String {
        let entry = &self.entries[place];
        let attempts: Vec<String> = self.attempts[place]
            .iter()
            .map(|attempt| {
                let word = |name: &str| attempt[name].as_str().unwrap_or("-").to_owned();
                format!("{}/{}", word("outcome"), word("stage"))
            })
            .collect();
        let numbers: Vec<u64> = self.held[place].iter().map(|number| self.submissions[*number].number).collect();
        format!(
            "{} ({}, {}): {what} [acknowledged {}; state {}; attempts {attempts:?}; at the portal as {numbers:?}; {} \
             replays, {} confirmed, cancel {:?}, hold {:?}]",
            entry.id.as_deref().unwrap_or("no id"),
            entry.paper.name(),
            &entry.paper.sha256_hex()[..8],
            entry.phase,
            self.state(place),
            entry.replays,
            entry.confirmed.len(),
            entry.cancel,
            entry.hold,
        )
    }

    fn nothing_is_lost_or_invented(&self, found: &mut Vec<String>) {
        for (place, entry) in self.entries.iter().enumerate() {
            let paper = &entry.paper;
            match (&entry.id, &self.documents[place]) {
                (None, _) => found.push(self.tell(place, "never acknowledged")),
                (Some(_), None) => found.push(self.tell(place, "acknowledged, and the gateway does not have it")),
                (Some(_), Some(document)) => {
                    let as_sent = document["sha256"] == paper.sha256_hex()
                        && document["type"] == paper.kind.name()
                        && document["maCSKCB"] == paper.facility
                        && document["deliveries"].as_array().is_some_and(|deliveries| deliveries.len() == 1);
                    if !as_sent {
                        found.push(self.tell(place, &format!("is kept as something else: {document}")));
                    }
                }
            }
        }
        for (place, body) in &self.bodies {
            if *body != self.entries[*place].paper.body {
                found.push(self.tell(*place, "the bytes that the gateway gives back are not those that were sent"));
            }
        }
        for document in &self.untold {
            found.push(format!("{} is kept, and nobody was told of it: {document}", document["id"]));
        }
        let offered: HashMap<[u8; 32], &Entry> = self.entries.iter().map(|entry| (entry.paper.sha256, entry)).collect();
        for taken in &self.submissions {
            let at = format!("submission {} (service {}, {})", taken.number, taken.service, taken.facility);
            match offered.get(&taken.sha256).map(|entry| &entry.paper) {
                None => found.push(format!("{at}: the portal holds what nobody sent")),
                Some(paper) => {
                    let key = taken.business_key.as_deref();
                    let right = taken.service == paper.kind.service()
                        && taken.facility == paper.facility
                        && key == paper.key_at_the_portal();
                    if !right {
                        found.push(format!("{at}: sent as something else, being {}", paper.name()));
                    }
                }
            }
        }
    }

    /// Exactly one state, at rest, and one that the ledger and the portal bear out.
    fn states_are_honest(&self, found: &mut Vec<String>) {
        for (place, entry) in self.entries.iter().enumerate() {
            let Some(document) = &self.documents[place] else { continue };
            let times = self.sent(place).count();
            let state = self.state(place);
            if document["deliveries"][0]["status"] != state {
                found.push(self.tell(place, "its delivery stands elsewhere than itself"));
            }
            if !entry.paper.kind.is_replaced_by_key() && times > 1 {
                found.push(self.tell(place, &format!("the portal does not replace it, and it was sent {times} times")));
            }
            let wrong = match state {
                "acknowledged" if times == 0 => Some("a receipt for what the portal does not hold"),
                "acknowledged" => None,
                "unknown" if !self.last_outcome_is(place, &["unknown", "interrupted"]) => Some("no answer was lost"),
                "unknown" => None,
                "rejected" if entry.paper.kind != Kind::Exam => Some("nothing here is wrong"),
                "rejected" if !self.last_outcome_is(place, &["rejected"]) => Some("nobody refused it"),
                "rejected" => None,
                "held" if !was_ordered(entry.hold) => Some("nobody ordered to hold it"),
                "held" if entry.release == Order::Done => Some("it was released"),
                "held" => None,
                "cancelled" if !was_ordered(entry.cancel) => Some("nobody ordered to cancel it"),
                "cancelled" => None,
                "superseded" if !self.has_newer(place) => Some("there is no newer version"),
                "superseded" => None,
                // Three deaths with one document in hand look like its doing, and it waits for a person.
                "failed" if self.interrupted(place) < INTERRUPTED_MAX => Some("it was not interrupted often enough"),
                "failed" => None,
                _ => Some("this is no state to rest in"),
            };
            found.extend(wrong.map(|wrong| self.tell(place, wrong)));
            if entry.cancel == Order::Done && state != "cancelled" {
                found.push(self.tell(place, "its cancelling was acknowledged"));
            }
            let may_leave_hold = was_ordered(entry.release) || matches!(state, "cancelled" | "superseded");
            if entry.hold == Order::Done && state != "held" && !may_leave_hold {
                found.push(self.tell(place, "it was held and never let go"));
            }
        }
    }

    fn last_outcome_is(&self, place: usize, outcomes: &[&str]) -> bool {
        let last = self.attempts[place].last().and_then(|attempt| attempt["outcome"].as_str());
        last.is_some_and(|last| outcomes.contains(&last))
    }

    fn interrupted(&self, place: usize) -> u32 {
        let interrupted = |attempt: &&Value| attempt["outcome"] == "interrupted";
        u32::try_from(self.attempts[place].iter().filter(interrupted).count()).unwrap()
    }

    fn has_newer(&self, place: usize) -> bool {
        let paper = &self.entries[place].paper;
        let newer = |other: &Entry| other.paper.record() == paper.record() && other.paper.version > paper.version;
        paper.kind.newer_supersedes() && paper.record().is_some() && self.entries.iter().any(newer)
    }

    fn receipts_are_the_portals(&self, found: &mut Vec<String>) {
        for (place, entry) in self.entries.iter().enumerate() {
            let Some(document) = &self.documents[place] else { continue };
            let receipt = document["deliveries"][0]["maGiaoDich"].as_str();
            let is_the_portals = |receipt: &str| self.sent(place).any(|taken| taken.receipt == receipt);
            match (self.state(place), receipt) {
                ("acknowledged", Some(receipt)) if is_the_portals(receipt) => {}
                ("acknowledged", receipt) => found.push(self.tell(place, &format!("its receipt is {receipt:?}"))),
                (_, None) => {}
                (_, Some(_)) => found.push(self.tell(place, "a receipt, and not acknowledged")),
            }
            for told in &entry.receipts_told {
                if !is_the_portals(told) {
                    found.push(self.tell(place, &format!("its sender was told {told}, which the portal never gave")));
                }
            }
        }
    }
}

/// The attempts of every document that is there, some asked for at one time.
async fn attempts_of(round: &Round, key: &str, documents: &[Option<Value>]) -> Vec<Vec<Value>> {
    const AT_ONCE: usize = 8;
    let mut attempts = vec![Vec::new(); documents.len()];
    let mut asked = JoinSet::new();
    let id = |document: &Option<Value>| document.as_ref()?["id"].as_str().map(str::to_owned);
    let mut ids = documents.iter().enumerate().filter_map(|(place, document)| Some((place, id(document)?)));
    loop {
        while asked.len() < AT_ONCE
            && let Some((place, id)) = ids.next()
        {
            let (round, key) = (round.clone(), key.to_owned());
            let path = format!("/v1/documents/{id}/attempts");
            asked.spawn(async move { (place, round.site.ask(&key, &path).await["data"].take()) });
        }
        match asked.join_next().await {
            Some(answered) => {
                let (place, data) = answered.unwrap();
                attempts[place] = data.as_array().cloned().unwrap_or_default();
            }
            None => return attempts,
        }
    }
}
