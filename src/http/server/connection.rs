//! One connection, from the handshake to its end.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::activity::Activity;
use super::admission::Place;
use super::gate::Gate;
use super::head::{HeadDeadline, Protocol};
use super::stall::WriteStall;
use super::watch::{Watch, Welcome};
use super::{Limits, Peer};
use crate::http::tls::Identity;
use crate::http::tls::certificate::PeerCertificate;
use crate::system::stop::Stopper;

/// How long a closed HTTP/1 connection is still read from: closing on unread bytes makes the kernel reset the
/// connection, and the reset overtakes the answer on its way. One second is several round trips.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes read and thrown away while lingering: what a sender refused for the size of its document has on its way.
const LINGER_BYTES_MAX: u64 = 4 << 20;

/// How often a quiet HTTP/2 peer is asked whether it is still there, and how long it has to say so. A line that died
/// without a word is noticed within 30 s instead of the hours TCP would take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an HTTP/2 request body in transit, each stream and the whole connection: the most a handler that does not
/// read can make us hold. With 256 KiB a stream over a line of 50 ms still fills 40 Mbit/s.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// Bytes of HTTP/2 answers buffered for each stream.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// The smallest buffer hyper works with.
const HTTP1_BUFFER_BYTES_MIN: usize = 8 << 10;

/// Everything a connection needs.
pub(super) struct Connection {
    pub(super) peer: Peer,
    // Held to the end, so that the place is given back then.
    pub(super) place: Place,
    pub(super) tls: Option<Arc<Identity>>,
    pub(super) limits: Arc<Limits>,
    pub(super) service: Router,
    pub(super) stopper: Stopper,
    pub(super) tasks: TaskTracker,
}

impl Connection {
    /// Serves the connection. Errors of a connection are the peer's affair: it sees them, the log does not.
    pub(super) async fn run(mut self, stream: TcpStream) {
        let stream = WriteStall::new(stream, self.limits.write_stall_timeout);
        let Some(identity) = self.tls.take() else {
            return self.speak(stream, Protocol::Http1, None).await;
        };

        let changes = identity.changes();
        let handshake = TlsAcceptor::from(identity.config()).accept(stream);
        let accepted = tokio::select! {
            accepted = timeout(self.limits.handshake_timeout, handshake) => accepted,
            // Nothing has been asked yet, so nothing is lost.
            () = self.stopper.stopping() => return,
        };
        let stream = match accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => stream,
            Err(error) => {
                self.place.handshake_failed();
                tracing::debug!(peer = %self.peer.address, %error, "TLS handshake failed");
                return;
            }
        };

        let (_, session) = stream.get_ref();
        let chain: Vec<_> =
            session.peer_certificates().unwrap_or_default().iter().map(|c| c.clone().into_owned()).collect();
        self.peer.certificate = chain.first().map(PeerCertificate::read);
        if let Some(certificate) = &self.peer.certificate
            && !self.place.showed(certificate.fingerprint_sha256)
        {
            return;
        }
        let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
        let welcome = Welcome { identity, chain, changes };
        self.speak(stream, protocol, Some(welcome)).await;
    }

    async fn speak<S>(self, stream: S, protocol: Protocol, welcome: Option<Welcome>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.limits;
        let activity = Activity::new();
        let stream = TokioIo::new(HeadDeadline::new(stream, protocol, activity.clone(), limits));
        let gate = Gate { router: self.service.clone(), peer: self.peer.clone(), activity: activity.clone() };
        let watch = Watch { limits, activity: &activity, stopper: &self.stopper, welcome };
        match protocol {
            Protocol::Http1 => {
                let mut connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    // hyper counts idle time as well; this only backs up the deadlines of our own.
                    .header_read_timeout(limits.idle_timeout + limits.header_timeout)
                    .max_headers(limits.headers_max)
                    .max_header_size(limits.header_bytes_max)
                    .max_buf_size(limits.header_bytes_max.max(HTTP1_BUFFER_BYTES_MIN))
                    .serve_connection(stream, gate);
                if watch.over(Pin::new(&mut connection)).await {
                    self.linger(connection.into_parts().io.into_inner()).await;
                }
            }
            Protocol::Http2 => {
                let tasks = StreamTasks { tasks: self.tasks.clone(), stopper: self.stopper.clone() };
                let connection = http2::Builder::new(tasks)
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(limits.streams_max)
                    .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
                    .initial_stream_window_size(STREAM_WINDOW_BYTES)
                    .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                    .max_send_buf_size(SEND_BUFFER_BYTES)
                    .keep_alive_interval(PING_INTERVAL)
                    .keep_alive_timeout(PING_TIMEOUT)
                    .serve_connection(stream, gate);
                watch.over(pin!(connection)).await;
            }
        }
    }

    /// Says goodbye, then reads on a little so that the peer gets to hear it.
    async fn linger<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        let goodbye = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await
        };
        tokio::select! {
            // Either way the connection is over; there is nobody left to tell.
            _ended = timeout(LINGER, goodbye) => {}
            () = self.stopper.letting_go() => {}
        }
    }
}

/// Where the handlers of HTTP/2 requests run: tracked, so that the listener waits for them, and dropped with the rest
/// when the grace is over.
#[derive(Clone)]
pub(super) struct StreamTasks {
    tasks: TaskTracker,
    stopper: Stopper,
}

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let stopper = self.stopper.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopper.letting_go() => {}
                () = future => {}
            }
        });
    }
}
