//! Documents on their way out while the portal fails: nothing lost, nothing doubled, nothing overtaken.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use lienthong::sandbox::{Faults, Submission};
use serde_json::{Value, json};

use crate::documents::id;
use crate::moves::{order, submit_held};
use crate::samples::{self, birth, checkin, claim, death};
use crate::support::{Options, TestGateway, until};

const CLAIMS: &str = "/api/qd130/guiHoSo";
const CERTIFICATES: &str = "/api/hososuckhoe/";

/// A gateway that tries again soon and lets no service rest.
async fn eager() -> TestGateway {
    eager_with(Faults::default()).await
}

async fn eager_with(faults: Faults) -> TestGateway {
    let options = Options {
        faults,
        portal: "failures_to_rest = 1000",
        delivery: "retry_longest_s = 1\nlook_every_s = 1\nanswers_lost_max = 1000\nsystem_errors_max = 1000",
        ..Options::default()
    };
    TestGateway::with(options).await
}

fn on(path: &str, faults: Faults) -> Faults {
    Faults { only_paths: vec![path.to_owned()], ..faults }
}

/// The faults that lose the answer after the portal may have acted, by name.
fn losses() -> [(&'static str, Faults); 6] {
    let none = Faults::default;
    [
        ("reset before processing", Faults { reset_before_rate: 1.0, ..none() }),
        ("reset after processing", Faults { reset_after_rate: 1.0, ..none() }),
        ("a page in place of an answer", Faults { html_rate: 1.0, ..none() }),
        ("nothing in place of an answer", Faults { empty_rate: 1.0, ..none() }),
        ("half an answer", Faults { truncate_rate: 1.0, ..none() }),
        ("an error of the server", Faults { error_rate: 1.0, ..none() }),
    ]
}

/// One document of each kind, by media type.
async fn submit_each_kind(gateway: &TestGateway) -> Vec<Value> {
    let documents = [
        samples::CHECKIN,
        samples::CLAIM,
        samples::MEDICAL_ASSESSMENT,
        samples::DRIVER_EXAM,
        samples::BIRTH,
        samples::DEATH,
        samples::VOUCHER,
    ];
    let mut submitted = Vec::new();
    for xml in documents {
        // Minutes of an assessment name no facility themselves.
        let facility = if xml == samples::MEDICAL_ASSESSMENT { &[("facility-id", "01999")][..] } else { &[] };
        submitted.push(gateway.submit_with(facility, xml).await.expect(202).json());
    }
    submitted
}

/// The document, once it was tried this often.
async fn tried(gateway: &TestGateway, document: &Value, times: u64) -> Value {
    until("another attempt", async || {
        let document = gateway.get(&format!("/v1/documents/{}", id(document))).await.expect(200).json();
        (document["deliveries"][0]["attempts"].as_u64() >= Some(times) && document["status"] != "sending")
            .then_some(document)
    })
    .await
}

async fn all_acknowledged(gateway: &TestGateway, documents: &[Value]) {
    for document in documents {
        gateway.document_in(id(document), &["acknowledged"]).await;
    }
}

/// The records the portal has in force: those whose place no later one took.
fn in_force(submissions: &[Submission]) -> Vec<&Submission> {
    let replaced: Vec<u64> = submissions.iter().filter_map(|one| one.replaced).collect();
    submissions.iter().filter(|one| !replaced.contains(&one.number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_portal_is_off_documents_wait_and_then_go_by_themselves() {
    let mut gateway = eager().await;
    gateway.portal_off().await;
    let submitted = submit_each_kind(&gateway).await;
    for document in &submitted {
        let document = tried(&gateway, document, 2).await;
        assert_eq!(document["status"], "queued", "{document}");
        assert_eq!(document["deliveries"][0]["reason"], "portal_unreachable", "{document}");
        assert!(document["deliveries"][0]["nextAt"].is_string(), "{document}");
    }
    gateway.portal_on().await;
    all_acknowledged(&gateway, &submitted).await;
    assert_eq!(gateway.sandbox.submissions().len(), submitted.len(), "each was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_login_holds_up_is_sent_once_whatever_its_kind() {
    let gateway = eager_with(on("/api/token/", Faults { reset_after_rate: 1.0, ..Faults::default() })).await;
    let submitted = submit_each_kind(&gateway).await;
    for document in &submitted {
        tried(&gateway, document, 1).await;
    }
    gateway.sandbox.set_faults(Faults::default());
    all_acknowledged(&gateway, &submitted).await;
    assert_eq!(gateway.sandbox.submissions().len(), submitted.len(), "each was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_is_lost_is_sent_until_it_is_acknowledged() {
    let gateway = eager().await;
    for (number, (what, faults)) in losses().into_iter().enumerate() {
        gateway.sandbox.set_faults(on(CLAIMS, faults));
        let document = gateway.submit(claim(&format!("LK-{number}"), "")).await.expect(202).json();
        let waiting = tried(&gateway, &document, 3).await;
        assert_eq!(waiting["status"], "queued", "{what}");
        gateway.sandbox.set_faults(Faults::default());
        gateway.document_in(id(&document), &["acknowledged"]).await;

        let key = format!("LK-{number}");
        let of_key: Vec<_> =
            gateway.sandbox.submissions().into_iter().filter(|one| one.business_key.as_deref() == Some(&key)).collect();
        let [held] = in_force(&of_key)[..] else { panic!("{what}: not one record in force") };
        assert!(held.answered, "{what}");
        assert!(of_key.iter().all(|one| one.body == claim(&key, "")), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_whose_answer_is_lost_waits_for_a_person_and_is_never_sent_twice() {
    let gateway = eager().await;
    let mut unknown = Vec::new();
    for (number, (what, faults)) in losses().into_iter().enumerate() {
        gateway.sandbox.set_faults(on(CERTIFICATES, faults));
        let document = gateway.submit(birth(number)).await.expect(202).json();
        let document = gateway.document_in(id(&document), &["unknown"]).await;
        assert_eq!(document["deliveries"][0]["reason"], "answer_lost", "{what}");
        assert_eq!(document["deliveries"][0]["attempts"], 1, "{what}");
        unknown.push(document);
    }
    gateway.sandbox.set_faults(Faults::default());
    let kept = gateway.sandbox.submissions().len();

    // One that nobody can be sure of does not hold up the next, and is itself not touched when the portal is well again.
    let next = gateway.submit(birth(900)).await.expect(202).json();
    gateway.document_in(id(&next), &["acknowledged"]).await;
    // Submitting it again is no new document.
    assert_eq!(id(&gateway.submit(birth(0)).await.expect(200).json()), id(&unknown[0]));
    for document in &unknown {
        let now = gateway.get(&format!("/v1/documents/{}", id(document))).await.json();
        assert_eq!((&now["status"], &now["deliveries"][0]["attempts"]), (&json!("unknown"), &json!(1)));
    }
    assert_eq!(gateway.sandbox.submissions().len(), kept + 1);

    // A person looked at the portal: this one did not arrive, that one did.
    let replayed = order(&gateway, id(&unknown[0]), "replay").await.expect(200).json();
    assert_eq!(id(&replayed), id(&unknown[0]));
    let replayed = gateway.document_in(id(&unknown[0]), &["acknowledged"]).await;
    assert_eq!(replayed["deliveries"][0]["attempts"], 2);
    let found = json!({"lyDo": "Đã thấy trên cổng", "maGiaoDich": "HS_CHUNGTU-1"});
    let confirmed =
        gateway.post(&format!("/v1/documents/{}/confirm", id(&unknown[1])), &found).await.expect(200).json();
    assert_eq!(confirmed["status"], "acknowledged");
    assert_eq!(confirmed["deliveries"][0]["maGiaoDich"], "HS_CHUNGTU-1");
    order(&gateway, id(&unknown[2]), "cancel").await.expect(200);
    gateway.document_in(id(&unknown[2]), &["cancelled"]).await;
    // The HIS sends the cancelled one again, not knowing that the portal may have it: that needs a word.
    let again = gateway.submit(birth(2)).await.expect(409).json();
    assert_eq!(again["code"], "document.replace_reason_required");
    assert_eq!(gateway.sandbox.submissions().len(), kept + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_corrected_before_it_was_sent_is_issued_once() {
    let gateway = eager().await;
    let first = submit_held(&gateway, birth(1)).await;
    let corrected = submit_held(&gateway, birth(1).replace("3200", "3250")).await;
    gateway.document_in(id(&first), &["superseded"]).await;
    order(&gateway, id(&first), "release").await.expect(409);
    // The answer to the first was lost on its way, and the HIS repeats it: the last word counts.
    let repeated = gateway.submit(birth(1)).await.expect(202).json();
    gateway.document_in(id(&corrected), &["superseded"]).await;
    gateway.document_in(id(&repeated), &["acknowledged"]).await;
    assert_eq!(gateway.sandbox.submissions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_holds_up_nothing_else() {
    let gateway = eager_with(on(CLAIMS, Faults { html_rate: 1.0, ..Faults::default() })).await;
    let stuck = gateway.submit(claim("LK-1", "")).await.expect(202).json();
    tried(&gateway, &stuck, 1).await;
    let others = [gateway.submit(checkin("LK-1", 1)).await, gateway.submit(death(1)).await];
    let others: Vec<_> = others.into_iter().map(|reply| reply.expect(202).json()).collect();
    all_acknowledged(&gateway, &others).await;
    assert_eq!(tried(&gateway, &stuck, 2).await["status"], "queued");
    gateway.sandbox.set_faults(Faults::default());
    gateway.document_in(id(&stuck), &["acknowledged"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_renewed_and_nothing_is_sent_twice() {
    let gateway = eager().await;
    let first = gateway.submit(claim("LK-0", "")).await.expect(202).json();
    gateway.document_in(id(&first), &["acknowledged"]).await;
    gateway.sandbox.revoke_tokens();
    let of_one_facility = (1..20).map(|n| {
        gateway.submit(if n % 2 == 0 {
            claim(&format!("LK-{n}"), "")
        } else {
            samples::with_parts_changed(samples::VOUCHER, "01999-26-0001", &format!("01999-26-{n:04}"))
        })
    });
    let submitted: Vec<_> = join_all(of_one_facility).await.into_iter().map(|reply| reply.expect(202).json()).collect();
    all_acknowledged(&gateway, &submitted).await;
    assert_eq!(gateway.sandbox.submissions().len(), 20, "each was sent once");
    assert_eq!(gateway.sandbox.logins(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_portal_is_told_with_its_code() {
    let gateway = eager().await;
    // An edit of a certificate the portal does not have.
    let json = [("content-type", "application/json")];
    let document = gateway.submit_with(&json, samples::driver_exam(3, "EDIT")).await.expect(202).json();
    let document = gateway.document_in(id(&document), &["rejected"]).await;
    assert_eq!(document["deliveries"][0]["reason"], "portal_code_0");
    let attempts = gateway.get(&format!("/v1/documents/{}/attempts", id(&document))).await.json();
    assert_eq!(attempts["data"][0]["outcome"], "rejected");
    assert_eq!(attempts["data"][0]["maKetQua"], "0");
    assert!(attempts["data"][0]["raw"].as_str().unwrap().contains("MSG_TEXT"), "{attempts}");

    order(&gateway, id(&document), "replay").await.expect(200);
    let again = tried(&gateway, &document, 2).await;
    assert_eq!(again["status"], "rejected");
    assert!(gateway.sandbox.submissions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_finishes_what_was_accepted() {
    let faults = Faults { latency_ms: 300, ..Faults::default() };
    let options = Options { faults, delivery: "under_way_max = 4\nlook_every_s = 1", ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    let submissions =
        (0..24).map(|n| gateway.submit(if n % 2 == 0 { claim(&format!("LK-{n}"), "") } else { death(n) }));
    let submitted: Vec<_> = join_all(submissions).await.into_iter().map(|reply| reply.expect(202).json()).collect();
    until("some to have arrived", async || (gateway.sandbox.submissions().len() >= 4).then_some(())).await;
    gateway.restart().await;
    assert!(gateway.sandbox.submissions().len() < 24, "the restart came too late to mean anything");
    gateway.sandbox.set_faults(Faults::default());
    all_acknowledged(&gateway, &submitted).await;
    assert_eq!(gateway.sandbox.submissions().len(), 24, "each was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_one_visit_never_overtake_each_other() {
    let gateway = eager_with(Faults { outage: true, ..Faults::default() }).await;
    let mut submitted = Vec::new();
    for step in 0..8 {
        for visit in ["LK-A", "LK-B", "LK-C"] {
            submitted.push(gateway.submit(checkin(visit, step)).await.expect(202).json());
        }
    }
    gateway.sandbox.set_faults(Faults { reset_before_rate: 0.25, reset_after_rate: 0.25, ..Faults::default() });
    all_acknowledged(&gateway, &submitted).await;

    let mut arrived: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for one in gateway.sandbox.submissions() {
        let visit = one.business_key.clone().unwrap();
        let step = (0..8).find(|step| one.body == checkin(&visit, *step)).expect("the bytes as submitted");
        arrived.entry(visit).or_default().push(step);
    }
    assert_eq!(arrived.len(), 3);
    for (visit, steps) in arrived {
        assert!(steps.is_sorted(), "{visit} arrived as {steps:?}");
        let mut once = steps.clone();
        once.dedup();
        assert_eq!(once, (0..8).collect::<Vec<_>>(), "{visit} arrived as {steps:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_is_what_the_portal_holds_in_the_end() {
    let gateway = eager_with(on(CLAIMS, Faults { reset_after_rate: 1.0, ..Faults::default() })).await;
    let first = gateway.submit(claim("LK-1", "một")).await.expect(202).json();
    tried(&gateway, &first, 2).await;
    // The portal may have the first; a newer one takes its place wherever it stands.
    let reason = [("replace-reason", "sua")];
    let second = gateway.submit_with(&reason, claim("LK-1", "hai")).await.expect(202).json();
    gateway.sandbox.set_faults(Faults::default());
    gateway.document_in(id(&second), &["acknowledged"]).await;
    gateway.document_in(id(&first), &["superseded", "acknowledged"]).await;
    let sent = gateway.sandbox.submissions();
    let [held] = in_force(&sent)[..] else { panic!("not one record in force") };
    assert_eq!(held.body, claim("LK-1", "hai"));
}
