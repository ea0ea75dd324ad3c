//! The rules of a set-up as tables: what is read, what is refused with which words, what applying changes.

mod brands;
mod data_driven;

use tributary_domain::attribution::models::Model;
use tributary_domain::configuration::{BUILT_IN_MODEL, Configuration, Rate, StandDown, StatedWindows};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Goal, LinkKey, PartnerKey, PlanKey, PromoCode, SourceKey,
};
use tributary_domain::time::{Span, Timestamp};

use super::*;

mod terms;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

const BASE: &str = "
brands: [{key: acme, currency: EUR}]
plans: [{key: std, rules: [{goal: purchase, pays: 10%}]}]
campaigns: [{key: summer, tier: awareness, destination: 'https://acme.example/', plan: std}]
partners: [{key: anna, kind: creator}]
links: [{key: go, partner: anna, campaign: summer}]
sources: [{key: shop, secrets: [0123456789abcdef0123456789abcdef]}]
";

fn environment(name: &str) -> Option<String> {
    (name == "SHOP_SECRET").then(|| SECRET.to_owned())
}

fn read(name: &str, text: &str) -> Result<Document, SetupError> {
    Document::read(&[SetupFile { name: name.into(), text: text.into() }], &[], &environment)
}

fn document(text: &str) -> Document {
    read("setup.yaml", text).unwrap()
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

const NOW: Timestamp = Timestamp(1_780_000_000_000_000);

/// Reading or planning must fail; answers the problems as printed.
fn refusal(text: &str) -> String {
    match read("setup.yaml", text) {
        Err(error) => error.to_string(),
        Ok(document) => plan(&[], &document, NOW).unwrap_err().to_string(),
    }
}

/// Applies documents one after the other, each at its moment; answers the rows at the end.
fn apply(steps: &[(&str, Timestamp)]) -> Vec<StoredEntity> {
    let mut rows: Vec<StoredEntity> = Vec::new();
    for (text, now) in steps {
        let set = plan(&rows, &document(text), *now).unwrap();
        store(&mut rows, set);
    }
    rows
}

fn store(rows: &mut Vec<StoredEntity>, set: ChangeSet) {
    let id = |row: &StoredEntity| (row.kind.clone(), row.brand.clone(), row.key.clone(), row.effective_from);
    for new in set.rows {
        rows.retain(|row| id(row) != id(&new));
        rows.push(new);
    }
}

fn built(rows: &[StoredEntity]) -> Configuration {
    configuration(rows, 1).unwrap()
}

fn acme() -> BrandKey {
    BrandKey::parse("acme").unwrap()
}

/// Click and view window of anna's links in the campaign `summer` for a purchase.
fn windows(configuration: &Configuration) -> (Span, Span) {
    let (campaign, goal) = (CampaignKey::parse("summer").unwrap(), Goal::parse("purchase").unwrap());
    let anna = PartnerKey::parse("anna").unwrap();
    let windows = configuration.windows(&acme(), Some(&campaign), Some(&anna), &goal, NOW);
    (windows.click, windows.view)
}

/// The model of the campaign `summer` for a goal.
fn model_for(configuration: &Configuration, goal: &str) -> Model {
    let campaign = CampaignKey::parse("summer").unwrap();
    configuration.model(&acme(), Some(&campaign), &Goal::parse(goal).unwrap(), NOW).clone()
}

#[test]
fn the_example_is_a_valid_set_up() {
    let text = include_str!("../../../../examples/setup.yaml");
    let document = document(text);
    let set = plan(&[], &document, NOW).unwrap();
    assert_eq!(set.counts(), (document.entities.len() - 1, 1, 0), "{set}");
    let configuration = built(&set.rows);
    let brand = BrandKey::parse("northwind").unwrap();
    let tents =
        |at| configuration.campaign(&brand, &CampaignKey::parse("tents").unwrap(), at).unwrap().windows.click;
    assert_eq!(tents(moment("2026-02-28T23:59:59Z")), Some(Span::days(10)));
    assert_eq!(tents(moment("2026-03-01T00:00:00Z")), Some(Span::days(21)));
    let code = PromoCode::parse("anna10").unwrap();
    assert_eq!(configuration.promo_codes[&(brand, code)], LinkKey::parse("anna-summer").unwrap());
}

#[test]
fn the_simulated_world_and_the_published_paths_are_valid_set_ups() {
    let secret = || SECRET.to_owned();
    let secrets =
        tributary_sim::world::Secrets { site: secret(), shop: secret(), crm: secret(), network: secret() };
    let choices = tributary_sim::world::SetUp { shop_address: "https://lumen.example", secrets: &secrets };
    let paths = include_str!("../../../../examples/paths/setup.yaml").replace("PATHS_SECRET", "SHOP_SECRET");
    for text in [tributary_sim::world::set_up(&choices), paths] {
        let set = plan(&[], &document(&text), NOW).unwrap();
        assert!(!built(&set.rows).links.is_empty());
    }
}

#[test]
fn defaults_are_filled_in_and_stored() {
    let configuration = built(&apply(&[(BASE, NOW)]));
    let campaign = configuration.campaign(&acme(), &CampaignKey::parse("summer").unwrap(), NOW).unwrap();
    assert_eq!(campaign.windows, StatedWindows::default(), "inherited, and stored so");
    assert_eq!(windows(&configuration), (Span::days(30), Span::days(1)));
    assert_eq!(campaign.visit_gap, Span(30 * Span::MINUTE.0));
    assert_eq!(campaign.model, None, "inherited, and stored so");
    assert_eq!(model_for(&configuration, "purchase"), Model::WeightedLastTouch { last_share_ppm: 600_000 });
    assert_eq!(campaign.click_parameter, "click_id");
    assert!(campaign.active);
    let source = configuration.source(&SourceKey::parse("shop").unwrap(), NOW).unwrap();
    assert_eq!((source.adapter.as_str(), source.transaction_namespace.as_str()), ("tributary", "shop"));
    let plan = configuration.plan(&acme(), &PlanKey::parse("std").unwrap(), NOW).unwrap();
    assert_eq!(plan.rules[0].1, Rate::Percentage { ppm: 100_000 });
    let partner = configuration.partner(&acme(), &PartnerKey::parse("anna").unwrap(), NOW).unwrap();
    assert_eq!(partner.name, "anna");
}

#[test]
fn a11_windows_follow_the_tier_unless_the_campaign_has_its_own() {
    for (fields, click, view) in [
        ("tier: awareness", 30, Span::DAY),
        ("tier: consideration", 14, Span::DAY),
        ("tier: conversion", 7, Span::DAY),
        ("tier: conversion, windows: {click: 45d}", 45, Span::DAY),
        ("tier: conversion, windows: {view: 1h}", 7, Span::HOUR),
    ] {
        let configuration = built(&apply(&[(&BASE.replace("tier: awareness", fields), NOW)]));
        assert_eq!(windows(&configuration), (Span::days(click), view), "{fields}");
    }
}

#[test]
fn toml_says_the_same_as_yaml() {
    let toml = r#"
        brands = [{key = "acme", currency = "EUR"}]
        [[plans]]
        key = "std"
        rules = [{goal = "purchase", pays = "10%"}]
        [[campaigns]]
        key = "summer"
        tier = "awareness"
        destination = "https://acme.example/"
        plan = "std"
        effective_from = 2026-02-01T00:00:00Z
        [[partners]]
        key = "anna"
        kind = "creator"
        [[links]]
        key = "go"
        partner = "anna"
        campaign = "summer"
        [[sources]]
        key = "shop"
        secrets = ["env:SHOP_SECRET"]
    "#;
    let from_toml = read("setup.toml", toml).unwrap();
    let from_yaml =
        document(&BASE.replace("key: summer,", "key: summer, effective_from: 2026-02-01T00:00:00Z,"));
    assert_eq!(entities(&from_toml), entities(&from_yaml));
}

#[test]
fn problems_name_place_message_and_remedy() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "tier: awareness",
            "tier: awarenes",
            &["setup.yaml: campaigns[0].tier", "nearest valid name is `awareness`"],
        ),
        ("tier: awareness", "teir: awareness", &["campaigns[0].teir", "unknown field `teir`", "`tier`"]),
        ("tier: awareness, ", "", &["campaigns[0]: `tier` is missing"]),
        (
            "tier: awareness",
            "tier: awareness, windows: {clik: 3d}",
            &["campaigns[0].windows.clik", "`click`"],
        ),
        (
            "tier: awareness",
            "tier: awareness, windows: {click: 3}",
            &["windows.click: expected a text, found 3", "in quotes"],
        ),
        (
            "tier: awareness",
            "tier: awareness, windows: {click: 3w}",
            &["windows.click", "is not a length of time"],
        ),
        ("tier: awareness", "tier: awareness, model: last", &["campaigns[0].model", "`last_touch`"]),
        (
            "tier: awareness",
            "tier: awareness, model: {kind: linear, last_share: 60%}",
            &["model.last_share", "has no `last_share`"],
        ),
        (
            "tier: awareness",
            "tier: awareness, model: {kind: weighted_last_touch, last_share: 0.6}",
            &["model.last_share", "in quotes"],
        ),
        (
            "https://acme.example/",
            "ftp://acme.example/",
            &["campaigns[0].destination", "http:// or https://"],
        ),
        ("plan: std", "plan: sdt", &["campaigns[0].plan: there is no plan `sdt`; the nearest is `std`"]),
        ("pays: 10%", "pays: 10", &["plans[0].rules[0].pays", "in quotes"]),
        ("pays: 10%", "pays: '10'", &["plans[0].rules[0].pays", "is not an amount"]),
        ("pays: 10%", "pays: 101%", &["rules[0].pays", "more than 100%"]),
        ("rules: [", "rules: [{goal: purchase, pays: 1 EUR}, ", &["plans[0].rules[1].goal", "two rules"]),
        ("kind: creator", "kind: creater", &["partners[0].kind", "`creator`"]),
        ("kind: creator", "kind: creator, parent: anna", &["partners[0].parent", "anna -> anna"]),
        ("kind: creator", "kind: creator, parent: bob", &["partners[0].parent", "no partner `bob`"]),
        (
            "kind: creator",
            "kind: creator, minimum_payout: [1 EUR, 2 EUR]",
            &["partners[0].minimum_payout", "two minimum"],
        ),
        ("partner: anna", "partner: ana", &["links[0].partner", "the nearest is `anna`"]),
        (
            "key: go,",
            "key: go, destination: 'https://evil.example/',",
            &["links[0].destination", "allowed: acme.example"],
        ),
        (
            "links: [",
            "links: [{key: go, partner: anna, campaign: summer}, ",
            &["links[1]", "stands twice", "links[0]"],
        ),
        ("currency: EUR", "currency: EURO", &["brands[0].currency", "ISO 4217"]),
        ("currency: EUR", "currency: EUR, brand: x", &["brands[0].brand", "unknown field"]),
        ("brands:", "brand:", &["setup.yaml: brand: unknown field `brand`", "`brands`"]),
        ("key: summer", "key: 'sum mer'", &["campaigns[0].key", "is not a campaign key"]),
        ("key: summer", "key: summer, active: 'no'", &["campaigns[0].active", "expected true or false"]),
        ("key: summer", "key: summer, effective_from: soon", &["campaigns[0].effective_from", "RFC 3339"]),
        ("key: shop,", "key: shop, rate_limit: 0,", &["sources[0].rate_limit", "above zero"]),
        ("key: shop,", "key: shop, key: shop,", &["setup.yaml: ", "duplicate"]),
        ("sources: [", "sources: {", &["setup.yaml: "]),
    ];
    for (from, to, expected) in cases {
        let text = BASE.replacen(from, to, 1);
        assert_ne!(text, BASE, "{from}");
        let message = refusal(&text);
        for part in *expected {
            assert!(message.contains(part), "{to}: {message}");
        }
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = BASE.replace("tier: awareness", "tier: x").replace("kind: creator", "kind: y");
    let error = read("setup.yaml", &text).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
}

