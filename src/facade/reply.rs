//! What a call is answered with, and why one was refused; how a refusal looks is a matter of its [`Dialect`].
//!
//! [`Dialect`]: crate::facade::dialect::Dialect

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::clients::Denied;
use crate::http::body::BodyError;
use crate::http::problem::Problem;
use crate::intake::IntakeError;
use crate::lookup::{Failure, LookupError};
use crate::store::StoreError;

/// The type the portal gives its answers.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What may stand in a header as it is.
const IN_HEADER: &AsciiSet = &CONTROLS.add(b'%');

/// Longest message in a header, in bytes before encoding: the first findings of a document are told in about this.
const MESSAGE_BYTES_MAX: usize = 1024;

/// An answer. What does not belong to the portal's language stands in `Gateway-*` headers only.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) content_type: HeaderValue,
    /// What the body says, for the log: a result code.
    pub(super) code: String,
    /// Where the body comes from.
    pub(super) source: Source,
    /// Our own stable code, if something is wrong.
    pub(super) problem: &'static str,
    /// What a person should know, where the dialect may have no place for it.
    pub(super) message: Cow<'static, str>,
    /// How old the answer is.
    pub(super) age: Option<Duration>,
    pub(super) retry_after: Option<Duration>,
    /// The document that was kept.
    pub(super) document: Option<String>,
    /// Whether the function is one the portal has switched off.
    pub(super) deprecated: bool,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The portal, for this call.
    Portal,
    /// The portal, a while ago; still fresh.
    Cache,
    /// The portal, before it failed.
    LastKnown,
    /// The gateway itself.
    Gateway,
}

/// Why a call gets no answer of the portal's. One of few reasons that every dialect has a code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Token, user or password are wrong.
    Unauthorised,
    /// The user was revoked.
    Locked,
    /// The user lacks the right, or calls from elsewhere.
    NotAllowed,
    /// It names a facility that is not the user's.
    WrongFacility,
    /// A field is missing or cannot be read; the file is no base64.
    BadInput,
    /// The file is empty or no XML.
    Unreadable,
    /// The file is of another kind or facility than the call says, or its identity is wrong.
    WrongContent,
    /// The file has findings, and findings stop it.
    Findings,
    /// The file is too large.
    TooLarge,
    /// The officer is missing or cannot be one.
    OfficerUnknown,
    /// The officer's name cannot be one.
    OfficerName,
    /// The card number cannot be one.
    CardWrong,
    /// Nobody has such a number.
    CardUnknown,
    /// The portal or the gateway fails.
    Failed,
}

/// A call that gets no answer of the portal's.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) why: Why,
    /// In Vietnamese, for the person at the screen. Never names anybody.
    pub(super) words: Cow<'static, str>,
    /// Our own stable code.
    pub(super) problem: &'static str,
    pub(super) retry_after: Option<Duration>,
}

// === impl Reply ===

