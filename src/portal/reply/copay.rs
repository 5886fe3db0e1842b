//! The answer of `TraCuuTienMCCT`: what a person has paid of the co-payment (`portal-api.md`, section 2.6).

use jiff::civil::{DateTime, Time};
use unicode_normalization::UnicodeNormalization;

use crate::domain::PartialDate;
use crate::portal::Fault;
use crate::portal::reply::{Envelope, Fields, debug_is_redacted, debug_shows_code_only};

/// A person's co-payments. Every text is verbatim; empty where the portal had null or nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct CopayAnswer {
    /// `MaKetQua`: 200 found, 204 nothing found, 400 wrong question, 500 restricted account or system error.
    pub code: String,
    /// `GhiChu`: the message for a person; with 200, how recent the figures are.
    pub note: String,
    /// Up to when the figures reach, on the clock of Viet Nam, as far as `GhiChu` tells.
    pub as_of: Option<DateTime>,
    /// `DataCCT`: the visits with a co-payment, latest discharge first.
    pub rows: Vec<CopayRow>,
    /// `ThongTinSoThe`: the holder.
    pub holder: Option<CopayHolder>,
    /// What was paid in all, in đồng: the greatest `tBNCCTLuyKe`, which is cumulative and must not be summed. `None`
    /// where no row has a readable one.
    pub total_max: Option<i64>,
}

/// One visit with a co-payment. Dates are `dd/MM/yyyy` or empty, amounts đồng.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CopayRow {
    /// `Id`: the row's number.
    pub id: String,
    /// `ngayTraCuu`: the day of the lookup.
    pub asked_on: String,
    /// `maThe`: the card number.
    pub card: String,
    /// `maCskcb`: the facility.
    pub facility: String,
    /// `ngayVao`: admission.
    pub admitted: String,
    /// `ngayRa`: discharge.
    pub discharged: String,
    /// `maDoiTuongKCB`: the kind of visit.
    pub visit_kind: String,
    /// `tBNCCTMCCT`: what was paid for this visit.
    pub amount: String,
    /// `tBNCCTLuyKe`: what was paid up to and with this visit.
    pub cumulative: String,
    /// `ngayNhanCong`: the day the portal received the record.
    pub received_by_portal: String,
    /// `ngayNhan`: the day the record was received.
    pub received: String,
    /// `duPhong1` to `duPhong5`: reserved.
    pub reserved: [String; 5],
}

/// Whose co-payments they are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CopayHolder {
    /// `hoTen`: the name.
    pub name: String,
    /// `ngaySinh`: the date of birth.
    pub birth: String,
    /// `ngayKetThuc`: the last day the card is valid.
    pub valid_to: String,
    /// `maBhxh`: the social-insurance number.
    pub social_insurance_number: String,
}

debug_shows_code_only!(CopayAnswer);
debug_is_redacted!(CopayRow, CopayHolder);

/// Reads an answer of the co-payment lookup.
pub fn read_copay(raw: &[u8]) -> Result<CopayAnswer, Fault> {
    let mut envelope = Envelope::read(raw)?;
    let rows: Vec<_> = envelope.rows("DataCCT").iter().map(row).collect();
    let holder = envelope.object("ThongTinSoThe").map(|fields| CopayHolder {
        name: fields.text("hoTen"),
        birth: fields.text("ngaySinh"),
        valid_to: fields.text("ngayKetThuc"),
        social_insurance_number: fields.text("maBhxh"),
    });
    let total_max = rows.iter().filter_map(|row| amount(&row.cumulative)).max();
    let note = envelope.text("GhiChu");
    Ok(CopayAnswer { as_of: as_of(&note), note, rows, holder, total_max, code: envelope.code })
}