#[test]
fn s6_a_source_without_a_secret_is_refused() {
    for (secrets, expected) in [
        ("", "secrets: a source without a secret"),
        (", secrets: []", "secrets: a source without a secret"),
        (", secrets: [short]", "secrets[0]: the secret has 5 bytes"),
        (", secrets: ['env:NOT_SET']", "secrets[0]: the environment variable `NOT_SET` is not set"),
        (", secrets: [{value: short}]", "secrets[0].value: the secret has 5 bytes"),
    ] {
        let text = BASE.replace(&format!(", secrets: [{SECRET}]"), secrets);
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("short "), "{message}");
    }
    let open = BASE.replace(&format!("secrets: [{SECRET}]"), "accepts_unsigned_postbacks: true");
    assert!(plan(&[], &document(&open), NOW).is_ok());
}

#[test]
fn secrets_rotate_and_are_never_printed() {
    let rotated =
        "secrets: ['env:SHOP_SECRET', {value: another-long-secret, not_after: 2026-07-01T00:00:00Z}]";
    let text = BASE.replace(&format!("secrets: [{SECRET}]"), rotated);
    let rows = apply(&[(BASE, NOW)]);
    let set = plan(&rows, &document(&text), NOW.plus(Span::DAY)).unwrap();
    let printed = format!("{set} {} {set:?} {:?}", set.to_json(), document(&text));
    assert!(printed.contains("secrets: (not shown) -> (not shown)"), "{printed}");
    assert!(!printed.contains("another-long-secret") && !printed.contains(SECRET), "{printed}");
    let configuration = built(&set.rows);
    let source = configuration.source(&SourceKey::parse("shop").unwrap(), NOW).unwrap();
    assert_eq!(source.secrets[0].0.0, SECRET.as_bytes());
    assert_eq!(source.secrets[1].1, Some(moment("2026-07-01T00:00:00Z")));
}

