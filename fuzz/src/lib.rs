//! What the fuzz targets hold the pure parts of the gateway to.
//!
//! The parts are built here by themselves, from the gateway's own files: nothing else is measured for coverage, and the
//! targets are built in half a minute instead of the many that TLS and SQLite take.

pub mod checker;
pub mod envelope;
mod places;

#[path = "../../src"]
#[expect(dead_code, unused_imports, reason = "what only the other parts of the gateway use is not used here")]
mod gateway {
    pub mod document;
    pub mod domain;
    pub mod xml;
}

// Where the gateway's files look for each other.
use gateway::{document, domain, xml};
