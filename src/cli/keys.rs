//! `keys`: who may call the gateway, and what seals what it stores. Works on the data folder, also beside a running gateway.

mod storage;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::{self, ClientWish, NewClient, StartError};
use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::documents::table::Table;
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::clients::password_md5;
use crate::config::{Config, Secret};
use crate::domain::{Bilingual, FacilityCode};
use crate::store::Client;
use crate::system::System;

/// What `keys` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key; its secret is shown once and never again.
    Add(Add),
    /// List keys, revoked ones too.
    List(Place),
    /// Revoke a key; a running gateway refuses it within a second.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// Id of the key, key_….
        id: String,
    },
    /// Give what is stored a new key and seal everything anew with it, in the background; can be interrupted.
    RotateStorage(storage::RotateStorage),
}

/// Whose keys.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The configuration file of the gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The key to be made.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    #[command(flatten)]
    place: Place,
    /// What people call the program that will use it.
    #[arg(long)]
    name: String,
    /// What it may do; by default everything but `admin`, which sees and changes the directory of officers.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = app::scope_names())]
    scopes: Vec<String>,
    /// For which facilities; by default the only one of the configuration.
    #[arg(long = "facility", value_name = "CODE", value_parser = facility)]
    facilities: Vec<FacilityCode>,
    /// Requests a minute.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    per_minute: u32,
    /// Address or network it may call from (10.0.0.0/8); by default any.
    #[arg(long = "address", value_name = "ADDRESS", value_parser = network)]
    addresses: Vec<String>,
    /// Make a user of the façade instead of a key: a name such as 01999_BV.
    #[arg(long, value_name = "USER")]
    facade_user: Option<String>,
    /// The user's password, for a system whose own cannot be changed; without it one is made and shown once.
    #[arg(long, value_name = "FILE", requires = "facade_user")]
    facade_password_file: Option<PathBuf>,
}

fn facility(text: &str) -> Result<FacilityCode, String> {
    FacilityCode::parse(text).map_err(|error| error.to_string())
}

/// An address, or a network as `address/bits`.
fn network(text: &str) -> Result<String, String> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: std::net::IpAddr = address.parse().map_err(|_| "10.0.0.5, 10.0.0.0/8, fd00::/8".to_owned())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    match bits.map(str::parse::<u8>) {
        None => Ok(text.to_owned()),
        Some(Ok(bits)) if bits <= most => Ok(text.to_owned()),
        Some(_) => Err(format!("/0 – /{most}")),
    }
}

pub(super) fn keys(command: Command, out: &Output) -> Exit {
    let (Command::Add(Add { place, .. })
    | Command::List(place)
    | Command::Revoke { place, .. }
    | Command::RotateStorage(storage::RotateStorage { place, .. })) = &command;
    let config = match Config::load(&place.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&place.config, &faults, out),
    };
    on_one_thread(out, async {
        match command {
            Command::Add(add) => self::add(add, &config, out).await,
            Command::List(_) => list(&config, out).await,
            Command::Revoke { id, .. } => revoke(&id, &config, out).await,
            Command::RotateStorage(wish) => storage::rotate_storage(&wish, &config, out).await,
        }
    })
}

async fn add(add: Add, config: &Config, out: &Output) -> Exit {
    let facilities = match facilities(add.facilities, config) {
        Ok(facilities) => facilities,
        Err(message) => return out.failure(Exit::Usage, "cli.usage", &message),
    };
    let usual = || app::usual_scope_names().map(str::to_owned).to_vec();
    let wish = ClientWish {
        name: add.name,
        scopes: if add.scopes.is_empty() { usual() } else { add.scopes },
        facilities,
        requests_per_minute: add.per_minute,
        addresses: add.addresses,
        facade_user: add.facade_user.clone(),
    };
    let (system, given) = (System::real(), add.facade_password_file.as_deref().map(password_of).transpose());
    let added = match &given {
        Ok(Some(password)) => app::add_client_with_password(config, &system, wish, password).await,
        Ok(None) => app::add_client(config, &system, wish).await,
        Err(message) => return out.failure(Exit::Usage, "cli.usage", message),
    };
    match (added, &add.facade_user) {
        (Ok(client), Some(user)) => {
            // A password that came from a file is known to who wrote it, and not shown again.
            let shown = given.is_ok_and(|given| given.is_none());
            tell_user(&client, user, shown, out);
        }
        (Ok(client), None) if out.wants_json() => out.json(&json!({ "id": client.id, "key": client.secret })),
        (Ok(client), None) => {
            out.line(&format!("{}  {}", client.id, client.secret));
            out.error(out.wording(
                "Chép khóa vào nơi an toàn ngay: khóa chỉ hiện một lần.",
                "Put the key in a safe place now: it is shown this once.",
            ));
        }
        (Err(error), _) => return not_done(&error, out),
    }
    Exit::Done
}

