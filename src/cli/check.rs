//! `check`: is this configuration right?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::config::{Config, Facade, Fault, Faults};

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn check(arguments: &Arguments, out: &Output) -> Exit {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&arguments.config, &faults, out),
    };
    if out.wants_json() {
        out.json(&json!({
            "valid": true,
            "file": arguments.config.display().to_string(),
            "faults": [],
            "facade": facade_json(&config.facade),
            "memoryMibMax": memory_mib(&config),
            "notices": config.notices().iter().map(as_json).collect::<Vec<_>>(),
        }));
        return Exit::Done;
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
    Exit::Done
}

fn memory_mib(config: &Config) -> u64 {
    config.memory_bound().div_ceil(1 << 20)
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
