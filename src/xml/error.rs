//! Why a text is not acceptable XML, split by what the author of the file did.

use crate::domain::Bilingual;

/// A fault and its place. It holds nothing of the text itself, which may name a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at line {}, column {}", .kind.code(), .position.line, .position.column)]
pub struct Error {
    /// What was wrong.
    pub kind: ErrorKind,
    /// Where it was noticed.
    pub position: super::Position,
}

/// What the author of the file did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Sent something that is no XML at all.
    NotXml(NotXml),
    /// Wrote XML in an encoding the portal does not read.
    WrongEncoding(WrongEncoding),
    /// Meant to write XML and broke its grammar.
    IllFormed(IllFormed),
    /// Used a part of XML that is never accepted here.
    Forbidden(Forbidden),
    /// Wrote more of something than any right document has.
    BeyondLimit(BeyondLimit),
}

/// The text is no XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotXml {
    /// Nothing, or only blanks, comments and processing instructions: there is no element.
    Empty,
    /// The first character that is not a blank is not `<`: JSON, base64, a ZIP file, an error page cut short.
    NoMarkup,
}

/// The bytes are not the UTF-8 that every table prescribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongEncoding {
    /// Saved as "Unicode" by Windows: UTF-16 or UTF-32.
    Utf16,
    /// Written in a one-byte Vietnamese code (TCVN3, VNI, Windows-1258), or cut in the middle of a character.
    NotUtf8,
    /// The XML declaration names another encoding than the bytes have.
    Declared,
}

/// XML 1.0 (fifth edition) or Namespaces in XML 1.0 (third edition) forbid it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IllFormed {
    /// Wrote an XML declaration without version, with a version other than 1.x, or with unknown or unordered parts.
    Declaration,
    /// Wrote something, if only a blank line, before the XML declaration, or wrote it twice (two files joined).
    DeclarationNotFirst,
    /// Left a control character, U+FFFE or U+FFFF in the text, as laboratory machines do.
    Character,
    /// Wrote a character reference that is malformed or names a forbidden character, such as `&#1;`.
    CharacterReference,
    /// Wrote `&` without escaping it.
    Ampersand,
    /// Wrote `<` without escaping it, or gave an element or attribute a name that is no name.
    Name,
    /// Wrote an attribute without value, quotes or the blank before it.
    Attribute,
    /// Wrote the same attribute twice on one element, also through two prefixes of one namespace.
    AttributeTwice,
    /// Wrote `<` inside an attribute value.
    LessThanInAttribute,
    /// Closed an element that is not the innermost open one.
    EndTag,
    /// Stopped before every element was closed.
    UnclosedElement,
    /// Stopped within a tag, a comment, a CDATA section or a processing instruction.
    UnclosedMarkup,
    /// Wrote `]]>` in text.
    CdataEnd,
    /// Wrote `--` within a comment.
    Comment,
    /// Wrote a processing instruction without a target, or with the reserved target `xml`.
    ProcessingInstruction,
    /// Wrote `<!` and then nothing that XML knows.
    Markup,
    /// Wrote text before or after the root element.
    TextOutsideRoot,
    /// Wrote a second root element.
    SecondRoot,
    /// Used a namespace prefix that nothing declares.
    UnboundPrefix,
    /// Declared a namespace against the rules: an empty name for a prefix, or the names reserved for xml and xmlns.
    NamespaceDeclaration,
}

/// Well-formed perhaps, and refused all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// Wrote a document type declaration. No document of the portal has one, and most attacks on readers begin with one.
    Doctype,
    /// Used an entity other than the five of XML, such as `&nbsp;`.
    Entity,
}

/// More than [`Limits`](super::Limits) allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeyondLimit {
    /// Nested elements too deeply.
    Depth,
    /// Put too many attributes on one element.
    Attributes,
    /// Wrote a start tag of many kilobytes.
    Tag,
}

