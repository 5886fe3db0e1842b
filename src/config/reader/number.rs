//! Numbers with a range and a unit.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::Section;
use crate::domain::Bilingual;

impl Section<'_> {
    /// A whole number within `range`.
    pub(in crate::config) fn whole_number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        self.whole_number_if_any(key, range).unwrap_or(default)
    }

    /// A whole number within `range`, if it is there.
    pub(in crate::config) fn whole_number_if_any(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(key, "một số nguyên, không ngoặc kép", "a whole number, without quotes");
            return None;
        };
        // A number below zero or beyond 64 bits is outside every range.
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|it| range.contains(it));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.fault(
                key,
                "config.out_of_range",
                Bilingual::composed(format!("{integer} nằm ngoài giới hạn"), format!("{integer} is out of range")),
                Bilingual::composed(
                    format!("Viết số từ {least} đến {most}."),
                    format!("Write a number from {least} to {most}."),
                ),
            );
        }
        number
    }

    /// A number of things within `range`.
    pub(in crate::config) fn count(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> usize {
        usize::try_from(self.whole_number(key, range, default)).unwrap_or(usize::MAX)
    }

    /// A small number of things within `range`.
    pub(in crate::config) fn count_u32(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u32 {
        u32::try_from(self.whole_number(key, range, default)).unwrap_or(u32::MAX)
    }

    /// A span in seconds.
    pub(in crate::config) fn seconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Duration {
        Duration::from_secs(self.whole_number(key, range, default))
    }

    /// A span in hours.
    pub(in crate::config) fn hours(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> Duration {
        Duration::from_secs(3_600 * self.whole_number(key, range, default))
    }

    /// A span in milliseconds.
    pub(in crate::config) fn milliseconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Duration {
        Duration::from_millis(self.whole_number(key, range, default))
    }
}
