//! The schemas: made from the tables, and checked as libxml2 checks them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

mod days;
mod differential;
mod field;
mod generate;
mod grammar;
mod mutate;
#[path = "../common/random.rs"]
mod random;
mod samples;
mod simple;
mod table;
mod tree;
mod tree_of;
mod xmllint;
