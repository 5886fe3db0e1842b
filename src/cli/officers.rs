//! `officers`: the directory of officers. Works on the data folder, also beside a running gateway.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::{StartError, directory};
use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::documents::table::Table;
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::config::Config;
use crate::domain::{Bilingual, FacilityCode};
use crate::officers::import::{self, FILE_BYTES_MAX, RowFault};
use crate::store::OfficerRow;
use crate::system::System;

/// What `officers` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Read the directory from a CSV file; with one wrong row nothing is taken.
    Import {
        #[command(flatten)]
        place: Place,
        /// CSV in UTF-8 with the columns staff_id,name,national_id,facility,default.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Take the place of the whole directory: who is not in the file is removed.
        #[arg(long)]
        replace: bool,
    },
    /// List the directory; national IDs are masked.
    List(Place),
    /// Remove one person from the directory.
    Remove {
        #[command(flatten)]
        place: Place,
        /// What the hospital system calls this person.
        #[arg(value_name = "STAFF_ID")]
        staff_id: String,
        /// The row of this facility; without it, the row for all facilities.
        #[arg(long, value_name = "CODE", value_parser = facility)]
        facility: Option<FacilityCode>,
    },
}

/// Whose directory.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The configuration file of the gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn facility(text: &str) -> Result<FacilityCode, String> {
    FacilityCode::parse(text).map_err(|error| error.to_string())
}

pub(super) fn officers(command: &Command, out: &Output) -> Exit {
    let (Command::Import { place, .. } | Command::List(place) | Command::Remove { place, .. }) = command;
    let config = match Config::load(&place.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&place.config, &faults, out),
    };
    on_one_thread(out, async {
        let outcome = match command {
            Command::Import { file, replace, .. } => take(file, *replace, &config, out).await,
            Command::List(_) => list(&config, out).await,
            Command::Remove { staff_id, facility, .. } => remove(staff_id, *facility, &config, out).await,
        };
        outcome.unwrap_or_else(|error| {
            let message =
                Bilingual::composed(format!("không làm được: {error}"), format!("this could not be done: {error}"));
            out.failure(Exit::Failed, "officers.not_done", &message)
        })
    })
}

async fn take(file: &Path, replace: bool, config: &Config, out: &Output) -> Result<Exit, StartError> {
    let bytes = match read_bounded(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            let shown = file.display();
            let message = Bilingual::composed(
                format!("không đọc được {shown}: {error}"),
                format!("cannot read {shown}: {error}"),
            );
            return Ok(out.failure(Exit::Failed, "officers.unreadable", &message));
        }
    };
    let known: Vec<FacilityCode> = config.facilities.iter().map(|facility| facility.code).collect();
    let rows = match import::read(&bytes, &known) {
        Ok(rows) => rows,
        Err(faults) => return Ok(tell_rows(file, &faults, out)),
    };
    let Some(imported) = directory::import(config, &System::real(), rows, replace).await? else {
        let message = Bilingual::fixed(
            "danh bạ sẽ quá 100.000 người; chưa nhập ai",
            "the directory would hold more than 100,000; nobody was taken",
        );
        return Ok(out.failure(Exit::Failed, "officers.too_many", &message));
    };
    let (added, changed, removed) = (imported.added, imported.changed, imported.removed);
    if out.wants_json() {
        out.json(&json!({ "added": added, "changed": changed, "removed": removed }));
    } else {
        out.line(out.wording("Đã nhập danh bạ.", "The directory was taken."));
        let words = [
            (out.wording("thêm", "added"), added),
            (out.wording("thay", "changed"), changed),
            (out.wording("xóa", "removed"), removed),
        ];
        out.line(&words.map(|(word, count)| format!("{word} {count}")).join(" · "));
    }
    Ok(Exit::Done)
}

/// The file, unless it is larger than any directory.
fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    std::fs::File::open(file)?.take(bound + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// All rows that are wrong, on the lines of the file.
fn tell_rows(file: &Path, faults: &[RowFault], out: &Output) -> Exit {
    let shown = file.display();
    let message = Bilingual::composed(
        format!("{} lỗi trong {shown}; chưa nhập ai", faults.len()),
        format!("{} faults in {shown}; nobody was taken", faults.len()),
    );
    if out.wants_json() {
        let rows = faults.iter().map(|fault| {
            json!({
                "line": fault.line,
                "column": fault.column,
                "message": fault.message.wording(out.language()),
                "cure": fault.cure.wording(out.language()),
            })
        });
        out.json(&json!({
            "code": "officers.wrong_rows",
            "title": message.wording(out.language()),
            "errors": rows.collect::<Vec<Value>>(),
        }));
        return Exit::Failed;
    }
    for RowFault { line, column, message, cure } in faults {
        let (message, cure) = (message.wording(out.language()), cure.wording(out.language()));
        out.error(&format!("{shown}:{line}: {column}: {message}. {cure}"));
    }
    out.failure(Exit::Failed, "officers.wrong_rows", &message)
}

async fn list(config: &Config, out: &Output) -> Result<Exit, StartError> {
    let officers = directory::list(config, &System::real()).await?;
    if out.wants_json() {
        out.json(&json!({ "data": officers.iter().map(as_json).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        out.wording("MÃ HIS", "STAFF ID"),
        out.wording("HỌ TÊN", "NAME"),
        "CCCD",
        out.wording("CƠ SỞ", "FACILITY"),
        out.wording("MẶC ĐỊNH", "DEFAULT"),
    ]);
    for row in &officers {
        table.row([
            row.staff_id.clone(),
            row.officer.name.as_str().to_owned(),
            row.officer.national_id.masked(),
            row.facility.map_or_else(|| out.wording("mọi cơ sở", "all").to_owned(), |code| code.to_string()),
            if row.is_default { out.wording("có", "yes") } else { "" }.to_owned(),
        ]);
    }
    out.line(&table.draw());
    Ok(Exit::Done)
}

fn as_json(row: &OfficerRow) -> Value {
    json!({
        "staffId": row.staff_id,
        "hoTen": row.officer.name.as_str(),
        "cccd": row.officer.national_id.masked(),
        "maCSKCB": row.facility.map(|code| code.to_string()),
        "macDinh": row.is_default,
    })
}

async fn remove(
    staff_id: &str,
    facility: Option<FacilityCode>,
    config: &Config,
    out: &Output,
) -> Result<Exit, StartError> {
    if !directory::remove(config, &System::real(), staff_id.trim(), facility).await? {
        let message = Bilingual::fixed(
            "danh bạ không có người này ở cơ sở này (xem lienthong officers list)",
            "the directory has nobody of this id at this facility (see lienthong officers list)",
        );
        return Ok(out.failure(Exit::Failed, "officers.not_found", &message));
    }
    if out.wants_json() {
        out.json(&json!({ "staffId": staff_id, "removed": true }));
    } else {
        out.line(&format!("{staff_id}  {}", out.wording("đã xóa", "removed")));
    }
    Ok(Exit::Done)
}
