//! The replies of the lookups, field by field in the order of the samples of `portal-api.md`, sections 2.1, 2.4, 2.6.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use super::text_of;
use crate::sandbox::faults::mix;
use crate::sandbox::population::{self, InsuredPerson};
use crate::sandbox::portal::Portal;
use crate::sandbox::records::{Check, ToldVisit};
use crate::sandbox::reply::Code;
use crate::sandbox::request::Call;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CardReply<'a> {
    ma_ket_qua: Option<Code<'a>>,
    ghi_chu: Option<String>,
    ma_the: Option<String>,
    ho_ten: Option<String>,
    ngay_sinh: Option<String>,
    gioi_tinh: Option<&'a str>,
    dia_chi: Option<&'a str>,
    #[serde(rename = "maDKBD")]
    ma_dkbd: Option<&'a str>,
    #[serde(rename = "cqBHXH")]
    cq_bhxh: Option<&'a str>,
    gt_the_tu: Option<String>,
    gt_the_den: Option<String>,
    #[serde(rename = "maKV")]
    ma_kv: Option<&'a str>,
    #[serde(rename = "ngayDu5Nam")]
    ngay_du_5_nam: Option<String>,
    #[serde(rename = "maSoBHXH")]
    ma_so_bhxh: Option<&'a str>,
    ma_the_cu: Option<&'a str>,
    ma_the_moi: Option<&'a str>,
    gt_the_tu_moi: Option<String>,
    gt_the_den_moi: Option<String>,
    #[serde(rename = "maDKBDMoi")]
    ma_dkbd_moi: Option<&'a str>,
    #[serde(rename = "tenDKBDMoi")]
    ten_dkbd_moi: Option<&'a str>,
    /// Always null in this function nowadays (section 2.1).
    #[serde(rename = "dsLichSuKCB2018")]
    visits: Option<()>,
    #[serde(rename = "dsLichSuKT2018")]
    checks: Option<Vec<CheckReply>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckReply {
    #[serde(rename = "userKT")]
    user_kt: String,
    #[serde(rename = "thoiGianKT")]
    thoi_gian_kt: String,
    thong_bao: String,
    ma_loi: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VisitReply<'a> {
    ma_ket_qua: Code<'a>,
    ghi_chu: Option<&'a str>,
    #[serde(rename = "dsLichSuKCB2025")]
    visits: Option<Vec<Visit>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Visit {
    ma_ho_so: String,
    #[serde(rename = "maCSKCB")]
    ma_cskcb: String,
    ngay_vao: String,
    ngay_ra: String,
    ten_benh: &'static str,
    tinh_trang: &'static str,
    kq_dieu_tri: &'static str,
    #[serde(rename = "lyDoVV")]
    ly_do_vv: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CoPaymentReply<'a> {
    ma_ket_qua: u16,
    ghi_chu: String,
    #[serde(rename = "DataCCT")]
    data_cct: Option<Vec<CoPayment>>,
    thong_tin_so_the: Option<Holder<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CoPayment {
    #[serde(rename = "Id")]
    id: u32,
    ngay_tra_cuu: String,
    ma_the: String,
    ma_cskcb: String,
    ngay_vao: String,
    ngay_ra: String,
    #[serde(rename = "maDoiTuongKCB")]
    ma_doi_tuong_kcb: &'static str,
    #[serde(rename = "tBNCCTMCCT")]
    paid: u64,
    #[serde(rename = "tBNCCTLuyKe")]
    paid_so_far: u64,
    ngay_nhan_cong: String,
    ngay_nhan: String,
    #[serde(rename = "duPhong1")]
    reserve_1: &'static str,
    #[serde(rename = "duPhong2")]
    reserve_2: &'static str,
    #[serde(rename = "duPhong3")]
    reserve_3: &'static str,
    #[serde(rename = "duPhong4")]
    reserve_4: &'static str,
    #[serde(rename = "duPhong5")]
    reserve_5: &'static str,
}

/// The holder; the five reserved fields have no published names (section 2.6), those of the rows are used.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Holder<'a> {
    ho_ten: &'a str,
    ngay_sinh: String,
    ngay_ket_thuc: String,
    ma_bhxh: &'a str,
    #[serde(rename = "duPhong1")]
    reserve_1: &'static str,
    #[serde(rename = "duPhong2")]
    reserve_2: &'static str,
    #[serde(rename = "duPhong3")]
    reserve_3: &'static str,
    #[serde(rename = "duPhong4")]
    reserve_4: &'static str,
    #[serde(rename = "duPhong5")]
    reserve_5: &'static str,
}

/// `ghiChu` for a card with its holder, in the words of the official sample.
pub(super) fn note(portal: &Portal, person: &InsuredPerson, opening: &str) -> String {
    let validity = person.validity(portal.wall_clock().date());
    format!(
        "{opening} Họ tên : {}, Ngày sinh: {}, Giới tính : {}! (ĐC: {}; Nơi KCBBĐ: {}; Hạn thẻ: {} - {}; Thời điểm đủ 5 \
         năm liên tục: {}).",
        person.name,
        person.birth_date.portal(),
        person.sex.vietnamese(),
        person.address,
        person.facility,
        slashed(validity.from),
        slashed(validity.to),
        slashed(person.five_years_on),
    )
}

impl<'a> CardReply<'a> {
    /// The code, its text, and the number that was asked for.
    pub(super) fn refused(portal: &Portal, call: &'a Call, code: &'a str, note: &str) -> Self {
        Self {
            ma_ket_qua: Some(portal.code(code)),
            ghi_chu: Some(note.to_owned()),
            ma_the: Some(call.fields.get("maThe").to_owned()),
            ..Self::default()
        }
    }

    pub(super) fn of(
        portal: &Portal,
        person: &'a InsuredPerson,
        code: &'a str,
        note: String,
        asked_new_card: bool,
        earlier: Vec<Check>,
    ) -> Self {
        let today = portal.wall_clock().date();
        let (recorded, newest) = (person.validity(today), person.new_validity(today));
        let shown = if asked_new_card { newest } else { recorded };
        let old = person.old_card.as_deref();
        // A new card announced has an empty maTheCu; the new card itself names the old one.
        let (card, previous) = match old {
            Some(old) if asked_new_card => (person.card.as_str(), old),
            Some(old) => (old, ""),
            None => (person.card.as_str(), ""),
        };
        let checks = earlier.into_iter().map(|check| CheckReply {
            user_kt: check.account,
            thoi_gian_kt: check.at,
            thong_bao: check.message,
            ma_loi: check.code,
        });
        Self {
            ma_ket_qua: Some(portal.code(code)),
            ghi_chu: Some(note),
            ma_the: Some(card.to_owned()),
            ho_ten: Some(person.name.clone()),
            ngay_sinh: Some(person.birth_date.portal()),
            gioi_tinh: Some(person.sex.vietnamese()),
            dia_chi: Some(&person.address),
            ma_dkbd: Some(&person.facility),
            cq_bhxh: Some(&person.office),
            gt_the_tu: Some(slashed(shown.from)),
            gt_the_den: Some(slashed(shown.to)),
            ma_kv: Some(person.living_area),
            ngay_du_5_nam: Some(slashed(person.five_years_on)),
            ma_so_bhxh: Some(&person.social_insurance_number),
            ma_the_cu: Some(previous),
            ma_the_moi: Some(&person.card),
            gt_the_tu_moi: Some(slashed(newest.from)),
            gt_the_den_moi: Some(slashed(newest.to)),
            ma_dkbd_moi: Some(&person.facility),
            ten_dkbd_moi: Some(&person.facility_name),
            visits: None,
            checks: Some(checks.collect()),
        }
    }
}

impl<'a> VisitReply<'a> {
    pub(super) fn refused(portal: &Portal, code: &'a str, note: &'a str) -> Self {
        Self { ma_ket_qua: portal.code(code), ghi_chu: Some(note), visits: None }
    }

    /// None to three visits of the last months, the same on one day.
    pub(super) fn of(portal: &Portal, person: &InsuredPerson, code: &'a str) -> Self {
        let today = portal.wall_clock().date();
        let seed = seed_of(person);
        let visits = (0..seed % 4).map(|count| {
            let days = 12 + 35 * i64::try_from(count).unwrap_or_default();
            let day = today.saturating_sub(days.days()).strftime("%Y%m%d").to_string();
            Visit {
                ma_ho_so: format!("{}{:05}", today.strftime("%y%m"), (seed >> 8) % 100_000 + count),
                ma_cskcb: person.facility.clone(),
                ngay_vao: format!("{day}0822"),
                ngay_ra: format!("{day}1141"),
                ten_benh: if count % 2 == 0 { "J02.9" } else { "I10" },
                tinh_trang: "1",
                kq_dieu_tri: "2",
                ly_do_vv: "1",
            }
        });
        let mut visits: Vec<Visit> = visits.collect();
        if person.code == population::STILL_IN {
            visits.insert(0, not_ended(today));
        }
        let note = Some(text_of(code)).filter(|_| code != "000");
        Self { ma_ket_qua: portal.code(code), ghi_chu: note, visits: Some(visits) }
    }

    /// Lets the records remember the visits, so that their details can be asked for.
    pub(super) fn remember(&self, portal: &Portal, person: &InsuredPerson) {
        for visit in self.visits.iter().flatten() {
            let told = ToldVisit {
                name: person.name.clone(),
                birth_date: person.birth_date.portal(),
                card: person.card.clone(),
                facility: visit.ma_cskcb.clone(),
                diagnosis: visit.ten_benh,
                from: visit.ngay_vao.clone(),
                to: visit.ngay_ra.clone(),
            };
            portal.records().tell_visit(&visit.ma_ho_so, told);
        }
    }
}

impl<'a> CoPaymentReply<'a> {
    /// A reply without data; the wording of 400 and 500 is the portal's, that of 204 ours.
    pub(super) fn failed(code: u16) -> Self {
        let note = match code {
            400 => "Các tham số đầu vào không chính xác!",
            500 => "Có lỗi hệ thống xảy ra trong quá trình xử lý!",
            _ => "Không tìm thấy thông tin thẻ hoặc chưa phát sinh cùng chi trả!",
        };
        Self { ma_ket_qua: code, ghi_chu: note.to_owned(), data_cct: None, thong_tin_so_the: None }
    }

    /// Every second person has paid something this year; the others are the 204 of section 2.6.
    pub(super) fn of(portal: &Portal, person: &'a InsuredPerson) -> Self {
        let now = portal.wall_clock();
        let today = now.date();
        let seed = seed_of(person);
        let count = u32::try_from(seed % 4).unwrap_or_default();
        if seed & 16 == 0 || count == 0 {
            return Self::failed(204);
        }
        let mut paid_so_far = 0;
        let mut rows: Vec<_> = (0..count)
            .map(|row| {
                let paid = 50_000 + (seed >> (row * 8) & 0xFF) * 5_000;
                paid_so_far += paid;
                // The earliest first, so that the sum runs; turned round below.
                let out = today.saturating_sub((i64::from(count - row) * 20).days());
                CoPayment {
                    id: count - row,
                    ngay_tra_cuu: slashed(today),
                    ma_the: person.card.clone(),
                    ma_cskcb: person.facility.clone(),
                    ngay_vao: slashed(out.saturating_sub(4.days())),
                    ngay_ra: slashed(out),
                    ma_doi_tuong_kcb: "1.1",
                    paid,
                    paid_so_far,
                    ngay_nhan_cong: slashed(out.saturating_add(1.days())),
                    ngay_nhan: slashed(out.saturating_add(1.days())),
                    reserve_1: "",
                    reserve_2: "",
                    reserve_3: "",
                    reserve_4: "",
                    reserve_5: "",
                }
            })
            .collect();
        rows.reverse();
        let as_of = now.strftime("%d/%m/%Y %H:%M");
        Self {
            ma_ket_qua: 200,
            ghi_chu: format!(
                "Nguồn DL lấy từ các CSKCB đề nghị thanh toán KCB BHYT trên HTTTGĐ BHYT tính đến: {as_of}"
            ),
            data_cct: Some(rows),
            thong_tin_so_the: Some(Holder {
                ho_ten: &person.name,
                ngay_sinh: person.birth_date.portal(),
                ngay_ket_thuc: slashed(person.new_validity(today).to),
                ma_bhxh: &person.social_insurance_number,
                reserve_1: "",
                reserve_2: "",
                reserve_3: "",
                reserve_4: "",
                reserve_5: "",
            }),
        }
    }
}

/// A stay at another facility that began three days ago.
fn not_ended(today: Date) -> Visit {
    Visit {
        ma_ho_so: format!("{}00001", today.strftime("%y%m")),
        ma_cskcb: population::ELSEWHERE.to_owned(),
        ngay_vao: format!("{}0822", today.saturating_sub(3.days()).strftime("%Y%m%d")),
        ngay_ra: String::new(),
        ten_benh: "J18.9",
        tinh_trang: "",
        kq_dieu_tri: "",
        ly_do_vv: "2",
    }
}

fn seed_of(person: &InsuredPerson) -> u64 {
    mix(person.social_insurance_number.parse().unwrap_or_default())
}

fn slashed(date: Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}
