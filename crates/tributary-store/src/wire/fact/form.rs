//! The JSON object of a logged fact, and the small types it is made of.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tributary_domain::money::Money;
use tributary_domain::tracking::Tracking;

use crate::wire::WireError;

/// Version 1 of a logged fact. The order of the fields is the order on disk.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFact<'a> {
    pub(super) v: u8,
    pub(super) event: Digits,
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) brand: Text<'a>,
    #[serde(borrow)]
    pub(super) source: Text<'a>,
    pub(super) at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) customer: Option<Digits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) visitor: Option<Digits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<Digits>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) click_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) partner: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) campaign: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) transaction: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) minor: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) currency: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) promo_code: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) named_partner: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cart_opened_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "WireTracking::is_empty")]
    pub(super) tracking: WireTracking<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) purpose: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) granted: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) figures: Vec<(Text<'a>, Text<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) payout: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lines: Vec<(Digits, i64)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pair: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> WireFact<'a> {
    /// Sets amount and currency together.
    pub(super) fn put_money(&mut self, money: Option<&'a Money>) {
        self.minor = money.map(|money| money.minor);
        self.currency = money.map(|money| Text::of(money.currency.code()));
    }
}

/// The version of a record whose other fields are not known.
#[derive(Deserialize)]
pub(super) struct VersionOnly {
    pub(super) v: u8,
}

/// A text, borrowed from the record where it holds no escapes.
#[derive(Serialize, Deserialize, Default)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    pub(super) fn owned(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Sixteen bytes as 32 hexadecimal digits.
#[derive(Clone, Copy, Default)]
pub(super) struct Digits(pub(super) [u8; 16]);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0u8; 32];
        hex::encode_to_slice(self.0, &mut digits).map_err(S::Error::custom)?;
        serializer.serialize_str(std::str::from_utf8(&digits).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        let mut bytes = [0u8; 16];
        hex::decode_to_slice(text.as_str(), &mut bytes).map_err(D::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// Tracking parameters: written straight from the domain's, read as pairs.
#[derive(Default)]
pub(super) struct WireTracking<'a> {
    written: Option<&'a Tracking>,
    read: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> WireTracking<'a> {
    /// The written form.
    pub(super) fn of(tracking: &'a Tracking) -> Self {
        Self { written: Some(tracking), read: Vec::new() }
    }

    /// Whether the field is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.written.is_none_or(Tracking::is_empty)
    }

    /// What was read.
    pub(super) fn to_domain(&self) -> Result<Tracking, WireError> {
        let mut tracking = Tracking::default();
        for (name, value) in &self.read {
            tracking.insert(name.as_str(), value.as_str()).map_err(|error| WireError::unreadable(&error))?;
        }
        Ok(tracking)
    }
}

impl Serialize for WireTracking<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(tracking) = self.written {
            for (name, value) in tracking.iter() {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for WireTracking<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { written: None, read: deserializer.deserialize_map(Pairs)? })
    }
}

/// Reads an object as pairs in their order.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(Text<'de>, Text<'de>)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("tracking parameters by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
