//! When two deliveries are one event, and when they contradict each other.

use proptest::prelude::*;
use tributary_domain::fact::EventKind;
use tributary_domain::ids::{BrandKey, SourceKey};

use super::*;

#[test]
fn d2_two_customers_at_one_moment_are_two_events() {
    let body = |user: &str| {
        json(&format!(
            r#"{{"event_type":"conversion","creator_id":"c","user_id":"{user}","timestamp":"2026-01-15T10:00:00Z","value":"9"}}"#
        ))
        .unwrap()
    };
    assert_ne!(key(&body("u1")), key(&body("u2")));
    assert_eq!(key(&body("u1")), key(&body("u1")));
}

#[test]
fn d4_parts_of_a_key_cannot_run_into_each_other() {
    let body = |goal: &str, campaign: &str, sub: &str| {
        json(&format!(
            r#"{{"event_type":"conversion","goal":"{goal}","campaign":"{campaign}","sub1":"{sub}","value":"9"}}"#
        ))
        .unwrap()
    };
    assert_ne!(key(&body("a.b", "c", "x")), key(&body("a", "b.c", "x")));
    assert_ne!(key(&body("a", "b", "c:d")), key(&body("a", "b:c".replace(':', "-").as_str(), "d")));
    let event = |id: &str, order: &str| {
        json(&format!(r#"{{"event_type":"refund","event_id":"{id}","order_id":"{order}"}}"#)).unwrap()
    };
    assert_ne!(key(&event("a:b", "c")), key(&event("a", "b:c")));
}

#[test]
fn d6_an_order_sent_again_with_the_time_of_sending_is_the_same_event() {
    for identity in [r#""event_id":"e1""#, r#""order_id":"o1""#, r#""event_id":"e1","order_id":"o1""#] {
        let sent_at = |second: u32| {
            json(&format!(
                r#"{{"event_type":"conversion",{identity},"value":"9","timestamp":"2026-01-15T10:00:{second:02}Z"}}"#
            ))
            .unwrap()
        };
        let (first, again) = (sent_at(1), sent_at(59));
        assert_eq!(key(&first), key(&again));
        assert_eq!(content_fingerprint(&first), content_fingerprint(&again));
    }
}

#[test]
fn d6_the_same_key_with_another_content_is_a_conflict() {
    for (one, other) in [
        (r#""value":"9""#, r#""value":"9.01""#),
        (r#""value":"9""#, r#""value":"9","currency":"USD""#),
        (r#""value":"9""#, r#""value":"9","user_id":"u1""#),
        (r#""value":"9","sub1":"a""#, r#""value":"9","sub1":"b""#),
        (r#""value":"9","click_id":"a""#, r#""value":"9","click_id":"b""#),
    ] {
        let event =
            |rest: &str| json(&format!(r#"{{"event_type":"conversion","event_id":"e1",{rest}}}"#)).unwrap();
        assert_eq!(key(&event(one)), key(&event(other)));
        assert_ne!(content_fingerprint(&event(one)), content_fingerprint(&event(other)), "{other}");
    }
}

#[test]
fn a_pending_and_an_approved_message_of_one_order_are_two_events() {
    let event =
        |status: &str| query("tributary", &format!("click_id=c1&goal=ftd&txid=t1&status={status}")).unwrap();
    assert_ne!(key(&event("pending")), key(&event("approved")));
    assert_eq!(key(&event("approved")), key(&event("confirmed")));
    assert_eq!(
        (event("pending").kind, action(&event("pending")).goal.as_str()),
        (EventKind::Qualification, "ftd")
    );
}

#[test]
fn keys_are_scoped_by_brand_and_source() {
    let event = json(r#"{"event_type":"refund","order_id":"o1"}"#).unwrap();
    let scoped = |brand: &str, source: &str| {
        deduplication_key(&BrandKey::parse(brand).unwrap(), &SourceKey::parse(source).unwrap(), &event)
    };
    assert_ne!(scoped("a", "s"), scoped("b", "s"));
    assert_ne!(scoped("a", "s"), scoped("a", "t"));
}

/// One conversion in words, to be written in every dialect.
#[derive(Debug, Clone)]
struct Sale {
    order: String,
    minor: i64,
    seconds: i64,
    customer: Option<String>,
    sub: Option<String>,
    source: Option<String>,
    code: Option<String>,
    has_event_id: bool,
    has_order: bool,
}

fn sales() -> impl Strategy<Value = Sale> {
    (
        ("[a-zA-Z0-9:_ é-]{0,19}[a-z0-9]", 0i64..1_000_000_000, 1_700_000_000i64..1_800_000_000),
        (
            prop::option::of("[a-z0-9@é+&=]{1,20}x"),
            prop::option::of("[a-zA-Z0-9 %&=é]{0,20}x"),
            prop::option::of("[a-z]{1,9}"),
            prop::option::of("[a-zA-Z0-9]{1,9}"),
        ),
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |((order, minor, seconds), (customer, sub, source, code), (has_event_id, has_order))| Sale {
                order: order.trim().to_owned(),
                minor,
                seconds,
                customer,
                sub,
                source,
                code,
                has_event_id,
                has_order,
            },
        )
}

/// The sale's parameters under a dialect's own names, amounts and times in a notation of its own.
fn written(sale: &Sale, names: [&str; 7], amount: String, time: String) -> Vec<(String, String)> {
    let [order, value, click, customer, sub, source, code] = names;
    let mut pairs =
        vec![(value.to_owned(), amount), ("timestamp".to_owned(), time), (click.to_owned(), "c1".to_owned())];
    let mut add = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            pairs.push((name.to_owned(), value.clone()));
        }
    };
    add(order, sale.has_order.then_some(&sale.order));
    add(customer, sale.customer.as_ref());
    add(sub, sale.sub.as_ref());
    add(source, sale.source.as_ref());
    add(code, sale.code.as_ref());
    pairs
}

fn encoded(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| {
        text.bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b == b'_' {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect::<String>()
    };
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn row_of_file(pairs: &[(String, String)]) -> Fields {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(pairs.iter().map(|(name, _)| name)).unwrap();
    file.write_record(pairs.iter().map(|(_, value)| value)).unwrap();
    let bytes = file.into_inner().unwrap();
    let map = crate::import::ColumnMap::default();
    let limits = crate::import::Limits::default();
    let mut rows =
        crate::import::RowReader::open(&bytes[..], crate::import::Format::Csv, &map, limits).unwrap();
    rows.next().unwrap().unwrap().fields.unwrap()
}

proptest! {
    #[test]
    fn l5_the_same_event_by_any_way_in_has_one_key_and_one_fingerprint(
        sale in sales(), turn in 0usize..8, reverse in any::<bool>(),
    ) {
        let amount = format!("{}.{:02}", sale.minor / 100, sale.minor % 100);
        let short = amount.strip_suffix(".00").unwrap_or(&amount).to_owned();
        let instant = tributary_domain::time::Timestamp(sale.seconds * 1_000_000).to_string();
        let id = |mut pairs: Vec<(String, String)>| {
            if sale.has_event_id {
                pairs.push(("event_id".to_owned(), format!("evt {}", sale.order)));
            }
            let shift = turn % pairs.len();
            pairs.rotate_left(shift);
            if reverse {
                pairs.reverse();
            }
            pairs
        };
        let canonical = ["transaction_id", "value", "click_id", "customer_id", "sub1", "utm_source", "promo_code"];
        let commissioned = ["order_id", "conversion_value", "click_id", "user_id", "tracking.sub1", "utm.source", "coupon_code"];
        let tributary = ["txid", "sale_amount", "clickid", "uid", "s1", "utm_source", "coupon"];
        let everflow = ["order_id", "amount", "transaction_id", "user_id", "sub1", "utm_source", "coupon_code"];

        let to_json = |pairs: &[(String, String)]| {
            let mut fields = Fields::new();
            fields.push("event_type", "conversion").unwrap();
            pairs.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
            fields_from_json(fields.to_json().as_bytes()).unwrap()
        };
        let mut of_file = id(written(&sale, canonical, amount.clone(), instant.clone()));
        of_file.push(("event_type".to_owned(), "conversion".to_owned()));
        let mut events = vec![
            decode(&to_json(&id(written(&sale, canonical, amount.clone(), instant.clone()))), &rules()),
            decode(&to_json(&id(written(&sale, commissioned, short.clone(), sale.seconds.to_string()))), &rules()),
            query("tributary", &encoded(&id(written(&sale, tributary, short.clone(), format!("{}000", sale.seconds))))),
            decode(&row_of_file(&of_file), &rules()),
        ];
        if !sale.has_event_id {
            // At Everflow `event_id` is a goal, so its calls carry no event id.
            events.push(query("everflow", &encoded(&id(written(&sale, everflow, amount, instant)))));
        }
        let events: Vec<IncomingEvent> = events.into_iter().collect::<Result<_, _>>().map_err(|r| TestCaseError::fail(r.to_string()))?;
        for event in &events {
            prop_assert_eq!(event, &events[0]);
            prop_assert_eq!(key(event), key(&events[0]));
            prop_assert_eq!(content_fingerprint(event), content_fingerprint(&events[0]));
        }
    }

    #[test]
    fn no_bytes_whatever_bring_the_decoder_down(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,300}") {
        for body in [&bytes[..], text.as_bytes()] {
            if let Ok(fields) = fields_from_json(body) {
                let _ = decode(&fields, &rules());
            }
            let _ = json_events(body, 10);
        }
        if let Ok(fields) = fields_from_query(&text) {
            let _ = decode(&fields, &dialect("tributary"));
            let _ = decode(&fields, &DecodingRules::redirect());
        }
        let _ = crate::postback::redact_query(&text);
    }
}
