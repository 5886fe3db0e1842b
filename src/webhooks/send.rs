//! One request to an endpoint: resolved and checked, within a deadline, its answer read to a small bound.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use tower_service::Service;

use crate::system::trust::{self, TrustFault};
use crate::webhooks::address::{is_localhost, may_be_sent_to};

/// Bytes of an answer that are read, so that its connection can be used again; they are thrown away.
const REPLY_BYTES_MAX: usize = 16 * 1024;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a connection stays open without a request: receivers close theirs after a minute or less.
const IDLE: Duration = Duration::from_secs(30);

/// Sends.
pub(super) struct Sender {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    timeout: Duration,
}

/// A status came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// It.
    pub status: u16,
    /// When the receiver wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// No status came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The address is one that is never sent to, or its name resolves to none but such.
    Forbidden,
    /// Name resolution, TCP or TLS failed.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The connection broke.
    Broken,
}

impl Unsent {
    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden_address",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
        }
    }
}

impl Sender {
    pub(super) fn new(authorities: &[CertificateDer<'static>], timeout: Duration) -> Result<Self, TrustFault> {
        let tls = trust::client_tls(authorities)?;
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout / 2));
        // To whom plain HTTP may go is checked with the address.
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        Ok(Self { client, timeout })
    }

    pub(super) async fn post(
        &self,
        address: Uri,
        id: &str,
        at: Timestamp,
        signature: &str,
        body: Bytes,
    ) -> Result<Answered, Unsent> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("lienthong/", env!("CARGO_PKG_VERSION"))));
        let timestamp = at.as_second().to_string();
        for (name, value) in [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", signature)] {
            let value = HeaderValue::from_str(value).map_err(|_| Unsent::Broken)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let deadline = tokio::time::Instant::now() + self.timeout;
        let response = tokio::time::timeout_at(deadline, self.client.request(request)).await;
        let response = response.map_err(|_| Unsent::TimedOut)?.map_err(|error| classify(&error))?;
        let (head, body) = response.into_parts();
        // The status is the answer; whether the rest comes decides only whether the connection can be used again.
        drop(tokio::time::timeout_at(deadline, Limited::new(body, REPLY_BYTES_MAX).collect()).await);
        Ok(Answered { status: head.status.as_u16(), retry_after: retry_after(&head.headers) })
    }
}

/// `Retry-After` in seconds; a date is not worth a clock that both sides would have to share.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The client's errors hold the address, so nothing of their text is taken over.
fn classify(error: &hyper_util::client::legacy::Error) -> Unsent {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<NoneAllowed>().is_some() {
            return Unsent::Forbidden;
        }
        if let Some(failed) = error.downcast_ref::<io::Error>()
            && failed.get_ref().is_some_and(|inner| inner.downcast_ref::<NoneAllowed>().is_some())
        {
            return Unsent::Forbidden;
        }
        cause = error.source();
    }
    if error.is_connect() { Unsent::Unreachable } else { Unsent::Broken }
}

/// Resolves names as the machine does, and leaves out what is never sent to.
#[derive(Clone)]
struct Resolver;

/// A name resolves to no address that may be sent to.
#[derive(Debug, thiserror::Error)]
#[error("no address of the name may be sent to")]
struct NoneAllowed;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            // Plain HTTP goes to this name, so it must not lead elsewhere.
            let own = |address: &SocketAddr| !is_localhost(&host) || address.ip().is_loopback();
            let allowed: Vec<SocketAddr> = found.filter(|address| may_be_sent_to(address.ip())).filter(own).collect();
            if allowed.is_empty() { Err(io::Error::other(NoneAllowed)) } else { Ok(allowed.into_iter()) }
        })
    }
}
