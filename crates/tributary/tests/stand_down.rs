//! A late click of a coupon site yields to whoever brought the customer before his cart, seen from outside: who is paid, and what each is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{as_query, click, purchase, tell, webhook};
use harness::{Installation, SET_UP, SHOP_SECRET, Server, shares, timestamp_ago};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// The usual set-up; late clicks stand down for twenty minutes after the cart.
fn started() -> (Installation, Server) {
    let installation = Installation::embedded();
    let brand = "currency: EUR, stand_down: {after: cart, within: 20m}}";
    installation.apply(&SET_UP.replacen("currency: EUR}", brand, 1));
    let server = installation.serve();
    (installation, server)
}

/// Tells anna's honest click of days ago, and bert's of a minute ago.
fn tell_clicks(server: &Server, customer: &str) {
    tell(&server.http, &click("anna-summer", customer, &timestamp_ago(2 * DAY)));
    tell(&server.http, &click("bert-summer", customer, &timestamp_ago(60)));
}

/// The explanation of an order, by the command; the page of the server says the same.
#[track_caller]
fn explained(installation: &Installation, server: &Server, order: &str, partner: Option<&str>) -> Value {
    let (flags, query) = match partner {
        Some(partner) => (vec!["explain", order, "--for-partner", partner], format!("?partner={partner}")),
        None => (vec!["explain", order], String::new()),
    };
    let told = installation.json(&flags);
    let answer = server.http.get(&format!("/v1/explanations/{order}{query}"));
    assert_eq!((answer.status, answer.json()), (200, told.clone()));
    told
}

fn touchpoint<'e>(explained: &'e Value, earner: &str) -> &'e Value {
    let all = explained["conversion"]["touchpoints"].as_array().unwrap();
    all.iter().find(|each| each["earner"] == earner).unwrap_or_else(|| panic!("{explained:#}"))
}

/// Anna has the whole order and its commission; bert nothing, and each is told why without a word of the other.
#[track_caller]
fn anna_is_paid(installation: &Installation, server: &Server, order: &str, told_by: &str, teller: &str) {
    let conversion = server.conversion(order);
    assert_eq!(shares(&conversion), ["anna 100.00"], "{conversion:#}");
    let lines = conversion["commissions"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["partner"], &lines[0]["owed"]["amount"]), (&json!("anna"), &json!("10.00")));

    let whole = explained(installation, server, order, None);
    assert_eq!(touchpoint(&whole, "anna")["verdict"]["code"], "eligible");
    let bert = touchpoint(&whole, "bert");
    assert_eq!(bert["verdict"]["code"], "stand_down");
    let stood = &bert["stand_down"];
    assert_eq!(stood["within_seconds"], 1_200);
    assert_eq!(stood["stated_at"], json!({"level": "brand", "kind": "brand", "key": "acme"}));
    assert_eq!((&stood["cart"]["told_by"], &stood["cart"]["event_id"]), (&json!(told_by), &json!(teller)));
    assert_eq!(whole["conversion"]["cart"], stood["cart"]);
    let opened_at = stood["cart"]["opened_at"].as_str().unwrap();
    let prose = installation.run(&["explain", order]).ok();
    let says = match told_by {
        "order" => format!("The cart was opened at {opened_at}: the order says so [{teller}]."),
        goal => {
            format!("The cart was opened at {opened_at}: an event of the goal {goal} says so [{teller}].")
        }
    };
    for sentence in [
        says.as_str(),
        "(stand_down)",
        "Within 20 minutes after it",
        "(set for the brand by brand acme, always)",
    ] {
        assert!(prose.contains(sentence), "{sentence}: {prose}");
    }

    let of_bert = explained(installation, server, order, Some("bert"));
    let own = of_bert["conversion"]["touchpoints"].as_array().unwrap();
    assert_eq!((own.len(), &own[0]["verdict"]["code"]), (1, &json!("stand_down")));
    assert_eq!(own[0]["stand_down"]["cart"]["opened_at"], opened_at);
    assert_eq!(of_bert["progress"]["causes"][0]["code"], "stand_down", "{of_bert:#}");
    let private = ["anna", "100.00", "10.00"];
    for word in private.into_iter().chain((told_by != "order").then_some(teller)) {
        assert!(!of_bert.to_string().contains(word), "bert is told {word}: {of_bert:#}");
    }
    let of_anna = explained(installation, server, order, Some("anna"));
    assert_eq!(of_anna["conversion"]["touchpoints"].as_array().unwrap().len(), 1);
    assert!(!of_anna.to_string().contains("bert"), "{of_anna:#}");
}

#[test]
fn an_order_that_tells_its_cart_s_moment_demotes_the_late_click() {
    let (installation, server) = started();
    tell_clicks(&server, "c-1");
    let mut order = purchase("o-1", "100.00", "c-1", &timestamp_ago(10));
    order["cart_opened_at"] = json!(timestamp_ago(600));
    order["status"] = json!("approved");
    let teller = webhook(&server.http, "shop", order.to_string()).accepted().event_id();
    anna_is_paid(&installation, &server, "o-1", "order", &teller);
    installation.verify();
    installation.replay_equals();
}

#[test]
fn a_cart_event_told_by_events_or_by_postback_demotes_the_late_click() {
    let (installation, server) = started();
    let cart = |customer: &str, goal: &str| {
        json!({
            "event_type": "qualification", "goal": goal, "customer_id": customer,
            "timestamp": timestamp_ago(600),
        })
    };
    for (customer, number, goal) in [("c-1", "o-1", "cart"), ("c-2", "o-2", "checkout")] {
        tell_clicks(&server, customer);
        let opened = cart(customer, goal);
        let teller = match goal {
            "cart" => tell(&server.http, &opened),
            _ => {
                let path = format!("/postback/shop?token={SHOP_SECRET}&{}", as_query(&opened));
                server.http.get(&path).accepted()
            }
        };
        let mut order = purchase(number, "100.00", customer, &timestamp_ago(10));
        order["status"] = json!("approved");
        webhook(&server.http, "shop", order.to_string()).accepted();
        anna_is_paid(&installation, &server, number, goal, &teller.event_id());
    }
    installation.verify();
    installation.replay_equals();
}

#[test]
fn the_same_click_earns_where_no_cart_is_known_and_where_it_brought_the_customer_to_his_cart() {
    let (installation, server) = started();
    for (customer, number, cart) in
        [("c-1", "o-1", None), ("c-2", "o-2", Some(30)), ("c-3", "o-3", Some(DAY))]
    {
        tell_clicks(&server, customer);
        let mut order = purchase(number, "100.00", customer, &timestamp_ago(10));
        if let Some(ago) = cart {
            order["cart_opened_at"] = json!(timestamp_ago(ago));
        }
        webhook(&server.http, "shop", order.to_string()).accepted();
        assert_eq!(shares(&server.conversion(number)), ["anna 40.00", "bert 60.00"], "{number}");
        let whole = explained(&installation, &server, number, None);
        assert_eq!(touchpoint(&whole, "bert")["stand_down"], Value::Null);
    }
    installation.verify();
}
