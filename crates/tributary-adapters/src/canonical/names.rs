//! The canonical field names and what each means.

use tributary_domain::tracking::{PARAMETERS, Tracking};

/// What a parameter means, once its name has been resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The kind of event; in a postback also a goal's name.
    Kind,
    /// The sender's own event id.
    EventId,
    /// When it happened.
    OccurredAt,
    /// The operator's customer id.
    CustomerId,
    /// The anonymous visitor or device id.
    VisitorId,
    /// The e-mail address.
    Email,
    /// The IP address of the person.
    Ip,
    /// The browser's user agent.
    UserAgent,
    /// The click that the event follows from.
    ClickId,
    /// The order, deposit or account number.
    Transaction,
    /// The step reached.
    Goal,
    /// The amount.
    Value,
    /// The amount's currency.
    Currency,
    /// The operator's verdict.
    Status,
    /// The campaign's key.
    Campaign,
    /// The partner's key.
    Partner,
    /// The link's key.
    Link,
    /// A channel that is not a partner.
    Channel,
    /// A promo code.
    PromoCode,
    /// When the order's cart was opened last.
    CartOpenedAt,
    /// What a consent is for.
    Purpose,
    /// Whether consent is given.
    Granted,
    /// Why an adjustment is made.
    Cause,
    /// One of the tracking slots.
    Tracking(&'static str),
    /// A tracking slot that does not exist, such as `sub11`.
    NoSuchSlot,
    /// A named figure of a measure; its name is what follows `figures.`.
    Figure,
    /// Read by nobody, on purpose.
    Ignored,
}

/// How many targets have one value each; tracking, figures and ignored ones come after them.
pub(crate) const SINGLE_TARGETS: usize = 23;

impl Target {
    /// The place of a target that has one value; `None` for tracking, figures and ignored parameters.
    pub(crate) const fn place(self) -> Option<usize> {
        Some(match self {
            Self::Kind => 0,
            Self::EventId => 1,
            Self::OccurredAt => 2,
            Self::CustomerId => 3,
            Self::VisitorId => 4,
            Self::Email => 5,
            Self::Ip => 6,
            Self::UserAgent => 7,
            Self::ClickId => 8,
            Self::Transaction => 9,
            Self::Goal => 10,
            Self::Value => 11,
            Self::Currency => 12,
            Self::Status => 13,
            Self::Campaign => 14,
            Self::Partner => 15,
            Self::Link => 16,
            Self::Channel => 17,
            Self::PromoCode => 18,
            Self::Purpose => 19,
            Self::Granted => 20,
            Self::Cause => 21,
            Self::CartOpenedAt => 22,
            Self::Tracking(_) | Self::NoSuchSlot | Self::Figure | Self::Ignored => return None,
        })
    }

    /// Whether a mistyped name of this target would cost money or an identity.
    pub(crate) const fn is_costly(self) -> bool {
        matches!(
            self,
            Self::Value
                | Self::Currency
                | Self::Transaction
                | Self::ClickId
                | Self::CustomerId
                | Self::EventId
        )
    }
}

/// Every canonical name that is not a tracking slot; the first of a target is the one that messages use.
pub(crate) const CANONICAL: &[(&str, Target)] = &[
    ("event_type", Target::Kind),
    ("type", Target::Kind),
    ("event", Target::Kind),
    ("event_id", Target::EventId),
    ("id", Target::EventId),
    ("timestamp", Target::OccurredAt),
    ("occurred_at", Target::OccurredAt),
    ("customer_id", Target::CustomerId),
    ("user_id", Target::CustomerId),
    ("visitor_id", Target::VisitorId),
    ("email", Target::Email),
    ("ip", Target::Ip),
    ("user_agent", Target::UserAgent),
    ("click_id", Target::ClickId),
    ("transaction_id", Target::Transaction),
    ("order_id", Target::Transaction),
    ("goal", Target::Goal),
    ("value", Target::Value),
    ("amount", Target::Value),
    ("conversion_value", Target::Value),
    ("currency", Target::Currency),
    ("status", Target::Status),
    ("campaign", Target::Campaign),
    ("campaign_id", Target::Campaign),
    ("partner", Target::Partner),
    ("partner_id", Target::Partner),
    ("link", Target::Link),
    ("channel", Target::Channel),
    ("promo_code", Target::PromoCode),
    ("coupon_code", Target::PromoCode),
    ("cart_opened_at", Target::CartOpenedAt),
    ("purpose", Target::Purpose),
    ("granted", Target::Granted),
    ("cause", Target::Cause),
];

/// What a canonical name means; `None` for an unknown one.
pub(crate) fn target(name: &str) -> Option<Target> {
    if let Some((outer, inner)) = name.split_once('.') {
        return nested_target(outer, inner);
    }
    if let Some((_, found)) = CANONICAL.iter().find(|(known, _)| *known == name) {
        return Some(*found);
    }
    match name {
        "data" | "ignore" => Some(Target::Ignored),
        _ => tracking_target(name),
    }
}

fn nested_target(outer: &str, inner: &str) -> Option<Target> {
    match (outer, inner) {
        ("data", _) => Some(Target::Ignored),
        ("figures", _) => Some(Target::Figure),
        ("tracking", _) => tracking_target(inner),
        ("utm", _) => {
            let slot = PARAMETERS.iter().find(|slot| slot.strip_prefix("utm_") == Some(inner));
            Some(slot.map_or(Target::NoSuchSlot, |slot| Target::Tracking(slot)))
        }
        ("user" | "customer", "id") => Some(Target::CustomerId),
        ("user" | "customer", "email" | "ip" | "user_agent" | "visitor_id") => target(inner),
        _ => None,
    }
}

fn tracking_target(name: &str) -> Option<Target> {
    match PARAMETERS.iter().find(|slot| **slot == name) {
        Some(slot) => Some(Target::Tracking(slot)),
        None => Tracking::claims(name).then_some(Target::NoSuchSlot),
    }
}

/// Whether an own name of a source may stand for this field (set-up files are checked with it).
#[must_use]
pub fn is_canonical_field(name: &str) -> bool {
    !matches!(target(name), None | Some(Target::NoSuchSlot))
}

/// The canonical name that an unknown one probably means; `None` when nothing is near.
#[must_use]
pub fn nearest_field(name: &str) -> Option<&'static str> {
    nearest(name, CANONICAL.iter().map(|(known, _)| *known).chain(PARAMETERS))
}

/// The candidate that an unknown name probably means: one that continues it (`customer` for `customer_id`), else the one
/// with the fewest slips within a third of the name's length (at least one, at most three).
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    const SHORTEST_BEGINNING: usize = 3;
    let folded: String =
        name.chars().take(64).flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c }).collect();
    let length = folded.chars().count();
    let reach = (length / 3).clamp(1, 3);
    candidates
        .filter_map(|candidate| {
            let lowered = candidate.to_lowercase();
            if length >= SHORTEST_BEGINNING && lowered.starts_with(&folded) {
                return Some((0, candidate));
            }
            Some((strsim::osa_distance(&folded, &lowered), candidate))
                .filter(|(distance, _)| *distance <= reach)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
