//! The national insurance portal, in the words of the field.
//!
//! Four calling conventions live on one host (`portal-api.md`, section 0); each is a small adapter of its own below
//! this face. They share the `transport` (TLS connections, deadlines, reply caps), the `weather` (a breaker a service)
//! and the `session` (one login an account, renewed by one). [`Portal`] puts them together.
//!
//! Replies are read defensively: a code may be a string or a number, a body may be empty, HTML may come with status
//! 200. A reply that cannot be understood is a fault of its own, never a success. Retrying is left to the callers, save
//! one: a refused token is renewed once and the call made again, because the portal did not act on it.

pub mod account;
pub mod breaker;
pub mod config;
pub mod members;
pub mod passage;
pub mod reply;

mod body_auth;
mod call;
mod client;
mod driver_exam;
mod header_auth;
mod pace;
mod query_auth;
mod session;
#[cfg(test)]
mod tests;
mod transport;
mod weather;

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::{CardSubject, FacilityCode, PartialDate, PersonName, Receipt};

pub use self::account::{Account, PortalPassword};
pub use self::client::{Place, Portal};
pub use self::config::{Config, ConfigError, Generation};
pub use self::transport::line::{Dial, Dialing, Wire};

/// What the portal is asked or given. Each has its own path, its own weather and its own breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// `token/take`.
    Login,
    /// `KQNhanLichSuKCB2024`.
    CardLookup,
    /// `Lskcb2025`.
    TreatmentHistory,
    /// `TraCuuTienMCCT`.
    Copay,
    /// `checkInKcbQd3176`.
    Checkin,
    /// `guiHoSoXmlQD3176`.
    Claim,
    /// `guiDuLieuGdykQd130`.
    MedicalAssessment,
    /// `hssk/gksk`.
    DriverExam,
    /// `guiGiayToDienTu`, number 61.
    BirthCertificate,
    /// `guiGiayToDienTu`, number 60.
    DeathCertificate,
    /// `GuiHoSoChungTu2025`, number 39.
    Voucher,
    /// Whatever is handed through as it came.
    PassThrough,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 12] = [
        Self::Login,
        Self::CardLookup,
        Self::TreatmentHistory,
        Self::Copay,
        Self::Checkin,
        Self::Claim,
        Self::MedicalAssessment,
        Self::DriverExam,
        Self::BirthCertificate,
        Self::DeathCertificate,
        Self::Voucher,
        Self::PassThrough,
    ];

    /// The word used in metrics, logs and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::CardLookup => "card-lookup",
            Self::TreatmentHistory => "treatment-history",
            Self::Copay => "copay",
            Self::Checkin => "checkin",
            Self::Claim => "claim",
            Self::MedicalAssessment => "medical-assessment",
            Self::DriverExam => "driver-health-exam",
            Self::BirthCertificate => "birth-certificate",
            Self::DeathCertificate => "death-certificate",
            Self::Voucher => "electronic-voucher",
            Self::PassThrough => "pass-through",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// One question about a person, in normalised form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// In whose name, and with whose account, it is asked.
    pub facility: FacilityCode,
    /// By which number.
    pub subject: CardSubject,
    /// The holder's name.
    pub name: PersonName,
    /// The holder's date of birth.
    pub birth: PartialDate,
}

/// A document to hand over.
#[derive(Clone)]
pub struct Submission {
    /// Which service takes it (never a lookup or the login).
    pub service: Service,
    /// Under whose name.
    pub facility: FacilityCode,
    /// Exactly the bytes received from the facility. For driver exams: the JSON the portal takes.
    pub body: Bytes,
}

/// The portal's answer to a question, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    /// `maKetQua` as text, whichever type it had.
    pub code: String,
    /// The status line's number: most services answer 200 whatever the code, the co-payment lookup does not.
    pub http_status: u16,
    /// The JSON object, byte for byte.
    pub raw: Bytes,
}

/// What came of one try to hand a document over; everything an attempt's record needs.
#[derive(Clone)]
pub struct Handover {
    /// What happened.
    pub result: Result<Answer, PortalError>,
    /// The status line's number, where one was received.
    pub http_status: Option<u16>,
    /// The first bytes of the raw answer, at most [`RAW_KEPT_MAX`].
    pub raw: Bytes,
}

