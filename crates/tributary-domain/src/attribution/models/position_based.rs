//! Position based, the U shape: the ends of a journey count most.
//!
//! Of n touchpoints the first gets F, the last L, each of the others (1 - F - L) / (n - 2). Two share by F : L (half and half where both
//! are nothing), one takes all: the definition of the packages `mta`, `shapley-attribution` and `marketing-attribution-models`, which
//! agree for equal ends.
//!
//! 100.00 under 40/20/40: one 100.00; two 50.00, 50.00; four 40.00, 10.00, 10.00, 40.00.

use super::{Millionths, WHOLE};

pub(super) fn weights(count: usize, first: Millionths, last: Millionths) -> Vec<u64> {
    let (first, last) = (u64::from(first.min(WHOLE)), u64::from(last.min(WHOLE)));
    match count {
        0 => Vec::new(),
        1 => vec![1],
        2 if first + last == 0 => vec![1, 1],
        2 => vec![first, last],
        _ => {
            let between = count as u64 - 2;
            // All weights times the number of those between, so that their part of the rest is a whole number.
            let mut weights = vec![u64::from(WHOLE).saturating_sub(first + last); count];
            weights[0] = first * between;
            weights[count - 1] = last * between;
            weights
        }
    }
}
