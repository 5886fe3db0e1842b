//! `backup`, `restore` and `migrate`: copies of the data folder, and bringing it up to date.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::output::Output;
use crate::config::{Config, Data};
use crate::domain::Bilingual;
use crate::store::backup::{self, BackupError, Made, Restored, Wish};
use crate::store::{self, KEY_FILE, StoreError};
use crate::system::System;

/// What `backup` takes.
#[derive(Debug, clap::Args)]
pub(super) struct BackUp {
    /// The configuration file of the gateway, which may be running.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder in which the backup's own folder is made, named by the time.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Copy the storage keys too: whoever gets this backup can read everything.
    #[arg(long)]
    with_keys: bool,
}

/// What `restore` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The configuration file of the gateway, which must not be running.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The backup's own folder.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Put aside what is in the data folder now; without it, a folder with databases is refused.
    #[arg(long)]
    replace: bool,
    /// Only verify the backup, and touch nothing.
    #[arg(long)]
    verify: bool,
}

/// What `migrate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// The configuration file of the gateway, which must not be running.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Give free pages of the database back to the disk; takes as much room again meanwhile.
    #[arg(long)]
    compact: bool,
}

pub(super) fn back_up(arguments: &BackUp, out: &Output) -> Exit {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&arguments.config, &faults, out),
    };
    let wish = Wish {
        data_folder: &config.data.folder,
        key_file: &key_file(&config.data),
        with_keys: arguments.with_keys,
        configuration: Some(&arguments.config),
        to: &arguments.to,
        name: "lienthong",
    };
    match backup::back_up(&wish, &System::real()) {
        Ok(made) => tell_backup(&made, out),
        Err(error) => not_done("backup.not_done", &error, out),
    }
}

fn tell_backup(made: &Made, out: &Output) -> Exit {
    let folder = made.folder.display();
    if out.wants_json() {
        out.json(&json!({ "folder": folder.to_string(), "manifest": made.manifest }));
        return Exit::Done;
    }
    for file in &made.manifest.files {
        out.line(&format!("{:<20} {:>14} byte  {}", file.name, file.bytes, file.sha256));
    }
    let keys: Vec<String> = made.manifest.storage_keys.iter().map(u32::to_string).collect();
    let keys = keys.join(", ");
    out.line(&match (out.wording("vi", "en"), made.manifest.with_keys) {
        ("vi", false) => format!("Không kèm khóa; để đọc lại cần khóa số {keys}: sao lưu tệp khóa riêng."),
        ("vi", true) => format!("Có kèm khóa số {keys}: ai có bản này đọc được mọi hồ sơ."),
        (_, false) => format!("Without keys; to read it, keys {keys} are needed: back up the key file apart."),
        (_, true) => format!("With keys {keys}: whoever has this backup can read every document."),
    });
    out.line(&format!("{} {folder}", out.wording("Đã sao lưu và kiểm tra:", "Backed up and verified:")));
    Exit::Done
}

pub(super) fn restore(arguments: &Restore, out: &Output) -> Exit {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&arguments.config, &faults, out),
    };
    if arguments.verify {
        return match backup::verify(&arguments.from) {
            Ok(manifest) if out.wants_json() => {
                out.json(&json!({ "whole": true, "manifest": manifest }));
                Exit::Done
            }
            Ok(_) => {
                out.line(out.wording("bản sao lưu nguyên vẹn", "the backup is whole"));
                Exit::Done
            }
            Err(error) => not_done("restore.not_done", &error, out),
        };
    }
    let (folder, keys) = (&config.data.folder, key_file(&config.data));
    match backup::restore(&arguments.from, folder, &keys, arguments.replace, &System::real()) {
        Ok(restored) => tell_restored(&restored, folder, out),
        Err(error) => not_done("restore.not_done", &error, out),
    }
}

