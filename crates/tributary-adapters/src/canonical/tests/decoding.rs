//! What each kind, dialect and notation decodes to.

use tributary_domain::fact::{EventKind, MeasureKind, Verdict};
use tributary_domain::reason::Reason;

use super::*;

#[test]
fn the_commissioned_webhook_body_is_a_conversion() {
    let event = json(
        r#"{"event_type":"conversion","creator_id":"cr_8f3a2d","user_id":"u_1001","timestamp":"2026-01-15T10:00:00Z","conversion_value":"49.90"}"#,
    )
    .unwrap();
    let action = action(&event);
    assert_eq!((event.kind, action.goal.as_str()), (EventKind::Conversion, "purchase"));
    assert_eq!(action.value.unwrap().to_string(), "49.90 EUR");
    assert_eq!(action.named_partner.as_ref().unwrap().as_str(), "cr_8f3a2d");
    assert_eq!(action.tracking.get("creator_id"), Some("cr_8f3a2d"));
    assert_eq!(event.personal.customer_id.as_ref().unwrap().reveal(), "u_1001");
    assert_eq!(event.occurred_at.unwrap().to_string(), "2026-01-15T10:00:00Z");
}

#[test]
fn a2_a_missing_value_is_refused_and_never_a_number() {
    for (value, reason) in [
        ("", Reason::MissingField),
        (r#","conversion_value":null"#, Reason::MissingField),
        (r#","conversion_value":"""#, Reason::MissingField),
        (r#","conversion_value":"NaN""#, Reason::InvalidField),
        (r#","conversion_value":"abc""#, Reason::InvalidField),
        (r#","conversion_value":"undefined""#, Reason::InvalidField),
    ] {
        let refusal = json(&format!(r#"{{"event_type":"conversion","user_id":"u1"{value}}}"#)).unwrap_err();
        assert_eq!(refusal.reason, reason, "{value}");
        let field = if reason == Reason::MissingField { "value" } else { "conversion_value" };
        assert_eq!(refusal.field.as_deref(), Some(field));
    }
    let free = json(r#"{"event_type":"conversion","user_id":"u1","conversion_value":0}"#).unwrap();
    assert_eq!(action(&free).value.unwrap().minor, 0);
}

#[test]
fn numbers_keep_their_text_and_never_pass_through_a_float() {
    for (text, minor) in
        [("50.00", 5000), ("50", 5000), ("49.9", 4990), ("0.1", 10), ("99999999999.99", 9_999_999_999_999)]
    {
        let event = json(&format!(r#"{{"event_type":"conversion","value":{text}}}"#)).unwrap();
        assert_eq!(action(&event).value.unwrap().minor, minor);
    }
    for text in ["5.0e1", "5E1", "1e400", "0.1000000000000000055511151231257827", "-0.01"] {
        let refusal = json(&format!(r#"{{"event_type":"conversion","value":{text}}}"#)).unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.field.as_deref()),
            (Reason::InvalidField, Some("value")),
            "{text}"
        );
    }
}

#[test]
fn s4_a_repeated_key_is_refused_even_when_it_is_escaped() {
    for body in [
        r#"{"event_type":"click","event_type":"conversion"}"#,
        r#"{"event_type":"click","event\u005ftype":"click"}"#,
        r#"{"event_type":"click","data":{"a":1,"a":1}}"#,
    ] {
        assert_eq!(json(body).unwrap_err().reason, Reason::MalformedBody, "{body}");
    }
}

#[test]
fn d5_an_empty_or_senseless_event_is_refused() {
    for (body, field) in [
        ("{}", "event_type"),
        (r#"{"event_type":null}"#, "event_type"),
        (r#"{"event_type":"undefined"}"#, "event_type"),
        (r#"{"event_type":"conversion","value":-1000000000}"#, "value"),
        (r#"{"event_type":"conversion","value":"abc"}"#, "value"),
        (r#"{"event_type":"conversion","value":"1","user_id":"undefined"}"#, "user_id"),
    ] {
        assert_eq!(json(body).unwrap_err().field.as_deref(), Some(field), "{body}");
    }
}

#[test]
fn every_dialect_s_usual_call_is_understood() {
    for (name, call, click, goal, value, order) in [
        ("tributary", "clickid=c1&sale_amount=12.50&order_id=o1", "c1", "purchase", Some(1250), Some("o1")),
        (
            "tributary",
            "event=deposit&subid=c1&sum=5&txid=o1&nid=7&cb=x",
            "c1",
            "deposit",
            Some(500),
            Some("o1"),
        ),
        ("everflow", "nid=12&transaction_id=c1", "c1", "purchase", None, None),
        (
            "everflow",
            "nid=12&transaction_id=c1&amount=12.5&adv_event_id=7&order_id=o1&adv1=x",
            "c1",
            "7",
            Some(1250),
            Some("o1"),
        ),
        ("everflow", "nid=12&transaction_id=c1&event_id=0", "c1", "purchase", None, None),
        (
            "tune",
            "offer_id=26&transaction_id=c1&amount=3&goal_id=9&payout=1&adv_unique1=o1&adv_unique2=z",
            "c1",
            "9",
            Some(300),
            Some("o1"),
        ),
        ("cake", "r=c1&t=o1&p=1.10&e=sale&o=5&s1=x", "c1", "sale", Some(110), Some("o1")),
        ("voluum", "cid=c1&payout=1.10&txid=o1&et=Deposit", "c1", "Deposit", Some(110), Some("o1")),
        ("voluum", "cid=c1", "c1", "purchase", None, None),
        ("redtrack", "clickid=c1&sum=2&type=Lead&sub15=x", "c1", "Lead", Some(200), None),
    ] {
        let event = query(name, call).unwrap_or_else(|refusal| panic!("{name} {call}: {refusal}"));
        let action = action(&event);
        assert_eq!(event.click_id.as_deref(), Some(click), "{name} {call}");
        assert_eq!(action.goal.as_str(), goal, "{name} {call}");
        assert_eq!(action.value.map(|money| money.minor), value, "{name} {call}");
        assert_eq!(action.transaction.as_ref().map(|number| number.as_str()), order, "{name} {call}");
    }
}

#[test]
fn words_of_a_postback_name_kinds_where_they_can_and_goals_where_they_cannot() {
    for (call, kind, goal) in [
        ("event=registration", EventKind::Registration, Some("registration")),
        ("event=signup", EventKind::Registration, Some("registration")),
        ("goal=signup", EventKind::Registration, Some("registration")),
        ("event=signup&goal=lead", EventKind::Registration, Some("lead")),
        ("event=purchase&amount=1", EventKind::Conversion, Some("purchase")),
        ("event=conversion&goal=subscription&amount=1", EventKind::Conversion, Some("subscription")),
        ("event=Conversion&amount=1", EventKind::Conversion, Some("purchase")),
        ("event=ftd", EventKind::Qualification, Some("ftd")),
        ("goal=first_trade&amount=5", EventKind::Qualification, Some("first_trade")),
        ("event=refund&order_id=o1", EventKind::Refund, None),
        ("event=status&order_id=o1&status=declined", EventKind::Status, None),
        ("amount=1", EventKind::Conversion, Some("purchase")),
    ] {
        let event = query("tributary", call).unwrap_or_else(|refusal| panic!("{call}: {refusal}"));
        assert_eq!(event.kind, kind, "{call}");
        assert_eq!(goal, goal.map(|_| action(&event).goal.as_str()), "{call}");
    }
}

#[test]
fn a_redirect_is_always_a_click_whatever_its_parameters_say() {
    let mut fields = fields_from_query(
        "event=conversion&amount=999&goal=ftd&type=payout&sub1=a&subid=v12&cid=x&s2=b&to=u&amuont=1&click_id=%20&email=no&timestamp=x&id=undefined&ip=x&time=%7Bt%7D",
    )
    .unwrap();
    fields.push("link", "abc").unwrap();
    let event = decode(&fields, &DecodingRules::redirect()).unwrap();
    let IncomingBody::Click(touch) = &event.body else { panic!("a click") };
    assert_eq!(touch.link.as_ref().unwrap().as_str(), "abc");
    let tracking: Vec<_> = touch.tracking.iter().collect();
    assert_eq!(tracking, [("sub1", "a"), ("sub2", "b"), ("sub_id", "v12")]);
    assert_eq!(event.click_id, None);
    let mut bare = Fields::new();
    bare.push("link", "abc").unwrap();
    assert_eq!(decode(&bare, &DecodingRules::redirect()).unwrap().kind, EventKind::Click);
}

#[test]
fn a_touch_names_a_link_or_a_partner_and_campaign_or_a_channel() {
    let touch = |rest: &str| match json(&format!(r#"{{"event_type":"click",{rest}}}"#)).unwrap().body {
        IncomingBody::Click(touch) => touch,
        other => panic!("a click: {other:?}"),
    };
    let commissioned =
        touch(r#""utm_campaign":"summer_launch","creator_id":"cr_8f3a2d","sub_id":"video_12""#);
    assert_eq!(commissioned.partner.unwrap().as_str(), "cr_8f3a2d");
    assert_eq!(commissioned.campaign.unwrap().as_str(), "summer_launch");
    let linked = touch(r#""link":"l1","creator_id":"cr_8f3a2d""#);
    assert_eq!((linked.partner, linked.campaign), (None, None));
    assert_eq!(touch(r#""channel":"email""#).channel.unwrap().as_str(), "email");
}

#[test]
fn a_touch_that_carries_what_tells_its_channel_needs_no_name() {
    for (rest, kept) in [
        (r#""gclid":"Cj0""#, ("gclid", "Cj0")),
        (r#""tracking":{"fbclid":"x"}"#, ("fbclid", "x")),
        (r#""utm_source":"google""#, ("utm_source", "google")),
        (r#""utm":{"medium":"email"}"#, ("utm_medium", "email")),
        (r#""referrer":"https://News.Example/a?b""#, ("referrer", "news.example")),
    ] {
        let event = json(&format!(r#"{{"event_type":"click","visitor_id":"v",{rest}}}"#)).unwrap();
        let IncomingBody::Click(touch) = event.body else { panic!("a click") };
        assert_eq!((touch.link, touch.partner, touch.channel), (None, None, None));
        assert_eq!(touch.tracking.iter().collect::<Vec<_>>(), [kept]);
    }
    for nothing in [r#""sub1":"x""#, r#""utm_campaign":"x""#, r#""gclid":"""#, r#""gclid":"{gclid}""#] {
        let refusal = json(&format!(r#"{{"event_type":"click","visitor_id":"v",{nothing}}}"#)).unwrap_err();
        assert_eq!(refusal.reason, Reason::MissingField, "{nothing}");
    }
}

#[test]
fn nothing_that_a_platform_hangs_on_a_link_keeps_a_visitor_from_his_destination() {
    let mut fields = Fields::new();
    for (name, value) in
        [("link", "abc"), ("fbclid", "x".repeat(900).as_str()), ("gclid", "{gclid}"), ("msclkid", "a\u{0}b")]
    {
        fields.push(name, value).unwrap();
    }
    let IncomingBody::Click(touch) = decode(&fields, &DecodingRules::redirect()).unwrap().body else {
        panic!("a click")
    };
    let kept: Vec<_> = touch.tracking.iter().map(|(name, value)| (name, value.len())).collect();
    assert_eq!(kept, [("fbclid", 255), ("msclkid", 2)]);
}

#[test]
fn one_order_told_by_page_and_server_is_one_though_only_the_page_knows_the_paid_click() {
    let order = |rest: &str| {
        let text = format!(
            r#"{{"event_type":"conversion","transaction_id":"o1","value":"1.00","currency":"EUR"{rest}}}"#
        );
        json(&text).unwrap()
    };
    let (page, server) = (order(r#","gclid":"Cj0","referrer":"shop.example""#), order(""));
    assert_eq!(action(&page).tracking.get("gclid"), Some("Cj0"), "what arrived is kept");
    assert_eq!(content_fingerprint(&page), content_fingerprint(&server));
}

#[test]
fn nested_objects_one_level_deep_mean_their_members() {
    let event = json(
        r#"{"event_type":"registration","user":{"id":77,"email":" A@Example.ORG ","ip":"::ffff:192.0.2.7"},
            "utm":{"source":"x"},"tracking":{"sub1":"a"},"data":{"anything":1.5,"more":null,"is":true}}"#,
    )
    .unwrap();
    assert_eq!(event.personal.customer_id.as_ref().unwrap().reveal(), "77");
    assert_eq!(event.personal.email.as_ref().unwrap().reveal(), "a@example.org");
    assert_eq!(event.personal.ip.as_ref().unwrap().reveal(), "192.0.2.7");
    assert_eq!(action(&event).tracking.iter().collect::<Vec<_>>(), [("sub1", "a"), ("utm_source", "x")]);
}

#[test]
fn measures_keep_their_figures_and_may_be_negative() {
    let event = json(
        r#"{"event_type":"player_day","user_id":"u","timestamp":"2026-01-15T00:00:00Z","value":"-12.00","figures":{"bets":"10","wins":22}}"#,
    )
    .unwrap();
    let IncomingBody::Measure(measure) = &event.body else { panic!("a measure") };
    assert_eq!(
        (measure.kind, measure.value.unwrap().minor, measure.figures.len()),
        (MeasureKind::PlayerDay, -1200, 2)
    );
    let swapped = json(
        r#"{"figures":{"wins":"22","bets":10},"event_type":"player_day","user_id":"u","timestamp":1768435200,"value":-12}"#,
    )
    .unwrap();
    assert_eq!(key(&event), key(&swapped));
}

#[test]
fn only_unfilled_macros_are_taken_for_placeholders() {
    for honest in [
        "utm_medium=(none)",
        "utm_source=(direct)",
        "sub1=[banner]",
        "sub1=__x__",
        "sub1={a b}",
        "user_agent={x}",
        "sub1=%23",
    ] {
        assert!(query("tributary", &format!("amount=1&{honest}")).is_ok(), "{honest}");
    }
    for unfilled in [
        "sub1={sub1}",
        "utm_term=${kw}",
        "s2=%23s2%23",
        "sub3={{x}}",
        "click_id=(clickid)",
        "user_id=[uid]",
        "order_id=%25%25ID%25%25",
    ] {
        let refusal = query("tributary", &format!("amount=1&{unfilled}")).unwrap_err();
        assert_eq!(refusal.field.as_deref(), unfilled.split('=').next(), "{unfilled}");
    }
}

#[test]
fn statuses_of_the_trade_are_three_verdicts() {
    for (word, verdict) in [
        ("approved", Verdict::Approved),
        ("Confirmed", Verdict::Approved),
        ("pending", Verdict::Pending),
        ("on_hold", Verdict::Pending),
        ("rejected", Verdict::Rejected),
        ("declined", Verdict::Rejected),
        ("invalid", Verdict::Rejected),
        ("reversed", Verdict::Rejected),
        ("cancelled", Verdict::Rejected),
    ] {
        let event = json(&format!(r#"{{"event_type":"status","order_id":"o1","status":"{word}"}}"#)).unwrap();
        assert!(matches!(&event.body, IncomingBody::Status(change) if change.verdict == verdict), "{word}");
    }
}

#[test]
fn an_own_name_comes_before_the_dialect_s() {
    let own = DecodingRules {
        aliases: vec![
            ("payout".into(), "value".into()),
            ("cid".into(), "customer_id".into()),
            ("junk".into(), "ignore".into()),
        ],
        ..dialect("tributary")
    };
    let event = decode(&fields_from_query("payout=5&cid=u1&junk=1").unwrap(), &own).unwrap();
    assert_eq!(action(&event).value.unwrap().minor, 500);
    assert_eq!((event.click_id.as_deref(), event.personal.customer_id.unwrap().reveal()), (None, "u1"));
}

#[test]
fn only_the_operator_s_own_commands_book_adjustments() {
    let body = br#"{"event_type":"adjustment","order_id":"o1","value":"5","cause":"june.csv line 7"}"#;
    let fields = fields_from_json(body).unwrap();
    assert_eq!(decode(&fields, &rules()).unwrap_err().reason, Reason::NotAllowed);
    assert_eq!(decode_internal(&fields, &rules()).unwrap().kind, EventKind::Adjustment);
    let payout = fields_from_json(br#"{"event_type":"payout","order_id":"o1"}"#).unwrap();
    assert_eq!(decode_internal(&payout, &rules()).unwrap_err().reason, Reason::NotAllowed);
}

#[test]
fn bodies_of_one_several_and_lines_are_cut_into_events() {
    for (body, expected) in [
        ("{\"a\":1}", vec!["{\"a\":1}"]),
        (" {\n \"a\": 1\n} ", vec!["{\n \"a\": 1\n}"]),
        ("[{\"a\":1}, {\"b\":[]}]", vec!["{\"a\":1}", "{\"b\":[]}"]),
        ("{\"a\":1}\r\n\r\n{\"b\":2}\n", vec!["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}\n{broken\n{\"c\":3}", vec!["{\"a\":1}", "{broken", "{\"c\":3}"]),
    ] {
        let texts: Vec<_> = json_events(body.as_bytes(), 10)
            .unwrap()
            .into_iter()
            .map(|event| std::str::from_utf8(event).unwrap())
            .collect();
        assert_eq!(texts, expected);
    }
    for (body, reason) in [
        ("", Reason::MalformedBody),
        (" \n", Reason::MalformedBody),
        ("[]", Reason::MalformedBody),
        ("[{}", Reason::MalformedBody),
        ("[{},]", Reason::MalformedBody),
        ("[{},{},{}]", Reason::TooLarge),
    ] {
        assert_eq!(json_events(body.as_bytes(), 2).unwrap_err().reason, reason, "{body}");
    }
}

#[test]
fn no_personal_value_shows_in_any_print() {
    let secret = "super-private";
    let event = json(&format!(
        r#"{{"event_type":"registration","user_id":"{secret}","visitor_id":"{secret}","email":"{secret}@x.y","user_agent":"{secret}"}}"#
    ))
    .unwrap();
    assert!(!format!("{event:?}").contains(secret));
    let fields = fields_from_query(&format!("user_id={secret}")).unwrap();
    assert!(!format!("{fields:?}").contains(secret));
    for body in [
        format!(r#"{{"event_type":"registration","email":"{secret}"}}"#),
        format!(r#"{{"event_type":"registration","ip":"{secret}"}}"#),
        format!(r#"{{"event_type":"registration","user_id":"{secret}\u0000"}}"#),
        format!(r#"{{"event_type":"registration","user_id":"{secret}","user":{{"id":"other"}}}}"#),
        format!(r#""{secret}""#),
    ] {
        let refusal = json(&body).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains(secret), "{refusal}");
    }
}

#[test]
fn the_cart_s_moment_is_read_like_any_other_and_belongs_to_the_content() {
    let order = |cart: &str| {
        json(&format!(
            r#"{{"event_type":"conversion","order_id":"o1","value":"1","timestamp":"2026-01-15T10:00:00Z"{cart}}}"#
        ))
    };
    let opened = |cart: &str| action(&order(cart).unwrap()).cart_opened_at.map(|at| at.to_string());
    assert_eq!(opened(""), None);
    assert_eq!(opened(r#","cart_opened_at":null"#), None);
    for cart in [r#""2026-01-15T10:50:00+01:00""#, "1768470600", r#""1768470600000""#] {
        let cart = format!(r#","cart_opened_at":{cart}"#);
        assert_eq!(opened(&cart).as_deref(), Some("2026-01-15T09:50:00Z"), "{cart}");
    }
    let refusal = order(r#","cart_opened_at":"ten to ten""#).unwrap_err();
    assert_eq!((refusal.reason, refusal.field.as_deref()), (Reason::InvalidField, Some("cart_opened_at")));
    let with = order(r#","cart_opened_at":"1768470600""#).unwrap();
    let without = order("").unwrap();
    assert_eq!(key(&with), key(&without), "one order");
    assert_ne!(content_fingerprint(&with), content_fingerprint(&without), "which says more");
    let postback = query("tributary", "goal=purchase&order_id=o1&value=1&cart_opened_at=1768470600").unwrap();
    assert_eq!(action(&postback).cart_opened_at, action(&with).cart_opened_at);
}
