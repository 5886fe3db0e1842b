//! What a run knows: every document and where it stands, what the portal has, and what must hold of both. The gateway
//! is looked at from outside, by its database and its portal, after every commit and every second.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lienthong::document::Kind;
use lienthong::domain::{DeliveryState, FacilityCode};
use lienthong::sandbox::{Sandbox, Submission};
use lienthong::system::{System, after, until};
use rusqlite::{Connection, params};
use tokio::sync::Notify;

use crate::desks::Desks;
use crate::trace::Trace;

/// A facility whose account the portal keeps locked.
pub(crate) const LOCKED: &str = "99403";

/// After so long of fine weather nothing that may be sent still waits: the longest of all waits is that of an account
/// refused, a quarter of an hour; a lease ends within five minutes.
pub(crate) const DRAINED_WITHIN: Duration = Duration::from_secs(40 * 60);

/// As long as the last known answers: what was told before is judged by what happened then.
const DISTURBANCES_KEPT: Duration = Duration::from_secs(31 * 24 * 3600);

/// Attempts of one document in an hour by the table of waits: eight while they double from 2 s to 256 s, each at least
/// half of that, and then one every 150 s at least.
const ATTEMPTS_AN_HOUR_MAX: usize = 32;

/// A document as its sender has it.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) facility: FacilityCode,
    pub(crate) kind: Kind,
    pub(crate) key: Option<String>,
    pub(crate) sha256: [u8; 32],
}

/// A document the gateway has.
pub(crate) struct Doc {
    pub(crate) id: String,
    pub(crate) offer: Offer,
    pub(crate) state: DeliveryState,
    /// Receipts the portal gave for it.
    pub(crate) taken: Vec<String>,
    /// When it last came to wait other than by an attempt's end.
    entered: Timestamp,
    attempts: usize,
    attempts_lately: VecDeque<Timestamp>,
    /// Token, beginning and end.
    lease: Option<(i64, Timestamp, Timestamp)>,
}

/// When the process is to be killed, if something is counted to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trigger {
    Commits(u64),
    Submissions(u64),
}

pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) portal: Sandbox,
    pub(crate) trace: Trace,
    pub(crate) desks: Desks,
    /// By position in the order of acceptance.
    pub(crate) docs: BTreeMap<i64, Doc>,
    pub(crate) by_sha: HashMap<[u8; 32], i64>,
    /// What was or is offered to the gateway, by hash.
    pub(crate) offers: HashMap<[u8; 32], Offer>,
    by_key: HashMap<(FacilityCode, Kind, String), BTreeSet<i64>>,
    /// The newest document of a key that the portal took.
    newest_taken: HashMap<(FacilityCode, Kind, String), i64>,
    open: BTreeSet<i64>,
    database: Connection,
    ticks: u64,
    last_move: i64,
    last_submission: u64,
    last_token: i64,
    /// The leases that the living process has in hand.
    pub(crate) in_hand: Arc<dyn Fn() -> Vec<i64> + Send + Sync>,
    /// Lives begun, and refusals of the disk, lately.
    disturbed: VecDeque<Timestamp>,
    /// When the present life began.
    pub(crate) life_began: Timestamp,
    /// Since when nothing has gone wrong.
    pub(crate) fine_since: Option<Timestamp>,
    pub(crate) disk_is_slow: bool,
    pub(crate) trigger: Option<Trigger>,
    pub(crate) kill: Arc<Notify>,
    pub(crate) violation: Option<String>,
}

use DeliveryState::{Acknowledged, Failed, Held, Queued, Rejected, Sending, Unknown};

// === impl World ===