impl Reply {
    /// A body of the gateway's own making.
    pub(super) fn of(status: u16, code: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            body: body.into(),
            content_type: JSON,
            code: code.into(),
            source: Source::Gateway,
            problem: "",
            message: Cow::Borrowed(""),
            age: None,
            retry_after: None,
            document: None,
            deprecated: false,
        }
    }

    /// A body of the portal's, byte for byte.
    pub(super) fn verbatim(status: u16, code: impl Into<String>, body: Bytes, source: Source) -> Self {
        Self { source, ..Self::of(status, code, body) }
    }

    /// The word for metrics and the log.
    pub(super) fn outcome(&self) -> &'static str {
        match (self.problem, self.source) {
            ("", Source::Gateway) => "answered",
            ("", source) => source.name(),
            (problem, _) if problem.starts_with("facade.") && self.document.is_some() => "waiting",
            (problem, _) => match problem.split('.').next().unwrap_or_default() {
                "portal" | "gateway" | "store" | "audit" => "failed",
                _ => "refused",
            },
        }
    }

    pub(super) fn into_response(self) -> Response {
        // Nothing is of no type: a client that parses whatever is called JSON would stumble over an empty body.
        let has_body = !self.body.is_empty();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if has_body {
            headers.insert(header::CONTENT_TYPE, self.content_type);
        }
        let mut told = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        told("gateway-source", self.source.name());
        if !self.problem.is_empty() {
            told("gateway-problem", self.problem);
        }
        if !self.message.is_empty() {
            let message = self.message.get(..self.message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default();
            told("gateway-message", &utf8_percent_encode(message, IN_HEADER).to_string());
        }
        if let Some(document) = &self.document {
            told("gateway-document", document);
        }
        if self.deprecated {
            // RFC 9745: since when, in seconds since 1970: 2024-08-01 in Viet Nam (`portal-api.md`, section 2.3).
            told("deprecation", "@1722445200");
        }
        if let Some(age) = self.age {
            headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}

impl Source {
    /// The word of the header `Gateway-Source`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Cache => "cache",
            Self::LastKnown => "last-known",
            Self::Gateway => "none",
        }
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(why: Why, problem: &'static str, words: impl Into<Cow<'static, str>>) -> Self {
        Self { why, words: words.into(), problem, retry_after: None }
    }

    /// Token and id token do not belong together, to this user, or live no longer.
    pub(super) fn signed_out() -> Self {
        Self::new(Why::Unauthorised, "facade.session", "Lỗi xác thực tài khoản: token không đúng hoặc đã hết hạn")
    }

    /// Too many wrong passwords came for this user from this address; this one was not looked at.
    pub(super) fn too_many_failures(wait: Duration) -> Self {
        let words = "Sai mật khẩu quá nhiều lần; thử lại sau một phút";
        let refusal = Self::new(Why::Unauthorised, "facade.too_many_failures", words);
        Self { retry_after: Some(wait), ..refusal }
    }

    /// A field is missing or cannot be read.
    pub(super) fn bad_input(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Why::BadInput, "facade.bad_input", words)
    }

    /// What the parts below call an error, told by `http::problem` and refused for `why`.
    pub(super) fn of(why: Why, problem: &Problem) -> Self {
        let (title, next) = (&problem.title.vi, &problem.next_step.vi);
        let words = format!("Gateway: {title}. {next}");
        Self { why, words: words.into(), problem: problem.code, retry_after: problem.retry_after }
    }

    /// Something failed that is not the client's fault.
    pub(super) fn failed(problem: impl Into<Problem>) -> Self {
        Self::of(Why::Failed, &problem.into())
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let why = match denied {
            Denied::NoKey | Denied::WrongKey | Denied::WrongMode => Why::Unauthorised,
            Denied::Revoked => Why::Locked,
            Denied::WrongAddress | Denied::NotAllowed(_) => Why::NotAllowed,
            Denied::TooManyAtOnce | Denied::QuotaSpent { .. } => Why::Failed,
        };
        let refusal = Self::of(why, &denied.into());
        match why {
            // The words of `/v1` speak of keys.
            Why::Unauthorised => Self { words: Cow::Borrowed("Lỗi xác thực tài khoản"), ..refusal },
            Why::Locked => Self::new(Why::Locked, "facade.revoked", "Tài khoản bị khóa"),
            _ => refusal,
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let why = match error {
            BodyError::TooLarge { .. } | BodyError::Bomb => Why::TooLarge,
            BodyError::Broken | BodyError::Unsupported => Why::BadInput,
            BodyError::TimedOut | BodyError::Busy => Why::Failed,
        };
        Self::of(why, &error.into())
    }
}

impl From<LookupError> for Refusal {
    fn from(error: LookupError) -> Self {
        let why = match error {
            // To the real portal it is a number of nobody's.
            LookupError::SandboxOnly => Why::CardUnknown,
            LookupError::OfficerMissing => Why::OfficerUnknown,
            LookupError::NotRecorded(_) => Why::Failed,
            LookupError::NoAnswer(Failure::BudgetSpent(_) | Failure::TooMany | Failure::StillAsking)
            | LookupError::NoAnswer(Failure::Portal(_) | Failure::PortalFault(_)) => Why::Failed,
        };
        Self::of(why, &error.into())
    }
}

impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        let why = match &error {
            IntakeError::Invalid(_) => Why::WrongContent,
            IntakeError::KindMismatch { .. } | IntakeError::FacilityMismatch { .. } => Why::WrongContent,
            IntakeError::FacilityNotAllowed(_) => Why::WrongFacility,
            IntakeError::FacilityMissing => Why::BadInput,
            // No idempotency key is ever sent from here, and a reason always.
            IntakeError::KeyUnderWay | IntakeError::KeyUsedForOther | IntakeError::ReasonNeeded(_) => Why::Failed,
            IntakeError::Busy | IntakeError::Broken | IntakeError::Store(_) | IntakeError::NotRecorded(_) => {
                Why::Failed
            }
        };
        Self::of(why, &error.into())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}
