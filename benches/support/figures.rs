//! Figures: medians, percentiles, and a table that is printed and kept for `--json`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Latencies of one round, in microseconds.
#[derive(Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    /// Notes one.
    pub(crate) fn note(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Takes those of another connection in.
    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// So many hundredths of them are not above this, in microseconds.
    pub(crate) fn percentiles(&mut self, hundredths: &[f64]) -> Vec<f64> {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let at = |part: f64| self.0.get((part / 100.0 * last as f64).round() as usize).copied().unwrap_or_default();
        hundredths.iter().map(|part| f64::from(at(*part))).collect()
    }
}

/// All figures of a run, in the order in which they were found.
#[derive(Default)]
pub(crate) struct Figures(Map<String, Value>);

impl Figures {
    /// Opens a section of the table.
    pub(crate) fn section(&mut self, title: &str) {
        println!("\n{title}");
    }

    /// Prints one figure, and keeps it under `name`.
    pub(crate) fn tell(&mut self, name: &str, value: f64, unit: &str) {
        let digits = if value.abs() < 100.0 { 1 } else { 0 };
        println!("  {name:<58} {value:>12.digits$} {unit}");
        self.0.insert(name.to_owned(), json!({"value": value, "unit": unit}));
    }

    /// Prints a remark.
    pub(crate) fn remark(&self, text: &str) {
        println!("  {text}");
    }

    /// Writes all figures as JSON.
    pub(crate) fn write(self, file: Option<&Path>) -> std::io::Result<()> {
        match file {
            Some(file) => std::fs::write(file, serde_json::to_vec_pretty(&Value::Object(self.0))?),
            None => Ok(()),
        }
    }
}
