//! A clock that is set back or forward by a day keeps nothing waiting, loses nothing and doubles nothing.

use super::*;
use DeliveryState::Sending;

const DAY: i64 = 24 * 3_600;

/// Longer than any wait of these tests.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn what_waits_is_due_at_once_when_the_clock_was_set_back() {
    let rig = Rig::new();
    let store = rig.open().await;
    new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    rig.pass(-DAY);
    assert!(store.lease(wish(9)).await.unwrap().is_empty(), "it waits for a day that has been already");
    assert_eq!(store.bring_due_times_back(LONGEST_WAIT).await.unwrap(), 1);
    assert_eq!(store.lease(wish(9)).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn waits_that_may_be_meant_are_left_alone() {
    let rig = Rig::new();
    let store = rig.open().await;
    new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    let leased = store.lease(wish(1)).await.unwrap();
    let due = crate::system::after(rig.now(), LONGEST_WAIT);
    let retry = ended(End::TryLater { at: due, reason: "later".to_owned(), counts: Counts::Nothing });
    assert!(store.settle(&leased[0], retry).await.unwrap());
    assert_eq!(store.bring_due_times_back(LONGEST_WAIT).await.unwrap(), 0);
    assert_eq!(store.next_due().await.unwrap(), Some(due));
    store.close().await;
}

#[tokio::test]
async fn an_open_question_is_asked_again_when_the_clock_was_set_back() {
    let rig = Rig::new();
    let store = rig.open().await;
    let ticket = ticket::NewTicket {
        key: [1; 32],
        client: "key_1".to_owned(),
        facility: facility("01999"),
        asked_json: "{}".to_owned(),
        next_at: crate::system::after(rig.now(), Duration::from_secs(5)),
    };
    store.open_ticket(ticket).await.unwrap().unwrap();
    rig.pass(-DAY);
    assert!(store.due_tickets(rig.now(), 9).await.unwrap().is_empty());
    assert_eq!(store.bring_due_times_back(LONGEST_WAIT).await.unwrap(), 1);
    assert_eq!(store.due_tickets(rig.now(), 9).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_lease_whose_attempt_is_gone_ends_though_the_clock_was_set_back() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    let leased = store.lease(wish(1)).await.unwrap();
    rig.pass(-DAY);
    let in_hand = Lost::EndedExcept(vec![leased[0].token]);
    assert_eq!(store.recover(in_hand).await.unwrap(), Recovered::default(), "an attempt in hand is left alone");
    assert_eq!(state_of(&store, &id).await, Sending);
    assert_eq!(store.recover(lost(false)).await.unwrap(), Recovered { queued: 1, unknown: 0, parked: 0 });
    store.close().await;
}

#[tokio::test]
async fn an_idempotency_key_holds_over_a_day_either_way() {
    for jump in [DAY, -DAY] {
        let rig = Rig::new();
        let store = rig.open().await;
        let with_key = |content: &str| NewDocument {
            idempotency_key: Some("his-1".to_owned()),
            ..rig.document(Kind::BirthCertificate, "1", content)
        };
        let id = new(store.accept(with_key("a")).await.unwrap()).id;
        rig.pass(jump);
        assert!(matches!(store.accept(with_key("a")).await.unwrap(), Accepted::Already(view, true) if view.id == id));
        assert!(matches!(store.accept(with_key("b")).await.unwrap(), Accepted::KeyUsedForOther));
        store.close().await;
    }
}

#[tokio::test]
async fn the_order_of_documents_and_events_is_that_of_acceptance_whatever_the_clock_says() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut ids = Vec::new();
    for (number, jump) in [0, -DAY, DAY, DAY, -DAY].into_iter().enumerate() {
        rig.pass(jump);
        ids.push(new(store.accept(rig.document(Kind::Claim, "LK1", &number.to_string())).await.unwrap()).id);
    }
    let listed = store.documents(everything()).await.unwrap().0;
    assert_eq!(listed.iter().rev().map(|view| view.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(listed.iter().rev().map(|view| view.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let events = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    let queued = events.into_iter().filter(|event| event.kind == "document.queued");
    assert_eq!(queued.map(|event| event.document.unwrap().id).collect::<Vec<_>>(), ids);
    store.close().await;
}
