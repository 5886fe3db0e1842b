//! A load generator that costs little: requests are bytes made beforehand, answers are read up to their
//! `Content-Length`, and nothing is parsed beyond that.

use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lienthong::http::tls;
use lienthong::sandbox::InsuredPerson;
use memchr::memmem;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Outside;
use super::figures::Latencies;

/// Where requests go, and in whose name.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    host: ServerName<'static>,
    connector: TlsConnector,
    key: String,
    facility: String,
}

/// One connection.
pub(crate) struct Wire {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// What is looked at of an answer.
pub(crate) struct Answer<'a> {
    /// The status.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: &'a [u8],
    /// The body.
    pub(crate) body: &'a [u8],
}

/// What came of a round.
#[derive(Default)]
pub(crate) struct Tally {
    /// Of those answered as they should be.
    pub(crate) latencies: Latencies,
    /// Answers of another kind than wanted.
    pub(crate) wrong: usize,
    /// Of those, the ones refused with the time to come back (503 or 429 with `Retry-After`).
    pub(crate) refused: Latencies,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Bytes of the last answer, head and body.
    pub(crate) answer_bytes: (usize, usize),
}

/// What an answer must be to count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A card, from the gateway's memory.
    Cached,
    /// A card, from wherever.
    Card,
    /// A document that is new and kept.
    Accepted,
}

impl Target {
    /// `https://host:port` with this authority.
    pub(crate) fn new(outside: &Outside) -> Self {
        let place = outside.url.trim_start_matches("https://").trim_end_matches('/');
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host).to_owned();
        let address = place.to_socket_addrs().expect("the address is host:port").next().expect("it has an address");
        let host = ServerName::try_from(host).expect("the host is a name or an address");
        let (key, facility) = (outside.key.clone(), outside.facility.clone());
        Self { address, host, connector: TlsConnector::from(client_config(&outside.ca)), key, facility }
    }

    /// A new connection, with a full handshake.
    pub(crate) async fn connect(&self) -> Wire {
        let stream = TcpStream::connect(self.address).await.expect("the gateway takes connections");
        stream.set_nodelay(true).expect("a socket takes its options");
        let stream = self.connector.connect(self.host.clone(), stream).await.expect("the handshake succeeds");
        Wire { stream, buffer: vec![0; 16 << 10] }
    }

    /// So many new connections, a few at a time.
    pub(crate) async fn connect_many(&self, count: usize) -> Vec<Wire> {
        let mut wires = Vec::with_capacity(count);
        while wires.len() < count {
            let some: Vec<_> = (wires.len()..count.min(wires.len() + 32))
                .map(|_| {
                    let target = self.clone();
                    tokio::spawn(async move { target.connect().await })
                })
                .collect();
            for wire in some {
                wires.push(wire.await.expect("connecting does not panic"));
            }
        }
        wires
    }

    /// A question about a person, as a HIS sends it, whole.
    pub(crate) fn question(&self, person: &InsuredPerson) -> Bytes {
        self.question_for(person, &self.facility)
    }

    /// The same for another facility.
    pub(crate) fn question_for(&self, person: &InsuredPerson, facility: &str) -> Bytes {
        let body = json!({
            "maThe": person.national_id.as_str(),
            "hoTen": person.name.as_str(),
            "ngaySinh": person.birth_date.portal(),
        });
        self.request("/v1/card-lookups", "application/json", facility, body.to_string().as_bytes())
    }

    /// A document, whole.
    pub(crate) fn submission(&self, document: &[u8]) -> Bytes {
        self.request("/v1/documents", "application/xml", &self.facility, document)
    }

    /// Any request, whole.
    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Bytes {
        self.make(method, path, "application/json", &self.facility, body)
    }

    fn request(&self, path: &str, media_type: &str, facility: &str, body: &[u8]) -> Bytes {
        self.make("POST", path, media_type, facility, body)
    }

    fn make(&self, method: &str, path: &str, media_type: &str, facility: &str, body: &[u8]) -> Bytes {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nfacility-id: {facility}\r\n\
             content-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            self.key,
            body.len(),
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        request.into()
    }
}

