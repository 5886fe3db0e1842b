//! `check`: is this configuration right? And, where asked, is what is stored whole?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::checkup;
use crate::cli::Exit;
use crate::cli::output::Output;
use crate::config::{Config, Facade, Fault, Faults};
use crate::domain::Bilingual;
use crate::store::retention::SpaceSample;
use crate::store::space::{self, Measured};
use crate::store::{CheckUp, space_kept};
use crate::system::System;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Also look through everything stored: every page, every reference, every body. Takes as long as reading it all.
    #[arg(long)]
    database: bool,
}

pub(super) fn check(arguments: &Arguments, out: &Output) -> Exit {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&arguments.config, &faults, out),
    };
    let database = match arguments.database.then(|| checkup::check_database(&config, &System::real())) {
        None => None,
        Some(Ok(found)) => Some(found),
        Some(Err(error)) => {
            let message = Bilingual::composed(format!("không kiểm tra được: {error}"), format!("not checked: {error}"));
            return out.failure(Exit::Failed, "store.not_checked", &message);
        }
    };
    let exit = if database.as_ref().is_none_or(CheckUp::is_sound) { Exit::Done } else { Exit::Failed };
    if out.wants_json() {
        out.json(&json!({
            "valid": true,
            "database": database.as_ref().map(database_json),
            "file": arguments.config.display().to_string(),
            "faults": [],
            "facade": facade_json(&config.facade),
            "memoryMibMax": memory_mib(&config),
            "disk": disk(&config).map(|disk| disk.as_json()),
            "notices": config.notices().iter().map(as_json).collect::<Vec<_>>(),
        }));
        return exit;
    }
    for notice in config.notices() {
        tell(&arguments.config, out.wording("lưu ý", "notice"), notice, out);
    }
    out.line(out.wording("cấu hình đúng", "the configuration is right"));
    tell_facade(&config.facade, out);
    let mib = memory_mib(&config);
    out.line(&match out.wording("vi", "en") {
        "vi" => format!("bộ nhớ: nhiều nhất {mib} MiB theo các giới hạn"),
        _ => format!("memory: {mib} MiB at most, by the bounds"),
    });
    if let Some(disk) = disk(&config) {
        disk.tell(out);
    }
    if let Some(found) = &database {
        tell_database(found, out);
    }
    exit
}

/// What was found in the data folder, and what to do.
fn tell_database(found: &CheckUp, out: &Output) {
    let CheckUp { documents, forgotten, unreadable, unreadable_ids, damage } = found;
    out.line(&match out.wording("vi", "en") {
        "vi" => format!("đã đọc {documents} hồ sơ, {forgotten} đã xóa nội dung theo hạn, {unreadable} không đọc được"),
        _ => format!("{documents} documents were read, {forgotten} without content by now, {unreadable} unreadable"),
    });
    for line in damage {
        out.error(&format!("{}: {line}", out.wording("hỏng", "damage")));
    }
    for id in unreadable_ids {
        out.error(&format!("{}: {id}", out.wording("không đọc được", "unreadable")));
    }
    if found.is_sound() {
        out.line(out.wording("kho dữ liệu nguyên vẹn", "the database is whole"));
    } else {
        out.error(out.wording(
            "kho dữ liệu bị hỏng: dừng gateway, giữ lại thư mục dữ liệu này, khôi phục bản sao lưu gần nhất",
            "the database is damaged: stop the gateway, keep this data folder aside, restore the newest backup",
        ));
    }
}

fn database_json(found: &CheckUp) -> Value {
    json!({
        "sound": found.is_sound(),
        "documents": found.documents,
        "forgotten": found.forgotten,
        "unreadable": found.unreadable,
        "unreadableIds": found.unreadable_ids,
        "damage": found.damage,
    })
}

fn memory_mib(config: &Config) -> u64 {
    config.memory_bound().div_ceil(1 << 20)
}

/// The room on the disk of the data folder.
struct Disk {
    measured: Measured,
    days_left: Option<u32>,
    is_short: bool,
    is_low: bool,
}

/// Looks at the disk and at what a gateway noted of it; `None` before there is a data folder.
fn disk(config: &Config) -> Option<Disk> {
    let folder = &config.data.folder;
    let measured = space::measure(folder).ok()?;
    // What cannot be read is told by the gateway's own start; the disk is told of anyway.
    let samples = space_kept(folder).unwrap_or_default();
    let now =
        SpaceSample { at: System::real().now(), free_bytes: measured.disk_free_bytes, kept_bytes: measured.kept_bytes };
    let days_left = space::days_left(&samples, now);
    let is_short = measured.disk_free_bytes < config.retention.disk_free_min_bytes;
    let is_low = is_short || days_left.is_some_and(|days| days < config.retention.disk_warn_days);
    Some(Disk { measured, days_left, is_short, is_low })
}

