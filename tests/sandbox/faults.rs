use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use lienthong::sandbox::{Faults, Options, OutageWindow, Sandbox};
use lienthong::system::{Clock, Entropy, System, after};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{call, get, log_in, question, sandbox};
use crate::submissions::claims_file;

struct ManualClock(Mutex<Timestamp>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Counting(Mutex<u8>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let mut next = self.0.lock().unwrap();
            *next = next.wrapping_add(1);
            *byte = *next;
        }
    }
}

#[tokio::test]
async fn a_reset_before_leaves_nothing_and_a_reset_after_leaves_one() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let file = claims_file("99001", "LK1");
    sandbox.set_faults(Faults { reset_before_rate: 1.0, ..Faults::default() });
    assert_eq!(session.claim(to, "99001", &file).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(sandbox.submissions().is_empty());
    sandbox.set_faults(Faults { reset_after_rate: 1.0, ..Faults::default() });
    assert_eq!(session.claim(to, "99001", &file).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let taken = sandbox.submissions();
    assert_eq!(taken.len(), 1);
    assert!(!taken[0].answered);
}

#[tokio::test]
async fn a_document_can_be_booked_twice_and_one_receipt_is_told() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    sandbox.set_faults(Faults { double_rate: 1.0, ..Faults::default() });
    let reply = session.claim(to, "99001", &claims_file("99001", "LK1")).await.unwrap();
    let taken = sandbox.submissions();
    assert_eq!(taken.iter().map(|one| one.twin_of).collect::<Vec<_>>(), [None, Some(1)]);
    assert_eq!(taken[1].replaced, Some(1), "a claim takes the place of itself");
    assert_eq!(reply.json()["maGiaoDich"], taken[0].receipt);
    assert_ne!(taken[0].receipt, taken[1].receipt);
}

#[tokio::test]
async fn pages_under_a_success_and_empty_refusals_differ_in_what_was_done() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let file = claims_file("99001", "LK1");
    sandbox.set_faults(Faults { unauthorized_rate: 1.0, ..Faults::default() });
    let reply = session.claim(to, "99001", &file).await.unwrap();
    assert_eq!((reply.status, reply.body.len(), sandbox.submissions().len()), (401, 0, 0));
    sandbox.set_faults(Faults { html_ok_rate: 1.0, ..Faults::default() });
    let reply = session.claim(to, "99001", &file).await.unwrap();
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    let taken = sandbox.submissions();
    assert!(taken.len() == 1 && !taken[0].answered);
}

#[tokio::test]
async fn a_stall_lasts_until_the_client_gives_up() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let file = claims_file("99001", "LK1");
    for (faults, taken) in [
        (Faults { stall_before_rate: 1.0, ..Faults::default() }, 0),
        (Faults { stall_after_rate: 1.0, ..Faults::default() }, 1),
    ] {
        sandbox.set_faults(faults);
        let answer = tokio::time::timeout(Duration::from_millis(300), session.claim(to, "99001", &file)).await;
        assert!(answer.is_err(), "an answer came");
        assert_eq!(sandbox.submissions().len(), taken);
    }
}

#[tokio::test]
async fn faults_are_set_and_read_over_the_control_endpoint() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let asked = question("000080000000", "A", "1980");
    let set = async |faults: serde_json::Value| {
        call(to, "PUT", "/_sandbox/faults", &[], &faults.to_string()).await.unwrap().status
    };
    assert_eq!(set(json!({ "errorRate": 1.5 })).await, 400);
    assert_eq!(set(json!({ "errorRat": 1 })).await, 400);

    assert_eq!(set(json!({ "errorRate": 1, "onlyPaths": ["/API/EGW"] })).await, 200);
    assert_eq!(get(to, "/_sandbox/faults").await.json()["errorRate"], 1.0);
    let reply = session.look_up(to, &asked).await.unwrap();
    assert!(reply.status == 500 && serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());
    log_in(to, "99001_BV").await;

    set(json!({ "emptyRate": 1 })).await;
    let reply = session.look_up(to, &asked).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    set(json!({ "htmlRate": 1 })).await;
    let reply = session.look_up(to, &asked).await.unwrap();
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (502, "text/html"));
    set(json!({ "truncateRate": 1 })).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&session.look_up(to, &asked).await.unwrap().body).is_err());
    set(json!({ "codeAsNumber": true, "dripMsPerByte": 1 })).await;
    assert_eq!(session.look_up(to, &asked).await.unwrap().json()["maKetQua"], 0);
    set(json!({ "outage": true })).await;
    assert_eq!(session.look_up(to, &asked).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    set(json!({ "revokeRate": 1 })).await;
    assert_eq!(session.look_up(to, &asked).await.unwrap().code(), "401");
    set(json!({})).await;
    assert_eq!(session.look_up(to, &asked).await.unwrap().code(), "401", "revoked is revoked");
    let questions = get(to, "/_sandbox/questions").await.json();
    assert_eq!(questions["total"], 3);
    assert_eq!(call(to, "POST", "/_sandbox/reset", &[], "").await.unwrap().status, 204);
    assert_eq!(get(to, "/_sandbox/questions").await.json()["total"], 0);
}

