//! A few connections that only read, each used by one blocking task at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::super::{StoreError, Vault};
use super::fault::Fault;
use super::health::Health;
use super::schema;

/// Waiting longer for a free reader than this, a caller is better told to come again.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The pool.
#[derive(Clone)]
pub(super) struct Readers {
    file: Arc<PathBuf>,
    vault: Vault,
    health: Health,
    permits: Arc<Semaphore>,
    permit_count: u32,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// In a simulation there are no blocking tasks.
    on_caller: bool,
}

impl Readers {
    pub(super) fn new(file: PathBuf, vault: Vault, health: Health, count: usize, on_caller: bool) -> Self {
        // A store that cannot be read serves nobody; 64 readers are more than any disk bears.
        let permit_count = u32::try_from(count.clamp(1, 64)).unwrap_or(1);
        Self {
            file: Arc::new(file),
            vault,
            health,
            permits: Arc::new(Semaphore::new(count.clamp(1, 64))),
            permit_count,
            idle: Arc::default(),
            on_caller,
        }
    }

    /// Runs `look` on one state of the database: what is committed meanwhile it does not see.
    pub(super) async fn read<T, F>(&self, look: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Vault) -> Result<T, Fault> + Send + 'static,
    {
        let permit = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::Busy)?
            .map_err(|_| StoreError::Closing)?;
        if self.on_caller {
            // Others have their turn meanwhile, as they have while a blocking task reads.
            tokio::task::yield_now().await;
            return self.read_now(look).map_err(|fault| fault.told());
        }
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            // The permit goes with the task: a caller who stops waiting does not make room for one more.
            let outcome = readers.read_now(look);
            drop(permit);
            outcome
        });
        match task.await {
            Ok(outcome) => outcome.map_err(|fault| {
                self.health.note(&fault);
                fault.told()
            }),
            Err(error) if error.is_cancelled() => Err(StoreError::Closing),
            Err(_) => Err(StoreError::Failed("a reader of the store panicked: a fault of the gateway".to_owned())),
        }
    }

    /// Looks through the whole file where damage is suspected, one at a time and off all others' threads: it may take as
    /// long as reading everything. A thread of its own, because the end of the process must not wait for it.
    pub(super) fn look_at_damage(&self) {
        if !self.health.begin_look() {
            return;
        }
        let (file, health) = (Arc::clone(&self.file), self.health.clone());
        let look = move || {
            let is_sound = schema::open_reader(&file).and_then(|connection| schema::is_sound(&connection));
            health.looked(is_sound);
        };
        if let Err(error) = std::thread::Builder::new().name("store-check".to_owned()).spawn(look) {
            self.health.looked(Err(StoreError::Failed(error.to_string()).into()));
        }
    }

    /// Waits for those who read, and closes all connections.
    pub(super) async fn close(&self) {
        // The semaphore is closed only here, so an error means that it is closed already.
        if let Ok(all) = self.permits.acquire_many(self.permit_count).await {
            self.permits.close();
            drop(all);
        }
        self.idle().clear();
    }

    fn read_now<T>(&self, look: impl FnOnce(&Connection, &Vault) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.file)?,
        };
        let transaction = connection.unchecked_transaction()?;
        let outcome = look(&transaction, &self.vault);
        transaction.finish()?;
        // A connection that failed is not put back; the next reader opens another.
        if !matches!(&outcome, Err(fault) if fault.breaks_connection()) {
            self.idle().push(connection);
        }
        outcome
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
