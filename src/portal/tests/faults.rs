//! Where a call fails decides what may be done about it.

use std::time::Duration;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::server::{self, FakePortal, Play, Recorded};
use super::{SECRETS, account, assert_no_secret, config, facility, officer, portal, question, submission};
use crate::portal::{
    Answer, Config, ConfigError, Fault, Portal, PortalError, RAW_KEPT_MAX, Service, Stage, Submission, Weather, breaker,
};
use crate::system::System;

async fn ask_at(fake: &FakePortal, change: impl Fn(Config) -> Config) -> PortalError {
    let portal = Portal::new(change(config(&fake.url)), vec![account()], System::real()).unwrap();
    let error = portal.ask(Service::CardLookup, &question(), Some(&officer())).await.unwrap_err();
    assert_no_secret(&format!("{error} {error:?} {portal:?}"));
    error
}

fn failed(stage: Stage, fault: Fault) -> PortalError {
    PortalError { stage, fault, retry_after: None }
}

#[tokio::test]
async fn questions_fail_where_they_fail() {
    for (play, fault) in [
        (Play::Reset, Fault::Broken),
        (Play::CutOff, Fault::Broken),
        (Play::Answer(502, "<html>".to_owned()), Fault::HttpStatus(502)),
        (Play::Answer(200, String::new()), Fault::Nonsense("it is empty")),
        (Play::Answer(200, " ".repeat(70_000)), Fault::Nonsense("it is larger than allowed")),
    ] {
        let play = server::in_turn(vec![play]);
        let fake = FakePortal::start(move |_| play()).await;
        let error = ask_at(&fake, |config| Config { reply_bytes_max: 65_536, ..config }).await;
        assert_eq!(error, failed(Stage::NoAnswer, fault));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let fake = FakePortal::start(|request| match request.path.as_str() {
        "/elsewhere" => Play::Answer(200, r#"{"maKetQua":"000"}"#.to_owned()),
        _ => Play::AnswerWith(307, "Location: /elsewhere\r\n", String::new()),
    })
    .await;
    let error = ask_at(&fake, |config| config).await;
    assert_eq!(error, failed(Stage::NoAnswer, Fault::Nonsense("it sends us elsewhere")));
    assert!(fake.requests("/elsewhere").is_empty());
}

#[tokio::test]
async fn deadlines_end_silence_and_dripping() {
    let soon = Duration::from_millis(300);
    for play in [|| Play::Hang, || Play::Drip] {
        let fake = FakePortal::start(move |_| play()).await;
        let portal = Portal::new(
            Config { question_timeout: soon, submission_timeout: soon, ..config(&fake.url) },
            vec![account()],
            System::real(),
        )
        .unwrap();
        portal.sign_in(&facility()).await.unwrap();
        let error = portal.ask(Service::CardLookup, &question(), None).await.unwrap_err();
        assert_eq!(error, failed(Stage::NoAnswer, Fault::TimedOut));
        let handover = portal.submit(&submission(Service::DriverExam, "{}")).await;
        assert_eq!(handover.result, Err(failed(Stage::NoAnswer, Fault::TimedOut)));
    }
}

#[tokio::test]
async fn a_refused_connection_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let portal = Portal::new(config(&url), vec![account()], System::real()).unwrap();
    let expected = failed(Stage::NotConnected, Fault::Unreachable("connection refused".to_owned()));
    assert_eq!(portal.submit(&submission(Service::DriverExam, "{}")).await.result, Err(expected.clone()));
    let login = portal.sign_in(&facility()).await.unwrap_err();
    assert_eq!((login.stage, login.fault), (expected.stage, expected.fault));
}

#[tokio::test]
async fn a_silent_handshake_ends_with_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = Config { connect_timeout: Duration::from_millis(300), ..config(&url) };
    let portal = Portal::new(config, vec![account()], System::real()).unwrap();
    let handover = portal.submit(&submission(Service::DriverExam, "{}")).await;
    assert_eq!(handover.result, Err(failed(Stage::NotConnected, Fault::TimedOut)));
}

