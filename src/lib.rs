//! `lienthong`: the clinic-side gateway to the national health-insurance portal of Viet Nam.
//!
//! The modules in reading order: from the whole down to the ground it stands on. Imports point down this list and
//! nowhere else; `docs/ARCHITECTURE.md` walks through it.

pub mod cli;

pub mod app;
pub mod config;

pub mod facade;

pub mod certs;
pub mod http;

pub mod batch;
pub mod incidents;
pub mod webhooks;

pub mod clients;
pub mod delivery;
pub mod intake;
pub mod lookup;
pub mod officers;

pub mod audit;

pub mod portal;
pub mod store;

pub mod document;
pub mod telemetry;
pub mod xml;

pub mod domain;
pub mod system;

pub mod sandbox;
