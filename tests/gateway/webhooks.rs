//! Webhooks: signed, at least once, in order, and only one's own.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use lienthong::app;
use lienthong::http::tls;
use lienthong::system::System;
use serde_json::{Value, json};

use crate::documents::id;
use crate::receiver::{Answer, Receiver, assert_all_in_order};
use crate::samples::{birth, claim};
use crate::support::{Options, Reply, TestGateway, until};

const ENDPOINTS: &str = "/v1/webhook-endpoints";

/// Tries again soon.
fn eager() -> Options {
    Options {
        webhooks: "retry_first_ms = 50\nretry_longest_s = 1\nca_file = \"ca.pem\"\ntimeout_s = 2",
        incidents: "look_every_s = 1\nopen_after_s = 0\nclose_after_s = 0",
        delivery: "look_every_s = 1",
        ..Options::default()
    }
}

/// A caller with a key that may have webhooks.
struct Owner<'g> {
    gateway: &'g TestGateway,
    bearer: String,
}

impl<'g> Owner<'g> {
    async fn new(gateway: &'g TestGateway, facilities: &[&str]) -> Self {
        let key = gateway.new_key(&["webhook", "document:read", "document:write"], facilities).await;
        Self { gateway, bearer: format!("Bearer {key}") }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        let headers = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.gateway.send(method, path, &headers, body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, Value::Null).await.expect(200).json()
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, body).await
    }

    /// A new endpoint: its path and its secret.
    async fn endpoint(&self, receiver: &Receiver) -> (String, String) {
        let url = format!("http://{}/hook?token=TOKENRIENG", receiver.address);
        let made = self.post(ENDPOINTS, json!({"url": url})).await.expect(201).json();
        (format!("{ENDPOINTS}/{}", id(&made)), made["secret"].as_str().unwrap().to_owned())
    }

    /// The whole feed of this caller.
    async fn feed(&self) -> Vec<Value> {
        self.get("/v1/events?limit=500").await["data"].as_array().unwrap().clone()
    }
}

/// Waits until everything in the caller's feed was taken.
async fn all_taken(owner: &Owner<'_>, receiver: &Receiver) -> Vec<Value> {
    until("every event to arrive", async || {
        let (feed, taken) = (owner.feed().await, receiver.taken());
        let arrived = |event: &Value| taken.iter().any(|one| event["id"] == one.id);
        feed.iter().all(arrived).then_some(feed)
    })
    .await
}

