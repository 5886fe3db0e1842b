//! The only place where an error becomes a status and a body: RFC 9457, with a stable code, what happened, and what the
//! person does next, in Vietnamese and English (`api.md`, section 4).

mod audit;
mod keeping;
mod lookups;
mod staff;
mod store;
mod webhooks;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::clients::Denied;
use crate::document::shown::{self, both};
use crate::domain::{Bilingual, DeliveryState, Language};
use crate::http::body::BodyError;
use crate::intake::IntakeError;
use crate::store::MoveRefused;

pub use self::keeping::{cursor_unknown, forgotten};
pub use self::lookups::no_such_ticket;
pub use self::staff::{directory_full, not_in_directory};
pub use self::webhooks::{no_such_delivery, no_such_webhook, too_many_webhooks};

/// One thing that went wrong with a request. Boxed, because it is rare and large, and travels in every `Result`.
#[derive(Clone, Debug)]
pub struct Problem(Box<Told>);

/// What a problem tells.
#[derive(Clone, Debug)]
pub struct Told {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code that clients branch on.
    pub code: &'static str,
    /// What kind of thing went wrong.
    pub title: Bilingual,
    /// What went wrong this time.
    pub detail: Bilingual,
    /// What the person does next.
    pub next_step: Bilingual,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Single faults, each with its place.
    pub errors: Vec<Value>,
    /// Further members.
    pub members: Map<String, Value>,
}

/// The language an answer is written in, and for whose request.
#[derive(Clone, Debug, Default)]
pub struct Voice {
    /// The first language.
    pub language: Language,
    /// Whether the other is given as well (`?lang=both`).
    pub both: bool,
}

const TYPE_BASE: &str = "https://lienthong.example/problems/";

impl Problem {
    /// A problem with nothing but its fixed words.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: (&'static str, &'static str),
        next_step: (&'static str, &'static str),
    ) -> Self {
        let title = Bilingual::fixed(title.0, title.1);
        Self(Box::new(Told {
            status,
            code,
            detail: title.clone(),
            title,
            next_step: Bilingual::fixed(next_step.0, next_step.1),
            retryable: matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504),
            retry_after: None,
            errors: Vec::new(),
            members: Map::new(),
        }))
    }

    /// With single faults.
    pub fn errors(mut self, errors: Vec<Value>) -> Self {
        self.0.errors = errors;
        self
    }

    /// With words about this time.
    pub fn detail(mut self, vi: impl Into<String>, en: impl Into<String>) -> Self {
        self.0.detail = Bilingual::composed(vi.into(), en.into());
        self
    }

    /// With the time to try again, at least a second (`Retry-After: 0` is an invitation to spin).
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retryable = true;
        self.0.retry_after = Some(wait.max(Duration::from_secs(1)));
        self
    }

    /// With a further member.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// The body.
    pub fn body(&self, voice: &Voice, request_id: &str) -> Value {
        let mut body = Map::new();
        let kind = match self.code {
            "quota.exceeded" => "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned(),
            "portal.budget_spent" | "gateway.busy" => {
                "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity".to_owned()
            }
            code => format!("{TYPE_BASE}{}", code.replace(['.', '_'], "-")),
        };
        let words = |text: &Bilingual| Value::from(text.wording(voice.language));
        body.insert("type".into(), kind.clone().into());
        body.insert("title".into(), words(&self.title));
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("code".into(), self.code.into());
        body.insert("detail".into(), words(&self.detail));
        body.insert("nextStep".into(), words(&self.next_step));
        body.insert("retryable".into(), self.retryable.into());
        body.insert("requestId".into(), request_id.into());
        body.insert("docUrl".into(), kind.into());
        if voice.both {
            body.insert(
                "i18n".into(),
                json!({"title": both(&self.title), "detail": both(&self.detail), "nextStep": both(&self.next_step)}),
            );
        }
        if !self.errors.is_empty() {
            let errors: Vec<Value> = self.errors.iter().map(|error| in_language(error, voice)).collect();
            body.insert("errors".into(), errors.into());
        }
        body.extend(self.members.clone());
        Value::Object(body)
    }
}

