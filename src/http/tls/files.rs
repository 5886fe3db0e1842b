//! Reading PEM files, each fault told with the file's name and what to do.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer};
use zeroize::Zeroizing;

use super::TlsError;

/// Bytes of the largest file read. A revocation list of a national authority runs to some MiB; a wrong path given by
/// mistake, such as a database, is larger.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// Loads the authorities in a PEM file; every certificate in it must be usable as one.
pub fn load_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|source| TlsError::Authority(path.to_owned(), source))?;
    }
    Ok(roots)
}

/// The certificates in a PEM file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let (text, _) = read(path)?;
    match CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::NoCertificate(path.to_owned())),
    }
}

/// The private key in a PEM file, and whether others than its owner and group may read it.
pub(super) fn key(path: &Path) -> Result<(PrivateKeyDer<'static>, bool), TlsError> {
    let (text, mode) = read(path)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        // The group is left in peace: a service's key often belongs to root and the service's group.
        Ok(key) => Ok((key, mode & 0o007 != 0)),
        Err(_) if memchr::memmem::find(&text, b"ENCRYPTED").is_some() => Err(TlsError::EncryptedKey(path.to_owned())),
        Err(_) => Err(TlsError::NoKey(path.to_owned())),
    }
}

/// The revocation lists in a PEM file, at least one, and when the first of them should be renewed.
pub(super) fn revocations(
    path: &Path,
) -> Result<(Vec<CertificateRevocationListDer<'static>>, Option<Timestamp>), TlsError> {
    let (text, _) = read(path)?;
    let wrong = || TlsError::NoRevocations(path.to_owned());
    let lists = CertificateRevocationListDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let lists = lists.ok().filter(|lists| !lists.is_empty()).ok_or_else(wrong)?;
    let mut due: Option<Timestamp> = None;
    for list in &lists {
        let (_, parsed) = CertificateRevocationList::from_der(list).map_err(|_| wrong())?;
        let next = parsed.next_update().and_then(|next| Timestamp::from_second(next.timestamp()).ok());
        due = [due, next].into_iter().flatten().min();
    }
    Ok((lists, due))
}

/// The bytes of a file, wiped when dropped, and its mode.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, u32), TlsError> {
    let unreadable = |source| TlsError::Unreadable(path.to_owned(), source);
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let room = usize::try_from(about.len().min(BYTES_MAX)).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(TlsError::TooLarge(path.to_owned()));
    }
    Ok((bytes, about.permissions().mode()))
}
