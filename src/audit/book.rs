//! Reading the log: for searches and exports, beside a gateway that may be writing.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::head::hex;
use super::record::Phase;
use super::{AUDIT_FILE, AuditError, Unavailable, file};

/// The log, to be read.
pub struct Book {
    pub(super) connection: Connection,
}

/// Which entries are wanted; what is not set leaves none out.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The first instant from which entries are wanted.
    pub from: Option<Timestamp>,
    /// The first instant from which they are not.
    pub before: Option<Timestamp>,
    /// Keyed hashes of subjects, of which one is enough.
    pub subjects: Vec<[u8; 32]>,
    /// `key_…`, `gateway`, `operator:…`.
    pub who: Option<String>,
    /// `doc_…`, `lkp_…`, `bat_…`, `key_…`.
    pub object: Option<String>,
    /// A deed's name.
    pub deed: Option<String>,
    /// A facility's code.
    pub facility: Option<String>,
}

/// One entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its number; without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// `whole`, `opened`, `closed`.
    pub phase: &'static str,
    /// Of a closing, the number of its opening.
    pub opening: Option<i64>,
    /// Of an opening, whether what came of it is known.
    pub is_closed: Option<bool>,
    /// The deed's name.
    pub deed: String,
    /// Who.
    pub who: String,
    /// In which request.
    pub request: String,
    /// For which facility.
    pub facility: String,
    /// About whom: the keyed hash, in hexadecimal.
    pub subject: String,
    /// About what of the gateway's.
    pub object: String,
    /// From which address.
    pub origin: String,
    /// The HTTP status; `None` where there is none.
    pub status: Option<i64>,
    /// The stable code.
    pub code: String,
    /// Where an answer came from.
    pub source: String,
    /// What binds it to the one before, in hexadecimal.
    pub hash: String,
}

impl Book {
    /// Opens the log of a data folder.
    pub fn open(folder: &Path) -> Result<Self, AuditError> {
        let file = folder.join(AUDIT_FILE);
        if !file.is_file() {
            return Err(AuditError::Missing);
        }
        Ok(Self { connection: file::open_reader(&file).map_err(Unavailable::from)? })
    }

    /// Shows entry after entry, the oldest first, until `show` says that it is enough (`false`). Gives how many were
    /// shown. Nothing but one entry is in memory.
    pub fn each(&self, filter: &Filter, mut show: impl FnMut(&Shown) -> bool) -> Result<u64, AuditError> {
        let (sql, values) = filter.query();
        let read = || -> rusqlite::Result<u64> {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                count += 1;
                if !show(&shown(row)?) {
                    break;
                }
            }
            Ok(count)
        };
        Ok(read().map_err(Unavailable::from)?)
    }
}

impl Filter {
    fn query(&self) -> (String, Vec<Value>) {
        let mut sql = "SELECT sequence, at, phase, opening, deed, who, request, facility, subject, object, origin, \
                       status, code, source, hash, phase = 1 AND EXISTS (SELECT 1 FROM entries AS closing WHERE \
                       closing.phase = 2 AND closing.opening = entries.sequence) FROM entries WHERE sequence > \
                       (SELECT coalesce(max(sequence), 0) FROM cuts)"
            .to_owned();
        let mut values = Vec::new();
        let instants = [("at >= ?", self.from), ("at < ?", self.before)];
        for (condition, instant) in instants {
            if let Some(instant) = instant {
                sql.push_str(" AND ");
                sql.push_str(condition);
                values.push(Value::from(instant.as_microsecond()));
            }
        }
        let texts = [("who", &self.who), ("object", &self.object), ("deed", &self.deed), ("facility", &self.facility)];
        for (column, wanted) in texts {
            if let Some(wanted) = wanted {
                sql.push_str(&format!(" AND {column} = ?"));
                values.push(Value::from(wanted.clone()));
            }
        }
        if !self.subjects.is_empty() {
            let places = vec!["?"; self.subjects.len()].join(", ");
            sql.push_str(&format!(" AND subject IN ({places})"));
            values.extend(self.subjects.iter().map(|subject| Value::from(subject.to_vec())));
        }
        sql.push_str(" ORDER BY sequence");
        (sql, values)
    }
}

fn shown(row: &rusqlite::Row<'_>) -> rusqlite::Result<Shown> {
    let (phase, opening, status): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(11)?);
    let is_opening = phase == Phase::Opened.number();
    Ok(Shown {
        sequence: row.get(0)?,
        // What is out of range was written by nobody; verification tells of it.
        at: Timestamp::from_microsecond(row.get(1)?).unwrap_or(Timestamp::MIN),
        phase: Phase::of(phase).map_or("?", Phase::name),
        opening: (opening != 0).then_some(opening),
        is_closed: is_opening.then_some(row.get(15)?),
        deed: row.get(4)?,
        who: row.get(5)?,
        request: row.get(6)?,
        facility: row.get(7)?,
        subject: hex(&row.get::<_, Vec<u8>>(8)?),
        object: row.get(9)?,
        origin: row.get(10)?,
        status: (status != 0).then_some(status),
        code: row.get(12)?,
        source: row.get(13)?,
        hash: hex(&row.get::<_, Vec<u8>>(14)?),
    })
}
