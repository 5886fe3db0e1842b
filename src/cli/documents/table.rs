//! Rows under headings, aligned by characters.

/// A table being filled.
pub(in crate::cli) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(in crate::cli) fn new(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned)] }
    }

    pub(in crate::cli) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell.replace('\n', " ") }));
    }

    /// The rows, each column as wide as its widest cell, the last one open.
    pub(in crate::cli) fn draw(&self) -> String {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; N] = std::array::from_fn(width);
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            if number > 0 {
                text.push('\n');
            }
            text.push_str(line.trim_end());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(["ID", "TRẠNG THÁI", "X"]);
        table.row(["doc_1".into(), String::new(), "a\nb".into()]);
        assert_eq!(table.draw(), "ID     TRẠNG THÁI  X\ndoc_1  -           a b");
    }
}
