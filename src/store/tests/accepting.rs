//! Accepted once, never doubled, and never put in another's place without a word.

use super::*;
use DeliveryState::{
    Accepted as JudgedRight, Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Superseded, Unknown,
};

#[tokio::test]
async fn a_new_document_is_kept_with_all_that_was_said_of_it() {
    let rig = Rig::new();
    let store = rig.open().await;
    let document = NewDocument {
        parts: vec!["XML1".to_owned(), "XML13".to_owned()],
        records: 3,
        warnings_json: "[{\"code\":\"W1\"}]".to_owned(),
        replace_reason: Some("sai mã bệnh".to_owned()),
        ..rig.document(Kind::Claim, "LK1,LK2", "<a/>")
    };
    let view = new(store.accept(document).await.unwrap());
    assert_eq!(view.keys, ["LK1", "LK2"]);
    assert_eq!(view.parts, ["XML1", "XML13"]);
    assert_eq!((view.records, view.version, view.size), (3, 1, 4));
    assert_eq!(view.warnings_json, "[{\"code\":\"W1\"}]");
    assert_eq!(view.replace_reason.as_deref(), Some("sai mã bệnh"));
    assert_eq!(view.deliveries[0].state, Queued);
    assert_eq!(view.deliveries[0].next_at, Some(rig.now()));
    assert_eq!(store.content(&view.id).await.unwrap().unwrap(), "<a/>");
    assert_eq!(event_kinds(&store).await, ["document.queued"]);
    store.close().await;
}

/// One row of the table: what is there, what comes, what becomes of it.
struct Case {
    name: &'static str,
    kind: Kind,
    /// States brought about for the first document; then, maybe, a second document with other content.
    first: DeliveryState,
    second: Option<DeliveryState>,
    /// The content that comes: `a` as the first, `b` as the second, `c` new.
    content: &'static str,
    reason: bool,
    expect: Expect,
}

#[derive(Debug, PartialEq)]
enum Expect {
    /// The document of this version is given back.
    Already(u32),
    NeedsReason(u32),
    /// New, with this version; the first's and the second's states afterwards.
    New(u32, DeliveryState, Option<DeliveryState>),
}

use Expect::{Already, NeedsReason, New};

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "same bytes, waiting", kind: Kind::Claim, first: Queued, second: None, content: "a", reason: false, expect: Already(1) },
    Case { name: "same bytes, delivered", kind: Kind::Claim, first: Acknowledged, second: None, content: "a", reason: true, expect: Already(1) },
    Case { name: "same bytes, refused", kind: Kind::Claim, first: Rejected, second: None, content: "a", reason: false, expect: Already(1) },
    Case { name: "same bytes, cancelled", kind: Kind::Claim, first: Cancelled, second: None, content: "a", reason: false, expect: New(2, Cancelled, None) },
    Case { name: "new content while queued", kind: Kind::Claim, first: Queued, second: None, content: "c", reason: false, expect: New(2, Superseded, None) },
    Case { name: "new content while held", kind: Kind::Claim, first: Held, second: None, content: "c", reason: false, expect: New(2, Superseded, None) },
    Case { name: "new content while failed", kind: Kind::Claim, first: Failed, second: None, content: "c", reason: false, expect: New(2, Superseded, None) },
    Case { name: "new content while unknown", kind: Kind::Claim, first: Unknown, second: None, content: "c", reason: false, expect: NeedsReason(1) },
    Case { name: "new content while unknown, with a reason", kind: Kind::Claim, first: Unknown, second: None, content: "c", reason: true, expect: New(2, Superseded, None) },
    Case { name: "new content while sending, replaced by key", kind: Kind::Claim, first: Sending, second: None, content: "c", reason: false, expect: New(2, Sending, None) },
    Case { name: "new content while sending, not replaced by key", kind: Kind::BirthCertificate, first: Sending, second: None, content: "c", reason: false, expect: NeedsReason(1) },
    Case { name: "new content once delivered", kind: Kind::Claim, first: Acknowledged, second: None, content: "c", reason: false, expect: NeedsReason(1) },
    Case { name: "new content once delivered, with a reason", kind: Kind::Claim, first: Acknowledged, second: None, content: "c", reason: true, expect: New(2, Acknowledged, None) },
    Case { name: "new content once refused", kind: Kind::Claim, first: Rejected, second: None, content: "c", reason: false, expect: New(2, Rejected, None) },
    Case { name: "a corrected certificate takes the place of one that waits", kind: Kind::BirthCertificate, first: Queued, second: None, content: "c", reason: false, expect: New(2, Superseded, None) },
    Case { name: "and of one that is held", kind: Kind::BirthCertificate, first: Held, second: None, content: "c", reason: false, expect: New(2, Superseded, None) },
    Case { name: "back to the first certificate: the last word counts", kind: Kind::BirthCertificate, first: Queued, second: Some(Queued), content: "a", reason: false, expect: New(3, Superseded, Some(Superseded)) },
    Case { name: "an unknown certificate stays for a person to look at", kind: Kind::BirthCertificate, first: Unknown, second: None, content: "c", reason: true, expect: New(2, Unknown, None) },
    Case { name: "a driver exam's edit follows what it edits", kind: Kind::DriverExam, first: Queued, second: None, content: "c", reason: true, expect: New(2, Queued, None) },
    Case { name: "back to superseded content", kind: Kind::Claim, first: Queued, second: Some(Queued), content: "a", reason: false, expect: New(3, Superseded, Some(Superseded)) },
    Case { name: "back to superseded content after the newer was cancelled", kind: Kind::Claim, first: Queued, second: Some(Cancelled), content: "a", reason: false, expect: New(3, Superseded, Some(Cancelled)) },
    Case { name: "back to delivered content", kind: Kind::Claim, first: Acknowledged, second: Some(Acknowledged), content: "a", reason: false, expect: NeedsReason(2) },
    Case { name: "back to delivered content, with a reason", kind: Kind::Claim, first: Acknowledged, second: Some(Acknowledged), content: "a", reason: true, expect: New(3, Acknowledged, Some(Acknowledged)) },
    Case { name: "delivered content stands when the newer was refused", kind: Kind::Claim, first: Acknowledged, second: Some(Rejected), content: "a", reason: false, expect: Already(1) },
    Case { name: "something delivered before something queued needs a reason still", kind: Kind::Claim, first: Acknowledged, second: Some(Queued), content: "c", reason: false, expect: NeedsReason(1) },
    Case { name: "a check-in follows a delivered one", kind: Kind::Checkin, first: Acknowledged, second: None, content: "c", reason: false, expect: New(2, Acknowledged, None) },
    Case { name: "a check-in takes nobody's place", kind: Kind::Checkin, first: Queued, second: None, content: "c", reason: false, expect: New(2, Queued, None) },
    Case { name: "an old check-in again is no news", kind: Kind::Checkin, first: Acknowledged, second: Some(Acknowledged), content: "a", reason: false, expect: Already(1) },
];