impl Wire {
    /// Sends a request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Answer<'_> {
        self.stream.write_all(request).await.expect("the gateway reads");
        self.stream.flush().await.expect("the gateway reads");
        let mut filled = 0;
        let (head, length) = loop {
            filled += self.read_after(filled).await;
            let seen = self.buffer.get(..filled).unwrap_or_default();
            if let Some(end) = memmem::find(seen, b"\r\n\r\n") {
                let head = end + 4;
                break (head, content_length(seen.get(..head).unwrap_or_default()));
            }
        };
        if self.buffer.len() < head + length {
            self.buffer.resize(head + length, 0);
        }
        while filled < head + length {
            filled += self.read_after(filled).await;
        }
        let (head, body) = self.buffer.get(..filled).unwrap_or_default().split_at(head);
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Answer { status: status.unwrap_or_default(), head, body }
    }

    async fn read_after(&mut self, filled: usize) -> usize {
        let room = self.buffer.get_mut(filled..).unwrap_or_default();
        let read = self.stream.read(room).await.expect("the gateway answers");
        assert!(read > 0, "the gateway closed a connection");
        read
    }
}

impl Answer<'_> {
    /// Whether it sends the caller away for a while.
    fn is_refused(&self) -> bool {
        matches!(self.status, 429 | 503) && memmem::find(self.head, b"retry-after").is_some()
    }

    /// Whether it is what was wanted.
    pub(crate) fn is(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Cached => self.status == 200 && memmem::find(self.head, b"lienthong; hit").is_some(),
            Wanted::Card => self.status == 200 && memmem::find(self.body, b"\"maKetQua\":\"000\"").is_some(),
            Wanted::Accepted => self.status == 202,
        }
    }
}

impl Tally {
    /// Answered as they should be, a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }

    fn note(&mut self, answer: &Answer<'_>, wanted: Wanted, took: Duration) {
        if answer.is(wanted) {
            self.latencies.note(took);
            self.answer_bytes = (answer.head.len(), answer.body.len());
        } else {
            let refused = answer.is_refused();
            if refused {
                self.refused.note(took);
            }
            if self.wrong == 0 && !refused {
                println!("  unexpected: {} {}", answer.status, String::from_utf8_lossy(answer.body));
            }
            self.wrong += 1;
        }
    }

    fn join(&mut self, other: Self) {
        self.latencies.join(other.latencies);
        self.wrong += other.wrong;
        self.refused.join(other.refused);
        self.answer_bytes = self.answer_bytes.max(other.answer_bytes);
    }
}

/// Closed model: each connection asks again as soon as it is answered, until `span` is over. `next` gives connection
/// `n` its `i`th request.
pub(crate) async fn closed<F>(wires: &mut Vec<Wire>, span: Duration, wanted: Wanted, next: F) -> Tally
where
    F: Fn(usize, usize) -> Bytes + Clone + Send + 'static,
{
    let begun = Instant::now();
    let tasks: Vec<_> = wires
        .drain(..)
        .enumerate()
        .map(|(n, mut wire)| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut tally = Tally::default();
                for i in 0.. {
                    let request = next(n, i);
                    let sent = Instant::now();
                    if sent.duration_since(begun) >= span {
                        break;
                    }
                    let answer = wire.exchange(&request).await;
                    tally.note(&answer, wanted, sent.elapsed());
                }
                (wire, tally)
            })
        })
        .collect();
    let mut sum = Tally::default();
    for task in tasks {
        let (wire, tally) = task.await.expect("a connection does not panic");
        wires.push(wire);
        sum.join(tally);
    }
    sum.took = begun.elapsed();
    sum
}

