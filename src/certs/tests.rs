//! Made certificates, judged by rustls and openssl.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::file::{Existing, write_private, write_public};
use super::*;

fn authority() -> Authority {
    Authority::make("Phòng khám thử", &System::real()).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn an_authority_survives_its_own_text() {
    let system = System::real();
    let kept = authority().pem();
    let again = Authority::from_pem(&kept.certificate, &kept.key, &system).unwrap();
    assert_eq!(again.certificate(), kept.certificate);
    assert_eq!(again.name, "Phòng khám thử");
    let other = authority().pem();
    assert!(matches!(Authority::from_pem(&kept.certificate, &other.key, &system), Err(CertificateError::AuthorityKey)));
    let leaf = again.issue_client("his-1", 30).unwrap();
    assert!(matches!(Authority::from_pem(&leaf.certificate, &leaf.key, &system), Err(CertificateError::Authority(_))));
}

#[test]
fn what_cannot_be_issued_is_refused() {
    let authority = authority();
    assert!(matches!(authority.issue_server(&[], 30), Err(CertificateError::NoNames)));
    for wrong in ["", "khám.vn", "a b", "http://a.vn", "*."] {
        let refused = authority.issue_server(&names(&["a.vn", wrong]), 30);
        assert!(matches!(refused, Err(CertificateError::ServerName(_))), "{wrong:?}");
    }
    assert!(matches!(authority.issue_client("his-1", 0), Err(CertificateError::Days(0))));
    assert!(matches!(authority.issue_client("his-1", LEAF_DAYS_MAX + 1), Err(CertificateError::Days(_))));
    for wrong in ["", "  ", "Phòng khám thử", "a\nb"] {
        assert!(matches!(authority.issue_client(wrong, 30), Err(CertificateError::CommonName(_))), "{wrong:?}");
    }
}

#[test]
fn a_leaf_does_not_outlive_its_authority() {
    let authority = authority();
    let leaf = authority.issue_client("his-1", LEAF_DAYS_MAX).unwrap();
    let der = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    assert!(parsed.validity().not_after.timestamp() <= authority.not_after().as_second());
    assert!(parsed.validity().not_before.timestamp() < System::real().now().as_second() - 3000);
}

#[test]
fn a_key_is_never_shown_by_debug() {
    let authority = authority();
    let shown = format!("{authority:?} {:?}", authority.pem());
    assert!(!shown.contains("PRIVATE"), "{shown}");
}

/// The judge is OpenSSL, in its strict mode, when the machine has it.
#[test]
fn openssl_accepts_what_is_made() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    let server = authority.issue_server(&names(&["gateway.clinic.vn", "*.clinic.vn", "10.0.0.7", "::1"]), 825).unwrap();
    let client = authority.issue_client("his-1", 365).unwrap();
    let list = authority.revocation_list(&[&client.certificate], 30).unwrap();
    let path = |name: &str| folder.path().join(name);
    write_public(&path("ca.pem"), authority.certificate(), Existing::Keep).unwrap();
    write_public(&path("server.pem"), &server.certificate, Existing::Keep).unwrap();
    write_public(&path("client.pem"), &client.certificate, Existing::Keep).unwrap();
    write_public(&path("list.pem"), &list, Existing::Keep).unwrap();
    let verify = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .current_dir(folder.path())
            .args(["verify", "-x509_strict", "-CAfile", "ca.pem"])
            .args(arguments)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for arguments in [
        &["-purpose", "sslserver", "-verify_hostname", "gateway.clinic.vn", "server.pem"][..],
        &["-purpose", "sslserver", "-verify_hostname", "his.clinic.vn", "server.pem"],
        &["-purpose", "sslserver", "-verify_ip", "10.0.0.7", "server.pem"],
        &["-purpose", "sslclient", "client.pem"],
        &["-crl_check", "-CRLfile", "list.pem", "server.pem"],
    ] {
        let (accepted, told) = verify(arguments);
        assert!(accepted, "{arguments:?}: {told}");
    }
    for arguments in [
        &["-purpose", "sslclient", "server.pem"][..],
        &["-purpose", "sslserver", "client.pem"],
        &["-crl_check", "-CRLfile", "list.pem", "client.pem"],
    ] {
        assert!(!verify(arguments).0, "{arguments:?}");
    }
}

#[test]
fn a_private_file_is_private_and_not_overwritten_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    write_private(&path, "one", Existing::Keep).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = write_private(&path, "two", Existing::Keep).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
    // What a crash left aside is in nobody's way.
    std::fs::write(folder.path().join(".server.key.new"), "half").unwrap();
    write_private(&path, "two", Existing::Replace).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
