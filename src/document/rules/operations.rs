//! Operations and procedures: what is done in one session, and what stands twice (rules.csv, L-23, S-18 and S-21).

use std::collections::HashSet;

use super::amount::Amount;
use super::codes::{CodeNumber, Codes};
use super::fields::xml3;
use super::function::{Facts, RowRule, Wrong};
use super::line::Line;
use super::moment::{Moment, minutes_between};
use crate::document::row::Row;

const fn service(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML3", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    service("L-23", xml3::TYLE_TT_DV, |facts| {
        let session = session_in_full(facts.row, facts.line?)?;
        Wrong::unless(!facts.tally.operations.sessions.contains(&session))
    }),
    service("S-18", xml3::MA_DICH_VU, |facts| {
        let done = Done::read(facts.row, facts.line?, &facts.tally.codes)?;
        Wrong::unless(!facts.tally.operations.done.contains(&done))
    }),
    service("S-21", xml3::NGAY_KQ, |facts| {
        let is_timed = matches!(facts.line?.group, 2 | 3 | 8 | 18);
        let time = |slot| Moment::parse(facts.row.text(slot));
        if !is_timed {
            return None;
        }
        Wrong::unless(minutes_between(&time(xml3::NGAY_TH_YL)?, &time(xml3::NGAY_KQ)?)? <= 70)
    }),
];

/// The operations and procedures of XML3 so far.
#[derive(Debug, Default)]
pub(super) struct Operations {
    /// Sessions in which an operation is paid in full.
    sessions: HashSet<Session>,
    done: HashSet<Done>,
}

/// Two operations with the same beginning and end are certainly of one session.
type Session = (Moment, Moment);

/// What is done once: which service, ordered, begun and ended when.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Done {
    code: CodeNumber,
    times: [Moment; 3],
}

// === impl Operations ===

impl Operations {
    /// Takes a line of XML3, whose code is in `codes`.
    pub(super) fn take(&mut self, row: &Row<'_, '_>, line: &Line, codes: &Codes) {
        self.sessions.extend(session_in_full(row, line));
        self.done.extend(Done::read(row, line, codes));
    }
}

// === impl Done ===

impl Done {
    /// `None` for other services, and where the code is new or a time is missing.
    fn read(row: &Row<'_, '_>, line: &Line, codes: &Codes) -> Option<Self> {
        if !matches!(line.group, 8 | 18) {
            return None;
        }
        let code = codes.number(row.text(xml3::MA_DICH_VU))?;
        let time = |slot| Moment::parse(row.text(slot));
        Some(Self { code, times: [time(xml3::NGAY_YL)?, time(xml3::NGAY_TH_YL)?, time(xml3::NGAY_KQ)?] })
    }
}

/// The session of a line, if it is an operation for which the fund has a price and whose rate is 100.
fn session_in_full(row: &Row<'_, '_>, line: &Line) -> Option<Session> {
    let is_operation = line.group == 8 && row.text(xml3::PHAM_VI) == "1";
    let is_paid = line.insured_price.is_some_and(Amount::is_positive);
    if !is_operation || !is_paid || line.service_rate? != Amount::HUNDRED {
        return None;
    }
    Some((Moment::parse(row.text(xml3::NGAY_TH_YL))?, Moment::parse(row.text(xml3::NGAY_KQ))?))
}
