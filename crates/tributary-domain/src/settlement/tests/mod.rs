//! Settlement as text: a world, facts as lines, and what they lead to as lines.
//!
//! A fact is a time after 2026-01-01, a kind and words: `1d2h click link:a v:1`, `2d conversion 100.00EUR t:o1 c:A`.
//! Words: `c: v: e: k:` subject (`k:=a@1d` is our own click id for link `a`, issued at that time), `t:` transaction,
//! `link: partner: campaign: @channel` of touches, `goal: status: code: named: campaign: cart:` of actions, `src:` source,
//! `id:` a number for the event id where ties matter, and a bare amount.

mod channels;
mod defects;
mod examples;
mod journeys;
mod ownership;
mod properties;
mod reversals;
mod stand_down;
mod windows;

use super::{CartEvidence, CartOpened, Conversion, Settlement, carts, click_event_id, settle};
use crate::attribution::Earner;
use crate::attribution::models::Model;
use crate::channels::ChannelRules;
use crate::click_id::{ClickId, ClickIdKey, LinkFingerprint};
use crate::configuration::{
    Brand, Campaign, Configuration, Link, Partner, PartnerKind, Plan, Rate, StandDown, StatedWindows, Tier,
    Tiers, Versions,
};
use crate::fact::{Action, Adjustment, Fact, FactBody, Reversal, StatusChange, Subject, Touch, Verdict};
use crate::identity::IdentityRules;
use crate::ids::{
    BrandKey, CampaignKey, Channel, DeduplicationKey, EventId, Goal, LinkKey, PartnerKey, PlanKey, PromoCode,
    SourceKey, SubjectHash, TransactionId, fingerprint,
};
use crate::money::{Currency, Money};
use crate::ownership::CustomerOwnership;
use crate::time::{Span, Timestamp};
use crate::tracking::Tracking;

/// 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp(1_767_225_600_000_000);
const COMMISSIONED: Model = Model::WeightedLastTouch { last_share_ppm: 600_000 };

fn brand() -> BrandKey {
    BrandKey::parse("acme").unwrap()
}

/// `100.00EUR` as money.
fn money(text: &str) -> Money {
    let (amount, currency) = text.split_at(text.len() - 3);
    Money::parse(amount, Currency::parse(currency).unwrap()).unwrap()
}

/// `1d2h30m` after the start.
fn time(text: &str) -> Timestamp {
    let ends = text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(place, _)| place + 1);
    let mut from = 0;
    ends.fold(START, |moment, end| {
        let span = Span::parse(&text[from..end]).unwrap();
        from = end;
        moment.plus(span)
    })
}

fn campaign(model: Model, plan: &str) -> Campaign {
    Campaign {
        brand: brand(),
        tier: Tier::Conversion,
        destination: "https://shop.example/".into(),
        allowed_hosts: Vec::new(),
        click_parameter: "click_id".into(),
        windows: StatedWindows::default(),
        goals: Vec::new(),
        minimum_time: Span(0),
        stand_down: None,
        visit_gap: Span(30 * Span::MINUTE.0),
        model: Some(model),
        plan: PlanKey::parse(plan).ok(),
        active: true,
    }
}

/// The brand, where a test needs one.
fn acme() -> Brand {
    Brand {
        name: "Acme".into(),
        currency: Currency::parse("EUR").unwrap(),
        fallback_url: None,
        most_customers_per_identifier: 3,
        customer_ownership: CustomerOwnership::Nobody,
        channels: ChannelRules::default(),
        identity: IdentityRules::default(),
        tiers: Tiers::default(),
        stand_down: StandDown::Off,
    }
}

/// A click window of so many days; the view window is inherited.
fn click_window(days: i64) -> StatedWindows {
    StatedWindows { click: Some(Span::days(days)), view: None }
}

fn partner(plan: Option<&str>) -> Partner {
    Partner {
        brand: brand(),
        name: String::new(),
        kind: PartnerKind::Creator,
        parent: None,
        plan: plan.map(|key| PlanKey::parse(key).unwrap()),
        on_hold: false,
        active: true,
        minimum_payout: Vec::new(),
        windows: StatedWindows::default(),
    }
}

fn link(of: &str, promoting: &str, code: Option<&str>) -> Link {
    Link {
        brand: brand(),
        partner: PartnerKey::parse(of).unwrap(),
        campaign: CampaignKey::parse(promoting).unwrap(),
        destination: None,
        promo_code: code.map(|code| PromoCode::parse(code).unwrap()),
        active: true,
    }
}

fn plan(rules: &[(&str, Rate)], approves_automatically: bool) -> Plan {
    let rules = rules.iter().map(|(goal, rate)| (Goal::parse(goal).unwrap(), *rate)).collect();
    Plan { brand: brand(), rules, hold: Span::days(30), approves_automatically }
}

