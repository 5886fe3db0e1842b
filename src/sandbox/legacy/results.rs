//! What became of the claims of the old family: by day, by file of a day, by error of a file (`portal-api.md`, section
//! 4.6). Told from what was recorded and from what its judge has said so far.
//!
//! Counts and sums are JSON numbers, because clients calculate with them as they come.

use http::StatusCode;
use jiff::civil::Date;
use serde::Serialize;

use super::SERVICES;
use crate::sandbox::judge::{self, State};
use crate::sandbox::lookup::egw_admits;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Entry;
use crate::sandbox::reply::{Answer, Code};
use crate::sandbox::request::Call;
use crate::system::vietnam;

/// Days told at once: the portal's own pages search 60 (section 4.2).
const DAYS_MAX: i32 = 60;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Days<'a> {
    ma_ket_qua: Code<'a>,
    #[serde(rename = "dsKQGuiHosoNgay")]
    days: Option<Vec<Day>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Day {
    ngay_gui: String,
    tong_so: usize,
    #[serde(rename = "soHSThanhCong")]
    good: usize,
    #[serde(rename = "soHSLoi")]
    bad: usize,
    tong_tien: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Files<'a> {
    ma_ket_qua: Code<'a>,
    #[serde(rename = "dsHoSo")]
    files: Option<Vec<File>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    ngay_gui: String,
    ma_giao_dich: String,
    so_luong_ho_so: usize,
    sl_ho_so_dung: usize,
    sl_ho_so_loi: usize,
    tong_tien: f64,
    mieu_ta: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Errors<'a> {
    ma_ket_qua: Code<'a>,
    #[serde(rename = "dsLoi")]
    errors: Option<Vec<Error>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Error {
    ma_loi: &'static str,
    mo_ta_loi: String,
}

/// `POST /api/egw/nhanKQTiepNhanHS4210`: sums by day, from `tuNgay` to `denNgay`.
pub(in crate::sandbox) fn by_day(portal: &Portal, call: &Call) -> Answer {
    let reply = |code, days| Answer::json(StatusCode::OK, &Days { ma_ket_qua: portal.code(code), days });
    if !egw_admits(portal, call) {
        return reply("401", None);
    }
    let (Some(from), Some(to)) = (day(call, "tuNgay"), day(call, "denNgay")) else { return reply("205", None) };
    if from > to || (to - from).get_days() >= DAYS_MAX || !names_a_list(call) {
        return reply("205", None);
    }
    let mut days: Vec<(Date, Day)> = Vec::new();
    for entry in entries_of(portal, call).filter(|entry| (from..=to).contains(&sent_on(portal, entry))) {
        let (on, count) = (sent_on(portal, &entry), Count::of(&entry, state(portal, &entry)));
        // Entries come in the order of reception, so those of a day stand together.
        if days.last().is_none_or(|(last, _)| *last != on) {
            days.push((on, Day { ngay_gui: slashed(on), tong_so: 0, good: 0, bad: 0, tong_tien: 0.0 }));
        }
        if let Some((_, day)) = days.last_mut() {
            day.tong_so += count.all;
            day.good += count.good;
            day.bad += count.bad;
            day.tong_tien += count.total;
        }
    }
    reply("200", Some(days.into_iter().map(|(_, day)| day).collect()))
}

/// `POST /api/egw/nhanChiTietHSNgay4210`: the files of `ngayGui`.
pub(in crate::sandbox) fn of_day(portal: &Portal, call: &Call) -> Answer {
    let reply = |code, files| Answer::json(StatusCode::OK, &Files { ma_ket_qua: portal.code(code), files });
    if !egw_admits(portal, call) {
        return reply("401", None);
    }
    let Some(on) = day(call, "ngayGui").filter(|_| names_a_list(call)) else { return reply("205", None) };
    let files = entries_of(portal, call).filter(|entry| sent_on(portal, entry) == on).map(|entry| {
        // Read once, so that the counts and the words agree.
        let state = state(portal, &entry);
        let count = Count::of(&entry, state);
        File {
            ngay_gui: slashed(on),
            so_luong_ho_so: count.all,
            sl_ho_so_dung: count.good,
            sl_ho_so_loi: count.bad,
            tong_tien: count.total,
            mieu_ta: described(state),
            ma_giao_dich: entry.submission.receipt,
        }
    });
    reply("200", Some(files.collect()))
}

/// `POST /api/egw/nhanChiTietLoiHS4210`: the errors of `maGiaoDich`; none as long as it was not judged.
pub(in crate::sandbox) fn errors(portal: &Portal, call: &Call) -> Answer {
    let reply = |code, errors| Answer::json(StatusCode::OK, &Errors { ma_ket_qua: portal.code(code), errors });
    if !egw_admits(portal, call) {
        return reply("401", None);
    }
    let (facility, receipt) = (call.query.get("maCSKCB"), call.query.get("maGiaoDich"));
    if facility.is_empty() || receipt.is_empty() {
        return reply("205", None);
    }
    let found = portal.records().entries().rev().find(|entry| is_of(entry, facility, receipt)).cloned();
    let judged = found.filter(|entry| state(portal, entry) == State::Rejected);
    let errors = judged.map(|entry| entry.finding.errors).unwrap_or_default();
    let told = errors.into_iter().map(|error| Error { ma_loi: old_code(error.code), mo_ta_loi: error.text });
    reply("200", Some(told.collect()))
}

fn is_of(entry: &Entry, facility: &str, receipt: &str) -> bool {
    let taken = &entry.submission;
    SERVICES.contains(&taken.service.as_str()) && taken.facility == facility && taken.receipt == receipt
}

/// The codes of this family: 201 the XML is malformed, 202 its content is wrong.
fn old_code(code: &str) -> &'static str {
    if code == "204" { "201" } else { "202" }
}