impl std::ops::Deref for Problem {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

/// The answer carries the problem itself; the wrapper around all routes writes the body, because it knows the request's
/// language and id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Chooses the language of every `{"vi", "en"}` member of one error or warning; both stay if both were asked for.
pub fn in_language(error: &Value, voice: &Voice) -> Value {
    let Value::Object(members) = error else { return error.clone() };
    let chosen = members.iter().map(|(name, value)| {
        let wording = match voice.language {
            Language::Vietnamese => value.get("vi"),
            Language::English => value.get("en"),
        };
        match wording {
            Some(wording) if !voice.both => (name.clone(), wording.clone()),
            _ => (name.clone(), value.clone()),
        }
    });
    Value::Object(chosen.collect())
}

/// One fault in a JSON field, query parameter or header.
pub fn field_error(field: &str, code: &'static str, message: Bilingual, cure: Bilingual) -> Value {
    json!({
        "truong": field,
        "maLoi": code,
        "mucDo": "error",
        "thongBao": both(&message),
        "goiY": both(&cure),
    })
}

const MEND: (&str, &str) =
    ("Sửa các lỗi nêu trong errors rồi gửi lại.", "Mend the faults listed in errors and send again.");
const CORRECT: (&str, &str) = ("Sửa yêu cầu rồi gửi lại.", "Correct the request and send it again.");
const TELL_IT: (&str, &str) = ("Báo phòng CNTT, kèm requestId.", "Tell IT, with the requestId.");
const AGAIN: (&str, &str) = ("Thử lại sau thời gian nêu ở Retry-After.", "Try again after the time in Retry-After.");
const ASK_KEY: (&str, &str) =
    ("Hỏi phòng CNTT để được cấp khóa đúng (lienthong keys).", "Ask IT for the right key (lienthong keys).");
/// Faults in fields of a request.
pub fn invalid_request(errors: Vec<Value>) -> Problem {
    let title = ("Yêu cầu có trường không hợp lệ", "The request has invalid fields");
    Problem::new(StatusCode::BAD_REQUEST, "request.invalid", title, MEND).errors(errors)
}

/// A body that is no JSON.
pub fn malformed_json(line: usize, column: usize) -> Problem {
    let title = ("Nội dung không phải JSON hợp lệ", "The body is not valid JSON");
    Problem::new(StatusCode::BAD_REQUEST, "request.malformed_json", title, CORRECT)
        .detail(format!("Lỗi tại dòng {line}, cột {column}."), format!("Fault at line {line}, column {column}."))
        .member("line", line)
        .member("column", column)
}

/// What is ordered to go out is not switched on.
pub fn sending_off() -> Problem {
    let title =
        ("Chưa bật gửi thật cho loại hồ sơ này của cơ sở", "Sending this kind is not switched on for the facility");
    let next = (
        "Thêm loại hồ sơ vào sends của [[facility]] trong cấu hình rồi khởi động lại.",
        "Add the kind to sends of the [[facility]] in the configuration, then restart.",
    );
    Problem::new(StatusCode::CONFLICT, "document.sending_off", title, next)
}

/// A request whose framing other software might read differently.
pub fn ambiguous_request() -> Problem {
    let title = ("Yêu cầu có định khung không rõ ràng", "The request's framing is ambiguous");
    let next = ("Sửa chương trình gửi yêu cầu.", "Mend the program that sends the request.");
    Problem::new(StatusCode::BAD_REQUEST, "request.ambiguous", title, next)
}

/// An `Expect` other than `100-continue`.
pub fn unknown_expectation() -> Problem {
    let title = ("Không hiểu header Expect", "The header Expect is not understood");
    let next = ("Chỉ dùng Expect: 100-continue.", "Use Expect: 100-continue only.");
    Problem::new(StatusCode::EXPECTATION_FAILED, "request.unknown_expectation", title, next)
}

/// A body that is JSON, but no object.
pub fn not_an_object() -> Problem {
    let title = ("Nội dung phải là một đối tượng JSON", "The body must be a JSON object");
    Problem::new(StatusCode::BAD_REQUEST, "request.not_an_object", title, CORRECT)
}

/// A path that does not exist.
pub fn no_such_path() -> Problem {
    let title = ("Không có đường dẫn này", "There is no such path");
    let next = ("Xem danh sách đường dẫn trong tài liệu API.", "See the list of paths in the API documentation.");
    Problem::new(StatusCode::NOT_FOUND, "request.no_such_path", title, next)
}

/// A method the path does not have.
pub fn no_such_method() -> Problem {
    let title = ("Đường dẫn này không nhận phương thức này", "The path does not take this method");
    let next = ("Xem phương thức đúng ở header Allow.", "See the Allow header for the right method.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "request.no_such_method", title, next)
}

/// A media type the route does not take.
pub fn unsupported_media_type(accepted: &str) -> Problem {
    let title = ("Kiểu nội dung không được nhận", "The media type is not accepted");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.unsupported_media_type", title, CORRECT)
        .detail(format!("Gửi với Content-Type: {accepted}."), format!("Send with Content-Type: {accepted}."))
}

/// Something asked for by id that is not there, or not for this caller: the two look the same on purpose.
pub fn not_found() -> Problem {
    let title = ("Không tìm thấy", "Not found");
    let next =
        ("Kiểm tra mã và quyền của khóa đối với cơ sở.", "Check the id, and that the key may see this facility.");
    Problem::new(StatusCode::NOT_FOUND, "document.not_found", title, next)
}

/// The request took longer than it may.
pub fn too_slow() -> Problem {
    let title = ("Yêu cầu mất quá nhiều thời gian", "The request took too long");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "gateway.deadline", title, AGAIN).retry_after(Duration::from_secs(5))
}

/// A fault of ours. The log has the rest.
pub fn our_fault() -> Problem {
    let title = ("Lỗi của gateway", "A fault of the gateway");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "gateway.fault", title, TELL_IT)
}

