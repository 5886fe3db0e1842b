//! Which path is whose.

use http::{Method, StatusCode};
use serde_json::json;

use crate::sandbox::claims::Kind;
use crate::sandbox::portal::Portal;
use crate::sandbox::reply::Answer;
use crate::sandbox::request::Call;
use crate::sandbox::{certificates, claims, driver, legacy, login, lookup};

/// Answers a call of a portal path. Paths match in any case, as on the real host; every service is a POST.
pub(super) fn answer(portal: &Portal, method: &Method, call: &Call) -> Answer {
    let path = call.path.to_ascii_lowercase();
    let service: fn(&Portal, &Call) -> Answer = match path.as_str() {
        "/api/token/take" => login::take,
        "/api/egw/kqnhanlichsukcb2024" => lookup::card,
        "/api/egw/lskcb2025" => lookup::visits,
        "/api/tracuucct/tracuutienmcct" => lookup::co_payments,
        "/api/qd130/checkinkcbqd130" | "/api/qd130/checkinkcbqd4750" | "/api/qd130/checkinkcbqd3176" => {
            |portal, call| claims::take(portal, call, Kind::CheckIn)
        }
        "/api/qd130/guihosoxmlqd130" | "/api/qd130/guihosoxmlqd4750" | "/api/qd130/guihosoxmlqd3176" => {
            |portal, call| claims::take(portal, call, Kind::Claim)
        }
        "/api/qd130/guidulieugdykqd130" => |portal, call| claims::take(portal, call, Kind::MedicalAssessment),
        "/api/chungtugw/guihosochungtu2025" => |portal, call| certificates::take(portal, call, &["39"]),
        "/api/hososuckhoe/guigiaytodientu" => |portal, call| certificates::take(portal, call, &["60", "61"]),
        "/api/hssk/gksk" => driver::take,
        "/api/egw/guihosogiamdinh4210" | "/api/egw/guihosogiamdinh" => legacy::take,
        "/api/egw/nhankqtiepnhanhs4210" => legacy::results::by_day,
        "/api/egw/nhanchitiethsngay4210" => legacy::results::of_day,
        "/api/egw/nhanchitietloihs4210" => legacy::results::errors,
        "/api/egw/nhanhosokcbchitiet" => legacy::visit::tell,
        "/api/egw/nhanthongtincskcb" => legacy::facility::tell,
        "/api/egw/nhanlichsukcb"
        | "/api/egw/nhanlichsukcb2018"
        | "/api/egw/kqnhanlichsukcb595"
        | "/api/egw/kqnhanlichsukcb2018"
        | "/api/egw/kqnhanlichsukcb2019" => |_, _| retired(),
        _ => return unknown(),
    };
    if method != Method::POST {
        return Answer::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    service(portal, call)
}

/// The functions of section 2.3. What the real portal says there is not known: the shape and the words are ours.
fn retired() -> Answer {
    let message = "Hàm này đã dừng cung cấp từ 0h00 ngày 01/08/2024 (sandbox)";
    Answer::json(StatusCode::NOT_FOUND, &json!({ "Message": message }))
}

/// Our own wording.
fn unknown() -> Answer {
    Answer::json(StatusCode::NOT_FOUND, &json!({ "Message": "Không có dịch vụ nào ở địa chỉ này (sandbox)" }))
}
