//! A portal of a hundred lines: it records what it is asked and does what its script says, faults included.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub(super) connection: usize,
}

/// What is done about a request.
pub(super) enum Play {
    /// Answers with this status and body.
    Answer(u16, String),
    /// Answers with these further header lines.
    AnswerWith(u16, &'static str, String),
    /// Sends nothing and keeps the connection.
    Hang,
    /// Sends the head and the beginning of the body, then nothing.
    Drip,
    /// Resets the connection.
    Reset,
    /// Sends half an answer and closes.
    CutOff,
}

/// The server; it ends with the test's runtime.
pub(super) struct FakePortal {
    pub(super) url: String,
    requests: watch::Receiver<Vec<Recorded>>,
}

impl FakePortal {
    /// Serves logins with [`TOKEN`] and everything else by `script`.
    pub(super) async fn start(script: impl Fn(&Recorded) -> Play + Send + Sync + 'static) -> Self {
        Self::scripted(move |request| {
            if request.path == "/api/token/take" { Play::Answer(200, signed_in("tok+en/1==")) } else { script(request) }
        })
        .await
    }

    /// Serves everything by `script`.
    pub(super) async fn scripted(script: impl Fn(&Recorded) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = watch::channel(Vec::new());
        let (script, sender) = (Arc::new(script), Arc::new(sender));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, connection, Arc::clone(&script), Arc::clone(&sender)));
            }
        });
        Self { url, requests }
    }

    /// The requests so far whose path ends so.
    pub(super) fn requests(&self, path_end: &str) -> Vec<Recorded> {
        self.requests.borrow().iter().filter(|request| request.path.ends_with(path_end)).cloned().collect()
    }

    /// Waits until so many requests with such a path came.
    pub(super) async fn wait_for(&self, path_end: &str, count: usize) {
        let mut requests = self.requests.clone();
        let enough = |all: &Vec<Recorded>| all.iter().filter(|one| one.path.ends_with(path_end)).count() >= count;
        requests.wait_for(enough).await.unwrap();
    }
}

impl Recorded {
    pub(super) fn query(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.raw_query.as_bytes()).into_owned().collect()
    }

    pub(super) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The answer to a login, without a life and so for ten minutes.
pub(super) fn signed_in(access: &str) -> String {
    format!(r#"{{"maKetQua":"200","APIKey":{{"access_token":"{access}","id_token":"0f4b7c1e-0000","expires_in":""}}}}"#)
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: Arc<impl Fn(&Recorded) -> Play>,
    requests: Arc<watch::Sender<Vec<Recorded>>>,
) {
    while let Some(mut request) = read(&mut stream).await {
        request.connection = connection;
        let play = script(&request);
        requests.send_modify(|all| all.push(request));
        match play {
            Play::Answer(status, body) => answer(&mut stream, status, "", &body, body.len()).await,
            Play::AnswerWith(status, lines, body) => answer(&mut stream, status, lines, &body, body.len()).await,
            Play::Hang => pending().await,
            Play::Drip => {
                answer(&mut stream, 200, "", "{\"maKetQua\"", 1000).await;
                pending().await
            }
            Play::CutOff => {
                answer(&mut stream, 200, "", "{\"maKetQua\"", 1000).await;
                return;
            }
            Play::Reset => return reset(&stream),
        }
    }
}

/// Makes the stream end with a reset when it is dropped.
pub(super) fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

pub(super) async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    lines: &str,
    body: &str,
    length: usize,
) {
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{lines}\r\n{body}");
    // The client may have gone, which is its right.
    stream.write_all(text.as_bytes()).await.ok();
    stream.flush().await.ok();
}

/// Reads one request; `None` at the end of the connection.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Recorded> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut request_line = lines.next().unwrap().split(' ');
    let (method, target) = (request_line.next().unwrap(), request_line.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: BTreeMap<_, _> =
        lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    let (method, path, raw_query) = (method.to_owned(), path.to_owned(), query.to_owned());
    Some(Recorded { method, path, raw_query, headers, body, connection: 0 })
}

/// A value that changes with every call, for scripts that do different things in turn.
pub(super) fn in_turn(plays: Vec<Play>) -> impl Fn() -> Play + Send + Sync {
    let plays = Mutex::new(plays.into_iter());
    move || plays.lock().unwrap().next().expect("the script has no more plays")
}
