//! The process itself: signals, wrong configuration, and being killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    reason = "a test that cannot go on must stop"
)]

#[path = "../common/documents.rs"]
#[expect(dead_code, reason = "the ledger test needs all kinds, these tests only some")]
mod documents;
#[path = "../common/exams.rs"]
mod exams;
#[path = "../common/https.rs"]
mod https;
#[path = "../common/receiver.rs"]
mod receiver;

mod at_rest;
mod audit;
mod backup;
mod batches;
mod commands;
mod facade;
mod keeping;
mod officers;
mod parking;
mod process;
mod rules;
mod search;
mod storage_keys;
mod validate;
mod webhooks;
