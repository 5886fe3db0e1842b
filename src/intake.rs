//! FLOW 2, first half: a document on its way in. Read, check, guard, keep; then "accepted".
//!
//! Guarantees: what is accepted is on the disk, whole, under the facility it names, and will be sent as it came, byte
//! for byte; what is not accepted leaves nothing behind; the same document offered again is the same document. Intake
//! never waits for the portal.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::audit::{About, Deed, Outcome, Trail, Unavailable};
use crate::document::{Carried, Document, Findings, Kind, Limits, Rulebook, shown};
use crate::domain::FacilityCode;
use crate::store::{Accepted, DocumentView, NewDocument, Store, StoreError};
use crate::system::lately::Lately;
use crate::system::shares::Shares;
use crate::system::{System, vietnam};
use crate::telemetry::DocumentMetrics;

/// What is taken in, and what waits for a word before it is sent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bounds on one document.
    pub limits: Limits,
    /// Documents checked at once. One a core and one more: checking is all CPU.
    pub checked_at_once: usize,
    /// Documents waiting to be checked, or being checked; more are refused, because each holds its whole body in memory.
    /// One client may have three quarters of them at most.
    pub waiting_max: usize,
    /// How long a document may have to wait to be checked, as far as can be told when it comes; else it is refused at
    /// once. 5 s: a program that waits longer sends again, and makes it worse.
    pub line_max: Duration,
    /// Kinds that are held until they are signed.
    pub signature_required: Vec<Kind>,
    /// Schemas and rules.
    pub rulebook: Arc<Rulebook>,
    /// Facilities and kinds for which real sending is switched on; `None` in test mode, where everything is sent to the
    /// sandbox.
    pub sending: Option<HashSet<(FacilityCode, Kind)>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            checked_at_once: std::thread::available_parallelism().map_or(2, |cores| cores.get() + 1),
            waiting_max: 256,
            line_max: Duration::from_secs(5),
            signature_required: Vec::new(),
            rulebook: Arc::new(Rulebook::embedded()),
            sending: None,
        }
    }
}

/// Takes documents in. Cheap to clone.
#[derive(Clone)]
pub struct Intake(Arc<Parts>);

struct Parts {
    config: Config,
    store: Store,
    system: System,
    metrics: DocumentMetrics,
    checking: Arc<Semaphore>,
    waiting: Shares,
    /// How long a check takes.
    check: Lately,
    /// Idempotency keys of requests under way, by client.
    keys_under_way: Arc<Mutex<HashSet<(String, String)>>>,
}

/// A document as a caller offers it.
#[derive(Clone)]
pub struct Offered {
    /// The caller's id.
    pub client: String,
    /// Who offers it, for the audit log.
    pub by: Trail,
    /// For whom the caller may submit.
    pub facilities: Vec<FacilityCode>,
    /// For whom the caller says it is (`Facility-Id`).
    pub facility: Option<FacilityCode>,
    /// What the caller says it is.
    pub declared: Option<Declared>,
    /// The bytes.
    pub body: Bytes,
    /// The caller's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Why an earlier version may be replaced.
    pub replace_reason: Option<String>,
    /// Whether it is to be held by hand.
    pub hold: bool,
}

/// What a caller says a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// A kind.
    Kind(Kind),
    /// A claim package that carries this paper.
    Carrying(Carried),
}

/// What checking alone found (`…/validate`).
#[derive(Clone, Debug)]
pub enum Checked {
    /// It would be accepted.
    Right(Document),
    /// It would be refused.
    Wrong(Findings),
}

/// A document that was read and found right, not kept yet.
pub struct Right(NewDocument, Trail);

impl Right {
    /// What names its records: documents that share one of these are versions of the same record.
    pub fn records(&self) -> impl Iterator<Item = (FacilityCode, Kind, &str)> {
        self.0.keys.iter().map(|key| (self.0.facility, self.0.kind, key.as_str()))
    }
}

