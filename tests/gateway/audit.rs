//! The audit log of a whole gateway: every way in leaves its entry, and what cannot be recorded is not done.

mod refused;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;
use lienthong::audit::book::Shown;
use lienthong::audit::verify::Trust;
use lienthong::audit::{AUDIT_KEY_FILE, Book, Deed, Filter, Manner, PublicKey};
use lienthong::clients::Scope;
use lienthong::facade::function::{Does, FUNCTIONS};
use lienthong::http::{Access, ROUTES};
use lienthong::sandbox::Faults;
use serde_json::{Value, json};

use crate::documents::id;
use crate::facade::client::{FORM, His, asked, form};
use crate::moves::{order, submit_held};
use crate::samples::claim;
use crate::support::{Options, TestGateway, question, until, valid_person};

/// All entries, the oldest first.
fn entries(gateway: &TestGateway) -> Vec<Shown> {
    let mut found = Vec::new();
    let book = Book::open(&gateway.data_folder()).unwrap();
    book.each(&Filter::default(), |entry| {
        found.push(entry.clone());
        true
    })
    .unwrap();
    found
}

fn count(gateway: &TestGateway) -> usize {
    entries(gateway).len()
}

#[track_caller]
fn is_whole(gateway: &TestGateway) -> lienthong::audit::verify::Report {
    let keys = vec![PublicKey::of_key_file(&gateway.data_folder().join(AUDIT_KEY_FILE)).unwrap()];
    let report = Book::open(&gateway.data_folder()).unwrap().verify(&Trust { keys, noted: None }).unwrap();
    assert_eq!(report.broken, None);
    report
}

/// Things for the paths to name.
struct Things {
    document: String,
    ticket: String,
    batch: String,
}

async fn things(gateway: &TestGateway, key: &[(&str, &str)]) -> Things {
    let headers = [key, &[("content-type", "application/xml")]].concat();
    let sent = gateway.send(Method::POST, "/v1/documents?hold=true", &headers, Bytes::from(claim("AUDIT-1", ""))).await;
    let document = id(&sent.expect(202).json()).to_owned();
    let rows = json!({"rows": [question(&valid_person(60))]});
    let batch = gateway.post_with("/v1/card-lookups/batch", key, &rows).await.expect(202).json();
    let only_paths = vec!["/api/egw/KQNhanLichSuKCB".to_owned()];
    gateway.sandbox.set_faults(Faults { html_rate: 1.0, only_paths, ..Faults::default() });
    let told = gateway.post_with("/v1/card-lookups", key, &question(&valid_person(61))).await.expect(200).json();
    gateway.sandbox.set_faults(Faults::default());
    let ticket = told["pendingLookup"].as_str().or(told["id"].as_str()).unwrap().to_owned();
    Things { document, ticket, batch: id(&batch).to_owned() }
}

/// The path of a route about real things.
fn path_of(route: &str, things: &Things) -> String {
    let id = match route {
        route if route.starts_with("/v1/documents") => &things.document,
        route if route.starts_with("/v1/card-lookups/batches") => &things.batch,
        route if route.starts_with("/v1/card-lookups") => &things.ticket,
        route if route.starts_with("/v1/officers") => "tiepdon77",
        _ => "XML1",
    };
    route.replace("{id}", id)
}

fn body_of(path: &str) -> (&'static str, String) {
    let json = |body: Value| ("application/json", body.to_string());
    match path {
        "/v1/documents" | "/v1/documents/validate" => ("application/xml", claim("AUDIT-2", "")),
        "/v1/feeds" => ("application/x-ndjson", String::new()),
        "/v1/card-lookups/batch" => json(json!({"rows": [question(&valid_person(62))]})),
        path if path.contains("lookups") || path.contains("histories") => json(question(&valid_person(63))),
        path if path.contains("officers") => json(json!({"hoTen": "NGUYỄN THỊ B", "cccd": "001181012345"})),
        "/v1/scans" => json(json!({"raw": "x"})),
        _ => json(json!({"lyDo": "thử nhật ký"})),
    }
}

