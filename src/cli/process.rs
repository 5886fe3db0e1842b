//! What long-running commands need of the operating system: a runtime, and the signals that end them.

use std::future::Future;

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::domain::Bilingual;

/// Runs `work` on all cores.
pub(super) fn on_all_cores(out: &Output, work: impl Future<Output = Exit>) -> Exit {
    start(out, tokio::runtime::Builder::new_multi_thread().enable_all().build(), work)
}

/// Runs `work` on this thread: enough for a command that asks one thing and ends.
pub(super) fn on_one_thread(out: &Output, work: impl Future<Output = Exit>) -> Exit {
    start(out, tokio::runtime::Builder::new_current_thread().enable_all().build(), work)
}

fn start(out: &Output, runtime: std::io::Result<tokio::runtime::Runtime>, work: impl Future<Output = Exit>) -> Exit {
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(work);
            // A thread stuck in a blocking call (a name being resolved) must not hold the process.
            runtime.shutdown_background();
            exit
        }
        Err(error) => out.failure(
            Exit::Failed,
            "process.no_runtime",
            &Bilingual::composed(format!("không khởi động được: {error}"), format!("cannot start: {error}")),
        ),
    }
}

/// The signals of the operating system. Taken before anything is started, so that none is missed.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn take() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn take() -> std::io::Result<Self> {
        Ok(Self {})
    }

    pub(super) async fn next(&mut self) -> Wish {
        // Without a console there is nobody to interrupt; the service manager ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Wish::Stop
    }
}

impl Signals {
    /// Returns at the first signal to stop.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }

    /// Returns at the first signal to stop, or when the terminal is closed: what belongs to a terminal ends with it.
    pub(super) async fn stop_or_hang_up(&mut self) {
        let (Wish::Stop | Wish::Reload) = self.next().await;
    }
}
