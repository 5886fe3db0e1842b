//! Loading and judging identities.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::certs::Authority;
use crate::certs::file::{Existing, write_private, write_public};
use crate::system::System;

fn place(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    write_private(&path, text, Existing::Replace).unwrap();
    path
}

fn files(folder: &Path, authority: &Authority, days: u32) -> Files {
    let server = authority.issue_server(&["localhost".to_owned()], days).unwrap();
    Files {
        certificate: place(folder, "server.pem", &server.certificate),
        key: place(folder, "server.key", &server.key),
        clients: Clients::Off,
    }
}

fn authority() -> Authority {
    Authority::make("test authority", &System::real()).unwrap()
}

#[test]
fn faults_name_the_file_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let good = files(folder.path(), &authority(), 90);
    let stranger = authority().issue_client("stranger", 90).unwrap();
    let told = |files: &Files| {
        let told = Identity::load(files.clone()).unwrap_err().to_string();
        assert!(!told.contains("PRIVATE KEY-----"), "{told}");
        told
    };
    let missing = Files { certificate: folder.path().join("none.pem"), ..good.clone() };
    assert!(told(&missing).contains("none.pem cannot be read"));
    let swapped = Files { certificate: good.key.clone(), ..good.clone() };
    assert!(told(&swapped).contains("server.key holds no certificate"));
    let no_key = Files { key: good.certificate.clone(), ..good.clone() };
    assert!(told(&no_key).contains("server.pem holds no private key"));
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = Files { key: place(folder.path(), "locked.key", locked), ..good.clone() };
    assert!(told(&locked).contains("without a password"));
    let foreign = Files { key: place(folder.path(), "foreign.key", &stranger.key), ..good.clone() };
    assert!(told(&foreign).contains("belong together"));
    let clients = ClientFiles { authorities: good.certificate.clone(), revocations: Some(good.certificate.clone()) };
    let lists = Files { clients: Clients::Required(clients), ..good };
    assert!(told(&lists).contains("no revocation list"));
}

#[test]
fn a_bad_reload_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &authority(), 90);
    let identity = Identity::load(files.clone()).unwrap();
    let (before, changes) = (identity.config(), identity.changes());
    place(folder.path(), "server.pem", "torn");
    assert!(matches!(identity.reload(), Err(TlsError::NoCertificate(_))));
    assert!(Arc::ptr_eq(&before, &identity.config()));
    assert!(!changes.has_changed().unwrap());
}

#[test]
fn notices_tell_of_the_end_and_of_open_keys() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &authority(), 20);
    std::fs::set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
    let identity = Identity::load(files.clone()).unwrap();
    let (now, end) = (System::real().now(), identity.not_after());
    assert_eq!(identity.notices(now), [Notice::ExpiresSoon(end), Notice::KeyReadableByOthers(files.key.clone())]);
    assert!(identity.notices(end).contains(&Notice::Expired(end)));
    std::fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
    identity.reload().unwrap();
    assert_eq!(identity.notices(now), [Notice::ExpiresSoon(end)]);
}

#[test]
fn a_notice_tells_of_rsa() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("rsa.pem"), folder.path().join("rsa.key"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "90"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    // Only OpenSSL makes RSA keys here; without it there is nothing to look at.
    if !made.is_ok_and(|made| made.status.success()) {
        return;
    }
    let identity = Identity::load(Files { certificate, key, clients: Clients::Off }).unwrap();
    assert_eq!(identity.notices(System::real().now()), [Notice::RsaKey]);
}

#[test]
fn a_reload_changes_which_clients_are_accepted() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let authorities = folder.path().join("ca.pem");
    write_public(&authorities, authority.certificate(), Existing::Keep).unwrap();
    let client = authority.issue_client("his-1", 90).unwrap();
    let chain = files::certificates(&place(folder.path(), "client.pem", &client.certificate)).unwrap();
    let list = place(folder.path(), "list.pem", &authority.revocation_list(&[], 1).unwrap());
    let clients = Clients::Required(ClientFiles { authorities, revocations: Some(list) });
    let identity = Identity::load(Files { clients, ..files(folder.path(), &authority, 90) }).unwrap();
    assert!(identity.accepts(&chain));
    assert!(!identity.accepts(&[]));
    place(folder.path(), "list.pem", &authority.revocation_list(&[&client.certificate], 1).unwrap());
    identity.reload().unwrap();
    assert!(!identity.accepts(&chain));
    let later = system::after(System::real().now(), Duration::from_secs(2 * 24 * 3600));
    assert!(matches!(identity.notices(later)[..], [Notice::RevocationsOld(_)]));
}