#[tokio::test]
async fn a_reset_after_the_request_may_have_been_acted_on() {
    for service in [Service::Voucher, Service::Claim, Service::DriverExam] {
        let fake = FakePortal::start(|_| Play::Reset).await;
        let handover = portal(&fake).submit(&submission(service, "{}")).await;
        assert_eq!(handover.result, Err(failed(Stage::NoAnswer, Fault::Broken)), "{service:?}");
        assert_eq!(fake.requests("").len(), if service == Service::DriverExam { 1 } else { 2 });
    }
}

/// Serves one connection: reads a little, then does as told.
async fn half_reader(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        if let Some(body) = answer {
            server::answer(&mut stream, 413, "Connection: close\r\n", body, body.len()).await;
            // Open until the client has read the answer and let go.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
        }
        server::reset(&stream);
    });
    url
}

fn big() -> Submission {
    // Far more than the buffers of a loopback connection hold.
    Submission { service: Service::DriverExam, facility: facility(), body: Bytes::from(vec![b' '; 64 << 20]) }
}

#[tokio::test]
async fn a_fresh_connection_knows_that_the_document_did_not_leave_whole() {
    let portal = Portal::new(config(&half_reader(None).await), vec![account()], System::real()).unwrap();
    assert_eq!(portal.submit(&big()).await.result, Err(failed(Stage::NotWritten, Fault::Broken)));
}

#[tokio::test]
async fn an_early_answer_is_heard() {
    let portal = Portal::new(config(&half_reader(Some("<html>")).await), vec![account()], System::real()).unwrap();
    let handover = portal.submit(&big()).await;
    assert_eq!(handover.http_status, Some(413));
    let fault = Fault::Nonsense("it is a page and no JSON");
    assert_eq!(handover.result, Err(failed(Stage::NotWritten, fault)));
}

#[tokio::test]
async fn the_record_of_an_attempt_holds_the_first_bytes_only() {
    let long = format!("<html>{}", "x".repeat(100_000));
    let fake = FakePortal::start(move |_| Play::Answer(500, long.clone())).await;
    let handover = portal(&fake).submit(&submission(Service::Claim, "<A/>")).await;
    assert_eq!((handover.http_status, handover.raw.len()), (Some(500), RAW_KEPT_MAX));
    assert_no_secret(&format!("{handover:?}"));
}

