//! Money: integer minor units with their currency, and the one place where rounding happens.

use std::fmt;

use thiserror::Error;

/// An ISO 4217 currency code, three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Why a text is not an amount or a currency.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The code is not in the ISO 4217 list of circulating currencies.
    #[error("`{0}` is not an ISO 4217 currency code; write three letters such as `EUR`")]
    UnknownCurrency(String),
    /// The text is not a plain decimal number.
    #[error("`{0}` is not a decimal amount; write digits with a point, such as `12.34`")]
    NotDecimal(String),
    /// More decimal places than the currency has.
    #[error("`{text}` has more decimal places than {currency} has ({places})")]
    TooPrecise {
        /// The text as given.
        text: String,
        /// The currency whose minor unit is coarser.
        currency: Currency,
        /// Decimal places of the currency.
        places: u32,
    },
    /// The amount does not fit the ledger's integers.
    #[error("`{0}` is too large an amount")]
    TooLarge(String),
    /// Two currencies met where one was needed.
    #[error("{0} and {1} cannot be added without an exchange rate")]
    Mixed(Currency, Currency),
}

/// Circulating ISO 4217 codes. Source: the ISO 4217 maintenance agency's list one, November 2026.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP \
    BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP \
    GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD \
    KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK \
    NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
    SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD \
    XOF XPF YER ZAR ZMW ZWG";

