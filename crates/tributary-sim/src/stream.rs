//! The whole simulation as one stream of deliveries in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tributary_domain::time::{Span, Timestamp};

use crate::journeys::{Start, walk};
use crate::output::SimulatedEvent;
use crate::random::Random;
use crate::truth::{GroundTruth, Label};

/// What to simulate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// Everything follows from it.
    pub seed: u64,
    /// Exactly so many clicks are made (partners' and other channels'), cheats and spike included.
    pub clicks: u64,
    /// Days over which journeys begin; what follows from them goes on for some weeks more.
    pub days: u32,
    /// When the first begins.
    pub start: Timestamp,
    /// Deliveries repeated byte for byte, in millionths.
    pub duplicates_ppm: u32,
    /// Deliveries that come an hour to five days late, in millionths.
    pub late_ppm: u32,
    /// Whether fraud is planted.
    pub fraud: bool,
    /// Whether one creator's post goes round the world.
    pub spike: bool,
}

impl Parameters {
    /// A believable default: two months, 1 % doubled, 2 % late, fraud and spike planted.
    #[must_use]
    pub const fn new(seed: u64, clicks: u64, start: Timestamp) -> Self {
        Self {
            seed,
            clicks,
            days: 60,
            start,
            duplicates_ppm: 10_000,
            late_ppm: 20_000,
            fraud: true,
            spike: true,
        }
    }
}

/// Makes the stream. Deliveries come in order of their time as long as no more than [`MOST_HELD`] wait for theirs;
/// beyond that the earliest are handed out ahead of time, which no receiver can tell.
#[must_use]
pub fn simulate(parameters: &Parameters) -> Simulation {
    Simulation {
        parameters: *parameters,
        acts: acts(parameters),
        people: 0,
        deliveries: 0,
        held: BinaryHeap::new(),
        truth: GroundTruth::default(),
    }
}

/// Most deliveries that wait at once: the bound on memory, some 40 MB.
pub const MOST_HELD: usize = 65_536;

/// The stream of deliveries, and the truth about those handed out so far.
#[derive(Debug)]
pub struct Simulation {
    parameters: Parameters,
    acts: Vec<Act>,
    people: u64,
    deliveries: u64,
    held: BinaryHeap<Reverse<Held>>,
    truth: GroundTruth,
}

impl Simulation {
    /// The truth about what was handed out so far; complete when the stream has ended.
    #[must_use]
    pub const fn truth(&self) -> &GroundTruth {
        &self.truth
    }

    /// Runs the stream to its end and keeps only the truth.
    #[must_use]
    pub fn into_truth(mut self) -> GroundTruth {
        while self.next().is_some() {}
        self.truth
    }

    /// The act whose next journey begins first.
    fn next_act(&self) -> Option<(usize, Timestamp)> {
        self.acts
            .iter()
            .enumerate()
            .filter(|(_, act)| act.made < act.clicks)
            .map(|(place, act)| (place, act.next_start()))
            .min_by_key(|(place, at)| (*at, *place))
    }

    fn begin_journey(&mut self, act: usize, at: Timestamp) {
        let number = self.people;
        self.people += 1;
        let act = &mut self.acts[act];
        let start = Start {
            seed: self.parameters.seed,
            number,
            at,
            label: act.label,
            most_clicks: act.clicks - act.made,
        };
        let journey = walk(&start);
        act.made += journey.clicks;
        act.begun += 1;
        let mut road = Random::of(self.parameters.seed, ROAD, number);
        for event in journey.events {
            self.deliver(event, &mut road);
        }
    }

