//! Provinces of residence (rules.csv, X1-24; code-lists/provinces-34.csv and provinces-63.csv).

use super::fields::xml1;
use super::function::{Facts, RowRule, Wrong};
use super::moment::Moment;
use crate::document::reference::ReferenceLists;

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
        let Provinces { before, after } = facts.provinces;
        let codes = if admitted.day_number() >= MERGED_ON { after } else { before };
        Wrong::unless(codes.have(written))
    },
}];

/// The day from which there are 34 provinces (NQ 202/2025/QH15). All of their codes were codes before, so who was
/// admitted earlier may have either.
const MERGED_ON: u32 = 20_250_701;

/// The provinces before and since that day, from the lists of that name.
#[derive(Debug, Default)]
pub(super) struct Provinces {
    before: Codes,
    after: Codes,
}

/// Codes of two digits, a bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Codes(u128);

// === impl Provinces ===

impl Provinces {
    pub(super) fn of(lists: &ReferenceLists) -> Self {
        Self { before: Codes::of(lists, "provinces-63"), after: Codes::of(lists, "provinces-34") }
    }
}

// === impl Codes ===

impl Codes {
    fn of(lists: &ReferenceLists, name: &str) -> Self {
        let in_list = |number: &u32| lists.contains(name, &format!("{number:02}"));
        Self((0..100).filter(in_list).fold(0, |bits, number| bits | 1 << number))
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
        let Provinces { before, after } = Provinces::of(&ReferenceLists::embedded());
        assert_eq!((before.0.count_ones(), after.0.count_ones()), (63, 34));
        assert_eq!(after.0 & !before.0, 0, "every code of today was one before");
        assert!(after.have("01") && after.have("001") && !after.have("02") && before.have("02"));
        for code in ["", "1", "101", "0001", "1a", "97"] {
            assert!(!before.have(code), "{code}");
        }
    }
}