/// Tells user and password of a new client of the façade.
fn tell_user(client: &NewClient, user: &str, with_password: bool, out: &Output) {
    if out.wants_json() {
        let password = with_password.then_some(&client.secret);
        out.json(&json!({ "id": client.id, "facadeUser": user, "password": password }));
    } else if with_password {
        out.line(&format!("{}  {user}  {}  MD5 {}", client.id, client.secret, password_md5(&client.secret)));
        out.error(out.wording(
            "Điền tài khoản và mật khẩu này vào HIS thay cho của cổng (HIS tự tính MD5, hoặc điền MD5); chỉ hiện một lần.",
            "Put this user and password into the hospital system in place of the portal's (it sends the MD5); shown this once.",
        ));
    } else {
        out.line(&format!("{}  {user}", client.id));
    }
}

/// The password in a file, without the line ends after it.
fn password_of(file: &Path) -> Result<Secret, Bilingual> {
    crate::config::read_secret(file).map_err(|error| {
        let (name, kind) = (file.display(), error.kind());
        Bilingual::composed(format!("không đọc được {name}: {kind}"), format!("{name} cannot be read: {kind}"))
    })
}

/// Those asked for, each known to the configuration; if none were asked for, the only one there is.
fn facilities(asked: Vec<FacilityCode>, config: &Config) -> Result<Vec<FacilityCode>, Bilingual> {
    if let Some(unknown) = asked.iter().find(|code| config.facility(**code).is_none()) {
        return Err(Bilingual::composed(
            format!("cấu hình không có cơ sở {unknown}"),
            format!("the configuration has no facility {unknown}"),
        ));
    }
    match (asked.is_empty(), config.facilities.as_slice()) {
        (false, _) => Ok(asked),
        (true, [only]) => Ok(vec![only.code]),
        (true, _) => Err(Bilingual::fixed(
            "cấu hình có nhiều cơ sở: chọn bằng --facility",
            "the configuration has several facilities: choose with --facility",
        )),
    }
}

async fn list(config: &Config, out: &Output) -> Exit {
    let clients = match app::clients(config, &System::real()).await {
        Ok(clients) => clients,
        Err(error) => return not_done(&error, out),
    };
    if out.wants_json() {
        out.json(&json!({ "data": clients.iter().map(as_json).collect::<Vec<_>>() }));
        return Exit::Done;
    }
    let mut table = Table::new([
        "ID",
        out.wording("TÊN", "NAME"),
        out.wording("TÀI KHOẢN", "USER"),
        out.wording("KHÓA", "KEY"),
        out.wording("QUYỀN", "SCOPES"),
        out.wording("CƠ SỞ", "FACILITIES"),
        out.wording("MỖI PHÚT", "PER MINUTE"),
        out.wording("ĐỊA CHỈ", "ADDRESSES"),
        out.wording("TẠO LÚC", "CREATED"),
        out.wording("THU HỒI", "REVOKED"),
    ]);
    for client in &clients {
        table.row([
            client.id.clone(),
            client.name.clone(),
            client.facade_user.clone().unwrap_or_default(),
            if client.facade_user.is_some() { String::new() } else { format!("{}…", client.prefix) },
            client.scopes.join(","),
            codes(client).join(","),
            client.requests_per_minute.to_string(),
            client.addresses.join(","),
            client.created_at.to_string(),
            client.revoked_at.map_or_else(String::new, |at| at.to_string()),
        ]);
    }
    out.line(&table.draw());
    Exit::Done
}

fn codes(client: &Client) -> Vec<String> {
    client.facilities.iter().map(ToString::to_string).collect()
}

fn as_json(client: &Client) -> Value {
    json!({
        "id": client.id,
        "name": client.name,
        "facadeUser": client.facade_user,
        "prefix": client.prefix,
        "scopes": client.scopes,
        "facilities": codes(client),
        "requestsPerMinute": client.requests_per_minute,
        "addresses": client.addresses,
        "createdAt": client.created_at.to_string(),
        "revokedAt": client.revoked_at.map(|at| at.to_string()),
    })
}

async fn revoke(id: &str, config: &Config, out: &Output) -> Exit {
    match app::revoke_client(config, &System::real(), id).await {
        Ok(true) => {
            if out.wants_json() {
                out.json(&json!({ "id": id, "revoked": true }));
            } else {
                out.line(&format!("{id}  {}", out.wording("đã thu hồi", "revoked")));
            }
            Exit::Done
        }
        Ok(false) => {
            let message = Bilingual::fixed("không có khóa này, hoặc đã thu hồi", "no such key, or revoked before");
            out.failure(Exit::Failed, "keys.not_found", &message)
        }
        Err(error) => not_done(&error, out),
    }
}

fn not_done(error: &StartError, out: &Output) -> Exit {
    let message = Bilingual::composed(format!("không làm được: {error}"), format!("this could not be done: {error}"));
    out.failure(Exit::Failed, "keys.not_done", &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_refused() {
        for text in ["10.0.0.5", "10.0.0.0/8", "fd00::/8", "::1"] {
            assert!(network(text).is_ok(), "{text}");
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "gw.example"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
