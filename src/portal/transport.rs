//! Carries a call to the portal and brings the whole answer back, or says at which stage that failed.
//!
//! Guarantees: no redirect is followed, no answer larger than the cap is read, nothing is waited for longer than the
//! call's deadline, and no error text holds anything of the request. It knows nothing of sessions or result codes.
//!
//! There are two ways to send. *Pooled* saves the handshake and serves what may be repeated. *Fresh* opens a connection
//! for the one call and counts what it wrote, for documents that the portal does not replace by key: an idle
//! connection that the portal closed just now would turn into a loss nobody can explain.

pub(super) mod line;

mod connect;
mod counted;

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::portal::call::Call;
use crate::portal::config::{Config, ConfigError};
use crate::portal::transport::connect::{Connector, Unconnected};
use crate::portal::transport::counted::Counted;
use crate::portal::transport::line::Dial;
use crate::portal::{Fault, PortalError, Stage};

/// Longest wait for one of the `in_flight_max` places: as long as for a connection; beyond it the caller had better
/// hear that the gateway is full.
const ROOM_WAIT: Duration = Duration::from_secs(5);

/// One of so many places is kept for questions somebody waits for: lists and documents could fill all of them with calls
/// of a minute. Of 64, sixteen answer five people a second at the portal's usual three seconds.
const KEPT_FOR_DESKS: usize = 4;

/// Bytes of an answer's head and of one read: the portal's heads are under 2 KiB.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// How a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Over a kept connection.
    Pooled,
    /// The same for somebody who waits at a desk, who may take the places kept for such.
    AtDesk,
    /// Over a connection of its own.
    Fresh,
    /// The same for somebody who has taken a place beforehand.
    Placed,
    /// Over a kept connection, without taking a place: a login stuck behind slow calls would hold up all others.
    SignIn,
}

/// The connections to the portal.
pub(super) struct Transport {
    scheme: Scheme,
    authority: Authority,
    connector: Connector,
    pool: Client<Connector, Full<Bytes>>,
    /// Places for every call.
    room: Arc<Semaphore>,
    /// Further places, for those whom somebody waits for.
    kept_for_desks: Semaphore,
    reply_bytes_max: usize,
}

/// A whole answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The `Date` header: the portal's own clock.
    pub(super) date: Option<String>,
    /// What the portal says the body is.
    pub(super) content_type: Option<HeaderValue>,
    pub(super) body: Bytes,
    /// `NoAnswer`, or `NotWritten` where it is known that the answer came before the request was written whole. The
    /// stage of a failure to understand the answer.
    pub(super) stage: Stage,
}

/// No whole answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) fault: Fault,
    /// The status line's number, where it came before the failure.
    pub(super) http_status: Option<u16>,
}

impl From<Failure> for PortalError {
    fn from(Failure { stage, fault, .. }: Failure) -> Self {
        Self { stage, fault, retry_after: None }
    }
}

