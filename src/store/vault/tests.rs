//! Sealing, opening and hashing, and what becomes of them when keys come and go.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key_file::MasterKey;
use super::*;

fn with_keys(ids: &[u32]) -> Vault {
    let byte = |id: u32| u8::try_from(id).unwrap();
    let keys: Vec<_> = ids.iter().map(|id| MasterKey { id: *id, bytes: Zeroizing::new([byte(*id); 32]) }).collect();
    Vault::of(&KeyFile { hashing: None, keys }, Source::Fixed, None).unwrap()
}

#[test]
fn what_is_sealed_opens_in_its_own_row_only() {
    let vault = Vault::for_tests().unwrap();
    for plain in [&b""[..], b"x", &[0xAB; 100_000]] {
        let sealed = vault.seal("bodies", b"doc_1", plain).unwrap();
        assert_eq!(vault.unseal("bodies", b"doc_1", &sealed).unwrap(), plain);
        for (table, row) in [("bodies", &b"doc_2"[..]), ("attempts", b"doc_1"), ("bodie", b"sdoc_1")] {
            assert!(matches!(vault.unseal(table, row, &sealed), Err(StoreError::Sealed)));
        }
    }
}

#[test]
fn a_changed_or_cut_blob_does_not_open() {
    let vault = with_keys(&[1, 2]);
    let sealed = vault.seal("bodies", b"doc_1", b"content").unwrap();
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(matches!(vault.unseal("bodies", b"doc_1", &changed), Err(StoreError::Sealed)), "byte {place}");
        assert!(vault.unseal("bodies", b"doc_1", &sealed[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn old_rows_open_and_hashes_stay_after_a_new_key_was_added() {
    let (before, after) = (with_keys(&[1]), with_keys(&[1, 2]));
    let sealed = before.seal("bodies", b"doc_1", b"content").unwrap();
    assert_eq!(after.unseal("bodies", b"doc_1", &sealed).unwrap(), b"content");
    assert_eq!(after.keyed_hash("key", &[b"a"]), before.keyed_hash("key", &[b"a"]));
    let newer = after.seal("bodies", b"doc_1", b"content").unwrap();
    assert!(matches!(before.unseal("bodies", b"doc_1", &newer), Err(StoreError::Sealed)));
}

#[test]
fn hashes_differ_by_purpose_and_by_where_parts_end() {
    let vault = Vault::for_tests().unwrap();
    let all = [
        vault.keyed_hash("key", &[b"ab", b"c"]),
        vault.keyed_hash("key", &[b"a", b"bc"]),
        vault.keyed_hash("key", &[b"abc"]),
        vault.keyed_hash("other", &[b"abc"]),
    ];
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(format!("{vault:?}"), "Vault { newest: 1, .. }");
}

#[test]
fn a_blob_names_its_key_and_is_renewed_only_for_another() {
    let (old, new) = (with_keys(&[1]), with_keys(&[1, 2]));
    let sealed = old.seal("t", b"r", b"content").unwrap();
    assert_eq!((key_id(&sealed), key_id(b"\x02\0\0\0\x01"), key_id(b"\x01\0\0")), (Some(1), None, None));
    assert!(matches!(old.renewed("t", b"r", &sealed).unwrap(), Cow::Borrowed(_)));
    let renewed = new.renewed("t", b"r", &sealed).unwrap();
    assert_eq!(key_id(&renewed), Some(2));
    assert_eq!(new.unseal("t", b"r", &renewed).unwrap(), b"content");
    assert!(matches!(new.renewed("t", b"other", &sealed), Err(StoreError::Sealed)));
}

#[test]
fn a_key_added_by_another_process_opens_at_once_and_seals_only_when_it_was_pinned_and_adopted() {
    let (folder, system) = (tempfile::tempdir().unwrap(), System::real());
    let file = folder.path().join("storage.keys");
    let open = || Vault::open(&file, &folder.path().join("none"), &system).unwrap();
    let (tool, gateway) = (open(), open());
    assert!(!gateway.look_again().unwrap());
    assert_eq!(tool.add_key(1, &system).unwrap(), 2);
    assert_eq!(tool.add_key(1, &system).unwrap(), 2, "one that is there already is not added twice");
    assert_eq!(tool.newest_key(), 1);

    let pinned = tool.pinned_to(None).unwrap();
    let sealed = pinned.seal("t", b"r", b"content").unwrap();
    assert_eq!((key_id(&sealed), tool.newest_key()), (Some(2), 1));
    assert_eq!(gateway.unseal("t", b"r", &sealed).unwrap(), b"content", "the key file is read again for it");
    assert_eq!(gateway.newest_key(), 1);
    assert!(gateway.look_again().unwrap());
    gateway.pinned_to(None).unwrap().adopt();
    assert_eq!(gateway.newest_key(), 2);
    assert!(!gateway.look_again().unwrap());
    // A tool that must not be ahead of the gateway seals with the older one.
    assert_eq!(tool.pinned_to(Some(1)).unwrap().newest_key(), 1);
    assert!(tool.pinned_to(Some(3)).is_none());

    assert_eq!(tool.remove_keys(&BTreeSet::from([2])).unwrap(), [1]);
    assert_eq!(open().key_ids(), BTreeSet::from([2]));
    assert_eq!(open().keyed_hash("key", &[b"a"]), tool.keyed_hash("key", &[b"a"]), "hashes outlive the first key");
}

#[test]
fn a_running_process_takes_no_key_file_over_that_does_not_follow_its_own() {
    let (folder, system) = (tempfile::tempdir().unwrap(), System::real());
    let file = folder.path().join("storage.keys");
    let key = |byte: u8| STANDARD.encode([byte; 32]);
    let write = |text: &str| {
        fs::write(file.with_extension("aside"), text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(file.with_extension("aside"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::rename(file.with_extension("aside"), &file).unwrap();
    };
    write(&format!("1 {}\n2 {}\n", key(1), key(2)));
    let vault = Vault::open(&file, &folder.path().join("none"), &system).unwrap();
    let sealed = vault.seal("t", b"r", b"content").unwrap();
    for text in [
        "half".to_owned(),
        format!("1 {}\n", key(1)),
        format!("1 {}\n2 {}\n3 {}\n", key(1), key(9), key(3)),
        format!("1 {}\n2 {}\n3 {}\n", key(9), key(2), key(3)),
        format!("hashing {}\n1 {}\n2 {}\n3 {}\n", key(9), key(1), key(2), key(3)),
    ] {
        write(&text);
        assert!(vault.look_again().is_err(), "{text}");
        assert!(vault.look_again().is_err(), "a fault is told as long as it lasts: {text}");
        assert_eq!(vault.key_ids(), BTreeSet::from([1, 2]));
    }
    fs::remove_file(&file).unwrap();
    assert!(!vault.look_again().unwrap());
    assert_eq!(vault.unseal("t", b"r", &sealed).unwrap(), b"content");
    write(&format!("1 {}\n2 {}\n3 {}\n", key(1), key(2), key(3)));
    assert!(vault.look_again().unwrap());
}