/// The guard of the whole log: a route without its entry fails here, also one that is added tomorrow.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_leaves_its_entry() {
    let gateway = TestGateway::start().await;
    let client =
        gateway.new_client(&["lookup", "document:write", "document:read", "admin", "webhook"], &["01999"], &[]).await;
    let bearer = format!("Bearer {}", client.secret);
    let key = [("authorization", bearer.as_str())];
    let things = things(&gateway, &key).await;
    let mut seen = BTreeSet::new();
    for route in ROUTES {
        let mut path = path_of(route.path, &things);
        // A stream would never end; one from after nothing is refused, once the key is let in.
        if path.ends_with("/stream") {
            path.push_str("?after=evt_nothing");
        }
        let (kind, body) = body_of(&path);
        let body = if route.method == Method::GET { String::new() } else { body };
        let headers = [key[0], ("content-type", kind), ("facility-id", "01999")];
        let reply = gateway.send(route.method.clone(), &path, &headers, Bytes::from(body)).await;
        let what = format!("{} {} ({})", route.method, route.path, reply.status);
        assert_ne!(reply.status, 401, "{what}");
        assert!(!reply.status.is_server_error(), "{what}: {}", String::from_utf8_lossy(&reply.body));
        let own = |entries: Vec<Shown>| -> Vec<Shown> {
            entries.into_iter().filter(|entry| entry.request == reply.header("request-id")).collect()
        };
        if route.deed == Deed::NotRecorded {
            assert!(own(entries(&gateway)).is_empty(), "{what} is not to be recorded");
            continue;
        }
        // What reads is there before the answer is; what acts is closed a moment after.
        assert!(!own(entries(&gateway)).is_empty(), "{what} left nothing");
        let found = until(&format!("{what} to be closed"), async || {
            let found = own(entries(&gateway));
            found.iter().all(|entry| entry.is_closed != Some(false)).then_some(found)
        })
        .await;
        for entry in &found {
            assert_eq!(entry.who, client.id, "{what}");
            assert_eq!((entry.facility.as_str(), entry.origin.as_str()), ("01999", "127.0.0.1"), "{what}");
            assert_eq!(entry.deed, route.deed.name(), "{what}");
        }
        let last = found.last().unwrap();
        match route.deed.manner() {
            Manner::Acts => {
                let phases: Vec<_> = found.iter().map(|entry| entry.phase).collect();
                assert_eq!(phases, ["opened", "closed"], "{what}");
                assert_eq!(last.status, Some(i64::from(reply.status.as_u16())), "{what}");
            }
            Manner::Reads => {
                assert_eq!((found.len(), last.phase), (1, "whole"), "{what}");
                assert_eq!(last.status, Some(i64::from(reply.status.as_u16())), "{what}");
            }
            Manner::InFlow => assert!(!last.code.is_empty(), "{what}"),
            Manner::Not => unreachable!("looked at above"),
        }
        if reply.status.is_success() && route.path.contains("{id}") && !route.path.contains("officers") {
            assert!(path.contains(&last.object) && !last.object.is_empty(), "{what}: {last:?}");
        }
        let is_about_somebody = ["lookups", "histories"].iter().any(|word| last.deed.contains(word));
        assert!(!is_about_somebody || !last.subject.is_empty(), "{what}");
        seen.insert(route.deed.name());
    }
    assert!(seen.len() > 25, "{seen:?}");
    is_whole(&gateway);
}

