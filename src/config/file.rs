//! Files that a configuration points to: certificates, keys and secrets. They are looked at when the configuration is
//! read, so that what is wrong with them is told together with everything else.

use std::io::Read;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::config::Credential;
use crate::config::reader::Section;
use crate::config::value::Secret;
use crate::domain::Bilingual;

/// What a PEM file is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pem {
    Certificates,
    PrivateKey,
    RevocationLists,
}

/// The largest file read: a bundle of all public authorities has 250 KiB, a long revocation list a few MiB.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The largest secret: longer than any password, and a file chosen by mistake shows at once.
const SECRET_BYTES_MAX: usize = 1024;

impl Section<'_> {
    /// The path of a PEM file, which is read once to see that it holds what it should.
    pub(super) fn pem_file(&mut self, key: &'static str, pem: Pem) -> Option<PathBuf> {
        let path = self.path(key)?;
        let bytes = self.file_bytes(key, &path)?;
        let found = match pem {
            Pem::Certificates => all_read(CertificateDer::pem_slice_iter(&bytes)),
            Pem::RevocationLists => all_read(CertificateRevocationListDer::pem_slice_iter(&bytes)),
            Pem::PrivateKey => PrivateKeyDer::from_pem_slice(&bytes).is_ok(),
        };
        if !found {
            let (vi, en) = match pem {
                Pem::Certificates => ("chứng thư", "certificate"),
                Pem::PrivateKey => ("khóa riêng", "private key"),
                Pem::RevocationLists => ("danh sách thu hồi", "revocation list"),
            };
            self.fault(
                key,
                "config.not_pem",
                Bilingual::composed(format!("tệp không chứa {vi} dạng PEM"), format!("the file holds no {en} in PEM")),
                Bilingual::fixed(
                    "Tạo bằng `lienthong certs init`, hoặc đổi sang PEM (-----BEGIN …).",
                    "Make one with `lienthong certs init`, or convert it to PEM (-----BEGIN …).",
                ),
            );
        }
        if pem == Pem::PrivateKey {
            self.readable_by_others(key, &path);
        }
        Some(path)
    }

    /// A PEM file that must be there; an empty path after a fault.
    pub(super) fn required_pem_file(&mut self, key: &'static str, pem: Pem) -> PathBuf {
        if !self.has(key) {
            self.missing(key);
        }
        self.pem_file(key, pem).unwrap_or_default()
    }

    /// A secret that stands in exactly one of two places: the file that `file_key` names or the variable that
    /// `variable_key` names. `None` if it stands in neither (which is no fault here) or after a fault.
    pub(super) fn secret(&mut self, file_key: &'static str, variable_key: &'static str) -> Option<Secret> {
        match (self.has(file_key), self.has(variable_key)) {
            (false, false) => return None,
            (true, true) => {
                self.fault(
                    variable_key,
                    "config.two_sources",
                    Bilingual::composed(
                        format!("có cả {file_key} và {variable_key}"),
                        format!("both {file_key} and {variable_key} are given"),
                    ),
                    Bilingual::fixed("Chỉ giữ một trong hai.", "Keep one of the two."),
                );
                return None;
            }
            _ => {}
        }
        if let Some(path) = self.path(file_key) {
            let bytes = self.file_bytes(file_key, &path)?;
            self.readable_by_others(file_key, &path);
            return self.usable_secret(file_key, std::str::from_utf8(&bytes).ok().map(str::to_owned));
        }
        let name = self.text(variable_key)?;
        let Some(value) = (self.report.environment)(&name) else {
            self.fault(
                variable_key,
                "config.variable_missing",
                Bilingual::composed(
                    format!("không có biến môi trường {name}"),
                    format!("the environment variable {name} is not set"),
                ),
                Bilingual::fixed(
                    "Đặt biến này cho dịch vụ, hoặc dùng tệp mật khẩu.",
                    "Set it for the service, or use a password file.",
                ),
            );
            return None;
        };
        self.usable_secret(variable_key, Some(value))
    }

    /// A credential of the platform, in place of the file that `file_key` names.
    pub(super) fn credential(&mut self, key: &'static str, file_key: &'static str) -> Option<Credential> {
        /// Where systemd puts the credentials of a service.
        const FOLDER: &str = "CREDENTIALS_DIRECTORY";
        let name = self.text(key)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
            self.fault(
                key,
                "config.bad_credential",
                Bilingual::fixed("không phải tên credential", "not a credential's name"),
                Bilingual::fixed(
                    "Tên như trong LoadCredentialEncrypted= của systemd, không phải đường dẫn: chữ, số, - _ .",
                    "The name as in systemd's LoadCredentialEncrypted=, not a path: letters, digits, - _ .",
                ),
            );
            return None;
        }
        if self.has(file_key) {
            self.fault(
                key,
                "config.two_sources",
                Bilingual::composed(
                    format!("có cả {file_key} và {key}"),
                    format!("both {file_key} and {key} are given"),
                ),
                Bilingual::fixed("Chỉ giữ một trong hai.", "Keep one of the two."),
            );
            return None;
        }
        let file = (self.report.environment)(FOLDER).map(|folder| Path::new(&folder).join(&name));
        if file.is_none() {
            self.notice(
                key,
                "config.no_credentials",
                Bilingual::fixed(
                    "tiến trình này không được hệ thống giao credential nào",
                    "this process was given no credentials by the system",
                ),
                Bilingual::composed(
                    format!("Chạy dưới systemd, với LoadCredentialEncrypted={name}:… trong unit; nơi khác dùng {file_key}."),
                    format!("Run it under systemd, with LoadCredentialEncrypted={name}:… in the unit; elsewhere use {file_key}."),
                ),
            );
        }
        Some(Credential { name, file })
    }

    fn usable_secret(&self, key: &str, text: Option<String>) -> Option<Secret> {
        let secret = text.map(Secret::new);
        let right = secret.filter(|secret| {
            let text = secret.expose();
            !text.is_empty() && text.len() <= SECRET_BYTES_MAX && !text.contains(char::is_control)
        });
        if right.is_none() {
            self.fault(
                key,
                "config.bad_secret",
                Bilingual::fixed(
                    "bí mật để trống, dài hơn 1024 byte, nhiều dòng, hoặc không phải UTF-8",
                    "the secret is empty, longer than 1024 bytes, on several lines, or not UTF-8",
                ),
                Bilingual::fixed("Ghi mật khẩu trên một dòng duy nhất.", "Write the password on a single line."),
            );
        }
        right
    }

    fn file_bytes(&self, key: &str, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
        match read_bounded(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let (path, kind) = (path.display(), error.kind());
                self.fault(
                    key,
                    "config.file_unreadable",
                    Bilingual::composed(
                        format!("không đọc được tệp {path}: {kind}"),
                        format!("the file {path} cannot be read: {kind}"),
                    ),
                    Bilingual::fixed(
                        "Kiểm tra đường dẫn (tính từ thư mục của tệp cấu hình) và quyền đọc.",
                        "Check the path (relative to the folder of this file) and the right to read it.",
                    ),
                );
                None
            }
        }
    }

    fn readable_by_others(&self, key: &str, path: &Path) {
        if !others_may_read(path) {
            return;
        }
        let path = path.display();
        self.notice(
            key,
            "config.readable_by_others",
            Bilingual::composed(
                format!("tài khoản khác trên máy đọc được {path}"),
                format!("other accounts of this machine may read {path}"),
            ),
            Bilingual::composed(format!("Chạy: chmod 600 {path}"), format!("Run: chmod 600 {path}")),
        );
    }
}

/// Whether there is at least one item, and none that cannot be read.
fn all_read<T, E>(items: impl Iterator<Item = Result<T, E>>) -> bool {
    let mut items = items.peekable();
    items.peek().is_some() && items.all(|item| item.is_ok())
}

/// Reads a whole file, up to the bound. What is beyond a file (a folder, a device that never ends) is an error.
pub(super) fn read_bounded(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    // Access lists of Windows are the administrator's; there is no mode to look at.
    false
}
