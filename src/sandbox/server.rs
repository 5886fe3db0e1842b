//! Listening, connections, and the faults that happen to connections rather than to calls.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::tz::TimeZone;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sandbox::portal::Portal;
use crate::sandbox::reply::{Answer, AnswerBody, Play};
use crate::sandbox::request::Call;
use crate::sandbox::{control, routes};

/// Connections at once; more are reset at accept. Enough for a load test from one machine. Each takes two descriptors;
/// where the process has fewer, accepting rests until some are free.
const CONNECTIONS_MAX: usize = 4_096;

/// The largest request: a file of 20 MiB grows to 28 in base64 and to 42 where a form encodes every sign of it.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A connection that says nothing for this long is closed, as portals do; also the patience for a request's head.
const IDLE: Duration = Duration::from_secs(75);

/// The patience for a request's body: a minute carries 64 MiB over 9 Mbit/s.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

/// The patience for a TLS handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// How long the accept loop rests when the process has run out of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The listening half of a running sandbox.
pub(super) struct Server {
    address: SocketAddr,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    pub(super) async fn start(
        listen: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        portal: Arc<Portal>,
    ) -> std::io::Result<Self> {
        // tokio sets SO_REUSEADDR where that means what we want (everywhere but on Windows).
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let accept = accept(listener, tls.map(TlsAcceptor::from), portal, stopping.clone(), tasks.clone());
        tasks.spawn(accept);
        Ok(Self { address, stopping, tasks })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    portal: Arc<Portal>,
    stopping: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => return,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            reset_on_close(&stream);
            continue;
        };
        tasks.spawn(serve(stream, peer.ip(), tls.clone(), Arc::clone(&portal), stopping.clone(), place));
    }
}

/// Serves one connection until its end. A reset is played by dropping it with unsent data thrown away.
async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    tls: Option<TlsAcceptor>,
    portal: Arc<Portal>,
    stopping: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    // A second descriptor of the socket, because the first one disappears inside hyper. The reset goes out when the
    // last of the two is closed.
    let Ok((stream, twin)) = twin_of(stream) else { return };
    // Answers are small: waiting to fill a packet would only add the 40 ms of delayed acknowledgements.
    drop(stream.set_nodelay(true));
    let reset = CancellationToken::new();
    let work = async {
        match tls {
            None => converse(stream, peer, &portal, &reset).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                    converse(stream, peer, &portal, &reset).await;
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = reset.cancelled() => reset_on_close(&twin),
        () = stopping.cancelled() => reset_on_close(&twin),
    }
}

/// Serves one connection that somebody else opened. Tells whether it ended in a reset.
pub(super) async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    portal: &Arc<Portal>,
) -> bool {
    let reset = CancellationToken::new();
    tokio::select! {
        biased;
        () = converse(stream, peer, portal, &reset) => reset.is_cancelled(),
        () = reset.cancelled() => true,
    }
}

fn twin_of(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let twin = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, twin))
}

/// Makes the close of this socket a TCP reset.
fn reset_on_close<'a>(socket: impl Into<SockRef<'a>>) {
    // If this fails the peer sees an ordinary end instead, which is rude enough.
    drop(socket.into().set_linger(Some(Duration::ZERO)));
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    portal: &Arc<Portal>,
    reset: &CancellationToken,
) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(request, peer, portal, reset).await) });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that ends in an error ended; there is nobody to tell.
    drop(connection.await);
}

/// One call, from its head to its answer, with everything that may go wrong in between.
async fn answer(
    request: Request<Incoming>,
    peer: IpAddr,
    portal: &Arc<Portal>,
    reset: &CancellationToken,
) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();

    // The sandbox's own endpoints stand outside of all faults: how else could they be switched off again?
    if control::owns(&path) {
        let answer = match read(body).await {
            Ok(body) => control::answer(portal, &parts, &body),
            Err(status) => Answer::empty(status),
        };
        return respond(portal, answer, Duration::ZERO);
    }

    if portal.is_out() {
        return hang_up(reset).await;
    }
    let body = match read(body).await {
        Ok(body) => body,
        Err(status) => return respond(portal, Answer::empty(status), Duration::ZERO),
    };
    let plan = portal.plan(&path);
    if plan.reset_before {
        return hang_up(reset).await;
    }
    if plan.stall_before {
        // Until the client hangs up, which drops this.
        return std::future::pending().await;
    }

    // The work comes before the delay: a client that loses patience has not undone its call.
    let mut answer = if plan.error {
        Answer::bytes(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "Internal Server Error")
    } else if plan.html {
        Answer::bad_gateway()
    } else if plan.unauthorized {
        Answer::empty(StatusCode::UNAUTHORIZED)
    } else {
        let call = Call::new(&parts, body, peer, &plan);
        routes::answer(portal, &parts.method, &call)
    };
    match answer.play {
        Play::AsUsual => {}
        Play::After(delay) => tokio::time::sleep(delay).await,
        Play::Truncate => answer.cut(),
        Play::ResetAfter(delay) => {
            tokio::time::sleep(delay).await;
            return hang_up(reset).await;
        }
    }
    // A sleep of zero would still cost a turn of the timer.
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    if plan.reset_after {
        return hang_up(reset).await;
    }
    if plan.stall_after {
        return std::future::pending().await;
    }
    if plan.html_ok {
        answer = Answer::maintenance();
    }
    if plan.empty {
        answer = Answer::empty(StatusCode::OK);
    }
    if plan.truncate {
        answer.cut();
    }
    respond(portal, answer, plan.drip)
}

async fn read(body: Incoming) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(BODY_PATIENCE, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Asks the connection's task for a reset, which drops this future.
async fn hang_up<T>(reset: &CancellationToken) -> T {
    reset.cancel();
    std::future::pending().await
}

fn respond(portal: &Arc<Portal>, answer: Answer, drip: Duration) -> Response<AnswerBody> {
    let told = answer.submission.map(|number| (Arc::clone(portal), number));
    let mut response = Response::new(AnswerBody::new(answer.body, drip, told));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if !answer.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    }
    // Told by the portal's own clock, which clients compare theirs with (section 1.2).
    let date = portal.clock().to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::try_from(date) {
        headers.insert(DATE, date);
    }
    response
}
