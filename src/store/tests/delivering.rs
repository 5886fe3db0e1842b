//! Leased by one, in the order of its key, and moved only as the table says.

use super::*;
use crate::domain::delivery::{CRASHED_THE_SENDER, INTERRUPTED_MAX};
use DeliveryState::{Acknowledged, Failed, Held, Queued, Rejected, Sending, Unknown};

#[tokio::test]
async fn a_lease_hands_over_the_bytes_and_settling_records_the_answer() {
    let rig = Rig::new();
    let store = rig.open().await;
    let wired = NewDocument { wire: Some(Bytes::from_static(b"{}")), ..rig.document(Kind::DriverExam, "1", "<GKSK/>") };
    let plain = new(store.accept(rig.document(Kind::Claim, "LK1", "<a/>")).await.unwrap());
    let wired = new(store.accept(wired).await.unwrap());
    let leased = store.lease(wish(10)).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.body.as_ref()).collect::<Vec<_>>(), [&b"<a/>"[..], b"{}"]);
    assert_eq!((leased[0].attempt, leased[0].answers_lost, leased[0].waiting_since), (1, 0, plain.received_at));
    assert!(store.lease(wish(10)).await.unwrap().is_empty(), "leased once only");

    assert!(store.settle(&leased[0], settlement(Acknowledged)).await.unwrap());
    assert!(!store.settle(&leased[0], settlement(Failed)).await.unwrap(), "settled once only");
    let view = store.document(&plain.id).await.unwrap().unwrap();
    assert_eq!(view.deliveries[0].receipt.as_ref().unwrap().code, "GD-1");
    let attempts = store.attempts(&plain.id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].number, attempts[0].http_status), (1, 1, Some(200)));
    assert_eq!(attempts[0].raw, "{\"maKetQua\":\"200\"}");

    let refused = ended(End::Rejected { reason: "sai thẻ".to_owned() });
    assert!(store.settle(&leased[1], refused).await.unwrap());
    let view = store.document(&wired.id).await.unwrap().unwrap();
    assert_eq!(view.deliveries[0].reason.as_deref(), Some("sai thẻ"));
    assert_eq!(
        event_kinds(&store).await,
        ["document.queued", "document.queued", "document.acknowledged", "document.rejected"]
    );
    store.close().await;
}

#[tokio::test]
async fn a_retry_waits_for_its_time() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    let leased = store.lease(wish(1)).await.unwrap();
    let due = crate::system::after(rig.now(), Duration::from_secs(30));
    let retry = ended(End::TryLater { at: due, reason: String::new(), counts: Counts::AnswerLost });
    assert!(store.settle(&leased[0], retry).await.unwrap());
    assert_eq!(store.next_due().await.unwrap(), Some(due));
    assert_eq!(store.next_due_after(due).await.unwrap(), None);
    assert!(store.lease(wish(1)).await.unwrap().is_empty());
    rig.pass(30);
    let leased = store.lease(wish(1)).await.unwrap();
    assert_eq!((leased[0].attempt, leased[0].answers_lost), (2, 1));
    assert_eq!(store.attempts(&id).await.unwrap().len(), 2);
    store.close().await;
}

