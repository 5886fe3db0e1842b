//! What is read: pages, the feed, last-known answers, the backlog.

use super::*;

#[tokio::test]
async fn pages_come_newest_first_and_show_only_what_was_asked_for() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut ids = Vec::new();
    for index in 0..6 {
        let kind = if index % 2 == 0 { Kind::Claim } else { Kind::Checkin };
        let mut document = rig.document(kind, &format!("LK{index}"), &format!("content {index}"));
        if index == 4 {
            document.parts = vec!["XML1".to_owned(), "XML13".to_owned(), "CT07".to_owned()];
        }
        if index == 5 {
            document.facility = facility("79001");
        }
        ids.push(new(store.accept(document).await.unwrap()).id);
        rig.pass(10);
    }
    store.hold(&ids[1], "by_hand").await.unwrap();
    let both = Filter { facilities: vec![facility("01999"), facility("79001")], ..everything() };
    let seconds = |count: i64| Some(Timestamp::from_millisecond(1_800_000_000_000 + count * 1_000).unwrap());
    let key = |key: &str| Some(key.to_owned());
    let part = key;
    let cases = [
        ("all of two", both.clone(), vec![5, 4, 3, 2, 1, 0]),
        ("one facility", everything(), vec![4, 3, 2, 1, 0]),
        ("no facility", Filter { facilities: Vec::new(), ..everything() }, vec![]),
        ("kind", Filter { kind: Some(Kind::Checkin), ..both.clone() }, vec![5, 3, 1]),
        ("state", Filter { state: Some(DeliveryState::Held), ..both.clone() }, vec![1]),
        (
            "state and kind",
            Filter { state: Some(DeliveryState::Queued), kind: Some(Kind::Checkin), ..both.clone() },
            vec![5, 3],
        ),
        ("key", Filter { key: key("LK3"), ..both.clone() }, vec![3]),
        ("key and state", Filter { key: key("LK3"), state: Some(DeliveryState::Held), ..both.clone() }, vec![]),
        ("key of another facility", Filter { key: key("LK5"), ..everything() }, vec![]),
        ("referral", Filter { part: part("XML13"), ..both.clone() }, vec![4]),
        ("other part", Filter { part: part("CT07"), ..both.clone() }, vec![4]),
        ("part is not a piece of another", Filter { part: part("XML"), ..both.clone() }, vec![]),
        ("from", Filter { from: seconds(30), ..both.clone() }, vec![5, 4, 3]),
        ("before", Filter { before: seconds(30), ..both.clone() }, vec![2, 1, 0]),
    ];
    for (name, filter, expect) in cases {
        let (views, more) = store.documents(filter).await.unwrap();
        let got: Vec<_> = views.iter().map(|view| view.id.clone()).collect();
        let expect: Vec<_> = expect.into_iter().map(|index: usize| ids[index].clone()).collect();
        assert_eq!((got, more), (expect, false), "{name}");
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let (views, more) =
            store.documents(Filter { limit: 2, before_sequence: cursor, ..both.clone() }).await.unwrap();
        cursor = views.last().map(|view| view.sequence);
        seen.extend(views.into_iter().map(|view| view.id));
        if !more {
            break;
        }
    }
    seen.reverse();
    assert_eq!(seen, ids);
    let backlog = store.backlog().await.unwrap();
    assert_eq!(backlog.oldest_waiting, seconds(0));
    assert!(backlog.counts.contains(&(Kind::Checkin, DeliveryState::Held, 1)));
    store.close().await;
}

#[tokio::test]
async fn the_feed_is_in_order_shows_own_facilities_and_wakes_who_waits() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut changes = store.changes();
    new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    store.record_event("destination.down", "{\"destination\":\"bhxh\"}".to_owned()).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    store.probe().await.unwrap();
    assert!(!changes.has_changed().unwrap(), "nothing for anybody to do");
    let elsewhere = NewDocument { facility: facility("79001"), ..rig.document(Kind::Claim, "LK2", "b") };
    new(store.accept(elsewhere).await.unwrap());

    let kinds = |events: &[EventView]| {
        events.iter().map(|event| event.document.as_ref().map(|document| document.facility)).collect::<Vec<_>>()
    };
    let own = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    assert_eq!(kinds(&own), [Some(facility("01999")), None]);
    assert_eq!(own[0].document.as_ref().unwrap().keys, ["LK1"]);
    assert_eq!(store.events_after(0, 500, &[]).await.unwrap().len(), 1);
    let all = store.events_after(0, 2, &[facility("79001"), facility("01999")]).await.unwrap();
    assert_eq!(kinds(&all), [Some(facility("01999")), None], "a page is the first of all, not of each");
    let position = store.event_sequence(&all[1].id).await.unwrap().unwrap();
    let rest = store.events_after(position, 9, &[facility("79001"), facility("01999")]).await.unwrap();
    assert_eq!(kinds(&rest), [Some(facility("79001"))]);
    assert_eq!(store.event_sequence("evt_none").await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn the_latest_answer_is_known_until_it_is_forgotten() {
    let rig = Rig::new();
    let store = rig.open().await;
    let answer = |text: &'static str| LastKnown {
        code: "000".to_owned(),
        raw: Bytes::from_static(text.as_bytes()),
        answered_at: rig.now(),
    };
    let old = answer("old");
    rig.pass(1);
    assert!(store.keep_last_known([1; 32], answer("new")));
    assert!(store.keep_last_known([1; 32], old));
    assert!(store.keep_last_known([2; 32], answer("other")));
    store.probe().await.unwrap();
    assert_eq!(store.last_known(&[1; 32]).await.unwrap().unwrap().raw, "new");
    assert!(store.last_known(&[3; 32]).await.unwrap().is_none());
    assert_eq!(store.forget_last_known(rig.now()).await.unwrap(), 0);
    rig.pass(1);
    assert_eq!(store.forget_last_known(rig.now()).await.unwrap(), 2);
    assert!(store.last_known(&[1; 32]).await.unwrap().is_none());
    store.close().await;
}
