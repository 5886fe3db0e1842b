//! What 054 and 055 say: that the officer was not accepted, who that is, and what is wrong. The patient's card was not
//! judged (`portal-api.md`, section 2.2).

use crate::domain::Bilingual;
use crate::officers::Signer;

/// What the desk is told, and does. These words name the officer, to a desk that asked in that name; they go into the
/// answer and nowhere else.
pub fn words(code: &str, signer: &Signer) -> Option<(Bilingual, Bilingual)> {
    let (name, id) = (signer.officer.name.as_str(), signer.officer.national_id.masked());
    let of_staff = signer.staff_id.as_ref().map_or_else(String::new, |staff_id| format!(" ({staff_id})"));
    let words = |vi: String, en: String| Bilingual::composed(vi, en);
    match code {
        "054" => Some((
            words(
                format!(
                    "Thẻ của người bệnh chưa được xét: CCCD {id} của cán bộ tra cứu {name}{of_staff} không có trong danh \
                     sách cơ sở đã đăng ký (mẫu 01/dk-ctn)"
                ),
                format!(
                    "The patient's card was not judged: national ID {id} of officer {name}{of_staff} is not in the list \
                     the facility registered (form 01/dk-ctn)"
                ),
            ),
            words(
                format!(
                    "Tra lại bằng tên cán bộ đã đăng ký. Báo phòng CNTT: đăng ký CCCD của {name} với BHXH theo mẫu \
                     01/dk-ctn, hoặc sửa số CCCD trong danh bạ."
                ),
                format!(
                    "Look up in the name of a registered officer. Ask IT to register {name}'s ID with form 01/dk-ctn, or \
                     to mend the ID in the directory."
                ),
            ),
        )),
        "055" => Some((
            words(
                format!(
                    "Thẻ của người bệnh chưa được xét: họ tên cán bộ tra cứu {name}{of_staff} không khớp với họ tên đã \
                     đăng ký cho CCCD {id}"
                ),
                format!(
                    "The patient's card was not judged: the name of officer {name}{of_staff} does not match the one \
                     registered for national ID {id}"
                ),
            ),
            words(
                format!(
                    "Tra lại bằng tên cán bộ khác. Báo phòng CNTT: ghi họ tên của {name} trong danh bạ đúng như trên CCCD \
                     và trong danh sách đã đăng ký."
                ),
                format!(
                    "Look up in another officer's name. Ask IT to write {name}'s name in the directory as on the ID and \
                     in the registered list."
                ),
            ),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NationalId, Officer, PersonName};

    #[test]
    fn both_codes_name_the_officer_and_mask_the_id() {
        let officer = Officer {
            name: PersonName::parse("Lê Văn C").unwrap(),
            national_id: NationalId::parse("079085054321").unwrap(),
        };
        let signer = Signer { staff_id: Some("tiepdon01".into()), officer };
        for code in ["054", "055"] {
            let (label, next_step) = words(code, &signer).unwrap();
            for text in [&label.vi, &label.en] {
                assert!(text.contains("LÊ VĂN C (tiepdon01)") && text.contains("079*******21"), "{text}");
            }
            for text in [&label.vi, &label.en, &next_step.vi, &next_step.en] {
                assert!(text.contains("LÊ VĂN C") && !text.contains("079085054321"), "{text}");
            }
        }
        assert_eq!(words("000", &signer), None);
        assert_eq!(format!("{signer:?}"), "Signer(redacted)");
    }
}
