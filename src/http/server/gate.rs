//! The last look at a request before the router sees it: framing that other software might read differently is refused
//! here, and every request is told who its peer is.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use tower_service::Service as _;

use super::Peer;
use super::activity::{Activity, Answer};
use crate::http::problem::{self, Problem, Voice};

/// The service of one connection.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) router: Router,
    pub(super) peer: Peer,
    pub(super) activity: Arc<Activity>,
}

impl hyper::service::Service<Request<Incoming>> for Gate {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_hand = self.activity.begin();
        let head = self.activity.take_head();
        if let Some(refusal) = refusal(request.version(), request.headers(), &head) {
            return Box::pin(async move { Ok(refusal.map(|body| Answer::new(body, in_hand))) });
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        let answer = self.router.clone().call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Answer::new(body, in_hand))) })
    }
}

/// The answer to a request that must not go further; none if it may. `head` is what was read of it, as it came.
fn refusal(version: Version, headers: &HeaderMap, head: &[u8]) -> Option<Response<Body>> {
    let bad = |vi: &str, en: &str| Some(refused(&problem::ambiguous_request().detail(vi, en)));
    if version <= Version::HTTP_11 {
        // hyper takes anything that ends in "chunked" and leaves the other codings undone.
        if headers.contains_key(TRANSFER_ENCODING) {
            if !only_value_is(headers, TRANSFER_ENCODING, "chunked") {
                return bad(
                    "Transfer-Encoding chỉ được là chunked.",
                    "Transfer-Encoding must be chunked and nothing else.",
                );
            }
            // hyper drops the Content-Length beside it, so only the bytes themselves tell. If they are not there, the
            // request was sent before the answer to the last one: no client does that with a body, attackers do.
            if !has_line(head, b"transfer-encoding:") || has_line(head, b"content-length:") {
                return bad(
                    "Không được có cả Content-Length và Transfer-Encoding.",
                    "Content-Length and Transfer-Encoding exclude each other.",
                );
            }
        }
        let hosts = headers.get_all(HOST).iter().count();
        if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
            return bad("Cần đúng một header Host.", "Exactly one Host header is needed.");
        }
    }
    if headers.contains_key(EXPECT) && !only_value_is(headers, EXPECT, "100-continue") {
        return Some(refused(&problem::unknown_expectation()));
    }
    None
}

/// Whether a line of `head` begins with `name`, in whatever case. What comes after the blank line is body: the parts of
/// a multipart body have lines of the same kind.
fn has_line(head: &[u8], name: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n')
        .skip_while(|line| line.trim_ascii().is_empty())
        .take_while(|line| !line.trim_ascii().is_empty())
        .any(|line| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

fn only_value_is(headers: &HeaderMap, name: http::HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    let first =
        values.next().is_some_and(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()));
    first && values.next().is_none()
}

/// The answer's problem, in both languages, because the request is not read far enough to know its own. The connection
/// ends with it, because where the next request begins is uncertain.
fn refused(problem: &Problem) -> Response<Body> {
    let voice = Voice { both: true, ..Voice::default() };
    let mut response = Response::new(Body::from(problem.body(&voice, "").to_string()));
    *response.status_mut() = problem.status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
