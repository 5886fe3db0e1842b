//! Legal holds, forgetting, the disk and the schema, as an operator meets them.

use bytes::Bytes;
use http::Method;
use lienthong::sandbox::Faults;
use serde_json::Value;

use crate::commands::program;
use crate::documents;
use crate::process::{PATIENCE, Site};

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_a_key_are_shown_held_let_go_and_forgotten() {
    let site = Site::new(Faults::default(), 1).await;
    let config = site.path("lienthong.toml").to_str().unwrap().to_owned();
    let mut gateway = site.start().await;
    let admin = program(&[
        "--json",
        "keys",
        "add",
        "--config",
        &config,
        "--name",
        "admin",
        "--scope",
        "admin",
        "--scope",
        "document:read",
        "--facility",
        "79999",
        "--facility",
        "01999",
    ])
    .await;
    let admin: Value = serde_json::from_slice(&admin.stdout).unwrap();
    let key_file = site.path("admin.key");
    std::fs::write(&key_file, admin["key"].as_str().unwrap_or_else(|| panic!("{admin}"))).unwrap();
    let (url, ca) = (format!("https://{}", site.api), site.path("ca.pem"));
    let place = ["--url", &url, "--ca", ca.to_str().unwrap(), "--key-file", key_file.to_str().unwrap()];
    let documents = async |action: &str, rest: &[&str]| {
        let output = program(&[&["--lang", "en", "documents", action][..], &place, rest].concat()).await;
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };

    let body = Bytes::from(documents::claim("HS0000000042"));
    let (status, document) = site.send(Method::POST, "/v1/documents", "application/xml", body).await.unwrap();
    assert_eq!(status, 202, "{document}");
    let id = document["id"].as_str().unwrap();
    let path = format!("/v1/documents/{id}");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while site.get(&path).await["status"] != "acknowledged" {
        assert!(tokio::time::Instant::now() < deadline, "never acknowledged");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // A running gateway knows a new key within a second.
    let named = ["--key", "HS0000000042", "--reason", "Công văn 12"];
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (code, told) = documents("legal-hold", &[&named[..], &["--dry-run"]].concat()).await;
        if code == Some(0) {
            assert!(told.contains(id) && !told.contains("on a legal hold"), "{told}");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{told}");
    }
    let (code, told) = documents("legal-hold", &named).await;
    assert!(code == Some(0) && told.contains("on a legal hold since"), "{told}");
    let (code, told) = documents("forget", &named).await;
    assert!(code == Some(2) && told.contains("document.legal_hold"), "{told}");
    let (_, told) = documents("show", &[id]).await;
    assert!(told.contains("Công văn 12"), "{told}");
    assert_eq!(documents("lift-legal-hold", &[id, "--reason", "x"]).await.0, Some(0));
    let (code, told) = documents("forget", &named).await;
    assert!(code == Some(0) && told.contains("content forgotten"), "{told}");
    let (code, told) = documents("content", &[id]).await;
    assert!(code == Some(2) && told.contains("document.forgotten"), "{told}");

    let checked = program(&["--json", "check", "--config", &config]).await;
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked["disk"]["state"], "ok");
    assert!(checked["disk"]["keptBytes"].as_u64().unwrap() > 0);
    let refused = program(&["--lang", "en", "migrate", "--config", &config]).await;
    assert_eq!(refused.status.code(), Some(2), "a gateway runs");
    gateway.kill().await.unwrap();
    let migrated = program(&["--lang", "en", "migrate", "--config", &config, "--compact"]).await;
    assert_eq!(migrated.status.code(), Some(0), "{}", String::from_utf8_lossy(&migrated.stderr));
    assert!(String::from_utf8(migrated.stdout).unwrap().contains("up to date"));
}
