//! HTTP as clients write it, byte by byte: no library stands between the test and the socket, so that HTTP/1.0, chunks
//! and the case of a header are what they say they are.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a client waits for anything; far above what a sound server needs, as the machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a client writes its requests.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub(crate) version: &'static str,
    /// The `Connection` header; the connection is used again if it says so, or if HTTP/1.1 says nothing.
    pub(crate) connection: Option<&'static str>,
    /// Chunks of this many bytes instead of a length.
    pub(crate) chunks: Option<usize>,
    /// Waits for `100 Continue` before the body.
    pub(crate) expects: bool,
    /// Of header names.
    pub(crate) header_case: Case,
    /// Of the path.
    pub(crate) path_case: Case,
    /// Names the whole address in the request line, as behind a proxy.
    pub(crate) whole_address: bool,
}

/// What a client does to the case of what it writes.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    AsDocumented,
    Lower,
    Upper,
}

/// One request.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// With its escapes, without the question mark.
    pub(crate) query: String,
    /// In the order written.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// One answer, as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// `HTTP/1.1`
    pub(crate) version: String,
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the server said to go on before the body.
    pub(crate) continued: bool,
    /// Whether the connection can be used again.
    pub(crate) kept: bool,
}

/// A client's connection to one server, opened when it is needed.
pub(crate) struct Connection {
    to: SocketAddr,
    stream: Option<TcpStream>,
    /// What was read beyond the last answer.
    ahead: Vec<u8>,
}

impl Case {
    fn of(self, text: &str) -> String {
        match self {
            Self::AsDocumented => text.to_owned(),
            Self::Lower => text.to_ascii_lowercase(),
            Self::Upper => text.to_ascii_uppercase(),
        }
    }
}

impl Style {
    /// HTTP/1.1 with a length, on a connection that is kept.
    pub(crate) const PLAIN: Self = Self {
        version: "HTTP/1.1",
        connection: None,
        chunks: None,
        expects: false,
        header_case: Case::AsDocumented,
        path_case: Case::AsDocumented,
        whole_address: false,
    };

    fn head(&self, to: SocketAddr, request: &Request) -> String {
        let path = self.path_case.of(&request.path);
        let question = if request.query.is_empty() { "" } else { "?" };
        let host = if self.whole_address { format!("http://{to}") } else { String::new() };
        let mut head = format!("{} {host}{path}{question}{} {}\r\n", request.method, request.query, self.version);
        let mut line = |name: &str, value: &str| head.push_str(&format!("{}: {value}\r\n", self.header_case.of(name)));
        line("Host", &to.to_string());
        for (name, value) in &request.headers {
            line(name, value);
        }
        if let Some(connection) = self.connection {
            line("Connection", connection);
        }
        match self.chunks {
            Some(_) => line("Transfer-Encoding", "chunked"),
            // A GET without a body names no length.
            None if request.method == "GET" && request.body.is_empty() => {}
            None => line("Content-Length", &request.body.len().to_string()),
        }
        if self.expects && !request.body.is_empty() {
            line("Expect", "100-continue");
        }
        head + "\r\n"
    }

    fn body(&self, body: &[u8]) -> Vec<u8> {
        let Some(size) = self.chunks else { return body.to_vec() };
        let mut written = Vec::with_capacity(body.len() * 2);
        for chunk in body.chunks(size) {
            written.extend(format!("{:X}\r\n", chunk.len()).bytes());
            written.extend_from_slice(chunk);
            written.extend(b"\r\n");
        }
        written.extend(b"0\r\n\r\n");
        written
    }
}

impl Connection {
    pub(crate) fn to(to: SocketAddr) -> Self {
        Self { to, stream: None, ahead: Vec::new() }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn exchange(&mut self, style: &Style, request: &Request) -> Answer {
        let whole = tokio::time::timeout(PATIENCE, self.converse(style, request)).await;
        let answer = whole.unwrap_or_else(|_| panic!("no answer to {} {}", request.method, request.path));
        answer.unwrap_or_else(|error| panic!("{} {}: {error}", request.method, request.path))
    }

    async fn converse(&mut self, style: &Style, request: &Request) -> std::io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.to).await?,
        };
        stream.set_nodelay(true)?;
        let mut wire = style.head(self.to, request).into_bytes();
        let waits = style.expects && !request.body.is_empty();
        if !waits {
            wire.extend(style.body(&request.body));
        }
        stream.write_all(&wire).await?;
        let mut head = self.head(&mut stream).await?;
        let mut continued = false;
        if waits && head.0 == 100 {
            continued = true;
            stream.write_all(&style.body(&request.body)).await?;
            head = self.head(&mut stream).await?;
        }
        let (status, version, headers) = head;
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let silent = request.method == "HEAD" || status == 204 || status == 304;
        let body = match (header("transfer-encoding"), header("content-length")) {
            _ if silent => Vec::new(),
            (Some("chunked"), _) => self.chunked(&mut stream).await?,
            (Some(other), _) => panic!("an answer in {other}"),
            (None, Some(length)) => self.exactly(&mut stream, length.parse().expect("a length")).await?,
            (None, None) => self.rest(&mut stream).await?,
        };
        let framed = silent || header("transfer-encoding").or(header("content-length")).is_some();
        let says = header("connection").unwrap_or_default().to_ascii_lowercase();
        let kept = framed && if version == "HTTP/1.1" { says != "close" } else { says == "keep-alive" };
        // A client that was refused before its body has an unfinished request on the connection.
        let wants = if style.version == "HTTP/1.1" {
            style.connection != Some("close")
        } else {
            style.connection.is_some_and(|says| says.eq_ignore_ascii_case("keep-alive"))
        };
        if kept && wants && (continued || !waits) {
            self.stream = Some(stream);
        } else {
            self.ahead.clear();
        }
        Ok(Answer { version, status, headers, body, continued, kept })
    }

    async fn more(&mut self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut piece = [0; 16 << 10];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the server hung up"));
        }
        self.ahead.extend_from_slice(&piece[..count]);
        Ok(())
    }

    /// Reads a status line and headers.
    async fn head(&mut self, stream: &mut TcpStream) -> std::io::Result<(u16, String, Vec<(String, String)>)> {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            self.more(stream).await?;
        };
        let head: Vec<u8> = self.ahead.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("heads are text");
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().expect("a status line").splitn(3, ' ');
        let version = first.next().expect("a version").to_owned();
        let status = first.next().expect("a status").parse().expect("a number");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Ok((status, version, lines.map(header).collect()))
    }

    async fn exactly(&mut self, stream: &mut TcpStream, length: usize) -> std::io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            self.more(stream).await?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    async fn chunked(&mut self, stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                    break end;
                }
                self.more(stream).await?;
            };
            let line: Vec<u8> = self.ahead.drain(..end + 2).collect();
            let line = String::from_utf8(line).expect("chunk sizes are text");
            let size = usize::from_str_radix(line.trim(), 16).expect("a chunk size");
            body.extend(self.exactly(stream, size).await?);
            self.exactly(stream, 2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn rest(&mut self, stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
        let mut body = std::mem::take(&mut self.ahead);
        stream.read_to_end(&mut body).await?;
        Ok(body)
    }
}

impl Answer {
    /// A header's value, empty if missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}
