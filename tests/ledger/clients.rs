//! The systems that submit: each works through its scripts, repeats with the same bytes what was not answered, and writes
//! the ledger.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::{Entry, Ledger, Order};
use crate::papers::{FACILITIES, Kind, Paper};
use crate::plan::{self, After, Door, First, Script, Step};
use crate::site::{Answer, PATIENCE, Site};

/// A pause before a request is repeated.
const AGAIN_AFTER: Duration = Duration::from_millis(30);

/// What every client shares.
#[derive(Clone)]
pub(crate) struct Round {
    pub(crate) seed: u64,
    pub(crate) site: Arc<Site>,
    pub(crate) ledger: Arc<Ledger>,
    /// Told when no new script is to be begun.
    pub(crate) finish: CancellationToken,
}

/// One system that calls `/v1` with a key.
pub(crate) struct ApiClient {
    pub(crate) round: Round,
    pub(crate) number: usize,
    pub(crate) key: String,
    pub(crate) facilities: &'static [&'static str],
}

impl ApiClient {
    pub(crate) async fn run(self) {
        for script in 0..plan::SCRIPTS_MAX {
            if self.round.finish.is_cancelled() {
                return;
            }
            match plan::script(self.round.seed, self.number, script, self.facilities, true) {
                Script::Steps(steps) => {
                    for step in steps {
                        let rest = step.rest;
                        self.step(step).await;
                        tokio::time::sleep(rest).await;
                    }
                }
                Script::Feed(papers) => self.feed(papers).await,
            }
        }
    }

    async fn step(&self, step: Step) {
        let place = self.round.ledger.offer(step.paper.clone());
        let submitted = match step.first {
            First::Usual => self.submit(place, &step.paper, step.door).await,
            First::HangUp(after) => match tokio::time::timeout(after, self.submit(place, &step.paper, step.door)).await
            {
                Ok(submitted) => submitted,
                Err(_) => self.submit(place, &step.paper, step.door).await,
            },
            First::TwiceAtOnce => {
                let submit = || self.submit(place, &step.paper, step.door);
                tokio::join!(submit(), submit()).0
            }
        };
        let Some(id) = submitted else { return };
        match step.after {
            After::Nothing => {}
            After::Repeat => drop(self.submit(place, &step.paper, step.door).await),
            After::Cancel => self.round.order(&self.key, place, &id, "cancel").await,
            After::Hold => self.round.order(&self.key, place, &id, "hold").await,
            After::HoldAndRelease => {
                self.round.order(&self.key, place, &id, "hold").await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                self.round.order(&self.key, place, &id, "release").await;
            }
        }
    }

