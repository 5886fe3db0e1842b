//! A webhook receiver as a hospital would write one: it reads the request, checks the signature itself, and answers as the
//! test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// One request that came in.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it was answered with success.
    pub(crate) taken: bool,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Of which document it tells; empty if of none.
    pub(crate) fn document(&self) -> String {
        self.json()["data"]["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Which of the signatures this secret (`whsec_…`) has made, by their places.
    pub(crate) fn signed_by(&self, secret: &str) -> Vec<usize> {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let header = |name: &str| self.headers[name].to_str().unwrap().to_owned();
        let signed =
            [header("webhook-id").as_bytes(), b".", header("webhook-timestamp").as_bytes(), b".", &self.body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
        let expected = format!("v1,{}", STANDARD.encode(tag.as_ref()));
        let all = header("webhook-signature");
        all.split(' ').enumerate().filter(|(_, one)| *one == expected).map(|(place, _)| place).collect()
    }
}

/// How a request is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    /// With this status.
    Status(u16),
    /// With a header too.
    With(u16, &'static str, String),
    /// With success and so many bytes.
    Large(usize),
    /// Not at all, while the test lasts.
    Never,
}

type Script = Box<dyn Fn(&Received) -> Answer + Send + Sync>;

/// The receiver; it ends when dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    script: Mutex<Script>,
}

impl Receiver {
    /// Listens for plain HTTP, or with this for HTTPS, and takes everything.
    pub(crate) async fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Script = Box::new(|_| Answer::Status(204));
        let shared = Arc::new(Shared { received: Mutex::default(), script: Mutex::new(script) });
        let stop = CancellationToken::new();
        tokio::spawn({
            let (shared, stop) = (shared.clone(), stop.clone());
            async move {
                loop {
                    let accepted = tokio::select! {
                        accepted = listener.accept() => accepted,
                        () = stop.cancelled() => return,
                    };
                    let Ok((stream, _)) = accepted else { continue };
                    let (shared, stop, tls) = (shared.clone(), stop.clone(), tls.clone());
                    tokio::spawn(async move {
                        let service = service_fn(|request| answer(shared.clone(), stop.clone(), request));
                        let served = async {
                            match tls {
                                Some(tls) => {
                                    let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await else { return };
                                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                                }
                                None => {
                                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
                                }
                            }
                        };
                        tokio::select! {
                            () = served => {}
                            () = stop.cancelled() => {}
                        }
                    });
                }
            }
        });
        Self { address, shared, stop }
    }

    /// Answers from now on like this.
    pub(crate) fn answer(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// Everything that came in, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// What was taken, in order.
    pub(crate) fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| one.taken).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(
    shared: Arc<Shared>,
    stop: CancellationToken,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let id = head.headers.get("webhook-id").map_or("", |id| id.to_str().unwrap()).to_owned();
    let (path, headers) = (head.uri.to_string(), head.headers);
    let mut one = Received { id, path, headers, body, taken: false };
    let answer = (shared.script.lock().unwrap())(&one);
    one.taken = matches!(answer, Answer::Status(200..=299) | Answer::Large(_));
    shared.received.lock().unwrap().push(one);
    let mut response = Response::new(Full::default());
    match answer {
        Answer::Status(status) => *response.status_mut() = StatusCode::from_u16(status).unwrap(),
        Answer::With(status, name, value) => {
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        Answer::Large(bytes) => *response.body_mut() = Full::new(Bytes::from(vec![b'x'; bytes])),
        Answer::Never => stop.cancelled().await,
    }
    Ok(response)
}

/// Every event of the feed arrived at least once, and of each document in the order of the feed: what comes again after a
/// later one was sent again, and was there before.
#[track_caller]
pub(crate) fn assert_all_in_order(feed: &[Value], taken: &[Received]) {
    let mut seen: Vec<&str> = Vec::new();
    for one in taken {
        assert!(feed.iter().any(|event| event["id"] == one.id), "{} is not in the feed", one.id);
        if seen.contains(&one.id.as_str()) {
            continue;
        }
        // Before it first came, everything earlier about the same document had come.
        let place = feed.iter().position(|event| event["id"] == one.id).unwrap();
        let document = &feed[place]["data"]["id"];
        for earlier in feed[..place].iter().filter(|event| !document.is_null() && event["data"]["id"] == *document) {
            let id = earlier["id"].as_str().unwrap();
            assert!(seen.contains(&id), "{} came before {id} of the same document", one.id);
        }
        seen.push(&one.id);
    }
    for event in feed {
        let id = event["id"].as_str().unwrap();
        assert!(seen.contains(&id), "{event} never arrived");
    }
}
