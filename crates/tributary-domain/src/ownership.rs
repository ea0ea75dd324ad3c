//! Customer ownership: for how long the partner who won a customer is credited with what the customer does later.
//!
//! A rule of the brand, versioned in time. How it is applied stands in [`crate::settlement`].

use crate::time::{Span, Timestamp};

/// Who owns a brand's customers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CustomerOwnership {
    /// Nobody: every conversion is shared by its own touchpoints.
    #[default]
    Nobody,
    /// The partner credited with the customer's first registration or conversion.
    FirstPartner {
        /// How long, counted from that event; `None` is for life.
        lasts: Option<Span>,
        /// It ends early when the customer did nothing for longer than this; `None` lets it rest.
        inactivity: Option<Span>,
    },
}

impl CustomerOwnership {
    /// Whether an ownership won at `since`, of a customer last active at `active_at`, still holds at `at`. Both ends count: with 180
    /// days, a conversion exactly 180 days after the owning event is the owner's.
    #[must_use]
    pub fn holds(&self, since: Timestamp, active_at: Timestamp, at: Timestamp) -> bool {
        match self {
            Self::Nobody => false,
            Self::FirstPartner { lasts, inactivity } => {
                lasts.is_none_or(|lasts| at.since(since) <= lasts)
                    && inactivity.is_none_or(|inactivity| at.since(active_at) <= inactivity)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: i64) -> Timestamp {
        Timestamp(0).plus(Span::days(number))
    }

    #[test]
    fn an_ownership_holds_to_the_last_moment_of_its_time_and_ends_early_without_activity() {
        let life = CustomerOwnership::FirstPartner { lasts: None, inactivity: None };
        let half_a_year = CustomerOwnership::FirstPartner { lasts: Some(Span::days(180)), inactivity: None };
        let active = CustomerOwnership::FirstPartner {
            lasts: Some(Span::days(180)),
            inactivity: Some(Span::days(90)),
        };
        for (rule, active_at, at, holds) in [
            (CustomerOwnership::Nobody, day(0), day(0), false),
            (life, day(0), day(10_000), true),
            (half_a_year, day(0), day(180), true),
            (half_a_year, day(179), Timestamp(day(180).0 + 1), false),
            (active, day(0), day(90), true),
            (active, day(0), Timestamp(day(90).0 + 1), false),
            (active, day(60), day(150), true),
            (active, day(170), day(181), false),
        ] {
            assert_eq!(rule.holds(day(0), active_at, at), holds, "{rule:?} at {at}");
        }
    }
}
