//! How figures are written: exact, grouped, in UTC, with their currency.

use serde::Serialize;
use tributary_domain::money::{Money, round_half_even};
use tributary_domain::time::Timestamp;

/// An amount as JSON: a decimal text and its currency.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Such as `12.34`.
    pub amount: String,
    /// Such as `EUR`.
    pub currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.decimal(), currency: money.currency.code().to_owned() }
    }
}

/// An amount for people: `1,234,567.89 EUR`.
#[must_use]
pub fn money(money: Money) -> String {
    format!("{} {}", grouped(&money.decimal()), money.currency)
}

/// A count for people: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// Commas between thousands of the whole part of a decimal number.
pub(super) fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("\u{2212}", digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A moment for people, to the second: `2026-01-15 10:00:00 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) if text.ends_with('Z') => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// A part of a whole for people, to a tenth: `12.3 %`. `None` when there is no whole.
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<String> {
    let (part, whole) = (i64::try_from(part).ok()?, i64::try_from(whole).ok().filter(|whole| *whole > 0)?);
    let tenths = round_half_even(part, 1_000, whole);
    Some(format!("{}.{} %", grouped(&(tenths / 10).to_string()), tenths % 10))
}

#[cfg(test)]
mod tests {
    use tributary_domain::money::Currency;

    use super::*;

    #[test]
    fn amounts_keep_every_decimal_of_their_currency() {
        for (minor, currency, expected) in [
            (0, "EUR", "0.00 EUR"),
            (5, "EUR", "0.05 EUR"),
            (123_456_789, "EUR", "1,234,567.89 EUR"),
            (-100_000, "USD", "\u{2212}1,000.00 USD"),
            (1_234_567, "KWD", "1,234.567 KWD"),
            (1, "KWD", "0.001 KWD"),
            (1_234_567, "JPY", "1,234,567 JPY"),
            (i64::MAX, "EUR", "92,233,720,368,547,758.07 EUR"),
            (i64::MIN, "BHD", "\u{2212}9,223,372,036,854,775.808 BHD"),
        ] {
            assert_eq!(money(Money::new(minor, Currency::parse(currency).unwrap())), expected);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")]
        {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn shares_are_rounded_to_a_tenth_and_nothing_has_no_share() {
        for (part, whole, expected) in [
            (1, 3, Some("33.3 %")),
            (0, 5, Some("0.0 %")),
            (7, 5, Some("140.0 %")),
            (5, 0, None),
            (60_000, 1, Some("6,000,000.0 %")),
        ] {
            assert_eq!(share(part, whole).as_deref(), expected);
        }
    }

    #[test]
    fn moments_name_their_zone() {
        assert_eq!(moment(Timestamp(1_768_471_200_123_456)), "2026-01-15 10:00:00 UTC");
        assert_eq!(moment(Timestamp(1_768_471_200_000_000)), "2026-01-15 10:00:00 UTC");
    }
}
