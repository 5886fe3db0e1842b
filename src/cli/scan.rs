//! `scan`: what stands on a code, read on this machine; nobody is asked.

use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::connection::{standard_input, tell_unreadable};
use crate::cli::output::Output;
use crate::domain::scan::{Scan, ScanWarning};
use crate::domain::{CardSubject, FacilityCode, NationalId, PartialDate, Precision};

/// What `scan` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The raw text of a scanned code; without it, or with `-`, standard input. Other accounts of this machine can see
    /// the command line.
    #[arg(value_name = "RAW", allow_hyphen_values = true)]
    raw: Option<String>,
}

/// The longest code of a card has under 1 KiB.
const RAW_BYTES_MAX: usize = 16 << 10;

pub(super) fn scan(arguments: &Arguments, out: &Output) -> Exit {
    let raw = match arguments.raw.as_deref() {
        None | Some("-") => match standard_input(RAW_BYTES_MAX) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) => return tell_unreadable(out.wording("đầu vào chuẩn", "standard input"), &error, out),
        },
        Some(raw) => raw.to_owned(),
    };
    match Scan::parse(&raw) {
        Ok(scan) => show(&fields(&scan, out), out),
        Err(error) => out.failure(Exit::Failed, error.code(), &error.message()),
    }
}

fn show(fields: &[(&'static str, Value)], out: &Output) -> Exit {
    if out.wants_json() {
        out.json(&fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
        return Exit::Done;
    }
    for (name, value) in fields {
        match value {
            Value::String(text) => out.line(&format!("{name:<10} {text}")),
            Value::Object(date) => {
                let date = date.get("giaTri").and_then(Value::as_str).unwrap_or_default();
                out.line(&format!("{name:<10} {date}"));
            }
            Value::Array(items) => {
                for item in items {
                    let text = item.as_str().or_else(|| item.get("nhan").and_then(Value::as_str)).unwrap_or_default();
                    out.line(&format!("{name:<10} {text}"));
                }
            }
            _ => {}
        }
    }
    Exit::Done
}

/// The fields that are there, with the names and forms of `POST /v1/scans`.
fn fields(scan: &Scan, out: &Output) -> Vec<(&'static str, Value)> {
    let precision = |date: PartialDate| match date.precision() {
        Precision::Day => "ngay",
        Precision::Month => "thang",
        Precision::Year => "nam",
    };
    let birth = scan.birth.map(|date| json!({ "giaTri": date.iso(), "doChinhXac": precision(date) }));
    let date = |date: Option<PartialDate>| json!(date.map(PartialDate::iso));
    let warning =
        |warning: &ScanWarning| json!({ "code": warning.code(), "nhan": warning.message().wording(out.language()) });
    let all = [
        ("loai", json!(scan.kind.name())),
        ("tinCay", json!(scan.confidence.name())),
        ("soCccd", json!(scan.national_id.as_ref().map(NationalId::as_str))),
        ("soCmnd", json!(scan.old_id)),
        ("maThe", json!(scan.card.as_ref().map(CardSubject::as_str))),
        ("hoTen", json!(scan.name)),
        ("ngaySinh", json!(birth)),
        ("gioiTinh", json!(scan.sex.map(|sex| sex.vietnamese().to_lowercase()))),
        ("diaChi", json!(scan.address)),
        ("maDKBD", json!(scan.facility.as_ref().map(FacilityCode::as_str))),
        ("gtTheTu", date(scan.valid_from)),
        ("gtTheDen", date(scan.valid_to)),
        ("ngayCap", date(scan.issued)),
        ("ngayDu5Nam", date(scan.five_years)),
        ("maKV", json!(scan.area)),
        ("canhBao", scan.warnings.iter().map(warning).collect()),
        ("extra", json!(scan.extra)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}
