//! `keys rotate-storage`: a new key for what is stored, and the end of old ones.

use std::path::PathBuf;

use serde_json::json;

use super::{Place, not_done};
use crate::app::StartError;
use crate::app::storage_keys::{self, Progress, Retired, Rotated};
use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::process::Signals;
use crate::config::Config;
use crate::domain::Bilingual;
use crate::store::rotation::{StorageKeys, TABLES};
use crate::system::System;

/// What is to be done about storage keys.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RotateStorage {
    #[command(flatten)]
    pub(super) place: Place,
    /// Take the keys that no stored row needs any more out of the key file, instead of adding one.
    #[arg(long)]
    retire_old: bool,
    /// Write the keys to this new file, for the operator to encrypt: where they are a credential, which this program never
    /// writes.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn rotate_storage(wish: &RotateStorage, config: &Config, out: &Output) -> Exit {
    let system = System::real();
    match (&config.data.keys_credential, &wish.output) {
        (Some(credential), None) => {
            let name = &credential.name;
            let message = Bilingual::composed(
                format!("khóa là credential {name}, chương trình không ghi được: chọn tệp mới bằng --output"),
                format!("the keys are the credential {name}, which is not written here: name a new file with --output"),
            );
            return out.failure(Exit::Usage, "cli.usage", &message);
        }
        (None, Some(_)) => {
            let message = Bilingual::fixed(
                "--output chỉ dùng khi khóa là credential (keys_credential)",
                "--output is for keys that are a credential (keys_credential)",
            );
            return out.failure(Exit::Usage, "cli.usage", &message);
        }
        _ => {}
    }
    match (wish.retire_old, &wish.output) {
        (true, output) => {
            tell_retired(storage_keys::retire(config, &system, output.as_deref()).await, output.as_ref(), out)
        }
        (false, Some(output)) => match storage_keys::write_new_key(config, &system, output).await {
            Ok(key) => {
                tell_file(output, json!({ "key": key }), out);
                Exit::Done
            }
            Err(error) => not_done(&error, out),
        },
        (false, None) => rotate(config, &system, out).await,
    }
}

async fn rotate(config: &Config, system: &System, out: &Output) -> Exit {
    let mut signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => return not_done(&StartError::Portal(error.to_string()), out),
    };
    let mut last: Option<Progress> = None;
    let mut progress = |progress: &Progress| {
        out.progress(&words(progress, out));
        last = Some(progress.clone());
    };
    let rotated = tokio::select! {
        rotated = storage_keys::rotate(config, system, &mut progress) => Some(rotated),
        () = signals.stop_or_hang_up() => None,
    };
    out.progress("");
    match rotated {
        Some(Ok(Rotated::Done(keys))) => tell_done(&keys, out),
        Some(Ok(Rotated::NotTaken(key))) => {
            let message = Bilingual::composed(
                format!(
                    "khóa {key} đã nằm trong tệp khóa, nhưng gateway đang chạy chưa dùng: nhật ký của nó cho biết vì sao; \
                     sửa rồi chạy lại lệnh này"
                ),
                format!(
                    "key {key} is in the key file, but the running gateway has not taken it: its log says why; mend that \
                     and run this again"
                ),
            );
            out.failure(Exit::Unknown, "keys.not_taken", &message)
        }
        Some(Err(error)) => not_done(&error, out),
        None => {
            let by_gateway = last.is_some_and(|progress| progress.by_gateway);
            let message = match by_gateway {
                true => Bilingual::fixed(
                    "không theo dõi nữa; gateway vẫn niêm phong lại tiếp",
                    "no longer watching; the gateway goes on sealing anew",
                ),
                false => Bilingual::fixed(
                    "đã dừng giữa chừng, không mất gì; gateway làm tiếp khi khởi động, hoặc chạy lại lệnh này",
                    "stopped half-way, nothing is lost; the gateway goes on when it starts, or run this again",
                ),
            };
            out.failure(Exit::Unknown, "keys.interrupted", &message)
        }
    }
}