/// Each connection asks once, all at the same moment.
pub(crate) async fn at_once(wires: Vec<Wire>, requests: Vec<Bytes>, wanted: Wanted) -> Tally {
    let gate = Arc::new(tokio::sync::Barrier::new(wires.len() + 1));
    let tasks: Vec<_> = wires
        .into_iter()
        .zip(requests)
        .map(|(mut wire, request)| {
            let gate = gate.clone();
            tokio::spawn(async move {
                let mut tally = Tally::default();
                gate.wait().await;
                let sent = Instant::now();
                let answer = wire.exchange(&request).await;
                tally.note(&answer, wanted, sent.elapsed());
                tally
            })
        })
        .collect();
    gate.wait().await;
    let begun = Instant::now();
    let mut sum = Tally::default();
    for task in tasks {
        sum.join(task.await.expect("a connection does not panic"));
    }
    sum.took = begun.elapsed();
    sum
}

/// Open model: requests arrive at random, `rate` a second on average, whether earlier ones are answered or not; each
/// takes a free connection, or waits for one. A latency counts from the arrival. A thread of its own deals the arrivals
/// out, because the runtime's timers are no finer than a millisecond; where it wakes up late, that is when they arrive.
pub(crate) async fn open<F>(wires: &mut Vec<Wire>, span: Duration, rate: f64, wanted: Wanted, next: F) -> Tally
where
    F: Fn(usize, usize) -> Bytes + Clone + Send + 'static,
{
    let (arrivals, waiting) = (Arc::new(Mutex::new(VecDeque::new())), Arc::new(Semaphore::new(0)));
    let begun = Instant::now();
    let tasks: Vec<_> = wires
        .drain(..)
        .enumerate()
        .map(|(n, mut wire)| {
            let (arrivals, waiting, next) = (arrivals.clone(), waiting.clone(), next.clone());
            tokio::spawn(async move {
                let mut tally = Tally::default();
                for i in 0.. {
                    let request = next(n, i);
                    let Ok(permit) = waiting.acquire().await else { break };
                    permit.forget();
                    let arrived: Option<Instant> = arrivals.lock().expect("nobody panics holding it").pop_front();
                    let Some(arrived) = arrived else { break };
                    let answer = wire.exchange(&request).await;
                    tally.note(&answer, wanted, arrived.elapsed());
                }
                (wire, tally)
            })
        })
        .collect();
    let connections = tasks.len();
    let dealer = std::thread::spawn(move || {
        let (mut dice, mut due) = (Dice(42), Duration::ZERO);
        while begun.elapsed() < span {
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let arrived = Instant::now();
            while due <= begun.elapsed() {
                arrivals.lock().expect("nobody panics holding it").push_back(arrived);
                waiting.add_permits(1);
                due += Duration::from_secs_f64(-(1.0 - dice.even()).ln() / rate);
            }
        }
        // One for each connection, with no arrival behind it: the end.
        waiting.add_permits(connections);
    });
    let mut sum = Tally::default();
    for task in tasks {
        let (wire, tally) = task.await.expect("a connection does not panic");
        wires.push(wire);
        sum.join(tally);
    }
    dealer.join().expect("dealing out does not panic");
    sum.took = begun.elapsed();
    sum
}

/// A seeded generator (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number drawn evenly from `0.0..1.0`.
    pub(crate) fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `count` choices among `people`, the `k`th person `k` times rarer than the first (Zipf with exponent 1).
pub(crate) fn zipf(people: usize, count: usize) -> Vec<usize> {
    let mut sum = 0.0;
    let up_to: Vec<f64> = (1..=people)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let mut dice = Dice(7);
    (0..count)
        .map(|_| {
            let drawn = dice.even() * sum;
            up_to.partition_point(|bound| *bound < drawn).min(people.saturating_sub(1))
        })
        .collect()
}

fn content_length(head: &[u8]) -> usize {
    let name = b"content-length: ";
    let digits = memmem::find(head, name).and_then(|at| head.get(at + name.len()..)).unwrap_or_default();
    digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}

/// TLS 1.3 or 1.2 as the gateway prefers, HTTP/1.1, and no resumption: each handshake is a whole one.
fn client_config(authority: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).expect("the authority is a certificate in PEM");
    roots.add(authority).expect("the authority is an authority");
    let mut config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows the protocols")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