impl Disk {
    fn as_json(&self) -> Value {
        let state = if self.is_short {
            "short"
        } else if self.is_low {
            "low"
        } else {
            "ok"
        };
        let Measured { disk_free_bytes, kept_bytes } = self.measured;
        json!({"state": state, "freeBytes": disk_free_bytes, "keptBytes": kept_bytes, "daysLeft": self.days_left})
    }

    fn tell(&self, out: &Output) {
        let mib = |bytes: u64| bytes >> 20;
        let (free, kept) = (mib(self.measured.disk_free_bytes), mib(self.measured.kept_bytes));
        let left = match (out.wording("vi", "en"), self.days_left) {
            ("vi", Some(days)) => format!(", đủ cho khoảng {days} ngày"),
            (_, Some(days)) => format!(", enough for some {days} days"),
            (_, None) => String::new(),
        };
        out.line(&match out.wording("vi", "en") {
            "vi" => format!("đĩa: còn {free} MiB{left}; dữ liệu {kept} MiB"),
            _ => format!("disk: {free} MiB free{left}; data {kept} MiB"),
        });
        if self.is_short {
            out.error(out.wording(
                "lưu ý: đĩa dưới mức [retention] disk_free_min_mib: hồ sơ mới sẽ bị từ chối",
                "notice: the disk is under [retention] disk_free_min_mib: new documents will be refused",
            ));
        } else if self.is_low {
            out.error(out.wording("lưu ý: đĩa sắp đầy", "notice: the disk will be full soon"));
        }
    }
}

/// Where systems written for the portal are to call, and what goes through unlooked at.
fn tell_facade(facade: &Facade, out: &Output) {
    let word = out.wording("cổng tương thích", "façade");
    if !facade.enabled {
        out.line(&format!("{word}: {}", out.wording("tắt ([facade] enabled)", "off ([facade] enabled)")));
        return;
    }
    let scheme = if facade.tls { "https" } else { "http" };
    out.line(&format!("{word}: {scheme}://{}", facade.listen));
    if !facade.pass_through.is_empty() {
        let paths = facade.pass_through.join(", ");
        out.line(&format!("  {}: {paths}", out.wording("chuyển nguyên trạng", "handed through as it is")));
    }
}

fn facade_json(facade: &Facade) -> Value {
    json!({
        "enabled": facade.enabled,
        "listen": facade.listen.to_string(),
        "tls": facade.tls,
        "strict": facade.strict,
        "passThrough": facade.pass_through,
    })
}

/// Tells every fault of a configuration, for every command that reads one.
pub(super) fn tell_faults(file: &Path, faults: &Faults, out: &Output) -> Exit {
    if out.wants_json() {
        out.json(&json!({
            "valid": false,
            "file": file.display().to_string(),
            "faults": faults.listed().iter().map(as_json).collect::<Vec<_>>(),
            "notices": [],
        }));
        return Exit::Usage;
    }
    for fault in faults.listed() {
        tell(file, out.wording("lỗi", "error"), fault, out);
    }
    let count = faults.listed().len();
    out.error(&match out.wording("vi", "en") {
        "vi" => format!("cấu hình sai: {count} lỗi"),
        _ => format!("the configuration is wrong: {count} faults"),
    });
    Exit::Usage
}

fn tell(file: &Path, word: &str, fault: &Fault, out: &Output) {
    let Fault { file: other, line, column, key, code, message, cure } = fault;
    let (file, language) = (other.as_deref().unwrap_or(file).display(), out.language());
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    out.error(&format!("{file}:{line}:{column}: {word}: {code}: {key}{}", message.wording(language)));
    out.error(&format!("    → {}", cure.wording(language)));
}

fn as_json(fault: &Fault) -> Value {
    let Fault { file, line, column, key, code, message, cure } = fault;
    json!({
        // Empty: the configuration file itself.
        "file": file.as_deref().map(|file| file.display().to_string()).unwrap_or_default(),
        "line": line,
        "column": column,
        "key": key,
        "code": code,
        "message": { "vi": message.vi, "en": message.en },
        "cure": { "vi": cure.vi, "en": cure.en },
    })
}
