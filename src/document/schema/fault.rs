//! What a document breaks of its schema: one row a code, with its words.

use std::borrow::Cow;

use crate::document::finding::{Finding, Place, Severity};
use crate::domain::Bilingual;
use crate::xml::Position;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The root is none of the schema's.
    WrongRoot,
    /// An element the template does not have here.
    UnexpectedElement,
    /// An element the template has, at another place.
    ElementOrder,
    /// An element that stands more often than it may.
    RepeatedElement,
    /// An element that had to be here.
    MissingElement,
    /// Elements in place of text.
    NestedElement,
    /// Text between elements.
    StrayText,
    /// An attribute the template does not have.
    UnexpectedAttribute,
    /// An attribute that had to be here.
    MissingAttribute,
    /// Nothing, where there must be something.
    Empty,
    /// More characters than allowed.
    TooLong,
    /// Fewer characters than needed.
    TooShort,
    /// No number, or one with too many digits.
    Digits,
    /// Another form than prescribed.
    Pattern,
    /// None of the codes of a list.
    Enumeration,
}

/// One row of the table: code, what is wrong, what to do (each Vietnamese, then English).
type Row = (&'static str, [&'static str; 2], [&'static str; 2]);

const KEEP_TO_TEMPLATE: [&str; 2] = [
    "Xuất đúng tên, đủ và đúng thứ tự phần tử theo mẫu.",
    "Write the elements of the template, all of them and in its order.",
];
const REMOVE_ATTRIBUTE: [&str; 2] = ["Bỏ thuộc tính này.", "Remove the attribute."];
const SEE_FORM: [&str; 2] = ["Ghi lại giá trị theo đúng mẫu.", "Write the value as the template says."];

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub code: Code,
    /// The element it is about; a question mark where the name could hold data.
    pub element: String,
    /// Path of that element.
    pub xpath: String,
    /// The row, from 1, if the element stands in one.
    pub row: u32,
    /// Byte offset, without a byte order mark.
    pub offset: usize,
    /// The value, masked: a code of at most four characters in a field of codes, else empty.
    pub value: String,
    /// What the schema wants here, in Vietnamese and English; empty if it does not say.
    pub wanted: [String; 2],
}

// === impl Code ===

impl Code {
    /// Every code there is.
    pub const ALL: [Self; 15] = [
        Self::WrongRoot,
        Self::UnexpectedElement,
        Self::ElementOrder,
        Self::RepeatedElement,
        Self::MissingElement,
        Self::NestedElement,
        Self::StrayText,
        Self::UnexpectedAttribute,
        Self::MissingAttribute,
        Self::Empty,
        Self::TooLong,
        Self::TooShort,
        Self::Digits,
        Self::Pattern,
        Self::Enumeration,
    ];

    /// The rule code, stable.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Reads a rule code, as schemas may name it for a pattern.
    pub(in super::super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// Whether it is about an element that stands where, or as often as, it must not.
    pub(in super::super) fn is_of_place(self) -> bool {
        matches!(
            self,
            Self::WrongRoot
                | Self::UnexpectedElement
                | Self::ElementOrder
                | Self::RepeatedElement
                | Self::NestedElement
                | Self::StrayText
                | Self::UnexpectedAttribute
        )
    }

    fn row(self) -> Row {
        match self {
            Self::WrongRoot => ("XSD_WRONG_ROOT", ["Phần tử gốc sai.", "The root element is wrong."], KEEP_TO_TEMPLATE),
            Self::UnexpectedElement => (
                "XSD_UNEXPECTED_ELEMENT",
                ["Mẫu không có phần tử này ở đây.", "The template has no such element here."],
                KEEP_TO_TEMPLATE,
            ),
            Self::ElementOrder => {
                ("XSD_ELEMENT_ORDER", ["Phần tử sai thứ tự.", "The element is out of order."], KEEP_TO_TEMPLATE)
            }
            Self::RepeatedElement => (
                "XSD_REPEATED_ELEMENT",
                ["Phần tử bị lặp.", "The element stands here more often than it may."],
                ["Chỉ giữ một phần tử.", "Keep one of them."],
            ),
            Self::MissingElement => (
                "XSD_MISSING_ELEMENT",
                ["Thiếu phần tử bắt buộc.", "A required element is missing."],
                ["Thêm phần tử này, có giá trị, vào đúng chỗ của mẫu.", "Add it, with a value, at its place."],
            ),
            Self::NestedElement => (
                "XSD_NESTED_ELEMENT",
                ["Trường chứa phần tử con thay vì chữ.", "The field holds elements in place of text."],
                [
                    "Chỉ ghi giá trị; nếu dữ liệu có dấu <, hãy viết thành &lt;.",
                    "Write the value only; if the data holds a <, escape it as &lt;.",
                ],
            ),
            Self::StrayText => (
                "XSD_STRAY_TEXT",
                ["Có chữ nằm giữa các phần tử.", "There is text between the elements."],
                [
                    "Bỏ phần chữ này; nếu là dữ liệu, đưa vào đúng phần tử.",
                    "Remove it; if it is data, put it into its element.",
                ],
            ),
            Self::UnexpectedAttribute => (
                "XSD_UNEXPECTED_ATTRIBUTE",
                ["Mẫu không có thuộc tính này.", "The template has no such attribute."],
                REMOVE_ATTRIBUTE,
            ),
            Self::MissingAttribute => (
                "XSD_MISSING_ATTRIBUTE",
                ["Thiếu thuộc tính bắt buộc.", "A required attribute is missing."],
                ["Thêm thuộc tính theo mẫu.", "Add the attribute of the template."],
            ),
            Self::Empty => (
                "XSD_EMPTY",
                ["Trường bắt buộc bị bỏ trống.", "A required field is empty."],
                ["Điền trường này.", "Fill in this field."],
            ),
            Self::TooLong => ("XSD_TOO_LONG", ["Giá trị quá dài.", "The value is too long."], SEE_FORM),
            Self::TooShort => ("XSD_TOO_SHORT", ["Giá trị quá ngắn.", "The value is too short."], SEE_FORM),
            Self::Digits => {
                ("XSD_DIGITS", ["Giá trị không phải là số đúng dạng.", "Not a number as needed."], SEE_FORM)
            }
            Self::Pattern => ("XSD_PATTERN", ["Giá trị sai dạng.", "The value has the wrong form."], SEE_FORM),
            Self::Enumeration => (
                "XSD_ENUMERATION",
                ["Mã không có trong danh mục.", "The code is not in the list."],
                ["Chọn một mã của danh mục.", "Choose a code of the list."],
            ),
        }
    }
}

// === impl Fault ===

impl Fault {
    /// The same as a finding in `part` (empty for an envelope).
    pub fn to_finding(&self, part: &str, position: Position) -> Finding {
        let (code, [message_vi, message_en], [cure_vi, cure_en]) = self.code.row();
        let cure = if self.wanted.iter().any(String::is_empty) {
            Bilingual::fixed(cure_vi, cure_en)
        } else {
            let [wanted_vi, wanted_en] = &self.wanted;
            Bilingual::composed(format!("{cure_vi} Cần: {wanted_vi}."), format!("{cure_en} Wanted: {wanted_en}."))
        };
        Finding {
            code: Cow::Borrowed(code),
            severity: Severity::Error,
            place: Place {
                part: part.to_owned(),
                row: self.row,
                field: self.element.clone(),
                xpath: self.xpath.clone(),
                line: position.line,
                column: position.column,
                ..Place::default()
            },
            message: Bilingual::fixed(message_vi, message_en),
            cure,
            value: self.value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.name()), Some(code));
        }
    }
}
