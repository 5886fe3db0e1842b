//! The listener: takes connections in, bounds everything a peer could hold open, and lets go in order.
//!
//! What each peer may keep waiting, and by what it is ended:
//!
//! | waiting for                            | bound                                      | ended by              |
//! |----------------------------------------|--------------------------------------------|-----------------------|
//! | a place                                | `connections_max`, `.._per_source_max`     | refused at once       |
//! | the TLS handshake                      | `handshake_timeout`                        | `server/connection`   |
//! | the first byte, or the HTTP/2 preface  | `first_bytes_timeout`                      | `server/head`         |
//! | the rest of a header                   | `header_timeout`                           | `server/head`         |
//! | the next request                       | `idle_timeout`                             | `server/watch`        |
//! | the body                               | not here: `http::body` and the route       |                       |
//! | the peer reading what is written       | `write_stall_timeout`                      | `server/stall`, `server/watch` |
//!
//! HTTP/1 or HTTP/2 is chosen by what TLS agreed on (ALPN) and by nothing else: hyper-util's sniffing of the first bytes
//! has no deadline. Without TLS it is always HTTP/1. There are no upgrades, so no WebSocket: they cannot be drained.

mod activity;
mod admission;
mod connection;
mod gate;
mod head;
mod stall;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

use self::admission::{Admission, OncePerSecond};
use super::tls::Identity;
use super::tls::certificate::PeerCertificate;
use crate::system::stop::Stopper;

/// Connections the kernel completes ahead of us: enough for every terminal of a large hospital to come back in the
/// same second after a restart.
const BACKLOG: u32 = 1024;

/// How long to wait when no connection can be taken, for want of file descriptors above all: long enough not to spin,
/// short enough that nobody notices.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What peers may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once. 2048: about 64 KiB each at most besides bodies, so 128 MiB, and well under the 4096
    /// descriptors a service gets by default.
    pub connections_max: usize,
    /// Connections open at once from one address (for IPv6, one /64). 256: a whole hospital comes from one address
    /// behind its router, and so does a hospital system with a pool; yet eight such sources must go wrong together
    /// before others are shut out.
    pub connections_per_source_max: usize,
    /// For the TLS handshake. 5 s: two round trips on a bad mobile line, with one packet lost.
    pub handshake_timeout: Duration,
    /// For the first byte after the handshake on HTTP/1, for the whole preface on HTTP/2. 10 s: pools open connections
    /// a little ahead of need, but not by more.
    pub first_bytes_timeout: Duration,
    /// From the first byte of a header to its end. 10 s: headers fit in a handful of packets.
    pub header_timeout: Duration,
    /// Between requests. 75 s: longer than the 60 s after which common pools close a connection themselves, so that we
    /// are seldom the ones to close it under a request on its way.
    pub idle_timeout: Duration,
    /// For a peer that takes nothing of what is written to it. 30 s: TCP itself needs that long over a line that
    /// drops out and comes back.
    pub write_stall_timeout: Duration,
    /// Bytes of a request's line and headers. 16 KiB: what most servers in front of us allow.
    pub header_bytes_max: usize,
    /// Headers of a request on HTTP/1 (on HTTP/2 the bytes bound them). 64: three times what browsers send.
    pub headers_max: usize,
    /// Requests in hand on one HTTP/2 connection. 128: enough for a batch of cards, and what browsers expect (100).
    pub streams_max: u32,
}

/// Who is at the other end. Stands in the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address the connection comes from.
    pub address: SocketAddr,
    /// The certificate it showed, verified; none without TLS or if none was asked for.
    pub certificate: Option<PeerCertificate>,
}

/// A bound listener.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Identity>>,
    limits: Arc<Limits>,
    admission: Arc<Admission>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2048,
            connections_per_source_max: 256,
            handshake_timeout: Duration::from_secs(5),
            first_bytes_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_stall_timeout: Duration::from_secs(30),
            header_bytes_max: 16 << 10,
            headers_max: 64,
            streams_max: 128,
        }
    }
}

// === impl Server ===

impl Server {
    /// Takes the address. From here on the kernel accepts connections; they are served once [`serve`](Self::serve)
    /// runs. Without `tls` the server speaks plain HTTP/1.
    pub async fn bind(listen: SocketAddr, tls: Option<Arc<Identity>>, limits: Limits) -> io::Result<Self> {
        let socket = if listen.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        // A restart must not wait for the last connections of the process before to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let admission = Admission::new(limits.connections_max, limits.connections_per_source_max);
        Ok(Self { listener, address, tls, limits: Arc::new(limits), admission })
    }

    /// The address in use, its port chosen by the kernel if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections open now.
    pub fn connections(&self) -> Arc<AtomicUsize> {
        self.admission.open()
    }

    /// Connections refused for want of a place, since the start.
    pub fn refused(&self) -> Arc<AtomicU64> {
        self.admission.refused()
    }

    /// TLS handshakes that failed or took too long, since the start.
    pub fn handshakes_failed(&self) -> Arc<AtomicU64> {
        self.admission.handshakes_failed()
    }

    /// Serves until `stopper` says so, and returns when the last connection is gone. On stopping the port is closed at
    /// once, requests in hand are finished and told to be the last of their connection; on letting go everything is
    /// dropped.
    pub async fn serve(self, service: axum::Router, stopper: Stopper) {
        let Self { listener, address, tls, limits, admission } = self;
        let tasks = TaskTracker::new();
        let mut accept_warning = OncePerSecond::default();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopper.stopping() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, source)) => {
                    // Refused before a byte is read or a handshake paid for.
                    let Some(place) = admission.enter(source.ip()) else { continue };
                    let connection = connection::Connection {
                        peer: Peer { address: source, certificate: None },
                        place,
                        tls: tls.clone(),
                        limits: limits.clone(),
                        service: service.clone(),
                        stopper: stopper.clone(),
                        tasks: tasks.clone(),
                    };
                    prepare(&stream);
                    tasks.spawn(connection.run(stream));
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    if let Some(unsaid) = accept_warning.permit() {
                        tracing::warn!(%address, %error, unsaid, "cannot take connections; trying on");
                    }
                    stopper.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Now, not at the end: whoever comes next is to hear at once that nobody listens, and go elsewhere.
        drop(listener);
        tasks.close();
        tasks.wait().await;
    }
}

fn prepare(stream: &TcpStream) {
    // Answers are written whole, so waiting to fill packets only delays them. A failure costs time, nothing else.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests;
