//! Handlers of the directory of officers (scope `admin`). A key sees the rows that sign at its facilities, and changes
//! those of its facilities; rows for all facilities are fed by the command line.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::audit::About;
use crate::domain::{Bilingual, FacilityCode, NationalId, Officer, PersonName};
use crate::http::Gateway;
use crate::http::call::{Call, Id, Parameters, facility_header};
use crate::http::fields::Fields;
use crate::http::problem::{self, Problem, field_error};
use crate::http::shapes::instant;
use crate::officers::{Full, Listed, Place, Signer, Source, is_staff_id};
use crate::store::OfficerRow;

/// `GET /v1/officers`: who signs at the key's facilities (or at the one of `Facility-Id`), by staff id; with what the
/// portal last said of them, if it did not accept them.
pub async fn list(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let wish = read(&query)?;
    let facilities = match facility_header(request.headers())? {
        Some(named) if call.caller.owns(&named) => vec![named],
        Some(_) => return Err(problem::facility_not_allowed()),
        None => call.caller.client.facilities.clone(),
    };
    let (listed, has_more) = gateway.0.officers.page(&facilities, wish.after.as_ref(), wish.limit);
    let next = listed.last().filter(|_| has_more).map(|last| cursor(&last.place()));
    let data: Vec<Value> = listed.iter().map(|listed| shown(&gateway, listed, &facilities)).collect();
    Ok(Json(json!({"data": data, "page": {"next": next, "hasMore": has_more}})).into_response())
}

/// `PUT /v1/officers/{staffId}`: who this staff id is at the facility.
pub async fn keep(
    State(gateway): State<Gateway>,
    call: Call,
    Id(staff_id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let facility = call.facility(request.headers())?;
    let subject = Some(call.trail.audit().officer(&staff_id));
    call.trail.tell(About { facility: Some(facility), subject, ..About::default() });
    let mut fields = Fields::read(&gateway.0.read_small(request).await?)?;
    if !is_staff_id(&staff_id) {
        let words = (
            "Mã cán bộ trống, dài quá 100 ký tự hoặc có ký tự lạ",
            "The staff id is empty, longer than 100 characters, or has strange characters",
        );
        fields.fault("staffId", "STAFF_ID", words, ("Sửa mã trong đường dẫn.", "Mend the id in the path."));
    }
    let officer = read_officer(&mut fields);
    let is_default = fields.flag("macDinh").unwrap_or_default();
    fields.end()?;
    // What is wrong with an officer has ended the reading above.
    let officer = officer.ok_or_else(problem::our_fault)?;
    let row = OfficerRow { staff_id, officer, facility: Some(facility), is_default };
    let is_new = gateway.0.officers.put(row.clone()).await?.map_err(|Full| problem::directory_full())?;
    let listed = Listed { row: row.into(), source: Source::Directory };
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&gateway, &listed, &[facility]))).into_response())
}

/// `DELETE /v1/officers/{staffId}`: forgets the facility's row.
pub async fn remove(
    State(gateway): State<Gateway>,
    call: Call,
    Id(staff_id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let facility = call.facility(request.headers())?;
    let subject = Some(call.trail.audit().officer(&staff_id));
    call.trail.tell(About { facility: Some(facility), subject, ..About::default() });
    match gateway.0.officers.remove(&staff_id, facility).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(problem::not_in_directory()),
    }
}

/// Reads `hoTen` and `cccd`, both needed.
pub(super) fn read_officer(fields: &mut Fields) -> Option<Officer> {
    let name = fields.needed("hoTen");
    let name = fields.parsed("hoTen", name, PersonName::parse, "PERSON_NAME", |_| name_words());
    let id = fields.needed("cccd");
    let id = fields.parsed(
        "cccd",
        id,
        |text| NationalId::parse(text.trim()),
        "NATIONAL_ID",
        |error| {
            (
                Bilingual::composed("Số CCCD của cán bộ sai cấu trúc".into(), format!("The officer's id: {error}")),
                Bilingual::fixed("Nhập đúng 12 số CCCD.", "Type the 12 digits."),
            )
        },
    );
    name.zip(id).map(|(name, national_id)| Officer { name, national_id })
}