async fn acknowledged(gateway: &TestGateway, key: &str) -> String {
    let document = gateway.submit(claim(key, "")).await.expect(202).json();
    gateway.document_in(id(&document), &["acknowledged"]).await;
    id(&document).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_signed_over_https_and_only_ones_own() {
    let gateway = TestGateway::with(eager()).await;
    let pem = gateway.authority().issue_server(&["localhost".into()], 2).unwrap();
    gateway.write("receiver.pem", &pem.certificate);
    gateway.write("receiver.key", &pem.key);
    let folder = gateway.data_folder();
    let file = |name: &str| folder.parent().unwrap().join(name);
    let files = tls::Files { certificate: file("receiver.pem"), key: file("receiver.key"), clients: tls::Clients::Off };
    let mut config = (*tls::Identity::load(files).unwrap().config()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let receiver = Receiver::start(Some(Arc::new(config))).await;

    acknowledged(&gateway, "LK-BEFORE").await;
    let owner = Owner::new(&gateway, &["01999"]).await;
    let url = format!("https://localhost:{}/hook", receiver.address.port());
    let made = owner.post(ENDPOINTS, json!({"url": url, "name": "HIS"})).await.expect(201).json();
    let secret = made["secret"].as_str().unwrap();
    let before = owner.feed().await.len();
    for n in 0..3 {
        acknowledged(&gateway, &format!("LK-{n}")).await;
        // Another facility's, which the owner may not know of.
        let other = gateway.submit(birth(n)).await.expect(202).json();
        gateway.document_in(id(&other), &["acknowledged"]).await;
    }
    until("six events", async || (receiver.taken().len() >= 6).then_some(())).await;
    let feed = owner.feed().await.split_off(before);
    let taken = receiver.taken();
    assert_all_in_order(&feed, &taken);
    for one in &taken {
        assert_eq!(one.signed_by(secret), [0], "signed by the secret, and by it alone");
        assert_eq!((one.path.as_str(), &one.headers["content-type"]), ("/hook", &"application/json".parse().unwrap()));
        let told = feed.iter().find(|event| event["id"] == one.id).unwrap();
        let body = one.json();
        assert_eq!(
            (&body["type"], &body["timestamp"], &body["data"]),
            (&told["type"], &told["timestamp"], &told["data"])
        );
        assert_eq!(body["data"]["maCSKCB"], "01999");
        assert!(body.get("id").is_none());
    }
    let shown = owner.get(&format!("{ENDPOINTS}/{}", id(&made))).await;
    assert!(shown.get("secret").is_none(), "shown once: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_never_taken_holds_up_its_own_document_only() {
    let gateway = TestGateway::with(eager()).await;
    let (owner, receiver) = (Owner::new(&gateway, &["01999"]).await, Receiver::start(None).await);
    receiver.answer(|one| Answer::Status(if one.json().to_string().contains("LK-POISON") { 500 } else { 200 }));
    owner.endpoint(&receiver).await;
    let poison = acknowledged(&gateway, "LK-POISON").await;
    let mut others = Vec::new();
    for n in 0..5 {
        others.push(acknowledged(&gateway, &format!("LK-{n}")).await);
    }
    let of_documents = || receiver.taken().iter().filter(|one| !one.document().is_empty()).count();
    until("the others' events", async || (of_documents() >= 10).then_some(())).await;
    until("the poison to be tried again", async || {
        (receiver.received().iter().filter(|one| !one.taken).count() >= 3).then_some(())
    })
    .await;
    let tried: Vec<_> = receiver.received().into_iter().filter(|one| !one.taken).collect();
    assert!(
        tried.iter().all(|one| one.document() == poison && one.id == tried[0].id),
        "the second waits for the first"
    );
    // On a busy machine the portal may count as slow meanwhile, which is told too.
    let about: Vec<_> = receiver.taken().iter().map(|one| one.document()).filter(|id| !id.is_empty()).collect();
    assert!(about.iter().all(|id| others.contains(id)), "{about:?}");
    receiver.answer(|_| Answer::Status(200));
    let feed = all_taken(&owner, &receiver).await;
    assert_all_in_order(&feed, &receiver.taken());
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_large_answers_and_silence_do_no_harm() {
    let gateway = TestGateway::with(eager()).await;
    let (owner, receiver, elsewhere) =
        (Owner::new(&gateway, &["01999"]).await, Receiver::start(None).await, Receiver::start(None).await);
    let target = format!("http://{}/stolen", elsewhere.address);
    receiver.answer(move |_| Answer::With(307, "location", target.clone()));
    let (path, _) = owner.endpoint(&receiver).await;
    acknowledged(&gateway, "LK-1").await;
    let deliveries = format!("{path}/deliveries");
    until("the redirect to be told", async || {
        let told = owner.get(&deliveries).await;
        told["data"].as_array().unwrap().iter().any(|one| one["fault"] == "redirected").then_some(())
    })
    .await;
    receiver.answer(|_| Answer::Never);
    until("the silence to be told", async || {
        let told = owner.get(&deliveries).await;
        told["data"].as_array().unwrap().iter().any(|one| one["fault"] == "timed_out").then_some(())
    })
    .await;
    receiver.answer(|_| Answer::With(429, "retry-after", "1".to_owned()));
    until("the wish to be heard", async || owner.get(&path).await["restUntil"].is_string().then_some(())).await;
    receiver.answer(|_| Answer::Large(8 << 20));
    let feed = all_taken(&owner, &receiver).await;
    assert_all_in_order(&feed, &receiver.taken());
    assert!(elsewhere.received().is_empty(), "a redirect was followed");
    until("the endpoint to be well", async || {
        let shown = owner.get(&path).await;
        (shown["failures"] == 0 && shown["failingSince"].is_null() && shown["waiting"] == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_with_an_incident_and_switching_on_goes_on_where_it_stopped() {
    let gateway = TestGateway::with(eager()).await;
    let (owner, receiver) = (Owner::new(&gateway, &["01999"]).await, Receiver::start(None).await);
    receiver.answer(|_| Answer::Status(410));
    let (path, _) = owner.endpoint(&receiver).await;
    acknowledged(&gateway, "LK-1").await;
    until("it to be disabled", async || (owner.get(&path).await["status"] == "disabled").then_some(())).await;
    let open = until("an incident", async || {
        let open = owner.get("/v1/incidents").await["data"].as_array().unwrap().clone();
        open.into_iter().find(|one| one["kind"] == "webhook_disabled")
    })
    .await;
    assert!(path.ends_with(open["subject"].as_str().unwrap()));
    // Another client is not told of it in the list.
    let others = gateway.get("/v1/incidents").await.expect(200).json();
    assert!(others["data"].as_array().unwrap().iter().all(|one| one["kind"] != "webhook_disabled"), "{others}");
    let before = receiver.received().len();
    for n in 2..5 {
        acknowledged(&gateway, &format!("LK-{n}")).await;
    }
    assert_eq!(receiver.received().len(), before, "it is sent nothing more");
    receiver.answer(|_| Answer::Status(200));
    let on = owner.send(Method::PATCH, &path, json!({"enabled": true})).await.expect(200).json();
    assert_eq!(on["status"], "on");
    let feed = all_taken(&owner, &receiver).await;
    assert_all_in_order(&feed, &receiver.taken());
    until("the incident to end", async || {
        let ended = owner.get("/v1/incidents?status=ended").await;
        ended["data"].as_array().unwrap().iter().any(|one| one["id"] == open["id"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_in_the_middle_lose_nothing_and_keep_the_order() {
    let mut gateway = TestGateway::with(eager()).await;
    let receiver = Receiver::start(None).await;
    // One in three is lost, whichever.
    let count = std::sync::atomic::AtomicUsize::new(0);
    receiver.answer(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 {
        0 => Answer::Status(503),
        _ => Answer::Status(200),
    });
    let bearer = {
        let owner = Owner::new(&gateway, &["01999"]).await;
        owner.endpoint(&receiver).await;
        owner.bearer
    };
    for round in 0..4 {
        let mut submitted = Vec::new();
        for n in 0..10 {
            submitted.push(gateway.submit(claim(&format!("LK-{round}-{n}"), "")).await.expect(202).json());
        }
        let expected = receiver.taken().len() + 3;
        until("some to arrive", async || (receiver.taken().len() >= expected).then_some(())).await;
        gateway.let_go().await;
        gateway.restart().await;
        for document in &submitted {
            gateway.document_in(id(document), &["acknowledged"]).await;
        }
    }
    let owner = Owner { gateway: &gateway, bearer };
    let feed = all_taken(&owner, &receiver).await;
    assert!(feed.len() >= 80, "{}", feed.len());
    assert_all_in_order(&feed, &receiver.taken());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_secrets_sign() {
    let gateway = TestGateway::with(eager()).await;
    let (owner, receiver) = (Owner::new(&gateway, &["01999"]).await, Receiver::start(None).await);
    let (path, old) = owner.endpoint(&receiver).await;
    let rotated = owner.post(&format!("{path}/rotate-secret"), Value::Null).await.expect(200).json();
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, old);
    assert!(rotated["oldSecretUntil"].is_string());
    acknowledged(&gateway, "LK-1").await;
    let taken = until("events", async || Some(receiver.taken()).filter(|taken| taken.len() >= 2)).await;
    for one in &taken {
        assert_eq!((one.signed_by(new), one.signed_by(&old)), (vec![0], vec![1]));
    }
    let tried = owner.post(&format!("{path}/test"), Value::Null).await.expect(200).json();
    assert_eq!((&tried["delivered"], &tried["httpStatus"]), (&json!(true), &json!(204)));
    let test = receiver.taken().into_iter().find(|one| one.json()["type"] == "webhook.test").unwrap();
    assert_eq!(test.signed_by(new), [0]);
    // Neither secret nor the address stands readable on the disk or in what the type shows.
    let plain: Vec<Vec<u8>> = [new, &old]
        .iter()
        .map(|secret| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &secret[6..]).unwrap())
        .chain([b"TOKENRIENG".to_vec(), new.as_bytes()[6..].to_vec()])
        .collect();
    for entry in std::fs::read_dir(gateway.data_folder()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(plain.iter().all(|secret| memchr::memmem::find(&bytes, secret).is_none()), "a secret lies on the disk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_is_listed_and_sent_again_on_demand() {
    let gateway = TestGateway::with(eager()).await;
    let (owner, receiver) = (Owner::new(&gateway, &["01999"]).await, Receiver::start(None).await);
    acknowledged(&gateway, "LK-BEFORE").await;
    let url = format!("http://{}/hook", receiver.address);
    let wish = json!({"url": url, "events": ["document.acknowledged"]});
    let made = owner.post(ENDPOINTS, wish).await.expect(201).json();
    let path = format!("{ENDPOINTS}/{}", id(&made));
    for n in 0..3 {
        acknowledged(&gateway, &format!("LK-{n}")).await;
    }
    until("three events", async || (receiver.taken().len() >= 3).then_some(())).await;
    assert!(receiver.taken().iter().all(|one| one.json()["type"] == "document.acknowledged"));
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("{path}/deliveries?limit=2{cursor}")).await;
        listed.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].clone()));
        match page["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed.len(), 3);
    let again = listed[1].as_str().unwrap();
    owner.post(&format!("{path}/deliveries/{again}/redeliver"), Value::Null).await.expect(202);
    until("it once more", async || (receiver.taken().iter().filter(|one| one.id == again).count() >= 2).then_some(()))
        .await;
    owner.post(&format!("{path}/deliveries/evt_nothing/redeliver"), Value::Null).await.expect(404);

    // Everything since the beginning, that from before the endpoint was there too.
    let before = receiver.taken().len();
    owner.post(&format!("{path}/recover"), json!({"since": "2020-01-01T00:00:00Z"})).await.expect(202);
    until("all of it", async || (receiver.taken().len() >= before + 4).then_some(())).await;
    let recovered = receiver.taken().split_off(before);
    let feed: Vec<Value> =
        owner.feed().await.into_iter().filter(|event| event["type"] == "document.acknowledged").collect();
    assert_all_in_order(&feed, &recovered);
    owner.post(&format!("{path}/recover"), json!({"since": "yesterday"})).await.expect(400);
    owner.send(Method::DELETE, &path, Value::Null).await.expect(204);
    owner.send(Method::GET, &path, Value::Null).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_bounded_checked_and_their_clients_own() {
    let gateway = TestGateway::with(eager()).await;
    let owner = Owner::new(&gateway, &["01999"]).await;
    for (body, field) in [
        (json!({}), "url"),
        (json!({"url": "http://his.example/hook"}), "url"),
        (json!({"url": "https://169.254.169.254/latest"}), "url"),
        (json!({"url": "https://his.example/hook", "events": ["document.exploded"]}), "events"),
        (json!({"url": "https://his.example/hook", "events": "all"}), "events"),
        (json!({"url": "https://his.example/hook", "secret": "mine"}), "secret"),
    ] {
        let refused = owner.post(ENDPOINTS, body.clone()).await.expect(400).json();
        assert_eq!(refused["errors"][0]["truong"], field, "{body}");
    }
    let made = owner.post(ENDPOINTS, json!({"url": "https://his.example/hook"})).await.expect(201).json();
    for _ in 1..10 {
        owner.post(ENDPOINTS, json!({"url": "https://his.example/hook"})).await.expect(201);
    }
    let full = owner.post(ENDPOINTS, json!({"url": "https://his.example/hook"})).await.expect(409).json();
    assert_eq!(full["code"], "webhook.too_many");
    assert_eq!(owner.get(ENDPOINTS).await["data"].as_array().unwrap().len(), 10);

    // Another client of the same facility does not see it, and the usual scopes have none.
    let other = Owner::new(&gateway, &["01999"]).await;
    let path = format!("{ENDPOINTS}/{}", id(&made));
    for (method, below) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/deliveries"),
        (Method::POST, "/test"),
        (Method::POST, "/rotate-secret"),
    ] {
        let reply = other.send(method, &format!("{path}{below}"), Value::Null).await.expect(404);
        assert_eq!(reply.json()["code"], "webhook.not_found");
    }
    let refused = gateway.get(ENDPOINTS).await.expect(403).json();
    assert_eq!(refused["scope"], "webhook");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_client_is_sent_nothing_more() {
    let gateway = TestGateway::with(eager()).await;
    let receiver = Receiver::start(None).await;
    let client = gateway.new_client(&["webhook", "document:read"], &["01999"], &[]).await;
    let owner = Owner { gateway: &gateway, bearer: format!("Bearer {}", client.secret) };
    owner.endpoint(&receiver).await;
    acknowledged(&gateway, "LK-1").await;
    until("events", async || (receiver.taken().len() >= 2).then_some(())).await;
    let (config, system) = (gateway.config(), System::real());
    assert!(app::revoke_client(&config, &system, &client.id).await.unwrap());
    let own = Owner::new(&gateway, &["01999"]).await;
    let witness = Receiver::start(None).await;
    own.endpoint(&witness).await;
    acknowledged(&gateway, "LK-2").await;
    until("the others' events", async || (witness.taken().len() >= 2).then_some(())).await;
    assert!(receiver.taken().iter().all(|one| one.json().to_string().contains("LK-1")));
}
