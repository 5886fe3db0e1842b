//! What is read out of a certificate besides what rustls reads itself.

use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The kind of key a certificate vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of any size.
    Rsa,
    /// Elliptic curve, or anything newer.
    Other,
}

/// The client certificate a caller showed, as far as handlers need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// SHA-256 of the certificate's DER bytes: what a client's registration names.
    pub fingerprint_sha256: [u8; 32],
    /// The subject's common name, for people and logs; empty if it has none. At most 64 characters, no control
    /// characters. Anyone an accepted authority signs for can bear any name: never decide by it.
    pub common_name: String,
}

/// Facts of a server certificate.
pub(super) struct Facts {
    pub(super) key: KeyKind,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// The facts of `certificate`; none if it cannot be read.
pub(super) fn facts(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let key = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(_)) => KeyKind::Rsa,
        _ => KeyKind::Other,
    };
    Some(Facts {
        key,
        not_before: Timestamp::from_second(parsed.validity().not_before.timestamp()).unwrap_or(Timestamp::MIN),
        not_after: Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX),
    })
}

impl PeerCertificate {
    /// Reads a certificate that rustls has verified.
    pub fn read(certificate: &CertificateDer<'_>) -> Self {
        let mut fingerprint_sha256 = [0; 32];
        fingerprint_sha256.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
        let parsed = X509Certificate::from_der(certificate).ok();
        let common_name = parsed
            .as_ref()
            .and_then(|(_, parsed)| parsed.subject().iter_common_name().find_map(|name| name.as_str().ok()))
            .unwrap_or_default();
        let common_name = common_name.chars().filter(|c| !c.is_control()).take(64).collect();
        Self { fingerprint_sha256, common_name }
    }
}