/// The words of the portal's own pages (section 4.2).
fn described(state: State) -> &'static str {
    match state {
        State::Waiting => "File đã nhận và đang chờ xử lý",
        State::Accepted => "Đã lưu vào hệ thống",
        State::Rejected | State::NotJudged => "File đã xử lý xong",
    }
}

fn names_a_list(call: &Call) -> bool {
    !call.query.get("maCSKCB").is_empty() && SERVICES.contains(&call.query.get("loaiHoSo"))
}

/// What was sent for the facility and service of the call, in order. Copied out first: counting must not hold up the
/// portal.
fn entries_of(portal: &Portal, call: &Call) -> impl Iterator<Item = Entry> {
    let (facility, service) = (call.query.get("maCSKCB"), call.query.get("loaiHoSo"));
    let of_call = |entry: &&Entry| entry.submission.facility == facility && entry.submission.service == service;
    let entries: Vec<Entry> = portal.records().entries().filter(of_call).cloned().collect();
    entries.into_iter()
}

fn state(portal: &Portal, entry: &Entry) -> State {
    entry.finding.state(entry.submission.received_at, portal.judge_after(), portal.system.now())
}

/// How many records a file holds, how many were judged good or bad so far, and what the good ones cost.
#[derive(Default)]
struct Count {
    all: usize,
    good: usize,
    bad: usize,
    total: f64,
}

impl Count {
    fn of(entry: &Entry, state: State) -> Self {
        let records = judge::sums(&entry.submission.body);
        let errors = &entry.finding.errors;
        // A file in which no record can be found counts as one, and an error that names no record befalls all.
        let all = records.len().max(1);
        let is_bad = |key: &str| errors.iter().any(|error| error.ma_lk.is_empty() || error.ma_lk == key);
        match state {
            State::Waiting => Self { all, ..Self::default() },
            State::Rejected if records.is_empty() => Self { all, bad: all, ..Self::default() },
            _ => {
                let good: Vec<f64> = records.iter().filter(|(key, _)| !is_bad(key)).map(|(_, sum)| *sum).collect();
                let bad = records.len() - good.len();
                Self { all, good: all - bad, bad, total: good.iter().sum() }
            }
        }
    }
}

fn sent_on(portal: &Portal, entry: &Entry) -> Date {
    vietnam(portal.skewed(entry.submission.received_at)).date()
}

fn day(call: &Call, name: &str) -> Option<Date> {
    Date::strptime("%d/%m/%Y", call.query.get(name).trim()).ok()
}

fn slashed(date: Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}