#[tokio::test]
async fn what_becomes_of_a_document_hangs_on_what_is_there() {
    let rig = Rig::new();
    let store = rig.open().await;
    for (index, case) in CASES.iter().enumerate() {
        // Each case has a key and contents of its own.
        let key = format!("LK{index}");
        let content = |name: &str| format!("{name} of {index}");
        let of = |name: &str, reason: bool| NewDocument {
            replace_reason: reason.then(|| "sửa".to_owned()),
            ..rig.document(case.kind, &key, &content(name))
        };
        let first = new(store.accept(of("a", false)).await.unwrap()).id;
        bring_to(&store, &first, case.first).await;
        let second = match case.second {
            Some(state) => {
                let second = new(store.accept(of("b", true)).await.unwrap()).id;
                bring_to(&store, &second, state).await;
                Some(second)
            }
            None => None,
        };
        let got = match store.accept(of(case.content, case.reason)).await.unwrap() {
            Accepted::Already(view, false) => Already(view.version),
            Accepted::ReasonNeeded(view) => NeedsReason(view.version),
            Accepted::New(view) => {
                let second = match &second {
                    Some(second) => Some(state_of(&store, second).await),
                    None => None,
                };
                New(view.version, state_of(&store, &first).await, second)
            }
            other => panic!("{}: {other:?}", case.name),
        };
        assert_eq!(got, case.expect, "{}", case.name);
        // What still waits would be leased in the next case.
        for document in store.documents(everything()).await.unwrap().0 {
            match document.deliveries[0].state {
                Queued | Held => drop(store.cancel(&document.id, "done").await.unwrap()),
                Sending => drop(store.recover(lost(true)).await.unwrap()),
                _ => {}
            }
        }
        for document in store.documents(everything()).await.unwrap().0 {
            if document.deliveries[0].state == Queued {
                store.cancel(&document.id, "done").await.unwrap();
            }
        }
    }
    store.close().await;
}

async fn bring_to(store: &Store, id: &str, state: DeliveryState) {
    match state {
        Queued => {}
        Held => drop(store.hold(id, "by_hand").await.unwrap()),
        Cancelled => drop(store.cancel(id, "mistake").await.unwrap()),
        Sending => assert_eq!(store.lease(wish(1)).await.unwrap()[0].document, id),
        Superseded | JudgedRight => unreachable!("not brought about by hand"),
        _ => deliver(store, id, state).await,
    }
    assert_eq!(state_of(store, id).await, state);
}

