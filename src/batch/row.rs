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

/// In whose name the rows of a list are asked. Who is not named in person is looked for when a row is asked: put right in
/// the directory, he is right then.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Signs {
    /// The facility's default officer.
    #[default]
    Default,
    /// Whoever has this staff id.
    StaffId(String),
    /// This person.
    Officer(Officer),
}

/// What holds for all rows of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// In whose name the portal is asked.
    pub signs: Signs,
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
        let (staff_id, officer) = match &self.signs {
            Signs::Default => (None, None),
            Signs::StaffId(staff_id) => (Some(staff_id), None),
            Signs::Officer(officer) => (None, Some(officer)),
        };
        let officer =
            officer.map(|officer| json!({"hoTen": officer.name.as_str(), "cccd": officer.national_id.as_str()}));
        let visit = self.visit.map(|visit| visit.to_string());
        json!({"canBo": officer, "staffId": staff_id, "ngayKham": visit}).to_string()
    }

    /// Reads [`to_json`](Self::to_json) back; `None` for what it did not write.
    pub fn from_json(text: &str) -> Option<Self> {
        let members: Value = serde_json::from_str(text).ok()?;
        let signs = match (members.get("canBo")?, members.get("staffId").and_then(Value::as_str)) {
            (Value::Null, None) => Signs::Default,
            (Value::Null, Some(staff_id)) => Signs::StaffId(staff_id.to_owned()),
            (officer, _) => Signs::Officer(Officer {
                name: PersonName::parse(officer.get("hoTen")?.as_str()?).ok()?,
                national_id: NationalId::parse(officer.get("cccd")?.as_str()?).ok()?,
            }),
        };
        let visit = match members.get("ngayKham")? {
            Value::Null => None,
            visit => Some(visit.as_str()?.parse().ok()?),
        };
        Some(Self { signs, visit })
    }
}

/// Without who it is: a staff id may be a person's name.
impl std::fmt::Debug for Signs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Default => "Default",
            Self::StaffId(_) => "StaffId(redacted)",
            Self::Officer(_) => "Officer(redacted)",
        })
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
        for signs in [Signs::Default, Signs::StaffId("tiepdon01".to_owned()), Signs::Officer(officer)] {
            for visit in [None, Some("2026-11-21".parse().unwrap())] {
                let details = Details { signs: signs.clone(), visit };
                assert_eq!(Details::from_json(&details.to_json()), Some(details));
            }
        }
        for wrong in ["", "{}", "[]", r#"{"canBo":{},"ngayKham":null}"#] {
            assert_eq!((Question::from_json(wrong), Details::from_json(wrong)), (None, None), "{wrong}");
        }
    }
}
