//! What stands in one row, and what holds for all rows of a list; both ways between types and the JSON that is sealed.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::domain::{CardSubject, NationalId, Officer, PartialDate, PersonName};

/// One question of a list. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// What the caller knows the row by (a booking's number); never sent to anybody else.
    pub reference: String,
    /// The card.
    pub subject: CardSubject,
    /// Its holder.
    pub name: PersonName,
    /// When the holder was born.
    pub birth: PartialDate,
    /// When the visit will be.
    pub visit: Option<Date>,
}

/// What holds for all rows of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// In whose name the portal is asked.
    pub officer: Option<Officer>,
    /// The visit date of rows that name none.
    pub visit: Option<Date>,
}

impl Question {
    /// As it is kept, and shown to the caller who brought it.
    pub fn to_json(&self) -> String {
        json!({
            "ref": self.reference,
            "maThe": self.subject.as_str(),
            "hoTen": self.name.as_str(),
            "ngaySinh": self.birth.iso(),
            "ngayKham": self.visit.map(|visit| visit.to_string()),
        })
        .to_string()
    }

    /// Reads [`to_json`](Self::to_json) back; `None` for what it did not write.
    pub fn from_json(text: &str) -> Option<Self> {
        let members: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| members.get(name)?.as_str();
        Some(Self {
            reference: text("ref")?.to_owned(),
            subject: CardSubject::parse(text("maThe")?).ok()?,
            name: PersonName::parse(text("hoTen")?).ok()?,
            birth: PartialDate::parse(text("ngaySinh")?).ok()?,
            visit: match text("ngayKham") {
                Some(visit) => Some(visit.parse().ok()?),
                None => None,
            },
        })
    }
}

impl Details {
    /// As they are kept.
    pub fn to_json(&self) -> String {
        let officer = self.officer.as_ref();
        let officer =
            officer.map(|officer| json!({"hoTen": officer.name.as_str(), "cccd": officer.national_id.as_str()}));
        json!({"canBo": officer, "ngayKham": self.visit.map(|visit| visit.to_string())}).to_string()
    }

    /// Reads [`to_json`](Self::to_json) back; `None` for what it did not write.
    pub fn from_json(text: &str) -> Option<Self> {
        let members: Value = serde_json::from_str(text).ok()?;
        let officer = match members.get("canBo")? {
            Value::Null => None,
            officer => Some(Officer {
                name: PersonName::parse(officer.get("hoTen")?.as_str()?).ok()?,
                national_id: NationalId::parse(officer.get("cccd")?.as_str()?).ok()?,
            }),
        };
        let visit = match members.get("ngayKham")? {
            Value::Null => None,
            visit => Some(visit.as_str()?.parse().ok()?),
        };
        Some(Self { officer, visit })
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        for (birth, visit) in [("05/03/1994", Some("2026-11-21")), ("1950", None), ("03/1994", None)] {
            let question = Question {
                reference: "BN \"1\"".to_owned(),
                subject: CardSubject::parse("001185012345").unwrap(),
                name: PersonName::parse("Nguyễn Thị Ví Dụ").unwrap(),
                birth: PartialDate::parse(birth).unwrap(),
                visit: visit.map(|visit| visit.parse().unwrap()),
            };
            assert_eq!(Question::from_json(&question.to_json()), Some(question.clone()));
            assert_eq!(format!("{question:?}"), "Question(redacted)");
        }
        let officer = Officer {
            name: PersonName::parse("LÊ VĂN C").unwrap(),
            national_id: NationalId::parse("079085054321").unwrap(),
        };
        for details in
            [Details::default(), Details { officer: Some(officer), visit: Some("2026-11-21".parse().unwrap()) }]
        {
            assert_eq!(Details::from_json(&details.to_json()), Some(details));
        }
        for wrong in ["", "{}", "[]", r#"{"canBo":{},"ngayKham":null}"#] {
            assert_eq!((Question::from_json(wrong), Details::from_json(wrong)), (None, None), "{wrong}");
        }
    }
}
