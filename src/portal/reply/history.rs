//! The answer of `Lskcb2025` (`portal-api.md`, section 2.4).

use crate::portal::Fault;
use crate::portal::reply::{Envelope, Fields, debug_is_redacted, debug_shows_code_only};

/// A person's visits. Every text is verbatim; empty where the portal had null or nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct HistoryAnswer {
    /// `maKetQua`: the result code (section 2.2).
    pub code: String,
    /// `ghiChu`: the message for a person.
    pub note: String,
    /// `dsLichSuKCB2025`: the visits, in the portal's order.
    pub visits: Vec<Visit>,
}

/// One visit. The code lists stand in section 2.1 of `portal-api.md`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// `maHoSo`: the portal's number of the record.
    pub record: String,
    /// `maCSKCB`: the facility.
    pub facility: String,
    /// `ngayVao`: admission, `yyyyMMddHHmm`.
    pub admitted: String,
    /// `ngayRa`: discharge, `yyyyMMddHHmm`.
    pub discharged: String,
    /// `tenBenh`: the illness, by name or ICD-10 code.
    pub illness: String,
    /// `tinhTrang`: how the patient left, 1 to 5.
    pub condition: String,
    /// `kqDieuTri`: the outcome, 1 to 7.
    pub outcome: String,
    /// `lyDoVV`: why the patient came, 1 to 4.
    pub reason: String,
    /// `TEMP1`: code of the employer, in the card lookup only.
    pub employer_code: String,
    /// `TEMP2`: name of the employer, in the card lookup only.
    pub employer_name: String,
}

debug_shows_code_only!(HistoryAnswer);
debug_is_redacted!(Visit);

/// Reads an answer of the visit history.
pub fn read_history(raw: &[u8]) -> Result<HistoryAnswer, Fault> {
    let mut envelope = Envelope::read(raw)?;
    let visits = envelope.rows("dsLichSuKCB2025").iter().map(visit).collect();
    Ok(HistoryAnswer { note: envelope.text("ghiChu"), visits, code: envelope.code })
}

pub(super) fn visit(row: &Fields) -> Visit {
    Visit {
        record: row.text("maHoSo"),
        facility: row.text("maCSKCB"),
        admitted: row.text("ngayVao"),
        discharged: row.text("ngayRa"),
        illness: row.text("tenBenh"),
        condition: row.text("tinhTrang"),
        outcome: row.text("kqDieuTri"),
        reason: row.text("lyDoVV"),
        employer_code: row.text("TEMP1"),
        employer_name: row.text("TEMP2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_read_or_absent() {
        let raw = r#"{"maKetQua":"000","ghiChu":null,"dsLichSuKCB2025":[{"maHoSo":2605580001,"maCSKCB":"01094",
            "ngayVao":"202604020822","ngayRa":"202604021741","tenBenh":"J02.9","tinhTrang":1,"kqDieuTri":"2",
            "lyDoVV":"1"}]}"#;
        let answer = read_history(raw.as_bytes()).unwrap();
        assert_eq!(answer.visits[0].record, "2605580001");
        assert_eq!(answer.visits[0].condition, "1");
        assert!(!format!("{answer:?} {:?}", answer.visits).contains("J02"));
        for list in ["null", "[]", "\"\"", "{}"] {
            let raw = format!(r#"{{"maKetQua":"000","dsLichSuKCB2025":{list}}}"#);
            assert!(read_history(raw.as_bytes()).unwrap().visits.is_empty(), "{list}");
        }
    }
}
