//! What the portal is reached over below TLS: TCP, or a line that a simulation plays.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;

/// Opens lines in the place of TCP.
pub trait Dial: Send + Sync + 'static {
    /// Opens a line to the portal.
    fn dial(&self) -> Dialing;
}

/// A line that is being opened.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send>>;

/// A played line.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Opens lines.
#[derive(Clone)]
pub(super) enum Dialer {
    /// Over the network.
    Tcp(HttpConnector),
    /// In a simulation.
    Played(Arc<dyn Dial>),
}

/// An open line.
pub(super) enum Line {
    Tcp(TokioIo<TcpStream>),
    Played(TokioIo<Box<dyn Wire>>),
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Dialer {
    type Response = Line;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Line, Failed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        match self {
            Self::Tcp(tcp) => tcp.poll_ready(cx).map_err(Failed::from),
            Self::Played(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        match self {
            Self::Tcp(tcp) => {
                let connecting = tcp.call(target);
                Box::pin(async move { Ok(Line::Tcp(connecting.await?)) })
            }
            Self::Played(dial) => {
                let dialing = dial.dial();
                Box::pin(async move { Ok(Line::Played(TokioIo::new(dialing.await?))) })
            }
        }
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        match self {
            Self::Tcp(tcp) => tcp.connected(),
            Self::Played(_) => Connected::new(),
        }
    }
}

impl Read for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Played(played) => Pin::new(played).poll_read(cx, buf),
        }
    }
}

impl Write for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Played(played) => Pin::new(played).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Played(played) => Pin::new(played).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            Self::Played(played) => played.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Played(played) => Pin::new(played).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Played(played) => Pin::new(played).poll_shutdown(cx),
        }
    }
}