impl World {
    /// Over the database in `file`, into which it writes a log of every move, by a trigger of its own.
    pub(crate) fn new(file: &Path, system: System, portal: Sandbox, trace: Trace) -> Self {
        let database = Connection::open(file).unwrap();
        database
            .execute_batch(
                "CREATE TABLE sim_moves (id INTEGER PRIMARY KEY, document INTEGER, was TEXT, now TEXT, token INTEGER,
                                         lease_until INTEGER, receipt TEXT, answers_lost INTEGER);
                 CREATE TRIGGER sim_new AFTER INSERT ON deliveries BEGIN
                   INSERT INTO sim_moves (document, now) VALUES (new.document, new.state);
                 END;
                 CREATE TRIGGER sim_move AFTER UPDATE OF state ON deliveries BEGIN
                   INSERT INTO sim_moves (document, was, now, token, lease_until, receipt, answers_lost)
                   VALUES (new.document, old.state, new.state, new.token, new.lease_until, new.receipt_code,
                           new.answers_lost);
                 END;",
            )
            .unwrap();
        Self {
            desks: Desks::default(),
            docs: BTreeMap::new(),
            by_sha: HashMap::new(),
            offers: HashMap::new(),
            by_key: HashMap::new(),
            newest_taken: HashMap::new(),
            open: BTreeSet::new(),
            database,
            ticks: 0,
            last_move: 0,
            last_submission: 0,
            last_token: 0,
            in_hand: Arc::new(Vec::new),
            disturbed: VecDeque::new(),
            life_began: Timestamp::MIN,
            fine_since: None,
            disk_is_slow: false,
            trigger: None,
            kill: Arc::new(Notify::new()),
            violation: None,
            system,
            portal,
            trace,
        }
    }

    /// Something that must never be was seen; the run ends.
    pub(crate) fn fail(&mut self, text: String) {
        let now = self.system.now();
        self.trace.event(now, format_args!("VIOLATION {text}"));
        self.violation.get_or_insert_with(|| format!("at {now}: {text}"));
        self.kill.notify_one();
    }

    /// A transaction was committed.
    pub(crate) fn committed(&mut self) {
        self.trace.commits += 1;
        self.look();
        if let Some(Trigger::Commits(left)) = &mut self.trigger {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.pull();
            }
        }
    }

    /// The disk refused a transaction.
    pub(crate) fn disk_refused(&mut self) {
        self.trace.refusals += 1;
        self.disturb();
    }

    /// A life begins, or something else happened after which memory, or what was not yet on the disk, is gone.
    pub(crate) fn disturb(&mut self) {
        let now = self.system.now();
        if self.disturbed.back().is_none_or(|last| until(*last, now) >= Duration::from_secs(1)) {
            self.disturbed.push_back(now);
        }
        while self.disturbed.front().is_some_and(|first| until(*first, now) > DISTURBANCES_KEPT) {
            self.disturbed.pop_front();
        }
        self.fine_since = self.fine_since.map(|_| now);
    }

    /// How many disturbances there were from `since` on, for `span`.
    pub(crate) fn disturbances(&self, since: Timestamp, span: Duration) -> usize {
        self.disturbed.iter().rev().take_while(|at| **at >= since).filter(|at| **at <= after(since, span)).count()
    }

    /// Looks at everything that is new.
    pub(crate) fn look(&mut self) {
        self.look_at_portal();
        self.look_at_moves();
        let (now, system) = (self.system.now(), self.system.clone());
        let lives = self.disturbances(now.checked_sub(jiff::SignedDuration::from_secs(61)).unwrap(), Duration::MAX);
        if let Err(text) = self.desks.look(&self.portal, &system, lives) {
            self.fail(text);
        }
    }

    /// Looks at what follows from time alone.
    pub(crate) fn tick(&mut self) {
        self.look();
        self.ticks += 1;
        if !self.ticks.is_multiple_of(30) {
            return;
        }
        let now = self.system.now();
        let in_hand = (self.in_hand)();
        let waiting: Vec<(i64, String)> =
            self.open.iter().filter_map(|d| Some((*d, self.overdue(*d, now, &in_hand)?))).collect();
        for (document, text) in waiting {
            self.fail(format!("document {document} ({}) {text}", self.docs[&document].offer.kind.name()));
        }
    }

    fn overdue(&self, document: i64, now: Timestamp, in_hand: &[i64]) -> Option<String> {
        let doc = &self.docs[&document];
        if let Some((token, _, ends)) = doc.lease
            && !in_hand.contains(&token)
            && until(ends, now) > Duration::from_secs(120)
            && self.disturbances(ends, Duration::MAX) == 0
        {
            return Some(format!("is sending though its lease ended at {ends} and nobody has it in hand"));
        }
        let fine = self.fine_since?;
        let since = fine.max(doc.entered);
        // What is held waits for the clerk.
        let is_late = doc.state != Held && doc.offer.facility.as_str() != LOCKED && until(since, now) > DRAINED_WITHIN;
        (is_late && !self.stands_behind(document))
            .then(|| format!("still waits, {} for fine weather's sake", doc.state.name()))
    }

    /// Whether an older document of the same record waits before this one.
    fn stands_behind(&self, document: i64) -> bool {
        let Some(key) = key_of(&self.docs[&document].offer) else { return false };
        let older = self.by_key[&key].range(..document);
        older.into_iter().any(|older| matches!(self.docs[older].state, Queued | Sending | Held))
    }

    fn look_at_portal(&mut self) {
        for submission in self.portal.submissions_after(self.last_submission) {
            self.last_submission = submission.number;
            self.trace.submissions += 1;
            if let Err(text) = self.taken(&submission) {
                self.fail(text);
            }
            if let Some(Trigger::Submissions(left)) = &mut self.trigger {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.pull();
                }
            }
        }
    }

    fn pull(&mut self) {
        self.trigger = None;
        self.kill.notify_one();
    }

    /// The portal took a document.
    fn taken(&mut self, submission: &Submission) -> Result<(), String> {
        let Some(document) = self.by_sha.get(&submission.sha256).copied() else {
            return Err("the portal took something that was never on the disk".to_owned());
        };
        self.trace.event(submission.received_at, format_args!("portal took {document}"));
        let doc = self.docs.get_mut(&document).unwrap();
        doc.taken.push(submission.receipt.clone());
        let (kind, times) = (doc.offer.kind, doc.taken.len());
        if doc.state != Sending {
            return Err(format!("the portal took document {document} while the disk said {}", doc.state.name()));
        }
        if times > doc.attempts {
            return Err(format!("the portal took document {document} {times} times in {} attempts", doc.attempts));
        }
        if times > 1 && !kind.facts().replaced_by_key {
            return Err(format!("the portal took document {document} ({}) {times} times", kind.name()));
        }
        if submission.service != "gksk" && submission.facility != doc.offer.facility.as_str() {
            return Err(format!("document {document} went out under another facility"));
        }
        if let Some(key) = key_of(&doc.offer) {
            let newest = self.newest_taken.entry(key).or_insert(document);
            if *newest > document {
                return Err(format!("document {document} overtook {newest} of the same record"));
            }
            *newest = document;
        }
        Ok(())
    }

    fn look_at_moves(&mut self) {
        let moves: Vec<Move> = {
            let mut new = self
                .database
                .prepare_cached(
                    "SELECT id, document, was, now, token, lease_until, receipt, answers_lost FROM sim_moves WHERE id > ?1
                     ORDER BY id",
                )
                .unwrap();
            let rows = new.query_map(params![self.last_move], |row| {
                Ok(Move {
                    id: row.get(0)?,
                    document: row.get(1)?,
                    was: row.get::<_, Option<String>>(2)?.map(|name| DeliveryState::parse(&name).unwrap()),
                    now: DeliveryState::parse(&row.get::<_, String>(3)?).unwrap(),
                    lease: row.get::<_, Option<i64>>(4)?.zip(row.get::<_, Option<i64>>(5)?),
                    receipt: row.get(6)?,
                    answers_lost: row.get::<_, Option<u32>>(7)?.unwrap_or(0),
                })
            });
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        };
        for moved in moves {
            self.last_move = moved.id;
            self.trace.moves += 1;
            let at = self.system.now();
            let was = moved.was.map_or("new", DeliveryState::name);
            self.trace.event(at, format_args!("{} {was} -> {}", moved.document, moved.now.name()));
            let checked = match moved.was {
                None => self.appeared(moved.document, moved.now, at),
                Some(was) => self.moved(was, &moved, at),
            };
            if let Err(text) = checked {
                self.fail(text);
            }
        }
    }

    fn appeared(&mut self, document: i64, state: DeliveryState, now: Timestamp) -> Result<(), String> {
        let (id, sha256): (String, [u8; 32]) = self
            .database
            .query_row("SELECT id, sha256 FROM documents WHERE sequence = ?1", params![document], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let Some(offer) = self.offers.get(&sha256).cloned() else {
            return Err(format!("document {document} was offered by nobody"));
        };
        if let Some(before) = self.by_sha.insert(sha256, document) {
            return Err(format!("document {document} is {before} once more"));
        }
        if let Some(key) = key_of(&offer) {
            self.by_key.entry(key).or_default().insert(document);
        }
        let doc = Doc {
            id,
            offer,
            state,
            taken: Vec::new(),
            entered: now,
            attempts: 0,
            attempts_lately: VecDeque::new(),
            lease: None,
        };
        self.docs.insert(document, doc);
        self.open.insert(document);
        Ok(())
    }

    fn moved(&mut self, was: DeliveryState, moved: &Move, now: Timestamp) -> Result<(), String> {
        let (document, to) = (moved.document, moved.now);
        let doc = self.docs.get_mut(&document).ok_or("a document moved that never came")?;
        if doc.state != was || !was.may_become(to) {
            return Err(format!(
                "document {document} was {}, then {} became {}",
                doc.state.name(),
                was.name(),
                to.name()
            ));
        }
        doc.state = to;
        let lease = doc.lease.take();
        if let Some((token, leased_at, _)) = lease.filter(|(_, leased_at, _)| *leased_at >= self.life_began) {
            let outcome = "SELECT outcome FROM attempts WHERE id = ?1";
            let outcome: Option<String> = self.database.query_row(outcome, params![token], |row| row.get(0)).unwrap();
            if outcome.as_deref() == Some("interrupted") {
                return Err(format!(
                    "the attempt on document {document} of {leased_at} was given up by its own process"
                ));
            }
        }
        match to {
            Queued | Sending | Held => drop(self.open.insert(document)),
            _ => drop(self.open.remove(&document)),
        }
        match to {
            Queued if was != Sending => doc.entered = now,
            Sending => self.leased(document, moved, now)?,
            Acknowledged if !doc.taken.iter().any(|receipt| Some(receipt) == moved.receipt.as_ref()) => {
                return Err(format!("document {document} is acknowledged by a receipt that the portal never gave"));
            }
            Unknown if doc.offer.kind.facts().replaced_by_key && moved.answers_lost < 10 => {
                return Err(format!("document {document} waits for a person though it could be sent again"));
            }
            Rejected | Failed if !doc.taken.is_empty() && !doc.offer.kind.facts().replaced_by_key => {
                return Err(format!("document {document} is {} though the portal has it", to.name()));
            }
            _ => {}
        }
        Ok(())
    }

    fn leased(&mut self, document: i64, moved: &Move, now: Timestamp) -> Result<(), String> {
        let (token, ends) = moved.lease.ok_or(format!("document {document} is sending without a lease"))?;
        if token <= self.last_token {
            return Err(format!("lease {token} was given before"));
        }
        self.last_token = token;
        let hour = Duration::from_secs(3600);
        let lives = self.disturbances(now.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap(), hour);
        let doc = self.docs.get_mut(&document).unwrap();
        doc.lease = Some((token, now, Timestamp::from_millisecond(ends).unwrap()));
        doc.attempts += 1;
        doc.attempts_lately.push_back(now);
        while doc.attempts_lately.front().is_some_and(|first| until(*first, now) > hour) {
            doc.attempts_lately.pop_front();
        }
        let (attempts, entered) = (doc.attempts_lately.len(), usize::from(until(doc.entered, now) < hour));
        if attempts > ATTEMPTS_AN_HOUR_MAX + entered + lives {
            return Err(format!("document {document} was tried {attempts} times in an hour"));
        }
        if let Some(key) = key_of(&self.docs[&document].offer) {
            let others = self.by_key[&key].iter().filter(|other| **other != document);
            for other in others {
                let state = self.docs[other].state;
                if state == Sending || (*other < document && matches!(state, Queued | Held)) {
                    return Err(format!("document {document} is sent beside {other} of its record, {}", state.name()));
                }
            }
        }
        Ok(())
    }

    /// What must hold when everything has come to rest.
    pub(crate) fn at_rest(&mut self) {
        self.look();
        let kept: i64 = self.database.query_row("SELECT count(*) FROM deliveries", [], |row| row.get(0)).unwrap();
        if usize::try_from(kept).unwrap() != self.docs.len() {
            self.fail(format!("{kept} deliveries for {} documents", self.docs.len()));
        }
        let mut wrong = Vec::new();
        for (document, doc) in &self.docs {
            let stored: String = self
                .database
                .query_row("SELECT state FROM deliveries WHERE document = ?1", params![document], |row| row.get(0))
                .unwrap();
            let is_open = matches!(doc.state, Queued | Sending) && doc.offer.facility.as_str() != LOCKED;
            if stored != doc.state.name() || (is_open && !self.stands_behind(*document)) {
                wrong.push(format!("document {document} is {stored} at the end, by the model {}", doc.state.name()));
            }
            let is_newest = |key| self.by_key[&key].last() == Some(document);
            if doc.state == Acknowledged && doc.taken.is_empty() {
                wrong.push(format!("document {document} is acknowledged and not at the portal"));
            }
            if let Some(key) = key_of(&doc.offer)
                && doc.state == Acknowledged
                && is_newest(key.clone())
                && self.newest_taken.get(&key) != Some(document)
            {
                wrong.push(format!("the portal's record is not document {document}, the newest"));
            }
        }
        let forgotten: i64 = self
            .database
            .query_row(
                "SELECT count(*) FROM attempts WHERE ended_at IS NULL AND id NOT IN
                          (SELECT token FROM deliveries WHERE token IS NOT NULL)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        if forgotten != 0 {
            wrong.push(format!("{forgotten} attempts never ended"));
        }
        for text in wrong {
            self.fail(text);
        }
    }
}

/// A move as the trigger wrote it down.
struct Move {
    id: i64,
    document: i64,
    was: Option<DeliveryState>,
    now: DeliveryState,
    lease: Option<(i64, i64)>,
    receipt: Option<String>,
    answers_lost: u32,
}

fn key_of(offer: &Offer) -> Option<(FacilityCode, Kind, String)> {
    Some((offer.facility, offer.kind, offer.key.clone()?))
}
