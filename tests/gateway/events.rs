//! The feed of events: in order, from any place, as soon as they happen, and only one's own.

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::documents::id;
use crate::samples::{birth, claim};
use crate::support::{Reply, TestGateway, until, within};

async fn events(gateway: &TestGateway, query: &str) -> Value {
    gateway.get(&format!("/v1/events{query}")).await.expect(200).json()
}

fn list(events: &Value) -> &Vec<Value> {
    events["data"].as_array().unwrap()
}

/// Submits claims one after the other, each until its receipt; their ids.
async fn acknowledged_claims(gateway: &TestGateway, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let document = gateway.submit(claim(&format!("LK-{n}"), "")).await.expect(202).json();
        gateway.document_in(id(&document), &["acknowledged"]).await;
        ids.push(id(&document).to_owned());
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_the_order_in_which_things_happened() {
    let gateway = TestGateway::start().await;
    let ids = acknowledged_claims(&gateway, 3).await;
    let all = events(&gateway, "").await;
    let told: Vec<_> = list(&all).iter().map(|event| (event["type"].clone(), event["data"]["id"].clone())).collect();
    let expected: Vec<_> = ids
        .iter()
        .flat_map(|id| ["document.queued", "document.acknowledged"].map(|kind| (json!(kind), json!(id))))
        .collect();
    assert_eq!(told, expected);
    for event in list(&all) {
        assert!(event["id"].as_str().unwrap().starts_with("evt_") && event["timestamp"].is_string());
        let data = &event["data"];
        assert_eq!((&data["type"], &data["maCSKCB"]), (&json!("claim"), &json!("01999")));
        assert_eq!(data["url"], format!("/v1/documents/{}", data["id"].as_str().unwrap()));
    }
    let receipt = list(&all)[1]["data"]["receipt"].as_str().unwrap();
    assert_eq!(receipt, gateway.sandbox.submissions()[0].receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_where_it_was_also_after_a_restart() {
    let mut gateway = TestGateway::start().await;
    acknowledged_claims(&gateway, 3).await;
    let all: Vec<Value> = list(&events(&gateway, "").await).clone();
    let (mut seen, mut query) = (Vec::new(), "?limit=4".to_owned());
    for expected in [4, 2, 0] {
        let page = events(&gateway, &query).await;
        assert_eq!(list(&page).len(), expected);
        seen.extend(list(&page).iter().cloned());
        query = format!("?limit=4&after={}", page["page"]["next"].as_str().unwrap());
        gateway.restart().await;
    }
    assert_eq!(seen, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_reader_hears_of_a_document_at_once() {
    let gateway = TestGateway::start().await;
    acknowledged_claims(&gateway, 1).await;
    let last = events(&gateway, "").await["page"]["next"].as_str().unwrap().to_owned();
    let query = format!("?after={last}&wait=50");
    // An answer at the end of the wait would be empty.
    let (heard, submitted) = tokio::join!(events(&gateway, &query), gateway.submit(claim("LK-9", "")));
    let first = &list(&heard)[0];
    assert_eq!((&first["type"], &first["data"]["id"]), (&json!("document.queued"), &submitted.json()["id"]));
    // What happened before is not waited for.
    let again = events(&gateway, &query).await;
    assert_eq!(&list(&again)[0], first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_in_vain_ends_empty_and_with_the_same_cursor() {
    let gateway = TestGateway::start().await;
    acknowledged_claims(&gateway, 1).await;
    let last = events(&gateway, "").await["page"]["next"].as_str().unwrap().to_owned();
    let heard = events(&gateway, &format!("?after={last}&wait=1")).await;
    assert_eq!(list(&heard), &[Value::Null; 0]);
    assert_eq!(heard["page"], json!({"next": last, "hasMore": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_of_other_facilities() {
    let gateway = TestGateway::start().await;
    acknowledged_claims(&gateway, 2).await;
    let own = gateway.submit(birth(1)).await.expect(202).json();
    gateway.document_in(id(&own), &["acknowledged"]).await;
    let bearer = format!("Bearer {}", gateway.new_key(&["document:read"], &["79999"]).await);
    let get = |query: String| {
        let (gateway, headers) = (&gateway, [("authorization", bearer.as_str())]);
        async move { gateway.send(Method::GET, &format!("/v1/events{query}"), &headers, Bytes::new()).await }
    };
    let heard = get(String::new()).await.expect(200).json();
    let about: Vec<_> = list(&heard).iter().map(|event| event["data"]["id"].clone()).collect();
    assert_eq!(about, [own["id"].clone(), own["id"].clone()]);
    // Another's event does not end the wait with something that is not one's own.
    let query = format!("?wait=2&after={}", heard["page"]["next"].as_str().unwrap());
    let (heard, _) = tokio::join!(get(query), gateway.submit(claim("LK-7", "")));
    assert_eq!(list(&heard.expect(200).json()), &[Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_are_refused_by_name() {
    let gateway = TestGateway::start().await;
    let refused = async |query: &str| -> Value {
        let reply: Reply = gateway.get(&format!("/v1/events{query}")).await;
        reply.expect(400).json()["errors"][0]["truong"].clone()
    };
    for (query, field) in [
        ("?after=evt_nothing", "after"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?wait=soon", "wait"),
        ("?wait=-1", "wait"),
        ("?since=yesterday", "query"),
    ] {
        assert_eq!(refused(query).await, field, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_what_waits_for_one() {
    use lienthong::sandbox::Faults;
    let gateway = TestGateway::start().await;
    let only_paths = vec!["/api/hososuckhoe/".to_owned()];
    gateway.sandbox.set_faults(Faults { reset_after_rate: 1.0, only_paths, ..Faults::default() });
    let document = gateway.submit(birth(1)).await.expect(202).json();
    let told = until("the event", async || {
        list(&events(&gateway, "").await).iter().find(|event| event["type"] == "document.unknown").cloned()
    })
    .await;
    assert_eq!(told["data"]["id"], document["id"]);
}

/// Reads a stream of events until `count` are there: id and type of each.
async fn listened(gateway: &TestGateway, path: &str, last: &str, count: usize) -> Vec<(String, String)> {
    let headers = [("last-event-id", last)];
    let mut body = gateway.open(path, &headers).await;
    let mut text = String::new();
    loop {
        let told = text
            .split("\n\n")
            .filter_map(|event| {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let data: Value = serde_json::from_str(&line("data: ")?).ok()?;
                assert_eq!(
                    (data["id"].as_str(), data["type"].as_str()),
                    (line("id: ").as_deref(), line("event: ").as_deref())
                );
                line("id: ").zip(line("event: "))
            })
            .collect::<Vec<_>>();
        if told.len() >= count {
            return told;
        }
        let frame = within("more of the stream", body.frame()).await.expect("the stream goes on").unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_everything_and_goes_on_after_a_cut() {
    let mut gateway = TestGateway::start().await;
    acknowledged_claims(&gateway, 2).await;
    let heard = listened(&gateway, "/v1/events/stream", "", 4).await;
    let later = async {
        gateway.submit(claim("LK-LATER", "")).await.expect(202);
    };
    let (more, ()) = tokio::join!(listened(&gateway, "/v1/events/stream", &heard[2].0, 3), later);
    assert_eq!(more[0], heard[3], "from after the last one it had");
    gateway.restart().await;
    let all: Vec<_> = list(&events(&gateway, "").await)
        .iter()
        .map(|event| (event["id"].as_str().unwrap().to_owned(), event["type"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(listened(&gateway, "/v1/events/stream", "", all.len()).await, all);

    let refused = gateway.get("/v1/events/stream?after=evt_nothing").await.expect(400).json();
    assert_eq!(refused["errors"][0]["truong"], "after");
    // Four at a time; when one has gone there is room again.
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(gateway.open("/v1/events/stream", &[]).await);
    }
    let full = gateway.get("/v1/events/stream").await.expect(429).json();
    assert_eq!(full["code"], "quota.too_many_at_once");
    drop(open);
    until("room", async || (gateway.open_status("/v1/events/stream").await == 200).then_some(())).await;
    // A stop ends streams instead of waiting for them.
    let mut last = gateway.open("/v1/events/stream", &[]).await;
    gateway.stop().await;
    while let Some(Ok(_)) = within("the end of the stream", last.frame()).await {}
}