/// Bytes of a raw answer kept with an attempt: every known answer is under 2 KiB, an HTML error page tells all in 16.
pub const RAW_KEPT_MAX: usize = 16 * 1024;

/// An understood answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The portal took it.
    Taken(Receipt),
    /// The portal answered with another code than success. The judge decides what that means for the delivery.
    Coded {
        /// `maKetQua`, or `MSG_STATE`, as text.
        code: String,
        /// The portal's own words, verbatim; they may name a person.
        message: String,
    },
}

/// Where a call failed, which decides whether it may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Refused here, before anything left: breaker open, account not configured, login refused.
    NotTried,
    /// No connection was made.
    NotConnected,
    /// Connected, but the request was not written whole, so the portal cannot have acted on it.
    NotWritten,
    /// Written whole; no understandable answer came back. The portal may have acted on it.
    NoAnswer,
    /// An answer came and says that the call was refused before it was acted on (authentication).
    Refused,
}

/// Why a call to the portal did not bring an understood answer. No variant holds anything that names a person or opens
/// the portal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} ({stage:?})")]
pub struct PortalError {
    /// Where it failed.
    pub stage: Stage,
    /// What failed.
    pub fault: Fault,
    /// How long to wait before trying again, where that is known (breaker, login pause).
    pub retry_after: Option<Duration>,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Name resolution, TCP or TLS failed.
    #[error("the portal could not be reached: {0}")]
    Unreachable(String),
    /// No answer within the deadline.
    #[error("the portal did not answer in time")]
    TimedOut,
    /// The connection broke before the answer was whole.
    #[error("the connection to the portal broke")]
    Broken,
    /// The answer was empty, no JSON, too large, or lacked its code.
    #[error("the portal's answer cannot be understood: {0}")]
    Nonsense(&'static str),
    /// A status of 500 and above without an understandable body.
    #[error("the portal answered with HTTP status {0}")]
    HttpStatus(u16),
    /// The service failed too often just now; it is left alone for a while.
    #[error("the portal's service is resting after repeated failures")]
    BreakerOpen,
    /// The session was refused even after it was renewed: wrong egress address, or the account lacks the right.
    #[error("the portal refused the session")]
    SessionRefused,
    /// `token/take` answered with this code: 401 user or password, 402 facility, 403 locked, 500 system.
    #[error("the portal refused the login with code {0}")]
    LoginRefused(String),
    /// No account is configured for this facility.
    #[error("no portal account is configured for this facility")]
    NoAccount,
}

/// How a service does, as seen from the calls made to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weather {
    /// Answering.
    Up,
    /// Answering, but half of the last calls took longer than is well.
    Slow,
    /// Failing; calls are held back but for single trials.
    Down,
}

/// The weather of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceWeather {
    /// Which service.
    pub service: Service,
    /// How it does.
    pub weather: Weather,
    /// Since when; `None` if that never changed since the start.
    pub since: Option<Timestamp>,
    /// How long a call takes, by the middle one of the last few.
    pub typical: Option<Duration>,
}

impl Weather {
    /// The word on the wire and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Slow => "slow",
            Self::Down => "down",
        }
    }
}

impl Stage {
    /// The word kept with an attempt.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotTried => "not-tried",
            Self::NotConnected => "not-connected",
            Self::NotWritten => "not-written",
            Self::NoAnswer => "no-answer",
            Self::Refused => "refused",
        }
    }
}

impl PortalError {
    /// The connection, or our side of it, broke off after the request may have been written whole.
    pub fn broken() -> Self {
        Self { stage: Stage::NoAnswer, fault: Fault::Broken, retry_after: None }
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("facility", &self.facility).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { service, facility, body } = self;
        write!(f, "Submission({service:?}, {facility}, {} bytes)", body.len())
    }
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answered({}, {} bytes)", self.code, self.raw.len())
    }
}

impl std::fmt::Debug for Handover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = self.result.as_ref().err().map(|error| error.stage);
        write!(f, "Handover(failed at {stage:?}, {} bytes)", self.raw.len())
    }
}
