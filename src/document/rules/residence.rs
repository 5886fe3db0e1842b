//! Provinces of residence (rules.csv, X1-24; code-lists/provinces-34.csv and provinces-63.csv).

use std::sync::LazyLock;

use super::fields::xml1;
use super::function::{Facts, RowRule, Wrong};
use super::moment::Moment;

pub(super) const RULES: &[RowRule] = &[RowRule {
    id: "X1-24",
    part: "XML1",
    field: xml1::MATINH_CU_TRU,
    judge: |facts: &Facts<'_, '_>| {
        let (written, nationality) = (facts.row.text(xml1::MATINH_CU_TRU), facts.row.text(xml1::MA_QUOCTICH));
        if written.is_empty() || nationality != "000" {
            return None;
        }
        let admitted = Moment::parse(facts.row.text(xml1::NGAY_VAO))?;
        let provinces = if admitted.day_number() >= MERGED_ON { &*AFTER } else { &*BEFORE };
        Wrong::unless(provinces.have(written))
    },
}];

/// The day from which there are 34 provinces (NQ 202/2025/QH15). All of their codes were codes before, so who was
/// admitted earlier may have either.
const MERGED_ON: u32 = 20_250_701;

static BEFORE: LazyLock<Provinces> =
    LazyLock::new(|| Provinces::read(include_str!("../../../schemas/code-lists/provinces-63.csv")));
static AFTER: LazyLock<Provinces> =
    LazyLock::new(|| Provinces::read(include_str!("../../../schemas/code-lists/provinces-34.csv")));

/// Codes of two digits, a bit each.
struct Provinces(u128);

impl Provinces {
    /// Reads the column `code`, the first.
    fn read(table: &str) -> Self {
        let codes = table.lines().skip(1).filter_map(|line| code(line.split(',').next()?));
        Self(codes.fold(0, |bits, code| bits | 1 << code))
    }

    /// Whether this is one of them, with two digits, or three as identity numbers write them.
    fn have(&self, written: &str) -> bool {
        let short = if written.len() == 3 { written.strip_prefix('0').unwrap_or("") } else { written };
        code(short).is_some_and(|code| self.0 >> code & 1 == 1)
    }
}

fn code(text: &str) -> Option<u32> {
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_provinces_are_known_in_both_forms() {
        assert_eq!((BEFORE.0.count_ones(), AFTER.0.count_ones()), (63, 34));
        assert_eq!(AFTER.0 & !BEFORE.0, 0, "every code of today was one before");
        assert!(AFTER.have("01") && AFTER.have("001") && !AFTER.have("02") && BEFORE.have("02"));
        for code in ["", "1", "101", "0001", "1a", "97"] {
            assert!(!BEFORE.have(code), "{code}");
        }
    }
}
