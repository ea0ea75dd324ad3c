//! Malformed input by every way in: each row says the exact reason and the field that is named.

#![allow(clippy::unwrap_used, reason = "a test stops where its own set-up fails")]

use tributary_adapters::canonical::{
    DecodingRules, Refusal, decode, fields_from_json, fields_from_query, json_events,
};
use tributary_adapters::import::{ColumnMap, Format, Limits, RowReader};
use tributary_adapters::postback::profile;
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason::{
    self, InvalidField, MalformedBody, MissingField, NotAllowed, TimeOutOfRange, TooLarge, UnknownField,
};

/// One row: the input, the reason, the field named, and a word that the message or hint must hold.
type Malformed = (&'static str, Reason, Option<&'static str>, &'static str);

fn euro() -> DecodingRules {
    DecodingRules { default_currency: Some(Currency::parse("EUR").unwrap()), ..DecodingRules::default() }
}

/// Compares every row and reports all that differ at once.
fn check(rows: &[Malformed], outcome: impl Fn(&str) -> Result<(), Refusal>) {
    let mut faults = Vec::new();
    for (input, reason, field, word) in rows {
        match outcome(input) {
            Ok(()) => faults.push(format!("taken: {input}")),
            Err(refusal) => {
                let says = format!("{refusal}");
                if refusal.reason != *reason || refusal.field.as_deref() != *field || !says.contains(word) {
                    faults.push(format!(
                        "{input}\n    wanted {reason:?} {field:?} {word:?}\n    got    {:?} {:?} {says}",
                        refusal.reason, refusal.field
                    ));
                }
                assert!(!refusal.message.is_empty() && !refusal.hint.is_empty(), "{input}: {refusal:?}");
                if let Some(field) = &refusal.field {
                    assert!(refusal.message.contains(field.as_str()), "{input}: {refusal:?}");
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn malformed_json_is_refused_by_name() {
    const ROWS: &[Malformed] = &[
        // What is not one JSON object.
        ("", MalformedBody, None, "too early"),
        ("{", MalformedBody, None, "too early"),
        ("nonsense", MalformedBody, None, "column"),
        ("[]", MalformedBody, None, "object"),
        ("\"click\"", MalformedBody, None, "object"),
        ("42", MalformedBody, None, "object"),
        ("null", MalformedBody, None, "object"),
        ("{\"event_type\":\"click\"} trailing", MalformedBody, None, "not well formed"),
        ("{\"event_type\":\"click\",}", MalformedBody, None, "not well formed"),
        ("{'event_type':'click'}", MalformedBody, None, "not well formed"),
        ("{\"event_type\":\"conversion\",\"value\":NaN}", MalformedBody, None, "not well formed"),
        ("{\"event_type\":\"conversion\",\"value\":01}", MalformedBody, None, "not well formed"),
        ("{\"event_type\":\"conversion\",\"value\":+1}", MalformedBody, None, "not well formed"),
        ("{\"event_type\":\"click\",\"link\":\"\\ud800\"}", MalformedBody, Some("link"), "not a text"),
        // Keys twice, wrong shapes, wrong depth.
        (
            "{\"event_type\":\"click\",\"event_type\":\"conversion\"}",
            MalformedBody,
            Some("event_type"),
            "twice",
        ),
        ("{\"event_type\":\"click\",\"data\":{\"a\":1,\"a\":2}}", MalformedBody, Some("data.a"), "twice"),
        ("{\"event_type\":{\"name\":\"click\"}}", InvalidField, Some("event_type"), "object"),
        ("{\"event_type\":[\"click\"]}", InvalidField, Some("event_type"), "list"),
        ("{\"event_type\":\"click\",\"data\":{\"a\":{\"b\":1}}}", InvalidField, Some("data.a"), "deep"),
        ("{\"event_type\":\"click\",\"basket\":{\"a\":1}}", InvalidField, Some("basket"), "data"),
        // Kinds.
        ("{}", MissingField, Some("event_type"), "event_type"),
        ("{\"event_type\":null}", MissingField, Some("event_type"), "event_type"),
        ("{\"event_type\":\"\"}", MissingField, Some("event_type"), "event_type"),
        ("{\"event_type\":\"purchase\",\"value\":1}", InvalidField, Some("event_type"), "goal"),
        ("{\"event_type\":\"conversoin\",\"value\":1}", InvalidField, Some("event_type"), "`conversion`"),
        ("{\"event_type\":7}", InvalidField, Some("event_type"), "kind"),
        ("{\"type\":\"{event}\"}", InvalidField, Some("type"), "placeholder"),
        ("{\"event\":\"payout\"}", NotAllowed, Some("event"), "booked here"),
        (
            "{\"event_type\":\"separate\",\"customer_id\":\"c\"}",
            NotAllowed,
            Some("event_type"),
            "booked here",
        ),
        ("{\"event_type\":\"payout_step\"}", NotAllowed, Some("event_type"), "booked here"),
        (
            "{\"event_type\":\"adjustment\",\"order_id\":\"o\",\"value\":1}",
            NotAllowed,
            Some("event_type"),
            "reconciliation",
        ),
        ("{\"event_type\":\"click\",\"type\":\"conversion\"}", InvalidField, Some("type"), "event_type"),
        // Unknown fields, with the nearest name.
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"clickid\":\"c\"}",
            UnknownField,
            Some("clickid"),
            "`click_id`",
        ),
        ("{\"event_type\":\"conversion\",\"amuont\":1}", UnknownField, Some("amuont"), "`amount`"),
        (
            "{\"event_type\":\"conversion\",\"customer\":\"u\"}",
            UnknownField,
            Some("customer"),
            "`customer_id`",
        ),
        (
            "{\"event_type\":\"conversion\",\"basket_weather\":1}",
            UnknownField,
            Some("basket_weather"),
            "data",
        ),
        ("{\"event_type\":\"click\",\"user\":{\"phone\":\"1\"}}", UnknownField, Some("user.phone"), "data"),
        ("{\"event_type\":\"click\",\"sub11\":\"x\"}", UnknownField, Some("sub11"), "sub10"),
        ("{\"event_type\":\"click\",\"utm_foo\":\"x\"}", UnknownField, Some("utm_foo"), "utm_source"),
        // Amounts.
        ("{\"event_type\":\"conversion\"}", MissingField, Some("value"), "0"),
        ("{\"event_type\":\"conversion\",\"value\":null}", MissingField, Some("value"), "value"),
        ("{\"event_type\":\"conversion\",\"amount\":-1}", InvalidField, Some("amount"), "refund"),
        (
            "{\"event_type\":\"conversion\",\"conversion_value\":\"abc\"}",
            InvalidField,
            Some("conversion_value"),
            "decimal",
        ),
        ("{\"event_type\":\"conversion\",\"value\":\"12,34\"}", InvalidField, Some("value"), "comma"),
        ("{\"event_type\":\"conversion\",\"value\":\"1.234,56\"}", InvalidField, Some("value"), "comma"),
        ("{\"event_type\":\"conversion\",\"value\":5.0e1}", InvalidField, Some("value"), "decimal"),
        ("{\"event_type\":\"conversion\",\"value\":\"Infinity\"}", InvalidField, Some("value"), "decimal"),
        ("{\"event_type\":\"conversion\",\"value\":0.005}", InvalidField, Some("value"), "decimal places"),
        ("{\"event_type\":\"conversion\",\"value\":99999999999999999}", InvalidField, Some("value"), "large"),
        ("{\"event_type\":\"conversion\",\"value\":true}", InvalidField, Some("value"), "amount"),
        ("{\"event_type\":\"conversion\",\"value\":\"$5\"}", InvalidField, Some("value"), "decimal"),
        (
            "{\"event_type\":\"conversion\",\"value\":1,\"currency\":\"EURO\"}",
            InvalidField,
            Some("currency"),
            "ISO 4217",
        ),
        (
            "{\"event_type\":\"conversion\",\"value\":1.5,\"currency\":\"JPY\"}",
            InvalidField,
            Some("value"),
            "JPY",
        ),
        ("{\"event_type\":\"conversion\",\"value\":1,\"amount\":2}", InvalidField, Some("amount"), "`value`"),
        // Times.
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"timestamp\":\"yesterday\"}",
            InvalidField,
            Some("timestamp"),
            "RFC 3339",
        ),
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"timestamp\":\"2026-01-15 10:00:00\"}",
            InvalidField,
            Some("timestamp"),
            "offset",
        ),
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"timestamp\":\"2026-02-30T00:00:00Z\"}",
            InvalidField,
            Some("timestamp"),
            "RFC 3339",
        ),
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"occurred_at\":\"1970-01-01T00:00:00Z\"}",
            TimeOutOfRange,
            Some("occurred_at"),
            "2000",
        ),
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"timestamp\":1.5}",
            InvalidField,
            Some("timestamp"),
            "RFC 3339",
        ),
        // Identities.
        (
            "{\"event_type\":\"registration\",\"user_id\":\"undefined\"}",
            InvalidField,
            Some("user_id"),
            "identifies nothing",
        ),
        (
            "{\"event_type\":\"registration\",\"customer_id\":\"NULL\"}",
            InvalidField,
            Some("customer_id"),
            "identifies nothing",
        ),
        (
            "{\"event_type\":\"registration\",\"visitor_id\":true}",
            InvalidField,
            Some("visitor_id"),
            "boolean",
        ),
        ("{\"event_type\":\"registration\",\"email\":\"nobody\"}", InvalidField, Some("email"), "e-mail"),
        ("{\"event_type\":\"registration\",\"email\":\"a@b@c\"}", InvalidField, Some("email"), "e-mail"),
        ("{\"event_type\":\"registration\",\"ip\":\"300.1.1.1\"}", InvalidField, Some("ip"), "IP"),
        (
            "{\"event_type\":\"registration\",\"user_id\":\"a\\u0000b\"}",
            InvalidField,
            Some("user_id"),
            "control",
        ),
        (
            "{\"event_type\":\"registration\",\"click_id\":\"a b\"}",
            InvalidField,
            Some("click_id"),
            "landing URL",
        ),
        ("{\"event_type\":\"registration\",\"creator_id\":\"a b\"}", InvalidField, Some("creator_id"), "64"),
        ("{\"event_type\":\"registration\",\"sub1\":\"a\\nb\"}", InvalidField, Some("sub1"), "character"),
        ("{\"event_type\":\"registration\",\"goal\":\"first deposit\"}", InvalidField, Some("goal"), "64"),
        ("{\"event_type\":\"identify\",\"customer_id\":\"u\"}", MissingField, Some("visitor_id"), "2 of"),
        ("{\"event_type\":\"identify\",\"email\":\"a@b.c\"}", MissingField, Some("customer_id"), "2 of"),
        // What each kind needs.
        ("{\"event_type\":\"click\"}", MissingField, Some("link"), "channel"),
        ("{\"event_type\":\"click\",\"partner\":\"p\"}", MissingField, Some("campaign"), "link"),
        (
            "{\"event_type\":\"click\",\"link\":\"l\",\"channel\":\"email\"}",
            InvalidField,
            Some("channel"),
            "not both",
        ),
        ("{\"event_type\":\"click\",\"link\":\"a/b\"}", InvalidField, Some("link"), "link key"),
        ("{\"event_type\":\"qualification\",\"user_id\":\"u\"}", MissingField, Some("goal"), "ftd"),
        ("{\"event_type\":\"refund\",\"value\":1}", MissingField, Some("transaction_id"), "conversion"),
        ("{\"event_type\":\"chargeback\"}", MissingField, Some("transaction_id"), "conversion"),
        (
            "{\"event_type\":\"refund\",\"order_id\":\"o\",\"value\":\"-5\"}",
            InvalidField,
            Some("value"),
            "negative",
        ),
        ("{\"event_type\":\"status\",\"order_id\":\"o\"}", MissingField, Some("status"), "approved"),
        (
            "{\"event_type\":\"status\",\"order_id\":\"o\",\"status\":\"aproved\"}",
            InvalidField,
            Some("status"),
            "`approved`",
        ),
        (
            "{\"event_type\":\"status\",\"order_id\":\"o\",\"status\":\"test\"}",
            InvalidField,
            Some("status"),
            "tests",
        ),
        (
            "{\"event_type\":\"consent\",\"customer_id\":\"u\",\"granted\":true}",
            MissingField,
            Some("purpose"),
            "attribution",
        ),
        (
            "{\"event_type\":\"consent\",\"customer_id\":\"u\",\"purpose\":\"a\"}",
            MissingField,
            Some("granted"),
            "true",
        ),
        (
            "{\"event_type\":\"consent\",\"customer_id\":\"u\",\"purpose\":\"a\",\"granted\":\"maybe\"}",
            InvalidField,
            Some("granted"),
            "true",
        ),
        (
            "{\"event_type\":\"consent\",\"purpose\":\"a\",\"granted\":true}",
            MissingField,
            Some("customer_id"),
            "1 of",
        ),
        ("{\"event_type\":\"trade\",\"value\":1}", MissingField, Some("customer_id"), "customer"),
        ("{\"event_type\":\"player_day\",\"user_id\":\"u\"}", MissingField, Some("timestamp"), "day"),
        ("{\"event_type\":\"spend\",\"campaign\":\"c\"}", MissingField, Some("value"), "amount"),
    ];
    assert!(ROWS.len() >= 60);
    check(ROWS, |body| decode(&fields_from_json(body.as_bytes())?, &euro()).map(|_| ()));
}