fn tell_restored(restored: &Restored, folder: &Path, out: &Output) -> Exit {
    let put_aside = restored.put_aside.as_ref().map(|path| path.display().to_string());
    if out.wants_json() {
        out.json(&json!({
            "folder": folder.display().to_string(),
            "madeAt": restored.made_at.to_string(),
            "files": restored.files,
            "putAside": put_aside,
            "withKeys": restored.with_keys,
        }));
        return Exit::Done;
    }
    let (folder, made_at) = (folder.display(), restored.made_at);
    out.line(&match out.wording("vi", "en") {
        "vi" => format!("Đã khôi phục {folder} về lúc {made_at}: {}", restored.files.join(", ")),
        _ => format!("Restored {folder} to {made_at}: {}", restored.files.join(", ")),
    });
    if let Some(aside) = put_aside {
        out.line(&format!("{} {aside}", out.wording("Dữ liệu cũ được chuyển sang:", "What was there is in:")));
    }
    out.line(out.wording(
        "Khi gateway chạy lại: hồ sơ đang chờ lúc sao lưu được giữ lại hoặc thành unknown (restored_from_backup), vì có thể đã \
         được gửi từ lúc đó. Xem docs/OPERATING.md.",
        "When the gateway starts: what waited when the backup was made is held or unknown (restored_from_backup), because it \
         may have been sent since. See docs/OPERATING.md.",
    ));
    Exit::Done
}

pub(super) fn migrate(arguments: &Migrate, out: &Output) -> Exit {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&arguments.config, &faults, out),
    };
    let folder = &config.data.folder;
    let migrated = match store::migrate(folder, arguments.compact, &System::real()) {
        Ok(migrated) => migrated,
        Err(error) => {
            let error = BackupError::Store { path: folder.clone(), error };
            return not_done("migrate.not_done", &error, out);
        }
    };
    let backup = migrated.as_ref().and_then(|done| done.backup.as_ref()).map(|path| path.display().to_string());
    if out.wants_json() {
        let versions = migrated.as_ref().map(|done| (done.from, done.to)).unzip();
        out.json(&json!({ "from": versions.0, "to": versions.1, "backup": backup, "compacted": arguments.compact }));
        return Exit::Done;
    }
    match &migrated {
        Some(done) => out.line(&format!("schema {} → {}", done.from, done.to)),
        None => out.line(out.wording("dữ liệu đã ở phiên bản mới nhất", "the data is up to date")),
    }
    if let Some(backup) = backup {
        out.line(&format!("{} {backup}", out.wording("bản sao lưu trước khi đổi:", "the backup before:")));
    }
    Exit::Done
}

fn key_file(data: &Data) -> PathBuf {
    let credential = data.keys_credential.as_ref().and_then(|credential| credential.file.clone());
    credential.or_else(|| data.keys_file.clone()).unwrap_or_else(|| data.folder.join(KEY_FILE))
}

/// Says why, with a word in Vietnamese for what people meet; paths and reasons of the system stay as they are.
fn not_done(code: &'static str, error: &BackupError, out: &Output) -> Exit {
    let vi = match error {
        BackupError::InUse(folder) => {
            format!("{}: gateway đang chạy trên thư mục này; hãy dừng trước", folder.display())
        }
        BackupError::NotEmpty(folder) => {
            format!("{}: đã có dữ liệu; thêm --replace để chuyển sang một bên", folder.display())
        }
        BackupError::Damaged { path, .. } => format!("{}: tệp bị hỏng: {error}", path.display()),
        BackupError::NotABackup(folder) => format!("{}: không phải bản sao lưu hoàn chỉnh", folder.display()),
        BackupError::NoRoom { path, needed, free } => {
            format!("{}: cần {needed} byte, chỉ còn {free}", path.display())
        }
        BackupError::KeysMissing(file) => format!("{}: thiếu tệp khóa; hãy đặt tệp vào đó trước", file.display()),
        BackupError::Store { path, error: StoreError::KeyMissing } => {
            format!("{}: không phải khóa của dữ liệu này", path.display())
        }
        BackupError::Store { path, error: StoreError::InUse } => {
            format!("{}: gateway đang chạy trên thư mục này; hãy dừng trước", path.display())
        }
        other => format!("không làm được: {other}"),
    };
    out.failure(Exit::Failed, code, &Bilingual::composed(vi, error.to_string()))
}