#[tokio::test]
async fn only_allowed_kinds_and_facilities_are_leased() {
    let rig = Rig::new();
    let store = rig.open().await;
    new(store.accept(rig.document(Kind::Claim, "1", "claim")).await.unwrap());
    let elsewhere = NewDocument { facility: facility("79001"), ..rig.document(Kind::Checkin, "2", "checkin") };
    new(store.accept(elsewhere).await.unwrap());
    assert!(store.lease(LeaseWish { kinds: Vec::new(), ..wish(9) }).await.unwrap().is_empty());
    let without = LeaseWish { facilities_excluded: vec![facility("01999"), facility("79001")], ..wish(9) };
    assert!(store.lease(without).await.unwrap().is_empty());
    let claims = store.lease(LeaseWish { kinds: vec![(Kind::Claim, 9)], ..wish(9) }).await.unwrap();
    assert_eq!(claims.iter().map(|leased| leased.kind).collect::<Vec<_>>(), [Kind::Claim]);
    let rest = LeaseWish { facilities_excluded: vec![facility("01999")], ..wish(9) };
    assert_eq!(store.lease(rest).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn the_same_key_never_overtakes_itself() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut ids = Vec::new();
    for content in ["one", "two", "three"] {
        ids.push(new(store.accept(rig.document(Kind::Checkin, "LK1", content)).await.unwrap()).id);
    }
    let other = new(store.accept(rig.document(Kind::Checkin, "LK2", "other")).await.unwrap()).id;
    let leased = store.lease(wish(9)).await.unwrap();
    assert_eq!(leased.iter().map(|leased| &leased.document).collect::<Vec<_>>(), [&ids[0], &other]);
    // Waiting for its next try, it still goes before the others.
    let later = ended(End::TryLater { at: Timestamp::MAX, reason: String::new(), counts: Counts::Nothing });
    assert!(store.settle(&leased[0], later).await.unwrap());
    assert!(store.lease(wish(9)).await.unwrap().is_empty());
    // Held too: a person decides first.
    store.hold(&ids[0], "by_hand").await.unwrap();
    assert!(store.lease(wish(9)).await.unwrap().is_empty());
    store.cancel(&ids[0], "not needed").await.unwrap();
    deliver(&store, &ids[1], Acknowledged).await;
    deliver(&store, &ids[2], Acknowledged).await;
    store.close().await;
}

#[tokio::test]
async fn lost_answers_are_sent_again_only_where_that_is_harmless() {
    for all in [true, false] {
        let rig = Rig::new();
        let store = rig.open().await;
        let claim = new(store.accept(rig.document(Kind::Claim, "1", "claim")).await.unwrap()).id;
        let birth = new(store.accept(rig.document(Kind::BirthCertificate, "2", "birth")).await.unwrap()).id;
        let leased = store.lease(wish(9)).await.unwrap();
        assert_eq!(store.recover(lost(false)).await.unwrap(), Recovered::default(), "the lease still holds");
        store.close().await;

        let store = rig.open().await;
        assert_eq!(state_of(&store, &claim).await, Sending, "a restart alone decides nothing");
        if !all {
            rig.pass(60);
        }
        assert_eq!(store.recover(lost(all)).await.unwrap(), Recovered { queued: 1, unknown: 1, parked: 0 });
        assert_eq!(state_of(&store, &claim).await, Queued);
        let view = store.document(&birth).await.unwrap().unwrap();
        assert_eq!((view.deliveries[0].state, view.deliveries[0].reason.as_deref()), (Unknown, Some("answer_lost")));
        assert_eq!(store.attempts(&birth).await.unwrap()[0].outcome.as_deref(), Some("interrupted"));
        assert!(!store.settle(&leased[0], settlement(Rejected)).await.unwrap(), "the old lease is worth nothing");
        let again = store.lease(wish(9)).await.unwrap();
        assert_eq!((again.len(), again[0].answers_lost), (1, 1));
        let late = store.settle(&leased[0], settlement(Acknowledged)).await.unwrap();
        assert!(!late, "nor is it for the new lease, whose own answer is to come");
        store.close().await;
    }
}

/// A disk that was full longer than a lease: the receipt is written at last, after recovery gave the answer up for lost.
#[tokio::test]
async fn what_the_process_dies_of_is_parked_and_what_was_merely_there_is_not() {
    let rig = Rig::new();
    let store = rig.open().await;
    let poison = new(store.accept(rig.document(Kind::Checkin, "POISON", "p")).await.unwrap()).id;
    let follower = new(store.accept(rig.document(Kind::Checkin, "POISON", "newer")).await.unwrap()).id;
    let mut others = Vec::new();
    for n in 0..20 {
        others.push(new(store.accept(rig.document(Kind::Claim, &format!("LK{n}"), &n.to_string())).await.unwrap()).id);
    }
    // Whoever is leased while the poison is under way breaks off with it; a process lives until the poison is leased.
    let mut deaths = 0;
    while state_of(&store, &poison).await != Failed {
        assert!(deaths < INTERRUPTED_MAX, "parked at the stated time");
        rig.pass(1);
        let leased = store.lease(wish(8)).await.unwrap();
        let suspects = leased.iter().filter(|leased| leased.interrupted > 0).count();
        assert!(suspects <= 1, "one suspect at a time");
        assert!(leased.iter().all(|leased| leased.document != follower), "the record does not overtake itself");
        if leased.iter().any(|leased| leased.document == poison) {
            store.recover(lost(true)).await.unwrap();
            deaths += 1;
        } else {
            for one in &leased {
                assert!(store.settle(one, settlement(Acknowledged)).await.unwrap());
            }
        }
    }
    assert_eq!(deaths, INTERRUPTED_MAX);
    let view = store.document(&poison).await.unwrap().unwrap();
    assert_eq!(view.deliveries[0].reason.as_deref(), Some(CRASHED_THE_SENDER));
    let parked = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    let parked = parked.iter().filter(|event| event.kind == "document.failed").collect::<Vec<_>>();
    assert_eq!(parked.len(), 1);
    assert!(parked[0].data_json.contains(CRASHED_THE_SENDER), "{}", parked[0].data_json);
    // Everybody else is delivered, the next version of the same record too.
    for _ in 0..60 {
        rig.pass(1);
        for one in store.lease(wish(8)).await.unwrap() {
            assert!(store.settle(&one, settlement(Acknowledged)).await.unwrap());
        }
    }
    for id in others.iter().chain([&follower]) {
        assert_eq!(state_of(&store, id).await, Acknowledged);
    }
    // After a replay, which a newer version forbids here, the count would begin anew.
    assert!(matches!(store.replay(&poison, "x").await, Err(MoveRefused::NewerSent)));
    store.close().await;
}

#[tokio::test]
async fn a_replay_forgives_earlier_interruptions() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::Checkin, "LK1", "a")).await.unwrap()).id;
    for _ in 0..INTERRUPTED_MAX {
        store.lease(wish(1)).await.unwrap();
        store.recover(lost(true)).await.unwrap();
    }
    assert_eq!(state_of(&store, &id).await, Failed);
    // A program that sends it again does not let it go; a person does.
    assert!(matches!(store.send_again(&id, "again").await, Err(MoveRefused::NotPossible { .. })));
    store.replay(&id, "mended").await.unwrap();
    let leased = store.lease(wish(1)).await.unwrap();
    assert_eq!(leased[0].interrupted, 0);
    // A panic of the task that sends counts as the end of the process does.
    let broke_off = ended(settlement(Queued).end.interrupted());
    assert!(store.settle(&leased[0], broke_off).await.unwrap());
    assert_eq!(store.lease(wish(1)).await.unwrap()[0].interrupted, 1);
    store.close().await;
}

