//! One row of a list, from cells to a question. Everything wrong with a row is told at once; a value is never repeated.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::batch::Row;
use crate::batch::row::Question;
use crate::document::shown::both;
use crate::domain::{Bilingual, CardSubject, NationalId, PartialDate, PersonName};

/// What a list says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Reference,
    Subject,
    Name,
    Birth,
    Visit,
}

/// A value as the file has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Cell {
    #[default]
    Empty,
    Text(String),
    /// A text of a file that programs write which take digits for a number and drop zeros.
    Doubtful(String),
    Number(f64),
    Date(Date),
    /// A text longer than any value of a list; it is not kept.
    Long,
    /// Neither text nor number nor date.
    Other,
}

/// A row as the file has it.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Its number in the file, from 1.
    pub(super) number: u32,
    values: [Cell; 5],
    /// Which of the file's columns each value came from, by its letters.
    places: [Option<String>; 5],
    /// Faults found before the values were looked at.
    faults: Vec<(Option<Column>, Wrong)>,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Missing,
    NotText,
    CardNumber,
    LostZeros,
    PersonName,
    Date,
    TooLong,
    UnknownField,
    MemberTwice,
    NotAnObject,
}

/// The faults of a whole list: as many as a person can use, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) listed: Vec<Value>,
    pub(super) count: usize,
}

/// Faults that are listed. Whoever mends two hundred has seen the pattern; the rest are counted.
const LISTED_MAX: usize = 200;

/// Characters of a reference; the longest booking number seen has under forty.
const REFERENCE_MAX: usize = 100;

/// Characters of a value that is kept to be shown beside its fault.
const SHOWN_MAX: usize = 100;

impl Column {
    pub(super) const ALL: [Self; 5] = [Self::Reference, Self::Subject, Self::Name, Self::Birth, Self::Visit];

