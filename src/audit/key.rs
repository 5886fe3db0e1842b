//! The key that signs heads: Ed25519, in a file that only the gateway's account can read. Who has it could sign a log of
//! his own making, so the public key and now and then a head belong in other hands (`docs/OPERATING.md`).

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::AuditError;
use super::record::sha256;
use crate::store::folder;
use crate::system::System;

const HEAD: &str = "# Signs the audit log of this gateway. Keep it from others; what it signed is checked with the public\n\
                    # key (lienthong audit public-key), which belongs with somebody else.\n";

/// Key files are small; more than this is not one.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// Signs heads.
pub(super) struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Checks what a `Signer` signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl Signer {
    /// Reads the key file, or makes it. The flag tells that it was made.
    pub(super) fn read_or_make(file: &Path, system: &System) -> Result<(Self, bool), AuditError> {
        let failed = |error: io::Error| AuditError::Key(format!("{}: {error}", file.display()));
        let is_new = !file.exists();
        if is_new {
            make(file, system).map_err(failed)?;
        }
        let mut text = Zeroizing::new(String::new());
        fs::File::open(file).map_err(failed)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        let signer = Self::parse(&text);
        let signer =
            signer.ok_or_else(|| AuditError::Key(format!("{} is not as the gateway writes it", file.display())))?;
        Ok((signer, is_new))
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
        let seed = Zeroizing::new(STANDARD.decode(line.strip_prefix("ed25519 ")?).ok()?);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let public = PublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl PublicKey {
    /// Reads what [`to_text`](Self::to_text) wrote, also among lines of comment.
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
        let bytes = STANDARD.decode(line.strip_prefix("ed25519-public ")?.trim()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The key of a log, from its key file.
    pub fn of_key_file(file: &Path) -> Result<Self, AuditError> {
        let failed = |error: io::Error| AuditError::Key(format!("{}: {error}", file.display()));
        let mut text = Zeroizing::new(String::new());
        fs::File::open(file).map_err(failed)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        let signer = Signer::parse(&text);
        signer
            .map(|signer| signer.public)
            .ok_or_else(|| AuditError::Key(format!("{} is not as the gateway writes it", file.display())))
    }

    /// The key as text.
    pub fn to_text(&self) -> String {
        format!("ed25519-public {}", STANDARD.encode(self.0))
    }

    /// Names the key: the first eight bytes of its SHA-256.
    pub fn id(&self) -> String {
        sha256(&self.0).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// Writes a key aside, syncs it, and renames it into place. The lock lets two processes start at once: the second finds
/// the first one's file.
fn make(file: &Path, system: &System) -> io::Result<()> {
    let folder_of_file = folder::parent(file);
    folder::create(folder_of_file)?;
    let aside = file.with_extension("new");
    let mut new = folder::open_private(&aside)?;
    new.lock()?;
    if file.exists() {
        // The other process was first; what was opened here is empty, or its renamed file.
        return match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let seed = Zeroizing::new(system.random::<32>());
    let line = Zeroizing::new(format!("{HEAD}ed25519 {}\n", Zeroizing::new(STANDARD.encode(seed.as_slice())).as_str()));
    new.set_len(0)?;
    new.seek(SeekFrom::Start(0))?;
    new.write_all(line.as_bytes())?;
    new.sync_all()?;
    fs::rename(&aside, file)?;
    folder::sync(folder_of_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_private_and_its_public_half_checks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.key");
        let (first, made) = Signer::read_or_make(&file, &System::real()).unwrap();
        let (second, again) = Signer::read_or_make(&file, &System::real()).unwrap();
        assert!(made && !again);
        assert_eq!(first.public(), second.public());
        let read = PublicKey::parse(&format!("# of the gateway\n{}\n", first.public().to_text())).unwrap();
        assert_eq!((&read, read.id().len()), (first.public(), 16));
        assert!(read.has_signed(b"head", &second.sign(b"head")));
        assert!(!read.has_signed(b"tail", &second.sign(b"head")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&file, "ed25519 AAAA\n").unwrap();
        assert!(Signer::read_or_make(&file, &System::real()).is_err());
    }
}