    /// Puts an event on its way: late or not, once or twice.
    fn deliver(&mut self, mut event: SimulatedEvent, road: &mut Random) {
        if road.chance(self.parameters.late_ppm) {
            event.delivered_at = event.delivered_at.plus(Span(road.between(Span::HOUR.0, Span::days(5).0)));
        }
        let again = road.chance(self.parameters.duplicates_ppm).then(|| {
            // Most repeats are a sender's retry after seconds; some are a batch file of yesterday.
            let wait = if road.chance(800_000) { Span::MINUTE } else { Span::days(2) };
            let delivered_at = event.delivered_at.plus(Span(road.between(Span::SECOND.0, wait.0)));
            SimulatedEvent { delivered_at, repeated: true, ..event.clone() }
        });
        self.hold(event);
        if let Some(again) = again {
            self.hold(again);
        }
    }

    fn hold(&mut self, event: SimulatedEvent) {
        let key = (event.delivered_at, self.deliveries);
        self.deliveries += 1;
        self.held.push(Reverse(Held { key, event }));
    }
}

impl Iterator for Simulation {
    type Item = SimulatedEvent;

    fn next(&mut self) -> Option<SimulatedEvent> {
        while self.held.len() < MOST_HELD
            && let Some((act, at)) = self.next_act()
            && self.held.peek().is_none_or(|Reverse(first)| first.key.0 >= at)
        {
            self.begin_journey(act, at);
        }
        let Reverse(first) = self.held.pop()?;
        self.truth.count(&first.event);
        Some(first.event)
    }
}

/// Name of the random stream that decides what is late and doubled.
const ROAD: u64 = 3;

