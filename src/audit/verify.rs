//! Proving the log: every entry in its place, every hash, every closing with its opening, every signature.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;

use super::book::Book;
use super::head::{self, Head, hex};
use super::key::PublicKey;
use super::record::{BEGINNING, Hash, Phase, Row};
use super::{AuditError, Unavailable};

/// What the log is held to, besides itself.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The keys whose signatures count.
    pub keys: Vec<PublicKey>,
    /// A head that was noted elsewhere: sequence and hash in hexadecimal.
    pub noted: Option<(i64, String)>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries looked at.
    pub entries: u64,
    /// The first entry that is kept; 0 where there is none.
    pub first: i64,
    /// The last one that was right; 0 where there is none.
    pub last: i64,
    /// The hash of the last one that was right, in hexadecimal.
    pub hash: String,
    /// Signed heads.
    pub heads: u64,
    /// Up to where the log is signed.
    pub signed_to: i64,
    /// Openings of which nobody knows what came.
    pub open: u64,
    /// The first of them.
    pub first_open: Vec<i64>,
    /// The first thing that is wrong.
    pub broken: Option<Broken>,
}

/// The first thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// At which entry.
    pub sequence: i64,
    /// What.
    pub wrong: Wrong,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not there, though later ones are, or a signed head names it.
    Missing,
    /// It is not what its hash says, or does not follow from the entry before.
    Changed,
    /// It closes what was not open.
    ClosesNothing,
    /// A head of it is not signed by a key that counts.
    HeadForged,
    /// A head of it names another hash: the entries up to here are not those that were signed.
    HeadDiffers,
    /// The head before that of this entry is missing.
    HeadMissing,
    /// The log begins here, and no signed cut says that it may.
    CutForged,
    /// It is not the one that was noted elsewhere.
    NotAsNoted,
}

/// Openings told by number.
const OPEN_TOLD_MAX: usize = 20;

impl Wrong {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::ClosesNothing => "closes_nothing",
            Self::HeadForged => "head_forged",
            Self::HeadDiffers => "head_differs",
            Self::HeadMissing => "head_missing",
            Self::CutForged => "cut_forged",
            Self::NotAsNoted => "not_as_noted",
        }
    }
}

/// Where the walk stands.
struct Walk<'t> {
    trust: &'t Trust,
    report: Report,
    hash: Hash,
    open: BTreeSet<i64>,
    /// Heads that are still ahead, the next one last.
    heads: Vec<Head>,
    /// The head passed last.
    head_before: i64,
    /// The openings before the cut are forgotten; what closes one of them closes nothing that can be found.
    cut: i64,
}

impl Book {
    /// Walks the whole log. What is written meanwhile is left out.
    pub fn verify(&self, trust: &Trust) -> Result<Report, AuditError> {
        Ok(self.walked(trust).map_err(Unavailable::from)?)
    }

    fn walked(&self, trust: &Trust) -> rusqlite::Result<Report> {
        // One state of the database from beginning to end.
        let view = self.connection.unchecked_transaction()?;
        let mut heads = head::heads(&view)?;
        heads.reverse();
        let mut walk = Walk {
            trust,
            report: Report { hash: hex(&BEGINNING), ..Report::default() },
            hash: BEGINNING,
            open: BTreeSet::new(),
            heads,
            head_before: 0,
            cut: 0,
        };
        if let Some(cut) = head::newest_cut(&view)? {
            if !trust.keys.iter().any(|key| cut.is_signed_by(key)) {
                return Ok(walk.broken(cut.sequence + 1, Wrong::CutForged));
            }
            walk.begin_at(cut.sequence, cut.hash);
        }
        let first = "SELECT min(sequence) FROM entries WHERE sequence > ?1";
        let first: Option<Option<i64>> = view.query_row(first, [walk.cut], |row| row.get(0)).optional()?;
        walk.report.first = first.flatten().unwrap_or(0);

        let mut statement = view.prepare(
            "SELECT sequence, at, phase, opening, deed, who, request, facility, subject, object, origin, status, code, \
             source, hash FROM entries WHERE sequence > ?1 ORDER BY sequence",
        )?;
        let mut rows = statement.query([walk.cut])?;
        let mut buffer = Vec::new();
        while let Some(row) = rows.next()? {
            if let Err((sequence, wrong)) = walk.step(row, &mut buffer)? {
                return Ok(walk.broken(sequence, wrong));
            }
        }
        Ok(walk.end())
    }
}

type Step = Result<(), (i64, Wrong)>;