/// One row of the table: code, what is wrong, what to do (each Vietnamese, then English).
type Row = (&'static str, [&'static str; 2], [&'static str; 2]);

impl ErrorKind {
    /// Stable code, upper case with underscores.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// What is wrong.
    pub fn message(self) -> Bilingual {
        let [vi, en] = self.row().1;
        Bilingual::fixed(vi, en)
    }

    /// What to do about it.
    pub fn cure(self) -> Bilingual {
        let [vi, en] = self.row().2;
        Bilingual::fixed(vi, en)
    }

    fn row(self) -> Row {
        match self {
            Self::NotXml(kind) => not_xml(kind),
            Self::WrongEncoding(kind) => wrong_encoding(kind),
            Self::IllFormed(kind) => ill_formed(kind),
            Self::Forbidden(kind) => forbidden(kind),
            Self::BeyondLimit(kind) => beyond_limit(kind),
        }
    }
}

fn not_xml(kind: NotXml) -> Row {
    match kind {
        NotXml::Empty => (
            "XML_EMPTY",
            ["Tài liệu không có phần tử nào.", "The document holds no element."],
            ["Xuất lại tệp từ phần mềm rồi gửi lại.", "Export the file again and send it again."],
        ),
        NotXml::NoMarkup => (
            "XML_NOT_XML",
            ["Nội dung không phải là XML.", "The content is not XML."],
            [
                "Gửi chính tệp XML, không nén, không mã hóa base64 cả tệp.",
                "Send the XML file itself, neither zipped nor wrapped in base64 as a whole.",
            ],
        ),
    }
}

fn wrong_encoding(kind: WrongEncoding) -> Row {
    match kind {
        WrongEncoding::Utf16 => (
            "XML_UTF16",
            ["Tệp được lưu bằng UTF-16.", "The file is saved as UTF-16."],
            ["Lưu tệp bằng UTF-8.", "Save the file as UTF-8."],
        ),
        WrongEncoding::NotUtf8 => (
            "XML_NOT_UTF8",
            ["Có byte không thuộc UTF-8.", "There is a byte that is not UTF-8."],
            [
                "Chuyển dữ liệu từ bảng mã cũ (TCVN3, VNI, Windows-1258) sang UTF-8 trước khi xuất; kiểm tra tệp có bị cắt cụt không.",
                "Convert data from an old code page (TCVN3, VNI, Windows-1258) to UTF-8 before exporting; see whether the file was cut short.",
            ],
        ),
        WrongEncoding::Declared => (
            "XML_ENCODING_DECLARED",
            ["Khai báo XML ghi bảng mã khác UTF-8.", "The XML declaration names an encoding other than UTF-8."],
            [
                "Ghi encoding=\"utf-8\" (StringWriter của .NET tự ghi utf-16: hãy ghi qua luồng UTF-8).",
                "Write encoding=\"utf-8\" (.NET's StringWriter writes utf-16 by itself: write through a UTF-8 stream).",
            ],
        ),
    }
}

/// Shared by the faults that an unescaped `<` in a value shows itself as.
const ESCAPE_LESS_THAN: [&str; 2] = [
    "Nếu trong dữ liệu có dấu nhỏ hơn, hãy viết < thành &lt;. Nếu không, kiểm tra lại tên và cặp thẻ ở đây.",
    "If the data holds a less-than sign, escape < as &lt;. If not, check the name and the pair of tags here.",
];

const REMOVE_PROLOGUE: [&str; 2] = [
    "Đặt khai báo <?xml …?> một lần duy nhất, ngay ký tự đầu tiên của tệp.",
    "Write the declaration <?xml …?> once, as the very first characters of the file.",
];

fn ill_formed(kind: IllFormed) -> Row {
    match kind {
        IllFormed::Declaration => (
            "XML_DECLARATION",
            ["Khai báo XML sai cú pháp.", "The XML declaration is malformed."],
            [
                "Viết đúng: <?xml version=\"1.0\" encoding=\"utf-8\"?>",
                "Write exactly: <?xml version=\"1.0\" encoding=\"utf-8\"?>",
            ],
        ),
        IllFormed::DeclarationNotFirst => (
            "XML_DECLARATION_NOT_FIRST",
            ["Khai báo XML không đứng đầu tệp.", "The XML declaration is not at the start of the file."],
            REMOVE_PROLOGUE,
        ),
        IllFormed::Character => (
            "XML_CHARACTER",
            ["Có ký tự điều khiển mà XML cấm.", "There is a control character that XML forbids."],
            [
                "Bỏ ký tự điều khiển khỏi dữ liệu (thường do máy xét nghiệm gửi sang).",
                "Take the control character out of the data (laboratory machines often send them).",
            ],
        ),
        IllFormed::CharacterReference => (
            "XML_CHARACTER_REFERENCE",
            [
                "Tham chiếu ký tự (&#…;) sai hoặc chỉ tới ký tự bị cấm.",
                "A character reference (&#…;) is malformed or names a forbidden character.",
            ],
            ["Viết thẳng ký tự bằng UTF-8.", "Write the character itself in UTF-8."],
        ),
        IllFormed::Ampersand => (
            "XML_AMPERSAND",
            ["Dấu & chưa được thay thế.", "An ampersand is not escaped."],
            ["Viết & thành &amp; và < thành &lt;.", "Escape & as &amp; and < as &lt;."],
        ),
        IllFormed::Name => (
            "XML_NAME",
            ["Sau dấu < không phải là tên thẻ hợp lệ.", "What follows < is not a right element or attribute name."],
            ESCAPE_LESS_THAN,
        ),
        IllFormed::Attribute => (
            "XML_ATTRIBUTE",
            ["Thuộc tính sai cú pháp.", "An attribute is malformed."],
            [
                "Viết thuộc tính dạng ten=\"giá trị\", cách nhau một dấu cách. Nếu đây là dữ liệu, hãy viết < thành &lt;.",
                "Write attributes as name=\"value\" with a blank before each. If this is data, escape < as &lt;.",
            ],
        ),
        IllFormed::AttributeTwice => (
            "XML_ATTRIBUTE_TWICE",
            ["Một thuộc tính được ghi hai lần.", "One attribute is written twice."],
            ["Bỏ một trong hai.", "Remove one of the two."],
        ),
        IllFormed::LessThanInAttribute => (
            "XML_LESS_THAN_IN_ATTRIBUTE",
            ["Có dấu < trong giá trị thuộc tính.", "There is a < within an attribute value."],
            ["Viết < thành &lt;.", "Escape < as &lt;."],
        ),
        IllFormed::EndTag => (
            "XML_END_TAG",
            ["Thẻ đóng không khớp với thẻ mở gần nhất.", "An end tag does not match the element that is open."],
            ESCAPE_LESS_THAN,
        ),
        IllFormed::UnclosedElement => (
            "XML_UNCLOSED_ELEMENT",
            ["Tệp kết thúc khi còn thẻ chưa đóng.", "The file ends while an element is still open."],
            [
                "Kiểm tra tệp có bị cắt cụt không; xuất lại nếu cần.",
                "See whether the file was cut short; export it again if so.",
            ],
        ),
        IllFormed::UnclosedMarkup => (
            "XML_UNCLOSED_MARKUP",
            ["Thẻ hoặc chú thích bắt đầu ở đây không kết thúc.", "The tag or comment that begins here never ends."],
            ESCAPE_LESS_THAN,
        ),
        IllFormed::CdataEnd => (
            "XML_CDATA_END",
            ["Có chuỗi ]]> trong nội dung.", "The text holds ]]>."],
            ["Viết > thành &gt;.", "Escape > as &gt;."],
        ),
        IllFormed::Comment => (
            "XML_COMMENT",
            ["Có hai dấu gạch liền nhau trong chú thích.", "A comment holds two hyphens in a row."],
            ["Bỏ chú thích hoặc tách hai dấu gạch.", "Remove the comment or part the hyphens."],
        ),
        IllFormed::ProcessingInstruction => (
            "XML_PROCESSING_INSTRUCTION",
            ["Chỉ thị xử lý <?…?> sai.", "A processing instruction <?…?> is wrong."],
            ["Bỏ chỉ thị này.", "Remove it."],
        ),
        IllFormed::Markup => (
            "XML_MARKUP",
            ["Sau <! không phải là chú thích hay CDATA.", "What follows <! is neither a comment nor a CDATA section."],
            ESCAPE_LESS_THAN,
        ),
        IllFormed::TextOutsideRoot => (
            "XML_TEXT_OUTSIDE_ROOT",
            ["Có chữ nằm ngoài phần tử gốc.", "There is text outside the root element."],
            ["Bỏ phần chữ trước hoặc sau phần tử gốc.", "Remove the text before or after the root element."],
        ),
        IllFormed::SecondRoot => (
            "XML_SECOND_ROOT",
            ["Tệp có hơn một phần tử gốc.", "The file has more than one root element."],
            ["Gửi mỗi tài liệu thành một tệp riêng.", "Send each document as a file of its own."],
        ),
        IllFormed::UnboundPrefix => (
            "XML_UNBOUND_PREFIX",
            ["Tiền tố không gian tên chưa được khai báo.", "A namespace prefix is not declared."],
            ["Khai báo xmlns cho tiền tố hoặc bỏ tiền tố.", "Declare the prefix with xmlns, or drop it."],
        ),
        IllFormed::NamespaceDeclaration => (
            "XML_NAMESPACE_DECLARATION",
            ["Khai báo không gian tên (xmlns) sai quy tắc.", "A namespace declaration (xmlns) is against the rules."],
            [
                "Chỉ khai báo những không gian tên mà mẫu của BHXH có.",
                "Declare only the namespaces that the portal's template has.",
            ],
        ),
    }
}

fn forbidden(kind: Forbidden) -> Row {
    match kind {
        Forbidden::Doctype => (
            "XML_DOCTYPE",
            ["Tệp có khai báo DOCTYPE.", "The file has a DOCTYPE declaration."],
            ["Bỏ khai báo DOCTYPE.", "Remove the DOCTYPE declaration."],
        ),
        Forbidden::Entity => (
            "XML_ENTITY",
            ["Thực thể không được hỗ trợ (như &nbsp;).", "An unknown entity is used (such as &nbsp;)."],
            [
                "Chỉ dùng &lt; &gt; &amp; &quot; &apos;; viết & thành &amp;.",
                "Use only &lt; &gt; &amp; &quot; &apos;; escape & as &amp;.",
            ],
        ),
    }
}

fn beyond_limit(kind: BeyondLimit) -> Row {
    match kind {
        BeyondLimit::Depth => (
            "XML_TOO_DEEP",
            ["Các thẻ lồng nhau quá sâu.", "Elements are nested too deeply."],
            ["Kiểm tra phần mềm xuất tệp.", "Check the program that writes the file."],
        ),
        BeyondLimit::Attributes => (
            "XML_TOO_MANY_ATTRIBUTES",
            ["Một thẻ có quá nhiều thuộc tính.", "An element has too many attributes."],
            ["Kiểm tra phần mềm xuất tệp.", "Check the program that writes the file."],
        ),
        BeyondLimit::Tag => (
            "XML_TAG_TOO_LONG",
            ["Một thẻ mở quá dài.", "A start tag is too long."],
            [
                "Kiểm tra phần mềm xuất tệp; dữ liệu đặt trong nội dung thẻ, không đặt trong thuộc tính.",
                "Check the program that writes the file; data stand in elements, not in attributes.",
            ],
        ),
    }
}
