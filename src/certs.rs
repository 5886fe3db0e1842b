//! Making certificates: an authority of the clinic's own, and the server and client certificates it signs.
//!
//! Keys are always ECDSA P-256: every client in the field can use them, from the TLS of Windows Server 2008 R2 to the
//! newest Python, while an RSA certificate shuts old Windows out because rustls has no CBC suites. Extensions follow
//! RFC 5280 closely enough for the strictest verifier met (Python 3.13 with `VERIFY_X509_STRICT`).
//!
//! This module makes text. Putting it on disk safely is [`mod@file`]'s work.

pub mod file;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, DnsName};
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::system::{self, System};

/// Days an authority is valid: ten years, so that it outlives the machines that trust it and is replaced knowingly.
pub const AUTHORITY_DAYS: u32 = 3650;

/// The longest life of a server or client certificate, in days: the life of an authority. Apple's systems accept
/// server certificates of at most 825 days, so that is the number to offer by default.
pub const LEAF_DAYS_MAX: u32 = AUTHORITY_DAYS;

/// Characters of a common name (RFC 5280, `ub-common-name`); OpenSSL refuses to make longer ones.
const COMMON_NAME_CHARS_MAX: usize = 64;

/// How far before the present a certificate begins, so that a client whose clock is slow accepts it at once.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A certificate and its private key, both as PEM text.
#[derive(Clone)]
pub struct Pem {
    /// The certificate, fit to be shown to anyone.
    pub certificate: String,
    /// The private key (PKCS #8). Secret: `Debug` does not show it.
    pub key: String,
}

/// Why a certificate could not be made.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A name was empty, too long, or equal to the authority's own.
    #[error("{0:?} cannot be the name of a certificate: 1 to 64 characters, and not the name of the authority itself")]
    CommonName(String),
    /// A server certificate was asked for without a single name.
    #[error("a server certificate needs at least one DNS name or IP address")]
    NoNames,
    /// A server name is neither a DNS name nor an IP address.
    #[error("{0:?} is neither a DNS name (ASCII, as in clinic.example.vn) nor an IP address")]
    ServerName(String),
    /// The life asked for is outside the bounds.
    #[error("{0} days is outside 1 to {LEAF_DAYS_MAX}")]
    Days(u32),
    /// The authority's certificate cannot be read, or is no authority.
    #[error("the authority's certificate cannot be used: {0}")]
    Authority(&'static str),
    /// The authority's key cannot be read, or belongs to another certificate.
    #[error("the authority's key cannot be used: it is not a PKCS #8 key in PEM, or belongs to another certificate")]
    AuthorityKey,
    /// A certificate to be revoked cannot be read.
    #[error("the certificate to be revoked cannot be read as PEM")]
    Revoked,
    /// The authority's time is over.
    #[error("the authority expired on {0}; make a new one")]
    Expired(Timestamp),
    /// The library refused.
    #[error("the certificate could not be made")]
    Making(#[from] rcgen::Error),
}

/// A certificate authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    name: String,
    certificate: String,
    not_after: Timestamp,
    system: System,
}

