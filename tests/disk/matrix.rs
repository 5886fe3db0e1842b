//! The fault matrix: a row a fault.

use std::sync::Mutex;

/// One part of the matrix, printed whole when it is done.
pub(crate) struct Matrix {
    part: &'static str,
    rows: Vec<[String; 3]>,
}

const HEADS: [&str; 3] = ["fault", "tried", "outcome"];

// === impl Matrix ===

impl Matrix {
    pub(crate) fn new(part: &'static str) -> Self {
        Self { part, rows: Vec::new() }
    }

    /// Adds a row, once everything in it has been found as promised.
    pub(crate) fn row(&mut self, fault: impl Into<String>, tried: impl Into<String>, outcome: impl Into<String>) {
        self.rows.push([fault.into(), tried.into(), outcome.into()]);
    }

    /// Prints what there is.
    pub(crate) fn print(&self) {
        /// Parts are tested side by side; their tables must not run into each other.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let widths: Vec<usize> = (0..2)
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].chars().count());
                cells.chain([HEADS[column].len()]).max().unwrap_or_default()
            })
            .collect();
        let line = |[fault, tried, outcome]: [&str; 3]| {
            format!("| {fault:0$} | {tried:1$} | {outcome} |\n", widths[0], widths[1])
        };
        let mut text = format!("\nFault matrix: {}\n\n", self.part);
        text.push_str(&line(HEADS));
        text.push_str(&line(["---"; 3]));
        for row in &self.rows {
            text.push_str(&line([&row[0], &row[1], &row[2]]));
        }
        let _held = ONE_AT_A_TIME.lock();
        println!("{text}");
    }
}

/// How often everything is done that is drawn by chance.
pub(crate) fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses how much")]
    let wished = std::env::var("LIENTHONG_DISK_ROUNDS").ok().and_then(|text| text.parse().ok());
    wished.unwrap_or(1)
}
