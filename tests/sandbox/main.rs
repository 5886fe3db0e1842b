//! The sandbox over real sockets, as a client of the portal meets it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;
mod faults;
mod legacy;
mod lookups;
mod submissions;
