//! Dates as papers carry them: a whole day, or only a month, or only a year.

use jiff::civil::Date;

/// How much of a [`PartialDate`] is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Day, month and year.
    Day,
    /// Month and year.
    Month,
    /// The year alone, as on cards of people whose day of birth was never recorded.
    Year,
}

/// A calendar date between 1800 and 2199 that keeps how much of it is known.
///
/// `Debug` shows only the precision: most of these are birth dates.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartialDate {
    year: i16,
    month: u8,
    day: u8,
    precision: Precision,
}

/// The text was in none of the accepted forms, or names a day that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date: write dd/MM/yyyy, MM/yyyy, yyyy or yyyy-MM-dd")]
pub struct NotADate;

impl PartialDate {
    /// Reads `dd/MM/yyyy` (also `d/M/yyyy`), `ddMMyyyy`, `MM/yyyy`, `MMyyyy`, `yyyy`, `yyyy-MM-dd` and `yyyy-MM`:
    /// every form seen on cards, in QR codes and in calls of hospital systems (`formats/qr.md`, section 7).
    pub fn parse(text: &str) -> Result<Self, NotADate> {
        let text = text.trim();
        let number = |part: &str, most: usize| -> Result<i16, NotADate> {
            if part.is_empty() || part.len() > most || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(NotADate);
            }
            part.parse().map_err(|_| NotADate)
        };
        let year = |part: &str| if part.len() == 4 { number(part, 4) } else { Err(NotADate) };
        if text.contains('/') {
            let mut parts = text.split('/');
            return match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(d), Some(m), Some(y), None) => Self::day(year(y)?, number(m, 2)?, number(d, 2)?),
                (Some(m), Some(y), None, None) => Self::month(year(y)?, number(m, 2)?),
                _ => Err(NotADate),
            };
        }
        if text.contains('-') {
            let mut parts = text.split('-');
            return match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(y), Some(m), Some(d), None) => Self::day(year(y)?, number(m, 2)?, number(d, 2)?),
                (Some(y), Some(m), None, None) => Self::month(year(y)?, number(m, 2)?),
                _ => Err(NotADate),
            };
        }
        let digits = |from: usize, to: usize| text.get(from..to).ok_or(NotADate);
        match text.len() {
            8 => Self::day(year(digits(4, 8)?)?, number(digits(2, 4)?, 2)?, number(digits(0, 2)?, 2)?),
            6 => Self::month(year(digits(2, 6)?)?, number(digits(0, 2)?, 2)?),
            4 => Self::year(year(text)?),
            _ => Err(NotADate),
        }
    }

    /// Reads the `yyyyMMdd…` forms of the XML tables, in which unknown months and days are zeros
    /// (`formats/envelope.md`, "How to read the tables"). Digits after the eighth (a time) are ignored.
    pub fn parse_table(text: &str) -> Result<Self, NotADate> {
        if !matches!(text.len(), 4 | 8 | 12 | 14) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotADate);
        }
        let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i16>().ok());
        let year = number(0, 4).ok_or(NotADate)?;
        match (number(4, 6).unwrap_or(0), number(6, 8).unwrap_or(0)) {
            (0, 0) => Self::year(year),
            (month, 0) => Self::month(year, month),
            (month, day) => Self::day(year, month, day),
        }
    }

    fn year(year: i16) -> Result<Self, NotADate> {
        if !(1800..2200).contains(&year) {
            return Err(NotADate);
        }
        Ok(Self { year, month: 1, day: 1, precision: Precision::Year })
    }

    fn month(year: i16, month: i16) -> Result<Self, NotADate> {
        let whole = Self::day(year, month, 1)?;
        Ok(Self { precision: Precision::Month, ..whole })
    }

    fn day(year: i16, month: i16, day: i16) -> Result<Self, NotADate> {
        Self::year(year)?;
        let (month, day) = (i8::try_from(month).map_err(|_| NotADate)?, i8::try_from(day).map_err(|_| NotADate)?);
        Ok(Self::from(Date::new(year, month, day).map_err(|_| NotADate)?))
    }

    /// How much is known.
    pub fn precision(self) -> Precision {
        self.precision
    }

    /// The year.
    pub fn calendar_year(self) -> i16 {
        self.year
    }

    /// The whole date, where the day is known.
    pub fn whole(self) -> Option<Date> {
        (self.precision == Precision::Day).then(|| self.earliest())
    }

    /// The first day this date can mean.
    pub fn earliest(self) -> Date {
        // The fields were checked when the value was made, so `new` cannot fail; the fallback keeps this total.
        Date::new(self.year, self.month as i8, self.day as i8).unwrap_or(Date::MIN)
    }

    /// Whether the two can be the same day, as far as the less precise of them tells.
    pub fn agrees_with(self, other: Self) -> bool {
        let month = |date: Self| date.precision != Precision::Year;
        let day = |date: Self| date.precision == Precision::Day;
        self.year == other.year
            && (!(month(self) && month(other)) || self.month == other.month)
            && (!(day(self) && day(other)) || self.day == other.day)
    }

    /// The form the portal reads: `dd/MM/yyyy`, `MM/yyyy` or `yyyy` (`portal-api.md`, section 2.1).
    pub fn portal(self) -> String {
        let Self { year, month, day, .. } = self;
        match self.precision {
            Precision::Day => format!("{day:02}/{month:02}/{year:04}"),
            Precision::Month => format!("{month:02}/{year:04}"),
            Precision::Year => format!("{year:04}"),
        }
    }

    /// The ISO 8601 form: `yyyy-MM-dd`, `yyyy-MM` or `yyyy`.
    pub fn iso(self) -> String {
        let Self { year, month, day, .. } = self;
        match self.precision {
            Precision::Day => format!("{year:04}-{month:02}-{day:02}"),
            Precision::Month => format!("{year:04}-{month:02}"),
            Precision::Year => format!("{year:04}"),
        }
    }
}

