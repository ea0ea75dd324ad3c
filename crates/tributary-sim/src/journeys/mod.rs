//! What people, and those who only pretend to be people, do.
//!
//! A journey is everything one person does, made at once from a random stream of his own: clicks, account, purchases and
//! what becomes of them. Nothing is late or doubled here; that happens on the way to the door (see [`crate::stream`]).

mod cheats;
mod person;
mod purchases;

use tributary_domain::time::{Span, Timestamp};

use crate::output::{Event, SimulatedEvent};
use crate::random::Random;
use crate::truth::{ConversionTruth, Label, Touch};

/// Who walks, when and how far.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Seed of the whole simulation.
    pub seed: u64,
    /// Number of the person, unique within it.
    pub number: u64,
    /// First step.
    pub at: Timestamp,
    /// How he behaves.
    pub label: Label,
    /// Most clicks he may make; at least one is made.
    pub most_clicks: u64,
}

/// All events of one journey in the order they were made, and how many of them are clicks.
#[derive(Debug, Default)]
pub struct Journey {
    /// Its events.
    pub events: Vec<SimulatedEvent>,
    /// How many are clicks.
    pub clicks: u64,
}

/// Makes one journey.
#[must_use]
pub fn walk(start: &Start) -> Journey {
    let mut walker = Walker::new(start);
    match start.label {
        Label::Genuine | Label::ViralSpike => person::live(&mut walker),
        Label::ClickFlood => cheats::click_once(&mut walker, cheats::Cheat::Flood),
        Label::Bot => cheats::click_once(&mut walker, cheats::Cheat::Bot),
        Label::SelfReferral => cheats::shop_by_own_link(&mut walker),
    }
    Journey { events: walker.events, clicks: walker.clicks }
}

/// A person on the way: his ids, his clock, his random stream, and what he has done.
struct Walker {
    random: Random,
    /// Short mark of the seed in every id, so that two simulations do not meet in one installation.
    mark: String,
    number: u64,
    label: Label,
    now: Timestamp,
    clicks_left: u64,
    clicks: u64,
    customer: Option<String>,
    email: Option<String>,
    device: Device,
    touches: Vec<Touch>,
    last_click_id: Option<String>,
    events: Vec<SimulatedEvent>,
}

/// What one browser shows of itself.
#[derive(Clone, Debug)]
struct Device {
    visitor: Option<String>,
    ip: String,
    user_agent: &'static str,
}

/// Names of the subjects that have random streams of their own.
const PERSON: u64 = 1;
const MARK: u64 = 2;

impl Walker {
    fn new(start: &Start) -> Self {
        let mut random = Random::of(start.seed, PERSON, start.number);
        let mark = Random::of(start.seed, MARK, 0).letters(5);
        let device = Device {
            visitor: Some(format!("v-{mark}-{}", start.number)),
            ip: person::address(&mut random, start.label),
            user_agent: person::browser(&mut random, start.label),
        };
        Self {
            random,
            mark,
            number: start.number,
            label: start.label,
            now: whole_milliseconds(start.at),
            clicks_left: start.most_clicks.max(1),
            clicks: 0,
            customer: None,
            email: None,
            device,
            touches: Vec::new(),
            last_click_id: None,
            events: Vec::new(),
        }
    }

    /// An id that is unique in and between simulations, such as `ord-k3v9x-1042-2`.
    fn id(&self, kind: &str, place: usize) -> String {
        format!("{kind}-{}-{}-{place}", self.mark, self.number)
    }

    fn wait(&mut self, low: Span, high: Span) {
        self.now = whole_milliseconds(self.now.plus(Span(self.random.between(low.0, high.0))));
    }

    /// Sends an event that happens now. The sender's clock is what the caller put into it, or right.
    fn send(&mut self, source: &'static str, event: Event, truth: Option<ConversionTruth>) {
        let delivered_at = self.now.plus(Span(self.random.between(40_000, 900_000)));
        let event = if event.timestamp.is_empty() {
            Event { timestamp: self.now.to_string(), ..event }
        } else {
            event
        };
        self.events.push(SimulatedEvent {
            source,
            occurred_at: self.now,
            delivered_at,
            repeated: false,
            label: self.label,
            truth,
            event,
        });
    }
}

/// What senders write.
fn whole_milliseconds(moment: Timestamp) -> Timestamp {
    Timestamp(moment.0 - moment.0.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journey(number: u64, label: Label) -> Journey {
        let at = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        walk(&Start { seed: 11, number, at, label, most_clicks: 100 })
    }

    #[test]
    fn a_journey_is_the_same_whenever_it_is_made() {
        for number in 0..200 {
            assert_eq!(journey(number, Label::Genuine).events, journey(number, Label::Genuine).events);
        }
    }

    #[test]
    fn nothing_happens_before_its_start_and_ids_never_repeat() {
        let mut ids = std::collections::HashSet::new();
        let start = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        for number in 0..2_000 {
            for event in journey(number, Label::Genuine).events {
                assert!(event.occurred_at >= start);
                assert!(event.delivered_at > event.occurred_at);
                let id = event.event.event_id.expect("every event has an id");
                assert!(ids.insert((event.source, id)));
            }
        }
    }

    #[test]
    fn all_six_kinds_of_deed_occur() {
        let mut kinds = std::collections::BTreeMap::new();
        for number in 0..9_000 {
            for event in journey(number, Label::Genuine).events {
                *kinds.entry(event.event.event_type).or_insert(0) += 1;
            }
        }
        for kind in [
            "click",
            "registration",
            "qualification",
            "conversion",
            "status",
            "refund",
            "chargeback",
            "identify",
        ] {
            assert!(kinds.get(kind).copied().unwrap_or(0) > 0, "{kind}: {kinds:?}");
        }
    }

    #[test]
    fn a_limit_of_clicks_is_kept() {
        let at = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        for number in 0..500 {
            let walked = walk(&Start { seed: 3, number, at, label: Label::Genuine, most_clicks: 2 });
            let clicks = walked.events.iter().filter(|e| e.event.event_type == "click").count();
            assert!(clicks <= 2);
            assert_eq!(clicks as u64, walked.clicks);
        }
    }

    #[test]
    fn every_touchpoint_that_the_truth_names_was_sent() {
        for number in 0..1_000 {
            let journey = journey(number, Label::Genuine);
            let sent: Vec<_> = journey.events.iter().filter_map(|e| e.event.event_id.clone()).collect();
            for truth in journey.events.iter().filter_map(|e| e.truth.as_ref()) {
                assert!(truth.touchpoints.iter().all(|id| sent.contains(id)));
                assert_eq!(truth.first.is_some(), truth.last.is_some());
            }
        }
    }
}