/// A configuration that tests change where they need another one.
///
/// Partners anna (link `a`, code ANNA10), ben (`b`) and cleo (`c`, a plan of her own that pays 5 %) promote the
/// campaign `summer`: 60 % last touch, seven days, visits 30 minutes apart. Its plan pays 10 % of purchases, 25 EUR per
/// first deposit. Dora's link `d` promotes `autumn`: linear, thirty days, 20 USD per purchase, approved automatically.
fn world() -> Configuration {
    let mut world = Configuration::default();
    let (percent, amount) = (|ppm| Rate::Percentage { ppm }, |text| Rate::CostPerAction(money(text)));
    let autumn = Campaign { windows: click_window(30), ..campaign(Model::Linear, "fixed") };
    world.set_campaign("summer", campaign(COMMISSIONED, "standard"));
    world.set_campaign("autumn", autumn);
    for (key, plan) in [
        ("standard", plan(&[("purchase", percent(100_000)), ("ftd", amount("25.00EUR"))], false)),
        ("own", plan(&[("purchase", percent(50_000))], false)),
        ("fixed", plan(&[("purchase", amount("20.00USD"))], true)),
    ] {
        world.plans.insert((brand(), PlanKey::parse(key).unwrap()), Versions::always(plan));
    }
    for (key, plan) in [("anna", None), ("ben", None), ("cleo", Some("own")), ("dora", None)] {
        world.partners.insert((brand(), PartnerKey::parse(key).unwrap()), Versions::always(partner(plan)));
    }
    for (key, of, promoting, code) in [
        ("a", "anna", "summer", Some("ANNA10")),
        ("b", "ben", "summer", None),
        ("c", "cleo", "summer", None),
        ("d", "dora", "autumn", None),
    ] {
        world.links.insert(LinkKey::parse(key).unwrap(), Versions::always(link(of, promoting, code)));
    }
    world.index();
    world
}

impl Configuration {
    fn set_campaign(&mut self, key: &str, campaign: Campaign) {
        self.campaigns.insert((brand(), CampaignKey::parse(key).unwrap()), Versions::always(campaign));
    }

    fn with_model(mut self, model: Model) -> Self {
        self.set_campaign("summer", campaign(model, "standard"));
        self
    }

    /// The plan of `summer` pays that share of purchases.
    fn with_percentage(mut self, ppm: u32) -> Self {
        let paying = plan(&[("purchase", Rate::Percentage { ppm })], false);
        self.plans.insert((brand(), PlanKey::parse("standard").unwrap()), Versions::always(paying));
        self
    }
}

/// `=a@1d` is our own id for link `a`; anything else another tracker's.
fn click_id(text: &str) -> ClickId {
    let Some((link, at)) = text.strip_prefix('=').and_then(|own| own.split_once('@')) else {
        return ClickId::from_stored(text).unwrap();
    };
    let link = LinkFingerprint::of(&brand(), &LinkKey::parse(link).unwrap());
    ClickId::issue(&ClickIdKey([7; 32]), time(at), link, [0; 7])
}

/// The words of one line.
struct Words<'l>(Vec<&'l str>);

impl<'l> Words<'l> {
    fn get(&self, name: &str) -> Option<&'l str> {
        self.0.iter().find_map(|word| word.strip_prefix(name))
    }

    fn hash(&self, name: &str) -> Option<SubjectHash> {
        self.get(name).map(|text| SubjectHash(fingerprint(&[name.as_bytes(), text.as_bytes()])))
    }

    fn amount(&self) -> Option<Money> {
        let is_amount =
            |word: &&&str| !word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        self.0[2..].iter().find(is_amount).map(|word| money(word))
    }

    fn verdict(&self) -> Option<Verdict> {
        self.get("status:").map(|name| match name {
            "approved" => Verdict::Approved,
            "rejected" => Verdict::Rejected,
            _ => Verdict::Pending,
        })
    }

    fn campaign(&self) -> Option<CampaignKey> {
        self.get("campaign:").map(|key| CampaignKey::parse(key).unwrap())
    }

    fn transaction(&self) -> Option<TransactionId> {
        self.get("t:").map(|text| TransactionId::parse(text).unwrap())
    }

    fn touch(&self) -> Touch {
        Touch {
            link: self.get("link:").map(|key| LinkKey::parse(key).unwrap()),
            partner: self.get("partner:").map(|key| PartnerKey::parse(key).unwrap()),
            campaign: self.campaign(),
            channel: self.get("@").map(|name| Channel::parse(name).unwrap()),
            tracking: Tracking::default(),
        }
    }

    fn action(&self, goal: &str) -> Action {
        Action {
            goal: Goal::parse(self.get("goal:").unwrap_or(goal)).unwrap(),
            transaction: self.transaction(),
            value: self.amount(),
            status: self.verdict(),
            campaign: self.campaign(),
            promo_code: self.get("code:").map(|code| PromoCode::parse(code).unwrap()),
            named_partner: self.get("named:").map(|key| PartnerKey::parse(key).unwrap()),
            cart_opened_at: self.get("cart:").map(time),
            tracking: Tracking::default(),
        }
    }

    fn body(&self) -> FactBody {
        let reversal = || Reversal { transaction: self.transaction().unwrap(), value: self.amount() };
        match self.0[1] {
            "click" => FactBody::Click(self.touch()),
            "view" => FactBody::Impression(self.touch()),
            "registration" => FactBody::Registration(self.action("registration")),
            "qualification" => FactBody::Qualification(self.action("ftd")),
            "conversion" => FactBody::Conversion(self.action("purchase")),
            "refund" => FactBody::Refund(reversal()),
            "chargeback" => FactBody::Chargeback(reversal()),
            "status" => FactBody::Status(StatusChange {
                transaction: self.transaction().unwrap(),
                verdict: self.verdict().unwrap(),
            }),
            "adjustment" => FactBody::Adjustment(Adjustment {
                transaction: self.transaction().unwrap(),
                value: self.amount().unwrap(),
                cause: "file:2".into(),
            }),
            "identify" => FactBody::Identify,
            other => panic!("no such kind: {other}"),
        }
    }
}

