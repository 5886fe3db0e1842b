//! How values stand in columns, both ways.

use jiff::Timestamp;
use serde_json::Value;

use super::fault::{Fault, unreadable};
use crate::document::Kind;
use crate::domain::{DeliveryState, FacilityCode};

/// An instant as milliseconds.
pub(super) fn millis(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

pub(super) fn instant(millis: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millis).map_err(|_| unreadable("a time"))
}

pub(super) fn kind(name: &str) -> Result<Kind, Fault> {
    Kind::parse(name).ok_or_else(|| unreadable("a kind"))
}

pub(super) fn facility(code: &str) -> Result<FacilityCode, Fault> {
    FacilityCode::parse(code).map_err(|_| unreadable("a facility"))
}

pub(super) fn state(name: &str) -> Result<DeliveryState, Fault> {
    DeliveryState::parse(name).ok_or_else(|| unreadable("a state"))
}

pub(super) fn count(number: i64) -> Result<u32, Fault> {
    u32::try_from(number).map_err(|_| unreadable("a count"))
}

/// A list of words as a JSON array.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    Value::from_iter(words).to_string()
}

pub(super) fn words(list: &[u8]) -> Result<Vec<String>, Fault> {
    serde_json::from_slice(list).map_err(|_| unreadable("a list"))
}

/// Parts as ` XML1 XML3 `, so that ` XML1 ` is found and ` XML13 ` is not taken for it.
pub(super) fn parts(parts: &[String]) -> String {
    format!(" {} ", parts.join(" "))
}