/// Reads `… tính đến: 05/08/2026 17:30`, the one form seen. A day without its hour is no instant and is not made one.
fn as_of(note: &str) -> Option<DateTime> {
    const WORDS: &str = "tính đến";
    // Bounded, because a note is the portal's own text; the known one has a hundred characters.
    let note: String = note.chars().take(1_000).nfc().flat_map(char::to_lowercase).collect();
    let (_, rest) = note.rsplit_once(WORDS)?;
    let mut words = rest.trim_start_matches([':', ' ']).split_whitespace();
    let (day, time) = (words.next()?, words.next()?);
    let day = PartialDate::parse(day).ok()?.whole()?;
    let time = time.trim_end_matches(|c: char| !c.is_ascii_digit());
    let mut parts = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    Some(day.to_datetime(Time::new(hour, minute, second, 0).ok()?))
}

fn row(row: &Fields) -> CopayRow {
    CopayRow {
        id: row.text("Id"),
        asked_on: row.text("ngayTraCuu"),
        card: row.text("maThe"),
        facility: row.text("maCskcb"),
        admitted: row.text("ngayVao"),
        discharged: row.text("ngayRa"),
        visit_kind: row.text("maDoiTuongKCB"),
        amount: row.text("tBNCCTMCCT"),
        cumulative: row.text("tBNCCTLuyKe"),
        received_by_portal: row.text("ngayNhanCong"),
        received: row.text("ngayNhan"),
        reserved: ["duPhong1", "duPhong2", "duPhong3", "duPhong4", "duPhong5"].map(|name| row.text(name)),
    }
}

/// Whole đồng; a fraction, which money of this currency does not have, is cut off.
fn amount(text: &str) -> Option<i64> {
    let whole = text.trim().split_once('.').map_or(text.trim(), |(whole, _)| whole);
    whole.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_greatest_and_not_the_sum() {
        let raw = r#"{"MaKetQua":200,"GhiChu":"Nguồn DL","DataCCT":[
            {"Id":1,"ngayTraCuu":"06/08/2026","maThe":"DN4010100000001","maCskcb":"01094","tBNCCTMCCT":350000,
             "tBNCCTLuyKe":1250000,"duPhong5":"x"},
            {"Id":"2","tBNCCTLuyKe":"900000.00"},{"Id":3,"tBNCCTLuyKe":1250000.0},{"Id":4,"tBNCCTLuyKe":null}],
            "ThongTinSoThe":{"hoTen":"Trần Văn A","ngaySinh":"05/03/1994","maBhxh":"0100000001"}}"#;
        let answer = read_copay(raw.as_bytes()).unwrap();
        assert_eq!((answer.code.as_str(), answer.total_max), ("200", Some(1_250_000)));
        assert_eq!(answer.rows.len(), 4);
        assert_eq!(answer.rows[0].reserved[4], "x");
        assert_eq!(answer.holder.as_ref().unwrap().name, "Trần Văn A");
        assert!(!format!("{answer:?} {:?} {:?}", answer.rows, answer.holder).contains("Tr"));
    }

    #[test]
    fn how_recent_the_figures_are_is_read_from_the_note() {
        let official =
            "Nguồn DL lấy từ các CSKCB đề nghị thanh toán KCB BHYT trên HTTTGĐ BHYT tính đến: 05/08/2026 17:30";
        let decomposed: String = official.nfd().collect();
        for note in [official, &decomposed, "TÍNH ĐẾN 05/08/2026 17:30.", "tính đến:05/08/2026  17:30:00"] {
            let read = as_of(note).map(|moment| moment.to_string());
            assert_eq!(read.as_deref(), Some("2026-08-05T17:30:00"), "{note}");
        }
        for note in ["", "tính đến", "tính đến: 05/08/2026", "tính đến: 05/08/2026 25:30", "tính đến: ? 17:30"]
        {
            assert_eq!(as_of(note), None, "{note}");
        }
    }

    #[test]
    fn nothing_found_is_no_fault() {
        let answer = read_copay(br#"{"MaKetQua":"204","DataCCT":null,"ThongTinSoThe":null}"#).unwrap();
        assert!(answer.rows.is_empty() && answer.holder.is_none() && answer.total_max.is_none());
    }
}
