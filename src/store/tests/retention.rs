//! Forgotten in time, never too early, and known ever after.

use super::*;
use crate::domain::End;
use crate::store::retention::{Due, SpaceSample};
use DeliveryState::{Accepted, Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Superseded, Unknown};

const DAY: i64 = 24 * 3600;

/// Brings a new document of `kind` with this key into `state`.
async fn in_state(rig: &Rig, store: &Store, kind: Kind, key: &str, state: DeliveryState) -> String {
    let warned = NewDocument {
        warnings_json: "[{\"giaTri\":\"NGUYỄN\"}]".to_owned(),
        ..rig.document(kind, key, &format!("<{key}/>"))
    };
    let id = new(store.accept(warned).await.unwrap()).id;
    match state {
        Queued => {}
        Held => drop(store.hold(&id, "by_hand").await.unwrap()),
        Cancelled => drop(store.cancel(&id, "x").await.unwrap()),
        Superseded => {
            let newer = rig.document(kind, key, &format!("<{key} newer/>"));
            let newer = new(store.accept(newer).await.unwrap()).id;
            store.cancel(&newer, "x").await.unwrap();
        }
        Sending => drop(store.lease(wish(1)).await.unwrap()),
        ended => deliver(store, &id, ended).await,
    }
    assert_eq!(state_of(store, &id).await, state);
    id
}

/// Forgets everything that ended at least so many days ago, whatever it is.
async fn forget_after(rig: &Rig, store: &Store, days: i64) -> u64 {
    let before = rig.now().checked_sub(jiff::SignedDuration::from_secs(days * DAY)).unwrap();
    let mut sum = 0;
    for facts in &crate::document::kind::KINDS {
        for state in DeliveryState::BY_URGENCY {
            while let some @ 1.. = store.forget_bodies(Due { kind: facts.kind, state, before }).await.unwrap() {
                sum += some;
            }
        }
    }
    sum
}

#[tokio::test]
async fn what_is_at_its_end_is_forgotten_in_time_and_nothing_else_ever() {
    let rig = Rig::new();
    let store = rig.open().await;
    // Portals tell of nothing yet that makes a document accepted, so the table is asked about it.
    assert_eq!(Accepted.end(), Some(End::Finished));
    let states = [Acknowledged, Rejected, Unknown, Failed, Cancelled, Superseded, Held, Sending, Queued];
    let mut ids = Vec::new();
    for (number, state) in states.into_iter().enumerate() {
        ids.push((state, in_state(&rig, &store, Kind::BirthCertificate, &format!("K{number}"), state).await));
    }
    rig.pass(10 * DAY - 1);
    assert_eq!(forget_after(&rig, &store, 10).await, 0, "not a second too early");
    rig.pass(2);
    // The newer version that superseded one was cancelled, and goes too.
    assert_eq!(forget_after(&rig, &store, 10).await, 7);
    assert_eq!(forget_after(&rig, &store, 0).await, 0, "forgotten once");
    for (state, id) in &ids {
        let view = store.document(id).await.unwrap().unwrap();
        let is_kept = state.end().is_none();
        assert_eq!(view.forgotten_at.is_none(), is_kept, "{state:?}");
        assert_eq!(store.content(id).await.unwrap().is_some(), is_kept, "{state:?}");
        assert_eq!(view.warnings_json.contains("NGUYỄN"), is_kept, "{state:?}");
        assert_eq!(view.deliveries[0].state, *state);
        let attempts = store.attempts(id).await.unwrap();
        assert!(is_kept || attempts.iter().all(|attempt| attempt.raw.is_empty()), "{state:?}");
        if *state == Acknowledged {
            assert_eq!(view.deliveries[0].receipt.as_ref().unwrap().code, "GD-1");
            assert_eq!(
                (attempts.len(), attempts[0].http_status, attempts[0].code.as_deref()),
                (1, Some(200), Some("200"))
            );
        }
    }
    store.close().await;
}

