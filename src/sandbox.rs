//! The sandbox: a simulator of the national portal, as rude as the real one, in the same binary.
//!
//! It speaks the four calling conventions of `portal-api.md`, section 0, refuses each one's credentials in the places
//! of the others, knows an invented population, records what it was sent, and breaks in every way of section 7 that a
//! test asks for. What the real portal's words are not known for, ours are used, and marked where they stand.
//!
//! Its own endpoints lie under `/_sandbox`; they need no credentials and meet no faults. It keeps everything in
//! memory, bounded, and is no portal: it must never be shown to anybody as one.

mod certificates;
mod claims;
mod control;
mod driver;
mod faults;
mod judge;
mod legacy;
mod login;
mod lookup;
mod population;
mod portal;
mod records;
mod reply;
mod request;
mod routes;
mod server;
mod tokens;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::domain::{NationalId, Officer, PersonName};
use crate::system::System;

pub use self::faults::{Faults, OutageWindow};
pub use self::population::{InsuredPerson, example_for_code, person_of};
pub use self::tokens::ACCOUNT_PASSWORD;

/// A running sandbox. Handles are cheap and all mean the same one. It runs until [`stop`](Self::stop), whether a
/// handle is kept or not.
#[derive(Clone)]
pub struct Sandbox {
    portal: Arc<portal::Portal>,
    /// `None` where others bring the connections.
    server: Option<Arc<server::Server>>,
}

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// Serves HTTPS when set.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The faults to begin with.
    pub faults: Faults,
    /// The people registered for lookups (`hoTenCb`, `cccdCb`), for every facility alike.
    pub officers: Vec<Officer>,
    /// The seed of the dice that decide about faults. The population does not hang on it.
    pub seed: u64,
}

/// A document that the sandbox took. `Debug` leaves the body out.
#[derive(Clone)]
pub struct Submission {
    /// Counts from 1 in the order of reception.
    pub number: u64,
    /// The path as called.
    pub path: String,
    /// `loaiHoSo` or `loaiHs`: `0`, `130`, `12`, `39`, `60`, `61`, in the old family `3` and `5` to `9`; or `gksk`.
    pub service: String,
    /// The facility named in the body, in the old family in the query.
    pub facility: String,
    /// The file after decoding its base64, byte for byte; for `gksk` the JSON body. Empty if it was dropped because
    /// more than 1 GiB had come in since.
    pub body: Bytes,
    /// SHA-256 of the body as it was received.
    pub sha256: [u8; 32],
    /// The transaction code that was (or would have been) answered.
    pub receipt: String,
    /// MA_LK, several joined by `;`; for `gksk` SO and HANGBANGLAI; certificates have none.
    pub business_key: Option<String>,
    /// The number of the submission whose place this one took (section 4.3).
    pub replaced: Option<u64>,
    /// The number of the submission of which this is a second booking, by the portal's own fault.
    pub twin_of: Option<u64>,
    /// Whether a whole answer was handed to the connection; `false` if a fault lost it.
    pub answered: bool,
    /// By the system's clock, without the skew of the faults.
    pub received_at: Timestamp,
}

/// A lookup that the sandbox processed. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// The last segment of the official path, such as `KQNhanLichSuKCB2024`.
    pub service: String,
    /// `maThe` as asked.
    pub subject: String,
}

/// The officers registered unless others are named: NGUYỄN THỊ B, 001181012345, and LÊ VĂN C, 079085054321. Both are
/// invented.
pub fn default_officers() -> Vec<Officer> {
    let officer = |name: &str, id: &str| {
        Some(Officer { name: PersonName::parse(name).ok()?, national_id: NationalId::parse(id).ok()? })
    };
    [officer("NGUYỄN THỊ B", "001181012345"), officer("LÊ VĂN C", "079085054321")].into_iter().flatten().collect()
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            faults: Faults::default(),
            officers: default_officers(),
            seed: 0,
        }
    }
}