    /// The member of a JSON row.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Reference => "ref",
            Self::Subject => "maThe",
            Self::Name => "hoTen",
            Self::Birth => "ngaySinh",
            Self::Visit => "ngayKham",
        }
    }

    /// Without these no row can be asked.
    pub(super) fn is_needed(self) -> bool {
        matches!(self, Self::Subject | Self::Name | Self::Birth)
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Cell {
    fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) | Self::Doubtful(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// The value as somebody would read it.
    fn shown(&self) -> String {
        let text = match self {
            Self::Empty | Self::Long | Self::Other => String::new(),
            Self::Text(text) | Self::Doubtful(text) => text.trim().to_owned(),
            Self::Number(number) => digits(*number).unwrap_or_else(|| number.to_string()),
            Self::Date(date) => date.to_string(),
        };
        text.chars().take(SHOWN_MAX).collect()
    }
}

/// A number without a fraction, as digits.
fn digits(number: f64) -> Option<String> {
    // Beyond this a spreadsheet has lost digits already.
    let is_whole = number.fract() == 0.0 && (0.0..1e15).contains(&number);
    is_whole.then(|| format!("{number:.0}"))
}

impl Cells {
    pub(super) fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Sets a value. Of several columns for one thing (card and national ID, say) the first that is filled counts.
    pub(super) fn set(&mut self, column: Column, value: Cell, place: Option<String>) {
        let index = column.index();
        if let (Some(own), Some(from)) = (self.values.get_mut(index), self.places.get_mut(index))
            && own.is_empty()
        {
            (*own, *from) = (value, place.or(from.take()));
        }
    }

    /// Records a fault of the row itself.
    pub(super) fn wrong(&mut self, column: Option<Column>, wrong: Wrong) {
        // A row of nothing but unknown members tells its story with a few.
        if self.faults.len() < 8 {
            self.faults.push((column, wrong));
        }
    }

    /// Whether the file has nothing there.
    pub(super) fn is_blank(&self) -> bool {
        self.faults.is_empty() && self.values.iter().all(Cell::is_empty)
    }

    fn value(&self, column: Column) -> &Cell {
        self.values.get(column.index()).unwrap_or(&Cell::Empty)
    }

    /// The question, or its faults, which are added to those of the list.
    pub(super) fn read(mut self, faults: &mut Faults) -> Row {
        let birth = self.part(Column::Birth, read_birth);
        let subject = self.part(Column::Subject, |cell| read_subject(cell, birth));
        let name = self.part(Column::Name, read_name);
        let visit = self.part(Column::Visit, read_visit);
        let reference = self.part(Column::Reference, read_reference).unwrap_or_default();
        if self.faults.is_empty()
            && let (Some(subject), Some(name), Some(birth)) = (subject, name, birth)
        {
            return Row::Right(self.number, Question { reference, subject, name, birth, visit });
        }
        for (column, wrong) in &self.faults {
            let place = column.and_then(|column| self.places.get(column.index())?.as_deref());
            faults.add(self.number, *column, place, *wrong);
        }
        let shown = Column::ALL.map(|column| (column.member(), Value::from(self.value(column).shown())));
        let question: serde_json::Map<String, Value> =
            shown.into_iter().map(|(member, value)| (member.to_owned(), value)).collect();
        let brief = |(column, wrong): &(Option<Column>, Wrong)| json!({"truong": column.map_or("", Column::member), "maLoi": wrong.code()});
        let brief: Value = self.faults.iter().map(brief).collect();
        Row::Wrong(self.number, Value::Object(question).to_string(), brief.to_string())
    }

    /// Reads one value; what is wrong with it is recorded.
    fn part<T>(&mut self, column: Column, read: impl FnOnce(&Cell) -> Result<T, Wrong>) -> Option<T> {
        let cell = self.value(column);
        let value = match cell {
            cell if cell.is_empty() && column.is_needed() => Err(Wrong::Missing),
            cell if cell.is_empty() => return None,
            Cell::Other => Err(Wrong::NotText),
            Cell::Long => Err(Wrong::TooLong),
            cell => read(cell),
        };
        value.map_err(|wrong| self.faults.push((Some(column), wrong))).ok()
    }
}

fn read_subject(cell: &Cell, birth: Option<PartialDate>) -> Result<CardSubject, Wrong> {
    let (text, zeros_may_be_lost) = match cell {
        Cell::Text(text) => (text.trim().to_owned(), false),
        Cell::Doubtful(text) => (text.trim().to_owned(), true),
        Cell::Number(number) => (digits(*number).ok_or(Wrong::CardNumber)?, true),
        _ => return Err(Wrong::CardNumber),
    };
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A national ID begins with zeros more often than not, and a spreadsheet drops them. What is left of ten digits may
    // be an insurance number as well: the year of birth tells, and where it does not, the row is not guessed at.
    let short = all_digits && text.len() < 12 && text.len() != 10;
    let like_national_id = zeros_may_be_lost && all_digits && text.len() == 10 && birth_agrees(&text, birth);
    if short || like_national_id {
        return Err(Wrong::LostZeros);
    }
    CardSubject::parse(&text).map_err(|_| Wrong::CardNumber)
}

/// Whether ten digits with two zeros before them are the national ID of somebody born in that year.
fn birth_agrees(ten: &str, birth: Option<PartialDate>) -> bool {
    let id = NationalId::parse(&format!("00{ten}"));
    id.is_ok_and(|id| birth.is_none_or(|birth| id.birth_year() == birth.calendar_year()))
}

fn read_name(cell: &Cell) -> Result<PersonName, Wrong> {
    match cell {
        Cell::Text(text) | Cell::Doubtful(text) => PersonName::parse(text).map_err(|_| Wrong::PersonName),
        _ => Err(Wrong::PersonName),
    }
}

fn read_birth(cell: &Cell) -> Result<PartialDate, Wrong> {
    match cell {
        Cell::Date(date) => Ok(PartialDate::from(*date)),
        Cell::Number(number) => {
            let digits = digits(*number).ok_or(Wrong::Date)?;
            // Seven digits are a day whose zero was dropped, and nothing else. Five may be a spreadsheet's count of days.
            let text = if digits.len() == 7 { format!("0{digits}") } else { digits };
            PartialDate::parse(&text).map_err(|_| Wrong::Date)
        }
        Cell::Text(text) | Cell::Doubtful(text) => PartialDate::parse(&plain_date(text)).map_err(|_| Wrong::Date),
        Cell::Empty | Cell::Long | Cell::Other => Err(Wrong::Date),
    }
}

fn read_visit(cell: &Cell) -> Result<Date, Wrong> {
    read_birth(cell)?.whole().ok_or(Wrong::Date)
}

fn read_reference(cell: &Cell) -> Result<String, Wrong> {
    let text = match cell {
        Cell::Text(text) | Cell::Doubtful(text) => text.trim().to_owned(),
        other => other.shown(),
    };
    if text.chars().count() > REFERENCE_MAX { Err(Wrong::TooLong) } else { Ok(text) }
}

/// A day without the time that many programs write after it, and with the strokes that the domain reads.
pub(super) fn plain_date(text: &str) -> String {
    let day = text.trim().split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split(['-', '.']).collect();
    match parts.as_slice() {
        [day, month, year] if year.len() == 4 => format!("{day}/{month}/{year}"),
        _ => day.to_owned(),
    }
}

impl Wrong {
    const ALL: [Self; 10] = [
        Self::Missing,
        Self::NotText,
        Self::CardNumber,
        Self::LostZeros,
        Self::PersonName,
        Self::Date,
        Self::TooLong,
        Self::UnknownField,
        Self::MemberTwice,
        Self::NotAnObject,
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::NotText => "NOT_TEXT",
            Self::CardNumber => "CARD_NUMBER",
            Self::LostZeros => "LOST_ZEROS",
            Self::PersonName => "PERSON_NAME",
            Self::Date => "DATE",
            Self::TooLong => "TOO_LONG",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::MemberTwice => "MEMBER_TWICE",
            Self::NotAnObject => "NOT_AN_OBJECT",
        }
    }

    pub(super) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wrong| wrong.code() == code)
    }

    pub(super) fn message(self) -> Bilingual {
        let (vi, en) = match self {
            Self::Missing => ("Thiếu giá trị bắt buộc", "A required value is missing"),
            Self::NotText => ("Giá trị phải là chuỗi ký tự", "The value must be text"),
            Self::CardNumber => (
                "Số thẻ, số CCCD hoặc mã số BHXH sai cấu trúc",
                "The number is no card number, national ID or social-insurance number",
            ),
            Self::LostZeros => ("Số có vẻ đã mất số 0 ở đầu", "The number seems to have lost its leading zeros"),
            Self::PersonName => ("Họ tên không hợp lệ", "The name is not valid"),
            Self::Date => ("Ngày không hợp lệ", "The date is not valid"),
            Self::TooLong => ("Giá trị quá dài", "The value is too long"),
            Self::UnknownField => ("Dòng có trường không biết", "The row has an unknown field"),
            Self::MemberTwice => ("Trường này có hai lần trong một dòng", "The row has this field twice"),
            Self::NotAnObject => ("Dòng phải là một đối tượng JSON", "The row must be a JSON object"),
        };
        Bilingual::fixed(vi, en)
    }

    pub(super) fn cure(self) -> Bilingual {
        let (vi, en) = match self {
            Self::Missing => ("Bổ sung giá trị.", "Fill it in."),
            Self::NotText => {
                ("Ghi dạng chuỗi; giữ số 0 ở đầu.", "Write it as text, in quotes in JSON; keep leading zeros.")
            }
            Self::CardNumber => (
                "Nhập 12 số CCCD, 15 ký tự số thẻ hoặc 10 số mã BHXH.",
                "Type 12 digits of the national ID, 15 characters of the card, or 10 digits of the insurance number.",
            ),
            Self::LostZeros => (
                "Định dạng cột là Văn bản (Text) rồi nhập lại đủ 12 số theo giấy tờ.",
                "Format the column as Text and type all 12 digits from the papers.",
            ),
            Self::PersonName => (
                "Nhập họ tên như trên giấy tờ, không có số hay ký hiệu.",
                "Type the name as on the papers, without digits or signs.",
            ),
            Self::Date => (
                "Viết dd/MM/yyyy hoặc yyyy-MM-dd; ngày sinh có thể chỉ có MM/yyyy hoặc yyyy.",
                "Write dd/MM/yyyy or yyyy-MM-dd; of a birth date MM/yyyy or yyyy will do.",
            ),
            Self::TooLong => ("Rút ngắn lại.", "Make it shorter."),
            Self::UnknownField => (
                "Các trường: ref, maThe, hoTen, ngaySinh, ngayKham.",
                "The fields are ref, maThe, hoTen, ngaySinh, ngayKham.",
            ),
            Self::MemberTwice => ("Chỉ giữ một.", "Keep one."),
            Self::NotAnObject => ("Sửa cấu trúc.", "Put the structure right."),
        };
        Bilingual::fixed(vi, en)
    }

    /// The fault as JSON, in both languages; the answer's writer chooses.
    pub(super) fn told(self, field: &str) -> Value {
        json!({
            "truong": field,
            "maLoi": self.code(),
            "mucDo": "error",
            "thongBao": both(&self.message()),
            "goiY": both(&self.cure()),
        })
    }
}

