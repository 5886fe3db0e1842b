//! Storage keys are rotated beside a gateway that works, and either of them may be killed at any instant.

use std::collections::{BTreeSet, HashMap};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lienthong::intake::sha256;
use lienthong::sandbox::Faults;
use lienthong::store::{Archive, Vault};
use lienthong::system::System;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::commands::program;
use crate::documents;
use crate::process::{PATIENCE, PROGRAM, Site};

fn rotate(site: &Site) -> Child {
    let config = site.path("lienthong.toml");
    Command::new(PROGRAM)
        .args(["--json", "keys", "rotate-storage", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn rotate_to_the_end(site: &Site) -> Value {
    let config = site.path("lienthong.toml");
    let done = program(&["--json", "keys", "rotate-storage", "--config", config.to_str().unwrap()]).await;
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"))
}

async fn retire(site: &Site) -> (Option<i32>, Value) {
    let config = site.path("lienthong.toml");
    let done =
        program(&["--json", "keys", "rotate-storage", "--retire-old", "--config", config.to_str().unwrap()]).await;
    (done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}")))
}

/// Whether a rotation stands half-way on the disk.
fn is_half_way(site: &Site) -> bool {
    let database = rusqlite::Connection::open(site.path("data").join("gateway.db")).unwrap();
    let found =
        database.query_row("SELECT looked_at > 0 AND ended_at IS NULL FROM storage_rotation", [], |row| row.get(0));
    found.unwrap_or(false)
}

/// Opens everything with the key file, and gives the keys that stored bodies name.
fn opens(site: &Site) -> BTreeSet<u32> {
    let (data, keys) = (site.path("data"), site.path("data").join("storage.keys"));
    let vault = Vault::open(&keys, &data, &System::real()).unwrap();
    let mut count = 0;
    assert_eq!(Archive::open(&data, vault).unwrap().each_sealed(|_, _, _| count += 1).unwrap(), 0, "all opens");
    assert!(count > 100);
    let database = rusqlite::Connection::open(data.join("gateway.db")).unwrap();
    let mut statement = database.prepare("SELECT DISTINCT sealing_key FROM bodies").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

async fn submit(site: &Site, claim: String) -> Option<String> {
    match site.send(Method::POST, "/v1/documents", "application/xml", Bytes::from(claim)).await {
        Some((200 | 202, body)) => Some(body["id"].as_str().expect("an id").to_owned()),
        Some((503, _)) | None => None,
        Some((status, body)) => panic!("{status}: {body}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_cut_short_by_kills_come_to_their_end_and_lose_nothing() {
    /// Kills that must have met a rotation half-way; more are tried until so many have.
    const HALF_WAY: usize = 3;
    const CLAIMS: usize = 400;
    let site = Arc::new(Site::new(Faults::default(), 20_261_122).await);
    let mut gateway = site.start().await;
    let (next, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let (site, next, stop) = (site.clone(), next.clone(), stop.clone());
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let claim = documents::claim(&format!("HS{number:010}"));
                    let digest = sha256(claim.as_bytes());
                    let deadline = tokio::time::Instant::now() + PATIENCE;
                    let id = loop {
                        if let Some(id) = submit(&site, claim.clone()).await {
                            break id;
                        }
                        assert!(tokio::time::Instant::now() < deadline, "a claim was never acknowledged");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    };
                    accepted.push((id, digest));
                    // There are as many as make a rotation last; from then on a few at a time.
                    if number > CLAIMS {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                accepted
            })
        })
        .collect();
    let deadline = tokio::time::Instant::now() + PATIENCE * 5;
    while next.load(Ordering::Relaxed) < CLAIMS {
        assert!(tokio::time::Instant::now() < deadline, "clients are stuck");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let system = System::real();
    let below = |bound: f64| Duration::from_millis((system.chance() * bound) as u64);
    let (mut half_way, mut kills) = (0, 0);
    while half_way < HALF_WAY {
        assert!(tokio::time::Instant::now() < deadline, "no kill meets a rotation: {half_way} of {kills}");
        let mut tool = rotate(&site);
        // Anywhere between the tool's start and, as a rule, the end.
        tokio::time::sleep(below(2_500.0)).await;
        match kills % 3 {
            0 => {
                // The tool alone; the gateway goes on, or has not begun.
                tool.kill().await.unwrap();
            }
            1 => {
                // The gateway; the tool goes on in its place, until it is killed too.
                gateway.kill().await.unwrap();
                tokio::time::sleep(below(200.0)).await;
                tool.kill().await.unwrap();
            }
            _ => {
                gateway.start_kill().unwrap();
                tool.start_kill().unwrap();
                gateway.wait().await.unwrap();
                tool.wait().await.unwrap();
            }
        }
        kills += 1;
        half_way += usize::from(is_half_way(&site));
        if gateway.try_wait().unwrap().is_some() {
            gateway = site.start().await;
        }
    }
    let done = rotate_to_the_end(&site).await;
    stop.store(true, Ordering::Relaxed);
    let mut accepted: HashMap<String, [u8; 32]> = HashMap::new();
    for client in clients {
        accepted.extend(client.await.unwrap());
    }
    // Everything comes to rest.
    let deadline = tokio::time::Instant::now() + PATIENCE * 2;
    for state in ["queued", "sending"] {
        while site.get(&format!("/v1/documents?status={state}&limit=1")).await["data"] != json!([]) {
            assert!(tokio::time::Instant::now() < deadline, "deliveries are stuck");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let (code, retired) = retire(&site).await;
    assert_eq!(code, Some(0), "{retired}");
    let newest = u32::try_from(done["key"].as_u64().unwrap()).unwrap();
    let gone: Vec<u32> = serde_json::from_value(retired["removed"].clone()).unwrap();
    assert_eq!(gone, (1..newest).collect::<Vec<_>>());
    gateway.kill().await.unwrap();
    assert_eq!(opens(&site), BTreeSet::from([newest]));

    // Without the old keys it starts, and has everything that was acknowledged, as it came.
    let mut gateway = site.start().await;
    let held: BTreeSet<[u8; 32]> = site.sandbox.submissions().iter().map(|taken| taken.sha256).collect();
    for (id, digest) in &accepted {
        let document = site.get(&format!("/v1/documents/{id}")).await;
        assert_eq!(document["status"], "acknowledged", "{document}");
        assert!(held.contains(digest), "the portal holds other bytes than were sent");
    }
    println!("{} claims, {kills} kills, {half_way} of them half-way, key {newest} at the end", accepted.len());
    gateway.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_stay_while_rows_need_them_and_a_missing_one_stops_the_start() {
    let site = Site::new(Faults::default(), 8).await;
    let mut gateway = site.start().await;
    for number in 0..40 {
        submit(&site, documents::claim(&format!("HS{number:010}"))).await.expect("kept");
    }
    assert_eq!(retire(&site).await, (Some(0), json!({"removed": []})), "there is nothing old");
    gateway.kill().await.unwrap();
    let keys = site.path("data").join("storage.keys");
    let old = std::fs::read_to_string(&keys).unwrap();

    // Half-way: a row that will not open keeps the old key.
    let database = rusqlite::Connection::open(site.path("data").join("gateway.db")).unwrap();
    let swap = "UPDATE bodies SET body = (SELECT body FROM bodies WHERE document = 2) WHERE document = 1";
    let kept: Vec<u8> = database.query_row("SELECT body FROM bodies WHERE document = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(database.execute(swap, []).unwrap(), 1);
    let config = site.path("lienthong.toml");
    let config = config.to_str().unwrap();
    let done = program(&["--lang", "en", "keys", "rotate-storage", "--config", config]).await;
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("keys.rows_unreadable: 1 rows"), "{told}");
    let (code, told) = retire(&site).await;
    assert_eq!((code, &told["code"]), (Some(2), &json!("keys.still_needed")), "{told}");
    assert!(told["i18n"]["en"].as_str().unwrap().contains("key 1"), "{told}");
    assert_eq!(database.execute("UPDATE bodies SET body = ?1 WHERE document = 1", [kept]).unwrap(), 1);
    drop(database);

    // The old file, from before: the gateway says which key it wants, and touches nothing.
    let whole = std::fs::read_to_string(&keys).unwrap();
    for (text, wanted) in
        [(old, "storage key 2 is missing"), (whole.replacen("\n1 ", "\n# ", 1), "storage key 1 is missing")]
    {
        std::fs::write(&keys, text).unwrap();
        let refused = program(&["--lang", "en", "run", "--config", config]).await;
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains(wanted) && told.contains("restore the key file"), "{told}");
    }
    std::fs::write(&keys, &whole).unwrap();
    // Put right, the next rotation ends well, beside no gateway and without one.
    let done = rotate_to_the_end(&site).await;
    assert_eq!((&done["key"], &done["needed"]), (&json!(3), &json!([3])), "{done}");
    assert_eq!(retire(&site).await, (Some(0), json!({"removed": [1, 2]})));
    let mut gateway = site.start().await;
    assert_eq!(site.get("/v1/documents?limit=500").await["data"].as_array().map(Vec::len), Some(40));
    gateway.kill().await.unwrap();
    assert_eq!(opens(&site), BTreeSet::from([3]));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_credential_store_are_read_and_never_written() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(Faults::default(), 9).await;
    let (data, credentials) = (site.path("data"), site.path("credentials"));
    std::fs::create_dir(&credentials).unwrap();
    let file = credentials.join("storage-keys");
    std::fs::rename(data.join("storage.keys"), &file).unwrap();
    // As systemd leaves it: read-only, for one service, with the mask of its access list in the group's place.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o440)).unwrap();
    let config = site.path("lienthong.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace("folder = \"data\"\n", "folder = \"data\"\nkeys_credential = \"storage-keys\"\n"),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let run = async |arguments: &[&str], with: bool| {
        let mut command = Command::new(PROGRAM);
        command.args(["--lang", "en"]).args(arguments).stdin(Stdio::null());
        if with {
            command.env("CREDENTIALS_DIRECTORY", &credentials);
        }
        let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (code, told) = run(&["keys", "list", "--config", config], false).await;
    assert!(code == Some(2) && told.contains("LoadCredentialEncrypted=storage-keys"), "{told}");
    let (code, told) = run(&["check", "--config", config], false).await;
    assert!(code == Some(0) && told.contains("config.no_credentials"), "{told}");
    let (code, told) = run(&["keys", "list", "--config", config], true).await;
    assert!(code == Some(0) && told.contains("key_"), "{told}");
    assert!(!data.join("storage.keys").exists());

    let (code, told) = run(&["keys", "rotate-storage", "--config", config], true).await;
    assert!(code == Some(1) && told.contains("--output"), "{told}");
    let output = site.path("new.keys");
    let shown = output.to_str().unwrap();
    let rotate = ["keys", "rotate-storage", "--config", config, "--output", shown];
    let before = std::fs::read(&file).unwrap();
    let (code, told) = run(&rotate, true).await;
    assert!(code == Some(0) && told.contains("systemd-creds encrypt"), "{told}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let written = std::fs::read_to_string(&output).unwrap();
    for line in written.lines().filter(|line| !line.starts_with('#')) {
        let secret = line.split_once(' ').unwrap().1;
        assert!(!told.contains(secret), "a key was shown");
    }
    assert_eq!(std::fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, _) = run(&rotate, true).await;
    assert_eq!(code, Some(2), "a file that is there is not written over");

    // What the operator does with it; the gateway then takes it into use by itself.
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&output, &file).unwrap();
    let mut gateway = site.start_with(&[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]).await;
    submit(&site, documents::claim("HS0000000001")).await.expect("kept");
    let retire = ["keys", "rotate-storage", "--config", config, "--retire-old", "--output", shown];
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let told = loop {
        let (code, told) = run(&retire, true).await;
        if code == Some(0) {
            break told;
        }
        assert!(told.contains("keys.still_needed"), "{told}");
        assert!(tokio::time::Instant::now() < deadline, "the gateway does not seal anew: {told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(told.contains("new.keys"), "{told}");
    let ids: Vec<_> = std::fs::read_to_string(&output)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap().0.to_owned())
        .collect();
    assert_eq!(ids, ["hashing", "2"]);
    gateway.kill().await.unwrap();
}