#[tokio::test]
async fn the_clock_ends_sessions_and_judges_late_and_can_be_wrong() {
    let clock = Arc::new(ManualClock(Mutex::new("2026-10-06T01:30:15Z".parse().unwrap())));
    let system = System::new(clock.clone(), Arc::new(Counting(Mutex::new(0))));
    let advance = |seconds| {
        let mut now = clock.0.lock().unwrap();
        *now = after(*now, Duration::from_secs(seconds));
    };
    let faults = Faults {
        clock_skew_s: 3_600,
        outage_windows: vec![OutageWindow { from_s: 20_000, to_s: 20_001 }],
        ..Faults::default()
    };
    let sandbox = Sandbox::start(Options { faults, ..Options::default() }, system).await.unwrap();
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let reply = session.claim(to, "99001", &claims_file("99001", "A-LATE-2H")).await.unwrap();
    assert_eq!(reply.headers["date"], "Tue, 06 Oct 2026 02:30:15 GMT");
    assert_eq!(reply.json()["thoiGianTiepNhan"], "20261006093015");
    let asked = question("000080000000", "A", "1980");
    advance(599);
    assert_eq!(session.look_up(to, &asked).await.unwrap().code(), "000");
    advance(1);
    assert_eq!(session.look_up(to, &asked).await.unwrap().code(), "401");
    assert_eq!(get(to, "/_sandbox/judgements").await.json()[0]["state"], "waiting");
    advance(7_200);
    assert_eq!(get(to, "/_sandbox/judgements").await.json()[0]["state"], "accepted");
    advance(20_000 - 7_800);
    assert!(session.look_up(to, &asked).await.is_err());
    advance(1);
    assert_eq!(session.look_up(to, &asked).await.unwrap().code(), "401");
}

#[tokio::test]
async fn it_speaks_tls_and_resets_under_it() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], private)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let options = Options { tls: Some(Arc::new(server)), ..Options::default() };
    let sandbox = Sandbox::start(options, System::real()).await.unwrap();
    let ask = async || -> std::io::Result<Vec<u8>> {
        let stream = tokio::net::TcpStream::connect(sandbox.address()).await?;
        let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
        stream.write_all(b"POST /api/token/take HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    };
    assert!(ask().await.unwrap().starts_with(b"HTTP/1.1 200 OK"));
    sandbox.set_faults(Faults { reset_before_rate: 1.0, ..Faults::default() });
    assert_eq!(ask().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stopped_sandbox_frees_its_port_and_drops_its_callers() {
    let sandbox = sandbox(Faults { latency_ms: 600_000, ..Faults::default() }).await;
    let to = sandbox.address();
    let waiting = tokio::spawn(async move {
        let password = crate::client::password_md5();
        let login = [("username", "99001_BV"), ("password", password.as_str())];
        crate::client::post_form(to, "/api/token/take", &[], &login).await.map(|reply| reply.status)
    });
    // The work is done before the delay: from here on the caller waits for an answer.
    while sandbox.logins() == 0 {
        tokio::task::yield_now().await;
    }
    sandbox.stop().await;
    assert!(waiting.await.unwrap().is_err());
    for _ in 0..3 {
        let options = Options { listen: to, ..Options::default() };
        let again = Sandbox::start(options, System::real()).await.unwrap();
        log_in(to, "99001_BV").await;
        again.stop().await;
    }
    assert!(tokio::net::TcpStream::connect(to).await.is_err());
}