impl Transport {
    pub(super) fn new(config: &Config, played: Option<Arc<dyn Dial>>) -> Result<Self, ConfigError> {
        let base = config.check()?.into_parts();
        let (scheme, authority) = base.scheme.zip(base.authority).ok_or(ConfigError::BaseUrl)?;
        let connector = Connector::new(&config.authorities, config.connect_timeout, played)?;
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.pool_idle)
            .pool_max_idle_per_host(config.in_flight_max)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector.clone());
        let places = config.in_flight_max.min(Semaphore::MAX_PERMITS);
        let kept = places / KEPT_FOR_DESKS;
        let (room, kept_for_desks) = (Arc::new(Semaphore::new(places - kept)), Semaphore::new(kept));
        Ok(Self { scheme, authority, connector, pool, room, kept_for_desks, reply_bytes_max: config.reply_bytes_max })
    }

    /// Sends a call and reads the answer whole, by `deadline`.
    pub(super) async fn send(&self, call: Call, way: Way, deadline: Instant) -> Result<Reply, Failure> {
        let _place = match way {
            Way::SignIn | Way::Placed => None,
            Way::Pooled | Way::AtDesk | Way::Fresh => Some(self.place(way, deadline).await?),
        };
        match way {
            Way::Pooled | Way::AtDesk | Way::Placed | Way::SignIn => self.send_pooled(call, deadline).await,
            Way::Fresh => self.send_fresh(call, deadline).await,
        }
    }

    /// One of the places. Those kept for desks are a line of their own, so that nobody stands in it but people.
    async fn place(&self, way: Way, deadline: Instant) -> Result<SemaphorePermit<'_>, Failure> {
        let patience = deadline.min(Instant::now() + ROOM_WAIT);
        let place = async {
            match way {
                Way::AtDesk => tokio::select! {
                    biased;
                    place = self.room.acquire() => place,
                    place = self.kept_for_desks.acquire() => place,
                },
                Way::Pooled | Way::Fresh | Way::Placed | Way::SignIn => self.room.acquire().await,
            }
        };
        let place = timeout_at(patience, place).await;
        place.ok().and_then(Result::ok).ok_or_else(|| Failure::at(Stage::NotTried, Fault::TimedOut))
    }

    /// One of the places for every call, taken ahead of the call; `None` if none is free within `patience`.
    pub(super) async fn place_ahead(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(patience, Arc::clone(&self.room).acquire_owned()).await.ok()?.ok()
    }

    async fn send_pooled(&self, call: Call, deadline: Instant) -> Result<Reply, Failure> {
        let (target, _) = self.targets(&call)?;
        let mut request = self.request(call, target);
        let connected = capture_connection(&mut request);
        let mut status = None;
        let exchange = async {
            let response = self.pool.request(request).await.map_err(|error| classify(&error))?;
            self.read(response, &mut status).await.map_err(|fault| (Stage::NoAnswer, fault))
        };
        let outcome = match timeout_at(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_) if connected.connection_metadata().is_none() => Err((Stage::NotConnected, Fault::TimedOut)),
            Err(_) => Err((Stage::NoAnswer, Fault::TimedOut)),
        };
        outcome.map_err(|(stage, fault)| Failure { stage, fault, http_status: status })
    }

    async fn send_fresh(&self, call: Call, deadline: Instant) -> Result<Reply, Failure> {
        let (absolute, in_origin_form) = self.targets(&call)?;
        let body_length = call.body.len() as u64;
        let stream = match timeout_at(deadline, self.connector.connect(absolute)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(Unconnected(fault))) => return Err(Failure::at(Stage::NotConnected, fault)),
            Err(_) => return Err(Failure::at(Stage::NotConnected, Fault::TimedOut)),
        };
        let (stream, written) = Counted::new(stream);
        let handshake = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(stream).await;
        let (mut sender, connection) = handshake.map_err(|_| Failure::at(Stage::NotWritten, Fault::Broken))?;
        let request = self.request(call, in_origin_form);
        let mut status = None;
        let outcome = {
            let exchange = async {
                let response = sender.send_request(request).await.map_err(|_| Fault::Broken)?;
                self.read(response, &mut status).await
            };
            // The connection is driven here and not by a task of its own: given up, it is closed with the call.
            let driven = async {
                let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
                tokio::select! {
                    biased;
                    outcome = &mut exchange => outcome,
                    // How it ended is told to the exchange too, with what was received before.
                    _ = &mut connection => exchange.await,
                }
            };
            timeout_at(deadline, driven).await.unwrap_or(Err(Fault::TimedOut))
        };
        // Head and body are counted together, so that fewer bytes than the body alone surely lack some of the body.
        let stage = if written.bytes() < body_length { Stage::NotWritten } else { Stage::NoAnswer };
        match outcome {
            Ok(reply) => Ok(Reply { stage, ..reply }),
            Err(fault) => Err(Failure { stage, fault, http_status: status }),
        }
    }

    /// The call's address as a whole, and as it stands in the request line.
    fn targets(&self, call: &Call) -> Result<(Uri, Uri), Failure> {
        // Paths are ours and queries percent-encoded, so this fails only for one longer than an address may be.
        let unfit = || Failure::at(Stage::NotTried, Fault::Unreachable("the address is too long".to_owned()));
        let in_origin_form = Uri::try_from(call.path.as_str()).map_err(|_| unfit())?;
        let mut parts = in_origin_form.clone().into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        Ok((Uri::from_parts(parts).map_err(|_| unfit())?, in_origin_form))
    }

    fn request(&self, call: Call, target: Uri) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target;
        *request.headers_mut() = call.headers;
        if let Ok(host) = HeaderValue::from_str(self.authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
        request
    }

    async fn read(&self, response: Response<Incoming>, status: &mut Option<u16>) -> Result<Reply, Fault> {
        *status = Some(response.status().as_u16());
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.reply_bytes_max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Fault::Nonsense("it is larger than allowed") } else { Fault::Broken }
        })?;
        let (body, content_type) = (body.to_bytes(), head.headers.get(CONTENT_TYPE).cloned());
        Ok(Reply { status: head.status, date, content_type, body, stage: Stage::NoAnswer })
    }
}

impl Failure {
    fn at(stage: Stage, fault: Fault) -> Self {
        Self { stage, fault, http_status: None }
    }
}

/// Where a pooled call failed. The client's errors can hold the address with its query, so nothing of their text is
/// taken over.
fn classify(error: &hyper_util::client::legacy::Error) -> (Stage, Fault) {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(Unconnected(fault)) = error.downcast_ref() {
            return (Stage::NotConnected, fault.clone());
        }
        // Given back before anything of it was written; the pool has tried again already where it could.
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return (Stage::NotWritten, Fault::Broken);
        }
        cause = error.source();
    }
    (if error.is_connect() { Stage::NotConnected } else { Stage::NoAnswer }, Fault::Broken)
}

/// The transport is shared by the portal and its sessions.
pub(super) type Shared = Arc<Transport>;
