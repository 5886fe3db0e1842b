//! The disk under the store: cut off from power at every sync, full, read-only, failing, damaged; and a clock that jumps.
//!
//! `cargo test --test disk -- --nocapture` prints the fault matrix as it grows: what was done to the disk, how often, and
//! what came of it. A row is there only if everything in it ended as promised.
//!
//! A small C library (`shim.c`) is put under the real program. `LIENTHONG_DISK_ROUNDS=N` does N times as much of what is
//! drawn by chance.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that meets what it did not expect fails, and says where; the matrix is to be printed"
)]

#[path = "../common/documents.rs"]
mod documents;
#[path = "../common/exams.rs"]
mod exams;
#[path = "../common/https.rs"]
mod https;
#[path = "../common/random.rs"]
mod random;

mod clock;
mod crashes;
mod damage;
mod faults;
mod image;
mod matrix;
mod mounts;
mod record;
mod shim;
mod site;
