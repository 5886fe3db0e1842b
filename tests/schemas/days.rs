//! The patterns of dates take the days there are and no others: the calendar, libxml2 and the checker agree.

use lienthong::document::schema::Schema;

use crate::differential::LIMITS;
use crate::field::Form;
use crate::generate::escape;
use crate::{simple, xmllint};

/// Ordinary and leap years, full centuries of both sorts, and the edges of what four digits can write.
const YEARS: [i16; 14] = [0, 1, 4, 100, 400, 1000, 1900, 1940, 1999, 2000, 2024, 2026, 2100, 9996];

/// Writes a year, month and day.
type Write = fn(i16, i8, i8) -> String;

const FORMS: [(Form, Write); 7] = [
    (Form::Date8, |year, month, day| format!("{year:04}{month:02}{day:02}")),
    (Form::Moment, |year, month, day| format!("{year:04}{month:02}{day:02}2359")),
    (Form::Birth8, |year, month, day| format!("{year:04}{month:02}{day:02}")),
    (Form::DateTime12, |year, month, day| format!("{year:04}{month:02}{day:02}2359")),
    (Form::Birth12, |year, month, day| format!("{year:04}{month:02}{day:02}0000")),
    (Form::DateTime14, |year, month, day| format!("{year:04}{month:02}{day:02}000059")),
    (Form::SlashedDate, |year, month, day| format!("{day:02}/{month:02}/{year:04}")),
];

#[test]
fn the_days_there_are_are_right_and_no_others() {
    let mut cases = 0;
    for (form, write) in FORMS {
        let pattern = simple::simple(&form, true).pattern.unwrap();
        let xsd = format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"r\"><xs:simpleType>\
             <xs:restriction base=\"xs:string\"><xs:pattern value=\"{}\"/></xs:restriction></xs:simpleType>\
             </xs:element></xs:schema>",
            escape(&pattern)
        );
        let days: Vec<(i16, i8, i8)> = YEARS
            .into_iter()
            .flat_map(|year| (0..=13).flat_map(move |month| (0..=32).map(move |day| (year, month, day))))
            // libxml2 takes a file each: the middle of a month tells it nothing.
            .filter(|&(_, _, day)| !(2..=27).contains(&day))
            .collect();
        let documents: Vec<String> =
            days.iter().map(|&(year, month, day)| format!("<r>{}</r>", write(year, month, day))).collect();
        let longer: Vec<String> = documents.iter().step_by(7).map(|document| document.replace("</", "1</")).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &xsd).unwrap();
        let theirs = xmllint::verdicts(file.path(), &documents);
        let compiled = Schema::compile(&xsd).unwrap();
        for ((&(year, month, day), document), theirs) in days.iter().zip(&documents).zip(theirs) {
            let partial = form == Form::Birth12 && year > 0 && month == 0 && day == 0;
            let real = partial || (year > 0 && jiff::civil::Date::new(year, month, day).is_ok());
            assert_eq!(theirs, real, "libxml2 on {document}");
            let ours = compiled.check(document.as_bytes(), LIMITS).unwrap().is_empty();
            assert_eq!(ours, real, "the checker on {document}");
            cases += 1;
        }
        for (document, theirs) in longer.iter().zip(xmllint::verdicts(file.path(), &longer)) {
            assert!(!theirs, "libxml2 on {document}");
            assert!(!compiled.check(document.as_bytes(), LIMITS).unwrap().is_empty(), "the checker on {document}");
        }
    }
    assert!(cases > 6_000, "{cases}");
}
