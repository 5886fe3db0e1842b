//! The rules on envelope and identity: one row each, with its words. Rules on single fields have tables of their own.

use crate::document::finding::{Finding, Findings, Place, Severity};
use crate::domain::Bilingual;
use crate::xml;

/// One rule.
pub(super) struct Rule {
    code: &'static str,
    severity: Severity,
    /// Vietnamese, then English.
    message: [&'static str; 2],
    cure: [&'static str; 2],
}

/// Collects what is found while a document is read.
#[derive(Default)]
pub(super) struct Report {
    findings: Findings,
}

// === impl Report ===

impl Report {
    /// Records that `rule` is broken at `place`. `value` must already be masked.
    pub(super) fn push(&mut self, rule: &Rule, place: Place, value: String) {
        let [vi, en] = rule.cure;
        self.push_with_cure(rule, place, value, Bilingual::fixed(vi, en));
    }

    /// Like [`push`](Self::push), with a cure put together at run time.
    pub(super) fn push_with_cure(&mut self, rule: &Rule, place: Place, value: String, cure: Bilingual) {
        let [vi, en] = rule.message;
        let message = Bilingual::fixed(vi, en);
        self.findings.push(Finding { code: rule.code, severity: rule.severity, place, message, cure, value });
    }

    /// Records that a text is not acceptable XML.
    pub(super) fn malformed(&mut self, part: &str, error: xml::Error) {
        let xml::Position { line, column } = error.position;
        self.findings.push(Finding {
            code: error.kind.code(),
            severity: Severity::Error,
            place: Place { part: part.to_owned(), line, column, ..Place::default() },
            message: error.kind.message(),
            cure: error.kind.cure(),
            value: String::new(),
        });
    }

    /// How many findings there were so far, listed or not.
    pub(super) fn count(&self) -> u64 {
        self.findings.count()
    }

    /// Says of the findings after the first `count` in which line of the envelope their part stands.
    pub(super) fn set_envelope_line(&mut self, count: u64, line: u32) {
        self.findings.set_envelope_line(count, line);
    }

    pub(super) fn into_findings(self) -> Findings {
        self.findings
    }
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

// Structure (rules.csv, ENV-01).

const KEEP_TO_TEMPLATE: [&str; 2] = [
    "Xuất đúng tên, đủ và đúng thứ tự phần tử theo mẫu của BHXH.",
    "Write the elements of the portal's template, all of them and in its order.",
];

pub(super) const MISSING_ELEMENT: Rule =
    error("MISSING_ELEMENT", ["Thiếu phần tử bắt buộc.", "A required element is missing."], KEEP_TO_TEMPLATE);
pub(super) const UNEXPECTED_ELEMENT: Rule = error(
    "UNEXPECTED_ELEMENT",
    ["Phần tử không được có ở đây.", "The element does not belong here."],
    KEEP_TO_TEMPLATE,
);
pub(super) const REPEATED_ELEMENT: Rule =
    error("REPEATED_ELEMENT", ["Phần tử bị lặp.", "The element stands here more than once."], KEEP_TO_TEMPLATE);
pub(super) const ELEMENT_ORDER: Rule =
    error("ELEMENT_ORDER", ["Phần tử sai thứ tự.", "The element is out of order."], KEEP_TO_TEMPLATE);
pub(super) const STRAY_TEXT: Rule = error(
    "STRAY_TEXT",
    ["Có chữ nằm giữa các phần tử.", "There is text between the elements."],
    [
        "Bỏ phần chữ này; nếu là dữ liệu, đưa vào đúng phần tử.",
        "Remove the text; if it is data, put it into its element.",
    ],
);

// Packages (ENV-02 to ENV-07).

pub(super) const TOO_MANY_PARTS: Rule = error(
    "TOO_MANY_PARTS",
    ["Gói có quá nhiều bảng.", "The package holds too many parts."],
    ["Chia thành nhiều gói.", "Split it into several packages."],
);
pub(super) const DATE_FORM: Rule = error(
    "DATE_FORM",
    ["Ngày lập không phải là ngày yyyyMMdd có thật.", "The date is not a real date in the form yyyyMMdd."],
    ["Ghi ngày lập dạng yyyyMMdd, ví dụ 20260316.", "Write the date as yyyyMMdd, such as 20260316."],
);
pub(super) const COUNT_FORM: Rule = error(
    "COUNT_FORM",
    ["SOLUONGHOSO không phải là một số.", "SOLUONGHOSO is not a number."],
    ["Ghi đúng số phần tử HOSO trong tệp.", "Write the number of HOSO elements in the file."],
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
pub(super) const NESTED_FIELD: Rule = error(
    "NESTED_FIELD",
    ["Trường chứa phần tử con thay vì chữ.", "The field holds elements in place of text."],
    [
        "Chỉ ghi giá trị; nếu dữ liệu có dấu <, hãy viết thành &lt;.",
        "Write the value only; if the data holds a <, escape it as &lt;.",
    ],
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
pub(super) const NOT_A_DRIVER_EXAM: Rule = error(
    "NOT_A_DRIVER_EXAM",
    ["Tài liệu không phải là giấy khám sức khỏe lái xe.", "The document is no driver health exam."],
    ["Gửi XML có gốc GKSK.", "Send XML with the root GKSK."],
);