#[tokio::test]
async fn a_receipt_that_comes_late_ends_the_doubt() {
    let rig = Rig::new();
    let store = rig.open().await;
    let claim = new(store.accept(rig.document(Kind::Claim, "1", "claim")).await.unwrap()).id;
    let birth = new(store.accept(rig.document(Kind::BirthCertificate, "2", "birth")).await.unwrap()).id;
    let leased = store.lease(wish(9)).await.unwrap();
    rig.pass(60);
    let in_hand = leased.iter().map(|leased| leased.token).collect();
    let spared = store.recover(Lost::EndedExcept(in_hand)).await.unwrap();
    assert_eq!(spared, Recovered::default(), "an attempt in hand is never lost, however late");
    assert_eq!(store.recover(lost(false)).await.unwrap(), Recovered { queued: 1, unknown: 1, parked: 0 });
    for leased in &leased {
        assert!(store.settle(leased, settlement(Acknowledged)).await.unwrap());
    }
    for id in [&claim, &birth] {
        let delivery = store.document(id).await.unwrap().unwrap().deliveries.remove(0);
        assert_eq!((delivery.state, delivery.receipt.is_some()), (Acknowledged, true));
    }
    assert!(store.lease(wish(9)).await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn a_person_who_found_it_at_the_portal_ends_the_doubt() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::BirthCertificate, "1", "a")).await.unwrap()).id;
    assert!(matches!(store.confirm(&id, "x", None).await, Err(MoveRefused::NotPossible { .. })));
    let leased = store.lease(wish(1)).await.unwrap();
    assert!(store.settle(&leased[0], settlement(Unknown)).await.unwrap());
    let receipt = Receipt { code: "HS_CHUNGTU-1".to_owned(), received_at: None };
    let confirmed = store.confirm(&id, "thấy trên cổng", Some(receipt.clone())).await.unwrap();
    assert_eq!(confirmed.deliveries[0].state, Acknowledged);
    assert_eq!(confirmed.deliveries[0].receipt.as_ref(), Some(&receipt));
    store.close().await;
}

