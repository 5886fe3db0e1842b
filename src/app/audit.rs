//! The audit log as the configuration has it, and the commands that look at it or do something beside the gateway.

use std::sync::Arc;

use super::{StartError, open_vault};
use crate::audit::verify::{Report, Trust};
use crate::audit::{self, About, Audit, AuditError, Book, Deed, Filter, Outcome, PublicKey};
use crate::config::Config;
use crate::domain::CardSubject;
use crate::http::tls::Identity;
use crate::store::{DATABASE_FILE, StoreError, Vault};
use crate::system::System;
use crate::telemetry::AuditMetrics;

impl From<audit::Unavailable> for StartError {
    fn from(error: audit::Unavailable) -> Self {
        Self::Audit(error.into())
    }
}

fn place(config: &Config) -> audit::Config {
    let folder = &config.data.folder;
    let usual = audit::Config::new(folder);
    audit::Config {
        key_file: config.audit.key_file.clone().unwrap_or(usual.key_file.clone()),
        keep_days: config.audit.keep_days,
        ..usual
    }
}

/// Whether there is a log.
pub(super) enum Recording {
    /// As always.
    Kept,
    /// Only for a benchmark.
    NoneForMeasuring,
}

impl Recording {
    /// Opens the log as the gateway does, and records with which configuration it starts.
    pub(super) async fn open(
        self,
        config: &Config,
        vault: &Vault,
        system: &System,
        metrics: &AuditMetrics,
    ) -> Result<Audit, StartError> {
        let audit = match self {
            Self::Kept => Audit::open(&place(config), vault.clone(), system.clone(), metrics.clone())?,
            Self::NoneForMeasuring => Audit::idle_for_measuring(vault.clone(), system.clone()),
        };
        audit.configuration(config.fingerprint()).await?;
        Ok(audit)
    }
}

/// Does what an operator ordered at the command line, with its entry: opened before, closed after.
pub(super) async fn as_operator<T>(
    config: &Config,
    (vault, system): (&Vault, &System),
    (deed, about): (Deed, impl FnOnce(&Audit) -> About),
    work: impl Future<Output = Result<T, StartError>>,
) -> Result<T, StartError> {
    let audit = Audit::open_beside(&place(config), vault.clone(), system.clone())?;
    let entry = audit.trail_of(&operator()).open(deed, about(&audit)).await?;
    let done = work.await;
    entry.close(Outcome::code(if done.is_ok() { "" } else { "failed" }));
    audit.close().await;
    done
}

/// Records what an operator reads at the command line, before he sees it.
pub(super) async fn read_by_operator(
    config: &Config,
    vault: &Vault,
    system: &System,
    deed: Deed,
) -> Result<(), StartError> {
    let audit = Audit::open_beside(&place(config), vault.clone(), system.clone())?;
    let recorded = audit.trail_of(&operator()).record(deed, About::default(), Outcome::done()).await;
    audit.close().await;
    Ok(recorded?)
}

/// The gateway's certificates, to be read again while it serves.
#[derive(Clone)]
pub struct Certificates {
    identity: Arc<Identity>,
    audit: Audit,
}

impl Certificates {
    pub(super) fn new(identity: Arc<Identity>, audit: Audit) -> Self {
        Self { identity, audit }
    }

    /// Reads them again, which is recorded; what cannot be recorded is not done. On a fault the old ones stay in use.
    pub async fn reload(&self) {
        let entry = match self.audit.trail_of(audit::GATEWAY).open(Deed::CertificatesReloaded, About::default()).await {
            Ok(entry) => entry,
            Err(error) => {
                tracing::error!(%error, "certificates were not read again, because that cannot be recorded");
                return;
            }
        };
        let identity = self.identity.clone();
        // Files are read off the threads that serve.
        let outcome = match tokio::task::spawn_blocking(move || identity.reload()).await {
            Ok(Ok(())) => {
                tracing::info!("certificates and revocation lists were read again");
                ""
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "certificates could not be read again; the old ones stay in use");
                "failed"
            }
            Err(error) => {
                tracing::error!(%error, "reading certificates again broke off");
                "broken_off"
            }
        };
        entry.close(Outcome::code(outcome));
    }
}

/// Proves the whole log. Without a key of the caller's own, the gateway's is believed.
pub fn verify(config: &Config, mut trust: Trust) -> Result<Report, AuditError> {
    if trust.keys.is_empty() {
        trust.keys.push(public_key(config)?);
    }
    Book::open(&config.data.folder)?.verify(&trust)
}

/// The public half of the signing key.
pub fn public_key(config: &Config) -> Result<PublicKey, AuditError> {
    PublicKey::of_key_file(&place(config).key_file)
}

/// Opens the log to be searched or exported, and records that it is. `about` is a number of a person or a business key;
/// entries of either are wanted then.
pub async fn read(
    config: &Config,
    system: &System,
    deed: Deed,
    mut filter: Filter,
    about: Option<&str>,
) -> Result<(Book, Filter), StartError> {
    let book = Book::open(&config.data.folder)?;
    if !config.data.folder.join(DATABASE_FILE).is_file() {
        // Opening the vault would make a key, with which nobody is found.
        return Err(super::store_failed(config, StoreError::Failed("nothing is stored there yet".to_owned())));
    }
    let vault = open_vault(config, system)?;
    let audit = Audit::open_beside(&place(config), vault, system.clone())?;
    if let Some(about) = about {
        let person = CardSubject::parse(about).ok().map(|subject| audit.person(&subject));
        filter.subjects.extend(person);
        filter.subjects.push(audit.record_of(about.trim()));
        filter.subjects.push(audit.officer(about.trim()));
    }
    let told = About { subject: filter.subjects.first().copied(), ..About::default() };
    let recorded = audit.trail_of(&operator()).record(deed, told, Outcome::done()).await;
    audit.close().await;
    recorded?;
    Ok((book, filter))
}

/// Who sits at the command line: the operating system's name for the account, which nobody can choose as he can a variable
/// of the environment.
fn operator() -> String {
    account().map_or_else(|| "operator".to_owned(), |name| format!("operator:{name}"))
}

#[cfg(unix)]
fn account() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    // A process owns its own entry there.
    let user = std::fs::metadata("/proc/self").ok()?.uid();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == user).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| user.to_string()))
}

#[cfg(not(unix))]
fn account() -> Option<String> {
    None
}
