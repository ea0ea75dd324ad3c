//! No partner is told anything that belongs only to a rival, whatever he asks for.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use tributary_domain::fact::PayoutStep;
use tributary_domain::settlement::Conversion;
use tributary_store::state::ConversionFilter;

use super::{json, told, told_to};
use crate::operations::explaining::credit_id;
use crate::operations::payout::{advance, prepare};
use crate::workbench::{NOW, Workbench};

const PARTNERS: [&str; 3] = ["anna", "ben", "cora"];

/// Anna is paid a percentage, the others fixed amounts; everybody runs a campaign of his own and one together.
const SET_UP: &str = "
brands:
- key: acme
  currency: EUR
  stand_down: {after: cart, within: 2h}
  tiers: {awareness: {model: linear}}
  channels: {rules: [{channel: own-network, click_ids: [gclid]}]}
plans:
- {key: plan-anna, approves_automatically: true, rules: [{goal: purchase, pays: '10%'}]}
- {key: plan-ben, approves_automatically: true, rules: [{goal: purchase, pays: '17.31 EUR'}]}
- {key: plan-cora, rules: [{goal: purchase, pays: '23.57 EUR'}]}
campaigns:
- {key: common, tier: awareness, destination: 'https://acme.example/', minimum_time: 7s}
- {key: solo-anna, tier: awareness, destination: 'https://acme.example/', model: linear, minimum_time: 6107s}
- {key: solo-ben, tier: awareness, destination: 'https://acme.example/', model: last_touch, stand_down: {after: cart, within: 6007s}}
- key: solo-cora
  tier: conversion
  destination: 'https://acme.example/'
  model: {kind: weighted_last_touch, last_share: '61.3%'}
  goals: [{goal: purchase, model: first_touch, windows: {click: 26d}}]
partners:
- {key: anna, kind: creator, plan: plan-anna, windows: {click: 27d}}
- {key: ben, kind: affiliate, plan: plan-ben, windows: {click: 25d}, effective_from: 2026-02-11T01:02:03Z}
- {key: cora, kind: affiliate, plan: plan-cora, windows: {click: 29d}}
links:
- {key: link-anna, partner: anna, campaign: common, promo_code: CODE-ANNA}
- {key: link-ben, partner: ben, campaign: common, promo_code: CODE-BEN}
- {key: link-cora, partner: cora, campaign: common, promo_code: CODE-CORA}
- {key: only-anna, partner: anna, campaign: solo-anna}
- {key: only-ben, partner: ben, campaign: solo-ben}
- {key: only-cora, partner: cora, campaign: solo-cora}
sources: [{key: shop, secrets: ['0123456789abcdef'], default_currency: EUR}]
";

/// What belongs to the operator alone: other channels, how they are told apart, and what their clicks carry.
const OF_THE_OPERATOR: [&str; 5] = ["own-network", "gclid", "gclid-of-somebody", "gclid-of", "own_rule"];

/// One thing that happens: what, by whom, to which customer, on which day.
type Happening = (u8, usize, u8, u32);

