//! A million random journeys under every model: shares sum exactly.

#![allow(clippy::unwrap_used, reason = "a failed expectation of a test panics")]

use std::collections::BTreeMap;

use tributary_domain::attribution::models::{Journey, Model, TrainedWeights};
use tributary_domain::attribution::{Earner, TouchKind, Touchpoint};
use tributary_domain::ids::{EventId, PartnerKey};
use tributary_domain::money::split_by_largest_remainder;
use tributary_domain::time::{Span, Timestamp};

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn partner(number: u64) -> PartnerKey {
    PartnerKey::parse(&format!("p{number}")).unwrap()
}

fn models() -> Vec<Model> {
    [
        "first_touch",
        "last_touch",
        "last_non_direct",
        "linear",
        "time_decay(3d)",
        "position_based",
        "position_based(333333,333334)",
        "w_shaped",
        "weighted_last_touch",
        "coupon_first(time_decay(1h))",
        "data_driven(spring)",
    ]
    .map(|text| Model::parse(text).unwrap())
    .to_vec()
}

#[test]
fn a_million_journeys_are_shared_exactly() {
    let (mut numbers, models) = (Numbers(20_261_121), models());
    let earners: Vec<Earner> = (0..8).map(|number| Earner::Partner(partner(number))).collect();
    let of_earner: BTreeMap<Earner, u32> =
        earners.iter().cloned().zip([1, 70_000, 0, 999_999_999, 5, 5, 123_456, 9]).collect();
    let trained = TrainedWeights { trained: String::new(), of_earner };
    let mut pool: Vec<Touchpoint> = (0..64)
        .map(|number| Touchpoint {
            event_id: EventId([number; 16]),
            occurred_at: Timestamp(0),
            kind: if number % 16 == 7 { TouchKind::Code } else { TouchKind::Click },
            earner: Some(earners[usize::from(number % 8)].clone()),
            campaign: None,
            link: None,
            click_id: None,
            barred: None,
        })
        .collect();
    for number in 0..1_000_000_u64 {
        if number % 4_096 == 0 {
            let mut moment = 0;
            for touchpoint in &mut pool {
                moment += i64::try_from(numbers.below(40 * Span::HOUR.0.unsigned_abs())).unwrap();
                touchpoint.occurred_at = Timestamp(moment);
            }
        }
        let first = numbers.below(64) as usize;
        let length = 1 + numbers.below((64 - first as u64).min(12)) as usize;
        let touchpoints: Vec<&Touchpoint> = pool[first..first + length].iter().collect();
        let journey = Journey {
            registered_at: (number % 3 == 0).then(|| touchpoints[length / 2].occurred_at),
            qualified_at: (number % 5 == 0).then(|| touchpoints[length - 1].occurred_at),
            trained: Some(&trained),
            ..Journey::of(&touchpoints)
        };
        let weights = models[number as usize % models.len()].weights(&journey);
        let value = i64::try_from(numbers.below(10_000_000)).unwrap();
        let parts = split_by_largest_remainder(value, &weights);
        assert_eq!(parts.iter().sum::<i64>(), value, "journey {number}");
        assert!(parts.len() == length && parts.iter().all(|part| *part >= 0), "journey {number}");
    }
}
