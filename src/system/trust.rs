//! Whom the gateway trusts where it opens a TLS connection: the public authorities, and those the operator names.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

/// Why trust could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustFault {
    /// The certificate at this place of those named cannot serve as an authority.
    #[error("certificate {0} of the authorities cannot serve as one")]
    Authority(usize),
    /// The TLS library refused its own defaults.
    #[error("the TLS library could not be set up")]
    Library,
}

/// TLS 1.2 and 1.3 to servers that the public authorities or one of `authorities` vouch for, without a certificate of our
/// own.
pub fn client_tls(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, TrustFault> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (place, authority) in authorities.iter().enumerate() {
        roots.add(authority.clone()).map_err(|_| TrustFault::Authority(place))?;
    }
    // The provider is named: which one a process-wide default is must not hang on what else is linked in.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|_| TrustFault::Library)?.with_root_certificates(roots).with_no_client_auth())
}
