//! The simple types of the XSDs: one for every form and, apart from it, its empty neighbour.

use crate::field::Form;

/// 0001 to 9999: no field knows a year 0000, not even where zeros stand for what is not known. Written without counts:
/// libxml2 2.9.14 loses its place in alternatives with counts, and takes `1940000000001` for 12 digits.
const YEAR: &str = "([0-9][0-9][0-9][1-9]|[0-9][0-9][1-9]0|[0-9][1-9]00|[1-9]000)";
/// The leap years of the Gregorian calendar: those divisible by 4, of the full centuries those by 400.
const LEAP_YEAR: &str = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)";
/// MMdd as every year has it.
const MONTH_AND_DAY: &str = "((0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])(29|30)|(0[13578]|1[02])31)";
/// dd/MM as every year has it.
const DAY_AND_MONTH: &str = "((0[1-9]|1[0-9]|2[0-8])/(0[1-9]|1[0-2])|(29|30)/(0[13-9]|1[0-2])|31/(0[13578]|1[02]))";
const TIME: &str = "([01][0-9]|2[0-3])[0-5][0-9]";

/// The facets of a form. `required` values are not empty.
pub(crate) struct Simple {
    pub(crate) name: String,
    /// What the value must look like, in Vietnamese and English; findings quote it.
    pub(crate) words: [String; 2],
    /// The rule code of a value that breaks the pattern, if it is not the usual one.
    pub(crate) code: Option<&'static str>,
    pub(crate) pattern: Option<String>,
    pub(crate) length_max: Option<u32>,
    pub(crate) length_min: Option<u32>,
    pub(crate) codes: Vec<String>,
}

/// The type of a form.
pub(crate) fn simple(form: &Form, required: bool) -> Simple {
    let (name, pattern, length_max, words) = match form {
        Form::Text(None) => ("text".to_owned(), None, None, ["chữ bất kỳ".to_owned(), "any text".to_owned()]),
        Form::Text(Some(length)) => (
            format!("text-{length}"),
            None,
            Some(*length),
            [format!("chữ, tối đa {length} ký tự"), format!("text of at most {length} characters")],
        ),
        Form::Integer(length) => (
            format!("integer-{length}"),
            Some("[0-9]+".to_owned()),
            Some(*length),
            [format!("số nguyên, tối đa {length} chữ số"), format!("a whole number of at most {length} digits")],
        ),
        Form::Decimal { characters, decimals } => (
            format!("decimal-{characters}-{decimals}"),
            Some(format!("-?[0-9]+(\\.[0-9]{{1,{decimals}}})?")),
            Some(*characters),
            [
                format!("số, dấu thập phân là dấu chấm, tối đa {decimals} chữ số lẻ, {characters} ký tự"),
                format!("a number with a decimal point, at most {decimals} decimals and {characters} characters"),
            ],
        ),
        Form::Date8 => ("date8".to_owned(), Some(day("")), None, date("yyyyMMdd", "20260316")),
        Form::DateTime12 => {
            let pattern = format!("{}{TIME}", day(""));
            ("datetime12".to_owned(), Some(pattern), None, date("yyyyMMddHHmm", "202603160810"))
        }
        Form::Birth12 => {
            let pattern = format!("{}{TIME}", day("0000|"));
            let [vi, en] = date("yyyyMMddHHmm", "198505120000");
            let words = [
                format!("{vi}; tháng ngày hoặc giờ không rõ ghi 0000"),
                format!("{en}; zeros for a month and day or a time not known"),
            ];
            ("birth12".to_owned(), Some(pattern), None, words)
        }
        Form::Moment => {
            let [vi, en] = date("yyyyMMdd", "20260316");
            let words =
                [format!("{vi}; có thể kèm giờ, HHmm hoặc HHmmss"), format!("{en}; a time may follow, HHmm or HHmmss")];
            ("moment".to_owned(), Some(format!("{}({TIME}([0-5][0-9])?)?", day(""))), None, words)
        }
        Form::Birth8 => {
            let [vi, en] = date("yyyyMMdd", "19800101");
            let words = [format!("{vi}; hoặc chỉ năm, dạng yyyy"), format!("{en}; or the year alone, as yyyy")];
            ("birth8".to_owned(), Some(format!("{}|{YEAR}", day(""))), None, words)
        }
        Form::DateTime14 => {
            let words = date("yyyyMMddHHmmss", "20260402053000");
            ("datetime14".to_owned(), Some(format!("{}{TIME}[0-5][0-9]", day(""))), None, words)
        }
        Form::SlashedDate => {
            let pattern = format!("({DAY_AND_MONTH}/{YEAR}|29/02/{LEAP_YEAR})");
            ("slashed-date".to_owned(), Some(pattern), None, date("dd/MM/yyyy", "16/03/2026"))
        }
        Form::OneOf(list, codes) => {
            let codes = codes.join(", ");
            (list.clone(), None, None, [format!("một trong các mã {codes}"), format!("one of the codes {codes}")])
        }
    };
    let codes = if let Form::OneOf(_, codes) = form { codes.clone() } else { Vec::new() };
    let bare = pattern.is_none() && codes.is_empty();
    Simple {
        name: if required { format!("{name}-filled") } else { name },
        words: if required { words } else { or_empty(words, form) },
        code: matches!(form, Form::Integer(_) | Form::Decimal { .. }).then_some("XSD_DIGITS"),
        pattern: pattern.map(|pattern| if required { pattern } else { format!("({pattern})?") }),
        length_max,
        length_min: (required && bare).then_some(1),
        codes: if required || codes.is_empty() { codes } else { std::iter::once(String::new()).chain(codes).collect() },
    }
}

/// The pattern of yyyyMMdd for days there are (FMT-03). `or` goes before what may stand for month and day.
fn day(or: &str) -> String {
    format!("({YEAR}({or}{MONTH_AND_DAY})|{LEAP_YEAR}0229)")
}

fn date(form: &str, example: &str) -> [String; 2] {
    [
        format!("thời điểm có thật, dạng {form}, ví dụ {example}"),
        format!("a real date of the form {form}, such as {example}"),
    ]
}

fn or_empty([vi, en]: [String; 2], form: &Form) -> [String; 2] {
    if matches!(form, Form::Text(_)) {
        [vi, en]
    } else {
        [format!("{vi}; hoặc để trống"), format!("{en}; or empty")]
    }
}