/// The facility must be named.
pub fn facility_missing() -> Problem {
    let title = ("Chưa rõ cơ sở khám chữa bệnh", "The facility is not known");
    let next = ("Thêm header Facility-Id với mã cơ sở.", "Add the header Facility-Id with the facility's code.");
    Problem::new(StatusCode::BAD_REQUEST, "facility.missing", title, next)
}

/// The caller does not own the facility.
pub fn facility_not_allowed() -> Problem {
    let title = ("Khóa không có quyền với cơ sở này", "The key has no right to this facility");
    Problem::new(StatusCode::FORBIDDEN, "facility.not_allowed", title, ASK_KEY)
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let unauthorized = |code, title| Self::new(StatusCode::UNAUTHORIZED, code, title, ASK_KEY);
        match denied {
            Denied::NoKey => unauthorized("auth.missing_key", ("Thiếu khóa truy cập", "The access key is missing"))
                .detail("Gửi header Authorization: Bearer <khóa>.", "Send the header Authorization: Bearer <key>."),
            Denied::WrongKey | Denied::Revoked => unauthorized(
                "auth.wrong_key",
                ("Khóa truy cập sai hoặc đã thu hồi", "The access key is wrong or was revoked"),
            ),
            Denied::WrongMode => unauthorized(
                "auth.wrong_mode",
                (
                    "Khóa thuộc chế độ khác (thử nghiệm hay chính thức)",
                    "The key belongs to the other mode (test or live)",
                ),
            ),
            Denied::WrongAddress => Self::new(
                StatusCode::FORBIDDEN,
                "auth.wrong_address",
                ("Khóa không được dùng từ địa chỉ này", "The key may not be used from this address"),
                ASK_KEY,
            ),
            Denied::NotAllowed(scope) => Self::new(
                StatusCode::FORBIDDEN,
                "auth.scope_missing",
                ("Khóa không có quyền này", "The key lacks this right"),
                ASK_KEY,
            )
            .member("scope", scope.name()),
            Denied::TooManyAtOnce => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "quota.too_many_at_once",
                ("Quá nhiều yêu cầu cùng lúc từ một khóa", "Too many requests of one key at once"),
                AGAIN,
            )
            .retry_after(Duration::from_secs(1)),
            Denied::QuotaSpent { retry_after, per_minute } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "quota.exceeded",
                ("Vượt hạn mức yêu cầu", "The request quota is exceeded"),
                AGAIN,
            )
            .retry_after(retry_after)
            .member("violated-policies", json!([{"name": "client", "q": per_minute, "w": 60}])),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { bytes_max } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request.too_large",
                ("Nội dung quá lớn", "The body is too large"),
                ("Chia nhỏ rồi gửi lại.", "Split it and send again."),
            )
            .member("bytesMax", bytes_max),
            BodyError::TimedOut => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "request.too_slow",
                ("Nội dung đến quá chậm", "The body came too slowly"),
                ("Kiểm tra đường mạng nội bộ rồi gửi lại.", "Check the local network and send again."),
            ),
            BodyError::Broken => Self::new(
                StatusCode::BAD_REQUEST,
                "request.broken_body",
                ("Nội dung bị đứt giữa chừng", "The body broke off"),
                ("Gửi lại toàn bộ.", "Send the whole again."),
            ),
            BodyError::Bomb => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request.compression_bomb",
                ("Nội dung nén bung ra quá lớn", "The compressed body expands too much"),
                ("Gửi không nén.", "Send it uncompressed."),
            ),
            BodyError::Unsupported => unsupported_media_type("application/xml; Content-Encoding: gzip"),
            BodyError::Busy => busy(),
        }
    }
}

