//! The whole gateway in process, against the sandbox, over real sockets and real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    reason = "a test that meets what it did not expect fails, and says where"
)]

#[path = "../common/exams.rs"]
mod exams;
#[path = "../common/https.rs"]
mod https;
#[path = "../common/parts.rs"]
mod parts;
#[path = "../common/receiver.rs"]
mod receiver;
mod samples;
mod support;
mod tickets;
mod wire;

mod audit;
mod batches;
mod checks;
mod delivery;
mod documents;
mod events;
mod facade;
mod feeds;
mod forms;
mod http;
mod incidents;
mod keeping;
mod kinds;
mod live;
mod lookups;
mod malformed;
mod moves;
mod officers;
mod outage;
mod overload;
mod privacy;
mod reference;
mod verdicts;
mod webhooks;
