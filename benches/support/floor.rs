//! Servers that do next to nothing, to be measured by turns with the gateway: machines and days differ, ratios less.

use std::convert::Infallible;
use std::path::Path;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lienthong::http::server::{Limits, Server};
use lienthong::http::tls::{Clients, Files, Identity};
use lienthong::system::stop::Stopper;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a floor is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    /// hyper and rustls, nothing else: reads the question, answers with the same bytes always.
    Hyper,
    /// The gateway's own listener with its bounds, and a route that does the same.
    Listener,
}

/// What a cached answer's body weighs.
const ANSWER_BYTES: usize = 1_324;

impl Floor {
    /// The word on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Listener => "listener",
        }
    }

    /// What it is, in a table.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Hyper => "bare hyper and rustls",
            Self::Listener => "the gateway's listener",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Hyper, Self::Listener].into_iter().find(|floor| floor.name() == name)
    }

    /// Serves in the background with the certificate in `folder`; gives the address.
    pub(crate) async fn serve(self, folder: &Path) -> String {
        let clients = Clients::Off;
        let files = Files { certificate: folder.join("api.pem"), key: folder.join("api.key"), clients };
        let identity = Identity::load(files).expect("the certificate is good");
        let local = "127.0.0.1:0".parse().expect("it is an address");
        match self {
            Self::Hyper => {
                let listener = TcpListener::bind(local).await.expect("a port is free");
                let address = listener.local_addr().expect("it is bound").to_string();
                tokio::spawn(hyper_alone(listener, TlsAcceptor::from(identity.config())));
                address
            }
            Self::Listener => {
                let limits = Limits { connections_per_source_max: 2_000, ..Limits::default() };
                let server = Server::bind(local, Some(identity), limits).await.expect("a port is free");
                let address = server.address().to_string();
                let answer = |_question: Bytes| async { (headers(), constant()) };
                let router = Router::new().route("/v1/card-lookups", post(answer));
                tokio::spawn(server.serve(router, Stopper::new()));
                address
            }
        }
    }
}

async fn hyper_alone(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        let (stream, _) = listener.accept().await.expect("connections can be taken");
        stream.set_nodelay(true).expect("a socket takes its options");
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            // How a connection ends is of no interest here.
            drop(connection.await);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    drop(request.into_body().collect().await);
    let mut response = Response::new(Full::new(constant()));
    *response.headers_mut() = headers();
    Ok(response)
}

fn constant() -> Bytes {
    Bytes::from_static(&[b'x'; ANSWER_BYTES])
}

/// Enough to pass for a cached answer.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("cache-status", HeaderValue::from_static("lienthong; hit; ttl=14400"));
    headers
}
