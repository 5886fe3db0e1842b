//! What the invented people are put together from.

/// The result codes of the lookup with the wording of `ghiChu` (`portal-api.md`, section 2.2). The wording is ours
/// (mark C in `formats/code-lists/card-lookup-result.csv`) except that of 000.
pub(in crate::sandbox) const RESULT_CODES: [(&str, &str); 27] = [
    ("000", "Thẻ còn giá trị sử dụng!"),
    ("001", "Thẻ do BHXH Bộ Quốc phòng quản lý, đề nghị kiểm tra thẻ và thông tin giấy tờ tùy thân"),
    ("002", "Thẻ do BHXH Bộ Công an quản lý, đề nghị kiểm tra thẻ và thông tin giấy tờ tùy thân"),
    ("003", "Thẻ cũ hết giá trị sử dụng nhưng đã được cấp thẻ mới"),
    ("004", "Thẻ cũ còn giá trị sử dụng nhưng đã được cấp thẻ mới"),
    ("010", "Thẻ hết giá trị sử dụng"),
    ("050", "Không thấy thông tin thẻ BHYT"),
    ("051", "Mã thẻ không đúng"),
    ("052", "Mã tỉnh cấp thẻ (ký tự thứ 4, 5 của mã thẻ) không đúng"),
    ("053", "Mã quyền lợi thẻ (ký tự thứ 3 của mã thẻ) không đúng"),
    ("054", "Số CCCD của cán bộ tra cứu không có trong danh sách cán bộ cơ sở KCB đã đăng ký"),
    ("055", "Họ tên cán bộ tra cứu không khớp với số CCCD"),
    ("060", "Thẻ sai họ tên"),
    ("061", "Thẻ sai họ tên (đúng ký tự đầu)"),
    ("070", "Thẻ sai ngày sinh"),
    ("100", "Lỗi khi lấy dữ liệu số thẻ"),
    ("101", "Lỗi server"),
    ("110", "Thẻ đã thu hồi"),
    ("120", "Thẻ đã báo giảm"),
    ("121", "Thẻ đã báo giảm. Giảm chuyển ngoại tỉnh"),
    ("122", "Thẻ đã báo giảm. Giảm chuyển nội tỉnh"),
    ("123", "Thẻ đã báo giảm. Thu hồi do tăng lại cùng đơn vị"),
    ("124", "Thẻ đã báo giảm. Ngừng tham gia"),
    ("130", "Trẻ em không xuất trình thẻ"),
    ("205", "Lỗi sai định dạng tham số"),
    ("401", "Lỗi xác thực tài khoản"),
    ("500", "Lỗi hệ thống"),
];

/// How many of 100,000 people have each code; the sum is 100,000.
pub(super) const PERSONAL_CODES: [(&str, u64); 17] = [
    ("000", 87_985),
    ("003", 2_000),
    ("004", 2_000),
    ("010", 2_000),
    ("050", 1_000),
    ("110", 1_000),
    ("001", 500),
    ("002", 500),
    ("120", 500),
    ("121", 500),
    ("122", 500),
    ("123", 500),
    ("124", 500),
    ("130", 500),
    // So few that a load test hardly meets one, so many that an example exists.
    ("100", 5),
    ("101", 5),
    ("500", 5),
];

pub(super) const SURNAMES: &[&str] = &[
    "Nguyễn", "Nguyễn", "Nguyễn", "Nguyễn", "Trần", "Trần", "Lê", "Lê", "Phạm", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ",
    "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý", "Đinh", "Mai", "Trịnh", "Đoàn",
];
pub(super) const MIDDLE_NAMES_OF_MEN: &[&str] =
    &["Văn", "Văn", "Hữu", "Đức", "Minh", "Quốc", "Công", "Đình", "Xuân", "Gia", "Thành", "Ngọc"];
pub(super) const MIDDLE_NAMES_OF_WOMEN: &[&str] =
    &["Thị", "Thị", "Thị", "Ngọc", "Thu", "Phương", "Thanh", "Minh", "Kim", "Thị Thu", "Hoàng", "Bảo"];
pub(super) const GIVEN_NAMES_OF_MEN: &[&str] = &[
    "An", "Bình", "Cường", "Dũng", "Duy", "Đạt", "Hải", "Hiếu", "Hòa", "Hùng", "Huy", "Khánh", "Long", "Nam", "Nghĩa",
    "Phong", "Phúc", "Quân", "Sơn", "Tài", "Thắng", "Toàn", "Trung", "Tuấn", "Việt",
];
pub(super) const GIVEN_NAMES_OF_WOMEN: &[&str] = &[
    "Anh", "Chi", "Dung", "Giang", "Hà", "Hạnh", "Hằng", "Hiền", "Hoa", "Huệ", "Hương", "Lan", "Linh", "Loan", "Mai",
    "Nga", "Ngân", "Nhung", "Oanh", "Quỳnh", "Thảo", "Thủy", "Trang", "Tuyết", "Yến",
];
pub(super) const COMMUNES: &[&str] = &[
    "Phường Ví Dụ",
    "Xã Minh Họa",
    "Phường An Bình",
    "Xã Tân Thử",
    "Phường Hòa Mẫu",
    "Xã Phú Mẫu",
    "Phường Tân Lập",
    "Xã Đồng Tâm",
];
pub(super) const LIVING_AREAS: &[&str] = &["", "", "", "", "", "", "", "K1", "K2", "K3"];
pub(super) const CLINICS: &[&str] = &[
    "Phòng khám đa khoa Ví Dụ",
    "Trạm y tế xã Minh Họa",
    "Bệnh viện đa khoa An Bình (hư cấu)",
    "Trung tâm y tế Tân Thử",
    "Phòng khám bác sĩ gia đình Hòa Mẫu",
];

