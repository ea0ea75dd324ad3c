//! Weighted last touch: the commissioned model, put right.
//!
//! The last touchpoint gets a fixed share L, each of the n - 1 earlier ones (1 - L) / (n - 1), and a single one everything. The commissioning
//! text divided by n instead, so that its shares summed to less than the whole: 60 % for a single touchpoint, 80 % for two.
//!
//! 100.00 over three touchpoints under 60 %: 20.00, 20.00, 60.00.

use super::{Millionths, WHOLE};

pub(super) fn weights(count: usize, last_share: Millionths) -> Vec<u64> {
    let share = u64::from(last_share.min(WHOLE));
    let mut weights = vec![u64::from(WHOLE) - share; count];
    if let Some(last) = weights.last_mut() {
        *last = if count == 1 { 1 } else { share * (count as u64 - 1) };
    }
    weights
}
