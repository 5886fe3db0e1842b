//! The folder of a demo: its configuration, certificates and data, for the owner's eyes only.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::certs::Pem;
use crate::certs::file::{Existing, write_private, write_public};
use crate::sandbox::{ACCOUNT_PASSWORD, default_officers};
use crate::system::System;

/// The folder of a demo. A temporary one is removed when this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    temporary: bool,
}

/// The facilities of the demo: those the samples speak of, and one more.
const FACILITIES: [&str; 6] = ["01999", "40999", "79999", "38999", "48999", "99001"];

/// A claim package of one visit; everybody in it is invented.
pub(super) const CLAIM: &[u8] = include_bytes!("../../../schemas/claim/sample.xml");

impl Folder {
    /// Makes `kept`, or a temporary folder with an unguessable name.
    pub(super) fn make(kept: Option<PathBuf>, system: &System) -> std::io::Result<Self> {
        let temporary = kept.is_none();
        let path = kept.unwrap_or_else(|| std::env::temp_dir().join(system.new_id("lienthong-demo")));
        let mut builder = std::fs::DirBuilder::new();
        // A temporary folder must be new: one that somebody else prepared would be theirs.
        builder.recursive(!temporary);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        // From here on it is ours to remove, whatever fails next.
        let mut folder = Self { path, temporary };
        folder.path = std::path::absolute(&folder.path)?;
        write_public(&folder.file("claim.xml"), &String::from_utf8_lossy(CLAIM), Existing::Replace)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn write_certificates(&self, authority: &str, server: &Pem) -> std::io::Result<()> {
        write_public(&self.file("ca.pem"), authority, Existing::Replace)?;
        write_public(&self.file("server.pem"), &server.certificate, Existing::Replace)?;
        write_private(&self.file("server.key"), &server.key, Existing::Replace)
    }

    /// The header that opens the gateway, as a file for `curl -H @…`: other accounts can read a command line.
    pub(super) fn write_header(&self, key: &str) -> std::io::Result<()> {
        write_private(&self.file("api.header"), &format!("Authorization: Bearer {key}\n"), Existing::Replace)
    }

    /// The configuration of a gateway in front of the sandbox at `portal`.
    /// It listens on these three: API, admin, façade.
    pub(super) fn write_config(&self, portal: &str, listen: [SocketAddr; 3]) -> std::io::Result<PathBuf> {
        let [api, admin, facade] = listen;
        write_private(&self.file("portal.password"), ACCOUNT_PASSWORD, Existing::Replace)?;
        let mut text = format!(
            "# Made by `lienthong demo`; see docs/samples/lienthong.toml for every key.\n\
             mode = \"test\"\n\n\
             [data]\nfolder = \"data\"\n\n\
             [api]\nlisten = \"{api}\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\n\
             [admin]\nlisten = \"{admin}\"\n\n\
             [facade]\nlisten = \"{facade}\"\n\n\
             [portal]\nbase_url = \"{portal}\"\nauthorities = \"ca.pem\"\n\n\
             [incidents]\n# The certificates above live two days, which is no news.\ncertificate_days = 1\n\n\
             [log]\nfilter = \"warn\"\n"
        );
        let officers = default_officers();
        for code in FACILITIES {
            let section = format!("\n[[facility]]\ncode = \"{code}\"\npassword_file = \"portal.password\"\n");
            text.push_str(&section);
            if let Some(officer) = officers.first() {
                let (name, id) = (officer.name.as_str(), officer.national_id.as_str());
                text.push_str(&format!("officer_name = \"{name}\"\nofficer_id = \"{id}\"\n"));
            }
        }
        for (number, officer) in officers.iter().enumerate() {
            let (name, id) = (officer.name.as_str(), officer.national_id.as_str());
            let staff_id = format!("tiepdon{:02}", number + 1);
            let section =
                format!("\n[[officer]]\nstaff_id = \"{staff_id}\"\nname = \"{name}\"\nnational_id = \"{id}\"\n");
            text.push_str(&section);
        }
        let file = self.file("lienthong.toml");
        write_private(&file, &text, Existing::Replace)?;
        Ok(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "the demo's folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Authority;
    use crate::config::Config;

    #[test]
    fn the_demos_configuration_is_right_and_its_folder_goes() {
        let system = System::real();
        let folder = Folder::make(None, &system).unwrap();
        let path = folder.path().to_owned();
        let authority = Authority::make("demo", &system).unwrap();
        let server = authority.issue_server(&["localhost".into()], 1).unwrap();
        folder.write_certificates(&authority.pem().certificate, &server).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let config = Config::load(&folder.write_config("https://127.0.0.1:9443", [any; 3]).unwrap()).unwrap();
        assert_eq!(config.notices(), []);
        assert_eq!(config.facilities.len(), FACILITIES.len());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_was_named_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let kept = parent.path().join("a/b");
        drop(Folder::make(Some(kept.clone()), &System::real()).unwrap());
        assert!(kept.join("claim.xml").exists());
    }
}