/// Card groups of people of working age with their entitlement digit (QĐ 1351/QĐ-BHXH 2015).
pub(super) const GROUPS_OF_ADULTS: &[(&str, u8)] =
    &[("DN", 4), ("DN", 4), ("DN", 4), ("GD", 4), ("GD", 4), ("GD", 4), ("HC", 4), ("HN", 2), ("CC", 1), ("CN", 3)];

/// What a facility is called: always the same for one code.
pub(in crate::sandbox) fn clinic(code: &str) -> &'static str {
    let sum: usize = code.bytes().map(usize::from).sum();
    CLINICS.get(sum % CLINICS.len()).copied().unwrap_or_default()
}

/// The two digits of a province as cards have them, and its name. What is no province (people born abroad) is
/// registered in Ho Chi Minh City.
pub(in crate::sandbox) fn province(digits: &str) -> (&'static str, &'static str) {
    let ho_chi_minh_city = ("79", "Thành phố Hồ Chí Minh");
    PROVINCES.iter().find(|(code, _)| *code == digits).copied().unwrap_or(ho_chi_minh_city)
}

/// The 63 provinces before the merger of 2025, which card numbers still name.
const PROVINCES: [(&str, &str); 63] = [
    ("01", "Thành phố Hà Nội"),
    ("02", "Tỉnh Hà Giang"),
    ("04", "Tỉnh Cao Bằng"),
    ("06", "Tỉnh Bắc Kạn"),
    ("08", "Tỉnh Tuyên Quang"),
    ("10", "Tỉnh Lào Cai"),
    ("11", "Tỉnh Điện Biên"),
    ("12", "Tỉnh Lai Châu"),
    ("14", "Tỉnh Sơn La"),
    ("15", "Tỉnh Yên Bái"),
    ("17", "Tỉnh Hòa Bình"),
    ("19", "Tỉnh Thái Nguyên"),
    ("20", "Tỉnh Lạng Sơn"),
    ("22", "Tỉnh Quảng Ninh"),
    ("24", "Tỉnh Bắc Giang"),
    ("25", "Tỉnh Phú Thọ"),
    ("26", "Tỉnh Vĩnh Phúc"),
    ("27", "Tỉnh Bắc Ninh"),
    ("30", "Tỉnh Hải Dương"),
    ("31", "Thành phố Hải Phòng"),
    ("33", "Tỉnh Hưng Yên"),
    ("34", "Tỉnh Thái Bình"),
    ("35", "Tỉnh Hà Nam"),
    ("36", "Tỉnh Nam Định"),
    ("37", "Tỉnh Ninh Bình"),
    ("38", "Tỉnh Thanh Hóa"),
    ("40", "Tỉnh Nghệ An"),
    ("42", "Tỉnh Hà Tĩnh"),
    ("44", "Tỉnh Quảng Bình"),
    ("45", "Tỉnh Quảng Trị"),
    ("46", "Thành phố Huế"),
    ("48", "Thành phố Đà Nẵng"),
    ("49", "Tỉnh Quảng Nam"),
    ("51", "Tỉnh Quảng Ngãi"),
    ("52", "Tỉnh Bình Định"),
    ("54", "Tỉnh Phú Yên"),
    ("56", "Tỉnh Khánh Hòa"),
    ("58", "Tỉnh Ninh Thuận"),
    ("60", "Tỉnh Bình Thuận"),
    ("62", "Tỉnh Kon Tum"),
    ("64", "Tỉnh Gia Lai"),
    ("66", "Tỉnh Đắk Lắk"),
    ("67", "Tỉnh Đắk Nông"),
    ("68", "Tỉnh Lâm Đồng"),
    ("70", "Tỉnh Bình Phước"),
    ("72", "Tỉnh Tây Ninh"),
    ("74", "Tỉnh Bình Dương"),
    ("75", "Tỉnh Đồng Nai"),
    ("77", "Tỉnh Bà Rịa - Vũng Tàu"),
    ("79", "Thành phố Hồ Chí Minh"),
    ("80", "Tỉnh Long An"),
    ("82", "Tỉnh Tiền Giang"),
    ("83", "Tỉnh Bến Tre"),
    ("84", "Tỉnh Trà Vinh"),
    ("86", "Tỉnh Vĩnh Long"),
    ("87", "Tỉnh Đồng Tháp"),
    ("89", "Tỉnh An Giang"),
    ("91", "Tỉnh Kiên Giang"),
    ("92", "Thành phố Cần Thơ"),
    ("93", "Tỉnh Hậu Giang"),
    ("94", "Tỉnh Sóc Trăng"),
    ("95", "Tỉnh Bạc Liêu"),
    ("96", "Tỉnh Cà Mau"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_add_up() {
        assert_eq!(PERSONAL_CODES.iter().map(|(_, share)| share).sum::<u64>(), 100_000);
    }
}