/// A delivery that waits for its time; compared by time and number alone.
#[derive(Debug)]
struct Held {
    key: (Timestamp, u64),
    event: SimulatedEvent,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// Journeys of one kind, spread over a time.
#[derive(Debug)]
struct Act {
    label: Label,
    clicks: u64,
    made: u64,
    begun: u64,
    from: Timestamp,
    length: Span,
    keeps_hours: bool,
}

impl Act {
    /// When the next journey begins: clicks made so far say how much of the time is over.
    fn next_start(&self) -> Timestamp {
        let offset = i128::from(self.length.0) * i128::from(self.made) / i128::from(self.clicks.max(1));
        // Journeys of one click number follow each other by a millisecond, so that none is hidden by a tie.
        let offset = i64::try_from(offset).unwrap_or(0) + i64::try_from(self.begun % 997).unwrap_or(0) * 1000;
        self.from.plus(Span(if self.keeps_hours { by_daylight(offset) } else { offset }))
    }
}

/// How busy each hour of the day is (UTC).
const BUSY: [i64; 24] = [2, 1, 1, 1, 1, 2, 4, 6, 7, 7, 8, 8, 9, 8, 8, 8, 9, 10, 12, 14, 14, 12, 8, 4];
const BUSY_SUM: i64 = 164;

/// Bends an even spread over days into one that follows the hours people are awake; keeps order.
fn by_daylight(offset: i64) -> i64 {
    let (day, within) = (offset.div_euclid(Span::DAY.0), offset.rem_euclid(Span::DAY.0));
    let unit = Span::DAY.0 / BUSY_SUM;
    let mut left = within;
    for (hour, busy) in (0i64..).zip(BUSY) {
        let width = busy * unit;
        if left < width {
            return day * Span::DAY.0 + hour * Span::HOUR.0 + left / busy * BUSY_SUM / 24;
        }
        left -= width;
    }
    day * Span::DAY.0 + Span::DAY.0 - 1
}

fn acts(parameters: &Parameters) -> Vec<Act> {
    let length = Span::days(i64::from(parameters.days.max(1)));
    let share = |ppm: u64, wanted: bool| if wanted { parameters.clicks * ppm / 1_000_000 } else { 0 };
    let at = |percent: i64| parameters.start.plus(Span(length.0 / 100 * percent));
    let act = |label, clicks, from, length, keeps_hours| Act {
        label,
        clicks,
        made: 0,
        begun: 0,
        from,
        length,
        keeps_hours,
    };
    let spike =
        act(Label::ViralSpike, share(60_000, parameters.spike), at(60), Span(6 * Span::HOUR.0), false);
    let flood = act(Label::ClickFlood, share(15_000, parameters.fraud), at(35), Span::HOUR, false);
    let bots = act(Label::Bot, share(10_000, parameters.fraud), at(0), length, false);
    let own = act(Label::SelfReferral, share(1_000, parameters.fraud), at(5), length, true);
    let planted = spike.clicks + flood.clicks + bots.clicks + own.clicks;
    let genuine = act(Label::Genuine, parameters.clicks - planted, at(0), length, true);
    vec![genuine, spike, flood, bots, own]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(seed: u64, clicks: u64) -> Parameters {
        Parameters::new(seed, clicks, Timestamp::parse("2026-01-01T00:00:00Z").unwrap())
    }

    fn bytes(parameters: &Parameters) -> Vec<u8> {
        let mut bytes = Vec::new();
        for event in simulate(parameters) {
            bytes.extend_from_slice(event.source.as_bytes());
            event.event.write_json(&mut bytes).unwrap();
            bytes.push(b'\n');
        }
        bytes
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let first = bytes(&parameters(1, 3_000));
        assert_eq!(first, bytes(&parameters(1, 3_000)));
        assert_ne!(first, bytes(&parameters(2, 3_000)));
    }

    #[test]
    fn exactly_the_clicks_that_were_ordered_are_made() {
        for clicks in [0, 1, 2, 10, 999, 5_000] {
            let truth = simulate(&parameters(4, clicks)).into_truth();
            assert_eq!(truth.events_by_type.get("click").copied().unwrap_or(0), clicks);
        }
    }

    #[test]
    fn deliveries_come_in_order_of_their_time() {
        let mut before = Timestamp(0);
        for event in simulate(&parameters(5, 4_000)) {
            assert!(event.delivered_at >= before);
            before = event.delivered_at;
        }
    }

    #[test]
    fn memory_stays_bounded_however_much_is_made() {
        let mut simulation = simulate(&parameters(6, 400_000));
        let mut most = 0;
        while simulation.next().is_some() {
            most = most.max(simulation.held.len());
        }
        assert!(most <= MOST_HELD + 256, "{most}");
        assert!(most > MOST_HELD / 2, "the test is too small to say anything: {most}");
    }

    #[test]
    fn late_and_doubled_deliveries_are_as_frequent_as_ordered() {
        let wild = Parameters { late_ppm: 100_000, duplicates_ppm: 50_000, ..parameters(7, 20_000) };
        let truth = simulate(&wild).into_truth();
        let repeats = truth.deliveries - truth.events;
        assert!((truth.events * 40 / 1000..truth.events * 60 / 1000).contains(&repeats), "{truth:?}");
        assert!(truth.late_deliveries > truth.events * 80 / 1000, "{truth:?}");
        let tame = Parameters { late_ppm: 0, duplicates_ppm: 0, ..parameters(7, 2_000) };
        let truth = simulate(&tame).into_truth();
        assert_eq!((truth.deliveries, truth.late_deliveries), (truth.events, 0));
    }

    #[test]
    fn every_label_occurs_only_when_ordered() {
        let all = simulate(&parameters(8, 20_000)).into_truth();
        for label in [Label::Genuine, Label::ViralSpike, Label::ClickFlood, Label::Bot, Label::SelfReferral] {
            assert!(all.events_by_label.contains_key(label.name()), "{label:?}");
        }
        let none = Parameters { fraud: false, spike: false, ..parameters(8, 5_000) };
        let labels: Vec<_> = simulate(&none).into_truth().events_by_label.into_keys().collect();
        assert_eq!(labels, ["genuine"]);
    }

    #[test]
    fn the_day_s_curve_keeps_order_and_stays_in_its_day() {
        let mut before = -1;
        for step in 0..2_000 {
            let offset = Span::DAY.0 * 3 / 2_000 * step;
            let bent = by_daylight(offset);
            assert!(bent > before && bent / Span::DAY.0 == offset / Span::DAY.0, "{offset}: {bent}");
            before = bent;
        }
    }
}
