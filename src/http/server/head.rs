//! The deadline for what must come before a request can be served: the first bytes of a connection, and each header on
//! HTTP/1.
//!
//! hyper's own `header_read_timeout` counts the quiet between two requests as part of the header, so it can bound
//! either the one or the other; its HTTP/2 handshake waits for the preface without any bound. This wrapper sits between
//! TLS and hyper, sees when a header's first byte arrives, and fails the read when the rest is late. It also keeps the
//! header's bytes for `gate`, which has to know of a Content-Length that hyper drops.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Limits;
use super::activity::Activity;

/// Bytes of the HTTP/2 preface, `PRI * HTTP/2.0` with its line ends.
const PREFACE_BYTES: usize = 24;

/// What the peer speaks, as ALPN settled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A stream whose reads fail when a header is late.
pub(super) struct HeadDeadline<S> {
    stream: S,
    protocol: Protocol,
    activity: Arc<Activity>,
    header_timeout: Duration,
    header_bytes_max: usize,
    awaited: Awaited,
    sleep: Pin<Box<Sleep>>,
}

/// What the deadline stands for.
enum Awaited {
    /// So many bytes more at the beginning.
    First(usize),
    /// The rest of the header of the request after this many.
    HeaderAfter(u64),
    /// Nothing: a request is in hand, or none has begun.
    Nothing,
}

impl<S> HeadDeadline<S> {
    pub(super) fn new(stream: S, protocol: Protocol, activity: Arc<Activity>, limits: &Limits) -> Self {
        let first = if protocol == Protocol::Http1 { 1 } else { PREFACE_BYTES };
        Self {
            stream,
            protocol,
            activity,
            header_timeout: limits.header_timeout,
            header_bytes_max: limits.header_bytes_max,
            awaited: Awaited::First(first),
            sleep: Box::pin(tokio::time::sleep(limits.first_bytes_timeout)),
        }
    }

    fn arrived(&mut self, bytes: &[u8]) {
        if let Awaited::First(missing) = self.awaited {
            let missing = missing.saturating_sub(bytes.len());
            self.awaited = if missing > 0 { Awaited::First(missing) } else { Awaited::Nothing };
        }
        let (requests, in_hand) = self.activity.requests();
        // Bytes that come while a request is in hand are its body.
        if self.protocol == Protocol::Http2 || in_hand > 0 {
            return;
        }
        self.activity.keep_head(bytes, self.header_bytes_max);
        if !matches!(self.awaited, Awaited::HeaderAfter(before) if before == requests) {
            self.awaited = Awaited::HeaderAfter(requests);
            self.sleep.as_mut().reset(Instant::now() + self.header_timeout);
        }
    }

    fn overdue(&mut self, context: &mut Context<'_>) -> bool {
        let waiting = match self.awaited {
            Awaited::First(_) => true,
            Awaited::HeaderAfter(before) => before == self.activity.requests().0,
            Awaited::Nothing => false,
        };
        waiting && self.sleep.as_mut().poll(context).is_ready()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadDeadline<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending if this.overdue(context) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the header is late")))
            }
            Poll::Ready(Ok(())) => {
                if let Some(bytes) = buffer.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
                    this.arrived(bytes);
                }
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadDeadline<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
