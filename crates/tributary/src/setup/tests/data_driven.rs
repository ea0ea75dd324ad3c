//! Data-driven models in goals, tiers and campaigns: their weights must be there and know whom they are to pay.

use super::*;

/// A brand whose partner `anna` promotes the campaign `summer`; `cora` promotes nothing.
fn with(tier: &str, campaign: &str, weights: &str) -> String {
    let base = BASE
        .replace("currency: EUR", &format!("currency: EUR{tier}"))
        .replace("tier: awareness", &format!("tier: awareness{campaign}"))
        .replace("kind: creator}", "kind: creator}, {key: cora, kind: creator}");
    format!("{base}{weights}")
}

/// The three levels that state a model, each with the field that an error names.
fn levels() -> [(String, String, &'static str); 4] {
    let spring = "model: {kind: data_driven, weights: spring}";
    let beneath = "model: {kind: coupon_first, otherwise: {kind: data_driven, weights: spring}}";
    [
        (String::new(), format!(", {spring}"), "campaigns[0].model.weights"),
        (
            String::new(),
            format!(", goals: [{{goal: lead, model: linear}}, {{goal: ftd, {spring}}}]"),
            "campaigns[0].goals[1].model.weights",
        ),
        (
            format!(", tiers: {{awareness: {{{spring}}}}}"),
            String::new(),
            "brands[0].tiers.awareness.model.weights",
        ),
        (String::new(), format!(", {beneath}"), "campaigns[0].model.otherwise.weights"),
    ]
}

fn weights(key: &str, of_earner: &str) -> String {
    format!("weights: [{{key: {key}, trained: by hand, of_earner: {{{of_earner}}}}}]\n")
}

#[test]
fn missing_weights_are_refused_at_every_level_with_field_and_remedy() {
    for (tier, campaign, field) in levels() {
        let message = refusal(&with(&tier, &campaign, &weights("sprint", "anna: 1")));
        for part in [field, "there is no weights `spring`", "`sprint`", "add it under `weights`"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn weights_that_were_trained_for_other_channels_are_refused_at_every_level() {
    for (tier, campaign, field) in levels() {
        for of_earner in ["cora: 3, '@email': 1", "cora: 3, anna: 0"] {
            let message = refusal(&with(&tier, &campaign, &weights("spring", of_earner)));
            for part in
                [field, "trained for other channels", "`cora`", "none of `anna`", "tributary model train"]
            {
                assert!(message.contains(part), "{part}: {message}");
            }
        }
        for of_earner in ["anna: 1", "anna: 1, cora: 5, '@email': 7"] {
            let text = with(&tier, &campaign, &weights("spring", of_earner));
            assert!(plan(&[], &document(&text), NOW).is_ok(), "{field}: {of_earner}");
        }
    }
}

#[test]
fn a_campaign_that_nobody_promotes_yet_and_a_tier_without_campaigns_may_name_any_weights() {
    let spring = "model: {kind: data_driven, weights: spring}";
    let of_cora = weights("spring", "cora: 3");
    let other_tier = format!(", tiers: {{conversion: {{{spring}}}}}");
    let without_links = with("", &format!(", {spring}"), &of_cora)
        .replace("links: [{key: go, partner: anna, campaign: summer}]\n", "");
    for text in [with(&other_tier, "", &of_cora), without_links] {
        assert!(plan(&[], &document(&text), NOW).is_ok(), "{text}");
    }
}

#[test]
fn what_an_older_version_said_is_no_problem_any_more() {
    let spring = ", model: {kind: data_driven, weights: spring}";
    let rows = apply(&[(&with("", spring, &weights("spring", "anna: 1")), NOW)]);
    let later = NOW.plus(Span::DAY);
    let mut rows_then = rows.clone();
    let changed = with("", ", model: linear", &weights("spring", "cora: 1"));
    let set = plan(&rows, &document(&changed), later).unwrap();
    store(&mut rows_then, set);
    let again = plan(&rows_then, &document(&changed), later.plus(Span::DAY)).unwrap();
    assert!(again.is_empty(), "{again}");
}
