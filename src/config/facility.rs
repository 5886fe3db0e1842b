//! Facilities, their portal accounts, and the officers in whose names the portal is asked.

use crate::config::Mode;
use crate::config::documents::KIND_NAMES;
use crate::config::reader::Section;
use crate::config::value::Secret;
use crate::domain::{Bilingual, FacilityCode, NationalId, Officer, PersonName};

/// One facility and its account at the portal.
#[derive(Clone, Debug)]
pub struct Facility {
    /// Its code (`maCSKCB`).
    pub code: FacilityCode,
    /// What people call it; the code where nothing else is said.
    pub name: String,
    /// The account's user name.
    pub username: String,
    /// The account's password, in plain.
    pub password: Secret,
    /// An account of its own for driver exams; the main one serves where there is none.
    pub driver_exam: Option<DriverExamAccount>,
    /// Names of the kinds really sent in live mode; of [`KIND_NAMES`].
    pub sends: Vec<&'static str>,
    /// In whose name the portal is asked when the caller names nobody.
    pub officer: Option<Officer>,
}

/// The account for driver exams.
#[derive(Clone, Debug)]
pub struct DriverExamAccount {
    /// Its user name.
    pub username: String,
    /// Its password, in plain.
    pub password: Secret,
}

/// One row of the directory of officers.
#[derive(Clone, Debug)]
pub struct StaffMember {
    /// What the hospital system calls this person (`Staff-Id`).
    pub staff_id: String,
    /// Who it is to the portal.
    pub officer: Officer,
    /// The facility at which; `None` for all.
    pub facility: Option<FacilityCode>,
}

/// The facilities without faults, and the codes of all that could be read.
pub(super) fn read(root: &mut Section<'_>, mode: Mode) -> (Vec<Facility>, Vec<FacilityCode>) {
    let (mut facilities, mut codes) = (Vec::new(), Vec::new());
    if !root.has("facility") {
        root.missing("facility");
    }
    for mut section in root.sections("facility") {
        let code = code(&mut section, "code", true);
        if let Some(code) = code {
            if codes.contains(&code) {
                duplicate(&section, "code", code.as_str());
            }
            codes.push(code);
        }
        facilities.extend(read_one(&mut section, code, mode));
        section.finish();
    }
    (facilities, codes)
}

/// Reads one `[[facility]]`; `None` after a fault that leaves nothing to stand in for.
fn read_one(section: &mut Section<'_>, code: Option<FacilityCode>, mode: Mode) -> Option<Facility> {
    let name = section.text("name");
    let username = username(section, "username");
    let password = section.secret("password_file", "password_env");
    if password.is_none() && !section.has("password_file") && !section.has("password_env") {
        section.missing("password_file");
    }
    let driver_exam = driver_exam(section, code);
    let sends = section.words("sends", &KIND_NAMES);
    if mode == Mode::Live && sends.is_empty() {
        section.notice(
            "sends",
            "config.sends_nothing",
            Bilingual::fixed("không loại tài liệu nào được gửi thật", "no kind of document is really sent"),
            Bilingual::fixed(
                "Tài liệu sẽ được giữ lại; bật bằng sends = [\"claim\", …].",
                "Documents will be held; switch on with sends = [\"claim\", …].",
            ),
        );
    }
    let officer = officer(section, "officer_name", "officer_id");
    let code = code?;
    Some(Facility {
        code,
        name: name.unwrap_or_else(|| code.to_string()),
        username: username.unwrap_or_else(|| format!("{code}_BV")),
        password: password?,
        driver_exam,
        sends,
        officer,
    })
}

fn driver_exam(section: &mut Section<'_>, code: Option<FacilityCode>) -> Option<DriverExamAccount> {
    let username = username(section, "driver_exam_username");
    let password = section.secret("driver_exam_password_file", "driver_exam_password_env");
    let named = section.has("driver_exam_password_file") || section.has("driver_exam_password_env");
    if username.is_some() && !named {
        section.missing("driver_exam_password_file");
    }
    let username = username.unwrap_or_else(|| code.map(|code| format!("{code}_HSSK")).unwrap_or_default());
    Some(DriverExamAccount { username, password: password? })
}

