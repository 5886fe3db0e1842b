//! A listener with a router of its own, and clients that can be as slow and as wrong as a test wants.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use http::StatusCode;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certs::file::{Existing, write_private};
use crate::certs::{Authority, Pem};
use crate::http::server::{Limits, Peer, Server};
use crate::http::tls::{ClientFiles, Clients, Files, Identity, files, provider};
use crate::system::System;
use crate::system::stop::Stopper;

/// No test waits longer than this for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const H1: &[u8] = b"http/1.1";
pub(super) const H2: &[u8] = b"h2";

/// Whether callers show certificates.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    Nothing,
    May,
    Must,
}

pub(super) struct Site {
    pub(super) authority: Authority,
    pub(super) identity: Arc<Identity>,
    pub(super) address: SocketAddr,
    pub(super) stopper: Stopper,
    pub(super) served: JoinHandle<()>,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) refused: Arc<AtomicU64>,
    /// Requests to `/gate` wait for a permit, and show here that they began.
    pub(super) gate: Arc<Semaphore>,
    pub(super) begun: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
}

impl Site {
    pub(super) async fn start(limits: Limits, ask: Ask) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::make("test authority", &System::real()).unwrap();
        let path = |name: &str| folder.path().join(name);
        place(path("ca.pem"), authority.certificate());
        place(path("list.pem"), &authority.revocation_list(&[], 1).unwrap());
        let server = server_certificate(&authority);
        place(path("server.pem"), &server.certificate);
        place(path("server.key"), &server.key);
        let clients = ClientFiles { authorities: path("ca.pem"), revocations: Some(path("list.pem")) };
        let clients = match ask {
            Ask::Nothing => Clients::Off,
            Ask::May => Clients::Optional(clients),
            Ask::Must => Clients::Required(clients),
        };
        let identity =
            Identity::load(Files { certificate: path("server.pem"), key: path("server.key"), clients }).unwrap();

        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), Some(identity.clone()), limits).await.unwrap();
        let (address, connections, refused) = (server.address(), server.connections(), server.refused());
        let stopper = Stopper::new();
        let served = tokio::spawn(server.serve(router(gate.clone(), begun.clone()), stopper.clone()));
        Self { authority, identity, address, stopper, served, connections, refused, gate, begun, folder }
    }

    /// Puts `text` in the place of one of the identity's files.
    pub(super) fn replace(&self, name: &str, text: &str) {
        place(self.folder.path().join(name), text);
    }

    pub(super) async fn connect(&self, alpn: &[u8]) -> TlsStream<TcpStream> {
        self.connect_from("127.0.0.1", alpn, None).await.unwrap()
    }

    pub(super) async fn connect_from(
        &self,
        source: &str,
        alpn: &[u8],
        certificate: Option<&Pem>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let roots = files::load_roots(&self.folder.path().join("ca.pem")).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            Some(pem) => {
                let chain = vec![CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap())
                    .unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        let stream = tcp(source, self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// Asks for `path` on a new HTTP/1 connection that is closed after the answer.
    pub(super) async fn get(&self, path: &str, certificate: Option<&Pem>) -> io::Result<String> {
        let mut stream = self.connect_from("127.0.0.1", H1, certificate).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// An HTTP/2 client on a new connection.
    pub(super) async fn http2(&self, window: u32) -> hyper::client::conn::http2::SendRequest<Empty<&'static [u8]>> {
        let stream = TokioIo::new(self.connect(H2).await);
        let (client, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    pub(super) async fn until_open(&self, count: usize) {
        until(|| self.connections.load(Ordering::Relaxed) == count).await;
    }
}

pub(super) fn server_certificate(authority: &Authority) -> Pem {
    authority.issue_server(&["localhost".to_owned()], 30).unwrap()
}

pub(super) fn request(path: &str) -> http::Request<Empty<&'static [u8]>> {
    http::Request::get(format!("https://localhost{path}")).body(Empty::new()).unwrap()
}

pub(super) async fn tcp(source: &str, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{source}:0").parse().unwrap())?;
    socket.connect(address).await
}

/// Sends `bytes`, then reads until the other side closes.
pub(super) async fn exchange(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> String {
    stream.write_all(bytes).await.unwrap();
    until_closed(stream).await
}

/// Reads until the other side closes, by whatever means.
pub(super) async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut read = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut read)).await;
    drop(ended.expect("the other side closes"));
    String::from_utf8_lossy(&read).into_owned()
}

/// Reads one answer with a Content-Length from a connection that stays open.
pub(super) async fn answer(stream: &mut TlsStream<TcpStream>) -> String {
    let mut read = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed before the answer");
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse::<usize>().unwrap();
        if body.len() >= length {
            return text.into_owned();
        }
    }
}

pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the condition comes to hold");
}

fn place(path: PathBuf, text: &str) {
    write_private(&path, text, Existing::Replace).unwrap();
}

fn router(gate: Arc<Semaphore>, begun: Arc<AtomicUsize>) -> Router {
    let wait = move || async move {
        begun.fetch_add(1, Ordering::Relaxed);
        gate.acquire().await.unwrap().forget();
        "let through"
    };
    let peer = |Extension(peer): Extension<Peer>| async move {
        peer.certificate.map_or("nobody".to_owned(), |certificate| format!("certified {}", certificate.common_name))
    };
    Router::new()
        .route("/", get(|| async { "hello" }).post(|| async { "hello" }))
        .route("/gate", get(wait))
        .route("/peer", get(peer))
        .route("/large", get(|| async { Body::from(vec![b'x'; 64 << 20]) }))
        .route("/unread", get(|| async {}).post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") }))
}