impl Currency {
    /// Reads a code; lower case is accepted and raised.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let upper = text.trim().to_ascii_uppercase();
        let unknown = || MoneyError::UnknownCurrency(text.to_owned());
        let bytes: [u8; 3] = upper.as_bytes().try_into().map_err(|_| unknown())?;
        if CODES.split_ascii_whitespace().any(|code| code.as_bytes() == bytes) {
            Ok(Self(bytes))
        } else {
            Err(unknown())
        }
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Decimal places of the minor unit (ISO 4217 exponent).
    #[must_use]
    pub fn decimal_places(&self) -> u32 {
        match self.code() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in minor units of its currency (cents, fils, yen).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Money {
    /// Minor units; negative for what flows back.
    pub minor: i64,
    /// The currency that gives the minor unit its meaning.
    pub currency: Currency,
}

/// Largest amount accepted from outside, in minor units: 10^13, a hundred thousand million euros. Sums are kept in `i64` too, which
/// no sum of nine hundred thousand such amounts leaves: one sender must not be able to stop the books of all.
pub const LARGEST_MINOR: i64 = 10_000_000_000_000;

impl Money {
    /// An amount of minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in that currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads a plain decimal such as `12.34`; never guesses at thousands marks or decimal commas.
    ///
    /// `0.5` in a two-decimal currency is 50 minor units; `0.505` is refused rather than rounded.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_decimal = || MoneyError::NotDecimal(text.to_owned());
        let trimmed = text.trim();
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return Err(not_decimal());
        }
        let places = currency.decimal_places();
        let significant = fraction.trim_end_matches('0');
        if significant.len() > places as usize {
            return Err(MoneyError::TooPrecise { text: text.to_owned(), currency, places });
        }
        let too_large = || MoneyError::TooLarge(text.to_owned());
        let mut minor: i64 = 0;
        let padding = (places as usize) - significant.len();
        for digit in whole.bytes().chain(significant.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
            minor = minor
                .checked_mul(10)
                .and_then(|m| m.checked_add(i64::from(digit - b'0')))
                .filter(|m| *m <= LARGEST_MINOR)
                .ok_or_else(too_large)?;
        }
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// Sum of two amounts of one currency.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or_else(|| MoneyError::TooLarge(format!("{self} + {other}")))?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The decimal number without its currency, such as `12.34`.
    #[must_use]
    pub fn decimal(&self) -> String {
        let places = self.currency.decimal_places() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

/// `amount * numerator / denominator`, rounded half to even. The only rounding of a single amount.
///
/// A denominator that is not positive answers zero, since there is nothing to share.
#[must_use]
pub fn round_half_even(amount: i64, numerator: i64, denominator: i64) -> i64 {
    if denominator <= 0 {
        return 0;
    }
    let product = i128::from(amount) * i128::from(numerator);
    let divisor = i128::from(denominator);
    let quotient = product.div_euclid(divisor);
    let remainder = product.rem_euclid(divisor);
    let twice = remainder * 2;
    let up = twice > divisor || (twice == divisor && quotient % 2 != 0);
    let rounded = if up { quotient + 1 } else { quotient };
    i64::try_from(rounded).unwrap_or(if rounded > 0 { i64::MAX } else { i64::MIN })
}

/// Splits `total` minor units by integer weights so that the parts sum to it exactly.
///
/// Largest remainder: every part is floored, then the missing units go to the largest fractions, ties to the
/// earliest part. 1000 by `[1, 1, 1]` is `[334, 333, 333]`. Weights that are all zero count as equal; a
/// negative total is split as its absolute value. Parts of an empty list are empty.
///
/// ```
/// use tributary_domain::money::split_by_largest_remainder;
///
/// assert_eq!(split_by_largest_remainder(1_000, &[1, 1, 1]), [334, 333, 333]);
/// assert_eq!(split_by_largest_remainder(-1_000, &[1, 1, 1]), [-334, -333, -333]);
/// assert_eq!(split_by_largest_remainder(1, &[2, 2, 6]), [0, 0, 1]);
/// ```
#[must_use]
pub fn split_by_largest_remainder(total: i64, weights: &[u64]) -> Vec<i64> {
    if weights.is_empty() {
        return Vec::new();
    }
    let ones;
    let weights = if weights.iter().all(|w| *w == 0) {
        ones = vec![1; weights.len()];
        &ones
    } else {
        weights
    };
    let whole: u128 = weights.iter().map(|w| u128::from(*w)).sum();
    let magnitude = u128::from(total.unsigned_abs());
    let mut parts: Vec<u128> = Vec::with_capacity(weights.len());
    let mut fractions: Vec<(u128, usize)> = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        let product = magnitude * u128::from(*weight);
        parts.push(product / whole);
        fractions.push((product % whole, index));
    }
    let missing = magnitude - parts.iter().sum::<u128>();
    fractions.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in fractions.iter().take(usize::try_from(missing).unwrap_or(0)) {
        parts[*index] += 1;
    }
    let signed = |part: u128| {
        let part = i128::try_from(part).unwrap_or(i128::MAX);
        i64::try_from(if total < 0 { -part } else { part }).unwrap_or(total)
    };
    parts.into_iter().map(signed).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn amounts_are_read_and_written_in_the_currency_s_own_minor_unit() {
        for (text, code, minor, written) in [
            ("12.34", "EUR", 1234, "12.34"),
            ("0.5", "USD", 50, "0.50"),
            ("7", "JPY", 7, "7"),
            ("7.0", "JPY", 7, "7"),
            ("0.244", "KWD", 244, "0.244"),
            ("-3.10", "EUR", -310, "-3.10"),
        ] {
            let money = Money::parse(text, currency(code)).unwrap();
            assert_eq!((money.minor, money.decimal().as_str()), (minor, written), "{text} {code}");
        }
    }

    #[test]
    fn doubtful_amounts_are_refused_not_guessed() {
        for text in
            ["", "12,34", "1e3", "NaN", "abc", "1.", ".5", "--1", "+1", "0.505", "1 000", "99999999999999999"]
        {
            assert!(Money::parse(text, currency("EUR")).is_err(), "{text}");
        }
    }

    #[test]
    fn rounding_is_half_to_even() {
        for (amount, numerator, denominator, expected) in [
            (5, 1, 2, 2),
            (15, 1, 10, 2),
            (25, 1, 10, 2),
            (7, 1, 2, 4),
            (-5, 1, 2, -2),
            (-7, 1, 2, -4),
            (100, 1, 3, 33),
        ] {
            assert_eq!(
                round_half_even(amount, numerator, denominator),
                expected,
                "{amount}*{numerator}/{denominator}"
            );
        }
    }

    #[test]
    fn the_greatest_amounts_and_weights_are_split_exactly() {
        for total in [i64::MAX, i64::MIN, LARGEST_MINOR, -LARGEST_MINOR] {
            for weights in [&[1][..], &[u64::MAX, u64::MAX, 1], &[100_000_000, 0, 3]] {
                let parts = split_by_largest_remainder(total, weights);
                assert_eq!(
                    parts.iter().map(|part| i128::from(*part)).sum::<i128>(),
                    i128::from(total),
                    "{weights:?}"
                );
            }
        }
        assert_eq!(round_half_even(i64::MAX, i64::MAX, 1), i64::MAX);
        assert_eq!(round_half_even(i64::MIN, i64::MAX, 1), i64::MIN);
    }

    proptest! {
        #[test]
        fn l2_parts_sum_exactly_to_the_whole(total in -1_000_000_000_000i64..1_000_000_000_000, weights in prop::collection::vec(0u64..1000, 1..100)) {
            let parts = split_by_largest_remainder(total, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            prop_assert!(parts.iter().all(|p| *p == 0 || p.signum() == total.signum()));
        }

        #[test]
        fn written_amounts_read_back(minor in -LARGEST_MINOR..LARGEST_MINOR, code in prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF"])) {
            let money = Money::new(minor, currency(code));
            prop_assert_eq!(Money::parse(&money.decimal(), money.currency).unwrap(), money);
        }
    }
}
