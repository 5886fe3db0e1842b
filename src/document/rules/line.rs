//! One line of XML2 (drugs) or XML3 (services and supplies), its numbers read once for all rules.

use super::amount::Amount;
use super::fields::{xml2, xml3};
use crate::document::row::Row;

/// The numbers of a line; `None` for what is blank or no number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    /// `SO_LUONG`.
    pub(super) quantity: Option<Amount>,
    /// `DON_GIA` or `DON_GIA_BV`.
    pub(super) price: Option<Amount>,
    /// `DON_GIA_BH`; XML3 only.
    pub(super) insured_price: Option<Amount>,
    /// `TYLE_TT_DV`, percent; XML3 only.
    pub(super) service_rate: Option<Amount>,
    /// `TYLE_TT_BH`, percent.
    pub(super) insured_rate: Option<Amount>,
    /// `MUC_HUONG`, percent.
    pub(super) level: Option<Amount>,
    /// `THANH_TIEN_BV`.
    pub(super) cost: Option<Amount>,
    /// `THANH_TIEN_BH`.
    pub(super) insured: Option<Amount>,
    /// `T_BNTT`, what the patient pays.
    pub(super) patient: Option<Amount>,
    /// `T_BNCCT`, the patient's share of what is insured.
    pub(super) shared: Option<Amount>,
    /// `T_BHTT`, what the fund pays.
    pub(super) fund: Option<Amount>,
    /// `T_NGUONKHAC`, what other sources pay.
    pub(super) others: Option<Amount>,
    /// The four other sources together; `None` if one of them is no number.
    pub(super) sources: Option<Amount>,
    /// `T_TRANTT`, the ceiling; XML3 only. Zero where none is set.
    pub(super) ceiling: Option<Amount>,
    /// `MA_NHOM`, 0 if it is none.
    pub(super) group: u8,
    /// Whether `MA_PTTT` is 1: paid by the fund for what was done.
    pub(super) for_service: bool,
}

// === impl Line ===

impl Line {
    /// The line of a row; `None` for rows of other parts.
    pub(super) fn read(row: &Row<'_, '_>) -> Option<Self> {
        match row.part.name {
            "XML2" => Some(Self::drug(row)),
            "XML3" => Some(Self::service(row)),
            _ => None,
        }
    }

    /// Whether other sources pay for the line; then the amounts are those after their share was taken off.
    pub(super) fn has_other_sources(&self) -> bool {
        self.others.is_some_and(Amount::is_positive)
    }

    /// Whether a ceiling holds for the line.
    pub(super) fn has_ceiling(&self) -> bool {
        self.ceiling.is_some_and(Amount::is_positive)
    }

    /// Whether the line is one of supplies.
    pub(super) fn is_supply(&self) -> bool {
        matches!(self.group, 10 | 11)
    }

    /// Whether the line is one of days in a bed.
    pub(super) fn is_bed_day(&self) -> bool {
        matches!(self.group, 14..=16)
    }

    fn drug(row: &Row<'_, '_>) -> Self {
        let number = |slot| Amount::parse(row.text(slot));
        Self {
            quantity: number(xml2::SO_LUONG),
            price: number(xml2::DON_GIA),
            insured_rate: number(xml2::TYLE_TT_BH),
            level: number(xml2::MUC_HUONG),
            cost: number(xml2::THANH_TIEN_BV),
            insured: number(xml2::THANH_TIEN_BH),
            patient: number(xml2::T_BNTT),
            shared: number(xml2::T_BNCCT),
            fund: number(xml2::T_BHTT),
            others: number(xml2::T_NGUONKHAC),
            sources: sum(
                row,
                [xml2::T_NGUONKHAC_NSNN, xml2::T_NGUONKHAC_VTNN, xml2::T_NGUONKHAC_VTTN, xml2::T_NGUONKHAC_CL],
            ),
            group: row.text(xml2::MA_NHOM).parse().unwrap_or(0),
            for_service: row.text(xml2::MA_PTTT) == "1",
            ..Self::default()
        }
    }

    fn service(row: &Row<'_, '_>) -> Self {
        let number = |slot| Amount::parse(row.text(slot));
        Self {
            quantity: number(xml3::SO_LUONG),
            price: number(xml3::DON_GIA_BV),
            insured_price: number(xml3::DON_GIA_BH),
            service_rate: number(xml3::TYLE_TT_DV),
            insured_rate: number(xml3::TYLE_TT_BH),
            level: number(xml3::MUC_HUONG),
            cost: number(xml3::THANH_TIEN_BV),
            insured: number(xml3::THANH_TIEN_BH),
            patient: number(xml3::T_BNTT),
            shared: number(xml3::T_BNCCT),
            fund: number(xml3::T_BHTT),
            others: number(xml3::T_NGUONKHAC),
            sources: sum(
                row,
                [xml3::T_NGUONKHAC_NSNN, xml3::T_NGUONKHAC_VTNN, xml3::T_NGUONKHAC_VTTN, xml3::T_NGUONKHAC_CL],
            ),
            ceiling: number(xml3::T_TRANTT),
            group: row.text(xml3::MA_NHOM).parse().unwrap_or(0),
            for_service: row.text(xml3::MA_PTTT) == "1",
        }
    }
}

/// The sum of fields of which blank ones count nothing; `None` if one is no number.
fn sum(row: &Row<'_, '_>, slots: [usize; 4]) -> Option<Amount> {
    let number = |slot| match row.text(slot) {
        "" => Some(Amount::ZERO),
        text => Amount::parse(text),
    };
    slots.into_iter().map(number).sum()
}
