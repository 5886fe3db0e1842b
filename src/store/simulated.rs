//! For simulations: the store on the thread of its caller, before a disk that is slow or refuses at will.
//!
//! All that is written and read goes the same way as in the gateway; only the threads are left out, so that simulated
//! time stands still while the store works and a run can be repeated move by move.

use std::time::Duration;

/// What a simulation puts before the files. Its methods are called by the store's writer.
pub trait Disk: Send + Sync + 'static {
    /// How long the next group of commands waits before it is written.
    fn takes(&self) -> Duration;

    /// Whether the transaction in hand may be committed; asked right before it is.
    fn admits(&self) -> Result<(), Refusal>;

    /// A transaction was committed; those who wait for it have not heard so yet.
    fn committed(&self);
}

/// How a disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room.
    Full,
    /// What was written could not be synced; the connection is given up.
    Broken,
}
