//! One login for all, renewed by one; refusals.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;

use super::server::{FakePortal, Play, in_turn, signed_in};
use super::{assert_no_secret, facility, officer, portal, question, submission};
use crate::portal::{Answer, Fault, Portal, Service, Stage};

const FOUND: &str = r#"{"maKetQua":"000"}"#;

async fn ask(portal: &Portal) -> Result<String, Fault> {
    let answered = portal.ask(Service::CardLookup, &question(), Some(&officer())).await;
    answered.map(|answered| answered.code).map_err(|error| error.fault)
}

#[tokio::test]
async fn a_hundred_callers_share_one_login() {
    let fake = FakePortal::start(|_| Play::Answer(200, FOUND.to_owned())).await;
    let portal = portal(&fake);
    let answers = join_all((0..100).map(|_| ask(&portal))).await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("000")));
    assert_eq!(fake.requests("/take").len(), 1);
    assert_eq!(fake.requests("2024").len(), 100);
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_aside_and_then_waited_for() {
    let logins = AtomicUsize::new(0);
    let fake = FakePortal::scripted(move |request| match request.path.as_str() {
        "/api/token/take" => Play::Answer(200, signed_in(&format!("t{}", logins.fetch_add(1, Ordering::SeqCst)))),
        _ => Play::Answer(200, FOUND.to_owned()),
    })
    .await;
    let portal = portal(&fake);
    portal.sign_in(&facility()).await.unwrap();

    portal.session(&facility()).shorten(Duration::from_secs(600));
    assert_eq!(ask(&portal).await.as_deref(), Ok("000"));
    fake.wait_for("/take", 2).await;
    assert_eq!(fake.requests("2024")[0].query()["token"], "t0", "the old token serves meanwhile");

    // Whether or not that renewal has ended by now, the next call waits for what comes of it.
    portal.session(&facility()).shorten(Duration::ZERO);
    assert_eq!(ask(&portal).await.as_deref(), Ok("000"));
    assert_ne!(fake.requests("2024")[1].query()["token"], "t0");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    let refused = || Play::Answer(200, r#"{"maKetQua":401}"#.to_owned());
    let play = in_turn(vec![refused(), Play::Answer(200, FOUND.to_owned()), Play::Answer(200, FOUND.to_owned())]);
    let fake = FakePortal::start(move |_| play()).await;
    let portal = portal(&fake);
    assert_eq!(ask(&portal).await.as_deref(), Ok("000"));
    assert_eq!(ask(&portal).await.as_deref(), Ok("000"));
    assert_eq!((fake.requests("/take").len(), fake.requests("2024").len()), (2, 3));
}

#[tokio::test]
async fn a_refusal_after_the_renewal_is_told_and_costs_no_more_logins() {
    let fake = FakePortal::start(|_| Play::Answer(403, String::new())).await;
    let portal = portal(&fake);
    let error = portal.ask(Service::CardLookup, &question(), Some(&officer())).await.unwrap_err();
    assert_eq!((error.stage, &error.fault), (Stage::Refused, &Fault::SessionRefused));
    assert_eq!((fake.requests("/take").len(), fake.requests("2024").len()), (2, 2));
    assert_eq!(ask(&portal).await, Err(Fault::SessionRefused));
    assert_eq!((fake.requests("/take").len(), fake.requests("2024").len()), (2, 3));
    assert!(portal.ready(Service::CardLookup), "a refused session is no bad weather");
}

#[tokio::test]
async fn documents_are_sent_again_only_after_a_refusal() {
    for (service, refusal) in [
        (Service::Claim, Play::Answer(200, r#"{"maKetQua":"401"}"#.to_owned())),
        (Service::Checkin, Play::Answer(401, String::new())),
        (Service::Voucher, Play::Answer(200, r#"{"MaKetQua":401}"#.to_owned())),
    ] {
        let taken = r#"{"maKetQua":"200","maGiaoDich":"G1"}"#;
        let play = in_turn(vec![refusal, Play::Answer(200, taken.to_owned())]);
        let fake = FakePortal::start(move |_| play()).await;
        let handover = portal(&fake).submit(&submission(service, "<A/>")).await;
        assert!(matches!(handover.result, Ok(Answer::Taken(_))), "{service:?}");
        assert_eq!(fake.requests("/take").len(), 2);
    }
}

#[tokio::test]
async fn copay_is_never_asked_twice_but_for_the_session() {
    let play = in_turn(vec![
        Play::Answer(401, String::new()),
        Play::Answer(200, r#"{"MaKetQua":204}"#.to_owned()),
        Play::Answer(500, r#"{"MaKetQua":500}"#.to_owned()),
    ]);
    let fake = FakePortal::start(move |_| play()).await;
    let portal = portal(&fake);
    for expected in ["204", "500"] {
        assert_eq!(portal.ask(Service::Copay, &question(), None).await.unwrap().code, expected);
    }
    assert_eq!(fake.requests("MCCT").len(), 3);
}

#[tokio::test]
async fn a_wrong_password_is_remembered() {
    for code in ["401", "402", "403"] {
        let refusal = format!(r#"{{"maKetQua":"{code}","APIKey":null}}"#);
        let fake = FakePortal::scripted(move |_| Play::Answer(200, refusal.clone())).await;
        let portal = portal(&fake);
        for _ in 0..3 {
            let error = portal.sign_in(&facility()).await.unwrap_err();
            assert_eq!((error.stage, &error.fault), (Stage::NotTried, &Fault::LoginRefused(code.to_owned())));
            assert!(error.retry_after.unwrap() > Duration::from_secs(30));
            assert_no_secret(&format!("{error} {error:?}"));
        }
        assert_eq!(fake.requests("/take").len(), 1);
        assert!(portal.ready(Service::Claim));
    }
}

#[tokio::test]
async fn a_failed_login_never_looks_as_if_the_document_had_left() {
    for play in [|| Play::Answer(200, String::new()), || Play::Reset, || Play::Answer(502, "<html>".to_owned())] {
        let fake = FakePortal::scripted(move |_| play()).await;
        let portal = portal(&fake);
        let handover = portal.submit(&submission(Service::Voucher, "<A/>")).await;
        assert_eq!(handover.result.as_ref().unwrap_err().stage, Stage::NotTried);
        assert!(handover.raw.is_empty() && handover.http_status.is_none());
        let again = portal.submit(&submission(Service::Voucher, "<A/>")).await.result.unwrap_err();
        assert!(again.retry_after.unwrap() < Duration::from_secs(3), "remembered, and not for long");
        assert_eq!(fake.requests("/take").len(), 1);
    }
}

#[tokio::test]
async fn a_login_that_leaves_out_its_keys_is_no_login() {
    for keys in ["null", "{}", r#"{"access_token":"a b","id_token":"c"}"#, r#"{"access_token":"a","id_token":""}"#] {
        let answer = format!(r#"{{"maKetQua":"200","APIKey":{keys}}}"#);
        let fake = FakePortal::scripted(move |_| Play::Answer(200, answer.clone())).await;
        let error = portal(&fake).sign_in(&facility()).await.unwrap_err();
        assert_eq!(error.fault, Fault::Nonsense("a login without its keys"), "{keys}");
    }
}

#[tokio::test]
async fn a_caller_who_gives_up_takes_the_login_from_nobody() {
    let fake = FakePortal::start(|_| Play::Answer(200, FOUND.to_owned())).await;
    let portal = portal(&fake);
    {
        let mut impatient = std::pin::pin!(ask(&portal));
        let begun = poll_fn(|cx| Poll::Ready(impatient.as_mut().poll(cx).is_pending())).await;
        assert!(begun, "the renewal is under way and the caller waits for it");
    }
    assert_eq!(ask(&portal).await.as_deref(), Ok("000"));
    assert_eq!(fake.requests("/take").len(), 1);
}
