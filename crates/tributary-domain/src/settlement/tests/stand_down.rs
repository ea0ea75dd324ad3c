//! Clicks after the cart was opened, as tables.

use super::*;

const HALF_AN_HOUR: StandDown = StandDown::AfterCart { within: Span(30 * Span::MINUTE.0) };

/// The world in which the brand has the rule.
fn standing_down() -> Configuration {
    let mut world = world();
    world.brands.insert(brand(), Versions::always(Brand { stand_down: HALF_AN_HOUR, ..acme() }));
    world
}

/// The verdicts where the order says when its cart was opened.
fn verdicts(world: &Configuration, touches: &[&str], cart: &str) -> Vec<String> {
    let order = format!("2d conversion 100.00EUR t:o1 v:1 {cart}");
    considered(world, &[touches, &[order.as_str()]].concat())
}

#[test]
fn a_late_click_yields_to_whoever_brought_the_customer_before_the_cart() {
    let world = standing_down();
    let touches = ["1d click link:a v:1", "1d23h50m click link:b v:1"];
    for (cart, ben) in [
        ("cart:1d23h45m", "stand_down"),
        ("cart:1d23h50m", "eligible"),
        ("cart:1d23h55m", "eligible"),
        ("cart:1d23h20m", "stand_down"),
        ("cart:1d23h19m59s", "eligible"),
        ("", "eligible"),
    ] {
        let expected = ["anna eligible".to_owned(), format!("ben {ben}")];
        assert_eq!(verdicts(&world, &touches, cart), expected, "{cart}");
    }
    let credited = shown(&world, &[touches[0], touches[1], "2d conversion 100.00EUR t:o1 v:1 cart:1d23h45m"]);
    assert!(credited[0].contains("| anna 100.00 |"), "{credited:?}");
}

#[test]
fn without_the_rule_nothing_stands_down() {
    let touches = ["1d click link:a v:1", "1d23h50m click link:b v:1"];
    assert_eq!(verdicts(&world(), &touches, "cart:1d23h45m"), ["anna eligible", "ben eligible"]);
    let mut world = standing_down();
    world.set_campaign(
        "summer",
        Campaign { stand_down: Some(StandDown::Off), ..campaign(COMMISSIONED, "standard") },
    );
    assert_eq!(verdicts(&world, &touches, "cart:1d23h45m"), ["anna eligible", "ben eligible"]);
    let dora = ["1d click link:a v:1", "1d23h50m click link:d v:1"];
    assert_eq!(
        verdicts(&world, &dora, "cart:1d23h45m"),
        ["anna eligible", "dora stand_down"],
        "her campaign"
    );
}

#[test]
fn who_stands_down_and_for_whom() {
    let world = standing_down();
    for (touches, expected) in [
        // Nobody else was there before the cart.
        (&["1d click link:a v:1", "1d23h50m click link:a v:1"][..], &["anna eligible", "anna eligible"][..]),
        (&["1d23h50m click link:b v:1"], &["ben eligible"]),
        (
            &["1d click @direct v:1", "1d23h50m click link:b v:1"],
            &["@direct direct_outranked", "ben eligible"],
        ),
        (&["1d23h48m click link:a v:1", "1d23h50m click link:b v:1"], &["anna eligible", "ben eligible"]),
        // A link that is not set up brought nobody.
        (&["0d click link:z v:1", "1d23h50m click link:b v:1"], &["? partner_unknown", "ben eligible"]),
        // Channels and impressions count as having brought him; channels themselves do not stand down.
        (&["1d click @email v:1", "1d23h50m click link:b v:1"], &["@email eligible", "ben stand_down"]),
        (&["1d click link:a v:1", "1d23h50m click @email v:1"], &["anna eligible", "@email eligible"]),
        (&["1d12h view link:a v:1", "1d23h50m click link:b v:1"], &["anna eligible", "ben stand_down"]),
        (&["1d click link:a v:1", "1d23h50m view link:b v:1"], &["anna eligible", "ben stand_down"]),
        // Each of two yields to the other; what they did before the cart stays.
        (
            &[
                "1d click link:a v:1",
                "1d1h click link:b v:1",
                "1d23h48m click link:a v:1",
                "1d23h50m click link:b v:1",
            ],
            &["anna eligible", "ben eligible", "anna stand_down", "ben stand_down"],
        ),
    ] {
        assert_eq!(verdicts(&world, touches, "cart:1d23h45m"), expected, "{touches:?}");
    }
    let code = "cart:1d23h45m code:ANNA10";
    assert_eq!(
        verdicts(&world, &["1d click link:b v:1"], code),
        ["ben eligible", "anna eligible"],
        "a code is used at the order by nature"
    );
}

#[test]
fn a_conversion_s_own_click_id_stands_down_too() {
    let lines = [
        "1d click link:a v:1",
        "1d23h50m click link:b v:1 k:coupon",
        "2d conversion 100.00EUR t:o1 v:1 k:coupon cart:1d23h45m",
    ];
    assert_eq!(considered(&standing_down(), &lines), ["anna eligible", "ben stand_down"]);
}

