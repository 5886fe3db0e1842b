//! The feed and what is sent by it: nothing is skipped, whoever writes meanwhile; what is on its way survives.

use std::collections::BTreeMap;

use super::*;
use crate::store::webhooks::{
    DueHook, HookChange, HookDetails, HookEnd, HookFate, HookSecret, HookState, HookView, HookWork, NewHook, Recovery,
    WAITING_MAX,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_skips_nothing_whoever_writes_meanwhile() {
    const WRITERS: usize = 6;
    const EACH: usize = 50;
    let rig = Rig::new();
    let store = rig.open().await;
    // A second process writes to the same folder, as `lienthong keys` would.
    let beside = Store::open_beside(rig.config(), Vault::for_tests().unwrap(), rig.system.clone()).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = if writer == 0 { beside.clone() } else { store.clone() };
            tokio::spawn(async move {
                for n in 0..EACH {
                    let data = format!("{{\"writer\":{writer},\"n\":{n}}}");
                    let facility = facility(if n % 2 == 0 { "01999" } else { "79999" });
                    store.record_event_of(facility, "lookup.completed", data).await.unwrap();
                }
            })
        })
        .collect();
    // The reader goes on from the last event it has, and never looks back.
    let (mut cursor, mut read) = (0, Vec::new());
    let own = [facility("01999"), facility("79999")];
    while read.len() < WRITERS * EACH {
        let page = store.events_after(cursor, 7, &own).await.unwrap();
        assert!(page.is_sorted_by_key(|event| event.sequence), "in order");
        cursor = page.last().map_or(cursor, |event| event.sequence);
        read.extend(page);
        let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        if over && store.events_after(cursor, 1, &own).await.unwrap().is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(read.len(), WRITERS * EACH, "an event was skipped");
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for event in &read {
        let data: serde_json::Value = serde_json::from_str(&event.data_json).unwrap();
        let expected = next.entry(data["writer"].as_u64().unwrap()).or_default();
        assert_eq!(data["n"].as_u64(), Some(*expected), "each writer's own in its order");
        *expected += 1;
    }
    beside.close().await;
    store.close().await;
}

