//! Events as the canonical JSON that `POST /v1/events` takes.

use serde::Serialize;

use tributary_domain::time::Timestamp;

use crate::truth::{ConversionTruth, Label};

/// One event in the field names of the public contract; what is `None` is left out.
///
/// Field order is fixed, so that equal events are equal bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Event {
    /// Kind by its published name: `click`, `registration`, `conversion`, ...
    pub event_type: &'static str,
    /// The sender's own id of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// When it happened by the sender's clock, RFC 3339 in UTC.
    pub timestamp: String,
    /// The shop's number of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// First-party id of the browser or device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor_id: Option<String>,
    /// E-mail address, always of a reserved example domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Address, always of a range reserved for documentation or benchmarks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Browser's name of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The click that this is (on clicks) or follows from (elsewhere).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// The shop's number of order or account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The step reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<&'static str>,
    /// Decimal amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// ISO 4217 code of the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'static str>,
    /// `pending`, `approved`, `rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// Link that was followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<&'static str>,
    /// Channel that is not a partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
    /// Code used at the till.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promo_code: Option<&'static str>,
    /// Creator's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator_id: Option<&'static str>,
    /// Creator's own mark, such as the video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_id: Option<String>,
    /// First free slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub1: Option<String>,
    /// Second free slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub2: Option<String>,
    /// Web-analytics source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_source: Option<&'static str>,
    /// Web-analytics medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_medium: Option<&'static str>,
    /// Web-analytics campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm_campaign: Option<&'static str>,
}

/// One delivery of an event, with what the simulator knows about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimulatedEvent {
    /// The source that sends it; a key of the world's set-up.
    pub source: &'static str,
    /// When it happened in truth, before any clock of a sender.
    pub occurred_at: Timestamp,
    /// When it reaches the door.
    pub delivered_at: Timestamp,
    /// Whether this delivery repeats an earlier one byte for byte.
    pub repeated: bool,
    /// What kind of behaviour it belongs to.
    pub label: Label,
    /// On registrations, qualifications and conversions: who really brought them.
    pub truth: Option<ConversionTruth>,
    /// The event as sent.
    pub event: Event,
}

impl Event {
    /// The event as one line of JSON without a line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Only texts under fixed names are written, which cannot fail; the other arm writes nothing.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Adds the event to a buffer as JSON; for bulk output without an allocation per event.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, to: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer(to, self).map_err(std::io::Error::from)
    }
}

/// Minor units of a two-decimal currency as a decimal text.
#[must_use]
pub fn decimal(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let magnitude = minor.unsigned_abs();
    format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_are_left_out_and_the_order_is_fixed() {
        let event = Event {
            event_type: "conversion",
            timestamp: "2026-01-15T10:00:00Z".into(),
            value: Some(decimal(4_990)),
            currency: Some("EUR"),
            ..Event::default()
        };
        assert_eq!(
            event.to_json(),
            r#"{"event_type":"conversion","timestamp":"2026-01-15T10:00:00Z","value":"49.90","currency":"EUR"}"#
        );
    }

    #[test]
    fn amounts_keep_both_decimals() {
        for (minor, text) in [(0, "0.00"), (5, "0.05"), (100, "1.00"), (-250, "-2.50"), (123_456, "1234.56")]
        {
            assert_eq!(decimal(minor), text);
        }
    }
}