#[test]
fn applying_again_changes_nothing() {
    let example = include_str!("../../../../examples/setup.yaml");
    for text in [BASE, example] {
        let rows = apply(&[(text, NOW)]);
        for later in [NOW, NOW.plus(Span::days(400))] {
            let set = plan(&rows, &document(text), later).unwrap();
            assert!(set.is_empty(), "{set}");
        }
    }
}

#[test]
fn a_change_without_date_is_in_force_from_now_on() {
    let changed = BASE.replace("pays: 10%", "pays: 12%");
    let rows = apply(&[(BASE, NOW), (&changed, NOW.plus(Span::DAY))]);
    assert_eq!(rows.len(), 7);
    let configuration = built(&rows);
    let ppm = |at| match configuration.plan(&acme(), &PlanKey::parse("std").unwrap(), at).unwrap().rules[0].1
    {
        Rate::Percentage { ppm } => ppm,
        Rate::CostPerAction(_) => 0,
    };
    assert_eq!((ppm(NOW), ppm(NOW.plus(Span::DAY))), (100_000, 120_000));
    assert!(plan(&rows, &document(&changed), NOW.plus(Span::days(2))).unwrap().is_empty());
}

#[test]
fn only_what_decides_about_money_is_settled_again() {
    let rows = apply(&[(BASE, NOW)]);
    let later = NOW.plus(Span::DAY);
    for (from, to, expected) in [
        ("currency: EUR", "currency: EUR, name: Acme", None),
        (SECRET, "another-secret-0123456789", None),
        ("key: shop,", "key: shop, aliases: {order: transaction_id},", None),
        ("key: shop,", "key: shop, transaction_namespace: crm,", Some(later)),
        ("pays: 10%", "pays: 11%", Some(later)),
        ("partners: [", "partners: [{key: bob, kind: creator}, ", Some(Timestamp(i64::MIN))),
        ("sources: [", "sources: [{key: crm, secrets: [another-secret-0123456789]}, ", None),
    ] {
        let set = plan(&rows, &document(&BASE.replacen(from, to, 1)), later).unwrap();
        assert!(!set.is_empty(), "{to}");
        assert_eq!(set.resettle_from(), expected, "{to}");
    }
}