/// The events of a happening; `number` makes orders and amounts distinct.
fn events(&(what, who, customer, day): &Happening, number: usize) -> Vec<String> {
    if what < LATE {
        return vec![event(&(what, who, customer, day), number)];
    }
    let (partner, minute) = (PARTNERS[who], number % 60);
    let head = |second: u32| {
        format!(
            r#""timestamp":"2026-03-{day:02}T10:{minute:02}:{second:02}Z","event_id":"l-{number}-{second}","customer_id":"c-{customer}""#
        )
    };
    let value = format!(
        r#""transaction_id":"o-{number}","value":"{}.{:02}""#,
        2_013 + 17 * number,
        (number * 7) % 100
    );
    // The cart is told by an event, or by the order itself.
    let (cart, opened_at) = match what {
        LATE => {
            (Some(format!(r#"{{"event_type":"qualification","goal":"cart",{}}}"#, head(1))), String::new())
        }
        _ => (None, format!(r#","cart_opened_at":"2026-03-{day:02}T10:{minute:02}:01Z""#)),
    };
    let click = format!(
        r#"{{"event_type":"click","link":"only-{partner}","fbclid":"fb-{partner}-123456789",{}}}"#,
        head(20)
    );
    let order = format!(r#"{{"event_type":"conversion",{value}{opened_at},{}}}"#, head(40));
    cart.into_iter().chain([click, order]).collect()
}

/// From here on happenings are late clicks: a cart, a click after it, and the order.
const LATE: u8 = 14;

fn event(&(what, who, customer, day): &Happening, number: usize) -> String {
    let who = PARTNERS[who];
    let upper = who.to_uppercase();
    let (minute, order) = (number % 60, number / 2);
    let head = format!(r#""timestamp":"2026-03-{day:02}T10:{minute:02}:00Z","event_id":"e-{number}""#);
    let person = format!(r#""customer_id":"c-{customer}""#);
    // Distinct values that are no sum of the plans' amounts.
    let value = format!(
        r#""transaction_id":"o-{number}","value":"{}.{:02}""#,
        1_013 + 17 * number,
        (number * 7) % 100
    );
    let (kind, more) = match what {
        0 | 1 => ("click", format!(r#"{person},"link":"link-{who}","sub1":"sub-{who}""#)),
        2 => ("click", format!(r#"{person},"link":"only-{who}","sub1":"sub-{who}""#)),
        3 => ("impression", format!(r#"{person},"link":"link-{who}""#)),
        4 => ("click", format!(r#"{person},"channel":"email""#)),
        12 => ("click", format!(r#"{person},"gclid":"gclid-of-somebody""#)),
        13 => ("click", format!(r#"{person},"link":"link-{who}","fbclid":"fb-{who}-123456789""#)),
        5 | 6 => ("conversion", format!(r#"{person},{value},"sub2":"sub-{who}""#)),
        7 => ("conversion", format!(r#"{person},{value},"promo_code":"CODE-{upper}""#)),
        8 => ("conversion", format!(r#"{value},"partner":"{who}""#)),
        9 => ("conversion", format!(r#"{person},{value},"campaign":"solo-{who}","status":"approved""#)),
        10 => ("refund", format!(r#""transaction_id":"o-{order}""#)),
        _ => ("status", format!(r#""transaction_id":"o-{order}","status":"approved""#)),
    };
    format!(r#"{{"event_type":"{kind}",{head},{more}}}"#)
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    proptest::collection::vec((0_u8..16, 0_usize..3, 0_u8..3, 1_u32..28), 4..40)
}

/// Every text and number, cut where no key, id or amount goes on.
fn words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| *name != "id").for_each(|(_, value)| self::words(value, words))
        }
        Value::Array(values) => values.iter().for_each(|value| self::words(value, words)),
        Value::String(text) => {
            words.extend(
                text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
                    .map(|word| word.trim_end_matches('.').to_owned()),
            );
        }
        other => {
            words.insert(other.to_string());
        }
    }
}

/// What belongs to one partner alone.
#[derive(Default)]
struct Belongings {
    names: BTreeSet<String>,
    amounts: BTreeSet<String>,
}

fn belongings(partner: &str, conversions: &[Conversion], whole: &[Value]) -> Belongings {
    let names = ["{}", "link-{}", "only-{}", "solo-{}", "plan-{}", "sub-{}", "fb-{}-123456789"]
        .map(|form| form.replace("{}", partner));
    let mut own = Belongings { names: names.into(), ..Belongings::default() };
    own.names.insert(format!("fb-{partner}-123456789").chars().take(8).collect());
    // His windows, minimum time, rule for late clicks and version, as the set-up states them for him alone.
    let terms: &[&str] = match partner {
        "anna" => &["2332800", "6107"],
        "ben" => &["2160000", "6007", "2026-02-11T01"],
        _ => &["2246400", "2505600"],
    };
    own.names.extend(terms.iter().map(|term| (*term).to_owned()));
    own.names.insert(format!("CODE-{}", partner.to_uppercase()));
    for line in conversions.iter().flat_map(|conversion| &conversion.commissions) {
        if line.partner.as_str() == partner {
            own.names.insert(line.id.to_string());
            own.amounts.insert(line.granted.decimal());
        }
    }
    for explanation in whole {
        let touchpoints = explanation["conversion"]["touchpoints"].as_array().into_iter().flatten();
        // A code and a name are told by the order itself, which is nobody's alone.
        for touchpoint in touchpoints.filter(|each| {
            each["earner"] == partner && matches!(each["kind"].as_str(), Some("click" | "impression"))
        }) {
            own.names.extend(
                ["event_id", "click_id"]
                    .iter()
                    .filter_map(|name| Some(touchpoint[*name].as_str()?.to_owned())),
            );
        }
        if explanation["arrived"]["earner"] == partner {
            own.names.insert(explanation["arrived"]["event_id"].as_str().unwrap().to_owned());
        }
        if explanation["payout"]["partner"] == partner {
            own.names.insert(explanation["payout"]["payout"].as_str().unwrap().to_owned());
            own.amounts.insert(explanation["payout"]["total"]["amount"].as_str().unwrap().to_owned());
        }
    }
    own
}

/// Everything that can be asked for.
fn ids(bench: &Workbench) -> Vec<String> {
    let state = bench.desk.state.as_ref();
    let mut ids: Vec<String> = (0..3).map(|customer| format!("c-{customer}")).collect();
    for stored in state.facts_by_event(None, 1_000).unwrap() {
        ids.push(stored.fact.event_id.to_string());
        ids.extend(stored.fact.subject.click_id.map(|id| id.as_str().to_owned()));
        ids.extend(stored.fact.body.transaction().map(|number| number.as_str().to_owned()));
    }
    for (_, conversion) in state.conversions(&ConversionFilter::default(), None, 1_000).unwrap() {
        let credits = conversion.credits.iter().map(|credit| credit.touchpoint);
        let touchpoints = credits.map(|touchpoint| credit_id(conversion.event_id, touchpoint));
        ids.extend(touchpoints);
        ids.extend(conversion.commissions.iter().map(|line| line.id.to_string()));
    }
    for payout in state.payouts(None, 1_000).unwrap() {
        ids.push(payout.plan.payout.0.to_string());
        ids.extend(payout.plan.lines.iter().map(|(line, _)| format!("{}:{line}", payout.plan.payout.0)));
    }
    let entries = state.entries(&Workbench::brand(), 0, 1_000).unwrap();
    ids.extend(entries.iter().map(|entry| format!("acme#{}", entry.number)));
    for partner in PARTNERS {
        ids.extend([format!("link-{partner}"), format!("code-{partner}"), partner.to_owned()]);
    }
    ids
}

fn world(happenings: &[Happening]) -> Workbench {
    let mut bench = Workbench::with(SET_UP);
    let events: Vec<String> =
        happenings.iter().enumerate().flat_map(|(number, each)| events(each, number)).collect();
    bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    prepare(&mut bench.desk, &Workbench::brand(), "run", NOW, NOW).unwrap();
    let none = std::collections::HashMap::new();
    // Where nothing is payable there is no run to approve.
    let _ = advance(&mut bench.desk, &Workbench::brand(), "run", PayoutStep::Approved, &none, NOW);
    bench
}

/// What a partner is told beyond his own, as sentences.
fn leaks(bench: &Workbench) -> Vec<String> {
    let ids = ids(bench);
    let state = bench.desk.state.as_ref();
    let found = state.conversions(&ConversionFilter::default(), None, 1_000).unwrap();
    let conversions: Vec<Conversion> = found.into_iter().map(|(_, conversion)| conversion).collect();
    let whole: Vec<Value> = ids.iter().map(|id| json(&told(bench, id))).collect();
    let of: Vec<Belongings> =
        PARTNERS.iter().map(|partner| belongings(partner, &conversions, &whole)).collect();
    let mut leaks = Vec::new();
    for (place, viewer) in PARTNERS.iter().enumerate() {
        let own = &of[place];
        let mut secrets: BTreeSet<&String> = BTreeSet::new();
        for (_, rival) in of.iter().enumerate().filter(|(other, _)| *other != place) {
            secrets.extend(rival.names.difference(&own.names));
            secrets.extend(rival.amounts.difference(&own.amounts));
        }
        let operators: Vec<String> = OF_THE_OPERATOR.iter().map(|word| (*word).to_owned()).collect();
        secrets.extend(&operators);
        let values: BTreeSet<String> =
            conversions.iter().filter_map(|each| Some(each.value?.decimal())).collect();
        if *viewer != "anna" {
            secrets.extend(values.difference(&own.amounts));
        } else {
            // A percentage of one order may be the whole of another.
            secrets.retain(|secret| !values.contains(*secret));
        }
        for id in &ids {
            let mut said = BTreeSet::new();
            let seen = told_to(bench, viewer, id);
            words(&json(&seen), &mut said);
            let told = said.iter().filter(|word| secrets.contains(*word) && *word != id);
            leaks.extend(
                told.map(|word| format!("{viewer} asking for {id} is told {word}:\n{}", seen.prose())),
            );
        }
    }
    leaks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_explanation_tells_a_partner_what_belongs_to_a_rival(happenings in happenings()) {
        let leaks = leaks(&world(&happenings));
        prop_assert!(leaks.is_empty(), "{}", leaks.into_iter().take(2).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn the_search_for_leaks_finds_what_the_operator_is_told() {
    let bench = world(&[(0, 0, 0, 1), (0, 1, 0, 2), (5, 0, 0, 3)]);
    let mut said = BTreeSet::new();
    words(&json(&told(&bench, "o-2")), &mut said);
    for secret in ["anna", "ben", "link-ben", "plan-ben", "8.65", "1047.14"] {
        assert!(said.contains(secret), "{secret}: {said:?}");
    }
    for (viewer, sees, does_not) in [("anna", "1047.14", "ben"), ("ben", "8.65", "1047.14")] {
        let mut said = BTreeSet::new();
        words(&json(&told_to(&bench, viewer, "o-2")), &mut said);
        assert!(said.contains(sees) && !said.contains(does_not), "{viewer}: {said:?}");
        assert!(said.contains("another partner") || said.contains("another"), "{viewer}");
    }
}

#[test]
fn what_does_not_concern_a_partner_is_to_him_as_if_it_were_not_there() {
    let bench = world(&[(0, 0, 0, 1), (5, 0, 0, 3)]);
    let click =
        json(&told(&bench, "o-1"))["conversion"]["touchpoints"][0]["click_id"].as_str().unwrap().to_owned();
    let nobody = told_to(&bench, "ben", "no-such-order").prose().replace("no-such-order", "ID");
    for id in ["o-1", "c-0", "acme#1", "link-anna", "CODE-ANNA", click.as_str()] {
        assert_eq!(told_to(&bench, "ben", id).prose().replace(id, "ID"), nobody, "{id}");
    }
    assert_eq!(told_to(&bench, "anna", "o-1").what, "conversion");
}

#[test]
fn who_came_before_a_partner_cannot_be_read_from_whose_his_click_is() {
    let whose = |happenings: &[Happening]| {
        let bench = world(happenings);
        let order = format!("o-{}", happenings.len() - 1);
        let touchpoints = json(&told(&bench, &order))["conversion"]["touchpoints"].clone();
        let own = touchpoints.as_array().unwrap().iter().find(|each| each["earner"] == "anna").unwrap();
        let seen = told_to(&bench, "anna", own["click_id"].as_str().unwrap());
        assert!(json(&seen)["identity"]["person"].is_null(), "{}", seen.prose());
        let section = seen.sections.iter().find(|section| section.title == "Whose it is").unwrap();
        section.lines[0].clone()
    };
    let alone = whose(&[(0, 0, 0, 2), (5, 0, 0, 3)]);
    assert_eq!(alone, whose(&[(0, 1, 0, 1), (0, 0, 0, 2), (5, 0, 0, 3)]));
    assert_eq!(alone, "What it carries joins it to a person.");
}

#[test]
fn a_click_that_another_event_joined_is_not_told_to_be_of_the_same_device() {
    let mut bench = Workbench::with(SET_UP);
    let outcomes = bench.send(&[
        r#"{"event_type":"click","timestamp":"2026-03-01T10:00:00Z","visitor_id":"v","link":"link-anna"}"#,
        r#"{"event_type":"identify","timestamp":"2026-03-02T10:00:00Z","customer_id":"c","visitor_id":"v"}"#,
        r#"{"event_type":"click","timestamp":"2026-03-03T10:00:00Z","customer_id":"c","link":"only-anna"}"#,
    ]);
    let (first, last) = (outcomes[0].event_id.unwrap(), outcomes[2].event_id.unwrap());
    let prose = told_to(&bench, "anna", &last.to_string()).prose();
    assert!(prose.contains(&format!("click of anna is of the same person. [{first}]")), "{prose}");
    assert!(!prose.contains("the same device") && !prose.contains("names no identity"), "{prose}");
}

#[test]
fn a_late_click_is_explained_to_its_partner_without_a_word_of_whom_it_yielded_to() {
    for late in [LATE, LATE + 1] {
        let bench = world(&[(13, 0, 0, 1), (12, 0, 0, 1), (late, 1, 0, 3)]);
        assert!(leaks(&bench).is_empty(), "{:?}", leaks(&bench));
        let whole = json(&told(&bench, "o-2"));
        let touchpoints = whole["conversion"]["touchpoints"].as_array().unwrap();
        let stood = touchpoints.iter().find(|each| each["earner"] == "ben").unwrap();
        assert_eq!(stood["verdict"]["code"], "stand_down", "{whole:#}");
        assert_eq!(stood["stand_down"]["within_seconds"], 6_007);
        for word in ["fb-anna-123456789", "fb-anna-", "gclid-of-somebody", "gclid-of", "own-network"] {
            let mut said = BTreeSet::new();
            words(&whole, &mut said);
            for each in touchpoints {
                words(&json(&told(&bench, each["event_id"].as_str().unwrap())), &mut said);
            }
            assert!(said.contains(word), "the operator is told {word}, so the search can find it: {said:?}");
        }
        let seen = json(&told_to(&bench, "ben", "o-2"));
        let own = &seen["conversion"]["touchpoints"][0];
        assert_eq!(own["stand_down"]["stated_at"]["key"], "solo-ben");
        assert_eq!(own["paid_click"], serde_json::json!({"parameter": "fbclid", "made_channel": false}));
    }
}
