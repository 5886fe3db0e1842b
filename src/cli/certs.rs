//! `certs`: an authority of the clinic's own, and the certificates it signs.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::certs::file::{Existing, write_private, write_public};
use crate::certs::{Authority, Pem};
use crate::cli::Exit;
use crate::cli::output::Output;
use crate::domain::Bilingual;
use crate::system::System;

/// What `certs` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make an authority, a server certificate and client certificates. What is there already is kept, so that a client
    /// can be added later.
    Init(Init),
}

/// What to make.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Folder for the files; made if it is missing.
    #[arg(long)]
    folder: PathBuf,
    /// Name or address by which callers reach the gateway, besides localhost and the loopback addresses; repeat for
    /// several.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Also make a certificate for this caller; repeat for several.
    #[arg(long = "client", value_name = "NAME", value_parser = client_name)]
    clients: Vec<String>,
}

/// Days of a certificate: the most that Apple's systems accept of a server.
pub(super) const DAYS: u32 = 825;

/// A client's name becomes the name of files.
fn client_name(text: &str) -> Result<String, String> {
    let right = !text.is_empty()
        && text.len() <= 64
        && !text.starts_with('.')
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'));
    if right { Ok(text.to_owned()) } else { Err("A–Z a–z 0–9 - _ .".to_owned()) }
}

pub(super) fn certs(command: &Command, out: &Output) -> Exit {
    let Command::Init(init) = command;
    match make(init, &System::real()) {
        Ok(files) if out.wants_json() => {
            let listed: Vec<_> = files
                .iter()
                .map(|file| json!({ "file": file.path.display().to_string(), "made": file.made }))
                .collect();
            out.json(&json!({ "files": listed }));
            Exit::Done
        }
        Ok(files) => {
            for file in &files {
                let word =
                    if file.made { out.wording("đã tạo", "made") } else { out.wording("giữ nguyên", "kept") };
                out.line(&format!("{word:<11} {}", file.path.display()));
            }
            Exit::Done
        }
        Err(error) => {
            let message =
                Bilingual::composed(format!("không tạo được: {error}"), format!("they could not be made: {error}"));
            out.failure(Exit::Failed, "certs.not_made", &message)
        }
    }
}

struct File {
    path: PathBuf,
    made: bool,
}

fn make(init: &Init, system: &System) -> anyhow::Result<Vec<File>> {
    std::fs::create_dir_all(&init.folder)?;
    let mut files = Vec::new();
    let authority = authority(&init.folder, system, &mut files)?;
    // Tools on the machine itself always reach the gateway by these.
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    names.extend(init.names.iter().filter(|name| !["localhost", "127.0.0.1", "::1"].contains(&name.as_str())).cloned());
    pair(&init.folder, "server", &mut files, || Ok(authority.issue_server(&names, DAYS)?))?;
    for client in &init.clients {
        pair(&init.folder, &format!("client-{client}"), &mut files, || Ok(authority.issue_client(client, DAYS)?))?;
    }
    Ok(files)
}

/// The authority of the folder, or a new one.
fn authority(folder: &Path, system: &System, files: &mut Vec<File>) -> anyhow::Result<Authority> {
    let (certificate, key) = (folder.join("ca.pem"), folder.join("ca.key"));
    if certificate.exists() || key.exists() {
        let read =
            |path: &Path| std::fs::read_to_string(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()));
        let authority = Authority::from_pem(&read(&certificate)?, &read(&key)?, system)?;
        files.extend([certificate, key].map(|path| File { path, made: false }));
        return Ok(authority);
    }
    let authority = Authority::make("Lien Thong CA", system)?;
    write_pair(folder, "ca", &authority.pem(), files)?;
    Ok(authority)
}

fn pair(
    folder: &Path,
    name: &str,
    files: &mut Vec<File>,
    issue: impl FnOnce() -> anyhow::Result<Pem>,
) -> anyhow::Result<()> {
    let paths = [folder.join(format!("{name}.pem")), folder.join(format!("{name}.key"))];
    if paths.iter().all(|path| path.exists()) {
        files.extend(paths.map(|path| File { path, made: false }));
        return Ok(());
    }
    write_pair(folder, name, &issue()?, files)
}

/// The key first: a certificate without its key would look like a finished pair to the eye.
fn write_pair(folder: &Path, name: &str, pem: &Pem, files: &mut Vec<File>) -> anyhow::Result<()> {
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let named = |path: &Path, error: std::io::Error| anyhow::anyhow!("{}: {error}", path.display());
    write_private(&key, &pem.key, Existing::Keep).map_err(|error| named(&key, error))?;
    write_public(&certificate, &pem.certificate, Existing::Keep).map_err(|error| named(&certificate, error))?;
    files.extend([certificate, key].map(|path| File { path, made: true }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_once_is_kept_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let init = |clients: &[&str]| Init {
            folder: folder.path().to_owned(),
            names: vec!["localhost".into()],
            clients: clients.iter().map(|name| (*name).to_owned()).collect(),
        };
        let made = |files: Vec<File>| files.iter().filter(|file| file.made).count();
        assert_eq!(made(make(&init(&[]), &System::real()).unwrap()), 4);
        assert_eq!(made(make(&init(&["his"]), &System::real()).unwrap()), 2);
        assert_eq!(made(make(&init(&["his"]), &System::real()).unwrap()), 0);
    }

    #[test]
    fn a_clients_name_is_fit_for_a_file() {
        assert!(client_name("his-01.local").is_ok());
        for name in ["", "../x", ".x", "a b", "a/b"] {
            assert!(client_name(name).is_err(), "{name}");
        }
    }
}
