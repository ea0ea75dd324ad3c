//! Time decay: a touchpoint that is one half-life older weighs half as much.
//!
//! The weight of a touchpoint is 2^(-age / half-life), of real time and without steps: the meaning of `marketing-attribution-models` 2.1.1 with
//! its seven days. Ages are counted from the newest touchpoint, which changes no share.
//!
//! Touchpoints 14, 7 and 0 days old under 7 days: 1/7, 2/7, 4/7, so 100.00 becomes 14.29, 28.57, 57.14.
//!
//! Powers are worked out in integers, because floating-point powers differ in the last bit between processors and a share must not.

use super::super::Touchpoint;
use crate::time::Span;

/// Weights have this many binary digits; a touchpoint older than that many half-lives weighs nothing beside the newest.
const DIGITS: u32 = 40;
/// Binary digits of a half-life's fraction.
const FRACTION_DIGITS: usize = 32;
/// The factors 2^(-1/2), 2^(-1/4), 2^(-1/8) and so on, in units of 2^-62.
const ROOTS: [u128; FRACTION_DIGITS] = roots();

const fn roots() -> [u128; FRACTION_DIGITS] {
    let mut roots = [0; FRACTION_DIGITS];
    // The square root of a half, then of that, and so on.
    let mut power: u128 = 1 << 61;
    let mut place = 0;
    while place < FRACTION_DIGITS {
        power = (power << 62).isqrt();
        roots[place] = power;
        place += 1;
    }
    roots
}

pub(super) fn weights(touchpoints: &[&Touchpoint], half_life: Span) -> Vec<u64> {
    let Some(newest) = touchpoints.last() else { return Vec::new() };
    touchpoints
        .iter()
        .map(|touchpoint| decayed(newest.occurred_at.since(touchpoint.occurred_at), half_life))
        .collect()
}

/// 2^([`DIGITS`] - age / half-life), rounded down.
fn decayed(age: Span, half_life: Span) -> u64 {
    let (age, half_life) =
        (u128::from(age.0.max(0).unsigned_abs()), u128::from(half_life.0.max(1).unsigned_abs()));
    let halvings = (age << FRACTION_DIGITS) / half_life;
    let Ok(whole @ 0..=DIGITS) = u32::try_from(halvings >> FRACTION_DIGITS) else { return 0 };
    let mut power: u128 = 1 << 62;
    for (place, root) in ROOTS.iter().enumerate() {
        if (halvings >> (FRACTION_DIGITS - 1 - place)) & 1 == 1 {
            power = (power * root) >> 62;
        }
    }
    u64::try_from(power >> (62 - DIGITS + whole)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_life_halves() {
        let week = Span::days(7);
        let weights: Vec<u64> = [0, 7, 14, 21].map(|days| decayed(Span::days(days), week)).to_vec();
        assert_eq!(weights, [1 << 40, 1 << 39, 1 << 38, 1 << 37]);
        assert_eq!(decayed(Span::days(7 * 41), week), 0);
        assert_eq!(decayed(Span(i64::MAX), Span(1)), 0);
    }

    #[test]
    fn fractions_agree_with_floating_point() {
        for hours in 1..500_i64 {
            let exact = decayed(Span(hours * Span::HOUR.0), Span::days(7)) as f64 / (1_u64 << 40) as f64;
            let expected = (-(hours as f64) / 168.0).exp2();
            assert!((exact - expected).abs() < 1e-9, "{hours}: {exact} {expected}");
        }
    }
}