fn words(progress: &Progress, out: &Output) -> String {
    let who = match progress.by_gateway {
        true => out.wording("gateway đang niêm phong lại", "the gateway seals anew"),
        false => out.wording("đang niêm phong lại", "sealing anew"),
    };
    let Some(rotation) = progress.keys.rotation.as_ref().filter(|rotation| rotation.key == progress.key) else {
        return format!("{who}…");
    };
    let table = rotation.table.as_ref().map(|(name, place)| format!("{name} {place}/{TABLES}")).unwrap_or_default();
    format!("{who}: {table}, {} / {}", rotation.sealed_anew, rotation.looked_at)
}

fn tell_done(keys: &StorageKeys, out: &Output) -> Exit {
    let rotation = keys.rotation.as_ref();
    let (looked_at, sealed_anew) = rotation.map_or((0, 0), |rotation| (rotation.looked_at, rotation.sealed_anew));
    let unreadable = rotation.map_or(0, |rotation| rotation.unreadable);
    if out.wants_json() {
        out.json(&json!({
            "key": keys.newest(),
            "lookedAt": looked_at,
            "sealedAnew": sealed_anew,
            "unreadable": unreadable,
            "needed": keys.needed,
        }));
    } else {
        let (key, vi, en) = (keys.newest(), "dòng đã niêm phong lại với khóa", "rows sealed anew with key");
        out.line(&format!("{sealed_anew} {} {key}", out.wording(vi, en)));
        out.error(out.wording(
            "Sao lưu tệp khóa mới. Bản sao lưu dữ liệu trước lúc này vẫn cần khóa cũ; bỏ khóa cũ: --retire-old.",
            "Back up the new key file. Backups of the data made before now still need the old keys; to be rid of those: \
             --retire-old.",
        ));
    }
    if unreadable == 0 {
        return Exit::Done;
    }
    let message = Bilingual::composed(
        format!(
            "{unreadable} dòng không mở được bằng khóa của chúng (đã bị sửa trên đĩa); khóa cũ được giữ lại vì chúng"
        ),
        format!(
            "{unreadable} rows do not open with the key they name (changed on the disk); the old keys stay for them"
        ),
    );
    out.failure(Exit::Failed, "keys.rows_unreadable", &message)
}

fn tell_retired(retired: Result<Retired, StartError>, output: Option<&PathBuf>, out: &Output) -> Exit {
    let list = |ids: &mut dyn Iterator<Item = u32>| ids.map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    match retired {
        Err(error) => not_done(&error, out),
        Ok(Retired::Needed(keys)) => {
            let newest = keys.newest();
            let old = list(&mut keys.needed.iter().copied().filter(|id| *id != newest));
            let message = Bilingual::composed(
                format!("còn dòng cần khóa {old}; chạy `keys rotate-storage` đến khi xong rồi mới bỏ được"),
                format!("rows still need key {old}; run `keys rotate-storage` to its end first"),
            );
            out.failure(Exit::Failed, "keys.still_needed", &message)
        }
        Ok(Retired::Gone(gone)) => {
            match output.filter(|_| !gone.is_empty()) {
                Some(output) => tell_file(output, json!({ "removed": gone }), out),
                None if out.wants_json() => out.json(&json!({ "removed": gone })),
                None if gone.is_empty() => out.line(out.wording("không có khóa cũ nào", "there are no old keys")),
                None => {
                    let gone = list(&mut gone.iter().copied());
                    out.line(&format!("{} {gone}", out.wording("đã bỏ khóa", "removed key")));
                }
            }
            if !gone.is_empty() {
                out.error(out.wording(
                    "Bản sao lưu dữ liệu trước lần đổi khóa chỉ mở được bằng tệp khóa cũ: giữ bản sao tệp khóa đó, hoặc hủy cả hai.",
                    "Backups of the data from before the rotation open with the old key file only: keep that copy with \
                     them, or destroy both.",
                ));
            }
            Exit::Done
        }
    }
}

/// Tells that a file of keys was written, and what to do with it. The keys themselves are never shown.
fn tell_file(file: &std::path::Path, mut found: serde_json::Value, out: &Output) {
    if out.wants_json() {
        found["file"] = json!(file.display().to_string());
        out.json(&found);
        return;
    }
    out.line(&file.display().to_string());
    out.error(out.wording(
        "Mã hóa tệp này bằng systemd-creds encrypt, thay credential cũ, khởi động lại dịch vụ, rồi hủy tệp (shred -u).",
        "Encrypt this file with systemd-creds encrypt, put it in the credential's place, restart the service, then destroy \
         the file (shred -u).",
    ));
}
