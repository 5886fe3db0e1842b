//! Live mode: what is not switched on waits, whoever orders otherwise, and test and live never share a data folder.

use crate::documents::id;
use crate::moves::order;
use crate::samples::{birth, claim};
use crate::support::{Options, TestGateway, question, valid_person};

fn live(kinds: &'static str) -> Options {
    Options { live: Some(kinds), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_switched_on_waits_and_goes_when_it_is() {
    let mut gateway = TestGateway::with(live("\"claim\"")).await;
    let sent = gateway.submit(claim("LK-1", "")).await.expect(202).json();
    gateway.document_in(id(&sent), &["acknowledged"]).await;
    assert_eq!(gateway.get("/v1/documents").await.header("gateway-mode"), "live");

    let held = gateway.submit(birth(1)).await.expect(202).json();
    assert_eq!(
        (held["status"].as_str(), held["deliveries"][0]["reason"].as_str()),
        (Some("held"), Some("sending_off"))
    );
    for what in ["release", "replay"] {
        let refused = order(&gateway, id(&held), what).await.expect(409).json();
        assert_eq!(refused["code"], "document.sending_off", "{what}");
    }
    assert_eq!(gateway.sandbox.submissions().len(), 1);

    gateway.stop().await;
    gateway.switch(live("\"claim\", \"birth-certificate\""));
    gateway.restart().await;
    gateway.document_in(id(&held), &["acknowledged"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_does_not_go_out_any_more() {
    let mut gateway = TestGateway::with(live("\"claim\"")).await;
    gateway.portal_off().await;
    let waiting = gateway.submit(claim("LK-1", "")).await.expect(202).json();
    gateway.stop().await;
    gateway.switch(live(""));
    gateway.portal_on().await;
    gateway.restart().await;
    let held = gateway.document_in(id(&waiting), &["held"]).await;
    assert_eq!(held["deliveries"][0]["reason"], "sending_off");
    assert!(gateway.sandbox.submissions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_test_mode_is_refused_in_live_mode() {
    let mut gateway = TestGateway::start().await;
    gateway.stop().await;
    gateway.switch(live("\"claim\""));
    let refused = gateway.try_start().await.unwrap_err();
    assert!(refused.contains("belongs to mode test"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_mode_asks_nobody_about_the_sandboxs_people() {
    let gateway = TestGateway::with(live("")).await;
    gateway.post("/v1/card-lookups", &question(&valid_person(0))).await.expect(200);
    let magic = serde_json::json!({"maThe": "000080000000", "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
    let refused = gateway.post("/v1/card-lookups", &magic).await.expect(400).json();
    assert_eq!(refused["code"], "card.sandbox_only");
    assert_eq!(gateway.sandbox.questions().len(), 1);
}
