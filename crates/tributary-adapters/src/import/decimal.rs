//! Exact rounding of decimal texts; no binary fraction comes near them.

use tributary_domain::money::{Currency, LARGEST_MINOR, Money};

/// Most digits of a text, and the largest exponent: more is no amount of money.
const MOST_DIGITS: usize = 60;
const LARGEST_EXPONENT: i64 = 40;

/// Reads a decimal such as `2.4019999999999997` or `1.2e-05` and rounds it once, half to even, to the currency's minor
/// unit. `None` for what is not a plain non-negative number of a payable size.
pub(super) fn rounded_half_even(text: &str, currency: Currency) -> Option<Money> {
    let (mantissa, exponent) = match text.trim().split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (text.trim(), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || whole.len() + fraction.len() > MOST_DIGITS || mantissa.ends_with('.') {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte.wrapping_sub(b'0')).collect();
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    // So many digits stand before the minor unit's point; below zero, zeros stand between.
    let kept = i64::try_from(whole.len()).ok()? + exponent + i64::from(currency.decimal_places());
    let digit =
        |place: i64| usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
    let mut minor: i64 = 0;
    for place in 0..kept {
        minor = minor.checked_mul(10)?.checked_add(i64::from(digit(place)))?;
        if minor > LARGEST_MINOR {
            return None;
        }
    }
    let first = digit(kept);
    let rest_is_zero =
        usize::try_from(kept + 1).map_or(true, |start| digits.iter().skip(start).all(|digit| *digit == 0));
    // Below a negative place the number is under a twentieth of the minor unit, whatever its digits.
    let up = kept >= 0 && (first > 5 || (first == 5 && (!rest_is_zero || minor % 2 != 0)));
    Some(Money::new(minor + i64::from(up), currency)).filter(|money| money.minor <= LARGEST_MINOR)
}

fn exponent_of(text: &str) -> Option<i64> {
    let exponent: i64 = text.parse().ok()?;
    (exponent.abs() <= LARGEST_EXPONENT).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minor(text: &str, code: &str) -> Option<i64> {
        rounded_half_even(text, Currency::parse(code).unwrap()).map(|money| money.minor)
    }

    #[test]
    fn decimal_texts_are_rounded_once_half_to_even() {
        for (text, code, expected) in [
            ("2.4019999999999997", "KWD", Some(2402)),
            ("0.244", "KWD", Some(244)),
            ("0.022000000000000002", "KWD", Some(22)),
            ("0.0005", "KWD", Some(0)),
            ("0.0015", "KWD", Some(2)),
            ("0.0025", "KWD", Some(2)),
            ("0.00250000001", "KWD", Some(3)),
            ("0.5", "JPY", Some(0)),
            ("1.5", "JPY", Some(2)),
            ("2.5", "JPY", Some(2)),
            ("12", "EUR", Some(1200)),
            ("0", "EUR", Some(0)),
            ("1.2e-05", "KWD", Some(0)),
            ("6e-1", "JPY", Some(1)),
            ("5.0e1", "EUR", Some(5000)),
            ("9e-10", "JPY", Some(0)),
            ("6e-2", "JPY", Some(0)),
            ("", "EUR", None),
            (".5", "EUR", None),
            ("5.", "EUR", None),
            ("-1", "EUR", None),
            ("NaN", "EUR", None),
            ("1,5", "EUR", None),
            ("1e999", "EUR", None),
            ("99999999999999999999", "EUR", None),
        ] {
            assert_eq!(minor(text, code), expected, "{text} {code}");
        }
    }

    proptest! {
        #[test]
        fn rounding_agrees_with_integer_arithmetic(whole in 0i64..1_000_000, fraction in 0i64..1_000_000_000) {
            let expected = tributary_domain::money::round_half_even(whole * 1_000_000_000 + fraction, 1, 10_000_000);
            prop_assert_eq!(minor(&format!("{whole}.{fraction:09}"), "EUR"), Some(expected));
        }
    }
}