/// Why a document was not accepted. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It is wrong; the findings say where and how to mend it.
    #[error("the document has {} errors", .0.error_count())]
    Invalid(Findings),
    /// The caller said it is something else.
    #[error("the document is a {actual}, not a {declared}")]
    KindMismatch {
        /// What the caller said.
        declared: &'static str,
        /// What the root says.
        actual: &'static str,
    },
    /// It names another facility than the caller.
    #[error("the document names facility {document}, the request {request}")]
    FacilityMismatch {
        /// In the document.
        document: FacilityCode,
        /// In the request.
        request: FacilityCode,
    },
    /// The caller may not submit for this facility.
    #[error("this key may not submit for facility {0}")]
    FacilityNotAllowed(FacilityCode),
    /// Neither the document nor the caller says for whom it is.
    #[error("the facility is missing")]
    FacilityMissing,
    /// A request with the same idempotency key is under way.
    #[error("a request with this idempotency key is under way")]
    KeyUnderWay,
    /// The idempotency key was used for another document.
    #[error("this idempotency key was used for another document")]
    KeyUsedForOther,
    /// An earlier version may be at the portal; replacing it needs a reason.
    #[error("replacing an earlier version needs a reason")]
    ReasonNeeded(Box<DocumentView>),
    /// Too many documents wait to be checked.
    #[error("too many documents are being checked")]
    Busy,
    /// Our fault: checking broke off.
    #[error("checking broke off")]
    Broken,
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log could not be written, so nothing was kept.
    #[error("not recorded: {0}")]
    NotRecorded(#[from] Unavailable),
}

impl IntakeError {
    /// The stable code under which callers and the audit log know it.
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "document.invalid",
            Self::KindMismatch { .. } => "document.kind_mismatch",
            Self::FacilityMismatch { .. } => "facility.mismatch",
            Self::FacilityNotAllowed(_) => "facility.not_allowed",
            Self::FacilityMissing => "facility.missing",
            Self::KeyUnderWay => "idempotency.under_way",
            Self::KeyUsedForOther => "idempotency.key_reused",
            Self::ReasonNeeded(_) => "document.replace_reason_required",
            Self::Busy => "gateway.busy",
            Self::Broken => "gateway.fault",
            Self::Store(_) => "store.failed",
            Self::NotRecorded(_) => "audit.unavailable",
        }
    }
}

impl Intake {
    /// Wires the parts.
    pub fn new(config: Config, store: Store, system: System, metrics: DocumentMetrics) -> Self {
        let checking = Arc::new(Semaphore::new(config.checked_at_once.max(1)));
        let waiting = Shares::new(config.waiting_max.max(1), 1);
        let check = Lately::default();
        let keys_under_way = Arc::default();
        Self(Arc::new(Parts { config, store, system, metrics, checking, waiting, check, keys_under_way }))
    }

    /// The same intake, and the same bounds, by other rules.
    pub fn by(&self, rulebook: Arc<Rulebook>) -> Self {
        let Parts { config, store, system, metrics, checking, waiting, check, keys_under_way } = &*self.0;
        Self(Arc::new(Parts {
            config: Config { rulebook, ..config.clone() },
            store: store.clone(),
            system: system.clone(),
            metrics: metrics.clone(),
            checking: checking.clone(),
            waiting: waiting.clone(),
            check: check.clone(),
            keys_under_way: keys_under_way.clone(),
        }))
    }

    /// Whether documents of this kind are sent for this facility (always, in test mode).
    pub fn sends(&self, facility: FacilityCode, kind: Kind) -> bool {
        self.0.config.sending.as_ref().is_none_or(|on| on.contains(&(facility, kind)))
    }

    /// Takes a document in: when this returns `New`, it is on the disk and on its way.
    pub async fn accept(&self, offered: Offered) -> Result<Accepted, IntakeError> {
        // One request at a time for each idempotency key: two that race must not both be the first.
        let (client, key) = (offered.client.clone(), offered.idempotency_key.clone());
        let _key = match &key {
            Some(key) => match UnderWay::enter(&self.0, &client, key) {
                Some(key) => Some(key),
                None => {
                    self.count_refused(&IntakeError::KeyUnderWay);
                    return Err(IntakeError::KeyUnderWay);
                }
            },
            None => None,
        };
        let right = self.read(offered).await?;
        self.keep(right).await
    }

    /// The first step of [`accept`](Self::accept): reads and checks a document, and keeps nothing yet. A feed takes
    /// this step for many at once and the next one in order.
    pub async fn read(&self, offered: Offered) -> Result<Right, IntakeError> {
        let (by, facility) = (offered.by.clone(), offered.facility);
        let read = self.read_right(offered).await;
        if let Err(error) = &read {
            self.count_refused(error);
            let about = About { facility, ..About::default() };
            by.record(Deed::DocumentSubmit, about, Outcome::code(error.code())).await?;
        }
        read
    }