#[tokio::test]
async fn an_idempotency_key_answers_for_its_bytes_and_for_three_days() {
    let rig = Rig::new();
    let store = rig.open().await;
    let keyed = |content: &str| NewDocument {
        idempotency_key: Some("his-42".to_owned()),
        ..rig.document(Kind::Claim, "LK1", content)
    };
    let first = new(store.accept(keyed("one")).await.unwrap());
    let again = store.accept(keyed("one")).await.unwrap();
    assert!(matches!(again, Accepted::Already(view, true) if view.id == first.id));
    assert!(matches!(store.accept(keyed("two")).await.unwrap(), Accepted::KeyUsedForOther));
    let elsewhere = NewDocument { facility: facility("79001"), ..keyed("one") };
    assert!(matches!(store.accept(elsewhere).await.unwrap(), Accepted::KeyUsedForOther));
    let other_client = NewDocument { client: "key_2".to_owned(), ..keyed("one") };
    assert!(matches!(store.accept(other_client).await.unwrap(), Accepted::Already(_, false)));
    rig.pass(72 * 3_600 + 1);
    assert!(matches!(store.accept(keyed("two")).await.unwrap(), Accepted::New(view) if view.version == 2));
    store.close().await;
}

#[tokio::test]
async fn nothing_is_shared_between_facilities_and_kinds() {
    let rig = Rig::new();
    let store = rig.open().await;
    new(store.accept(rig.document(Kind::Claim, "1", "same")).await.unwrap());
    let elsewhere = NewDocument { facility: facility("79001"), ..rig.document(Kind::Claim, "1", "same") };
    assert_eq!(new(store.accept(elsewhere).await.unwrap()).version, 1);
    assert_eq!(new(store.accept(rig.document(Kind::Checkin, "1", "same")).await.unwrap()).version, 1);
    assert_eq!(store.lease(wish(10)).await.unwrap().len(), 3);
    store.close().await;
}

#[tokio::test]
async fn without_a_key_equal_bytes_alone_count() {
    let rig = Rig::new();
    let store = rig.open().await;
    let first = new(store.accept(rig.document(Kind::MedicalAssessment, "", "one")).await.unwrap());
    assert_eq!(new(store.accept(rig.document(Kind::MedicalAssessment, "", "two")).await.unwrap()).version, 1);
    let again = store.accept(rig.document(Kind::MedicalAssessment, "", "one")).await.unwrap();
    assert!(matches!(again, Accepted::Already(view, false) if view.id == first.id));
    store.close().await;
}

#[tokio::test]
async fn a_package_is_superseded_only_if_all_its_records_come_anew() {
    let rig = Rig::new();
    let store = rig.open().await;
    let both = new(store.accept(rig.document(Kind::Claim, "A,B", "both")).await.unwrap());
    let one = new(store.accept(rig.document(Kind::Claim, "A", "one")).await.unwrap());
    assert_eq!(state_of(&store, &both.id).await, Queued, "record B would be lost");
    deliver(&store, &both.id, Acknowledged).await;
    deliver(&store, &one.id, Acknowledged).await;
    let more = NewDocument { replace_reason: Some("x".to_owned()), ..rig.document(Kind::Claim, "A,B,C", "more") };
    assert_eq!(new(store.accept(more).await.unwrap()).version, 3);
    store.close().await;
}

/// Once an answer was lost, the portal may hold a certificate, whatever its state says afterwards.
#[tokio::test]
async fn a_doubtful_certificate_that_was_cancelled_is_not_sent_again_without_a_reason() {
    let rig = Rig::new();
    let store = rig.open().await;
    for (kind, key) in [(Kind::BirthCertificate, "1"), (Kind::MedicalAssessment, "")] {
        let document = |content: &str| match key {
            "" => NewDocument { keys: Vec::new(), ..rig.document(kind, "", content) },
            key => rig.document(kind, key, content),
        };
        let id = new(store.accept(document("a")).await.unwrap()).id;
        bring_to(&store, &id, Unknown).await;
        store.cancel(&id, "đã thấy trên cổng").await.unwrap();
        assert!(matches!(store.accept(document("a")).await.unwrap(), Accepted::ReasonNeeded(view) if view.id == id));
        if !key.is_empty() {
            assert!(
                matches!(store.accept(document("b")).await.unwrap(), Accepted::ReasonNeeded(view) if view.id == id)
            );
        }
        let knowingly = NewDocument { replace_reason: Some("cổng không có".to_owned()), ..document("a") };
        let again = new(store.accept(knowingly).await.unwrap()).id;
        store.cancel(&again, "done").await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_mode() {
    let rig = Rig::new();
    let store = rig.open().await;
    store.adopt_mode("test").await.unwrap();
    store.adopt_mode("test").await.unwrap();
    assert!(matches!(store.adopt_mode("live").await, Err(StoreError::OtherMode(mode)) if mode == "test"));
    store.close().await;
}
