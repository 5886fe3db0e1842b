//! What every request meets: keys, problems, headers, limits, and the end of the process.

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use lienthong::app;
use lienthong::http::{Access, ROUTES};
use lienthong::sandbox::Faults;
use lienthong::system::System;
use serde_json::{Value, json};

use crate::samples;
use crate::support::{Options, Reply, TestGateway, question, until, valid_person};
use crate::wire::{post_in_pieces, post_over_http2};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const ALL_SCOPES: [&str; 3] = ["lookup", "document:write", "document:read"];

async fn get_with(gateway: &TestGateway, path: &str, headers: &[(&str, &str)]) -> Reply {
    gateway.send(Method::GET, path, headers, Bytes::new()).await
}

async fn with_key(gateway: &TestGateway, key: &str) -> Reply {
    get_with(gateway, "/v1/documents", &[("authorization", &format!("Bearer {key}"))]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_without_a_key() {
    let gateway = TestGateway::start().await;
    assert!(ROUTES.len() >= 16);
    for route in ROUTES {
        let path = route.path.replace("{id}", "doc_01JD3Y00000000000000000000");
        for authorization in ["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer "] {
            let headers = [("authorization", authorization), ("content-type", "application/json")];
            let reply =
                gateway.send(route.method.clone(), &path, &headers, Bytes::from_static(b"{}")).await.expect(401);
            let code = reply.json()["code"].as_str().unwrap().to_owned();
            assert!(["auth.missing_key", "auth.wrong_key"].contains(&code.as_str()), "{path}: {code}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_asks_for_its_scope() {
    let gateway = TestGateway::start().await;
    let mut keys = Vec::new();
    for scope in ALL_SCOPES {
        keys.push((scope, format!("Bearer {}", gateway.new_key(&[scope], &["01999"]).await)));
    }
    for route in ROUTES {
        let mut path = route.path.replace("{id}", "doc_01JD3Y00000000000000000000");
        // A stream would never end; one from after nothing is refused, once the key is let in.
        if path.ends_with("/stream") {
            path.push_str("?after=evt_nothing");
        }
        let needed = match route.access {
            Access::Key(needed) => Some(needed.name()),
            Access::AnyKey => None,
        };
        for (scope, key) in &keys {
            let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
            let reply = gateway.send(route.method.clone(), &path, &headers, Bytes::from_static(b"{}")).await;
            match needed {
                Some(needed) if needed != *scope => {
                    let problem = reply.expect(403).json();
                    assert_eq!(problem["code"], "auth.scope_missing", "{path}");
                    assert_eq!(problem["scope"], needed, "{path}");
                }
                _ => assert_ne!(reply.status.as_u16(), 403, "{path}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_told_apart_from_keys_of_the_other_mode() {
    let gateway = TestGateway::start().await;
    let digits = "0".repeat(64);
    for (key, code) in [
        (format!("lt_test_{digits}"), "auth.wrong_key"),
        (format!("lt_live_{digits}"), "auth.wrong_mode"),
        ("x".to_owned(), "auth.wrong_key"),
        (format!("{}0", gateway.key), "auth.wrong_key"),
    ] {
        assert_eq!(with_key(&gateway, &key).await.expect(401).json()["code"], code);
    }
    with_key(&gateway, &gateway.key).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stops_working_while_the_gateway_runs() {
    let gateway = TestGateway::start().await;
    let client = gateway.new_client(&ALL_SCOPES, &["01999"], &[]).await;
    with_key(&gateway, &client.secret).await.expect(200);
    assert!(app::revoke_client(&gateway.config(), &System::real(), &client.id).await.unwrap());
    until("the key to be refused", async || (with_key(&gateway, &client.secret).await.status == 401).then_some(()))
        .await;
    // Others go on.
    with_key(&gateway, &gateway.key).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_from_its_addresses_only() {
    let gateway = TestGateway::start().await;
    let elsewhere = gateway.new_client(&ALL_SCOPES, &["01999"], &["10.0.0.0/8", "192.0.2.7"]).await;
    let problem = with_key(&gateway, &elsewhere.secret).await.expect(403).json();
    assert_eq!(problem["code"], "auth.wrong_address");
    let here = gateway.new_client(&ALL_SCOPES, &["01999"], &["10.0.0.0/8", "127.0.0.0/8"]).await;
    with_key(&gateway, &here.secret).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_is_whole_in_both_languages() {
    let gateway = TestGateway::start().await;
    type Trouble = (Method, &'static str, &'static [(&'static str, &'static str)], &'static str, u16, &'static str);
    let trouble: [Trouble; 16] = [
        (Method::GET, "/v1/documents", &[("authorization", "")], "", 401, "auth.missing_key"),
        (Method::GET, "/v1/nothing", &[], "", 404, "request.no_such_path"),
        (Method::GET, "/", &[], "", 404, "request.no_such_path"),
        (Method::DELETE, "/v1/documents", &[], "", 405, "request.no_such_method"),
        (Method::GET, "/v1/copay-lookups", &[], "", 405, "request.no_such_method"),
        (Method::GET, "/v1/card-lookups/lkp_1", &[], "", 404, "card.no_such_ticket"),
        (Method::GET, "/v1/documents/doc_1", &[], "", 404, "document.not_found"),
        (Method::GET, "/v1/documents/%FF%FE", &[], "", 404, "document.not_found"),
        (Method::GET, "/v1/schemas/XML99", &[], "", 404, "request.no_such_schema"),
        (Method::GET, "/v1/reference/nothing", &[], "", 404, "request.no_such_list"),
        (Method::POST, "/v1/reference", &[], "", 405, "request.no_such_method"),
        (Method::POST, "/v1/scans", JSON, "{", 400, "request.malformed_json"),
        (Method::POST, "/v1/scans", JSON, "{}", 400, "request.invalid"),
        (Method::POST, "/v1/card-lookups", JSON, "{}", 400, "facility.missing"),
        (Method::POST, "/v1/documents", JSON, "<a/>", 400, "request.malformed_json"),
        (Method::POST, "/v1/documents", &[("content-type", "text/csv")], "a", 415, "request.unsupported_media_type"),
    ];
    for (method, path, headers, body, status, code) in trouble {
        let mut all = vec![("x-correlation-id", "his-7/42"), ("accept-language", "en")];
        all.extend_from_slice(headers);
        let reply = gateway.send(method, &format!("{path}?lang=both"), &all, Bytes::from(body)).await.expect(status);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-correlation-id"), "his-7/42", "{path}");
        assert_eq!(reply.header("gateway-mode"), "test", "{path}");
        let problem = reply.json();
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{path}");
        assert_eq!(problem["requestId"], reply.header("request-id"), "{path}");
        assert!(problem["requestId"].as_str().unwrap().starts_with("req_"), "{path}");
        assert!(problem["retryable"].is_boolean(), "{path}");
        assert!(problem["type"].as_str().unwrap().starts_with("https://"), "{path}");
        for member in ["title", "detail", "nextStep"] {
            let words = &problem["i18n"][member];
            let filled = |language: &str| words[language].as_str().is_some_and(|text| !text.is_empty());
            assert!(filled("vi") && filled("en"), "{path}: {member}");
            assert_ne!(words["vi"], words["en"], "{path}: {member}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let gateway = TestGateway::start().await;
    let reply = gateway.send(Method::DELETE, "/v1/documents", &[], Bytes::new()).await.expect(405);
    let allowed = reply.header("allow");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "Allow: {allowed}");
    let reply = gateway.send(Method::PUT, "/v1/copay-lookups", &[], Bytes::new()).await.expect(405);
    assert_eq!(reply.header("allow"), "POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_json_is_placed_and_not_repeated() {
    let gateway = TestGateway::start().await;
    let body = "{\n  \"maThe\": \"001185012345\",\n  \"hoTen\": NGUYỄN THỊ VÍ DỤ\n}";
    let headers = [("content-type", "application/json"), ("facility-id", "01999")];
    let reply = gateway.send(Method::POST, "/v1/card-lookups", &headers, Bytes::from(body)).await.expect(400);
    let problem = reply.json();
    assert_eq!((&problem["code"], &problem["line"]), (&json!("request.malformed_json"), &json!(3)));
    assert!(problem["column"].as_u64().is_some_and(|column| column > 1));
    let text = String::from_utf8_lossy(&reply.body);
    assert!(!text.contains("001185012345") && !text.contains("NGUYỄN"), "{text}");

    // Names of fields that look like something else are not repeated either.
    let unknown = json!({"raw": "x", "NGUYỄN THỊ VÍ DỤ": "x", "hoten": "x"});
    let problem = gateway.post("/v1/scans", &unknown).await.expect(400).json();
    let mut fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["truong"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["?", "hoten", "raw"]);
    // A deep nest is no way to crash.
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let reply = gateway.send(Method::POST, "/v1/scans", &headers, Bytes::from(deep)).await.expect(400);
    assert_eq!(reply.json()["code"], "request.not_an_object");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_correlation_id_is_not_echoed() {
    let gateway = TestGateway::start().await;
    let long = "x".repeat(129);
    let reply = get_with(&gateway, "/v1/documents", &[("x-correlation-id", &long)]).await.expect(200);
    assert_eq!(reply.header("x-correlation-id"), "");
    assert!(reply.header("server-timing").contains("total;dur="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_over_64_kib_is_refused() {
    let gateway = TestGateway::start().await;
    let body = json!({"raw": "x".repeat(70_000)});
    assert_eq!(gateway.post("/v1/scans", &body).await.expect(413).json()["code"], "request.too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stands_still_is_given_up() {
    let gateway = TestGateway::with(Options { limits: "body_stall_s = 1", ..Options::default() }).await;
    for path in ["/v1/documents", "/v1/documents/validate"] {
        let (body, answer) = post_in_pieces(&gateway, path, "application/xml").await;
        assert!(body.write("<GIAMDINHHS>").await);
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.status(), 408, "{path}");
        let problem: Value = serde_json::from_slice(&answer.whole().await).unwrap();
        assert_eq!((&problem["code"], &problem["retryable"]), (&json!("request.too_slow"), &json!(true)));
        drop(body);
    }
    gateway.submit(samples::CLAIM).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_in_the_middle_leaves_nothing() {
    let gateway = TestGateway::start().await;
    let (body, answer) = post_in_pieces(&gateway, "/v1/documents", "application/xml").await;
    let (first, _) = samples::CLAIM.split_at(samples::CLAIM.len() / 2);
    assert!(body.write(first).await);
    body.cut().await;
    answer.abort();
    gateway.submit(samples::VOUCHER).await.expect(202);
    let list = gateway.get("/v1/documents").await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_where_it_was_agreed() {
    let gateway = TestGateway::start().await;
    let asked = question(&valid_person(0)).to_string();
    let (status, body) = post_over_http2(&gateway, "/v1/card-lookups", asked).await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &answer["ketLuan"]["code"]), (200, &json!("hop_le")));
    let (status, body) = post_over_http2(&gateway, "/v1/card-lookups", "{".into()).await;
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &problem["code"]), (400, &json!("request.malformed_json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_tells_life_readiness_and_metrics() {
    let gateway = TestGateway::start().await;
    assert_eq!(gateway.admin("/livez").await.expect(200).body, "ok\n");
    let ready = gateway.admin("/readyz").await.expect(200).json();
    assert_eq!((&ready["ready"], &ready["store"], &ready["mode"]), (&json!(true), &json!("ok"), &json!("test")));

    gateway.post("/v1/card-lookups", &question(&valid_person(0))).await.expect(200);
    gateway.post("/v1/card-lookups", &question(&valid_person(0))).await.expect(200);
    let document = gateway.submit(samples::CLAIM).await.expect(202).json();
    gateway.document_in(document["id"].as_str().unwrap(), &["acknowledged"]).await;
    let reply = gateway.admin("/metrics").await.expect(200);
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    for line in [
        "lienthong_lookup_answers_total{source=\"cache\"} 1",
        "lienthong_lookup_answers_total{source=\"portal\"} 1",
        "lienthong_lookup_verdicts_total{verdict=\"hop_le\"} 2",
        "lienthong_portal_questions_total{service=\"card-lookup\",answered=\"yes\"} 1",
        "lienthong_documents_submitted_total{kind=\"claim\",outcome=\"accepted\"} 1",
        "lienthong_delivery_attempts_total{kind=\"claim\",outcome=\"acknowledged\"} 1",
        "lienthong_documents{kind=\"claim\",state=\"queued\"} 0",
        "lienthong_http_requests_total{route=\"/v1/card-lookups\",status=\"200\"} 2",
        "lienthong_portal_up{service=\"login\"} 1",
        "lienthong_store_up 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is missing in\n{text}");
    }
    for name in ["lienthong_http_request_duration_seconds", "lienthong_lookup_cached_answers"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing in\n{text}");
    }
    // Not on the listener of the hospital's programs.
    gateway.get("/metrics").await.expect(404);
    gateway.admin("/v1/documents").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_what_is_in_hand() {
    let faults = Faults { latency_ms: 500, ..Faults::default() };
    let mut gateway = TestGateway::with(Options { faults, ..Options::default() }).await;
    // One facility, so that the request names it by itself.
    gateway.key = gateway.new_key(&ALL_SCOPES, &["01999"]).await;
    let mut answers = Vec::new();
    for person in 0..5 {
        let (body, answer) = post_in_pieces(&gateway, "/v1/card-lookups", "application/json").await;
        assert!(body.write(question(&valid_person(person)).to_string()).await);
        answers.push(answer);
    }
    until("the portal to have been asked", async || (gateway.sandbox.questions().len() == 5).then_some(())).await;
    gateway.stop().await;
    for answer in join_all(answers).await {
        let mut answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let found: Value = serde_json::from_slice(&answer.whole().await).unwrap();
        assert_eq!(found["ketLuan"]["code"], "hop_le");
    }
    // And what was accepted is there when it starts again.
    gateway.restart().await;
    gateway.get("/v1/documents").await.expect(200);
}
