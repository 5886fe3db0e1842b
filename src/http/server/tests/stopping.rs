//! Draining.

use std::sync::atomic::Ordering;

use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::support::{Ask, H1, PATIENCE, Site, answer, request, tcp, until, until_closed};
use crate::http::server::Limits;

const GATE: &[u8] = b"GET /gate HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn stopping_finishes_what_is_in_hand_and_takes_nothing_new() {
    let site = Site::start(Limits::default(), Ask::Nothing).await;
    let mut stream = site.connect(H1).await;
    stream.write_all(GATE).await.unwrap();
    let mut client = site.http2(65_535).await;
    let over_http2 = tokio::spawn(client.send_request(request("/gate")));
    let mut idle = site.connect(H1).await;
    until(|| site.begun.load(Ordering::Relaxed) == 2).await;

    site.stopper.stop();
    until_closed(&mut idle).await;
    assert!(tcp("127.0.0.1", site.address).await.is_err(), "nobody listens any more");
    assert!(!site.served.is_finished(), "requests are in hand");
    site.gate.add_permits(2);
    let told = answer(&mut stream).await;
    assert!(told.contains("let through") && told.to_lowercase().contains("connection: close"), "{told}");
    let response = over_http2.await.unwrap().unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "let through");
    drop(stream);
    timeout(PATIENCE, site.served).await.unwrap().unwrap();
    assert_eq!(site.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn letting_go_drops_what_is_still_in_hand() {
    let site = Site::start(Limits::default(), Ask::Nothing).await;
    let mut stream = site.connect(H1).await;
    stream.write_all(GATE).await.unwrap();
    let mut client = site.http2(65_535).await;
    let over_http2 = tokio::spawn(client.send_request(request("/gate")));
    until(|| site.begun.load(Ordering::Relaxed) == 2).await;

    site.stopper.let_go();
    timeout(PATIENCE, site.served).await.unwrap().unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
    assert!(over_http2.await.unwrap().is_err());
}
