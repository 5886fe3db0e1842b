//! Days and times as the tables write them, compared over the digits both have.

use std::cmp::Ordering;

use jiff::civil::Date;

/// `yyyyMMdd`, `yyyyMMddHHmm` or `yyyyMMddHHmmss`; `dd/MM/yyyy` is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Moment {
    digits: [u8; 14],
    length: usize,
}

impl Moment {
    /// Reads one; `None` for anything else, which the schema reports. Whether the day exists is the schema's as well.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii().as_bytes();
        let mut digits = [b'0'; 14];
        match text {
            [d1, d2, b'/', m1, m2, b'/', y1, y2, y3, y4] => {
                digits = [*y1, *y2, *y3, *y4, *m1, *m2, *d1, *d2, b'0', b'0', b'0', b'0', b'0', b'0'];
            }
            _ if matches!(text.len(), 8 | 12 | 14) => digits.get_mut(..text.len())?.copy_from_slice(text),
            _ => return None,
        }
        let length = if text.len() == 10 { 8 } else { text.len() };
        digits.iter().all(u8::is_ascii_digit).then_some(Self { digits, length })
    }

    /// Over the digits both have.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let length = self.length.min(other.length);
        self.digits.iter().take(length).cmp(other.digits.iter().take(length))
    }

    pub(super) fn same_day(&self, other: &Self) -> bool {
        self.digits.iter().take(8).eq(other.digits.iter().take(8))
    }

    /// The day as yyyymmdd.
    pub(super) fn day_number(&self) -> u32 {
        self.number(0, 8)
    }

    /// Whether it is a real day between 1900 and 2100.
    pub(super) fn is_of_our_time(&self) -> bool {
        self.date().is_some_and(|date| (1900..=2100).contains(&date.year())) && self.number(8, 10) < 24
    }

    /// The calendar day; `None` if it does not exist.
    pub(super) fn date(&self) -> Option<Date> {
        let part = |from, to| i16::try_from(self.number(from, to)).ok();
        let (month, day) = (i8::try_from(part(4, 6)?).ok()?, i8::try_from(part(6, 8)?).ok()?);
        Date::new(part(0, 4)?, month, day).ok()
    }

    /// Minutes since the day began; `None` if no time is given.
    pub(super) fn minutes(&self) -> Option<u32> {
        (self.length >= 12).then(|| self.number(8, 10) * 60 + self.number(10, 12))
    }

    fn number(&self, from: usize, to: usize) -> u32 {
        let digits = self.digits.get(from..to).unwrap_or_default();
        digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    }
}

/// Minutes from one moment to another; `None` if one has no time or names no real day.
pub(super) fn minutes_between(from: &Moment, to: &Moment) -> Option<i64> {
    let days = days_between(from, to)?;
    Some(days * 24 * 60 + i64::from(to.minutes()?) - i64::from(from.minutes()?))
}

/// Days from one day to another; `None` if one does not exist.
pub(super) fn days_between(from: &Moment, to: &Moment) -> Option<i64> {
    let span = from.date()?.until(to.date()?).ok()?;
    Some(i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn moments_are_compared_over_the_digits_both_have() {
        assert_eq!(moment("20260316").compare(&moment("202603160810")), Ordering::Equal);
        assert_eq!(moment("202603160809").compare(&moment("20260316081000")), Ordering::Less);
        assert_eq!(moment("17/03/2026").compare(&moment("20260316")), Ordering::Greater);
        for text in ["", "2026", "2026031", "20260316081", "2026-03-16", "1/3/2026", "2026031a"] {
            assert!(Moment::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn days_and_minutes_are_counted() {
        assert_eq!(days_between(&moment("20260228"), &moment("202603010000")), Some(1));
        assert_eq!(minutes_between(&moment("202602282350"), &moment("202603010010")), Some(20));
        assert_eq!(minutes_between(&moment("20260228"), &moment("202603010010")), None);
        assert_eq!(days_between(&moment("20260230"), &moment("20260301")), None);
    }
}
