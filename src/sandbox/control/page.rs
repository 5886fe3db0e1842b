//! The page of the sandbox: what it took and how it judged, in Vietnamese, plainly marked as no portal.

use http::StatusCode;
use jiff::Timestamp;

use crate::sandbox::judge::State;
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Entry;
use crate::sandbox::reply::Answer;
use crate::system::vietnam;

/// Rows shown, the newest first: a page of more is read by nobody.
const ROWS_MAX: usize = 200;

pub(super) fn answer(portal: &Portal) -> Answer {
    let (count, newest) = {
        let records = portal.records();
        (records.entries().len(), records.entries().rev().take(ROWS_MAX).cloned().collect::<Vec<_>>())
    };
    let now = portal.system.now();
    let rows: String = newest.iter().map(|entry| row(portal, entry, now)).collect();
    let page = format!(
        "<!doctype html><html lang=\"vi\"><meta charset=\"utf-8\"><title>Cổng thử nghiệm</title><style>body{{font-family:\
         sans-serif}}td,th{{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top}}table{{\
         border-collapse:collapse}}</style><h1>Cổng thử nghiệm (sandbox)</h1><p><strong>Đây không phải là cổng của \
         BHXH Việt Nam.</strong> Mọi dữ liệu ở đây là hư cấu.</p><p>Đã nhận {count} hồ sơ, {logins} lần đăng nhập. Hiển \
         thị tối đa {ROWS_MAX} hồ sơ mới nhất.</p><table><tr><th>STT<th>Mã giao dịch<th>Loại hồ sơ<th>Cơ sở KCB<th>Mã \
         liên kết<th>Thời gian nhận<th>Thay thế<th>Đã trả lời<th>Tình trạng<th>Lỗi</tr>{rows}</table></html>",
        logins = portal.logins(),
    );
    Answer::bytes(StatusCode::OK, "text/html; charset=utf-8", page)
}

fn row(portal: &Portal, entry: &Entry, now: Timestamp) -> String {
    let taken = &entry.submission;
    let state = entry.finding.state(taken.received_at, portal.judge_after(), now);
    let told = match state {
        State::Waiting => "File đã nhận và đang chờ xử lý",
        State::Accepted => "Đã lưu vào hệ thống",
        State::Rejected => "File đã xử lý xong, có lỗi",
        State::NotJudged => "Đã nhận",
    };
    let mut errors = String::new();
    if state == State::Rejected {
        for error in &entry.finding.errors {
            let text = format!("{} {} {}: {}", error.ma_lk, error.part, error.code, error.text);
            errors.push_str(&escaped(&text));
            errors.push_str("<br>");
        }
    }
    let replaced = taken.replaced.map(|number| number.to_string()).unwrap_or_default();
    let received = vietnam(taken.received_at).strftime("%d/%m/%Y %H:%M:%S").to_string();
    let answered = if taken.answered { "có" } else { "không" };
    let number = taken.number.to_string();
    let key = taken.business_key.as_deref().unwrap_or_default();
    let cells = [&number, &taken.receipt, &taken.service, &taken.facility, key, &received, &replaced, answered, told];
    let mut row = String::from("<tr>");
    for cell in cells {
        row.push_str("<td>");
        row.push_str(&escaped(cell));
    }
    row + "<td>" + &errors + "</tr>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_cannot_become_markup() {
        assert_eq!(escaped("<b a=\"'&'\">"), "&lt;b a=&quot;&#39;&amp;&#39;&quot;&gt;");
    }
}