async fn endpoint(store: &Store, rig: &Rig, client: &str, kinds: &[&str]) -> HookView {
    let details = HookDetails {
        url: "https://his.example/hook".to_owned(),
        name: String::new(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    let (id, secret) = (rig.system.new_id("whe"), HookSecret::new(vec![1; 32]));
    store.add_webhook(NewHook { id, client: client.to_owned(), details, secret }).await.unwrap().unwrap()
}

async fn client(store: &Store, rig: &Rig, id: &str, codes: &[&str]) {
    let client = Client {
        id: id.to_owned(),
        name: "his".to_owned(),
        secret_hash: [u8::try_from(id.len()).unwrap(); 32],
        prefix: "lt_test_".to_owned(),
        scopes: vec!["webhook".to_owned()],
        facilities: codes.iter().map(|code| facility(code)).collect(),
        requests_per_minute: 60,
        addresses: Vec::new(),
        facade_user: None,
        created_at: rig.now(),
        revoked_at: None,
    };
    store.add_client(client).await.unwrap();
}

/// The one endpoint's work, after everything new was put on its way.
async fn work(store: &Store, rig: &Rig, in_hand: &[(i64, i64)]) -> HookWork {
    loop {
        let mut all = store.webhook_work(rig.now(), in_hand.to_vec(), 4, 5).await.unwrap();
        let one = all.pop().expect("an endpoint");
        if !one.has_news {
            return one;
        }
        store.queue_webhooks(one.sequence).await.unwrap();
    }
}

fn delivered() -> HookEnd {
    HookEnd { fate: HookFate::Delivered, rest_until: None, disable: None, http_status: Some(200), fault: None }
}

fn refused(rig: &Rig, wait_s: u64) -> HookEnd {
    let again = crate::system::after(rig.now(), Duration::from_secs(wait_s));
    HookEnd {
        fate: HookFate::Again(again),
        rest_until: None,
        disable: None,
        http_status: Some(500),
        fault: Some("refused"),
    }
}

fn about(due: &[DueHook]) -> Vec<String> {
    let id = |hook: &DueHook| hook.event.as_ref().and_then(|event| event.document.as_ref()).map(|it| it.id.clone());
    due.iter().map(|hook| id(hook).unwrap_or_default()).collect()
}

#[tokio::test]
async fn one_document_waits_for_itself_and_for_no_other() {
    let rig = Rig::new();
    let store = rig.open().await;
    client(&store, &rig, "key_1", &["01999"]).await;
    let hook = endpoint(&store, &rig, "key_1", &[]).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let id = new(store.accept(rig.document(Kind::Claim, &format!("LK{n}"), &n.to_string())).await.unwrap()).id;
        deliver(&store, &id, DeliveryState::Acknowledged).await;
        ids.push(id);
    }
    // Two events each: the first of each document may be sent, the second waits for it.
    let first = work(&store, &rig, &[]).await;
    assert_eq!(about(&first.due), ids);
    assert!(first.due.iter().all(|due| due.event.as_ref().unwrap().kind == "document.queued"));
    // What is in hand is not given twice, nor is what follows it.
    let in_hand: Vec<_> = first.due.iter().map(|due| (hook.sequence, due.sequence)).collect();
    assert!(work(&store, &rig, &in_hand).await.due.is_empty());
    // The first document's is refused: its next waits, the others go on.
    store.settle_webhook(hook.sequence, first.due[0].sequence, refused(&rig, 60)).await.unwrap();
    for due in &first.due[1..] {
        store.settle_webhook(hook.sequence, due.sequence, delivered()).await.unwrap();
    }
    let second = work(&store, &rig, &[]).await;
    assert_eq!(about(&second.due), ids[1..]);
    rig.pass(60);
    let third = work(&store, &rig, &[]).await;
    assert_eq!((third.due[0].tries, about(&third.due[..1])), (0, ids[1..2].to_vec()));
    assert!(third.due.iter().any(|due| due.tries == 1), "the refused one is due again");

    // All of it is still there after a restart.
    store.close().await;
    let store = rig.open().await;
    assert_eq!(work(&store, &rig, &[]).await.due.len(), 3);
    store.close().await;
}

#[tokio::test]
async fn what_is_on_its_way_is_bounded_and_the_rest_stays_in_the_feed() {
    let rig = Rig::new();
    let store = rig.open().await;
    client(&store, &rig, "key_1", &["01999"]).await;
    let hook = endpoint(&store, &rig, "key_1", &["batch.*"]).await;
    let total = WAITING_MAX + 50;
    for n in 0..total {
        store.record_event_of(facility("01999"), "batch.completed", format!("{{\"n\":{n}}}")).await.unwrap();
        // Neither of another facility nor of another kind.
        if n % 100 == 0 {
            store.record_event_of(facility("79999"), "batch.completed", "{}".to_owned()).await.unwrap();
            store.record_event_of(facility("01999"), "lookup.completed", "{}".to_owned()).await.unwrap();
        }
    }
    work(&store, &rig, &[]).await;
    let view = store.webhook(&hook.id).await.unwrap().unwrap();
    assert_eq!(view.waiting, WAITING_MAX);
    assert!(view.unread_since.is_some(), "it is told that there is more");
    let mut seen = Vec::new();
    while seen.len() < usize::try_from(total).unwrap() {
        let work = work(&store, &rig, &[]).await;
        // One family is one line.
        let [due] = work.due.as_slice() else { panic!("{} due", work.due.len()) };
        seen.push(due.event.as_ref().unwrap().data_json.clone());
        store.settle_webhook(hook.sequence, due.sequence, delivered()).await.unwrap();
    }
    assert_eq!(seen, (0..total).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>());
    assert!(work(&store, &rig, &[]).await.due.is_empty());
    store.close().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_gets_trials_and_then_everything_at_once() {
    let rig = Rig::new();
    let store = rig.open().await;
    client(&store, &rig, "key_1", &["01999"]).await;
    let hook = endpoint(&store, &rig, "key_1", &[]).await;
    for n in 0..10 {
        new(store.accept(rig.document(Kind::Claim, &format!("LK{n}"), &n.to_string())).await.unwrap());
    }
    let rest = crate::system::after(rig.now(), Duration::from_secs(100));
    for _ in 0..2 {
        for due in work(&store, &rig, &[]).await.due {
            let end = HookEnd { rest_until: None, ..refused(&rig, 1_000) };
            store.settle_webhook(hook.sequence, due.sequence, end).await.unwrap();
        }
    }
    // Eight failures: one at a time, and none before the rest is over.
    let trial = work(&store, &rig, &[]).await;
    assert_eq!((trial.failures, trial.due.len()), (8, 1));
    let end = HookEnd { rest_until: Some(rest), ..refused(&rig, 1_000) };
    store.settle_webhook(hook.sequence, trial.due[0].sequence, end).await.unwrap();
    let resting = work(&store, &rig, &[]).await;
    assert_eq!((resting.due.len(), resting.next_at), (0, Some(rest)));
    rig.pass(100);
    let trial = work(&store, &rig, &[]).await;
    assert_eq!(trial.due.len(), 1);
    assert!(work(&store, &rig, &[(hook.sequence, trial.due[0].sequence)]).await.due.is_empty());
    store.settle_webhook(hook.sequence, trial.due[0].sequence, delivered()).await.unwrap();
    // Those that were to wait a thousand seconds are tried now.
    assert_eq!(work(&store, &rig, &[]).await.due.len(), 4);
    store.close().await;
}

#[tokio::test]
async fn disabled_or_recovered_it_goes_on_in_order() {
    let rig = Rig::new();
    let store = rig.open().await;
    client(&store, &rig, "key_1", &["01999"]).await;
    let hook = endpoint(&store, &rig, "key_1", &[]).await;
    let begin = rig.now();
    let first = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    rig.pass(10);
    let later = rig.now();
    deliver(&store, &first, DeliveryState::Acknowledged).await;
    let due = work(&store, &rig, &[]).await.due;
    let gone = HookEnd { disable: Some("gone"), ..refused(&rig, 0) };
    store.settle_webhook(hook.sequence, due[0].sequence, gone).await.unwrap();
    assert!(store.webhook_work(rig.now(), Vec::new(), 4, 5).await.unwrap().is_empty(), "a disabled one has no work");
    let view = store.webhook(&hook.id).await.unwrap().unwrap();
    assert_eq!((view.state, view.reason.as_deref()), (HookState::Disabled, Some("gone")));
    store.change_webhook(&hook.id, HookChange { on: Some(true), ..HookChange::default() }).await.unwrap();
    let drain = async || {
        let mut kinds = Vec::new();
        loop {
            let Some(due) = work(&store, &rig, &[]).await.due.into_iter().next() else { return kinds };
            kinds.push(due.event.unwrap().kind);
            store.settle_webhook(hook.sequence, due.sequence, delivered()).await.unwrap();
        }
    };
    assert_eq!(drain().await, ["document.queued", "document.acknowledged"]);
    // All since the beginning, since later, and nothing since now.
    store.recover_webhooks(hook.sequence, Recovery { since: begin, failed_only: false }).await.unwrap();
    assert_eq!(drain().await, ["document.queued", "document.acknowledged"]);
    store.recover_webhooks(hook.sequence, Recovery { since: later, failed_only: false }).await.unwrap();
    assert_eq!(drain().await, ["document.acknowledged"]);
    rig.pass(1);
    let none = Recovery { since: rig.now(), failed_only: false };
    assert_eq!(store.recover_webhooks(hook.sequence, none).await.unwrap(), 0);
    assert_eq!(drain().await, [""; 0]);
    // What was given up alone.
    store.recover_webhooks(hook.sequence, Recovery { since: begin, failed_only: false }).await.unwrap();
    let due = work(&store, &rig, &[]).await.due;
    let given_up = HookEnd { fate: HookFate::GivenUp, ..refused(&rig, 0) };
    store.settle_webhook(hook.sequence, due[0].sequence, given_up).await.unwrap();
    assert_eq!(drain().await, ["document.acknowledged"], "it holds up nothing for ever");
    let failed = Recovery { since: begin, failed_only: true };
    assert_eq!(store.recover_webhooks(hook.sequence, failed).await.unwrap(), 1);
    assert_eq!(drain().await, ["document.queued"]);
    store.close().await;
}

#[tokio::test]
async fn endpoints_of_revoked_clients_are_forgotten_in_the_end() {
    let rig = Rig::new();
    let store = rig.open().await;
    client(&store, &rig, "key_1", &["01999"]).await;
    client(&store, &rig, "key_22", &["01999"]).await;
    let (gone, stays) = (endpoint(&store, &rig, "key_1", &[]).await, endpoint(&store, &rig, "key_22", &[]).await);
    store.record_event_of(facility("01999"), "batch.completed", "{}".to_owned()).await.unwrap();
    for hook in [&gone, &stays] {
        assert_eq!(store.queue_webhooks(hook.sequence).await.unwrap(), 1);
    }
    assert!(store.revoke_client("key_1", rig.now()).await.unwrap());
    let work = store.webhook_work(rig.now(), Vec::new(), 4, 5).await.unwrap();
    assert_eq!(work.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [stays.id.as_str()], "at once nothing more");
    let revoked = rig.now();
    rig.pass(10);
    while store.forget_webhook_deliveries(revoked).await.unwrap() > 0 {}
    assert!(store.webhook(&gone.id).await.unwrap().is_some(), "not before its time");
    while store.forget_webhook_deliveries(rig.now()).await.unwrap() > 0 {}
    assert!(store.webhook(&gone.id).await.unwrap().is_none());
    assert_eq!(store.webhook(&stays.id).await.unwrap().unwrap().waiting, 1);
    store.close().await;
}
