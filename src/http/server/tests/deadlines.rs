//! Slow and silent peers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::support::{Ask, H1, H2, PATIENCE, Site, answer, request, tcp, until_closed};
use crate::http::server::Limits;

const SHORT: Duration = Duration::from_millis(150);
const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Bounds no test reaches, so that only the one under test can be what ended the connection.
fn patient() -> Limits {
    let long = PATIENCE * 10;
    Limits {
        handshake_timeout: long,
        first_bytes_timeout: long,
        header_timeout: long,
        idle_timeout: long,
        write_stall_timeout: long,
        ..Limits::default()
    }
}

async fn site(limits: Limits) -> Site {
    Site::start(limits, Ask::Nothing).await
}

#[tokio::test]
async fn silence_instead_of_a_handshake_is_ended() {
    let site = site(Limits { handshake_timeout: SHORT, ..patient() }).await;
    let mut stream = tcp("127.0.0.1", site.address).await.unwrap();
    until_closed(&mut stream).await;
    site.until_open(0).await;
}

#[tokio::test]
async fn silence_after_the_handshake_is_ended() {
    let site = site(Limits { first_bytes_timeout: SHORT, ..patient() }).await;
    for alpn in [H1, H2] {
        let mut stream = site.connect(alpn).await;
        until_closed(&mut stream).await;
    }
    let mut stream = site.connect(H2).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    until_closed(&mut stream).await;
    site.until_open(0).await;
}

#[tokio::test]
async fn a_header_that_never_ends_is_ended() {
    let site = site(Limits { header_timeout: SHORT, ..patient() }).await;
    let mut stream = site.connect(H1).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    until_closed(&mut stream).await;

    // A second request is bounded like the first, however slowly it drips.
    let mut stream = site.connect(H1).await;
    stream.write_all(HELLO).await.unwrap();
    answer(&mut stream).await;
    let drip = async {
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await?;
        // The wait for a byte that does not come paces the dripping.
        while timeout(Duration::from_millis(10), stream.read_u8()).await.is_err() {
            stream.write_all(b"x").await?;
        }
        std::io::Result::Ok(())
    };
    // Whether reading or writing finds the connection closed is chance.
    drop(timeout(PATIENCE, drip).await.expect("the dripping is cut short"));
    site.until_open(0).await;
}

#[tokio::test]
async fn a_header_deadline_does_not_hurry_the_handler_or_the_pause_between_requests() {
    let site = site(Limits { header_timeout: SHORT, first_bytes_timeout: SHORT, ..patient() }).await;
    let mut stream = site.connect(H1).await;
    stream.write_all(b"GET /gate HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(timeout(SHORT * 3, stream.read_u8()).await.is_err(), "the handler is still at it");
    site.gate.add_permits(1);
    assert!(answer(&mut stream).await.contains("let through"));
    assert!(timeout(SHORT * 3, stream.read_u8()).await.is_err(), "the pause is within its bound");
    stream.write_all(HELLO).await.unwrap();
    assert!(answer(&mut stream).await.contains("hello"));
}

#[tokio::test]
async fn idle_connections_are_ended() {
    let site = site(Limits { idle_timeout: SHORT, ..patient() }).await;
    let mut stream = site.connect(H1).await;
    stream.write_all(HELLO).await.unwrap();
    answer(&mut stream).await;
    until_closed(&mut stream).await;

    let mut client = site.http2(65_535).await;
    client.send_request(request("/")).await.unwrap();
    timeout(PATIENCE, async {
        while client.ready().await.is_ok() {
            tokio::task::yield_now().await
        }
    })
    .await
    .unwrap();
    site.until_open(0).await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_given_up() {
    let site = site(Limits { write_stall_timeout: SHORT, ..patient() }).await;
    let mut stream = site.connect(H1).await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream.read_u8().await.unwrap();
    site.until_open(0).await;
    drop(stream);

    // On HTTP/2 the socket stays in motion; it is the stream's window that is never opened.
    let mut client = site.http2(1000).await;
    let response = client.send_request(request("/large")).await.unwrap();
    site.until_open(0).await;
    drop(response);
}
