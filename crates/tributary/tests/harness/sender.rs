//! What senders do: sign, and say the same event in every way that the server understands.

use serde_json::{Value, json};
use tributary_adapters::signature::{sign_body, sign_standard};
use tributary_domain::configuration::Secret;
use tributary_domain::time::Timestamp;

use super::client::{Answer, Client, seconds_ago};
use super::{CRM_SECRET, SHOP_SECRET};

/// The secret of a source of the harness's set-up.
pub fn secret_of(source: &str) -> Secret {
    Secret(if source == "crm" { CRM_SECRET } else { SHOP_SECRET }.as_bytes().to_vec())
}

/// The commissioned signature of a body.
pub fn signature(source: &str, body: &[u8]) -> String {
    sign_body(&secret_of(source), body)
}

/// The three headers of Standard Webhooks.
pub fn standard_headers(source: &str, id: &str, seconds: i64, body: &[u8]) -> [(String, String); 3] {
    let signature = sign_standard(&secret_of(source), id, Timestamp(seconds * 1_000_000), body);
    [
        ("webhook-id".to_owned(), id.to_owned()),
        ("webhook-timestamp".to_owned(), seconds.to_string()),
        ("webhook-signature".to_owned(), signature),
    ]
}

/// Sends a signed webhook.
#[track_caller]
pub fn webhook(http: &Client, source: &str, body: impl AsRef<[u8]>) -> Answer {
    let signature = signature(source, body.as_ref());
    http.post(&format!("/webhooks/{source}"), &[("x-webhook-signature", &signature)], body)
}

/// Sends a webhook signed as Standard Webhooks asks, now.
#[track_caller]
pub fn standard_webhook(http: &Client, source: &str, id: &str, body: impl AsRef<[u8]>) -> Answer {
    let headers = standard_headers(source, id, seconds_ago(0), body.as_ref());
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    http.post(&format!("/webhooks/{source}"), &headers, body)
}

/// The bearer token of a source.
pub fn bearer(source: &str) -> String {
    format!("Bearer {}", String::from_utf8(secret_of(source).0).unwrap())
}

/// Sends canonical JSON (one event, an array, NDJSON) to `/v1/events`.
#[track_caller]
pub fn events(http: &Client, source: &str, body: impl AsRef<[u8]>) -> Answer {
    http.post(&format!("/v1/events?source={source}"), &[("authorization", &bearer(source))], body)
}

/// Sends one event of the shop that must be accepted.
#[track_caller]
pub fn tell(http: &Client, event: &Value) -> Answer {
    events(http, "shop", event.to_string()).accepted()
}

/// A purchase of the shop.
pub fn purchase(transaction: &str, value: &str, customer: &str, at: &str) -> Value {
    json!({
        "event_type": "conversion", "transaction_id": transaction, "value": value, "currency": "EUR",
        "customer_id": customer, "timestamp": at,
    })
}

/// A click on a link, told by the shop.
pub fn click(link: &str, customer: &str, at: &str) -> Value {
    json!({ "event_type": "click", "link": link, "customer_id": customer, "timestamp": at })
}

/// An event's fields as a query or form.
pub fn as_query(event: &Value) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in event.as_object().unwrap() {
        query.append_pair(name, value.as_str().unwrap());
    }
    query.finish()
}

/// An event's fields as a CSV file of one row.
pub fn as_csv(events: &[Value]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    writer.write_record(&names).unwrap();
    for event in events {
        writer.write_record(names.iter().map(|name| event[name.as_str()].as_str().unwrap())).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}
