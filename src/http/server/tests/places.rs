//! Bounds on connections, in all and by source.

use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt;

use super::support::{Ask, H1, Site, answer, tcp, until};
use crate::http::server::Limits;

#[tokio::test]
async fn one_source_cannot_shut_out_the_others() {
    let limits = Limits { connections_max: 300, ..Limits::default() };
    let site = Site::start(limits, Ask::Nothing).await;
    let mut held = Vec::new();
    for _ in 0..512 {
        held.push(tcp("127.0.0.1", site.address).await.unwrap());
    }
    until(|| site.refused.load(Ordering::Relaxed) == 256).await;
    assert_eq!(site.connections.load(Ordering::Relaxed), 256);

    let mut stream = site.connect_from("127.0.0.2", H1, None).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(answer(&mut stream).await.contains("200 OK"));
    assert!(site.connect_from("127.0.0.1", H1, None).await.is_err());

    drop((held, stream));
    site.until_open(0).await;
    assert!(site.get("/", None).await.unwrap().contains("200 OK"));
}