#[tokio::test]
async fn forgotten_bytes_are_gone_from_the_file() {
    let rig = Rig::new();
    let store = rig.open().await;
    let long = "x".repeat(200_000);
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", &long)).await.unwrap()).id;
    deliver(&store, &id, Acknowledged).await;
    let database = rusqlite::Connection::open(rig.config().folder.join(DATABASE_FILE)).unwrap();
    let sealed: Vec<u8> = database.query_row("SELECT body FROM bodies", [], |row| row.get(0)).unwrap();
    drop(database);
    store.close().await;
    let file = || std::fs::read(rig.config().folder.join(DATABASE_FILE)).unwrap();
    // A stretch of the sealed bytes that fits into any page.
    let stretch = &sealed[100_000..100_200];
    let holds = |bytes: Vec<u8>| bytes.windows(stretch.len()).any(|window| window == stretch);
    assert!(holds(file()), "it was there");
    let store = rig.open().await;
    rig.pass(DAY);
    assert_eq!(forget_after(&rig, &store, 0).await, 1);
    assert!(store.free_inside().await.unwrap() >= 180_000, "its pages are free for others");
    store.close().await;
    assert!(!holds(file()), "and is there no more");
}

#[tokio::test]
async fn the_same_bytes_are_known_though_forgotten() {
    let rig = Rig::new();
    let store = rig.open().await;
    let sent = in_state(&rig, &store, Kind::BirthCertificate, "K1", Acknowledged).await;
    let refused = in_state(&rig, &store, Kind::BirthCertificate, "K2", Rejected).await;
    rig.pass(DAY);
    assert_eq!(forget_after(&rig, &store, 0).await, 2);
    for (id, content) in [(&sent, "<K1/>"), (&refused, "<K2/>")] {
        let key = content.trim_matches(['<', '/', '>']);
        let again = store.accept(rig.document(Kind::BirthCertificate, key, content)).await.unwrap();
        assert!(matches!(again, crate::store::Accepted::Already(view, false) if view.id == *id));
    }
    let changed = store.accept(rig.document(Kind::BirthCertificate, "K1", "<K1 changed/>")).await.unwrap();
    assert!(matches!(changed, crate::store::Accepted::ReasonNeeded(view) if view.id == sent));
    // There is nothing to be sent; withdrawn, the same bytes are a new version.
    for refusal in [store.replay(&refused, "x").await, store.send_again(&refused, "x").await] {
        assert!(matches!(refusal, Err(MoveRefused::Forgotten)));
    }
    store.cancel(&refused, "x").await.unwrap();
    let anew = new(store.accept(rig.document(Kind::BirthCertificate, "K2", "<K2/>")).await.unwrap());
    assert_eq!(anew.version, 2);
    deliver(&store, &anew.id, Acknowledged).await;
    store.close().await;
}

#[tokio::test]
async fn a_legal_hold_keeps_it_until_it_is_lifted() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(in_state(&rig, &store, Kind::Claim, &format!("LK{number}"), Acknowledged).await);
    }
    // More than one step has room for, so that a step of nothing but held ones would end the forgetting too early.
    for id in &ids[..39] {
        let view = store.set_legal_hold(id, "key_9", "Công văn 12/TA").await.unwrap();
        let hold = view.legal_hold.unwrap();
        assert_eq!((hold.by.as_str(), hold.reason.as_str(), hold.since), ("key_9", "Công văn 12/TA", rig.now()));
    }
    let again = store.set_legal_hold(&ids[0], "key_8", "other").await.unwrap().legal_hold.unwrap();
    assert_eq!(again.by, "key_9", "the first hold stands");
    rig.pass(5_000 * DAY);
    assert_eq!(forget_after(&rig, &store, 1).await, 1);
    assert_eq!(store.forget_records(rig.now(), 0).await.unwrap().forgotten, 1);
    assert!(matches!(store.forget_body(&ids[0], "x").await, Err(MoveRefused::OnLegalHold)));
    assert!(store.document(&ids[39]).await.unwrap().is_none());
    assert!(store.content(&ids[0]).await.unwrap().is_some());

    let lifted = store.lift_legal_hold(&ids[0], "key_9", "hết hiệu lực").await.unwrap();
    assert_eq!((lifted.legal_hold, lifted.forgotten_at), (None, None));
    assert_eq!(forget_after(&rig, &store, 1).await, 1);
    // A hold on what is forgotten keeps what is known of it; lifting it brings nothing back.
    store.set_legal_hold(&ids[0], "key_9", "x").await.unwrap();
    assert_eq!(store.forget_records(rig.now(), 0).await.unwrap().forgotten, 0);
    store.lift_legal_hold(&ids[0], "key_9", "x").await.unwrap();
    assert_eq!(forget_after(&rig, &store, 1).await, 0);
    assert!(matches!(store.set_legal_hold("doc_none", "a", "b").await, Err(MoveRefused::NotFound)));
    let told = event_kinds(&store).await;
    assert_eq!(told.iter().filter(|kind| *kind == "document.legal_hold_lifted").count(), 2);
    let events = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    assert!(events.iter().all(|event| !event.data_json.contains("12/TA")), "reasons may name a person");
    store.close().await;
}

