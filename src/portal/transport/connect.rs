//! Opens connections: name resolution, TCP and TLS within one time limit, failures in fixed words.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::CertificateError;
use rustls_pki_types::CertificateDer;
use tokio::time::timeout;
use tower_service::Service;

use crate::portal::Fault;
use crate::portal::config::ConfigError;
use crate::portal::transport::line::{Dial, Dialer, Line};
use crate::system::trust::{self, TrustFault};

/// A connection to the portal.
pub(super) type Stream = MaybeHttpsStream<Line>;

/// Opens connections for both ways of sending.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<Dialer>,
    within: Duration,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unconnected(pub(super) Fault);

impl Connector {
    /// Over TCP, or over the lines that `played` opens.
    pub(super) fn new(
        authorities: &[CertificateDer<'static>],
        within: Duration,
        played: Option<Arc<dyn Dial>>,
    ) -> Result<Self, ConfigError> {
        let tls = trust::client_tls(authorities).map_err(|fault| match fault {
            TrustFault::Authority(place) => ConfigError::Authority(place),
            TrustFault::Library => ConfigError::Tls,
        })?;
        let dialer = played.map_or_else(|| Dialer::Tcp(tcp(within)), Dialer::Played);
        // That plain http goes to loopback only was checked with the configuration.
        let inner =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(dialer);
        Ok(Self { inner, within })
    }

    /// Opens a connection to the host of `target`.
    pub(super) fn connect(&self, target: Uri) -> impl Future<Output = Result<Stream, Unconnected>> + Send + use<> {
        let connecting = self.inner.clone().call(target);
        let within = self.within;
        async move {
            match timeout(within, connecting).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(Unconnected(describe(error.as_ref()))),
                Err(_) => Err(Unconnected(Fault::TimedOut)),
            }
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Unconnected;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Unconnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unconnected>> {
        // Neither the resolver nor the TCP connector below ever makes a caller wait here.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.connect(target))
    }
}

fn tcp(within: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(within));
    tcp
}

/// The innermost cause that is known, in fixed words or as the kind of an I/O error.
fn describe(error: &(dyn Error + 'static)) -> Fault {
    let mut words = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Fault::Unreachable(tls_words(tls).to_owned());
        }
        if let Some(failed) = error.downcast_ref::<io::Error>() {
            if failed.kind() == io::ErrorKind::TimedOut {
                return Fault::TimedOut;
            }
            if !matches!(failed.kind(), io::ErrorKind::Other | io::ErrorKind::InvalidData) {
                words.get_or_insert_with(|| failed.kind().to_string());
            }
            // An I/O error's own payload is not its source.
            if let Some(payload) = failed.get_ref() {
                cause = Some(payload);
                continue;
            }
        } else if error.to_string() == "dns error" {
            // The connector's error type is not public; these are all its words.
            return Fault::Unreachable("the name could not be resolved".to_owned());
        }
        cause = error.source();
    }
    Fault::Unreachable(words.unwrap_or_else(|| "the connection could not be made".to_owned()))
}

fn tls_words(error: &rustls::Error) -> &'static str {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, Revoked, UnknownIssuer};
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            Expired | ExpiredContext { .. } => "TLS: the certificate has expired",
            NotValidForName | NotValidForNameContext { .. } => "TLS: the certificate is for another name",
            UnknownIssuer => "TLS: the certificate's issuer is not trusted",
            Revoked => "TLS: the certificate was revoked",
            _ => "TLS: the certificate is not valid",
        },
        rustls::Error::AlertReceived(_) => "TLS: the portal refused the handshake",
        rustls::Error::PeerIncompatible(_) => "TLS: no common version or cipher",
        rustls::Error::InvalidMessage(_) => "TLS: what answered does not speak TLS",
        _ => "TLS: the handshake failed",
    }
}
