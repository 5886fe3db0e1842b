//! `run`: the gateway itself, from the configuration to the last request in hand.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::output::Output;
use crate::cli::process::{Signals, Wish, on_all_cores};
use crate::config::{Config, Log, LogFormat};
use crate::domain::Bilingual;
use crate::system::System;
use crate::system::stop::Stopper;
use crate::telemetry;

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &Output) -> Exit {
    // A wrong configuration ends here, before any port is bound or any file is touched.
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&arguments.config, &faults, out),
    };
    start_log(&config.log);
    for notice in config.notices() {
        tracing::warn!(code = notice.code, key = notice.key, line = notice.line, "{}", notice.message.en);
    }
    on_all_cores(out, serve(config, out))
}

async fn serve(config: Config, out: &Output) -> Exit {
    // Signals first: one that comes while the store is being opened must not be lost.
    let signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => return not_started(&error, out),
    };
    let grace = config.limits.grace;
    let facade_scheme = if config.facade.tls { "https" } else { "http" };
    let app = match App::build(config, System::real()).await {
        Ok(app) => app,
        Err(error) => return not_started(&error, out),
    };
    let addresses = app.addresses();
    let (api, admin) = (format!("https://{}", addresses.api), format!("http://{}", addresses.admin));
    let facade = addresses.facade.map(|address| format!("{facade_scheme}://{address}"));
    tracing::info!(%api, %admin, facade = facade.as_deref().unwrap_or("off"), "the gateway is serving");
    if out.wants_json() {
        out.json(&json!({ "api": api, "admin": admin, "facade": facade }));
    } else {
        let facade = facade.unwrap_or_else(|| out.wording("tắt", "off").to_owned());
        out.line(&match out.wording("vi", "en") {
            "vi" => format!("lienthong đang phục vụ: API {api} · quản trị {admin} · cổng tương thích {facade}"),
            _ => format!("lienthong is serving: API {api} · admin {admin} · façade {facade}"),
        });
    }
    serve_until_stopped(app, signals, grace).await;
    Exit::Done
}

/// Serves until a signal, then drains.
async fn serve_until_stopped(app: App, mut signals: Signals, grace: Duration) {
    let stopper = Stopper::new();
    let certificates = app.certificates();
    let serving = app.run(stopper.clone());
    tokio::pin!(serving);
    loop {
        tokio::select! {
            () = &mut serving => return,
            wish = signals.next() => match wish {
                Wish::Stop => break,
                Wish::Reload => certificates.reload().await,
            },
        }
    }
    drain(serving, &stopper, &mut signals, grace).await;
    tracing::info!("stopped");
}

/// Lets work in hand finish within the grace; a second signal ends the grace.
pub(super) async fn drain(
    serving: impl Future<Output = ()>,
    stopper: &Stopper,
    signals: &mut Signals,
    grace: Duration,
) {
    tracing::info!(grace_s = grace.as_secs(), "stopping: finishing what is in hand");
    stopper.stop();
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return,
        () = tokio::time::sleep(grace) => tracing::warn!("the grace is over: letting go of what is still in hand"),
        () = signals.stop() => tracing::warn!("a second signal: letting go of what is still in hand"),
    }
    stopper.let_go();
    // What is let go of ends at once; a part that does not must not keep the process.
    if tokio::time::timeout(LET_GO_WITHIN, &mut serving).await.is_err() {
        tracing::error!("some part did not let go in time");
    }
}

/// How long parts may take to let go. They only drop connections and close the store.
const LET_GO_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn start_log(log: &Log) {
    let format = match log.format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    telemetry::start_log(format, &log.filter);
}

pub(super) fn not_started(error: &dyn std::error::Error, out: &Output) -> Exit {
    // The chain of causes is told here, where it is handled.
    let mut whole = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        whole = format!("{whole}: {error}");
        cause = error.source();
    }
    let message = Bilingual::composed(format!("không khởi động được: {whole}"), format!("cannot start: {whole}"));
    out.failure(Exit::Failed, "gateway.not_started", &message)
}