impl Sandbox {
    /// Binds the address and serves it in background tasks of the current runtime.
    pub async fn start(options: Options, system: System) -> std::io::Result<Self> {
        let portal = Arc::new(portal::Portal::new(options.faults, options.officers, options.seed, system));
        let server = server::Server::start(options.listen, options.tls, Arc::clone(&portal)).await?;
        Ok(Self { portal, server: Some(Arc::new(server)) })
    }

    /// A sandbox that listens nowhere: whoever has a connection lets it be served with [`serve`](Self::serve).
    pub fn without_listener(options: Options, system: System) -> Self {
        let portal = Arc::new(portal::Portal::new(options.faults, options.officers, options.seed, system));
        Self { portal, server: None }
    }

    /// Serves one connection of `peer` until its end, in plain HTTP. Tells whether it ended in a reset; the caller plays
    /// that, as it knows what kind of connection it is.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr) -> bool {
        server::serve_stream(stream, peer, &self.portal).await
    }

    /// Where it listens; nowhere is told as the address of all zeros.
    pub fn address(&self) -> SocketAddr {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        self.server.as_ref().map_or(nowhere, |server| server.address())
    }

    /// Changes the faults while running; calls in hand keep what was drawn for them.
    pub fn set_faults(&self, faults: Faults) {
        self.portal.set_faults(faults);
    }

    /// The faults in force.
    pub fn faults(&self) -> Faults {
        Faults::clone(&self.portal.faults())
    }

    /// Everything it took, in order: the newest 200,000, of which the newest 1 GiB have their bodies.
    pub fn submissions(&self) -> Vec<Submission> {
        self.portal.records().entries().map(|entry| entry.submission.clone()).collect()
    }

    /// How many submissions it remembers: cheap enough to be asked every millisecond.
    pub fn submission_count(&self) -> usize {
        self.portal.records().entries().len()
    }

    /// Every lookup it processed, in order: the newest 200,000.
    pub fn questions(&self) -> Vec<Question> {
        self.portal.records().questions().cloned().collect()
    }

    /// What it took after the submission of this number, in order; 0 for everything.
    pub fn submissions_after(&self, number: u64) -> Vec<Submission> {
        let records = self.portal.records();
        let newer = records.entries().rev().take_while(|entry| entry.submission.number > number);
        let mut newer: Vec<_> = newer.map(|entry| entry.submission.clone()).collect();
        newer.reverse();
        newer
    }

    /// The lookups it processed after so many, in order, of those it keeps.
    pub fn questions_after(&self, seen: u64) -> Vec<Question> {
        let records = self.portal.records();
        let new = usize::try_from(records.question_count().saturating_sub(seen)).unwrap_or(usize::MAX);
        let kept = records.questions().len();
        records.questions().skip(kept.saturating_sub(new)).cloned().collect()
    }

    /// How many logins succeeded.
    pub fn logins(&self) -> u64 {
        self.portal.logins()
    }

    /// Ends every session; clients notice at their next call.
    pub fn revoke_tokens(&self) {
        self.portal.tokens().revoke_all();
    }

    /// Forgets submissions, questions, checks and the count of logins. Sessions and faults stay as they are.
    pub fn reset(&self) {
        self.portal.reset();
    }

    /// Stops listening and drops every connection, as a power cut would; afterwards the port is free.
    pub async fn stop(self) {
        if let Some(server) = &self.server {
            server.stop().await;
        }
    }
}

impl Submission {
    /// The SHA-256 in lower-case hex.
    pub fn sha256_hex(&self) -> String {
        tokens::hex(&self.sha256)
    }
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submission")
            .field("number", &self.number)
            .field("service", &self.service)
            .field("facility", &self.facility)
            .field("receipt", &self.receipt)
            .field("replaced", &self.replaced)
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({}, redacted)", self.service)
    }
}
