//! Small worlds of events in which everything meets everything: few people, few orders, many ties.

use serde_json::{Map, Value, json};
use tributary_domain::time::Timestamp;
use tributary_sim::random::Random;

use super::house::Sent;

/// When these worlds begin: 2026-01-01, in seconds.
const BEGIN: u64 = 1_767_225_600;
const HOUR: u64 = 3_600;

const LINKS: [&str; 9] = [
    "anna-summer",
    "bert-summer",
    "cora-summer",
    "anna-brief",
    "anna-first",
    "bert-first",
    "anna-even",
    "bert-even",
    "cora-even",
];

/// So many events of one small world; each has an id of its own, so that no two contradict each other.
pub fn world(seed: u64, count: u64) -> Vec<Sent> {
    let mut random = Random::of(seed, 7, count);
    (0..count).map(|number| one(&mut random, number)).collect()
}

fn one(random: &mut Random, number: u64) -> Sent {
    let mut event = Map::new();
    event.insert("event_id".to_owned(), json!(format!("e{number}")));
    event.insert("timestamp".to_owned(), json!(moment(random)));
    let mut event = Event(event, random);
    match event.1.below(100) {
        0..35 => event.touch("click"),
        35..40 => event.touch("impression"),
        40..46 => event.channel(),
        46..52 => event.action("registration", false),
        52..58 => event.action("qualification", false),
        58..76 => event.action("conversion", true),
        76..80 => event.reversal("refund"),
        80..83 => event.reversal("chargeback"),
        83..92 => event.verdict(),
        92..98 => event.identify(),
        _ => event.spend(),
    }
    let source = if event.1.chance(300_000) { "crm" } else { "shop" };
    (source, Value::Object(event.0))
}

/// On a coarse grid, so that ties, visits and the edges of windows are common.
fn moment(random: &mut Random) -> String {
    let slot = BEGIN + random.below(50) * 8 * HOUR;
    let beside = random.pick(&[0, 0, 0, 1, 600, 1_800, 1_801, 3_600]).copied().unwrap_or(0);
    Timestamp(i64::try_from(slot + beside).unwrap() * 1_000_000).to_string()
}

struct Event<'r>(Map<String, Value>, &'r mut Random);

impl Event<'_> {
    fn put(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Value::String(value.into()));
    }

    fn maybe(&mut self, ppm: u32, name: &str, prefix: &str, most: u64) {
        if self.1.chance(ppm) {
            let value = format!("{prefix}{}", self.1.below(most));
            self.put(name, value);
        }
    }

    /// Whoever it is: some of several identifiers, rarely none.
    fn person(&mut self) {
        self.maybe(550_000, "visitor_id", "v", 6);
        self.maybe(400_000, "customer_id", "c", 9);
        if self.1.chance(200_000) {
            let value = format!("p{}@example.org", self.1.below(4));
            self.put("email", value);
        }
    }

    fn touch(&mut self, kind: &str) {
        self.put("event_type", kind);
        let link = self.1.pick(&LINKS).copied().unwrap();
        self.put("link", link);
        self.person();
        self.maybe(400_000, "click_id", "tracker-click-", 8);
    }

    fn channel(&mut self) {
        self.put("event_type", "click");
        let channel = self.1.pick(&["email", "paid_search", "direct"]).copied().unwrap();
        self.put("channel", channel);
        self.person();
    }

    fn money(&mut self) {
        // Currencies with two, none and three decimals.
        let (currency, value) = match self.1.below(10) {
            0..7 => ("EUR", format!("{}.{:02}", self.1.below(200), self.1.below(100))),
            7..9 => ("JPY", format!("{}", self.1.below(20_000))),
            _ => ("KWD", format!("{}.{:03}", self.1.below(90), self.1.below(1_000))),
        };
        self.put("value", value);
        self.put("currency", currency);
    }

    fn order(&mut self) {
        let order = format!("o{}", self.1.below(7));
        self.put("transaction_id", order);
    }

    fn action(&mut self, kind: &str, valued: bool) {
        self.put("event_type", kind);
        self.person();
        self.maybe(400_000, "click_id", "tracker-click-", 8);
        if valued || self.1.chance(500_000) {
            self.order();
        }
        if valued {
            self.money();
        }
        if kind == "qualification" {
            self.put("goal", "ftd");
        }
        if self.1.chance(150_000) {
            self.put("promo_code", "ANNA10");
        }
        if self.1.chance(100_000) {
            self.put("creator_id", "bert");
        }
        if self.1.chance(100_000) {
            let campaign = self.1.pick(&["summer", "even"]).copied().unwrap();
            self.put("campaign", campaign);
        }
        if self.1.chance(400_000) {
            let status = self.status();
            self.put("status", status);
        }
    }

    fn status(&mut self) -> &'static str {
        self.1.pick(&["approved", "approved", "pending", "rejected"]).copied().unwrap()
    }

    fn reversal(&mut self, kind: &str) {
        self.put("event_type", kind);
        self.order();
        if self.1.chance(700_000) {
            self.money();
        }
    }

    fn verdict(&mut self) {
        self.put("event_type", "status");
        self.order();
        let status = self.status();
        self.put("status", status);
    }

    fn identify(&mut self) {
        self.put("event_type", "identify");
        self.maybe(1_000_000, "customer_id", "c", 9);
        self.maybe(1_000_000, "visitor_id", "v", 6);
    }

    fn spend(&mut self) {
        self.put("event_type", "spend");
        self.put("campaign", "summer");
        self.money();
    }
}
