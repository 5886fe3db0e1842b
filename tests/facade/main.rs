//! The proof that a client written for the portal cannot tell the façade from it: clients in the ways hospitals write
//! them, each against the portal's simulator and against a gateway with its façade before another simulator, with equal
//! inputs. They get the same but for tokens, times, receipts, and the differences that are listed with their reasons.
//!
//! `cargo test --test facade -- --nocapture matrix` prints the whole matrix.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that meets what it did not expect fails, and says where; the matrix is to be printed"
)]

#[path = "../common/documents.rs"]
mod documents;
#[path = "../common/exams.rs"]
mod exams;
mod samples;

mod allowed;
mod compare;
mod functions;
mod gateway;
mod harness;
mod matrix;
mod programs;
mod proof;
mod request;
mod targets;
mod ways;
mod wire;
