//! What an incident means to a person, and what to do about it.

use crate::domain::{Bilingual, IncidentKind};

/// What is wrong, and the next step.
pub fn words(kind: IncidentKind) -> (Bilingual, Bilingual) {
    let (title, next) = match kind {
        IncidentKind::PortalDown => (
            ("Dịch vụ của cổng BHXH không trả lời", "A service of the portal does not answer"),
            (
                "Chờ: hồ sơ được giữ và tự gửi khi cổng trở lại; quầy dùng kết quả đã lưu. Quá một giờ thì kiểm tra đường mạng, rồi hỏi BHXH.",
                "Wait: documents are kept and go out by themselves, desks get the last known answers. After an hour, check the line, then ask the insurer.",
            ),
        ),
        IncidentKind::PortalSlow => (
            ("Dịch vụ của cổng BHXH trả lời chậm", "A service of the portal answers slowly"),
            (
                "Không cần làm gì; nếu chỉ nơi này chậm thì kiểm tra đường mạng.",
                "Nothing to do; if it is slow only here, check the line.",
            ),
        ),
        IncidentKind::AccountRefused => (
            ("Cổng từ chối tài khoản của cơ sở", "The portal refuses the facility's account"),
            (
                "Kiểm tra mật khẩu trong cấu hình, tài khoản có bị khóa, và IP đã đăng ký với BHXH; hồ sơ vẫn chờ.",
                "Check the password in the configuration, whether the account is locked, and whether our address is registered; documents wait meanwhile.",
            ),
        ),
        IncidentKind::DocumentsFailed => (
            ("Có hồ sơ dừng lại, gateway không tự gửi nữa", "Documents are parked and not sent by themselves any more"),
            (
                "lienthong documents list --state failed: xem lý do, sửa nguyên nhân, rồi documents replay. crashed_the_sender: báo nhà cung cấp.",
                "lienthong documents list --state failed: see why, mend the cause, then documents replay. crashed_the_sender: tell the vendor.",
            ),
        ),
        IncidentKind::DocumentsUnknown => (
            ("Có hồ sơ không rõ cổng đã nhận hay chưa", "Nobody knows whether the portal has some documents"),
            (
                "Tra trên trang của cổng: có thì documents confirm, không có thì documents replay.",
                "Look at the portal's own pages: documents confirm if it is there, documents replay if it is not.",
            ),
        ),
        IncidentKind::DocumentsRejected => (
            ("Có hồ sơ bị cổng từ chối chưa được sửa", "Documents the portal refused have not been mended"),
            (
                "lienthong documents list --state rejected: sửa trên HIS rồi gửi lại.",
                "lienthong documents list --state rejected: mend them in the hospital system and submit again.",
            ),
        ),
        IncidentKind::BacklogOld => (
            ("Có hồ sơ chờ gửi quá lâu", "Documents have been waiting for too long"),
            (
                "Xem sự cố khác đang mở (cổng, tài khoản); lienthong documents list --state queued cho biết lý do chờ.",
                "See what else is wrong (portal, account); lienthong documents list --state queued tells what they wait for.",
            ),
        ),
        IncidentKind::WebhookFailing => (
            ("Nơi nhận webhook không nhận được sự kiện", "A webhook endpoint does not take its events"),
            (
                "GET /v1/webhook-endpoints/{id}/deliveries cho biết lỗi; sửa nơi nhận, gateway tự gửi tiếp theo thứ tự.",
                "GET /v1/webhook-endpoints/{id}/deliveries tells what goes wrong; mend the receiver, the gateway goes on by itself, in order.",
            ),
        ),
        IncidentKind::WebhookDisabled => (
            ("Webhook đã bị ngừng gửi", "A webhook endpoint is disabled"),
            (
                "Sửa nơi nhận rồi bật lại: PATCH /v1/webhook-endpoints/{id} {\"enabled\": true}; sự kiện chưa nhận được gửi tiếp.",
                "Mend the receiver, then switch it on: PATCH /v1/webhook-endpoints/{id} {\"enabled\": true}; it goes on where it stopped.",
            ),
        ),
        IncidentKind::StorageRefusing => (
            ("Đĩa của gateway không ghi được", "The gateway's disk takes nothing"),
            (
                "Dọn đĩa hoặc thay đĩa; hồ sơ mới bị từ chối cho đến khi ghi được. /readyz cho biết lý do.",
                "Free or replace the disk; new documents are refused until it can be written. /readyz says why.",
            ),
        ),
        IncidentKind::DiskLow => (
            ("Đĩa của gateway sắp đầy", "The gateway's disk will soon be full"),
            (
                "Thêm đĩa hoặc giảm thời hạn lưu ([retention]); lienthong check cho biết còn bao nhiêu ngày.",
                "Add disk space or keep less ([retention]); lienthong check tells how many days are left.",
            ),
        ),
        IncidentKind::CertificateExpiring => (
            ("Chứng thư của gateway sắp hết hạn", "The gateway's certificate ends soon"),
            (
                "Làm chứng thư mới (lienthong certs init hoặc cơ quan của bệnh viện), thay tệp, rồi gửi SIGHUP.",
                "Have a new one made (lienthong certs init, or the hospital's authority), put it in place, and send SIGHUP.",
            ),
        ),
    };
    (Bilingual::fixed(title.0, title.1), Bilingual::fixed(next.0, next.1))
}