    /// Submits until it is acknowledged. `None` if it was refused, which is told as a violation: nothing here is wrong.
    async fn submit(&self, place: usize, paper: &Paper, door: Door) -> Option<String> {
        let idempotency_key = format!("{}-{}", self.number, paper.sha256_hex());
        let mut headers = vec![("content-type", paper.media_type())];
        let mut body = paper.body.clone();
        // Minutes of an assessment name no facility themselves.
        if paper.kind == Kind::Assessment {
            headers.push(("facility-id", paper.facility));
        }
        if paper.version > 1 {
            headers.push(("replace-reason", "corrected"));
        }
        match door {
            Door::Single => {}
            Door::WithKey => headers.push(("idempotency-key", &idempotency_key)),
            Door::Wait => headers.push(("prefer", "wait=1")),
            Door::Json => {
                headers[0].1 = "application/json";
                body = json!({"type": paper.kind.name(), "fileHSBase64": STANDARD.encode(&body)}).to_string().into();
            }
            Door::Form => {
                headers[0].1 = "multipart/form-data; boundary=giua";
                body = form_of(&paper.body);
            }
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.round.site.call(&self.key, Method::POST, "/v1/documents", &headers, body.clone()).await;
            if let Some(answer) = answer {
                let (status, told) = outcome(&answer);
                if matches!(status, 200 | 202) {
                    return self.round.heard(place, paper, &told);
                }
                if !may_be_repeated(status, &told) {
                    self.round.ledger.violation(format!("{} refused: {status} {told}", paper.name()));
                    return None;
                }
            }
            if Instant::now() > deadline {
                self.round.ledger.violation(format!("{} was never acknowledged", paper.name()));
                return None;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Sends all in one feed; after a cut goes on after the last line that was answered.
    async fn feed(&self, papers: Vec<Paper>) {
        let places: Vec<usize> = papers.iter().map(|paper| self.round.ledger.offer(paper.clone())).collect();
        let line = |paper: &Paper| {
            let content = STANDARD.encode(&paper.body);
            json!({"ref": paper.name(), "maCSKCB": paper.facility, "contentBase64": content}).to_string() + "\n"
        };
        let deadline = Instant::now() + PATIENCE;
        let mut done = 0;
        while done < papers.len() {
            let body: String = papers[done..].iter().map(line).collect();
            let kind = "application/x-ndjson";
            let came = self.round.site.call_as_far_as_it_goes(&self.key, "/v1/feeds", kind, body.into()).await;
            // A line that was cut off was not answered.
            let whole = came.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
            for line in whole {
                let told: Value = serde_json::from_slice(line).unwrap_or_default();
                let Some(paper) = papers.get(done) else { break };
                match told["httpStatus"].as_u64() {
                    Some(200 | 202) => {
                        self.round.heard(places[done], paper, &told["document"]);
                        done += 1;
                    }
                    // What was not kept for want of a store is sent again, and with it what stands after it.
                    Some(status) if may_be_repeated(u16::try_from(status).unwrap_or(0), &told["problem"]) => break,
                    _ => {
                        self.round.ledger.violation(format!("{} refused in a feed: {told}", paper.name()));
                        done += 1;
                    }
                }
            }
            if Instant::now() > deadline {
                self.round.ledger.violation(format!("a feed of client {} was never answered to its end", self.number));
                return;
            }
            if done < papers.len() {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
}

/// A form with one file.
fn form_of(file: &[u8]) -> Bytes {
    let head: &[u8] = b"--giua\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    Bytes::from([head, file, b"\r\n--giua--\r\n"].concat())
}

/// Status and document (or problem) of an answer, or of the one file of a form.
fn outcome(answer: &Answer) -> (u16, Value) {
    let mut told = answer.json();
    if answer.status != 207 {
        return (answer.status, told);
    }
    let mut file = told["data"][0].take();
    let status = file["httpStatus"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
    let member = if file["document"].is_null() { "problem" } else { "document" };
    (status, file[member].take())
}

/// The gateway was not there, or not able, or is still busy with the very same request.
fn may_be_repeated(status: u16, problem: &Value) -> bool {
    matches!(status, 429 | 503) || problem["code"] == "idempotency.under_way"
}

impl Round {
    /// Writes an acknowledgement into the ledger; gives the id.
    fn heard(&self, place: usize, paper: &Paper, document: &Value) -> Option<String> {
        let Some(id) = document["id"].as_str() else {
            self.ledger.violation(format!("{} was acknowledged without an id: {document}", paper.name()));
            return None;
        };
        if document["sha256"] != paper.sha256_hex() || document["type"] != paper.kind.name() {
            self.ledger.violation(format!("{id} is not what was sent, {}", paper.name()));
        }
        self.ledger.acknowledged(place, id);
        Some(id.to_owned())
    }

    /// Orders something of a document until the order is done or refused, and writes both down.
    pub(crate) async fn order(&self, key: &str, place: usize, id: &str, word: &str) {
        self.ledger.change(place, |entry| *order_mut(entry, word) = Order::Sent);
        let answer = self.order_with(key, id, word, json!({"lyDo": "thử"})).await;
        if answer == Some(200) {
            self.ledger.change(place, |entry| *order_mut(entry, word) = Order::Done);
        }
    }

    /// The status of the first answer that is one; `None` if there was none in time, which is told.
    pub(crate) async fn order_with(&self, key: &str, id: &str, word: &str, order: Value) -> Option<u16> {
        let deadline = Instant::now() + PATIENCE;
        let (path, body) = (format!("/v1/documents/{id}/{word}"), Bytes::from(order.to_string()));
        let headers = [("content-type", "application/json")];
        loop {
            match self.site.call(key, Method::POST, &path, &headers, body.clone()).await {
                Some(answer) if matches!(answer.status, 200 | 409) => return Some(answer.status),
                Some(answer) if !may_be_repeated(answer.status, &answer.json()) => {
                    self.ledger.violation(format!("{word} of {id}: {} {}", answer.status, answer.json()));
                    return Some(answer.status);
                }
                _ => {}
            }
            if Instant::now() > deadline {
                self.ledger.violation(format!("{word} of {id} was never answered"));
                return None;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

fn order_mut<'a>(entry: &'a mut Entry, word: &str) -> &'a mut Order {
    match word {
        "cancel" => &mut entry.cancel,
        "hold" => &mut entry.hold,
        _ => &mut entry.release,
    }
}

/// What a client of the façade may submit for.
pub(crate) const OF_FACADE: &[&str] = &FACILITIES;
