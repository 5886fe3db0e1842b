//! One signal to stop, cloned to every task.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Tells tasks that the process is to end: first to take no new work, then, when the grace is over, to let go.
#[derive(Clone, Debug, Default)]
pub struct Stopper {
    no_new_work: CancellationToken,
    let_go: CancellationToken,
}

impl Stopper {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every task to finish what it has in hand and take nothing new.
    pub fn stop(&self) {
        self.no_new_work.cancel();
    }

    /// Ends the grace: what is still in hand is dropped.
    pub fn let_go(&self) {
        self.no_new_work.cancel();
        self.let_go.cancel();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.no_new_work.is_cancelled()
    }

    /// Returns when [`stop`](Self::stop) is called.
    pub async fn stopping(&self) {
        self.no_new_work.cancelled().await;
    }

    /// Returns when the grace is over.
    pub async fn letting_go(&self) {
        self.let_go.cancelled().await;
    }

    /// Sleeps for `span` or until stopping; tells whether the whole span was slept.
    pub async fn sleep(&self, span: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stopping() => false,
            () = tokio::time::sleep(span) => true,
        }
    }
}
