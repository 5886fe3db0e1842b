//! The network between gateway and portal: lines that are refused, lost, cut in the middle, or stand still.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lienthong::portal::{Dial, Dialing, Wire};
use lienthong::sandbox::Sandbox;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::chance::Dice;

/// How the network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Connecting {
    Works,
    Refused,
    /// Nothing is ever heard.
    Silent,
}

pub(crate) struct Network {
    portal: Sandbox,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    connecting: Connecting,
    /// Chance that a line is cut after some bytes.
    cut_rate: f64,
    /// Whether open lines stand still.
    frozen: bool,
    lines: Vec<Weak<Mutex<Fate>>>,
    cuts: u64,
}

/// What befalls one line.
#[derive(Default)]
struct Fate {
    dead: bool,
    frozen: bool,
    /// Bytes the gateway may still write, and read, before the line is cut.
    writes_left: Option<usize>,
    reads_left: Option<usize>,
    wakers: Vec<Waker>,
}

/// The gateway's end of a line.
struct Line {
    inner: DuplexStream,
    fate: Arc<Mutex<Fate>>,
}

// === impl Network ===

impl Network {
    pub(crate) fn new(portal: Sandbox, dice: Dice) -> Self {
        let state =
            State { dice, connecting: Connecting::Works, cut_rate: 0.0, frozen: false, lines: Vec::new(), cuts: 0 };
        Self { portal, state: Mutex::new(state) }
    }

    pub(crate) fn set(&self, connecting: Connecting, cut_rate: f64) {
        let mut state = self.state.lock().unwrap();
        (state.connecting, state.cut_rate) = (connecting, cut_rate);
    }

    /// Lets the open lines stand still, or go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut state = self.state.lock().unwrap();
        state.frozen = frozen;
        state.each(|fate| fate.frozen = frozen);
    }

    /// Cuts every open line.
    pub(crate) fn cut_all(&self) {
        let mut state = self.state.lock().unwrap();
        state.each(|fate| fate.dead = true);
        state.cuts += 1;
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.state.lock().unwrap().cuts
    }
}

impl State {
    fn each(&mut self, change: impl Fn(&mut Fate)) {
        self.lines.retain(|line| line.strong_count() > 0);
        for line in self.lines.iter().filter_map(Weak::upgrade) {
            let mut fate = line.lock().unwrap();
            change(&mut fate);
            fate.wake();
        }
    }

    fn fate(&mut self) -> Arc<Mutex<Fate>> {
        let mut fate = Fate { frozen: self.frozen, ..Fate::default() };
        if self.dice.chance(self.cut_rate) {
            self.cuts += 1;
            // A request's head is some 500 bytes, an answer's some 150; a body and more lie behind.
            let bytes = self.dice.below(3_000);
            match self.dice.chance(0.5) {
                true => fate.writes_left = Some(bytes),
                false => fate.reads_left = Some(bytes / 4),
            }
        }
        let fate = Arc::new(Mutex::new(fate));
        self.lines.push(Arc::downgrade(&fate));
        fate
    }
}

impl Dial for Network {
    fn dial(&self) -> Dialing {
        let mut state = self.state.lock().unwrap();
        let latency = Duration::from_millis(1 + state.dice.below(80) as u64);
        let connecting = state.connecting;
        let fate = state.fate();
        let portal = self.portal.clone();
        Box::pin(async move {
            if connecting == Connecting::Silent {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(latency).await;
            if connecting == Connecting::Refused {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, portals) = tokio::io::duplex(64 << 10);
            let end = Arc::clone(&fate);
            tokio::spawn(async move {
                let was_reset = portal.serve(portals, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
                if was_reset {
                    let mut fate = end.lock().unwrap();
                    fate.dead = true;
                    fate.wake();
                }
            });
            let line: Box<dyn Wire> = Box::new(Line { inner: ours, fate });
            Ok(line)
        })
    }
}

// === impl Line ===

impl Fate {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// Whether bytes pass now; woken when that changes.
    fn passes(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.dead {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if !self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
        if self.frozen { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let fate = Arc::clone(&self.fate);
        let mut fate = fate.lock().unwrap();
        std::task::ready!(fate.passes(cx))?;
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Some(left) = fate.reads_left {
            let read = buf.filled().len() - before;
            fate.reads_left = Some(left.saturating_sub(read));
            if read > left {
                buf.set_filled(before + left);
                fate.dead = true;
            }
        }
        outcome
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let fate = Arc::clone(&self.fate);
        let mut fate = fate.lock().unwrap();
        std::task::ready!(fate.passes(cx))?;
        let Some(left) = fate.writes_left else { return Pin::new(&mut self.inner).poll_write(cx, buf) };
        if left == 0 {
            fate.dead = true;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let outcome = Pin::new(&mut self.inner).poll_write(cx, &buf[..buf.len().min(left)]);
        if let Poll::Ready(Ok(written)) = &outcome {
            fate.writes_left = Some(left - written);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
