//! `demo`: sandbox and gateway together, tried once with a lookup and a claim, then left up to be tried by hand.
//!
//! It is the real gateway with a configuration that could stand anywhere, written into the demo's folder; only the
//! portal is the sandbox, and everybody in it is invented.

mod folder;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use self::folder::Folder;
use crate::app::{self, App, ClientWish};
use crate::certs::{Authority, Pem};
use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::output::Output;
use crate::cli::process::{Signals, on_all_cores};
use crate::cli::run::{drain, not_started, start_log};
use crate::cli::sandbox::server_tls;
use crate::clients::password_md5;
use crate::config::Config;
use crate::sandbox::{Faults, Options, Sandbox, default_officers};
use crate::system::System;
use crate::system::stop::Stopper;

/// What `demo` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Fix the ports: API at N, admin at N+1, façade at N+2, portal at N+3. Without it, any free ones.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_532))]
    port_base: Option<u16>,
    /// Keep everything in this folder; without it, a temporary one that is removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Where everything is, once it is up.
struct Places {
    api: String,
    admin: String,
    facade: String,
    portal: String,
}

/// The user with whom a system written for the portal signs in at the demo.
struct FacadeUser {
    name: &'static str,
    password: String,
}

/// What the demo's clients call themselves.
const CLIENT_NAME: &str = "demo";

/// The façade's user: the account of the facility that the samples speak of.
const FACADE_USER: &str = "01999_BV";

/// Enough for a person trying things and for a load generator: the demo is there to be hit.
const REQUESTS_PER_MINUTE: u32 = 1_000_000;

/// The names by which the demo is reached.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Days of its certificates: nobody tries a demo for longer.
const DAYS: u32 = 30;

pub(super) fn demo(arguments: Arguments, out: &Output) -> Exit {
    on_all_cores(out, async move {
        match run(arguments, out).await {
            Ok(exit) => exit,
            Err(error) => not_started(error.as_ref(), out),
        }
    })
}

async fn run(arguments: Arguments, out: &Output) -> anyhow::Result<Exit> {
    let system = System::real();
    // Signals first, so that an interrupt during the start cleans up as well.
    let mut signals = Signals::take()?;
    let folder = Folder::make(arguments.data, &system)?;
    let port = |offset: u16| SocketAddr::from(([127, 0, 0, 1], arguments.port_base.map_or(0, |base| base + offset)));

    // Fresh certificates for both servers, from one authority that only the demo's folder trusts.
    let authority = Authority::make("Lien Thong demo CA", &system)?;
    let server = authority.issue_server(&HOSTS.map(str::to_owned), DAYS)?;
    folder.write_certificates(&authority.pem().certificate, &server)?;

    let sandbox = start_sandbox(port(3), &server, &system).await?;
    let portal = format!("https://{}", sandbox.address());
    let config_file = folder.write_config(&portal, [port(0), port(1), port(2)])?;
    let config = match Config::load(&config_file) {
        Ok(config) => config,
        Err(faults) => return Ok(tell_faults(&config_file, &faults, out)),
    };
    start_log(&config.log);

    let grace = config.limits.grace;
    let (key, user) = make_clients(&config, &system).await?;
    folder.write_header(&key)?;
    let app = App::build(config, system).await?;
    let addresses = app.addresses();
    let (api, admin) = (format!("https://{}", addresses.api), format!("http://{}", addresses.admin));
    // The demo's configuration has it on.
    let facade = addresses.facade.map(|address| format!("http://{address}")).unwrap_or_default();
    let places = Places { api, admin, facade, portal };

    let stopper = Stopper::new();
    let mut serving = tokio::spawn(app.run(stopper.clone()));
    let shown = tokio::select! {
        shown = show::show(&places, &folder, &key, &user, out) => Some(shown),
        () = signals.stop_or_hang_up() => None,
    };
    let exit = match shown {
        Some(Ok(())) => {
            if out.wants_json() {
                out.json(&json!({
                    "api": places.api,
                    "admin": places.admin,
                    "facade": places.facade,
                    "facadeUser": user.name,
                    "facadePassword": user.password,
                    "facadePasswordMd5": password_md5(&user.password),
                    "portal": places.portal,
                    "key": key,
                    "ca": folder.file("ca.pem").display().to_string(),
                    "data": folder.path().display().to_string(),
                }));
            }
            tokio::select! {
                () = signals.stop_or_hang_up() => {}
                _ = &mut serving => {}
            }
            Exit::Done
        }
        Some(Err(exit)) => exit,
        None => Exit::Done,
    };
    if !serving.is_finished() {
        let serving = async { drop(serving.await) };
        drain(serving, &stopper, &mut signals, grace).await;
    }
    // Bounded, because the portal is only ours: its callers are gone by now.
    drop(tokio::time::timeout(Duration::from_secs(2), sandbox.stop()).await);
    Ok(exit)
}

async fn start_sandbox(listen: SocketAddr, server: &Pem, system: &System) -> anyhow::Result<Sandbox> {
    let chain = CertificateDer::pem_slice_iter(server.certificate.as_bytes()).collect::<Result<_, _>>()?;
    let tls = server_tls(chain, PrivateKeyDer::from_pem_slice(server.key.as_bytes())?)?;
    let options = Options { listen, tls: Some(tls), faults: Faults::default(), officers: default_officers(), seed: 0 };
    Ok(Sandbox::start(options, system.clone()).await?)
}

/// A key of the demo for everything, and a user of its façade; those of earlier runs on the same folder are revoked.
async fn make_clients(config: &Config, system: &System) -> anyhow::Result<(String, FacadeUser)> {
    for client in app::clients(config, system).await? {
        if client.name == CLIENT_NAME && client.revoked_at.is_none() {
            app::revoke_client(config, system, &client.id).await?;
        }
    }
    let wish = ClientWish {
        name: CLIENT_NAME.to_owned(),
        scopes: app::usual_scope_names().map(str::to_owned).to_vec(),
        facilities: config.facilities.iter().map(|facility| facility.code).collect(),
        requests_per_minute: REQUESTS_PER_MINUTE,
        addresses: Vec::new(),
        facade_user: None,
    };
    let user = ClientWish { facade_user: Some(FACADE_USER.to_owned()), ..wish.clone() };
    let key = app::add_client(config, system, wish).await?.secret;
    let password = app::add_client(config, system, user).await?.secret;
    Ok((key, FacadeUser { name: FACADE_USER, password }))
}
