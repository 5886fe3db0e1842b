//! A real file system that is full, and one that is read-only, where this machine lets the test mount one. Where it does
//! not, the row says so; `faults.rs` shows the same with the library.

use std::path::{Path, PathBuf};
use std::process::Command;

use lienthong::sandbox::Faults;

use crate::matrix::Matrix;
use crate::site::{Answer, Document, Site};

/// Large enough for an empty gateway and a few hundred documents.
const SIZE: &str = "size=12m";

/// A mounted file system; gone with this value.
struct Mounted(PathBuf);

// === impl Mounted ===

impl Mounted {
    /// `Err` with the system's words where it may not.
    fn new(folder: &Path) -> Result<Self, String> {
        std::fs::create_dir(folder).unwrap();
        mount(&["-t", "tmpfs", "-o", SIZE, "tmpfs"], folder).map(|()| Self(folder.to_owned()))
    }

    fn again(&self, how: &str) {
        mount(&["-o", &format!("remount,{how}")], &self.0).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn mount(how: &[&str], folder: &Path) -> Result<(), String> {
    let done = Command::new("mount").args(how).arg(folder).output().map_err(|error| error.to_string())?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_real_file_system_that_is_full_or_read_only() {
    let mut matrix = Matrix::new("a real file system");
    let mut site = Site::new(false, Faults::default()).await;
    let data = site.path("data");
    let mounted = match Mounted::new(&data) {
        Ok(mounted) => mounted,
        Err(why) => {
            let why = why.lines().next().unwrap_or_default().to_owned();
            matrix.row(
                "a full and a read-only tmpfs",
                "mount",
                format!("not tried here: this machine mounts nothing for the test ({why})"),
            );
            matrix.print();
            return;
        }
    };
    site.take_key().await;
    let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    let mut ledger = Vec::new();
    for number in 0..6 {
        let document = Document::new(number);
        ledger.push((document.clone(), site.submit_until_kept(&document).await));
    }
    // Somebody else fills the disk; what room is left is filled with documents.
    let filler = data.join("filler");
    fill(&filler);
    let refused = loop {
        let document = Document::new(ledger.len());
        match site.submit(&document).await {
            Answer::Kept(id) => ledger.push((document, id)),
            Answer::Refused(status, code) => break (status, code),
            Answer::None => panic!("no answer"),
        }
        assert!(ledger.len() < 5_000, "the disk was never full");
    };
    // The audit log is written first, so it is often what finds no room.
    let expected = [(507, "store.full"), (503, "store.failed"), (503, "audit.unavailable")];
    assert!(expected.contains(&(refused.0, refused.1.as_str())), "{refused:?}");
    let (status, told) = gateway.ready(&site).await;
    let code = told["reasons"][0]["code"].as_str().unwrap_or_default();
    assert!(status == 503 && ["store.full", "audit.unavailable"].contains(&code), "{told}");
    std::fs::remove_file(&filler).unwrap();
    gateway.until_ready(&site).await;
    let document = Document::new(ledger.len());
    ledger.push((document.clone(), site.submit_until_kept(&document).await));
    for (document, id) in &ledger {
        assert_eq!(site.content(id).await, Some((200, document.body.clone())), "{id}");
    }
    matrix.row(
        "a full tmpfs",
        format!("{} documents", ledger.len()),
        format!(
            "{} {}; /readyz 503 says why; well again by itself when there is room, all there",
            refused.0, refused.1
        ),
    );
    gateway.stop().await;

    mounted.again("ro");
    let ended = site.start().await.err().expect("nothing can be written");
    assert!(ended.code == Some(2) && ended.told.contains("the disk is read-only"), "{ended:?}");
    mounted.again("rw");
    let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    for (document, id) in &ledger {
        assert_eq!(site.content(id).await, Some((200, document.body.clone())), "{id}");
    }
    gateway.stop().await;
    matrix.row(
        "a read-only tmpfs, at the start",
        "start",
        "refused (\"the disk is read-only\", exit code 2); starts when it is writable, all there",
    );
    matrix.print();
}

/// Takes all room there is.
fn fill(file: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(file).unwrap();
    for size in [1 << 16, 1 << 12] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}
