//! What requests are refused before a handler sees them.

use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;

use super::support::{Ask, H1, Site, answer, exchange, request};
use crate::http::server::Limits;

async fn site() -> Site {
    Site::start(Limits::default(), Ask::Nothing).await
}

#[tokio::test]
async fn both_protocols_are_answered_as_alpn_says() {
    let site = site().await;
    let told = site.get("/peer", None).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 200") && told.ends_with("nobody"), "{told}");
    let mut client = site.http2(65_535).await;
    let response = client.send_request(request("/")).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    // What was settled holds: the preface of HTTP/2 is no request on a connection for HTTP/1.
    let mut stream = site.connect(H1).await;
    let told = exchange(&mut stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!told.contains("200 OK"), "{told}");
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_their_connection_ends() {
    let site = site().await;
    let host = "Host: localhost\r\n";
    for (headers, status) in [
        (format!("{host}Transfer-Encoding: gzip, chunked\r\n"), "400"),
        (format!("{host}Transfer-Encoding: chunked, chunked\r\n"), "400"),
        (format!("{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"),
        (format!("{host}Transfer-Encoding: chunked, identity\r\n"), "400"),
        (format!("{host}Transfer-Encoding: identity\r\n"), "400"),
        (format!("{host}Content-Length: 1\r\nContent-Length: 2\r\n"), "400"),
        (format!("{host}Content-Length: +3\r\n"), "400"),
        (format!("{host}{host}Transfer-Encoding: chunked\r\n"), "400"),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "400"),
        (format!("{host}Expect: 200-ok\r\nTransfer-Encoding: chunked\r\n"), "417"),
    ] {
        let mut stream = site.connect(H1).await;
        // Were the second request answered too, an attacker could hide requests in the bodies of others.
        let bytes = format!("POST / HTTP/1.1\r\n{headers}\r\n0\r\n\r\nGET /peer HTTP/1.1\r\n{host}\r\n");
        let told = exchange(&mut stream, bytes.as_bytes()).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {told}");
        assert_eq!(told.matches("HTTP/1.1").count(), 1, "{headers}: {told}");
    }
}

#[tokio::test]
async fn two_lengths_are_never_followed_by_a_second_request() {
    let site = site().await;
    for lengths in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"]
    {
        let mut stream = site.connect(H1).await;
        let bytes = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n0\r\n\r\nGET /peer HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        let told = exchange(&mut stream, bytes.as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 400"), "{told}");
        assert_eq!(told.matches("HTTP/1.1").count(), 1, "{told}");
    }
}

#[tokio::test]
async fn plain_chunks_and_continue_pass() {
    let site = site().await;
    let mut stream = site.connect(H1).await;
    for headers in ["Transfer-Encoding: Chunked\r\n", "Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n"] {
        let bytes = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n0\r\n\r\n");
        stream.write_all(bytes.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.contains("200 OK"));
        // Whatever the first request left behind, the next one starts clean.
    }
}

#[tokio::test]
async fn oversized_headers_are_refused() {
    let site = site().await;
    let long = format!("X-Long: {}\r\n", "x".repeat(20 << 10));
    let many: String = (0..70).map(|n| format!("X-{n}: 1\r\n")).collect();
    for headers in [long, many] {
        let mut stream = site.connect(H1).await;
        let bytes = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        assert!(exchange(&mut stream, bytes.as_bytes()).await.starts_with("HTTP/1.1 431"));
    }
}

/// Without lingering the kernel would answer the unread bytes with a reset, and a sender that is still at it would
/// never learn why.
#[tokio::test]
async fn a_sender_refused_before_it_ends_hears_why() {
    let site = site().await;
    for _ in 0..20 {
        let mut stream = site.connect(H1).await;
        let bytes = format!("POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", 1 << 30);
        stream.write_all(bytes.as_bytes()).await.unwrap();
        // The answer is there, and the sender goes on sending.
        stream.get_ref().0.readable().await.unwrap();
        for _ in 0..128 {
            stream.write_all(&[b'x'; 16 << 10]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let told = answer(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 413"), "{told}");
    }
}
