//! Certificates of servers and clients.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::AsyncWriteExt;

use super::support::{Ask, H1, Site, answer, server_certificate, until_closed};
use crate::certs::Authority;
use crate::http::server::Limits;
use crate::system::System;

async fn site(ask: Ask) -> Site {
    Site::start(Limits::default(), ask).await
}

#[tokio::test]
async fn a_reload_serves_the_new_certificate_and_keeps_old_connections() {
    let site = site(Ask::Nothing).await;
    let mut old = site.connect(H1).await;
    let next = server_certificate(&site.authority);
    site.replace("server.pem", &next.certificate);
    site.replace("server.key", &next.key);
    site.identity.reload().unwrap();

    let new = site.connect(H1).await;
    let next = CertificateDer::from_pem_slice(next.certificate.as_bytes()).unwrap();
    assert_eq!(new.get_ref().1.peer_certificates().unwrap()[0], next);
    assert_ne!(old.get_ref().1.peer_certificates().unwrap()[0], next);
    old.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(answer(&mut old).await.contains("200 OK"));
}

#[tokio::test]
async fn a_required_certificate_must_come_from_the_authority() {
    let site = site(Ask::Must).await;
    let known = site.authority.issue_client("his-1", 30).unwrap();
    assert!(site.get("/peer", Some(&known)).await.unwrap().ends_with("certified his-1"));
    assert!(site.get("/peer", None).await.is_err());
    // The same name, another authority.
    let stranger = Authority::make("test authority", &System::real()).unwrap();
    let stranger = stranger.issue_client("his-1", 30).unwrap();
    assert!(site.get("/peer", Some(&stranger)).await.is_err());
    // A server's certificate is none for a client.
    assert!(site.get("/peer", Some(&server_certificate(&site.authority))).await.is_err());
}

#[tokio::test]
async fn an_optional_certificate_may_be_left_out_but_must_be_good() {
    let site = site(Ask::May).await;
    let known = site.authority.issue_client("his-1", 30).unwrap();
    assert!(site.get("/peer", None).await.unwrap().ends_with("nobody"));
    assert!(site.get("/peer", Some(&known)).await.unwrap().ends_with("certified his-1"));
    let stranger = Authority::make("another", &System::real()).unwrap().issue_client("his-1", 30).unwrap();
    assert!(site.get("/peer", Some(&stranger)).await.is_err());
}

#[tokio::test]
async fn a_revoked_client_is_put_out_and_the_others_stay() {
    let site = site(Ask::Must).await;
    let (good, bad) =
        (site.authority.issue_client("his-1", 30).unwrap(), site.authority.issue_client("his-2", 30).unwrap());
    let mut kept = site.connect_from("127.0.0.1", H1, Some(&good)).await.unwrap();
    let mut ended = site.connect_from("127.0.0.1", H1, Some(&bad)).await.unwrap();
    for stream in [&mut kept, &mut ended] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(answer(stream).await.contains("200 OK"));
    }
    site.replace("list.pem", &site.authority.revocation_list(&[&bad.certificate], 1).unwrap());
    site.identity.reload().unwrap();

    until_closed(&mut ended).await;
    assert!(site.get("/", Some(&bad)).await.is_err());
    kept.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(answer(&mut kept).await.contains("200 OK"));
}