#[tokio::test]
async fn a_failing_service_rests_and_its_kin_do_not() {
    let fake = FakePortal::start(|request: &Recorded| match request.path.as_str() {
        "/api/hssk/gksk" => Play::Answer(200, r#"{"MSG_STATE":"0","MSG_TEXT":"?"}"#.to_owned()),
        _ => Play::Answer(503, String::new()),
    })
    .await;
    let breaker = breaker::Config { failures_to_open: 2, rest: Duration::from_secs(600) };
    let portal = Portal::new(Config { breaker, ..config(&fake.url) }, vec![account()], System::real()).unwrap();
    let mut changes = portal.weather_changes();
    for _ in 0..2 {
        assert!(portal.ready(Service::Claim));
        let error = portal.submit(&submission(Service::Claim, "<A/>")).await.result.unwrap_err();
        assert_eq!(error.fault, Fault::HttpStatus(503));
    }
    let error = portal.submit(&submission(Service::Claim, "<A/>")).await.result.unwrap_err();
    assert_eq!((error.stage, &error.fault), (Stage::NotTried, &Fault::BreakerOpen));
    assert!(error.retry_after.unwrap() > Duration::from_secs(500));
    assert_eq!(fake.requests("QD3176").len(), 2);
    assert!(!portal.ready(Service::Claim) && portal.ready(Service::CardLookup));
    assert_eq!(changes.try_recv(), Ok((Service::Claim, Weather::Down)));
    for _ in 0..5 {
        let refused = portal.submit(&submission(Service::DriverExam, "{}")).await.result;
        assert!(matches!(refused, Ok(Answer::Coded { .. })), "an understood refusal is good weather");
    }
}

#[tokio::test]
async fn a_trial_brings_a_service_back() {
    let play = server::in_turn(vec![Play::Reset, Play::Hang, Play::Answer(200, r#"{"maKetQua":"050"}"#.to_owned())]);
    let fake = FakePortal::start(move |_| play()).await;
    let breaker = breaker::Config { failures_to_open: 1, rest: Duration::ZERO };
    let portal = Portal::new(Config { breaker, ..config(&fake.url) }, vec![account()], System::real()).unwrap();
    let ask = || async { portal.ask(Service::CardLookup, &question(), Some(&officer())).await };
    assert_eq!(ask().await.unwrap_err().stage, Stage::NoAnswer);
    // The trial is given up by its caller, as a desk does that closes the page; its place is free again.
    tokio::select! {
        _ = ask() => panic!("nobody answers"),
        () = fake.wait_for("2024", 2) => {}
    }
    assert!(portal.ready(Service::CardLookup));
    assert_eq!(ask().await.unwrap().code, "050", "not found is an answer too");
    let weather = portal.weather();
    assert!(weather.iter().any(|post| {
        (post.service, post.weather, post.since.is_some()) == (Service::CardLookup, Weather::Up, true)
    }));
}

#[tokio::test]
async fn a_service_that_drags_is_slow_and_still_asked() {
    let fake = FakePortal::start(|_| Play::Answer(200, r#"{"maKetQua":"050"}"#.to_owned())).await;
    // Slow is what takes any time at all here.
    let slow_after = Duration::from_nanos(1);
    let portal = Portal::new(Config { slow_after, ..config(&fake.url) }, vec![account()], System::real()).unwrap();
    let mut changes = portal.weather_changes();
    for _ in 0..6 {
        portal.ask(Service::CardLookup, &question(), Some(&officer())).await.unwrap();
    }
    assert_eq!(changes.try_recv(), Ok((Service::CardLookup, Weather::Slow)));
    assert!(changes.try_recv().is_err(), "told once");
    assert_eq!(portal.room(Service::CardLookup), u32::MAX);
    let post = portal.weather().into_iter().find(|post| post.service == Service::CardLookup).unwrap();
    assert!(post.typical.is_some() && post.since.is_some());
}

#[tokio::test]
async fn a_full_gateway_says_so_and_blames_nobody() {
    let fake = FakePortal::start(|_| Play::Hang).await;
    let config = Config { in_flight_max: 1, question_timeout: Duration::from_millis(300), ..config(&fake.url) };
    let portal = Portal::new(config, vec![account()], System::real()).unwrap();
    let busy = portal.clone();
    let occupant = tokio::spawn(async move { busy.submit(&submission(Service::DriverExam, "{}")).await });
    fake.wait_for("gksk", 1).await;
    let error = portal.ask(Service::CardLookup, &question(), Some(&officer())).await.unwrap_err();
    assert_eq!(error, failed(Stage::NotTried, Fault::TimedOut));
    occupant.abort();
}

#[tokio::test]
async fn documents_and_lists_leave_places_to_the_people_at_the_desks() {
    let fake = FakePortal::start(|request| match request.path.contains("KQNhanLichSuKCB2024") {
        true => Play::Answer(200, r#"{"maKetQua":"000"}"#.to_owned()),
        false => Play::Hang,
    })
    .await;
    let portal =
        Portal::new(Config { in_flight_max: 8, ..config(&fake.url) }, vec![account()], System::real()).unwrap();
    let (mut documents, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let (of_document, of_list) = (portal.clone(), portal.clone());
        documents.push(tokio::spawn(async move { of_document.submit(&submission(Service::DriverExam, "{}")).await }));
        rows.push(tokio::spawn(async move {
            let place = of_list.place_in_bulk(Duration::from_secs(60)).await.unwrap();
            of_list.ask_in_bulk(&place, Service::Copay, &question(), None).await
        }));
    }
    fake.wait_for("", 6).await;
    let answered = portal.ask(Service::CardLookup, &question(), Some(&officer())).await;
    assert_eq!(answered.map(|answered| answered.code), Ok("000".to_owned()));
    documents.iter().for_each(tokio::task::JoinHandle::abort);
    rows.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn wrong_uses_are_refused_before_anything_leaves() {
    let fake = FakePortal::start(|_| Play::Hang).await;
    let portal = portal(&fake);
    let mut stranger = question();
    stranger.facility = crate::domain::FacilityCode::parse("99002").unwrap();
    let error = portal.ask(Service::CardLookup, &stranger, None).await.unwrap_err();
    assert_eq!(error, failed(Stage::NotTried, Fault::NoAccount));
    assert_eq!(portal.ask(Service::Claim, &question(), None).await.unwrap_err().stage, Stage::NotTried);
    let handover = portal.submit(&submission(Service::Login, "")).await;
    assert_eq!(handover.result.unwrap_err().stage, Stage::NotTried);
    assert!(fake.requests("").is_empty());
    assert_eq!(portal.facilities(), [facility()]);

    let new = |accounts| Portal::new(config(&fake.url), accounts, System::real()).map(|_| ());
    assert_eq!(new(vec![account(), account()]), Err(ConfigError::TwoAccounts(facility())));
    let mut odd = account();
    odd.username = "99001 BV\n".to_owned();
    assert_eq!(new(vec![odd]), Err(ConfigError::Username(facility())));
    let bad = Config { authorities: vec![CertificateDer::from(vec![1, 2, 3])], ..config(&fake.url) };
    assert_eq!(Portal::new(bad, vec![], System::real()).map(|_| ()), Err(ConfigError::Authority(0)));
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let shown =
        format!("{:?} {:?} {:?} {:?}", account(), question(), officer(), submission(Service::Claim, SECRETS[0]));
    assert_no_secret(&shown);
}

/// A server over TLS that takes every driver exam; with the authority that signed its certificate.
async fn over_tls() -> (String, CertificateDer<'static>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap().der().clone();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap().der().clone();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(async move {
                while let Some(request) = server::read(&mut stream).await {
                    let body = match request.path.as_str() {
                        "/api/token/take" => server::signed_in("t"),
                        _ => r#"{"MSG_STATE":"1","UUID":"U","maKetQua":"000"}"#.to_owned(),
                    };
                    server::answer(&mut stream, 200, "", &body, body.len()).await;
                }
            });
        }
    });
    (format!("https://localhost:{port}"), root)
}

#[tokio::test]
async fn tls_is_trusted_by_authority_and_name_only() {
    let (url, root) = over_tls().await;
    let trusting = Config { authorities: vec![root], ..config(&url) };
    let portal = Portal::new(trusting.clone(), vec![account()], System::real()).unwrap();
    assert!(portal.submit(&submission(Service::DriverExam, "{}")).await.result.is_ok());
    assert_eq!(portal.ask(Service::CardLookup, &question(), Some(&officer())).await.unwrap().code, "000");

    let unknown = "TLS: the certificate's issuer is not trusted";
    let other_name = "TLS: the certificate is for another name";
    let by_address = Config { base_url: url.replace("localhost", "127.0.0.1"), ..trusting };
    for (config, words) in [(config(&url), unknown), (by_address, other_name)] {
        let portal = Portal::new(config, vec![account()], System::real()).unwrap();
        let handover = portal.submit(&submission(Service::DriverExam, "{}")).await;
        let expected = failed(Stage::NotConnected, Fault::Unreachable(words.to_owned()));
        assert_eq!(handover.result, Err(expected.clone()));
        let login = portal.sign_in(&facility()).await.unwrap_err();
        assert_eq!((login.stage, login.fault), (expected.stage, expected.fault));
    }
}
