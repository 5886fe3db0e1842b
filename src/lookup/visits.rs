//! The coded fields of a visit in words (`portal-api.md`, section 2.1, decode lists; the XML standard has the same).

use crate::domain::Bilingual;

/// `tinhTrang`: how the patient left.
pub fn condition(code: &str) -> Option<Bilingual> {
    of(
        code,
        &[
            ("1", "Ra viện", "Discharged"),
            ("2", "Chuyển tuyến theo yêu cầu chuyên môn", "Transferred for professional reasons"),
            ("3", "Trốn viện", "Left without leave"),
            ("4", "Xin ra viện", "Asked to leave"),
            ("5", "Chuyển tuyến theo yêu cầu người bệnh", "Transferred at the patient's request"),
        ],
    )
}

/// `kqDieuTri`: the outcome.
pub fn outcome(code: &str) -> Option<Bilingual> {
    of(
        code,
        &[
            ("1", "Khỏi", "Cured"),
            ("2", "Đỡ", "Better"),
            ("3", "Không thay đổi", "Unchanged"),
            ("4", "Nặng hơn", "Worse"),
            ("5", "Tử vong", "Died"),
            ("6", "Tiên lượng nặng, xin về", "Grave prognosis, taken home"),
            ("7", "Chưa xác định", "Not determined"),
        ],
    )
}

/// `lyDoVV`: why the patient came.
pub fn reason(code: &str) -> Option<Bilingual> {
    of(
        code,
        &[
            ("1", "Đúng tuyến", "Right level"),
            ("2", "Cấp cứu", "Emergency"),
            ("3", "Trái tuyến", "Wrong level"),
            ("4", "Thông tuyến", "Free transfer between levels"),
        ],
    )
}

/// A code in no list has no words; it is shown as it came.
fn of(code: &str, list: &[(&str, &'static str, &'static str)]) -> Option<Bilingual> {
    let code = code.trim();
    list.iter().find(|(known, ..)| *known == code).map(|(_, vi, en)| Bilingual::fixed(vi, en))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_lists_has_words_and_no_other() {
        type Words = fn(&str) -> Option<Bilingual>;
        let lists: [(Words, usize); 3] = [(condition, 5), (outcome, 7), (reason, 4)];
        for (words, count) in lists {
            for code in 1..=9 {
                assert_eq!(words(&code.to_string()).is_some(), code <= count, "{code}");
            }
            assert!(words("").is_none() && words("01").is_none() && words("1 ").is_some());
        }
        assert_eq!(reason("2").unwrap().en, "Emergency");
    }
}