fn fact(line: &str) -> Fact {
    let words = Words(line.split_whitespace().collect());
    let occurred_at = time(words.0[0]);
    let click_id = words.get("k:").map(click_id);
    let unique =
        words.get("id:").map_or_else(|| fingerprint(&[line.as_bytes()]), |id| [id.parse().unwrap(); 16]);
    let own = click_id.as_ref().filter(|id| words.0[1] == "click" && id.issued_for().is_some());
    Fact {
        event_id: own.map_or_else(
            || EventId::derive(occurred_at, &DeduplicationKey(unique)),
            |id| click_event_id(id, occurred_at),
        ),
        brand: brand(),
        source: SourceKey::parse(words.get("src:").unwrap_or("shop")).unwrap(),
        occurred_at,
        subject: Subject {
            customer: words.hash("c:"),
            visitor: words.hash("v:"),
            email: words.hash("e:"),
            click_id,
        },
        body: words.body(),
    }
}

fn facts(lines: &[impl AsRef<str>]) -> Vec<Fact> {
    lines.iter().map(|line| fact(line.as_ref())).collect()
}

/// Settles the lines, after making sure that neither their order nor repetition changes anything.
fn settled(world: &Configuration, lines: &[impl AsRef<str>]) -> Settlement {
    let facts = facts(lines);
    let settlement = settle(&facts, world);
    for turn in 0..facts.len() {
        let mut other: Vec<Fact> = facts.iter().rev().cloned().collect();
        other.rotate_left(turn);
        other.extend(facts[..turn].iter().cloned());
        assert_eq!(settle(&other, world), settlement, "the order of facts changed the result");
    }
    settlement
}

/// Every conversion as `number value - refunded verdict: reason | credits | commissions`.
fn shown(world: &Configuration, lines: &[impl AsRef<str>]) -> Vec<String> {
    settled(world, lines).conversions.iter().map(conversion).collect()
}

fn conversion(conversion: &Conversion) -> String {
    let currency = conversion.value.map(|value| value.currency);
    let amount = |minor: i64| currency.map_or_else(|| "-".to_owned(), |of| Money::new(minor, of).decimal());
    let number = conversion.transaction.as_ref().map_or(conversion.kind.name(), TransactionId::as_str);
    let value = conversion.value.map_or_else(|| "no value".to_owned(), |value| value.to_string());
    let refunded = if conversion.refunded == 0 {
        String::new()
    } else {
        format!(" less {}", amount(conversion.refunded))
    };
    let credits = conversion.credits.iter().map(|credit| {
        let earner = match &credit.earner {
            Earner::Partner(key) => key.to_string(),
            Earner::Channel(name) => format!("@{name}"),
        };
        format!("{earner} {}", amount(credit.minor))
    });
    let commissions = conversion.commissions.iter().map(|line| {
        let owed = Money::new(line.owed, line.granted.currency);
        let of = if owed == line.granted { String::new() } else { format!(" of {}", line.granted.decimal()) };
        format!("{} {}{of} {}", line.partner, owed.decimal(), line.reason.code())
    });
    let (credits, commissions): (Vec<_>, Vec<_>) = (credits.collect(), commissions.collect());
    format!(
        "{number} {value}{refunded} {}: {} | {} | {}",
        conversion.verdict.name(),
        conversion.reason.code(),
        credits.join(", "),
        commissions.join(", ")
    )
    .replace(" |  | ", "")
    .trim_end_matches(" | ")
    .to_owned()
}

/// The verdict on each touchpoint of the last conversion, as `earner reason`.
fn considered(world: &Configuration, lines: &[impl AsRef<str>]) -> Vec<String> {
    let settlement = settled(world, lines);
    let considered = &settlement.conversions.last().unwrap().considered;
    considered
        .iter()
        .map(|each| match &each.touchpoint.earner {
            Some(Earner::Partner(key)) => format!("{key} {}", each.verdict.code()),
            Some(Earner::Channel(name)) => format!("@{name} {}", each.verdict.code()),
            None => format!("? {}", each.verdict.code()),
        })
        .collect()
}

/// The outcome of each line, in the order of the lines.
fn outcomes(world: &Configuration, lines: &[impl AsRef<str>]) -> Vec<&'static str> {
    let settlement = settled(world, lines);
    let of = |event: EventId| settlement.outcomes.iter().find(|(id, _)| *id == event).unwrap().1.code();
    facts(lines).iter().map(|fact| of(fact.event_id)).collect()
}
