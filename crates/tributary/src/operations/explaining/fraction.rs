//! Exact shares, to stand beside what they were rounded to.

use std::fmt;

/// A fraction in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    /// `amount * weight / total`; a total of nothing is nothing.
    pub(super) fn of(amount: i64, weight: u64, total: u64) -> Self {
        if total == 0 {
            return Self { numerator: 0, denominator: 1 };
        }
        // 63 and 64 bits multiply to 127.
        let (numerator, denominator) = (i128::from(amount) * i128::from(weight), i128::from(total));
        let common = greatest_common_divisor(numerator.unsigned_abs(), denominator.unsigned_abs());
        let common = i128::try_from(common).unwrap_or(1).max(1);
        Self { numerator: numerator / common, denominator: denominator / common }
    }

    /// The whole number without the fraction, as the split by largest remainder begins: rounded towards nothing.
    pub(super) const fn floor(self) -> i128 {
        self.numerator / self.denominator
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            _ => write!(f, "{}/{}", self.numerator, self.denominator),
        }
    }
}

/// The share rounded down to whole minor units.
pub(super) fn floor(amount: i64, weight: u64, total: u64) -> i64 {
    i64::try_from(Fraction::of(amount, weight, total).floor()).unwrap_or(amount)
}

/// Millionths as per cent, without zeros that say nothing: `12.5`.
pub(super) fn percent(millionths: u32) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A part of a whole for people, rounded to four decimals: `33.3333 %`. What is neither nothing nor all is never told as such.
pub(super) fn percentage(weight: u64, total: u64) -> String {
    let (weight, total) = (u128::from(weight), u128::from(total.max(1)));
    let millionths = (weight * 1_000_000 + total / 2) / total;
    match u32::try_from(millionths).unwrap_or(u32::MAX) {
        0 if weight > 0 => "less than 0.0001 %".to_owned(),
        1_000_000 if weight < total => "more than 99.9999 %".to_owned(),
        millionths => format!("{} %", percent(millionths)),
    }
}

const fn greatest_common_divisor(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_as_percentages_of_at_most_four_decimals() {
        for (weight, total, text) in [
            (1, 2, "50 %"),
            (1, 3, "33.3333 %"),
            (2, 3, "66.6667 %"),
            (36_734_693_900_000_000, 63_265_306_200_000_000, "58.0645 %"),
            (7, 7, "100 %"),
            (0, 7, "0 %"),
            (1, u64::MAX, "less than 0.0001 %"),
            (u64::MAX - 1, u64::MAX, "more than 99.9999 %"),
            (0, 0, "0 %"),
        ] {
            assert_eq!(percentage(weight, total), text, "{weight} of {total}");
        }
    }

    #[test]
    fn shares_are_exact_and_in_lowest_terms() {
        for (amount, weight, total, text, down) in [
            (10_000, 1, 3, "10000/3", 3_333),
            (9_000, 1, 2, "4500", 4_500),
            (1_001, 400_000, 1_000_000, "2002/5", 400),
            (-100, 1, 3, "-100/3", -33),
            (i64::MAX, u64::MAX, u64::MAX, "9223372036854775807", i64::MAX),
            (5, 1, 0, "0", 0),
        ] {
            assert_eq!(Fraction::of(amount, weight, total).to_string(), text);
            assert_eq!(floor(amount, weight, total), down, "{text}");
        }
    }
}
