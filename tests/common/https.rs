//! A client that trusts one authority, to reach what the tests started.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lienthong::http::tls;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

pub(crate) type HttpsClient = Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>;

/// HTTP/1.1 over TLS, with connections kept.
pub(crate) fn https_client(authority: &str) -> HttpsClient {
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(trusting(authority));
    Client::builder(TokioExecutor::new()).build(connector.https_only().enable_http1().build())
}

/// Trust in this authority (PEM) and no other.
pub(crate) fn trusting(authority: &str) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
