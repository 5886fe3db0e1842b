//! Who the gateway is towards its callers, and which callers' certificates it accepts.
//!
//! An [`Identity`] is loaded from PEM files and can be loaded anew while connections are open: the new one is built
//! and checked whole before it takes the place of the old, so a bad file never takes a serving gateway down. Open
//! connections keep their session; those whose client certificate the new identity no longer accepts are ended by the
//! listener, which follows [`Identity::changes`].
//!
//! The cryptographic provider is aws-lc-rs, named wherever it is needed and never taken from the process.

pub mod certificate;
pub mod files;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use tokio::sync::watch;

use self::certificate::KeyKind;
use crate::system;

/// How long before its end an expiring certificate is spoken of: a month is time enough for a clinic to have a new one
/// signed, with a second monthly look at the warnings in between.
pub const EXPIRY_NOTICE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where the server's identity lies on disk.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's certificate, then those between it and the authority, in PEM.
    pub certificate: PathBuf,
    /// The certificate's private key in PEM, unencrypted.
    pub key: PathBuf,
    /// Whether callers show certificates.
    pub clients: Clients,
}

/// Whether callers show certificates of their own.
#[derive(Clone, Debug)]
pub enum Clients {
    /// They are not asked to.
    Off,
    /// They may; one that shows a certificate must show a good one.
    Optional(ClientFiles),
    /// They must; without a good certificate no connection comes about.
    Required(ClientFiles),
}

/// What callers' certificates are judged by.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// The authorities that sign them, in PEM.
    pub authorities: PathBuf,
    /// Lists of those revoked, in PEM, if there are any. A list past its renewal date still counts: it is better than
    /// none, and the notices tell. An authority without a list revokes nobody.
    pub revocations: Option<PathBuf>,
}

/// Why an identity could not be loaded. The text says which file and what to do; it never holds key bytes.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("{} cannot be read; check that it exists and that the service's user may read it", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// A file is larger than any of its kind.
    #[error("{} is larger than {} MiB, so it is not what it should be", .0.display(), files::BYTES_MAX >> 20)]
    TooLarge(PathBuf),
    /// A file holds no certificate.
    #[error("{} holds no certificate that can be read; it must be PEM text with BEGIN CERTIFICATE", .0.display())]
    NoCertificate(PathBuf),
    /// A file holds no key.
    #[error("{} holds no private key that can be read; it must be PEM text with BEGIN PRIVATE KEY", .0.display())]
    NoKey(PathBuf),
    /// The key is locked with a password.
    #[error("the key in {} is encrypted; write it out without a password: openssl pkey -in old.key -out new.key", .0.display())]
    EncryptedKey(PathBuf),
    /// The key and the certificate do not belong together, or rustls cannot use them.
    #[error("the certificate in {} and the key in {} cannot be used; check that they belong together", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// An authority's certificate is broken.
    #[error("{} holds a certificate that cannot serve as an authority", .0.display())]
    Authority(PathBuf, #[source] rustls::Error),
    /// A file holds no revocation list.
    #[error("{} holds no revocation list that can be read; it must be PEM text with BEGIN X509 CRL", .0.display())]
    NoRevocations(PathBuf),
    /// The authorities and revocation lists cannot be used together.
    #[error("the authorities in {} and their revocation lists cannot be used", .0.display())]
    Clients(PathBuf, #[source] rustls::server::VerifierBuilderError),
    /// The provider refused its own defaults.
    #[error("the TLS library could not be set up")]
    Library(#[from] rustls::Error),
}

/// Something about the identity that works but should be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The certificate's key is RSA.
    RsaKey,
    /// The certificate is not valid yet.
    NotYetValid(Timestamp),
    /// The certificate ends within [`EXPIRY_NOTICE`].
    ExpiresSoon(Timestamp),
    /// The certificate has ended; callers refuse it.
    Expired(Timestamp),
    /// Others than the owner may read the key's file.
    KeyReadableByOthers(PathBuf),
    /// A revocation list should have been renewed by now.
    RevocationsOld(Timestamp),
}

/// The server's certificate and its judgement of clients', as they are now.
pub struct Identity {
    files: Files,
    current: ArcSwap<Loaded>,
    changes: watch::Sender<()>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    key: KeyKind,
    not_before: Timestamp,
    not_after: Timestamp,
    revocations_due: Option<Timestamp>,
    key_readable_by_others: bool,
}

/// The provider of all cryptography in TLS.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

// === impl Identity ===

impl Identity {
    /// Loads the identity. Reads files, so not for an async thread once the gateway serves.
    pub fn load(files: Files) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(Loaded::load(&files)?);
        Ok(Arc::new(Self { files, current, changes: watch::Sender::new(()) }))
    }

    /// Reads the files again. On an error everything stays as it was. Resumption starts afresh, so that a revoked
    /// client cannot come back on a ticket it was given before. Reads files: call it off the async threads.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(Loaded::load(&self.files)?));
        self.changes.send_replace(());
        Ok(())
    }

    /// The configuration for the next connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load().config.clone()
    }

    /// Marks each reload.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Whether a client that showed `chain` (its own certificate first) would still be let in.
    pub fn accepts(&self, chain: &[CertificateDer<'_>]) -> bool {
        let current = self.current.load();
        match (&current.verifier, chain.split_first()) {
            (Some(verifier), Some((leaf, between))) => {
                let now = current.config.time_provider.current_time();
                now.is_some_and(|now| verifier.verify_client_cert(leaf, between, now).is_ok())
            }
            (Some(verifier), None) => !verifier.client_auth_mandatory(),
            (None, _) => true,
        }
    }

    /// The end of the server certificate's life.
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }

    /// What an operator should know about the identity at `now`.
    pub fn notices(&self, now: Timestamp) -> Vec<Notice> {
        let current = self.current.load();
        let mut notices = Vec::new();
        if current.key == KeyKind::Rsa {
            notices.push(Notice::RsaKey);
        }
        if now < current.not_before {
            notices.push(Notice::NotYetValid(current.not_before));
        }
        if current.not_after <= now {
            notices.push(Notice::Expired(current.not_after));
        } else if system::until(now, current.not_after) <= EXPIRY_NOTICE {
            notices.push(Notice::ExpiresSoon(current.not_after));
        }
        if current.key_readable_by_others {
            notices.push(Notice::KeyReadableByOthers(self.files.key.clone()));
        }
        if let Some(due) = current.revocations_due.filter(|due| *due <= now) {
            notices.push(Notice::RevocationsOld(due));
        }
        notices
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("files", &self.files).field("not_after", &self.not_after()).finish()
    }
}