#[tokio::test]
async fn a_person_may_have_it_forgotten_at_once_when_it_is_at_its_end() {
    let rig = Rig::new();
    let store = rig.open().await;
    let open = in_state(&rig, &store, Kind::Claim, "LK1", Held).await;
    assert!(matches!(store.forget_body(&open, "x").await, Err(MoveRefused::NotAtEnd(Held))));
    let ended = in_state(&rig, &store, Kind::Claim, "LK2", Acknowledged).await;
    for _ in 0..2 {
        let view = store.forget_body(&ended, "theo yêu cầu").await.unwrap();
        assert_eq!(view.forgotten_at, Some(rig.now()));
    }
    assert_eq!(event_kinds(&store).await.iter().filter(|kind| *kind == "document.forgotten").count(), 1);
    assert!(store.content(&ended).await.unwrap().is_none());
    store.close().await;
}

#[tokio::test]
async fn after_years_the_whole_record_goes_but_nothing_that_is_open() {
    let rig = Rig::new();
    let store = rig.open().await;
    let open = in_state(&rig, &store, Kind::Claim, "LK0", Held).await;
    for number in 0..70 {
        in_state(&rig, &store, Kind::Claim, &format!("OLD{number}"), Acknowledged).await;
    }
    rig.pass(10 * 365 * DAY);
    let young = in_state(&rig, &store, Kind::Claim, "YOUNG", Acknowledged).await;
    let before = rig.now();
    let (mut next, mut forgotten, mut steps) = (Some(0), 0, 0);
    while let Some(after) = next {
        let aged = store.forget_records(before, after).await.unwrap();
        assert!(aged.forgotten <= 32, "small steps");
        (next, forgotten, steps) = (aged.next, forgotten + aged.forgotten, steps + 1);
    }
    assert_eq!((forgotten, steps), (70, 3));
    let left: Vec<String> = store.documents(everything()).await.unwrap().0.into_iter().map(|view| view.id).collect();
    assert_eq!(left, [young, open]);
    let database = rusqlite::Connection::open(rig.config().folder.join(DATABASE_FILE)).unwrap();
    for table in ["documents", "deliveries", "attempts", "bodies", "document_keys"] {
        let rows: i64 = database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows <= 2, "{table} {rows}");
    }
    store.close().await;
}

#[tokio::test]
async fn events_go_from_the_oldest_on() {
    let rig = Rig::new();
    let store = rig.open().await;
    for day in 0..3 {
        for _ in 0..400 {
            store.record_event("some", format!("{{\"day\":{day}}}")).await.unwrap();
        }
        rig.pass(DAY);
    }
    let before = rig.now().checked_sub(jiff::SignedDuration::from_secs(DAY)).unwrap();
    let mut forgotten = Vec::new();
    while let some @ 1.. = store.forget_events(before).await.unwrap() {
        forgotten.push(some);
    }
    assert_eq!(forgotten, [500, 300]);
    let left = store.events_after(0, 500, &[]).await.unwrap();
    assert!(left.len() == 400 && left.iter().all(|event| event.data_json.contains('2')));
    store.close().await;
}

#[tokio::test]
async fn without_room_no_new_document_is_taken_and_what_is_kept_goes_on() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    let room = |is_short| space::Room { free_bytes: 1, kept_bytes: 1, days_left: None, is_short, is_low: true };
    store.set_room_on_disk(room(true));
    assert!(matches!(store.accept(rig.document(Kind::Claim, "LK2", "b")).await, Err(StoreError::ShortOfRoom)));
    deliver(&store, &id, Acknowledged).await;
    store.set_room_on_disk(room(false));
    new(store.accept(rig.document(Kind::Claim, "LK2", "b")).await.unwrap());

    for hour in 0..400_u64 {
        let sample = SpaceSample { at: rig.now(), free_bytes: hour, kept_bytes: 2 };
        store.keep_space(sample).await.unwrap();
        rig.pass(3_600);
    }
    let kept = store.space().await.unwrap();
    assert_eq!((kept.len(), kept[0].free_bytes, kept[335].free_bytes), (336, 64, 399));
    store.close().await;
}
