//! Whoever changes the file is found out, and the first entry that is not as it was is named.

use super::*;
use crate::audit::verify::{Broken, Wrong};

/// Takes the triggers away, as somebody with the file in hand can.
fn tamper(config: &Config, sql: &str) {
    let connection = raw(&config.folder);
    connection
        .execute_batch(
            "DROP TRIGGER entries_stay; DROP TRIGGER entries_last; DROP TRIGGER heads_stay; DROP TRIGGER heads_last;",
        )
        .unwrap();
    connection.execute_batch(sql).unwrap();
}

async fn after(sql: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    a_small_log(&config, &system).await;
    tamper(&config, sql);
    verify(&config)
}

#[tokio::test]
async fn a_change_of_any_column_is_named() {
    for (column, value) in [
        ("at", "at + 1"),
        ("phase", "1"),
        ("opening", "1"),
        ("deed", "'card.lookups'"),
        ("who", "'key_2'"),
        ("request", "''"),
        ("facility", "'01998'"),
        ("subject", "x'00'"),
        ("object", "'doc_1'"),
        ("origin", "'10.0.0.8'"),
        ("status", "status + 1"),
        ("code", "'050'"),
        ("source", "'portal2'"),
        ("hash", "zeroblob(32)"),
        ("hash", "x'00'"),
        ("deed", "'card' || char(0)"),
    ] {
        for sequence in [1, 3, 4] {
            let report = after(&format!("UPDATE entries SET {column} = {value} WHERE sequence = {sequence}")).await;
            let broken = Some(Broken { sequence, wrong: Wrong::Changed });
            assert_eq!(report.broken, broken, "{column} of {sequence}");
            assert_eq!(report.last, sequence - 1, "{column} of {sequence}");
        }
    }
}

#[tokio::test]
async fn what_was_taken_out_is_missed() {
    for sequence in 1..=4 {
        let report = after(&format!("DELETE FROM entries WHERE sequence = {sequence}")).await;
        // The last one is missed because a signed head names it.
        assert_eq!(report.broken, Some(Broken { sequence, wrong: Wrong::Missing }), "{sequence}");
    }
    let renumbered = "DELETE FROM entries WHERE sequence = 1; UPDATE entries SET sequence = sequence - 1";
    assert_eq!(after(renumbered).await.broken, Some(Broken { sequence: 1, wrong: Wrong::Changed }));
    let emptied = after("DELETE FROM entries").await;
    assert_eq!(emptied.broken, Some(Broken { sequence: 1, wrong: Wrong::Missing }));
}

#[tokio::test]
async fn entries_that_changed_places_are_named() {
    let swapped = "UPDATE entries SET sequence = 9 WHERE sequence = 1; UPDATE entries SET sequence = 1 WHERE \
                   sequence = 4; UPDATE entries SET sequence = 4 WHERE sequence = 9";
    assert_eq!(after(swapped).await.broken, Some(Broken { sequence: 1, wrong: Wrong::Changed }));
}

#[tokio::test]
async fn a_cut_a_head_or_a_chain_of_ones_own_making_is_not_believed() {
    let cut = "INSERT INTO cuts SELECT sequence, hash, at, 'x', zeroblob(64) FROM entries WHERE sequence = 2; \
               DELETE FROM entries WHERE sequence <= 2";
    assert_eq!(after(cut).await.broken, Some(Broken { sequence: 3, wrong: Wrong::CutForged }));
    let head =
        "INSERT INTO heads SELECT sequence, 0, hash, at, 'day', 'x', zeroblob(64) FROM entries WHERE sequence = 2";
    assert_eq!(after(head).await.broken, Some(Broken { sequence: 2, wrong: Wrong::HeadForged }));
    let moved = "UPDATE heads SET sequence = 3";
    assert_eq!(after(moved).await.broken, Some(Broken { sequence: 3, wrong: Wrong::HeadForged }));
}

/// Everything up to the first head is written anew, with a right chain: the head does not agree.
#[tokio::test]
async fn a_log_that_was_written_anew_does_not_agree_with_its_heads() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (config, forged) = (Config::new(folder.path()), Config::new(other.path()));
    let (clock, system) = moved();
    a_small_log(&config, &system).await;
    *clock.0.lock().unwrap() = "2026-11-20T09:00:00+07:00".parse().unwrap();
    a_small_log(&forged, &system).await;
    let attach = format!("ATTACH '{}' AS forged;", other.path().join(AUDIT_FILE).display());
    tamper(
        &config,
        &format!("{attach} DELETE FROM main.entries; INSERT INTO main.entries SELECT * FROM forged.entries;"),
    );
    assert_eq!(verify(&config).broken, Some(Broken { sequence: 4, wrong: Wrong::HeadDiffers }));
    // With heads of his own, his key gives him away; and with the key too, a head noted elsewhere does.
    let noted = all(&forged, &Filter::default()).pop().unwrap();
    tamper_again(
        &config,
        &format!("{attach} DELETE FROM main.heads; INSERT INTO main.heads SELECT * FROM forged.heads;"),
    );
    assert_eq!(verify(&config).broken, Some(Broken { sequence: 4, wrong: Wrong::HeadForged }));
    let keys = vec![PublicKey::of_key_file(&forged.key_file).unwrap()];
    let book = Book::open(&config.folder).unwrap();
    let against = |noted| book.verify(&Trust { keys: keys.clone(), noted }).unwrap().broken;
    assert_eq!(against(None), None);
    assert_eq!(against(Some((4, noted.hash))), None);
    assert_eq!(against(Some((4, "00".repeat(32)))), Some(Broken { sequence: 4, wrong: Wrong::NotAsNoted }));
    assert_eq!(against(Some((5, "00".repeat(32)))), Some(Broken { sequence: 5, wrong: Wrong::Missing }));
}

#[tokio::test]
async fn a_head_that_was_taken_out_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    a_small_log(&config, &system).await;
    a_small_log(&config, &system).await;
    assert_eq!(verify(&config).heads, 2);
    tamper(&config, "DELETE FROM heads WHERE sequence = 4");
    assert_eq!(verify(&config).broken, Some(Broken { sequence: 8, wrong: Wrong::HeadMissing }));
}

fn tamper_again(config: &Config, sql: &str) {
    raw(&config.folder).execute_batch(sql).unwrap();
}