pub(super) fn read_officers(root: &mut Section<'_>, facilities: &[FacilityCode]) -> Vec<StaffMember> {
    let mut officers: Vec<StaffMember> = Vec::new();
    for mut section in root.sections("officer") {
        let staff_id = section.required_text("staff_id");
        let named = ["name", "national_id"].map(|key| section.has(key));
        for (key, _) in ["name", "national_id"].into_iter().zip(named).filter(|(_, there)| !there) {
            section.missing(key);
        }
        let officer = named.iter().all(|there| *there).then(|| officer(&mut section, "name", "national_id"));
        let facility = code(&mut section, "facility", false);
        if let Some(code) = facility
            && !facilities.contains(&code)
        {
            section.fault(
                "facility",
                "config.unknown_facility",
                Bilingual::composed(
                    format!("không có [[facility]] nào mã {code}"),
                    format!("there is no [[facility]] with code {code}"),
                ),
                Bilingual::fixed("Sửa mã, hoặc thêm cơ sở.", "Mend the code, or add the facility."),
            );
        }
        if officers.iter().any(|earlier| earlier.staff_id == staff_id && earlier.facility == facility) {
            duplicate(&section, "staff_id", &staff_id);
        }
        if let Some(officer) = officer.flatten() {
            officers.push(StaffMember { staff_id, officer, facility });
        }
        section.finish();
    }
    officers
}

fn code(section: &mut Section<'_>, key: &'static str, required: bool) -> Option<FacilityCode> {
    let text = if required { section.required_text(key) } else { section.text(key).unwrap_or_default() };
    if text.is_empty() {
        return None;
    }
    let code = FacilityCode::parse(&text).ok();
    if code.is_none() {
        section.fault(
            key,
            "config.bad_facility",
            Bilingual::composed(
                format!("\"{text}\" không phải mã cơ sở khám chữa bệnh"),
                format!("\"{text}\" is not the code of a facility"),
            ),
            Bilingual::fixed(
                "Viết 5 ký tự trong ngoặc kép, 2 số đầu là mã tỉnh: \"01999\".",
                "Write 5 characters in quotes, of which 2 digits of the province: \"01999\".",
            ),
        );
    }
    code
}

fn username(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let name = section.text(key)?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        section.fault(
            key,
            "config.bad_username",
            Bilingual::fixed(
                "tên tài khoản để trống hoặc có ký tự lạ",
                "the user name is empty or has strange characters",
            ),
            Bilingual::fixed(
                "Viết đúng như cổng cấp, thường là <mã>_BV, không dấu, không khoảng trắng.",
                "Write it as the portal gave it, as a rule <code>_BV, in ASCII, without blanks.",
            ),
        );
    }
    Some(name)
}

/// An officer of two keys that stand together or not at all. Values are not repeated in faults: they name a person.
fn officer(section: &mut Section<'_>, name_key: &'static str, id_key: &'static str) -> Option<Officer> {
    let (name, id) = (section.text(name_key), section.text(id_key));
    for (there, other) in [(section.has(name_key), id_key), (section.has(id_key), name_key)] {
        if there && !section.has(other) {
            section.missing(other);
        }
    }
    let parsed_name = name.as_deref().map(PersonName::parse);
    if let Some(Err(error)) = parsed_name {
        section.fault(
            name_key,
            "config.bad_name",
            Bilingual::composed("không phải họ tên".to_owned(), format!("not a person's name: {error}")),
            Bilingual::fixed("Viết họ tên như đã đăng ký với cổng.", "Write the name as registered at the portal."),
        );
    }
    let parsed_id = id.as_deref().map(NationalId::parse);
    if let Some(Err(error)) = parsed_id {
        section.fault(
            id_key,
            "config.bad_national_id",
            Bilingual::composed("không phải số CCCD".to_owned(), format!("not a national ID: {error}")),
            Bilingual::fixed("Viết 12 chữ số trong ngoặc kép.", "Write 12 digits in quotes."),
        );
    }
    Some(Officer { name: parsed_name?.ok()?, national_id: parsed_id?.ok()? })
}

fn duplicate(section: &Section<'_>, key: &str, value: &str) {
    section.fault(
        key,
        "config.duplicate",
        Bilingual::composed(format!("\"{value}\" đã có ở trên"), format!("\"{value}\" stands above already")),
        Bilingual::fixed("Xóa hoặc gộp mục này.", "Remove this section or join the two."),
    );
}