impl Walk<'_> {
    /// Begins after a cut: what stands before it is forgotten, or being forgotten.
    fn begin_at(&mut self, sequence: i64, hash: Hash) {
        self.cut = sequence;
        self.hash = hash;
        self.report.last = sequence;
        self.report.signed_to = sequence;
        self.report.hash = hex(&hash);
        self.heads.retain(|head| head.sequence > sequence);
        self.head_before = sequence;
    }

    fn step(&mut self, row: &rusqlite::Row<'_>, buffer: &mut Vec<u8>) -> rusqlite::Result<Step> {
        let expected = self.report.last + 1;
        // A value of another type was written by nobody.
        let Ok((read, stored)) = read(row) else { return Ok(Err((expected, Wrong::Changed))) };
        if read.sequence != expected {
            return Ok(Err((expected, Wrong::Missing)));
        }
        if read.hash(&self.hash, buffer).as_slice() != stored {
            return Ok(Err((expected, Wrong::Changed)));
        }
        self.hash.copy_from_slice(stored);
        match Phase::of(read.phase) {
            None => return Ok(Err((expected, Wrong::Changed))),
            Some(Phase::Opened) => drop(self.open.insert(expected)),
            Some(Phase::Closed) => {
                if !self.open.remove(&read.opening) && read.opening > self.cut {
                    return Ok(Err((expected, Wrong::ClosesNothing)));
                }
            }
            Some(Phase::Whole) => {}
        }
        self.report.entries += 1;
        self.report.last = expected;
        Ok(self.noted(expected).and_then(|()| self.head(expected)))
    }

    fn noted(&self, sequence: i64) -> Step {
        match &self.trust.noted {
            Some((noted, hash)) if *noted == sequence && *hash != hex(&self.hash) => Err((sequence, Wrong::NotAsNoted)),
            _ => Ok(()),
        }
    }

    /// Holds the entry to its head, if it has one.
    fn head(&mut self, sequence: i64) -> Step {
        if self.heads.last().is_none_or(|head| head.sequence != sequence) {
            return Ok(());
        }
        let Some(head) = self.heads.pop() else { return Ok(()) };
        if !self.trust.keys.iter().any(|key| head.is_signed_by(key)) {
            return Err((sequence, Wrong::HeadForged));
        }
        if head.hash != self.hash {
            return Err((sequence, Wrong::HeadDiffers));
        }
        if head.before != self.head_before {
            return Err((sequence, Wrong::HeadMissing));
        }
        self.head_before = sequence;
        self.report.heads += 1;
        self.report.signed_to = sequence;
        Ok(())
    }

    fn end(self) -> Report {
        let last = self.report.last;
        let noted = self.trust.noted.as_ref().map(|(sequence, _)| *sequence);
        // What is signed, or was noted, and is not there was taken off the end.
        let taken = self.heads.last().is_some() || noted.is_some_and(|noted| noted > last);
        let mut report = self.told();
        if taken {
            report.broken = Some(Broken { sequence: last + 1, wrong: Wrong::Missing });
        }
        report
    }

    fn broken(self, sequence: i64, wrong: Wrong) -> Report {
        Report { broken: Some(Broken { sequence, wrong }), ..self.told() }
    }

    fn told(self) -> Report {
        Report {
            hash: hex(&self.hash),
            open: u64::try_from(self.open.len()).unwrap_or(u64::MAX),
            first_open: self.open.into_iter().take(OPEN_TOLD_MAX).collect(),
            ..self.report
        }
    }
}

/// One row, and its hash as it is stored.
fn read<'r>(row: &'r rusqlite::Row<'_>) -> rusqlite::Result<(Row<'r>, &'r [u8])> {
    fn text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
        Ok(row.get_ref(column)?.as_str()?)
    }
    let read = Row {
        sequence: row.get(0)?,
        at: row.get(1)?,
        phase: row.get(2)?,
        opening: row.get(3)?,
        deed: text(row, 4)?,
        who: text(row, 5)?,
        request: text(row, 6)?,
        facility: text(row, 7)?,
        subject: row.get_ref(8)?.as_blob()?,
        object: text(row, 9)?,
        origin: text(row, 10)?,
        status: row.get(11)?,
        code: text(row, 12)?,
        source: text(row, 13)?,
    };
    let hash = row.get_ref(14)?.as_blob()?;
    // Its length too is the chain's own.
    if hash.len() == BEGINNING.len() { Ok((read, hash)) } else { Err(rusqlite::Error::InvalidQuery) }
}
