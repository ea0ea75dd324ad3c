//! From real shares to whole weights.

use std::collections::BTreeMap;

use super::super::models::TrainedWeights;

/// Rounds shares once, to whole weights that sum to [`TrainedWeights::LARGEST`] exactly: every one is rounded down, and what is missing goes to the
/// largest fractions, ties to the smaller key. A negative share counts as none. Without any positive share there are no weights.
///
/// ```
/// use tributary_domain::attribution::training::whole_weights;
///
/// let weights = whole_weights([("a", 1.0), ("b", 1.0), ("c", 1.0)]);
/// assert_eq!(weights.into_iter().collect::<Vec<_>>(), [("a", 333_333_334), ("b", 333_333_333), ("c", 333_333_333)]);
/// assert!(whole_weights([("a", 0.0), ("b", -1.0)]).is_empty());
/// ```
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares are cut to 0..=1 before")]
pub fn whole_weights<C: Ord>(shares: impl IntoIterator<Item = (C, f64)>) -> BTreeMap<C, u32> {
    let mut ordered: Vec<(C, f64)> =
        shares.into_iter().map(|(channel, share)| (channel, if share > 0.0 { share } else { 0.0 })).collect();
    ordered.sort_by(|(one, _), (other, _)| one.cmp(other));
    let sum: f64 = ordered.iter().map(|(_, share)| share).sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return BTreeMap::new();
    }
    let exact = |share: f64| (share / sum).clamp(0.0, 1.0) * f64::from(TrainedWeights::LARGEST);
    let mut whole: Vec<u32> = ordered.iter().map(|(_, share)| exact(*share).floor() as u32).collect();
    let given: u64 = whole.iter().copied().map(u64::from).sum();
    let mut largest_first: Vec<usize> = (0..whole.len()).collect();
    let fraction = |place: usize| exact(ordered[place].1).fract();
    largest_first.sort_by(|one, other| fraction(*other).total_cmp(&fraction(*one)).then(one.cmp(other)));
    let missing = u64::from(TrainedWeights::LARGEST).saturating_sub(given);
    for place in largest_first.into_iter().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
        whole[place] += 1;
    }
    ordered.into_iter().map(|(channel, _)| channel).zip(whole).collect()
}

/// A share of 0 to 1 in whole millionths, rounded to the nearest.
///
/// ```
/// use tributary_domain::attribution::training::millionths;
///
/// assert_eq!([0.0, 1.0 / 3.0, 1.0].map(millionths), [0, 333_333, 1_000_000]);
/// ```
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to 0..=1 before")]
pub fn millionths(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 1e6).round() as u32
}
