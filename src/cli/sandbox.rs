//! `sandbox`: the portal's simulator alone, for those who write hospital systems.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::process::{Signals, on_all_cores};
use crate::cli::run::{not_started, start_log};
use crate::config::{Log, LogFormat};
use crate::domain::Bilingual;
use crate::sandbox::{Faults, Options, Sandbox, default_officers};
use crate::system::System;

/// What `sandbox` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    listen: SocketAddr,
    /// Certificate, PEM; without it plain HTTP.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Faults to begin with, as JSON or @FILE, such as '{"latencyMs":300,"resetAfterRate":0.1}'.
    #[arg(long, value_name = "JSON|@FILE")]
    faults: Option<String>,
    /// Seed of the dice that decide about faults.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Also say where the control endpoint is.
    #[arg(long)]
    control: bool,
}

/// Where the sandbox's own endpoints lie.
const CONTROL_PATH: &str = "/_sandbox";

pub(super) fn sandbox(arguments: &Arguments, out: &Output) -> Exit {
    let options = match options(arguments) {
        Ok(options) => options,
        Err(error) => {
            let message = Bilingual::composed(format!("tham số sai: {error:#}"), format!("wrong arguments: {error:#}"));
            return out.failure(Exit::Usage, "cli.usage", &message);
        }
    };
    start_log(&Log { format: LogFormat::Text, filter: "info".to_owned() });
    on_all_cores(out, serve(options, arguments.control, out))
}

async fn serve(options: Options, control: bool, out: &Output) -> Exit {
    let mut signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => return not_started(&error, out),
    };
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let sandbox = match Sandbox::start(options, System::real()).await {
        Ok(sandbox) => sandbox,
        Err(error) => return not_started(&error, out),
    };
    let portal = format!("{scheme}://{}", sandbox.address());
    if out.wants_json() {
        out.json(&json!({ "portal": portal, "control": format!("{portal}{CONTROL_PATH}") }));
    } else {
        out.line(&format!("{}: {portal}", out.wording("cổng giả lập", "the simulated portal")));
        if control {
            out.line(&format!("{}: {portal}{CONTROL_PATH}", out.wording("điều khiển", "control")));
        }
    }
    signals.stop_or_hang_up().await;
    sandbox.stop().await;
    Exit::Done
}

fn options(arguments: &Arguments) -> anyhow::Result<Options> {
    let tls = match (&arguments.certificate, &arguments.key) {
        (Some(certificate), Some(key)) => Some(server_tls(
            CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?,
            PrivateKeyDer::from_pem_file(key)?,
        )?),
        _ => None,
    };
    let faults: Faults = match arguments.faults.as_deref() {
        None => Faults::default(),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => serde_json::from_str(&std::fs::read_to_string(path)?)?,
            None => serde_json::from_str(text)?,
        },
    };
    if let Some(complaint) = faults.complaint() {
        anyhow::bail!("--faults: {complaint}");
    }
    Ok(Options { listen: arguments.listen, tls, faults, officers: default_officers(), seed: arguments.seed })
}

/// TLS of a server that speaks HTTP/1.1, with the provider named and not left to the process.
pub(super) fn server_tls(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