    /// The second step: keeps it.
    pub async fn keep(&self, right: Right) -> Result<Accepted, IntakeError> {
        let Right(new, by) = right;
        // A document of several records has no subject of its own: its id leads to them.
        let subject = match new.keys.as_slice() {
            [only] => Some(by.audit().record_of(only)),
            _ => None,
        };
        let about = About { facility: Some(new.facility), subject, ..About::default() };
        let mut entry = match by.open(Deed::DocumentSubmit, about).await {
            Ok(entry) => entry,
            Err(error) => {
                let error = error.into();
                self.count_refused(&error);
                return Err(error);
            }
        };
        let accepted = match self.0.store.accept(new).await {
            Ok(Accepted::KeyUsedForOther) => Err(IntakeError::KeyUsedForOther),
            Ok(Accepted::ReasonNeeded(view)) => Err(IntakeError::ReasonNeeded(Box::new(view))),
            Ok(taken) => Ok(taken),
            Err(error) => Err(error.into()),
        };
        match &accepted {
            Ok(Accepted::New(view)) => {
                self.0.metrics.offered(view.kind.name(), "accepted");
                entry.tell(About::object(&view.id));
                entry.close(Outcome::code("accepted"));
            }
            Ok(Accepted::Already(view, _)) => {
                self.0.metrics.offered(view.kind.name(), "already-here");
                entry.tell(About::object(&view.id));
                entry.close(Outcome::code("already-here"));
            }
            // These two became errors above.
            Ok(Accepted::KeyUsedForOther | Accepted::ReasonNeeded(_)) => entry.close(Outcome::done()),
            Err(error) => {
                self.count_refused(error);
                entry.close(Outcome::code(error.code()));
            }
        }
        accepted
    }

    fn count_refused(&self, error: &IntakeError) {
        let outcome = match error {
            IntakeError::Invalid(_) => "invalid",
            IntakeError::Store(_) | IntakeError::NotRecorded(_) | IntakeError::Busy | IntakeError::Broken => "failed",
            _ => "refused",
        };
        self.0.metrics.offered("", outcome);
    }

    /// Checks a document as [`accept`](Self::accept) would, and keeps nothing.
    pub async fn check(&self, offered: &Offered) -> Result<Checked, IntakeError> {
        match self.parse(offered.by.who(), offered.body.clone()).await {
            Ok(Parsed { document, .. }) => {
                guard(offered, &document)?;
                Ok(Checked::Right(document))
            }
            Err(IntakeError::Invalid(findings)) => Ok(Checked::Wrong(findings)),
            Err(error) => Err(error),
        }
    }

    async fn read_right(&self, offered: Offered) -> Result<Right, IntakeError> {
        let parts = &self.0;
        let received_at = parts.system.now();

        // Parse once; everything downstream rests on it.
        let Parsed { document, wire, sha256 } = self.parse(offered.by.who(), offered.body.clone()).await?;

        // What it is and for whom: document, request and key must agree.
        let facility = guard(&offered, &document)?;

        // What may not go out yet is kept all the same, and waits where a person sees it.
        let unsigned = !document.signed && parts.config.signature_required.contains(&document.kind);
        let off = !self.sends(facility, document.kind);
        let hold = match (off, unsigned, offered.hold) {
            (true, ..) => Some("sending_off"),
            (_, true, _) => Some("unsigned"),
            (.., true) => Some("by_hand"),
            _ => None,
        };

        // An EDIT of a driver exam is the portal's own way of saying "replace".
        let edit = document.replaces.then(|| "STATE=EDIT".to_owned());

        let by = offered.by;
        let new = NewDocument {
            client: offered.client,
            facility,
            kind: document.kind,
            keys: document.keys,
            parts: document.parts,
            records: document.records,
            sha256,
            body: offered.body,
            wire,
            warnings_json: serde_json::Value::from(shown::findings(&document.warnings)).to_string(),
            idempotency_key: offered.idempotency_key,
            replace_reason: offered.replace_reason.or(edit),
            hold,
            received_at,
        };
        Ok(Right(new, by))
    }