#[test]
fn touches_are_counted_again_only_where_they_come_to_be_somebody_elses() {
    let base = BASE.replacen("partners: [", "partners: [{key: bob, kind: creator}, ", 1);
    let rows = apply(&[(&base, NOW)]);
    let later = NOW.plus(Span::DAY);
    for (from, to, expected) in [
        ("pays: 10%", "pays: 11%", None),
        ("links: [", "links: [{key: new, partner: bob, campaign: summer}, ", None),
        ("partner: anna, campaign", "partner: bob, campaign", Some(later)),
        ("campaign: summer}", "campaign: summer, promo_code: ANNA5}", None),
        ("currency: EUR", "currency: EUR, channels: none", Some(later)),
        ("currency: EUR", "currency: EUR, most_customers_per_identifier: 9", None),
    ] {
        let set = plan(&rows, &document(&base.replacen(from, to, 1)), later).unwrap();
        assert!(!set.is_empty(), "{to}");
        assert_eq!(set.recount_from(), expected, "{to}");
        assert_eq!(set.judged_anew().touches_from, expected.unwrap_or(Timestamp(i64::MAX)));
    }
}

#[test]
fn a_dated_version_changes_only_what_follows() {
    let dated = "
plans:
  - {key: std, rules: [{goal: purchase, pays: 10%}]}
  - {key: std, effective_from: 2026-02-01T00:00:00Z, rules: [{goal: purchase, pays: 20%}]}
";
    let rows = apply(&[(BASE, NOW)]);
    let files = [SetupFile { name: "dated.yaml".into(), text: dated.into() }];
    let document = Document::read(&files, &[acme()], &environment).unwrap();
    let set = plan(&rows, &document, NOW).unwrap();
    assert_eq!(set.counts(), (0, 1, 1), "{set}");
    assert!(
        set.to_string().contains("~ plan std from 2026-02-01T00:00:00Z\n    rules[0].pays: 10% -> 20%"),
        "{set}"
    );
    assert!(set.to_string().contains("settled again"), "{set}");
    let mut rows = rows;
    store(&mut rows, set);
    assert!(plan(&rows, &document, NOW.plus(Span::DAY)).unwrap().is_empty());
}

