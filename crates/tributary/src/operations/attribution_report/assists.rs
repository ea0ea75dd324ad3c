//! Who takes part without being last.

use serde::Serialize;
use tributary_domain::money::{Currency, Money};

use super::decimals::ratio;
use super::journeys::{Attributed, EarnerNumber, Earners};

/// How one earner takes part.
#[derive(Clone, Serialize, Debug, PartialEq, Eq)]
pub struct AssistRow {
    /// Partner, or `@channel`.
    pub earner: String,
    /// Conversions in which he took part.
    pub took_part: u64,
    /// Conversions in which he was first.
    pub first: u64,
    /// Conversions in which he was last.
    pub last: u64,
    /// Conversions in which nobody else took part.
    pub alone: u64,
    /// Conversions in which he took part and was not last.
    pub assisted: u64,
    /// Value of the assisted conversions.
    pub assisted_value: String,
    /// Assisted over last, to two places; `None` for who never was last.
    pub assists_per_last: Option<String>,
}

#[derive(Clone, Copy, Default)]
struct Part {
    took_part: u64,
    first: u64,
    last: u64,
    alone: u64,
    assisted_value: i64,
}

#[derive(Default)]
pub(super) struct AssistCollector(Vec<Part>);

impl AssistCollector {
    pub(super) fn add(&mut self, journey: &Attributed<'_>) {
        let (first, last) = (journey.earners.first().copied(), journey.earners.last().copied());
        let participants = journey.participants();
        let is_alone = participants.len() == 1;
        for earner in participants {
            let Some(part) = self.part(earner) else { continue };
            part.took_part += 1;
            part.first += u64::from(first == Some(earner));
            part.alone += u64::from(is_alone);
            if last == Some(earner) {
                part.last += 1;
            } else {
                part.assisted_value = part.assisted_value.saturating_add(journey.value());
            }
        }
    }

    fn part(&mut self, earner: EarnerNumber) -> Option<&mut Part> {
        let place = earner as usize;
        if self.0.len() <= place {
            self.0.resize(place + 1, Part::default());
        }
        self.0.get_mut(place)
    }

    /// In how many conversions an earner took part.
    pub(super) fn took_part(&self, earner: EarnerNumber) -> u64 {
        self.0.get(earner as usize).map_or(0, |part| part.took_part)
    }

    pub(super) fn finish(&self, earners: &Earners, currency: Currency) -> Vec<AssistRow> {
        let parts = earners.in_order().into_iter().filter_map(|(number, _)| {
            let part = self.0.get(number as usize).filter(|part| part.took_part > 0)?;
            let assisted = part.took_part - part.last;
            Some(AssistRow {
                earner: earners.label(number),
                took_part: part.took_part,
                first: part.first,
                last: part.last,
                alone: part.alone,
                assisted,
                assisted_value: Money::new(part.assisted_value, currency).decimal(),
                assists_per_last: (part.last > 0).then(|| ratio(assisted.into(), part.last.into(), 2)),
            })
        });
        parts.collect()
    }
}