impl Authority {
    /// Makes an authority called `name`, valid for [`AUTHORITY_DAYS`]. It signs leaf certificates only, no further
    /// authorities.
    pub fn make(name: &str, system: &System) -> Result<Self, CertificateError> {
        check_common_name(name, None)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let not_after = system::after(system.now(), DAY * AUTHORITY_DAYS);
        let mut params = params(name, not_after, system);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, name: name.to_owned(), certificate, not_after, system: system.clone() })
    }

    /// Takes up an authority made earlier, here or elsewhere, from its certificate and key as PEM text.
    pub fn from_pem(certificate: &str, key: &str, system: &System) -> Result<Self, CertificateError> {
        let unreadable = CertificateError::Authority("it is not a certificate in PEM");
        let Ok(der) = CertificateDer::from_pem_slice(certificate.as_bytes()) else { return Err(unreadable) };
        let Ok((_, parsed)) = X509Certificate::from_der(&der) else { return Err(unreadable) };
        if !parsed.is_ca() {
            return Err(CertificateError::Authority("it is not an authority (basicConstraints lacks CA:TRUE)"));
        }
        let key = KeyPair::from_pem(key).map_err(|_| CertificateError::AuthorityKey)?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(CertificateError::AuthorityKey);
        }
        let name = parsed.subject().iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            certificate: certificate.to_owned(),
            not_after: timestamp(parsed.validity().not_after.timestamp()),
            issuer: Issuer::from_ca_cert_der(&der, key)?,
            system: system.clone(),
        })
    }

    /// The authority's own certificate and key, to be kept.
    pub fn pem(&self) -> Pem {
        Pem { certificate: self.certificate.clone(), key: self.issuer.key().serialize_pem() }
    }

    /// The authority's certificate alone, to be given to those who shall trust it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// When the authority expires.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Makes a server certificate for `names`, each a DNS name (a leading `*.` is allowed) or an IP address, valid for
    /// `days` and never longer than the authority.
    pub fn issue_server(&self, names: &[String], days: u32) -> Result<Pem, CertificateError> {
        let first = names.first().ok_or(CertificateError::NoNames)?;
        let alternatives = names.iter().map(|name| server_name(name)).collect::<Result<_, _>>()?;
        // Clients match the alternative names; the common name is for people, so a long host name may go without.
        let common_name = if first.len() <= COMMON_NAME_CHARS_MAX { first } else { "server" };
        self.issue(common_name, alternatives, ExtendedKeyUsagePurpose::ServerAuth, days)
    }

    /// Makes a client certificate by which `common_name` is known, valid for `days` and never longer than the
    /// authority.
    pub fn issue_client(&self, common_name: &str, days: u32) -> Result<Pem, CertificateError> {
        self.issue(common_name, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, days)
    }

    /// Makes a revocation list (PEM) naming exactly the certificates given as PEM, due for renewal after `days`. A
    /// list replaces the one before it, so it must be made from all certificates ever revoked.
    pub fn revocation_list(&self, revoked: &[&str], days: u32) -> Result<String, CertificateError> {
        check_days(days)?;
        let now = self.system.now();
        let revoked_certs = revoked
            .iter()
            .map(|pem| {
                let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::Revoked)?;
                let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| CertificateError::Revoked)?;
                Ok(RevokedCertParams {
                    serial_number: SerialNumber::from_slice(parsed.raw_serial()),
                    revocation_time: date_time_ymd(1970, 1, 1) + since_epoch(now),
                    reason_code: None,
                    invalidity_date: None,
                })
            })
            .collect::<Result<_, CertificateError>>()?;
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_epoch(before(now, CLOCK_SLACK)),
            next_update: date_time_ymd(1970, 1, 1) + since_epoch(system::after(now, DAY * days)),
            // The time makes each list's number greater than the one before, as RFC 5280 asks, without a counter.
            crl_number: SerialNumber::from_slice(&now.as_millisecond().to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }

    fn issue(
        &self,
        common_name: &str,
        names: Vec<SanType>,
        purpose: ExtendedKeyUsagePurpose,
        days: u32,
    ) -> Result<Pem, CertificateError> {
        // A leaf named like its issuer looks self-signed to OpenSSL, which then refuses the chain.
        check_common_name(common_name, Some(&self.name))?;
        check_days(days)?;
        let now = self.system.now();
        if self.not_after <= now {
            return Err(CertificateError::Expired(self.not_after));
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(common_name, system::after(now, DAY * days).min(self.not_after), &self.system);
        params.is_ca = IsCa::ExplicitNoCa;
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let certificate: Certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("name", &self.name)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pem").field("certificate", &self.certificate).field("key", &"[hidden]").finish()
    }
}

/// What all certificates have in common: name, life, an unguessable serial number, the issuer's key identifier.
fn params(common_name: &str, not_after: Timestamp, system: &System) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    let mut serial = system.random::<16>();
    // A positive number without leading zeroes, as DER wants it.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(before(system.now(), CLOCK_SLACK));
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(not_after);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.use_authority_key_identifier_extension = true;
    params
}

fn server_name(name: &str) -> Result<SanType, CertificateError> {
    let wrong = || CertificateError::ServerName(name.to_owned());
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)).map_err(|_| wrong())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| wrong())?))
}

fn check_common_name(name: &str, issuer: Option<&str>) -> Result<(), CertificateError> {
    let fits = !name.trim().is_empty() && name.chars().count() <= COMMON_NAME_CHARS_MAX;
    if fits && !name.chars().any(char::is_control) && issuer != Some(name) {
        Ok(())
    } else {
        Err(CertificateError::CommonName(name.to_owned()))
    }
}

fn check_days(days: u32) -> Result<(), CertificateError> {
    if (1..=LEAF_DAYS_MAX).contains(&days) { Ok(()) } else { Err(CertificateError::Days(days)) }
}

fn before(instant: Timestamp, span: Duration) -> Timestamp {
    instant.checked_sub(span).unwrap_or(Timestamp::MIN)
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// How long after 1970 `instant` is. rcgen's dates are made by adding this to 1 January 1970, so that
/// the crate their type comes from need not be named here.
fn since_epoch(instant: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(instant.as_second()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