#[test]
fn an_amount_without_any_currency_is_refused() {
    let fields = fields_from_json(br#"{"event_type":"conversion","value":1}"#).unwrap();
    let refusal = decode(&fields, &DecodingRules::default()).unwrap_err();
    assert_eq!((refusal.reason, refusal.field.as_deref()), (MissingField, Some("currency")));
}

#[test]
fn a_decimal_comma_is_a_setting_and_a_doubtful_amount_is_refused() {
    let comma = DecodingRules { decimal_comma: true, ..euro() };
    let value = |text: &str| {
        let body = format!(r#"{{"event_type":"conversion","value":{text}}}"#);
        decode(&fields_from_json(body.as_bytes()).unwrap(), &comma).map_err(|refusal| refusal.reason)
    };
    for text in ["\"12,34\"", "\"12\"", "12.34", "\"0,5\""] {
        assert!(value(text).is_ok(), "{text}");
    }
    for text in ["\"12.34\"", "\"1.234,56\"", "\"1,234,56\"", "\"12,345\"", "\",5\"", "\"5,\""] {
        assert_eq!(value(text).unwrap_err(), InvalidField, "{text}");
    }
}

#[test]
fn malformed_postbacks_are_refused_by_the_parameter_as_sent() {
    const ROWS: &[Malformed] = &[
        ("click_id=%zz&amount=1", MalformedBody, Some("click_id"), "percent"),
        ("click_id=%4&amount=1", MalformedBody, Some("click_id"), "percent"),
        ("click_id=c&sub1=%ff%fe", MalformedBody, Some("sub1"), "UTF-8"),
        ("%ff=1", MalformedBody, Some("%ff"), "UTF-8"),
        ("click_id={click_id}&amount=1", InvalidField, Some("click_id"), "placeholder"),
        ("cid=%7Bclickid%7D&amount=1", InvalidField, Some("cid"), "placeholder"),
        ("clickid=${CLICK_ID}&amount=1", InvalidField, Some("clickid"), "placeholder"),
        ("click_id=c&amount=1&s1=%23s1%23", InvalidField, Some("s1"), "placeholder"),
        ("click_id=(clickid)&amount=1", InvalidField, Some("click_id"), "placeholder"),
        ("click_id=c&amount={amount}", InvalidField, Some("amount"), "placeholder"),
        ("click_id=c&amount=1&amount=2", InvalidField, Some("amount"), "twice"),
        ("click_id=c&amount=1&sum=2", InvalidField, Some("sum"), "`amount`"),
        ("click_id=c&cid=d&amount=1", InvalidField, Some("cid"), "`click_id`"),
        ("click_id=c&sub1=a&sub1=b&amount=1", InvalidField, Some("sub1"), "twice"),
        ("click_id=c&amuont=1", UnknownField, Some("amuont"), "`amount`"),
        ("clik_id=c&amount=1", UnknownField, Some("clik_id"), "`click_id`"),
        ("click_id=c&amount=1&curency=USD", UnknownField, Some("curency"), "`currency`"),
        ("click_id=c&amount=1&Order_ID=7", UnknownField, Some("Order_ID"), "`order_id`"),
        ("click_id=c&amount=1&sub0=x", UnknownField, Some("sub0"), "sub10"),
        ("click_id=c", MissingField, Some("value"), "value"),
        ("click_id=c&payout=5", MissingField, Some("value"), "value"),
        ("", MissingField, Some("event_type"), "event_type"),
        ("click_id=c&amount=12,34", InvalidField, Some("amount"), "comma"),
        ("click_id=a%20b&amount=5", InvalidField, Some("click_id"), "landing URL"),
        ("click_id=c&amount=1&currency=XXQ", InvalidField, Some("currency"), "ISO 4217"),
        ("click_id=c&amount=1&status=maybe", InvalidField, Some("status"), "pending"),
        ("click_id=c&amount=1&event=two%20words", InvalidField, Some("event"), "64"),
        ("event=payout&click_id=c", NotAllowed, Some("event"), "booked here"),
        ("event=refund&amount=1", MissingField, Some("transaction_id"), "conversion"),
        ("click_id=null&amount=1", InvalidField, Some("click_id"), "identifies nothing"),
    ];
    let rules = DecodingRules { profile: profile("tributary"), ..euro() };
    check(ROWS, |raw| decode(&fields_from_query(raw)?, &rules).map(|_| ()));
}

#[test]
fn malformed_files_are_refused_whole_or_by_row() {
    const ROWS: &[Malformed] = &[
        ("", MalformedBody, None, "empty"),
        ("event_type,,link\nclick,,l\n", MalformedBody, None, "column 2"),
        ("event_type,link,link\nclick,a,b\n", MalformedBody, Some("link"), "twice"),
        ("event_type;link\nclick;l\n", MalformedBody, None, "delimiter"),
        ("event_type\tlink\nclick\tl\n", MalformedBody, None, "delimiter"),
        ("event_type,link\nclick\n", MalformedBody, None, "1 columns"),
        ("event_type,link\nclick,l,x\n", MalformedBody, None, "3 columns"),
        ("event_type,link\n\"click,l\n", MalformedBody, None, "not closed"),
        ("event_type,lnk\nclick,l\n", UnknownField, Some("lnk"), "`link`"),
        ("event_type,link\nclikc,l\n", InvalidField, Some("event_type"), "`click`"),
        ("event_type,value\nconversion,\n", MissingField, Some("value"), "value"),
        ("event_type,value\nconversion,abc\n", InvalidField, Some("value"), "decimal"),
        ("event_type,value,currency\nconversion,1,EURO\n", InvalidField, Some("currency"), "ISO 4217"),
        ("event_type,link,timestamp\nclick,l,15.01.2026\n", InvalidField, Some("timestamp"), "RFC 3339"),
        ("event_type,link\nclick,\"a\nb\"\n", InvalidField, Some("link"), "control"),
    ];
    check(ROWS, |file| {
        let map = ColumnMap::default();
        for row in RowReader::open(file.as_bytes(), Format::Csv, &map, Limits::default())? {
            decode(&row?.fields?, &euro())?;
        }
        Ok(())
    });
}

#[test]
fn malformed_maps_are_refused_by_key() {
    const ROWS: &[Malformed] = &[
        ("kind = ", MalformedBody, None, "line 1"),
        ("delimeter = \";\"", UnknownField, Some("delimeter"), "`delimiter`"),
        ("delimiter = \"ab\"", InvalidField, Some("delimiter"), "separate"),
        ("delimiter = 7", InvalidField, Some("delimiter"), "quotation"),
        ("decimal_comma = \"yes\"", InvalidField, Some("decimal_comma"), "true"),
        ("currency = \"EURO\"", InvalidField, Some("currency"), "ISO 4217"),
        ("time_zone = \"Europe/Berlin\"", InvalidField, Some("time_zone"), "offset"),
        ("kind = \"paths\"", InvalidField, Some("kind"), "journeys"),
        ("kind = \"journeys\"", MissingField, Some("journeys"), "section"),
        ("columns = \"a\"", InvalidField, Some("columns"), "[columns]"),
        ("[columns]\nA = \"transactoin_id\"", UnknownField, Some("columns.A"), "`transaction_id`"),
        ("[columns]\nA = 1", InvalidField, Some("columns.A"), "text"),
        ("[columns]\nA = \"value\"\nB = \"value\"", InvalidField, Some("columns.B"), "`A`"),
        ("[constants]\nevnt_type = \"click\"", UnknownField, Some("constants.evnt_type"), "`event_type`"),
        ("[constants]\nvalue = 1.5", InvalidField, Some("constants.value"), "quotation"),
        ("[journeys]\nname = \"x\"", MissingField, Some("kind"), "journeys"),
        (
            "kind = \"journeys\"\n[journeys]\nnulss = \"n\"",
            UnknownField,
            Some("journeys.nulss"),
            "`journeys.nulls`",
        ),
        (
            "kind = \"journeys\"\n[journeys]\nname = \"x\"",
            MissingField,
            Some("journeys.path"),
            "journeys.path",
        ),
    ];
    check(ROWS, |text| ColumnMap::parse(text).map(|_| ()));
    let map = ColumnMap::parse("[columns]\n\"Order No\" = \"transaction_id\"").unwrap();
    let refusal =
        RowReader::open(&b"Order Nr,Sum\n"[..], Format::Csv, &map, Limits::default()).err().unwrap();
    assert_eq!((refusal.reason, refusal.field.as_deref()), (MissingField, Some("Order No")));
    assert!(refusal.hint.contains("Order Nr"));
}

#[test]
fn everything_is_bounded() {
    let long_name = "n".repeat(101);
    let long_value = "v".repeat(4097);
    let long_id = "i".repeat(129);
    let many: String = (0..201).map(|n| format!("\"k{n}\":1,")).collect();
    for (body, reason, field) in [
        (format!("{{\"event_type\":\"click\",\"{long_name}\":1}}"), InvalidField, Some(&long_name[..80])),
        (format!("{{\"event_type\":\"click\",\"link\":\"{long_value}\"}}"), InvalidField, Some("link")),
        (
            format!("{{\"event_type\":\"click\",\"link\":\"l\",\"event_id\":\"{long_id}\"}}"),
            InvalidField,
            Some("event_id"),
        ),
        (
            format!("{{\"event_type\":\"click\",\"link\":\"l\",\"user_id\":\"{long_id}\"}}"),
            InvalidField,
            Some("user_id"),
        ),
        (format!("{{\"event_type\":\"refund\",\"order_id\":\"{long_id}\"}}"), InvalidField, Some("order_id")),
        (
            format!("{{\"event_type\":\"click\",\"link\":\"l\",\"sub1\":\"{}\"}}", "s".repeat(256)),
            InvalidField,
            Some("sub1"),
        ),
        (format!("{{{many}\"event_type\":\"click\"}}"), MalformedBody, None),
        (format!("{{\"event_type\":\"{}\"}}", "x".repeat(300_000)), TooLarge, None),
        (format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), MalformedBody, None),
        (format!("{{\"data\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000)), InvalidField, Some("data")),
    ] {
        let refusal =
            fields_from_json(body.as_bytes()).and_then(|fields| decode(&fields, &euro())).unwrap_err();
        assert_eq!((refusal.reason, refusal.field.as_deref()), (reason, field), "{}", &body[..60]);
        assert!(refusal.to_string().len() < 700);
    }
    let query = (0..201).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join("&");
    assert_eq!(fields_from_query(&query).unwrap_err().reason, TooLarge);
    assert_eq!(fields_from_query(&"a".repeat(70_000)).unwrap_err().reason, TooLarge);
    assert_eq!(json_events("{}\n".repeat(11).as_bytes(), 10).unwrap_err().reason, TooLarge);
}