fn busy() -> Problem {
    let title = ("Gateway đang quá tải", "The gateway is overloaded");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "gateway.busy", title, AGAIN).retry_after(Duration::from_secs(2))
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Invalid(findings) => {
                let has = |start| findings.listed().iter().any(|finding| finding.code.starts_with(start));
                // The gravest: of what is no XML, little else can be said.
                let code = match () {
                    () if has("XML_") => "document.malformed_xml",
                    () if has("COUNT_FEWER") => "document.count_mismatch",
                    () => "document.invalid",
                };
                let title = ("Hồ sơ có lỗi, chưa được nhận", "The document has errors and was not accepted");
                let count = findings.error_count();
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, MEND)
                    .errors(shown::findings(&findings))
                    .detail(format!("Có {count} lỗi."), if count == 1 { "There is 1 error.".to_owned() } else { format!("There are {count} errors.") })
                    .member("soLoi", count)
                    .member("khongLietKe", findings.not_listed())
            }
            IntakeError::KindMismatch { declared, actual } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "document.kind_mismatch",
                ("Loại hồ sơ khai khác với nội dung", "The declared kind is not what the document is"),
                ("Bỏ tham số type hoặc sửa cho đúng.", "Leave the parameter type out or put it right."),
            )
            .detail(format!("Khai: {declared}; nội dung: {actual}."), format!("Declared {declared}, is {actual}.")),
            IntakeError::FacilityMismatch { document, request } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "facility.mismatch",
                ("Mã cơ sở trong hồ sơ khác với yêu cầu", "The document names another facility than the request"),
                CORRECT,
            )
            .detail(
                format!("Hồ sơ: {document}; yêu cầu: {request}."),
                format!("Document {document}, request {request}."),
            ),
            IntakeError::FacilityNotAllowed(facility) => facility_not_allowed()
                .detail(format!("Hồ sơ của cơ sở {facility}."), format!("The document is facility {facility}'s."))
                .member("maCSKCB", facility.as_str()),
            IntakeError::FacilityMissing => facility_missing(),
            IntakeError::KeyUnderWay => Self::new(
                StatusCode::CONFLICT,
                "idempotency.under_way",
                ("Yêu cầu cùng Idempotency-Key đang xử lý", "A request with this Idempotency-Key is under way"),
                AGAIN,
            )
            .retry_after(Duration::from_secs(1)),
            IntakeError::KeyUsedForOther => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency.key_reused",
                ("Idempotency-Key đã dùng cho nội dung khác", "The Idempotency-Key was used for another document"),
                ("Dùng khóa mới cho hồ sơ mới.", "Use a new key for a new document."),
            ),
            IntakeError::ReasonNeeded(view) => Self::new(
                StatusCode::CONFLICT,
                "document.replace_reason_required",
                (
                    "Đã có bản trước của hồ sơ này, có thể đã đến cổng",
                    "An earlier version of this document may be at the portal already",
                ),
                (
                    "Nếu thật sự muốn thay thế, gửi lại với header Replace-Reason (lienthong submit --replace-reason).",
                    "If it is really to be replaced, send again with the header Replace-Reason (lienthong submit --replace-reason).",
                ),
            )
            .member("existing", view.id),
            IntakeError::Busy => busy(),
            IntakeError::Broken => our_fault(),
            IntakeError::Store(error) => error.into(),
            IntakeError::NotRecorded(error) => error.into(),
        }
    }
}

impl From<MoveRefused> for Problem {
    fn from(error: MoveRefused) -> Self {
        match error {
            MoveRefused::NotFound => not_found(),
            MoveRefused::NotPossible { from, to } => not_possible(from, to),
            MoveRefused::NewerSent => {
                let title =
                    ("Đã có bản mới hơn của hồ sơ này được gửi", "A newer version of this document was sent already");
                let next = ("Xem bản mới nhất.", "Look at the newest version.");
                Self::new(StatusCode::CONFLICT, "document.newer_sent", title, next)
            }
            MoveRefused::Forgotten => forgotten(),
            MoveRefused::OnLegalHold => keeping::on_legal_hold(),
            MoveRefused::NotAtEnd(state) => keeping::not_at_end(state),
            MoveRefused::Store(error) => error.into(),
        }
    }
}

fn not_possible(from: DeliveryState, to: DeliveryState) -> Problem {
    let title = ("Trạng thái hiện tại không cho phép", "The present state does not allow this");
    let next = ("Xem trạng thái của hồ sơ rồi quyết định.", "Look at the document's state, then decide.");
    Problem::new(StatusCode::CONFLICT, "document.not_possible", title, next)
        .detail(
            format!("Đang {}, không thể thành {}.", from.name(), to.name()),
            format!("It is {} and cannot become {}.", from.name(), to.name()),
        )
        .member("state", from.name())
}
