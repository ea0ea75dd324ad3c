//! Shares and ratios in whole numbers, written as decimals.

use tributary_domain::money::split_by_largest_remainder;

/// One conversion in the units that its shares are counted in: 10^18. A share so counted differs from the fraction by less than one
/// unit, and the shares of a conversion sum to it exactly.
pub(super) const CONVERSION: i64 = 1_000_000_000_000_000_000;

/// Shares are shown in billionths.
const BILLION: u128 = 1_000_000_000;

/// Splits one conversion by weights.
pub(super) fn shares(weights: &[u64]) -> Vec<i64> {
    split_by_largest_remainder(CONVERSION, weights)
}

/// Sums of shares as billionths of a conversion that sum to the number of conversions: rounded down, what is missing goes to the
/// largest rests, ties to the earlier one.
pub(super) fn billionths(sums: &[u128]) -> Vec<u128> {
    let mut shown: Vec<u128> = sums.iter().map(|sum| sum / BILLION).collect();
    let missing = sums.iter().sum::<u128>() / BILLION - shown.iter().sum::<u128>();
    let mut places: Vec<usize> = (0..sums.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(sums.get(*place).map_or(0, |sum| sum % BILLION)));
    for place in places.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
        if let Some(units) = shown.get_mut(place) {
            *units += 1;
        }
    }
    shown
}

/// Billionths as a decimal with nine places.
pub(super) fn decimal(billionths: u128) -> String {
    format!("{}.{:09}", billionths / BILLION, billionths % BILLION)
}

/// `part / whole` as a decimal with so many places, rounded half to even; zero where there is no whole.
pub(super) fn ratio(part: u128, whole: u128, places: u32) -> String {
    let scale = 10_u128.pow(places);
    let units = rounded(part * scale, whole);
    if places == 0 {
        return units.to_string();
    }
    format!("{}.{:0width$}", units / scale, units % scale, width = places as usize)
}

/// `part / whole` in millionths, rounded half to even; zero where there is no whole.
pub(super) fn millionths(part: u128, whole: u128) -> u64 {
    u64::try_from(rounded(part * 1_000_000, whole)).unwrap_or(u64::MAX)
}

fn rounded(dividend: u128, divisor: u128) -> u128 {
    if divisor == 0 {
        return 0;
    }
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    let up = match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    quotient + u128::from(up)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thirds_are_shown_so_that_they_add_up() {
        let thirds: Vec<u128> =
            shares(&[1, 1, 1]).into_iter().map(|share| share.unsigned_abs().into()).collect();
        let shown = billionths(&thirds);
        assert_eq!(
            shown.iter().map(|units| decimal(*units)).collect::<Vec<_>>(),
            ["0.333333334", "0.333333333", "0.333333333"]
        );
        assert_eq!(billionths(&[thirds[0] + thirds[1] + thirds[2]]), [1_000_000_000]);
    }

    #[test]
    fn ratios_are_rounded_half_to_even() {
        assert_eq!(ratio(1, 3, 4), "0.3333");
        assert_eq!((ratio(1, 8, 2), ratio(3, 8, 2)), ("0.12".to_owned(), "0.38".to_owned()));
        assert_eq!(ratio(5, 0, 2), "0.00");
        assert_eq!(ratio(7, 2, 0), "4");
        assert_eq!(millionths(2, 3), 666_667);
    }

    proptest! {
        #[test]
        fn what_is_shown_sums_to_the_number_of_conversions(journeys in prop::collection::vec(prop::array::uniform4(0_u64..1_000_000), 1..40)) {
            let mut sums = [0_u128; 4];
            for weights in &journeys {
                for (sum, share) in sums.iter_mut().zip(shares(weights)) {
                    *sum += u128::from(share.unsigned_abs());
                }
            }
            prop_assert_eq!(billionths(&sums).iter().sum::<u128>(), journeys.len() as u128 * BILLION);
        }
    }
}