/// Every function of the façade, with a call that the flow takes or refuses.
#[tokio::test(flavor = "multi_thread")]
async fn every_function_of_the_facade_leaves_its_entry() {
    let listed: Vec<String> = FUNCTIONS
        .iter()
        .filter(|function| matches!(function.does, Does::PassThrough))
        .map(|function| format!("{:?}", function.path))
        .collect();
    let facade = format!("sync_timeout_s = 1\npass_through = [{}]", listed.join(", "));
    let gateway = TestGateway::with(Options { facade: facade.leak(), ..Options::default() }).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let person = asked(&valid_person(64));
    for function in FUNCTIONS {
        let before = entries(&gateway).last().map_or(0, |entry| entry.sequence);
        let keys = [
            ("accessToken", his.access_token.as_str()),
            ("tokenId", &his.id_token),
            ("passwordHash", &his.password),
            ("Username", &his.user),
            ("Password", &his.password),
        ];
        let mut fields = vec![
            ("username", his.user.as_str()),
            ("password", &his.password),
            ("token", &his.access_token),
            ("id_token", &his.id_token),
        ];
        for name in ["maThe", "hoTen", "ngaySinh", "hoTenCb", "cccdCb"] {
            fields.push((name, person[name].as_str().unwrap()));
        }
        his.post(&his.with_query(function.path), &keys, &form(&fields), FORM).await;
        let found: Vec<_> = until(&format!("{} to be closed", function.path), async || {
            let found: Vec<_> = entries(&gateway).into_iter().filter(|entry| entry.sequence > before).collect();
            let is_over = !found.is_empty() && found.iter().all(|entry| entry.is_closed != Some(false));
            is_over.then_some(found)
        })
        .await;
        let deed = function.does.deed();
        let own: Vec<_> = found.iter().filter(|entry| entry.deed == deed.name()).collect();
        let last = own.last().unwrap_or_else(|| panic!("{} left {found:?}", function.path));
        assert!(last.who.starts_with("key_") && last.request.starts_with("req_"), "{last:?}");
        assert_eq!((last.facility.as_str(), last.origin.as_str()), ("01999", "127.0.0.1"), "{}", function.path);
        assert!(!last.code.is_empty() || last.status.is_some(), "{last:?}");
        if matches!(function.does, Does::Ask(_) | Does::AskAsBefore) {
            assert_eq!(last.subject.len(), 64, "{}", function.path);
        }
    }
    is_whole(&gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_answer_came_from_and_what_left_is_told() {
    let gateway = TestGateway::start().await;
    let person = valid_person(65);
    for _ in 0..2 {
        gateway.post("/v1/card-lookups", &question(&person)).await.expect(200);
    }
    let sent = gateway.submit(claim("AUDIT-3", "")).await.expect(202).json();
    gateway.document_in(id(&sent), &["acknowledged"]).await;
    let held = submit_held(&gateway, claim("AUDIT-4", "")).await;
    order(&gateway, id(&held), "cancel").await.expect(200);
    let wrong = gateway.submit("<GIAMDINHHS>").await;
    assert_eq!(wrong.status, 422, "{}", String::from_utf8_lossy(&wrong.body));
    let found = entries(&gateway);
    let told = |deed: &str| -> Vec<(&'static str, String, String)> {
        let own = found.iter().filter(|entry| entry.deed == deed && entry.phase != "opened");
        own.map(|entry| (entry.phase, entry.code.clone(), entry.source.clone())).collect()
    };
    let text = |phase, code: &str, source: &str| (phase, code.to_owned(), source.to_owned());
    assert_eq!(told("card.lookup"), [text("closed", "000", "portal"), text("whole", "000", "cache")]);
    let submitted =
        [text("closed", "accepted", ""), text("closed", "accepted", ""), text("whole", "document.invalid", "")];
    assert_eq!(told("document.submit"), submitted);
    assert_eq!(told("document.cancel"), [text("closed", "", "")]);
    let left: Vec<_> = found.iter().filter(|entry| entry.deed == "document.send").collect();
    assert!(left.iter().all(|entry| entry.object == id(&sent) && entry.who == "gateway"), "{left:?}");
    assert_eq!(left.iter().map(|entry| entry.phase).collect::<Vec<_>>(), ["opened", "closed"]);
    let started: Vec<_> = found.iter().filter(|entry| entry.deed == "configuration.loaded").collect();
    assert_eq!((started.len(), started[0].code.as_str()), (1, "first"));
    assert!(found.iter().any(|entry| entry.deed == "key.add" && entry.who.starts_with("operator")));
}

/// What is asked for a client without a request of his is recorded as his.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_lists_are_recorded_for_who_brought_the_list() {
    let gateway = TestGateway::start().await;
    let rows: Value = (66..69).map(|n| question(&valid_person(n))).collect();
    let list = gateway.post("/v1/card-lookups/batch", &json!({"rows": rows})).await.expect(202).json();
    until("the list to be done", async || {
        let shown = gateway.get(&format!("/v1/card-lookups/batches/{}", id(&list))).await.expect(200).json();
        (shown["trangThai"] == "xong").then_some(())
    })
    .await;
    let found = entries(&gateway);
    let brought = found.iter().find(|entry| entry.deed == "batch.submit").unwrap();
    let asked = found.iter().filter(|entry| entry.deed == "card.lookup" && entry.phase == "opened");
    let asked: Vec<_> = asked.filter(|entry| entry.object == id(&list) && entry.who == brought.who).collect();
    let subjects: BTreeSet<_> = asked.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!((asked.len(), subjects.len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_client_that_reaches_beyond_its_rights_is_recorded() {
    let gateway = TestGateway::start().await;
    let client = gateway.new_client(&["document:read"], &["01999"], &[]).await;
    let bearer = format!("Bearer {}", client.secret);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let before = count(&gateway);
    let body = Bytes::from(question(&valid_person(70)).to_string());
    gateway.send(Method::POST, "/v1/card-lookups", &headers, body).await.expect(403);
    let found = entries(&gateway);
    let last = found.last().unwrap();
    assert_eq!(found.len(), before + 1);
    assert_eq!((last.deed.as_str(), last.who == client.id, last.status), ("card.lookup", true, Some(403)));
    assert_eq!(last.code, "auth.scope_missing");
    // Nobody that is not known can fill the log.
    let nobody = [("authorization", "Bearer lt_test_0000")];
    gateway.send(Method::GET, "/v1/documents", &nobody, Bytes::new()).await.expect(401);
    assert_eq!(count(&gateway), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_on_over_starts_and_is_signed_at_each_stop() {
    let mut gateway = TestGateway::start().await;
    gateway.post("/v1/card-lookups", &question(&valid_person(71))).await.expect(200);
    gateway.restart().await;
    gateway.post("/v1/card-lookups", &question(&valid_person(71))).await.expect(200);
    gateway.stop().await;
    let report = is_whole(&gateway);
    assert_eq!((report.last, report.open), (report.signed_to, 0));
    assert!(report.heads >= 2, "{report:?}");
    let starts: Vec<_> =
        entries(&gateway).into_iter().filter(|e| e.deed == "configuration.loaded").map(|e| e.code).collect();
    assert_eq!(starts, ["first", "same"]);
}

/// Scopes are what routes demand; a route that anybody may use has nobody in it.
#[test]
fn what_is_not_recorded_has_no_person_in_it() {
    for route in ROUTES.iter().filter(|route| route.deed == Deed::NotRecorded) {
        let is_harmless =
            route.access == Access::AnyKey || matches!(route.path, "/v1/scans" | "/v1/facade" | "/v1/incidents");
        assert!(is_harmless, "{} {}", route.method, route.path);
        assert_ne!(route.access, Access::Key(Scope::Admin));
    }
}
