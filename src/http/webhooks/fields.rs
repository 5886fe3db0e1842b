//! The fields of a webhook endpoint.

use jiff::Timestamp;

use crate::domain::Bilingual;
use crate::http::fields::Fields;
use crate::webhooks::address::{Refused, Rules, URL_CHARS_MAX};
use crate::webhooks::payload;

/// Characters of a name: enough to say which system it is.
pub(super) const NAME_CHARS_MAX: usize = 100;

/// An address that may be sent to.
pub(super) fn url(fields: &mut Fields, text: Option<String>, rules: &Rules) -> Option<String> {
    let check = |text: &str| rules.check(text.trim()).map(|_| text.trim().to_owned());
    fields.parsed("url", text, check, "WEBHOOK_URL", |refused| match refused {
        Refused::Form => (
            Bilingual::composed(
                format!("Địa chỉ phải có dạng https://máy[:cổng]/đường-dẫn, nhiều nhất {URL_CHARS_MAX} ký tự"),
                format!("The address must be https://host[:port]/path, of at most {URL_CHARS_MAX} characters"),
            ),
            Bilingual::fixed(
                "Sửa địa chỉ; không ghi tên người dùng, mật khẩu hay phần sau dấu #.",
                "Put it right, without a user name, a password or a part after #.",
            ),
        ),
        Refused::PlainHttp => (
            Bilingual::fixed("HTTP không mã hóa chỉ tới được máy này", "Plain HTTP goes to this machine only"),
            Bilingual::fixed(
                "Dùng https://, hoặc nhờ CNTT thêm máy vào [webhooks] plain_http_hosts.",
                "Use https://, or have IT add the host to [webhooks] plain_http_hosts.",
            ),
        ),
        Refused::Forbidden => (
            Bilingual::fixed("Gateway không bao giờ gửi tới địa chỉ này", "The gateway never sends to this address"),
            Bilingual::fixed("Dùng địa chỉ của HIS trong mạng.", "Use the hospital system's own address."),
        ),
    })
}

/// Kinds of events; `None` if they are not named.
pub(super) fn kinds(fields: &mut Fields) -> Option<Vec<String>> {
    let wishes = fields.texts("events")?;
    if wishes.iter().all(|wish| payload::is_wish(wish)) {
        return Some(wishes);
    }
    let all = payload::KINDS.join(", ");
    fields.refused(
        "events",
        "WEBHOOK_EVENTS",
        Bilingual::fixed("Có loại sự kiện không tồn tại", "There is no such kind of event"),
        Bilingual::composed(
            format!("Dùng các loại sau, hoặc cả họ như document.*; để trống là tất cả: {all}."),
            format!("Use these, or a family such as document.*; empty means all: {all}."),
        ),
    );
    None
}

/// An instant that must be there.
pub(super) fn instant(fields: &mut Fields, name: &str) -> Option<Timestamp> {
    let text = fields.needed(name);
    fields.parsed(
        name,
        text,
        |text| text.trim().parse::<Timestamp>(),
        "INSTANT",
        |_| {
            (
                Bilingual::fixed("Không phải một thời điểm có múi giờ", "Not an instant with its offset"),
                Bilingual::fixed("Viết như 2026-11-20T08:15:00+07:00.", "Write it like 2026-11-20T08:15:00+07:00."),
            )
        },
    )
}