#[test]
fn events_tell_of_the_cart_where_the_order_does_not() {
    let world = standing_down();
    let touches = ["1d click link:a v:1", "1d23h50m click link:b v:1"];
    for (events, ben) in [
        (&["1d23h45m qualification goal:cart v:1"][..], "stand_down"),
        (&["1d23h45m registration goal:cart v:1"], "stand_down"),
        (&["1d23h45m qualification goal:checkout v:1"], "stand_down"),
        (&["1d23h45m qualification goal:cart v:2"], "eligible"),
        (&["1d23h45m qualification goal:wishlist v:1"], "eligible"),
        // The checkout comes after the click; the cart was opened before.
        (&["1d23h45m qualification goal:cart v:1", "1d23h51m qualification goal:checkout v:1"], "stand_down"),
        // Opened anew after the click, it was the click that brought him back.
        (&["1d23h45m qualification goal:cart v:1", "1d23h51m qualification goal:cart v:1"], "eligible"),
        (&["1d23h45m qualification goal:cart v:1", "2d1h qualification goal:cart v:1"], "stand_down"),
    ] {
        let lines = [&touches[..], events, &["2d conversion 100.00EUR t:o1 v:1"]].concat();
        let conversions = settled(&world, &lines).conversions;
        let order = conversions.iter().find(|each| each.goal.as_str() == "purchase").unwrap();
        let verdict = order.considered.iter().find(|each| each.touchpoint.link == LinkKey::parse("b").ok());
        assert_eq!(verdict.unwrap().verdict.code(), ben, "{events:?}");
    }
    let stated = [
        touches[0],
        touches[1],
        "1d23h45m qualification goal:cart v:1",
        "2d conversion 100.00EUR t:o1 v:1 cart:1d23h55m",
    ];
    assert_eq!(considered(&world, &stated), ["anna eligible", "ben eligible"], "the order's word goes first");
}

#[test]
fn a_cart_of_more_than_a_day_ago_or_of_later_than_the_order_is_no_cart_of_it() {
    let wide = StandDown::AfterCart { within: Span::DAY };
    let mut world = world();
    world.brands.insert(brand(), Versions::always(Brand { stand_down: wide, ..acme() }));
    for (cart, ben) in [("1d", "stand_down"), ("23h59m59s", "eligible")] {
        let lines = [
            "12h click link:a v:1".to_owned(),
            format!("{cart} qualification goal:cart v:1"),
            "1d10m click link:b v:1".to_owned(),
            "2d conversion 100.00EUR t:o1 v:1".to_owned(),
        ];
        let expected = ["anna eligible".to_owned(), format!("ben {ben}")];
        assert_eq!(considered(&world, &lines)[..], expected, "{cart}");
    }
    let touches = ["1d click link:a v:1", "1d23h50m click link:b v:1"];
    assert_eq!(verdicts(&world, &touches, "cart:2d1m"), ["anna eligible", "ben eligible"]);
}

#[test]
fn the_version_in_force_at_the_conversion_decides() {
    let mut world = world();
    let mut versions = Versions::always(acme());
    versions.add(time("2d"), Brand { stand_down: HALF_AN_HOUR, ..acme() });
    world.brands.insert(brand(), versions);
    for (order, ben) in [("1d23h59m", "eligible"), ("2d", "stand_down")] {
        let lines = [
            "1d click link:a v:1".to_owned(),
            "1d23h50m click link:b v:1".to_owned(),
            format!("{order} conversion 100.00EUR t:o1 v:1 cart:1d23h45m"),
        ];
        assert_eq!(considered(&world, &lines)[1], format!("ben {ben}"), "{order}");
    }
}

#[test]
fn a_second_delivery_of_the_order_may_bring_the_cart_s_moment() {
    let lines = [
        "1d click link:a v:1",
        "1d23h50m click link:b v:1",
        "2d conversion 100.00EUR t:o1 v:1",
        "2d1s conversion 100.00EUR t:o1 v:1 cart:1d23h45m",
    ];
    assert_eq!(considered(&standing_down(), &lines), ["anna eligible", "ben stand_down"]);
}

#[test]
fn what_told_of_the_cart_is_named_whatever_the_order_of_facts() {
    let touches = ["1d click link:a v:1", "1d23h50m click link:b v:1"];
    let stated = "2d conversion 100.00EUR t:o1 v:1 cart:1d23h45m";
    let silent = "2d conversion 100.00EUR t:o1 v:1";
    for (lines, evidence, told_by) in [
        (&[stated][..], CartEvidence::Order, 0),
        (&[silent, "2d1s conversion 100.00EUR t:o1 v:1 cart:1d23h45m"], CartEvidence::Order, 1),
        (&[silent, "1d23h45m qualification goal:cart v:1"], CartEvidence::Cart, 1),
        (&[silent, "1d23h45m registration goal:checkout v:1"], CartEvidence::Checkout, 1),
    ] {
        let all = facts(&[lines, &touches[..]].concat());
        let (order, told_by) = (all[0].event_id, all[told_by].event_id);
        let expected = CartOpened { at: time("1d23h45m"), evidence, told_by };
        let backwards: Vec<Fact> = all.iter().rev().cloned().collect();
        for given in [&all, &backwards] {
            let found = carts(given, &standing_down());
            assert_eq!(found.get(&order), Some(&expected), "{lines:?}");
        }
    }
    assert!(carts(&facts(&[silent, touches[1]]), &standing_down()).is_empty());
    let too_old = facts(&[silent, "22h qualification goal:cart v:1"]);
    assert!(!carts(&too_old, &standing_down()).contains_key(&too_old[0].event_id));
}