#[tokio::test]
async fn what_waits_follows_what_is_switched_on() {
    let rig = Rig::new();
    let store = rig.open().await;
    let queued = new(store.accept(rig.document(Kind::Claim, "1", "a")).await.unwrap()).id;
    let off = NewDocument { hold: Some("sending_off"), ..rig.document(Kind::Checkin, "2", "b") };
    let off = new(store.accept(off).await.unwrap()).id;
    let by_hand = NewDocument { hold: Some("by_hand"), ..rig.document(Kind::Checkin, "3", "c") };
    let by_hand = new(store.accept(by_hand).await.unwrap()).id;

    let on = vec![(rig.document(Kind::Checkin, "", "").facility, Kind::Checkin)];
    assert_eq!(store.switch_sending(on).await.unwrap(), (1, 1));
    assert_eq!(state_of(&store, &queued).await, Held, "claims are switched off");
    assert_eq!(state_of(&store, &off).await, Queued, "check-ins are switched on");
    assert_eq!(state_of(&store, &by_hand).await, Held, "what a person held stays held");
    store.close().await;
}

#[tokio::test]
async fn a_person_orders_only_what_the_table_allows() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::BirthCertificate, "1", "a")).await.unwrap()).id;
    assert!(matches!(store.replay(&id, "x").await, Err(MoveRefused::NotPossible { from: Queued, to: Queued })));
    assert!(matches!(store.release(&id, "x").await, Err(MoveRefused::NotPossible { .. })));
    assert!(matches!(store.cancel("doc_none", "x").await, Err(MoveRefused::NotFound)));
    let held = store.hold(&id, "chờ ký").await.unwrap();
    assert!(matches!(store.send_again(&id, "x").await, Err(MoveRefused::NotPossible { from: Held, .. })));
    assert_eq!((held.deliveries[0].state, held.deliveries[0].reason.as_deref()), (Held, Some("chờ ký")));
    store.release(&id, "ký rồi").await.unwrap();
    let leased = store.lease(wish(1)).await.unwrap();
    for refused in [store.replay(&id, "x").await, store.cancel(&id, "x").await, store.hold(&id, "x").await] {
        assert!(matches!(refused, Err(MoveRefused::NotPossible { from: Sending, .. })));
    }
    assert!(store.settle(&leased[0], settlement(Unknown)).await.unwrap());
    // Fixed bug: a system that sent it again could, by a moment, send what the portal may have.
    assert!(matches!(store.send_again(&id, "x").await, Err(MoveRefused::NotPossible { from: Unknown, .. })));
    rig.pass(3_600);
    let replayed = store.replay(&id, "cổng không có").await.unwrap();
    assert_eq!((replayed.deliveries[0].state, replayed.deliveries[0].attempts), (Queued, 1));
    let leased = store.lease(wish(1)).await.unwrap();
    assert_eq!((leased[0].attempt, leased[0].waiting_since), (2, rig.now()), "patience starts anew");
    assert!(store.settle(&leased[0], settlement(Acknowledged)).await.unwrap());
    for refused in [store.replay(&id, "x").await, store.cancel(&id, "x").await] {
        assert!(matches!(refused, Err(MoveRefused::NotPossible { from: Acknowledged, .. })));
    }
    let events = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    assert!(events.iter().all(|event| !event.data_json.contains("cổng")), "reasons may name a person");
    store.close().await;
}

#[tokio::test]
async fn old_content_is_not_replayed_over_new() {
    let rig = Rig::new();
    let store = rig.open().await;
    let old = new(store.accept(rig.document(Kind::BirthCertificate, "1", "old")).await.unwrap()).id;
    deliver(&store, &old, Rejected).await;
    assert_eq!(store.send_again(&old, "x").await.unwrap().deliveries[0].state, Queued);
    deliver(&store, &old, Rejected).await;
    let newer = new(store.accept(rig.document(Kind::BirthCertificate, "1", "new")).await.unwrap()).id;
    deliver(&store, &newer, Acknowledged).await;
    assert!(matches!(store.replay(&old, "x").await, Err(MoveRefused::NewerSent)));
    assert!(matches!(store.send_again(&old, "x").await, Err(MoveRefused::NewerSent)));
    assert_eq!(state_of(&store, &old).await, Rejected);
    store.close().await;
}