impl From<Date> for PartialDate {
    fn from(date: Date) -> Self {
        Self { year: date.year(), month: date.month() as u8, day: date.day() as u8, precision: Precision::Day }
    }
}

impl std::fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartialDate({:?})", self.precision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_form_is_read() {
        for (text, iso) in [
            ("05/03/1994", "1994-03-05"),
            ("5/3/1994", "1994-03-05"),
            ("05031994", "1994-03-05"),
            ("03/1994", "1994-03"),
            ("031994", "1994-03"),
            ("1994", "1994"),
            ("1994-03-05", "1994-03-05"),
            ("1994-03", "1994-03"),
            (" 29/02/2024 ", "2024-02-29"),
        ] {
            assert_eq!(PartialDate::parse(text).map(PartialDate::iso).as_deref(), Ok(iso), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "31/02/2024",
            "29/02/2023",
            "1/1",
            "00/00/1994",
            "13/1994",
            "1",
            "19940305x",
            "05/03/94",
            "05-03-1994",
            "5/3/1994/1",
            "٠٥٠٣١٩٩٤",
            "1799",
            "2200",
            "+1/01/2000",
        ] {
            assert_eq!(PartialDate::parse(text), Err(NotADate), "{text}");
        }
    }

    #[test]
    fn table_forms_keep_unknown_parts_unknown() {
        for (text, iso) in
            [("199400000000", "1994"), ("199403000000", "1994-03"), ("19940305", "1994-03-05"), ("1994", "1994")]
        {
            assert_eq!(PartialDate::parse_table(text).map(PartialDate::iso).as_deref(), Ok(iso), "{text}");
        }
        assert_eq!(PartialDate::parse_table("19941332"), Err(NotADate));
    }

    #[test]
    fn dates_agree_by_the_less_precise_one() {
        let agree = |one, other| PartialDate::parse(one).unwrap().agrees_with(PartialDate::parse(other).unwrap());
        for (one, other) in [("05/03/1994", "1994-03-05"), ("1994", "05/03/1994"), ("03/1994", "1994")] {
            assert!(agree(one, other) && agree(other, one), "{one} {other}");
        }
        for (one, other) in [("05/03/1994", "06/03/1994"), ("04/1994", "05/03/1994"), ("1995", "03/1994")] {
            assert!(!agree(one, other) && !agree(other, one), "{one} {other}");
        }
    }

    #[test]
    fn debug_tells_nothing_of_the_date() {
        assert_eq!(format!("{:?}", PartialDate::parse("05/03/1994")), "Ok(PartialDate(Day))");
    }
}