#[test]
fn brands_do_not_share_links_sources_or_references() {
    let two = BASE
        .replace("[{key: acme, currency: EUR}]", "[{key: acme, currency: EUR}, {key: beta, currency: USD}]");
    assert!(refusal(&two).contains("`brand` is missing and there is not exactly one brand"));
    let beta = "
brands: [{key: beta, currency: USD}]
campaigns: [{key: summer, tier: awareness, destination: 'https://beta.example/'}]
links: [{key: go, partner: anna, campaign: summer}]
";
    let rows = apply(&[(BASE, NOW)]);
    let message = plan(&rows, &document(beta), NOW).unwrap_err().to_string();
    assert!(message.contains("links[0].key: the link `go` belongs to the brand `acme`"), "{message}");
    assert!(
        message.contains("links[0].partner: there is no partner `anna`; there is no partner yet"),
        "{message}"
    );
}

#[test]
fn promo_codes_stand_for_one_link() {
    let text = BASE.replace(
        "links: [",
        "links: [{key: a, partner: anna, campaign: summer, promo_code: anna10}, {key: b, partner: anna, campaign: summer, promo_code: ANNA10}, ",
    );
    assert!(refusal(&text).contains("the promo code `ANNA10` belongs to the link `a`"));
}

#[test]
fn circles_of_recruiting_are_refused() {
    let text = BASE.replace(
        "[{key: anna, kind: creator}]",
        "[{key: anna, kind: creator, parent: bob}, {key: bob, kind: creator, parent: cy}, {key: cy, kind: creator, parent: bob}]",
    );
    let message = refusal(&text);
    assert!(message.contains("bob -> cy -> bob") && message.contains("cy -> bob -> cy"), "{message}");
    assert!(!message.contains("partners[0]"), "{message}");
}

#[test]
fn deep_nesting_is_refused_before_it_costs_time() {
    for (name, text) in [
        ("deep.yaml", "{a: ".repeat(100_000)),
        ("deep.json", "[".repeat(400_000)),
        ("deep.toml", format!("a = {}", "[".repeat(100_000))),
    ] {
        let started = std::time::Instant::now();
        let message = read(name, &text).unwrap_err().to_string();
        assert!(message.contains("line 1: brackets are nested more than 64 deep"), "{message}");
        assert!(started.elapsed() < std::time::Duration::from_secs(2), "{name}: {:?}", started.elapsed());
    }
}
