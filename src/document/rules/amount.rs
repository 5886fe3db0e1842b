//! Money, quantities and rates, exactly: the tables give prices and quantities three decimals, amounts two (rules.csv,
//! FMT-04).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// A number of at most three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Amount {
    thousandths: i64,
}

impl Amount {
    pub(super) const ZERO: Self = Self { thousandths: 0 };
    /// 0.001, the least there is.
    pub(super) const THOUSANDTH: Self = Self { thousandths: 1 };
    /// 0.01.
    pub(super) const CENT: Self = Self { thousandths: 10 };
    /// A hundred, as of percent.
    pub(super) const HUNDRED: Self = Self { thousandths: 100_000 };

    /// A whole number, far below what overflows.
    pub(super) const fn whole(number: i64) -> Self {
        Self { thousandths: number * 1_000 }
    }

    /// Reads digits with at most one point and three decimals; `None` for anything else, which the schema reports.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        // Sixteen digits and three decimals stay far below the greatest `i64`.
        if digits.is_empty() || digits.len() > 17 {
            return None;
        }
        let mut thousandths = 0_i64;
        let mut decimals = None;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    thousandths = thousandths * 10 + i64::from(byte - b'0');
                    if let Some(count) = &mut decimals {
                        *count += 1;
                    }
                }
                b'.' if decimals.is_none() => decimals = Some(0),
                _ => return None,
            }
        }
        for _ in decimals.unwrap_or(0)..3 {
            thousandths = thousandths.checked_mul(10)?;
        }
        let right = decimals.unwrap_or(0) <= 3 && digits.bytes().any(|byte| byte.is_ascii_digit());
        right.then_some(Self { thousandths: if negative { -thousandths } else { thousandths } })
    }

    /// The product of all, each rate counted in percent, rounded to two decimals, halves away from zero. `None` beyond
    /// what the widest field can hold.
    pub(super) fn product(factors: &[Self], rates: &[Self]) -> Option<Self> {
        let mut value = 1_i128;
        // Value counts units of 10^-3 a factor and 10^-5 a rate.
        let mut unit = 1_i128;
        for factor in factors {
            value = value.checked_mul(factor.thousandths.into())?;
            unit = unit.checked_mul(1_000)?;
        }
        for rate in rates {
            value = value.checked_mul(rate.thousandths.into())?;
            unit = unit.checked_mul(100_000)?;
        }
        let hundredths = rounded(value.checked_mul(100)?, unit)?;
        i64::try_from(hundredths.checked_mul(10)?).ok().map(|thousandths| Self { thousandths })
    }

    /// Rounded to two decimals, halves away from zero.
    pub(super) fn rounded(self) -> Self {
        let hundredths = rounded(self.thousandths.into(), 10).and_then(|hundredths| hundredths.checked_mul(10));
        Self { thousandths: hundredths.and_then(|rounded| i64::try_from(rounded).ok()).unwrap_or(self.thousandths) }
    }

    /// Whether both are the same when rounded to two decimals.
    pub(super) fn agrees(self, other: Self) -> bool {
        self == other || self.rounded() == other.rounded()
    }

    /// The number, if it is whole.
    pub(super) fn to_whole(self) -> Option<i64> {
        (self.thousandths % 1_000 == 0).then_some(self.thousandths / 1_000)
    }

    /// Whether the two differ by no more than `tolerance`.
    pub(super) fn is_within(self, other: Self, tolerance: Self) -> bool {
        (self - other).thousandths.saturating_abs() <= tolerance.thousandths
    }

    /// As many times this.
    pub(super) fn times(self, count: i64) -> Self {
        Self { thousandths: self.thousandths.saturating_mul(count) }
    }

    pub(super) fn is_positive(self) -> bool {
        self.thousandths > 0
    }
}

fn rounded(value: i128, unit: i128) -> Option<i128> {
    let half = unit / 2;
    let shifted = if value >= 0 { value.checked_add(half) } else { value.checked_sub(half) };
    shifted.and_then(|shifted| shifted.checked_div(unit))
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { thousandths: self.thousandths.saturating_add(other.thousandths) }
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { thousandths: self.thousandths.saturating_sub(other.thousandths) }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// With two decimals, or three where there are three.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, thousandths) = (if self.thousandths < 0 { "-" } else { "" }, self.thousandths.unsigned_abs());
        let (whole, rest) = (thousandths / 1_000, thousandths % 1_000);
        if rest % 10 == 0 { write!(f, "{sign}{whole}.{:02}", rest / 10) } else { write!(f, "{sign}{whole}.{rest:03}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_read_as_the_tables_write_them() {
        for (text, shown) in [("0", "0.00"), ("12.5", "12.50"), ("-3.004", "-3.004"), (" 7. ", "7.00"), (".5", "0.50")]
        {
            assert_eq!(amount(text).to_string(), shown, "{text}");
        }
        for text in ["", ".", "-", "1,5", "1.2345", "1 000", "1.2.3", "+1", "99999999999999999999"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }

    #[test]
    fn products_are_rounded_once_and_halves_go_up() {
        let product = |factors: &[&str], rates: &[&str]| {
            let amounts = |texts: &[&str]| texts.iter().map(|text| amount(text)).collect::<Vec<_>>();
            Amount::product(&amounts(factors), &amounts(rates)).unwrap().to_string()
        };
        assert_eq!(product(&["3", "0.335"], &[]), "1.01");
        assert_eq!(product(&["1", "0.005"], &[]), "0.01");
        assert_eq!(product(&["-1", "0.005"], &[]), "-0.01");
        assert_eq!(product(&["10", "1234.567"], &["80"]), "9876.54");
        assert_eq!(product(&["1", "100"], &["33", "95"]), "31.35");
        assert_eq!(Amount::product(&[Amount::whole(1 << 50); 4], &[]), None);
    }

    #[test]
    fn amounts_agree_to_two_decimals() {
        assert!(amount("1.004").agrees(amount("1")) && !amount("1.005").agrees(amount("1")));
    }
}
