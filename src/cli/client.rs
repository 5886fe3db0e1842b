//! A small client of the gateway's own API.
//!
//! HTTPS only, one deadline for the whole exchange, a bound on what is read, no redirects. The key travels in a header
//! marked sensitive and in no message.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::config::Secret;
use crate::domain::{Bilingual, Language};

/// Longer than anything the gateway takes: it waits 60 s at most where it is asked to wait.
const DEADLINE: Duration = Duration::from_secs(90);

/// The largest answer: a document's content, at its default bound.
const REPLY_BYTES_MAX: usize = 64 << 20;

/// Reaches one gateway with one key.
pub(super) struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: HeaderValue,
    language: Language,
}

/// What a request is made of, besides the key.
pub(super) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// How TLS to the gateway is set up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trust<'a> {
    /// Authorities trusted besides the public ones, PEM.
    pub(super) authorities: Option<&'a Path>,
    /// A certificate of the caller's own and its key, PEM.
    pub(super) identity: Option<(&'a Path, &'a Path)>,
}

/// Nobody answered.
#[derive(Debug)]
pub(super) struct Unreachable(pub(super) String);

// === impl Client ===

impl Client {
    /// A client of the gateway at `url` (`https://host[:port]`).
    pub(super) fn new(url: &str, key: &Secret, trust: Trust<'_>, language: Language) -> Result<Self, Bilingual> {
        let base = base_of(url).ok_or_else(|| {
            Bilingual::fixed("--url phải có dạng https://máy[:cổng]", "--url must be https://host[:port]")
        })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.expose().trim())).map_err(|_| {
            Bilingual::fixed("khóa chứa ký tự không dùng được", "the key holds characters that cannot be sent")
        })?;
        authorization.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(Duration::from_secs(10)));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(trust)?)
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, base, authorization, language })
    }

    /// Makes one request. It is never repeated by itself: what may be repeated, the caller knows.
    pub(super) async fn send(&self, ask: Ask) -> Result<Reply, Unreachable> {
        let uri = format!("{}{}", self.base, ask.path);
        let mut request = Request::new(Full::new(ask.body));
        *request.method_mut() = ask.method;
        *request.uri_mut() = uri.parse().map_err(|_| Unreachable("the address cannot be used".into()))?;
        *request.headers_mut() = ask.headers;
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        let language = match self.language {
            Language::Vietnamese => "vi",
            Language::English => "en",
        };
        request.headers_mut().insert(ACCEPT_LANGUAGE, HeaderValue::from_static(language));

        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| Unreachable(chain(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, REPLY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Unreachable(format!("the answer broke off: {error}")))?.to_bytes();
            Ok(Reply { status: head.status, headers: head.headers, body })
        };
        let deadline = DEADLINE.as_secs();
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .unwrap_or_else(|_| Err(Unreachable(format!("no answer within {deadline} s"))))
    }
}

/// `https://host[:port]` without its end slash; `None` if it is anything else.
fn base_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority().filter(|it| !it.as_str().contains('@'))?;
    let bare = uri.scheme_str() == Some("https") && matches!(uri.path(), "" | "/") && uri.query().is_none();
    bare.then(|| format!("https://{authority}"))
}

fn tls(trust: Trust<'_>) -> Result<ClientConfig, Bilingual> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        let path = path.display();
        Bilingual::composed(format!("không đọc được {path}: {error}"), format!("{path} cannot be read: {error}"))
    };
    let refused = |error: rustls::Error| {
        Bilingual::composed(format!("không dùng được chứng thư: {error}"), format!("unusable certificates: {error}"))
    };
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = trust.authorities {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))? {
            roots.add(certificate.map_err(|error| unreadable(path, &error))?).map_err(refused)?;
        }
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(refused)?.with_root_certificates(roots);
    let Some((certificate, key)) = trust.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unreadable(certificate, &error))?;
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    builder.with_client_auth_cert(chain, private_key).map_err(refused)
}

/// An error with its causes: `client error (Connect): … : connection refused`.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

// === impl Ask ===

impl Ask {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(super) fn post(path: impl Into<String>, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut ask = Self { method: Method::POST, path: path.into(), headers: HeaderMap::new(), body: body.into() };
        ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        ask
    }

    pub(super) fn post_json(path: impl Into<String>, body: &Value) -> Self {
        Self::post(path, "application/json", body.to_string())
    }

    /// With a header, if there is a value that a header can hold.
    pub(super) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

// === impl Reply ===

impl Reply {
    /// The JSON of the body; `null` if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_without_a_path_is_an_address() {
        assert_eq!(base_of("https://gw.example:8443/").as_deref(), Some("https://gw.example:8443"));
        assert_eq!(base_of("https://[::1]:8443").as_deref(), Some("https://[::1]:8443"));
        for url in ["http://gw.example", "gw.example", "https://a:b@gw.example", "https://gw.example/v1", ""] {
            assert_eq!(base_of(url), None, "{url}");
        }
    }
}
