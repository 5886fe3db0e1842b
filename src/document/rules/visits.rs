//! Rules on the visit as a whole, told at XML1 (rules.csv, X1-17 to X1-21, GRV-04 and CT-01).

use std::cmp::Ordering;

use super::amount::Amount;
use super::fields::xml1;
use super::function::{Facts, Record, RecordRule, RowRule, Wrong};
use super::moment::{Moment, days_between, minutes_between};

const fn visit(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML1", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    visit("X1-17", xml1::NGAY_RA, |facts| {
        let text = |slot| facts.row.text(slot);
        let (admitted, discharged) = (Moment::parse(text(xml1::NGAY_VAO))?, Moment::parse(text(xml1::NGAY_RA))?);
        Wrong::unless(text(xml1::MA_LOAI_KCB) != "01" || minutes_between(&admitted, &discharged)? < 48 * 60)
    }),
    visit("X1-19", xml1::SO_NGAY_DTRI, |facts| {
        let stay = Stay::read(facts)?;
        match stay.kind {
            "09" => Wrong::unless(stay.days == 0),
            "03" | "04" | "06" => Wrong::unless(stay.counts_its_days()?),
            // One current checker still wants nothing for a visit without a stay.
            "01" => Wrong::unless(stay.days == 0 || stay.counts_its_days()?),
            _ => None,
        }
    }),
    visit("X1-20", xml1::SO_NGAY_DTRI, |facts| {
        let stay = Stay::read(facts)?;
        match stay.kind {
            "01" | "07" | "09" => Wrong::unless(stay.days == 0),
            "02" | "03" | "04" | "06" => Wrong::unless(stay.counts_its_days()?),
            _ => None,
        }
    }),
    visit("X1-21", xml1::THANG_QT, |facts| {
        let number = |slot| Amount::parse(facts.row.text(slot)).and_then(Amount::to_whole);
        let (year, month) = (number(xml1::NAM_QT)?, number(xml1::THANG_QT)?);
        let discharged = Moment::parse(facts.row.text(xml1::NGAY_RA))?;
        discharged.date()?;
        let before = year.checked_mul(100)?.checked_add(month)? < i64::from(discharged.day_number() / 100);
        // A month there is not is a check.
        Wrong::unless(!before || !(1..=12).contains(&month))
    }),
];

pub(super) const RECORD_RULES: &[RecordRule] = &[
    RecordRule {
        id: "GRV-04",
        field: xml1::MA_LOAI_KCB,
        judge: |record: &Record<'_>| {
            let visit = record.visit?;
            let stayed = matches!(visit.row.text(xml1::MA_LOAI_KCB), "03" | "04" | "06");
            let left = !matches!(visit.row.text(xml1::MA_LOAI_RV), "" | "3");
            Wrong::unless(!stayed || !left || record.has("XML7"))
        },
    },
    // That XML13 is there without a transfer is a check, told at XML13.
    RecordRule {
        id: "CT-01",
        field: xml1::MA_LOAI_RV,
        judge: |record: &Record<'_>| {
            let transferred = matches!(record.visit?.row.text(xml1::MA_LOAI_RV), "2" | "5");
            Wrong::unless(!transferred || record.has("XML13"))
        },
    },
];

/// From when to when, of which kind, and how many days were written down.
struct Stay<'x> {
    kind: &'x str,
    admitted: Moment,
    /// To a bed, if that was later.
    to_bed: Moment,
    discharged: Moment,
    days: i64,
}

impl<'x> Stay<'x> {
    /// `None` where a time or the number is missing or not of its form, which others report.
    fn read(facts: &Facts<'x, '_>) -> Option<Self> {
        let text = |slot| facts.row.text(slot);
        let admitted = Moment::parse(text(xml1::NGAY_VAO))?;
        let to_bed = match text(xml1::NGAY_VAO_NOI_TRU) {
            "" => admitted,
            written => Moment::parse(written)?,
        };
        let discharged = Moment::parse(text(xml1::NGAY_RA))?;
        // An end before the begin is X1-01.
        if discharged.compare(&admitted) == Ordering::Less {
            return None;
        }
        let days = Amount::parse(text(xml1::SO_NGAY_DTRI))?.to_whole()?;
        Some(Self { kind: text(xml1::MA_LOAI_KCB), admitted, to_bed, discharged, days })
    }

    /// Whether the days written are between the two readings of the formula: whole days elapsed since the bed, and
    /// calendar days since admission, each and one more.
    fn counts_its_days(&self) -> Option<bool> {
        let least = minutes_between(&self.to_bed, &self.discharged)? / (24 * 60) + 1;
        let most = days_between(&self.admitted, &self.discharged)? + 1;
        Some((least..=most).contains(&self.days))
    }
}