// === impl Loaded ===

impl Loaded {
    fn load(files: &Files) -> Result<Self, TlsError> {
        let provider = provider();
        let chain = files::certificates(&files.certificate)?;
        let facts = chain.first().and_then(|leaf| certificate::facts(leaf));
        let facts = facts.ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
        let (key, key_readable_by_others) = files::key(&files.key)?;

        let (clients, mandatory) = match &files.clients {
            Clients::Off => (None, false),
            Clients::Optional(clients) => (Some(clients), false),
            Clients::Required(clients) => (Some(clients), true),
        };
        let mut revocations_due = None;
        let mut verifier = None;
        if let Some(clients) = clients {
            let roots = files::load_roots(&clients.authorities)?;
            let mut lists = Vec::new();
            if let Some(path) = &clients.revocations {
                (lists, revocations_due) = files::revocations(path)?;
            }
            verifier = Some(client_verifier(clients, roots, lists, mandatory, &provider)?);
        }

        // 1.2 stays beside 1.3 for the system TLS of old Windows; rustls has nothing older.
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|source| TlsError::Unusable {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A returning client spares both sides the signature: a full handshake costs about as much as fifty requests.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self {
            config: Arc::new(config),
            verifier,
            key: facts.key,
            not_before: facts.not_before,
            not_after: facts.not_after,
            revocations_due,
            key_readable_by_others,
        })
    }
}

fn client_verifier(
    clients: &ClientFiles,
    roots: RootCertStore,
    lists: Vec<rustls_pki_types::CertificateRevocationListDer<'static>>,
    mandatory: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(lists)
        // A clinic's authority has no authority above it that would revoke it; and one file of lists need not cover
        // every authority in the other file.
        .only_check_end_entity_revocation()
        .allow_unknown_revocation_status();
    if !mandatory {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|source| TlsError::Clients(clients.authorities.clone(), source))
}

// === impl Notice ===

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaKey => f.write_str(
                "the server certificate has an RSA key: systems on Windows 7, 8.1 and Server 2008 R2 to 2012 R2 cannot \
                 connect; an ECDSA P-256 certificate serves them all",
            ),
            Self::NotYetValid(from) => write!(f, "the server certificate is valid only from {from}"),
            Self::ExpiresSoon(end) => write!(f, "the server certificate expires on {end}; have a new one made"),
            Self::Expired(end) => write!(f, "the server certificate expired on {end}; callers refuse it"),
            Self::KeyReadableByOthers(path) => {
                write!(f, "others may read the key in {}; set its mode to 0600", path.display())
            }
            Self::RevocationsOld(due) => {
                write!(f, "a revocation list of client certificates was due for renewal on {due}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
