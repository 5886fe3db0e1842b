//! Driver health certificates: `POST /api/hssk/gksk` (`portal-api.md`, section 5.1). No token; the words of refusals
//! are ours, the real ones are not known.

use http::StatusCode;
use serde::Serialize;

use crate::sandbox::claims::sha256;
use crate::sandbox::judge::Finding;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Taken;
use crate::sandbox::reply::Answer;
use crate::sandbox::request::{Call, Encoding};
use crate::sandbox::tokens::{check_account, uuid};

/// Fields that may not be empty. The district is not among them: districts ended in July 2025.
const REQUIRED: [&str; 20] = [
    "SO",
    "HOTEN",
    "GIOITINHVAL",
    "NGAYSINH",
    "DIACHITHUONGTRU",
    "MATINH_THUONGTRU",
    "MAXA_THUONGTRU",
    "SOCMND_PASSPORT",
    "NGAYTHANGNAMCAPCMND",
    "NOICAP",
    "IDBENHVIEN",
    "BENHVIEN",
    "NONGDOCON",
    "DVINONGDOCON",
    "MATUY",
    "NGAYKETLUAN",
    "BACSYKETLUAN",
    "KETLUAN",
    "HANGBANGLAI",
    "SIGNDATA",
];

/// What the recorded submissions of this service are called.
const SERVICE: &str = "gksk";

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Reply<'a> {
    #[serde(rename = "MSG_STATE")]
    state: &'a str,
    #[serde(rename = "MSG_TEXT")]
    text: &'a str,
    idbenhvien: &'a str,
    so: &'a str,
    uuid: &'a str,
    benhvien: &'a str,
}

/// Account and hash in headers, fields in JSON. A record is known by SO and HANGBANGLAI.
pub(super) fn take(portal: &Portal, call: &Call) -> Answer {
    // There is no session to revoke here; a revoked call fails all the same, as if the password had changed.
    let account = check_account(call.header("Username"), call.header("Password"), None);
    if account.is_err() || call.revoke {
        return reply(call, "0", "Sai tài khoản hoặc mật khẩu", "");
    }
    let fields = &call.fields;
    if call.encoding != Encoding::Json {
        return reply(call, "0", "Dữ liệu không đúng định dạng JSON", "");
    }
    if let Some(missing) = REQUIRED.iter().find(|name| fields.get(name).trim().is_empty()) {
        return reply(call, "0", &format!("Thiếu trường {missing}"), "");
    }
    let facility = fields.get("IDBENHVIEN");
    let key = format!("{};{}", fields.get("SO"), fields.get("HANGBANGLAI"));
    let uuid = uuid(&portal.system);
    let number = {
        // One lock over the question and the record: two ADDs at once must not both find the place empty.
        let mut records = portal.records();
        let refusal = match (fields.get("STATE"), records.in_force(SERVICE, facility, &key).is_some()) {
            ("ADD", false) | ("EDIT", true) => None,
            ("ADD", true) => Some("Số giấy khám sức khỏe đã tồn tại"),
            ("EDIT", false) => Some("Không tìm thấy giấy khám sức khỏe cần sửa"),
            _ => Some("STATE phải là ADD hoặc EDIT"),
        };
        if let Some(refusal) = refusal {
            return reply(call, "0", refusal, "");
        }
        let taken = Taken {
            path: call.path.clone(),
            service: SERVICE.to_owned(),
            facility: facility.to_owned(),
            sha256: sha256(&call.body),
            body: call.body.clone(),
            receipt: uuid.clone(),
            business_key: Some(key),
            received_at: portal.system.now(),
            finding: Finding::default(),
        };
        records.take_once_or_twice(taken, call.double)
    };
    reply(call, "1", "Thành công", &uuid).of_submission(number)
}

fn reply(call: &Call, state: &str, text: &str, uuid: &str) -> Answer {
    let field = |name: &str| call.fields.get(name);
    let (idbenhvien, so, benhvien) = (field("IDBENHVIEN"), field("SO"), field("BENHVIEN"));
    Answer::json(StatusCode::OK, &Reply { state, text, idbenhvien, so, uuid, benhvien })
}
