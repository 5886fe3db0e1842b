//! The portal is away: who is known is still answered, who is not hears so at once, and all mends itself.

use lienthong::sandbox::Faults;
use serde_json::{Value, json};

use crate::support::{Options, Reply, TestGateway, question, until, valid_person};

/// A service is left alone after two failures, for a second.
const QUICK_TO_REST: &str = "failures_to_rest = 2\nrest_s = 1";

async fn look_up(gateway: &TestGateway, person: usize) -> Reply {
    // Who wants no provisional verdict hears of the failure itself; the ladder's last rung has tests of its own.
    let strict = [("prefer", "handling=strict")];
    gateway.post_with("/v1/card-lookups", &strict, &question(&valid_person(person))).await
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["canhBao"].as_array().unwrap().iter().filter_map(|warning| warning["code"].as_str()).collect()
}

async fn event(gateway: &TestGateway, kind: &str) -> Value {
    until(kind, async || {
        let events = gateway.get("/v1/events?limit=500").await.expect(200).json();
        events["data"].as_array().unwrap().iter().find(|event| event["type"] == kind).cloned()
    })
    .await
}

/// The portal's card lookup by the metrics.
async fn card_lookup_is_up(gateway: &TestGateway) -> bool {
    let metrics = String::from_utf8(gateway.admin("/metrics").await.expect(200).body.to_vec()).unwrap();
    let line = metrics.lines().find(|line| line.starts_with("lienthong_portal_up{service=\"card-lookup\"}"));
    line.expect("the metric is there").ends_with(" 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn known_patients_are_answered_with_their_age_and_others_hear_so() {
    let options = Options { portal: QUICK_TO_REST, ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    for person in 0..3 {
        look_up(&gateway, person).await.expect(200);
    }
    assert!(card_lookup_is_up(&gateway).await);
    // What is in memory goes with the process; what is on the disk stays.
    gateway.restart().await;
    look_up(&gateway, 50).await.expect(200);
    gateway.portal_off().await;

    for person in 0..3 {
        let reply = look_up(&gateway, person).await.expect(200);
        let answer = reply.json();
        assert_eq!((&answer["nguon"], &answer["ketLuan"]["code"]), (&json!("da_luu_cu"), &json!("hop_le")));
        assert_eq!(answer["the"]["maThe"], valid_person(person).card.as_str());
        assert!(codes(&answer).contains(&"portal.unreachable"), "{answer}");
        assert!(answer["traLuc"].is_string());
        let status = reply.header("cache-status");
        assert!(status.starts_with("lienthong; hit; ttl=") && status.ends_with("; detail=stale-if-error"), "{status}");
        assert!(reply.header("age").parse::<u64>().is_ok());
    }
    for person in 100..106 {
        let reply = look_up(&gateway, person).await.expect(503);
        let problem = reply.json();
        assert_eq!((&problem["code"], &problem["retryable"]), (&json!("portal.unreachable"), &json!(true)));
        assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    }
    let down = event(&gateway, "destination.down").await;
    assert_eq!(down["data"]["destination"], "bhxh");
    let ready = gateway.admin("/readyz").await.expect(200).json();
    assert_eq!(ready["ready"], true);
    assert_ne!(ready["portalServicesDown"], json!([]));
    assert!(!card_lookup_is_up(&gateway).await);

    gateway.portal_on().await;
    until("unknown patients to be answered again", async || {
        let reply = look_up(&gateway, 100).await;
        (reply.status == 200).then(|| assert_eq!(reply.json()["nguon"], "cong"))
    })
    .await;
    event(&gateway, "destination.up").await;
    assert!(card_lookup_is_up(&gateway).await);
    let answer = look_up(&gateway, 0).await.expect(200).json();
    assert_eq!(answer["nguon"], "cong", "the known ones are asked about anew");
    assert_eq!(gateway.admin("/readyz").await.expect(200).json()["portalServicesDown"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_lookups_is_told_once_when_it_begins_and_once_when_it_ends() {
    let options = Options { portal: QUICK_TO_REST, ..Options::default() };
    let gateway = TestGateway::with(options).await;
    look_up(&gateway, 0).await.expect(200);
    gateway.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
    for person in 1..10 {
        look_up(&gateway, person).await.expect(503);
    }
    event(&gateway, "destination.down").await;
    gateway.sandbox.set_faults(Faults::default());
    until("the lookups to work again", async || (look_up(&gateway, 20).await.status == 200).then_some(())).await;
    event(&gateway, "destination.up").await;
    let events = gateway.get("/v1/events?limit=500").await.json();
    let of_lookups =
        events["data"].as_array().unwrap().iter().filter(|event| event["data"]["service"] == "card-lookup");
    let told: Vec<_> = of_lookups.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["destination.down", "destination.up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_bound_the_age_of_what_is_given_instead() {
    // Answers count as fresh for no time at all, so each look is a question.
    let options = Options { lookup: "usable_s = 0", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    look_up(&gateway, 0).await.expect(200);
    gateway.portal_off().await;
    let asked = question(&valid_person(0));
    let ask = |bound: &'static str| {
        let (gateway, asked) = (&gateway, &asked);
        let headers = [("cache-control", bound), ("prefer", "handling=strict")];
        async move { gateway.post_with("/v1/card-lookups", &headers, asked).await }
    };
    // On the disk it may arrive a moment after the answer.
    until("the answer to be kept", async || {
        let reply = ask("max-stale=3600").await;
        (reply.status == 200).then(|| assert_eq!(reply.json()["nguon"], "da_luu_cu"))
    })
    .await;
    let problem = ask("max-stale=0").await.expect(503).json();
    assert_eq!(problem["code"], "portal.unreachable");
    look_up(&gateway, 0).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_says_wrongly_is_no_reason_to_forget_what_it_said() {
    let options = Options { lookup: "usable_s = 0", portal: "failures_to_rest = 1000", ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    look_up(&gateway, 0).await.expect(200);
    // What is to be kept of an answer is written beside it; a stop waits for it.
    gateway.restart().await;
    let none = Faults::default;
    for faults in [
        Faults { html_rate: 1.0, ..none() },
        Faults { empty_rate: 1.0, ..none() },
        Faults { truncate_rate: 1.0, ..none() },
        Faults { error_rate: 1.0, ..none() },
        Faults { reset_before_rate: 1.0, ..none() },
        Faults { reset_after_rate: 1.0, ..none() },
    ] {
        let what = format!("{faults:?}");
        gateway.sandbox.set_faults(Faults { only_paths: vec!["/api/egw/".into()], ..faults });
        let answer = look_up(&gateway, 0).await.expect(200).json();
        assert_eq!(answer["nguon"], "da_luu_cu", "{what}");
        let unknown = look_up(&gateway, 1).await;
        assert!([502, 503].contains(&unknown.status.as_u16()), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_patience_ends_while_the_question_goes_on() {
    let slow = Faults { latency_ms: 2_500, only_paths: vec!["/api/egw/".into()], ..Faults::default() };
    let options = Options { lookup: "patience_s = 1\nrefresh_cooldown_s = 0", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    look_up(&gateway, 0).await.expect(200);
    gateway.sandbox.set_faults(slow);

    let reply = look_up(&gateway, 1).await.expect(504);
    assert_eq!(reply.json()["code"], "portal.timeout");
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    until("the question to have been answered", async || {
        let reply = look_up(&gateway, 1).await;
        (reply.status == 200).then_some(())
    })
    .await;
    let questions = gateway.sandbox.questions().len();
    assert_eq!(look_up(&gateway, 1).await.expect(200).json()["nguon"], "da_luu");
    assert_eq!((questions, gateway.sandbox.questions().len()), (2, 2), "one question was asked about each");

    // Who is known is answered from before meanwhile.
    let refresh = [("cache-control", "no-cache")];
    let asked = question(&valid_person(0));
    let answer = gateway.post_with("/v1/card-lookups", &refresh, &asked).await.expect(200).json();
    assert_eq!(answer["nguon"], "da_luu_cu");
    assert!(codes(&answer).contains(&"portal.timeout"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_log_in_every_service_behind_the_login_is_told_as_down() {
    let gateway = TestGateway::with(Options { portal: "rest_s = 600", ..Options::default() }).await;
    gateway.portal_off().await;
    let down = until("the card lookup to be told as down", async || {
        look_up(&gateway, 0).await;
        let ready = gateway.admin("/readyz").await.expect(200).json();
        let down = ready["portalServicesDown"].as_array().unwrap().clone();
        down.contains(&json!("card-lookup")).then_some(down)
    })
    .await;
    assert!(down.contains(&json!("login")) && !down.contains(&json!("driver-health-exam")), "{down:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_desk_waits_out_its_patience_on_a_silent_portal_and_the_others_need_not() {
    let dragging = |latency_ms| Faults { latency_ms, only_paths: vec!["/api/egw/".into()], ..Faults::default() };
    let options = Options { lookup: "patience_s = 6\npatience_in_silence_s = 1", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    look_up(&gateway, 0).await.expect(200);
    gateway.sandbox.set_faults(dragging(15_000));
    look_up(&gateway, 1).await.expect(504);
    // An answer of three seconds would have been waited for before; in the silence it is not.
    gateway.sandbox.set_faults(dragging(3_000));
    look_up(&gateway, 2).await.expect(504);
    until("the portal to be heard", async || (look_up(&gateway, 2).await.status == 200).then_some(())).await;
    let answer = look_up(&gateway, 3).await.expect(200).json();
    assert_eq!(answer["nguon"], "cong", "it is waited for again");
}