/// What is wrong with a name, and what to do.
pub(super) fn name_words() -> (Bilingual, Bilingual) {
    (
        Bilingual::fixed("Họ tên không hợp lệ", "The name is not valid"),
        Bilingual::fixed(
            "Nhập họ tên như trên giấy tờ, không có số hay ký hiệu.",
            "Type the name as on the papers, without digits or signs.",
        ),
    )
}

/// Who signed, in answers: the ID is masked.
pub(super) fn signer(signer: &Signer) -> Value {
    json!({
        "staffId": signer.staff_id,
        "hoTen": signer.officer.name.as_str(),
        "cccd": signer.officer.national_id.masked(),
    })
}

fn shown(gateway: &Gateway, listed: &Listed, facilities: &[FacilityCode]) -> Value {
    let Listed { row, source } = listed;
    let mut members: Map<String, Value> = signer(&Signer::from(row.as_ref())).as_object().cloned().unwrap_or_default();
    // Of a row for all facilities, the latest refusal at any of those that are looked at.
    let own = row.facility.map(|facility| vec![facility]);
    let at = own.as_deref().unwrap_or(facilities).iter();
    let refused = at.filter_map(|facility| gateway.0.lookup.refused(*facility, &row.officer));
    let refused = refused.max_by_key(|refused| refused.at);
    members.insert("maCSKCB".into(), json!(row.facility.as_ref().map(FacilityCode::as_str)));
    members.insert("macDinh".into(), row.is_default.into());
    members.insert("nguon".into(), source.name().into());
    let said = refused.map(|refused| json!({"code": refused.code, "luc": instant(refused.at)}));
    members.insert("congTraLoi".into(), json!(said));
    Value::Object(members)
}

struct Wish {
    after: Option<Place>,
    limit: usize,
}

fn read(query: &[(String, String)]) -> Result<Wish, Problem> {
    let mut wish = Wish { after: None, limit: 100 };
    for (name, value) in query {
        match name.as_str() {
            "cursor" => wish.after = Some(place(value).ok_or_else(|| query_fault("cursor"))?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=500).contains(limit));
                wish.limit = limit.ok_or_else(|| query_fault("limit"))?;
            }
            "lang" => {}
            _ => return Err(query_fault("query")),
        }
    }
    Ok(wish)
}

fn query_fault(name: &str) -> Problem {
    problem::invalid_request(vec![field_error(
        name,
        "OFFICERS_QUERY",
        Bilingual::fixed("Tham số không hợp lệ", "The parameter is not valid"),
        Bilingual::fixed(
            "cursor: page.next của trang trước; limit: 1 đến 500.",
            "cursor: page.next of the page before; limit: 1 to 500.",
        ),
    )])
}

/// A place in the list as an opaque word.
fn cursor((staff_id, facility, source): &Place) -> String {
    let facility = facility.as_ref().map_or("", FacilityCode::as_str);
    let plain = format!("{}|{facility}|{staff_id}", source.name());
    format!("cur_{}", plain.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn place(cursor: &str) -> Option<Place> {
    let digits: Vec<u32> =
        cursor.strip_prefix("cur_")?.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    });
    let plain = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
    let mut parts = plain.splitn(3, '|');
    let (source, facility, staff_id) = (Source::parse(parts.next()?)?, parts.next()?, parts.next()?);
    let facility = if facility.is_empty() { None } else { Some(FacilityCode::parse(facility).ok()?) };
    Some((staff_id.to_owned(), facility, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is() {
        for staff_id in ["", "tiepdon01", "bs|an", "Bác sĩ An"] {
            for facility in [None, FacilityCode::parse("01999").ok()] {
                let there = (staff_id.to_owned(), facility, Source::Configuration);
                assert_eq!(place(&cursor(&there)), Some(there));
            }
        }
        for wrong in ["", "cur_", "cur_0", "cur_zz", "cur_00", "cur_7c7c", "64616e685f62617c7c61"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
