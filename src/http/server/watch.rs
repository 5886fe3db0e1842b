//! Watches over one connection while hyper drives it, and ends it when it is time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::Limits;
use super::activity::{Activity, Verdict};
use super::connection::StreamTasks;
use super::gate::Gate;
use super::head::HeadDeadline;
use crate::http::tls::Identity;
use crate::system::stop::Stopper;

/// What decides when a connection ends.
pub(super) struct Watch<'a> {
    pub(super) limits: &'a Limits,
    pub(super) activity: &'a Activity,
    pub(super) stopper: &'a Stopper,
    pub(super) welcome: Option<Welcome>,
}

/// Whether the peer's certificate is still good, asked again after each reload.
pub(super) struct Welcome {
    pub(super) identity: Arc<Identity>,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) changes: watch::Receiver<()>,
}

/// A connection of either protocol, as hyper drives it.
pub(super) trait Driven {
    /// Drives it; ready when nothing is left to do. Errors are the peer's affair.
    fn drive(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()>;

    /// Ends it after the requests in hand.
    fn close(self: Pin<&mut Self>);
}

impl Watch<'_> {
    /// Drives `connection` to its end; false if it has to be dropped instead.
    pub(super) async fn over<C: Driven>(mut self, mut connection: Pin<&mut C>) -> bool {
        // A quarter late at most, at a few wake-ups a minute.
        let tick = self.limits.idle_timeout.min(self.limits.write_stall_timeout) / 4;
        let mut tick = tokio::time::interval(tick.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing: Option<Instant> = None;
        loop {
            let close = tokio::select! {
                biased;
                () = self.stopper.letting_go() => return false,
                () = poll_fn(|context| connection.as_mut().drive(context)) => return true,
                () = self.stopper.stopping(), if closing.is_none() => true,
                unwelcome = unwelcome(&mut self.welcome), if closing.is_none() => unwelcome,
                _ = tick.tick() => match self.activity.verdict(self.limits) {
                    Verdict::Stalled => return false,
                    Verdict::Idle => closing.is_none(),
                    Verdict::Fine => false,
                },
            };
            if close {
                connection.as_mut().close();
                closing = Some(Instant::now());
            }
            // A peer that answers no goodbye, or trickles a header after it, has as long as a header may take.
            let late = closing.is_some_and(|since| since.elapsed() >= self.limits.header_timeout);
            if late && self.activity.requests().1 == 0 {
                return false;
            }
        }
    }
}

/// Waits for a reload, and tells whether the peer would now be turned away.
async fn unwelcome(welcome: &mut Option<Welcome>) -> bool {
    let Some(Welcome { identity, chain, changes }) = welcome else { return std::future::pending().await };
    match changes.changed().await {
        Ok(()) => !identity.accepts(chain),
        Err(_) => std::future::pending().await,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driven for http1::Connection<TokioIo<HeadDeadline<S>>, Gate> {
    fn drive(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_without_shutdown(context).map(drop)
    }

    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driven for http2::Connection<TokioIo<HeadDeadline<S>>, Gate, StreamTasks> {
    fn drive(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context).map(drop)
    }

    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