    /// Parses on a thread made for such work, a bounded number at once.
    async fn parse(&self, client: &Arc<str>, body: Bytes) -> Result<Parsed, IntakeError> {
        let parts = &self.0;
        if self.expected_wait() > parts.config.line_max {
            return Err(IntakeError::Busy);
        }
        let waiting = parts.waiting.take(client, 1).ok_or(IntakeError::Busy)?;
        // The semaphore is never closed, so this cannot fail; were it to, checking would be broken off.
        let checking = parts.checking.clone().acquire_owned().await.map_err(|_| IntakeError::Broken)?;
        let (limits, rulebook) = (parts.config.limits, parts.config.rulebook.clone());
        let today = vietnam(parts.system.now()).strftime("%Y%m%d").to_string().parse().unwrap_or(0);
        // Small documents take less time than the way to another thread and back.
        const SMALL: usize = 16 * 1024;
        let (small, took) = (body.len() <= SMALL, parts.check.clone());
        // A caller who hangs up does not end a check that has begun: it holds its places until it is done, and counts.
        let check = move || {
            let _places = (waiting, checking);
            let begun = Instant::now();
            let parsed = parse(&body, &limits, &rulebook, today);
            took.note(begun.elapsed());
            parsed
        };
        if small {
            return check().map_err(IntakeError::Invalid);
        }
        let parsed = tokio::task::spawn_blocking(check).await;
        parsed.map_err(|_| IntakeError::Broken)?.map_err(IntakeError::Invalid)
    }

    /// How long a document that comes now will wait to be checked, if all goes on as it did.
    fn expected_wait(&self) -> Duration {
        let parts = &self.0;
        let ahead = u32::try_from(parts.waiting.taken()).unwrap_or(u32::MAX);
        let at_once = u32::try_from(parts.config.checked_at_once).unwrap_or(u32::MAX).max(1);
        (parts.check.average() / at_once).saturating_mul(ahead)
    }
}

/// A document, and what else is made from its bytes.
struct Parsed {
    document: Document,
    /// What is handed over instead of the bytes: the portal takes driver exams as JSON only, so one that came as XML is
    /// put into that form once, here.
    wire: Option<Bytes>,
    sha256: [u8; 32],
}

fn parse(body: &Bytes, limits: &Limits, rulebook: &Rulebook, today: u32) -> Result<Parsed, Findings> {
    let document = Document::parse(body, limits, rulebook, today)?;
    let wire = document.driver_exam_wire(body, limits).map(Bytes::from);
    Ok(Parsed { document, wire, sha256: sha256(body) })
}

/// Whether what the caller says of a document is so, and under which facility it goes.
fn guard(offered: &Offered, document: &Document) -> Result<FacilityCode, IntakeError> {
    // The kind is what the root says. A caller who says otherwise has mixed something up, and a birth certificate sent
    // as a death notice is accepted by the portal without a word (`portal-api.md`, section 5.2).
    match offered.declared {
        Some(Declared::Kind(kind)) if kind != document.kind => {
            return Err(IntakeError::KindMismatch { declared: kind.name(), actual: document.kind.name() });
        }
        Some(Declared::Carrying(carried)) if !document.carries(carried) => {
            return Err(IntakeError::KindMismatch { declared: carried.name(), actual: document.kind.name() });
        }
        _ => {}
    }

    // For whom: the document says it, the request may only agree, and the key must own it. Where the document names
    // nobody, the request must; a key with a single facility is a request that names it.
    let request = offered.facility.or(match offered.facilities.as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    let facility = match (document.facility, offered.facility) {
        (Some(named), Some(said)) if named != said => {
            return Err(IntakeError::FacilityMismatch { document: named, request: said });
        }
        (Some(named), _) => named,
        (None, _) => request.ok_or(IntakeError::FacilityMissing)?,
    };
    if offered.facilities.contains(&facility) { Ok(facility) } else { Err(IntakeError::FacilityNotAllowed(facility)) }
}

/// SHA-256 of a document's bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sha256
}

/// An idempotency key in use by a request under way; free again when dropped.
struct UnderWay<'a> {
    parts: &'a Parts,
    key: (String, String),
}

impl<'a> UnderWay<'a> {
    fn enter(parts: &'a Parts, client: &str, key: &str) -> Option<Self> {
        let key = (client.to_owned(), key.to_owned());
        let mut keys = parts.keys_under_way.lock().ok()?;
        // Made only for the one who entered: dropping it takes the lock, and the key out.
        if keys.insert(key.clone()) { Some(Self { parts, key }) } else { None }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Ok(mut keys) = self.parts.keys_under_way.lock() {
            keys.remove(&self.key);
        }
    }
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Offered(by {}, {} bytes)", self.client, self.body.len())
    }
}
