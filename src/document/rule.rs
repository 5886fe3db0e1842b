//! The rules on envelope and identity: one row each, with its words. Whose record a document is rests on them, so no
//! configuration softens them. The others stand in `schemas/rules.csv`.

use crate::document::finding::Severity;

/// One rule.
pub(super) struct Rule {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    /// Vietnamese, then English.
    pub(super) message: [&'static str; 2],
    pub(super) cure: [&'static str; 2],
}

const fn error(code: &'static str, message: [&'static str; 2], cure: [&'static str; 2]) -> Rule {
    Rule { code, severity: Severity::Error, message, cure }
}

const fn warning(code: &'static str, message: [&'static str; 2], cure: [&'static str; 2]) -> Rule {
    Rule { code, severity: Severity::Warning, message, cure }
}

// The whole document.

pub(super) const TOO_LARGE: Rule = error(
    "TOO_LARGE",
    ["Tài liệu quá lớn.", "The document is too large."],
    ["Chia thành nhiều tệp nhỏ hơn.", "Split it into smaller files."],
);
pub(super) const UNKNOWN_ROOT: Rule = error(
    "UNKNOWN_ROOT",
    ["Phần tử gốc không thuộc loại tài liệu nào.", "The root element belongs to no kind of document."],
    ["", ""],
);
pub(super) const ROOT_NAMESPACE: Rule = error(
    "ROOT_NAMESPACE",
    ["Phần tử gốc có không gian tên mặc định (xmlns=…).", "The root element has a default namespace (xmlns=…)."],
    ["Bỏ xmlns=\"…\"; mẫu của BHXH không có.", "Remove xmlns=\"…\"; the portal's template has none."],
);

// Packages (ENV-02 to ENV-07).

pub(super) const TOO_MANY_PARTS: Rule = error(
    "TOO_MANY_PARTS",
    ["Gói có quá nhiều bảng.", "The package holds too many parts."],
    ["Chia thành nhiều gói.", "Split it into several packages."],
);
pub(super) const COUNT_FEWER: Rule = error(
    "COUNT_FEWER",
    [
        "Tệp có ít hồ sơ hơn SOLUONGHOSO đã ghi: tệp có thể bị cắt mất hồ sơ.",
        "The file holds fewer records than SOLUONGHOSO says: some may have been lost.",
    ],
    [
        "Xuất lại cả tệp; SOLUONGHOSO phải bằng số HOSO.",
        "Export the whole file again; SOLUONGHOSO must equal the number of HOSO.",
    ],
);
pub(super) const COUNT_MORE: Rule = warning(
    "COUNT_MORE",
    ["Tệp có nhiều hồ sơ hơn SOLUONGHOSO đã ghi.", "The file holds more records than SOLUONGHOSO says."],
    ["Ghi SOLUONGHOSO bằng số HOSO.", "Let SOLUONGHOSO equal the number of HOSO."],
);
pub(super) const UNKNOWN_PART: Rule = error(
    "UNKNOWN_PART",
    ["LOAIHOSO không thuộc loại tệp này.", "This LOAIHOSO does not belong in this kind of file."],
    ["", ""],
);
pub(super) const NOT_BASE64: Rule = error(
    "NOT_BASE64",
    ["NOIDUNGFILE không phải là base64 đúng.", "NOIDUNGFILE is not right base64."],
    [
        "Mã hóa base64 chuẩn (A–Z a–z 0–9 + / =) toàn bộ tệp XML con.",
        "Encode the whole inner XML file in standard base64 (A–Z a–z 0–9 + / =).",
    ],
);
pub(super) const PART_ROOT: Rule = error(
    "PART_ROOT",
    ["Phần tử gốc bên trong không khớp LOAIHOSO.", "The inner root element does not match LOAIHOSO."],
    ["", ""],
);
pub(super) const MISSING_XML1: Rule = error(
    "MISSING_XML1",
    ["Hồ sơ không có XML1.", "The record has no XML1."],
    ["Mỗi HOSO phải có đúng một XML1.", "Every HOSO must hold exactly one XML1."],
);
pub(super) const REPEATED_PART: Rule = error(
    "REPEATED_PART",
    ["Một bảng xuất hiện hai lần trong một hồ sơ.", "One part stands twice in one record."],
    ["Gộp thành một FILEHOSO cho mỗi bảng.", "Write one FILEHOSO a part."],
);

// Business keys (ENV-08).

pub(super) const KEY_MISSING: Rule = error(
    "KEY_MISSING",
    ["Thiếu mã định danh của hồ sơ.", "The key of the record is missing."],
    ["Điền mã; không để trống.", "Fill in the key; it must not be empty."],
);
pub(super) const KEY_FORM: Rule = error(
    "KEY_FORM",
    ["Mã định danh quá dài hoặc có ký tự lạ.", "The key is too long or holds a strange character."],
    [
        "Dùng mã tối đa 200 ký tự, không xuống dòng, không có khoảng trắng ở hai đầu.",
        "Use at most 200 characters, no line breaks and no blanks at either end.",
    ],
);
pub(super) const KEY_MISMATCH: Rule = error(
    "KEY_MISMATCH",
    ["MA_LK khác với MA_LK của XML1 cùng hồ sơ.", "MA_LK differs from that of the record's XML1."],
    [
        "Mọi bảng trong một HOSO phải cùng MA_LK; kiểm tra có lẫn người bệnh khác không.",
        "All parts of one HOSO must have one MA_LK; see whether another patient's part slipped in.",
    ],
);
pub(super) const KEY_REPEATED: Rule = error(
    "KEY_REPEATED",
    ["MA_LK đã có ở một hồ sơ khác trong cùng tệp.", "Another record of this file has the same MA_LK."],
    ["Mỗi MA_LK chỉ gửi một lần trong một tệp.", "Send each MA_LK once a file."],
);
pub(super) const VOUCHER_REPEATED: Rule = warning(
    "VOUCHER_REPEATED",
    ["Hai chứng từ trong tệp có cùng mã.", "Two vouchers of this file have the same key."],
    ["Kiểm tra có gửi trùng không.", "See whether one is sent twice."],
);
pub(super) const NO_BUSINESS_KEY: Rule = warning(
    "NO_BUSINESS_KEY",
    [
        "Tài liệu không có khóa nghiệp vụ: chỉ nhận ra bản trùng khi giống hệt từng byte.",
        "The document has no business key: a copy is recognised only if every byte is the same.",
    ],
    [
        "Trước khi gửi lại, xem đã gửi chưa; với chứng từ, điền MA_YTE hoặc MA_CT nếu có.",
        "Before sending again, see whether it was sent; in a voucher, fill in MA_YTE or MA_CT if there is one.",
    ],
);
pub(super) const NUMBER_FORM: Rule = warning(
    "NUMBER_FORM",
    [
        "Số giấy không theo dạng NNNNN.GCS.<mã cơ sở>.<năm> (hoặc GBT).",
        "The number is not of the form NNNNN.GCS.<facility>.<year> (or GBT).",
    ],
    [
        "Cấp số theo mẫu, ví dụ 00012.GCS.79999.26; nếu không, không biết được mã cơ sở từ số giấy.",
        "Number it by the pattern, such as 00012.GCS.79999.26; otherwise it does not tell the facility.",
    ],
);

// Facilities (ENV-04, EDOC-03, EDOC-04, EDOC-14).

pub(super) const FACILITY_MISSING: Rule = error(
    "FACILITY_MISSING",
    ["Thiếu mã cơ sở khám chữa bệnh.", "The facility code is missing."],
    ["Điền mã cơ sở 5 ký tự.", "Fill in the facility code of 5 characters."],
);
pub(super) const FACILITY_FORM: Rule = error(
    "FACILITY_FORM",
    ["Mã cơ sở khám chữa bệnh sai dạng.", "The facility code has the wrong form."],
    [
        "Ghi 5 ký tự: 2 số của tỉnh, rồi 3 số hoặc chữ in hoa, không khoảng trắng.",
        "Write 5 characters: 2 digits of the province, then 3 digits or capital letters, no blanks.",
    ],
);
pub(super) const FACILITY_MISMATCH: Rule = error(
    "FACILITY_MISMATCH",
    ["Mã cơ sở không khớp với mã cơ sở của tài liệu.", "The facility code differs from that of the document."],
    [
        "Một tài liệu chỉ thuộc một cơ sở; kiểm tra cấu hình mã cơ sở của phần mềm.",
        "A document belongs to one facility; check the facility code set in the program.",
    ],
);

// Driver exams (EDOC-14, EDOC-15; portal-api.md, section 5.1) and fields in general.

pub(super) const FIELD_MISSING: Rule = error(
    "FIELD_MISSING",
    ["Thiếu trường bắt buộc.", "A required field is missing or empty."],
    ["Điền trường này.", "Fill in this field."],
);
pub(super) const REPEATED_FIELD: Rule = error(
    "REPEATED_FIELD",
    ["Trường xuất hiện hai lần.", "The field stands here twice."],
    ["Ghi mỗi trường một lần.", "Write each field once."],
);
pub(super) const STATE_VALUE: Rule = error(
    "STATE_VALUE",
    ["STATE phải là ADD hoặc EDIT.", "STATE must be ADD or EDIT."],
    [
        "ADD để gửi mới, EDIT để sửa giấy đã gửi cùng SO.",
        "ADD for a new certificate, EDIT to correct one already sent under the same SO.",
    ],
);
pub(super) const SO_FORM: Rule = error(
    "SO_FORM",
    ["SO không theo dạng <số>/GKSKLX/<mã cơ sở>/<năm>.", "SO is not of the form <number>/GKSKLX/<facility>/<year>."],
    ["Ví dụ đúng: 00042/GKSKLX/48999/26.", "A right one: 00042/GKSKLX/48999/26."],
);
pub(super) const SIGNDATA_UNREADABLE: Rule = warning(
    "SIGNDATA_UNREADABLE",
    ["SIGNDATA không giải mã được thành XML.", "SIGNDATA does not decode to XML."],
    [
        "SIGNDATA là base64 của XML đã ký; bản chưa ký ghi test.",
        "SIGNDATA is the base64 of the signed XML; unsigned senders write test.",
    ],
);
pub(super) const JSON_MALFORMED: Rule = error(
    "JSON_MALFORMED",
    ["JSON sai cú pháp.", "The JSON is malformed."],
    ["Xuất lại JSON bằng UTF-8, một đối tượng duy nhất.", "Write the JSON again: UTF-8, one object."],
);
pub(super) const JSON_NOT_STRING: Rule = error(
    "JSON_NOT_STRING",
    ["Giá trị JSON không phải là chuỗi.", "The JSON value is not a string."],
    ["Đặt mọi giá trị trong dấu ngoặc kép, kể cả số.", "Put every value in quotes, numbers too."],
);
/// The same of a number that can be read, where values that do not keep to the template only warn.
pub(super) const JSON_NUMBER: Rule = Rule { severity: Severity::Warning, ..JSON_NOT_STRING };
pub(super) const SCHEMA_MISSING: Rule = error(
    "SCHEMA_MISSING",
    [
        "Không có mẫu cho bảng này ở phiên bản của hồ sơ.",
        "There is no schema for this table in the document's version.",
    ],
    [
        "Kiểm tra ngày lập và cấu hình phiên bản; xem lienthong schema list.",
        "See the document's date and the configured version; lienthong schema list shows what there is.",
    ],
);
pub(super) const TOO_MANY_FINDINGS: Rule = error(
    "TOO_MANY_FINDINGS",
    [
        "Tài liệu có quá nhiều lỗi nên không đọc đến hết; số lỗi thật có thể lớn hơn.",
        "Too much is wrong with the document to read it to its end; there may be more than is counted.",
    ],
    ["Sửa các lỗi nêu đầu tiên rồi kiểm tra lại.", "Mend those named first and check again."],
);