impl Faults {
    fn add(&mut self, row: u32, column: Option<Column>, place: Option<&str>, wrong: Wrong) {
        self.count += 1;
        if self.listed.len() >= LISTED_MAX {
            return;
        }
        let mut told = wrong.told(column.map_or("", Column::member));
        if let Some(members) = told.as_object_mut() {
            members.insert("dong".into(), row.into());
            if let Some(place) = place {
                members.insert("cot".into(), place.into());
            }
        }
        self.listed.push(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(subject: Cell, name: &str, birth: Cell) -> Cells {
        let mut cells = Cells::new(7);
        cells.set(Column::Subject, subject, Some("B".into()));
        cells.set(Column::Name, Cell::Text(name.into()), Some("C".into()));
        cells.set(Column::Birth, birth, Some("D".into()));
        cells
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[track_caller]
    fn right(cells: Cells) -> Question {
        let mut faults = Faults::default();
        match cells.read(&mut faults) {
            Row::Right(7, question) => question,
            _ => panic!("{:?}", faults.listed),
        }
    }

    #[track_caller]
    fn wrong(cells: Cells) -> Vec<(String, String)> {
        let mut faults = Faults::default();
        assert!(matches!(cells.read(&mut faults), Row::Wrong(7, ..)));
        let member = |fault: &Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
        faults.listed.iter().map(|fault| (member(fault, "cot"), member(fault, "maLoi"))).collect()
    }

    #[test]
    fn dates_are_read_in_every_form_a_list_has() {
        for (cell, iso) in [
            (text("05/03/1985"), "1985-03-05"),
            (text(" 5-3-1985 "), "1985-03-05"),
            (text("05.03.1985"), "1985-03-05"),
            (text("05/03/1985 00:00:00"), "1985-03-05"),
            (text("1985-03-05T00:00:00"), "1985-03-05"),
            (text("1985"), "1985"),
            (Cell::Number(1985.0), "1985"),
            (Cell::Number(5_031_985.0), "1985-03-05"),
            (Cell::Number(25_031_985.0), "1985-03-25"),
            (Cell::Date("1985-03-05".parse().unwrap()), "1985-03-05"),
        ] {
            let question = right(row(text("001185012345"), "Lê Thị Mẫu", cell.clone()));
            assert_eq!(question.birth.iso(), iso, "{cell:?}");
        }
        for cell in [text("31/02/1985"), text("x"), Cell::Number(31_111.0), Cell::Number(0.5), Cell::Number(-1.0)] {
            assert_eq!(wrong(row(text("001185012345"), "A", cell)), [("D".into(), "DATE".into())]);
        }
    }

    #[test]
    fn zeros_that_were_lost_are_told_and_never_guessed() {
        let birth = || text("1985");
        let lost = [("B".to_owned(), "LOST_ZEROS".to_owned())];
        // 001185012345 and 024185012345 as numbers, and as a spreadsheet writes them into CSV.
        for cell in [
            Cell::Number(1_185_012_345.0),
            Cell::Doubtful("1185012345".into()),
            Cell::Number(24_185_012_345.0),
            Cell::Doubtful("24185012345".into()),
            text("24185012345"),
            Cell::Number(12_345.0),
        ] {
            assert_eq!(wrong(row(cell.clone(), "A", birth())), lost, "{cell:?}");
        }
        // Ten digits typed as text, or which no national ID of that year ends with, are an insurance number.
        for cell in [text("1185012345"), Cell::Number(7_912_345_678.0), Cell::Doubtful("0118501234".into())] {
            let question = right(row(cell.clone(), "A", birth()));
            assert!(matches!(question.subject, CardSubject::SocialInsuranceNumber(_)), "{cell:?}");
        }
        let other_year = right(row(Cell::Number(1_185_012_345.0), "A", text("1990")));
        assert!(matches!(other_year.subject, CardSubject::SocialInsuranceNumber(_)));
        let whole = right(row(Cell::Number(79_185_012_345.0 + 1e11), "A", birth()));
        assert_eq!(whole.subject.as_str(), "179185012345");
    }

    #[test]
    fn everything_wrong_with_a_row_is_told_at_once() {
        let mut cells = row(Cell::Other, "A1", Cell::Empty);
        cells.set(Column::Visit, text("2026"), None);
        cells.set(Column::Reference, text(&"x".repeat(101)), Some("A".into()));
        let codes: Vec<String> = wrong(cells).into_iter().map(|(place, code)| format!("{place}:{code}")).collect();
        assert_eq!(codes, ["D:MISSING", "B:NOT_TEXT", "C:PERSON_NAME", ":DATE", "A:TOO_LONG"]);
    }

    #[test]
    fn the_first_filled_of_several_columns_counts() {
        let mut cells = row(text(" "), "A", text("1985"));
        cells.set(Column::Subject, text("GD4010199999991"), Some("E".into()));
        cells.set(Column::Subject, text("001185012345"), Some("F".into()));
        assert_eq!(right(cells).subject.as_str(), "GD4010199999991");
    }

    #[test]
    fn the_list_of_faults_is_bounded_and_counted() {
        let mut faults = Faults::default();
        for _ in 0..300 {
            assert!(matches!(row(Cell::Empty, "", Cell::Empty).read(&mut faults), Row::Wrong(..)));
        }
        assert_eq!((faults.listed.len(), faults.count), (LISTED_MAX, 900));
        for wrong in Wrong::ALL {
            assert_eq!(Wrong::of(wrong.code()), Some(wrong));
        }
    }
}
