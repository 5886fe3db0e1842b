//! `token/take`, and what a session is good for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::app;
use lienthong::system::System;
use serde_json::json;

use super::client::{FORM, His, JSON, asked, code, form};
use crate::support::{Options, TestGateway, until, valid_person};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_looks_like_the_portals_and_is_not() {
    let gateway = TestGateway::start().await;
    let his = His::new(&gateway, "01999_BV", &["01999"]).await;
    for (body, kind) in [
        (form(&[("username", &his.user), ("password", &his.password)]), FORM),
        (form(&[("username", &his.user), ("password", &his.password.to_lowercase()), ("maCSKCB", "01999")]), FORM),
        (json!({"username": his.user, "password": his.password}).to_string(), JSON),
    ] {
        let reply = his.post("/API/Token/Take", &[], &body, kind).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
        assert!(reply.header("gateway-request-id").starts_with("req_"));
        assert_eq!(reply.header("gateway-mode"), "test");
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(text.starts_with(r#"{"maKetQua":"200","APIKey":{"access_token":""#), "{text}");
        let key = &reply.json()["APIKey"];
        assert_eq!((&key["token_type"], &key["username"]), (&json!("Bearer"), &json!("01999_BV")));
        assert_eq!(key["id_token"].as_str().unwrap().len(), 36);
        let inner = STANDARD.decode(key["access_token"].as_str().unwrap()).unwrap();
        assert!(String::from_utf8(inner).unwrap().contains(":01999_BV:"));
        let end: jiff::Timestamp = key["expires_in"].as_str().unwrap().parse().unwrap();
        assert!(end > System::real().now());
    }
    assert_eq!(gateway.sandbox.logins(), 0, "the portal has nothing to do with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_sign_in_hears_it_as_from_the_portal() {
    let gateway = TestGateway::start().await;
    let his = His::new(&gateway, "01999_BV", &["01999"]).await;
    let take = async |fields: &[(&str, &str)]| {
        let reply = his.post("/api/token/take", &[], &form(fields), FORM).await.expect(200);
        assert_eq!(reply.json()["APIKey"].is_null(), code(&reply) != "200");
        (code(&reply), reply.header("gateway-problem").to_owned())
    };
    let user = ("username", his.user.as_str());
    let (right, wrong) = (("password", his.password.as_str()), ("password", "5F4DCC3B5AA765D61D8327DEB882CF99"));
    let told = |code: &str, problem: &str| (code.to_owned(), problem.to_owned());
    assert_eq!(take(&[user, wrong]).await, told("401", "auth.wrong_key"));
    assert_eq!(take(&[("username", "79999_BV"), right]).await, told("401", "auth.wrong_key"));
    assert_eq!(take(&[user]).await, told("401", "auth.missing_key"));
    assert_eq!(take(&[]).await, told("401", "auth.missing_key"));
    assert_eq!(take(&[user, right, ("maCSKCB", "79999")]).await, told("402", "facility.not_allowed"));

    // The key of `/v1` opens nothing here, and a user of the façade nothing there.
    assert_eq!(take(&[("username", &gateway.key), ("password", &gateway.key)]).await.0, "401");
    let bearer = format!("Bearer {}", his.password);
    let reply = gateway.send(http::Method::GET, "/v1/documents", &[("authorization", &bearer)], "".into()).await;
    assert_eq!(reply.status, 401);

    // A revoked user is locked.
    let id = app::clients(&gateway.config(), &System::real()).await.unwrap();
    let id = id.iter().find(|client| client.facade_user.is_some()).unwrap().id.clone();
    assert!(app::revoke_client(&gateway.config(), &System::real(), &id).await.unwrap());
    until("the user to be locked", async || (take(&[user, right]).await.0 == "403").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_checked_whole_on_every_call() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let other = His::signed_in(&gateway, "79999_BV", &["79999"]).await;
    let question = asked(&valid_person(0));
    let path = "/api/egw/KQNhanLichSuKCB2024";
    let reply = his.egw(path, &question).await.expect(200);
    assert_eq!(code(&reply), "000");
    let forged = [
        His { access_token: other.access_token.clone(), ..his.clone() },
        His { id_token: other.id_token.clone(), ..his.clone() },
        His { user: other.user.clone(), ..his.clone() },
        His { password: other.password.clone(), ..his.clone() },
        His { user: other.user.clone(), password: other.password.clone(), ..his.clone() },
        His { access_token: String::new(), ..his.clone() },
        His { access_token: format!("AAAA{}", his.access_token), ..his.clone() },
    ];
    for his in &forged {
        let reply = his.egw(path, &question).await.expect(200);
        assert_eq!(code(&reply), "401");
        let reply = his.mcct(&question).await.expect(401);
        assert!(reply.body.is_empty());
    }
    assert_eq!(gateway.sandbox.questions().len(), 1, "nothing was asked for a forged session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_restart_and_not_its_user() {
    let mut gateway = TestGateway::start().await;
    let mut his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    gateway.restart().await;
    his.moved_to(&gateway);
    let question = asked(&valid_person(0));
    let path = "/api/egw/KQNhanLichSuKCB2024";
    assert_eq!(code(&his.egw(path, &question).await), "000");

    let clients = app::clients(&gateway.config(), &System::real()).await.unwrap();
    let id = clients.iter().find(|client| client.facade_user.is_some()).unwrap().id.clone();
    app::revoke_client(&gateway.config(), &System::real(), &id).await.unwrap();
    until("the session to end", async || (code(&his.egw(path, &question).await) == "401").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_the_portal_does_not_have() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    for path in ["/", "/api/nothing", "/v1/documents", "/api/egw/guiHoSoGiamDinh4210"] {
        let reply = his.post(&his.with_query(path), &[], "{}", JSON).await.expect(404);
        assert_eq!(reply.header("gateway-problem"), "facade.unknown_path", "{path}");
    }
    assert!(gateway.sandbox.submissions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_live_mode_it_is_off_until_switched_on() {
    let gateway = TestGateway::with(Options { live: Some("\"claim\""), ..Options::default() }).await;
    assert!(gateway.facade().is_none());
    let told = gateway.get("/v1/facade").await.expect(200).json();
    assert_eq!(told["enabled"], json!(false));
    let switched = Options { live: Some("\"claim\""), facade: "enabled = true", ..Options::default() };
    assert!(TestGateway::with(switched).await.facade().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_passwords_is_not_looked_at_for_a_while() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    // A system with an old password is no guesser, however often it tries.
    let old = His { password: "0".repeat(32), ..his.clone() };
    for _ in 0..100 {
        assert_eq!(old.take_token().await.expect(200).header("gateway-problem"), "auth.wrong_key");
    }
    let guesses = std::sync::atomic::AtomicUsize::new(0);
    let neighbour = His::new(&gateway, "79999_BV", &["79999"]).await;
    let problem = until("the door to be shut", async || {
        let guess = guesses.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let reply = His { password: format!("{guess:032x}"), ..his.clone() }.take_token().await.expect(200);
        assert_eq!(code(&reply), "401");
        let problem = reply.header("gateway-problem").to_owned();
        (problem != "auth.wrong_key").then_some(problem)
    })
    .await;
    assert_eq!(problem, "facade.too_many_failures");
    // Not even with the right one, or guessing would only be slower to tell; a session in hand goes on, others come in.
    assert_eq!(code(&his.take_token().await), "401");
    assert_eq!(code(&his.egw("/api/egw/KQNhanLichSuKCB2024", &asked(&valid_person(0))).await), "000");
    assert_eq!(code(&neighbour.take_token().await), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_is_kept_to_in_each_familys_words() {
    let options = Options { facade: "sync_timeout_s = 1", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let mut reader = His::with_scopes(&gateway, "01999_BV", &["01999"], &["document:read"]).await;
    reader.sign_in().await;
    let question = asked(&valid_person(0));
    let refused = reader.egw("/api/egw/KQNhanLichSuKCB2024", &question).await.expect(403);
    assert_eq!((code(&refused).as_str(), refused.header("gateway-problem")), ("401", "auth.scope_missing"));
    assert!(reader.mcct(&question).await.expect(401).body.is_empty());
    let claim = super::submissions::send(&reader, "/api/qd130/guiHoSoXmlQD3176", "130", "01999", "x").await;
    assert_eq!(code(&claim.expect(200)), "403");
    assert_eq!(code(&reader.gksk("{}").await.expect(200)), "0");

    // From an address that is not on its list: as good as locked.
    let elsewhere = His::from(&gateway, "79999_BV", "10.99.99.99").await;
    let refused = elsewhere.take_token().await.expect(200);
    assert_eq!((code(&refused).as_str(), refused.header("gateway-problem")), ("403", "auth.wrong_address"));

    // Its quota is spent: that is told as a fault of the server's, with the time to wait.
    let mut slow = His::with_quota(&gateway, "48999_BV", 2).await;
    slow.sign_in().await;
    let refused = until("the quota to be spent", async || {
        let reply = slow.egw("/api/egw/KQNhanLichSuKCB2024", &question).await.expect(200);
        (reply.header("gateway-problem") == "quota.exceeded").then_some(reply)
    })
    .await;
    assert_eq!(code(&refused), "101");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn slashes_of_a_base_url_and_letters_of_a_path_do_not_matter() {
    let gateway = TestGateway::start().await;
    let his = His::new(&gateway, "01999_BV", &["01999"]).await;
    for path in ["//api/token/take", "/api/token/take/", "/Api/TOKEN/Take"] {
        let fields = form(&[("username", &his.user), ("password", &his.password)]);
        assert_eq!(code(&his.post(path, &[], &fields, FORM).await.expect(200)), "200", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_with_the_apis_certificate_if_told_to() {
    let gateway = TestGateway::with(Options { facade: "tls = true", ..Options::default() }).await;
    let client = crate::https::https_client(gateway.authority().certificate());
    let request = http::Request::post(format!("https://{}/api/token/take", gateway.facade().unwrap()))
        .header("content-type", FORM)
        .body(http_body_util::Full::new(bytes::Bytes::from("username=a&password=b")))
        .unwrap();
    let reply = crate::support::read(client.request(request).await.unwrap()).await.expect(200);
    assert_eq!(code(&reply), "401");
}
