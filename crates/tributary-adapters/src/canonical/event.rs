//! The validated event, still with its raw personal data: the edge seals it into a fact.

use std::fmt;

use tributary_domain::configuration::Source;
use tributary_domain::fact::{
    Action, Adjustment, Consent, EventKind, FactBody, Measure, MeasureKind, Reversal, StatusChange, Touch,
};
use tributary_domain::money::Currency;
use tributary_domain::time::Timestamp;

use crate::postback::PostbackProfile;

/// A raw personal value. It never shows in `Debug` or `Display`; read it with [`Personal::reveal`] only to seal it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Personal(String);

impl Personal {
    /// Wraps a raw value.
    #[must_use]
    pub fn new(raw: impl Into<String>) -> Self {
        Self(raw.into())
    }

    /// The raw value.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl fmt::Display for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

/// What an event says about its person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersonalData {
    /// The operator's customer id, 1 to 128 characters.
    pub customer_id: Option<Personal>,
    /// The anonymous visitor or device id, 1 to 128 characters.
    pub visitor_id: Option<Personal>,
    /// The e-mail address, trimmed and in lower case.
    pub email: Option<Personal>,
    /// The IP address of the person, in its usual short form.
    pub ip: Option<Personal>,
    /// The browser's user agent, up to 1,024 characters.
    pub user_agent: Option<Personal>,
}

/// What happened, in the domain's own types; payouts cannot come from outside and are absent.
#[derive(Clone, PartialEq, Debug)]
pub enum IncomingBody {
    /// Somebody followed a link.
    Click(Touch),
    /// Somebody saw an advertisement.
    Impression(Touch),
    /// Somebody opened an account.
    Registration(Action),
    /// A customer reached a qualifying step.
    Qualification(Action),
    /// A qualifying action with value.
    Conversion(Action),
    /// Money went back by agreement.
    Refund(Reversal),
    /// Money went back by the customer's bank.
    Chargeback(Reversal),
    /// The operator's verdict.
    Status(StatusChange),
    /// The operator's corrected value; only from his own commands ([`super::decode_internal`]).
    Adjustment(Adjustment),
    /// Two identities are one person.
    Identify,
    /// Consent was given or withdrawn.
    Consent(Consent),
    /// A trade, a player's day or an advertising cost.
    Measure(Measure),
}

impl IncomingBody {
    /// Which kind of event this is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Click(_) => EventKind::Click,
            Self::Impression(_) => EventKind::Impression,
            Self::Registration(_) => EventKind::Registration,
            Self::Qualification(_) => EventKind::Qualification,
            Self::Conversion(_) => EventKind::Conversion,
            Self::Refund(_) => EventKind::Refund,
            Self::Chargeback(_) => EventKind::Chargeback,
            Self::Status(_) => EventKind::Status,
            Self::Adjustment(_) => EventKind::Adjustment,
            Self::Identify => EventKind::Identify,
            Self::Consent(_) => EventKind::Consent,
            Self::Measure(measure) => match measure.kind {
                MeasureKind::Trade => EventKind::Trade,
                MeasureKind::PlayerDay => EventKind::PlayerDay,
                MeasureKind::Spend => EventKind::Spend,
            },
        }
    }
}

impl From<IncomingBody> for FactBody {
    fn from(body: IncomingBody) -> Self {
        match body {
            IncomingBody::Click(touch) => Self::Click(touch),
            IncomingBody::Impression(touch) => Self::Impression(touch),
            IncomingBody::Registration(action) => Self::Registration(action),
            IncomingBody::Qualification(action) => Self::Qualification(action),
            IncomingBody::Conversion(action) => Self::Conversion(action),
            IncomingBody::Refund(reversal) => Self::Refund(reversal),
            IncomingBody::Chargeback(reversal) => Self::Chargeback(reversal),
            IncomingBody::Status(change) => Self::Status(change),
            IncomingBody::Adjustment(adjustment) => Self::Adjustment(adjustment),
            IncomingBody::Identify => Self::Identify,
            IncomingBody::Consent(consent) => Self::Consent(consent),
            IncomingBody::Measure(measure) => Self::Measure(measure),
        }
    }
}

/// One event, validated field by field.
#[derive(Clone, PartialEq, Debug)]
pub struct IncomingEvent {
    /// Which kind; always that of the body.
    pub kind: EventKind,
    /// The sender's own event id, 1 to 128 characters.
    pub event_id: Option<String>,
    /// When it happened by the sender's word; without it the time of receipt counts.
    pub occurred_at: Option<Timestamp>,
    /// Raw personal data, to be sealed.
    pub personal: PersonalData,
    /// The click named, with a click id's characters; whether it is one of ours the edge checks with its key.
    pub click_id: Option<String>,
    /// What happened.
    pub body: IncomingBody,
}

/// How a source's fields are to be read.
#[derive(Clone, Debug, Default)]
pub struct DecodingRules {
    /// The currency of amounts without one; without it such events are refused.
    pub default_currency: Option<Currency>,
    /// Amounts in texts have a decimal comma instead of a point.
    pub decimal_comma: bool,
    /// Own names, before all others: (name as sent, canonical field; `ignore` for none).
    pub aliases: Vec<(String, String)>,
    /// The kind of events that do not name theirs.
    pub default_kind: Option<EventKind>,
    /// A public redirect: `default_kind` holds whatever the fields say, and only link, visitor and tracking are read. A browser
    /// has no say in the rest, and junk in a URL must not keep a visitor from his destination.
    pub kind_is_fixed: bool,
    /// A postback dialect, lenient to unknown parameters; `None` is canonical JSON, which is strict.
    pub profile: Option<&'static PostbackProfile>,
}

impl DecodingRules {
    /// The strict rules of canonical JSON and webhooks for a source.
    #[must_use]
    pub fn canonical_for(source: &Source) -> Self {
        Self {
            default_currency: source.default_currency,
            decimal_comma: source.decimal_comma,
            aliases: source.aliases.clone(),
            ..Self::default()
        }
    }

    /// The rules of a source's postbacks: its adapter's dialect, else the `tributary` one.
    #[must_use]
    pub fn postback_for(source: &Source) -> Self {
        let profile = crate::postback::profile(&source.adapter).unwrap_or(crate::postback::default_profile());
        Self { profile: Some(profile), ..Self::canonical_for(source) }
    }

    /// The rules of a tracked redirect: always a click, whatever its parameters say.
    #[must_use]
    pub fn redirect() -> Self {
        Self {
            default_kind: Some(EventKind::Click),
            kind_is_fixed: true,
            profile: Some(crate::postback::default_profile()),
            ..Self::default()
        }
    }
}
