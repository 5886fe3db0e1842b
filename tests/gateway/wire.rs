//! Requests that a pooled client cannot make: bodies written piece by piece, and HTTP/2.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::https::trusting;
use crate::support::{TestGateway, within};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A body that is being written.
pub(crate) struct Pieces(mpsc::Sender<io::Result<Frame<Bytes>>>);

/// An answer that is being read.
pub(crate) struct Reading {
    response: Response<Incoming>,
    unread: Vec<u8>,
    _connection: Connection,
}

/// The task of a connection; it ends with this.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pieces {
    /// Writes one piece; false if nobody reads any more.
    pub(crate) async fn write(&self, piece: impl Into<Bytes>) -> bool {
        within("room for a piece of the body", self.0.send(Ok(Frame::data(piece.into())))).await.is_ok()
    }

    /// Breaks off: the connection is cut in the middle of the body.
    pub(crate) async fn cut(self) {
        drop(self.0.send(Err(io::ErrorKind::ConnectionAborted.into())).await);
    }
}

impl Reading {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next line of the answer; `None` at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            match within("more of the answer", self.response.body_mut().frame()).await {
                Some(Ok(frame)) => self.unread.extend_from_slice(frame.data_ref().expect("data")),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// All that is left.
    pub(crate) async fn whole(&mut self) -> Vec<u8> {
        let mut whole = std::mem::take(&mut self.unread);
        while let Some(Ok(frame)) = within("the rest of the answer", self.response.body_mut().frame()).await {
            whole.extend_from_slice(frame.data_ref().expect("data"));
        }
        whole
    }

    /// All lines that are left.
    pub(crate) async fn lines(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        assert!(self.unread.is_empty(), "half a line: {}", String::from_utf8_lossy(&self.unread));
        lines
    }
}

/// A TLS connection to the API that offers this protocol and no other.
pub(crate) fn connect(
    gateway: &TestGateway,
    protocol: &str,
) -> impl Future<Output = TlsStream<TcpStream>> + Send + use<> {
    let mut config = trusting(gateway.authority().certificate());
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let (address, connector) = (gateway.api(), TlsConnector::from(Arc::new(config)));
    async move {
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        within("a handshake", connector.connect(name, stream)).await.unwrap()
    }
}

/// Posts a body piece by piece over HTTP/1.1; the answer comes while the body is being written.
pub(crate) async fn post_in_pieces(
    gateway: &TestGateway,
    path: &str,
    media_type: &str,
) -> (Pieces, JoinHandle<Reading>) {
    let (sender, receiver) = mpsc::channel(1);
    let pieces = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let request = Request::post(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", gateway.key))
        .header("content-type", media_type)
        .body(StreamBody::new(Box::pin(pieces)).boxed_unsync())
        .unwrap();
    let stream = connect(gateway, "http/1.1").await;
    let (mut requests, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await.unwrap();
    let connection = Connection(tokio::spawn(async move { drop(connection.await) }));
    let answer = tokio::spawn(async move {
        let response = within("an answer", requests.send_request(request)).await.unwrap();
        Reading { response, unread: Vec::new(), _connection: connection }
    });
    (Pieces(sender), answer)
}

/// Puts a question over HTTP/2 and gives status and body.
pub(crate) async fn post_over_http2(gateway: &TestGateway, path: &str, body: String) -> (u16, Bytes) {
    let stream = connect(gateway, "h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let _connection = Connection(tokio::spawn(async move { drop(connection.await) }));
    let request = Request::post(format!("https://{}{path}", gateway.api()))
        .header("authorization", format!("Bearer {}", gateway.key))
        .header("content-type", "application/json")
        .header("facility-id", "01999")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = within("an answer", requests.send_request(request)).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    let status = response.status().as_u16();
    (status, within("the body", response.into_body().collect()).await.unwrap().to_bytes())
}
