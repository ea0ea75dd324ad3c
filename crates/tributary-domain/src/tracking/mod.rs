//! Tracking identifiers: what a partner hangs on a link to tell his own traffic apart.

mod signals;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

pub use signals::{PAID_CLICK_IDS, REFERRER, is_signal};

/// Names of the tracking parameters that are kept, in the order of reports.
///
/// `utm_*` are the five of the web-analytics convention; `creator_id` and `sub_id` come from the commissioning
/// text; `sub1` to `sub10` are the trade's usual slots; [`PAID_CLICK_IDS`] and [`REFERRER`] tell the channel.
pub const PARAMETERS: [&str; 30] = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "creator_id",
    "sub_id",
    "sub1",
    "sub2",
    "sub3",
    "sub4",
    "sub5",
    "sub6",
    "sub7",
    "sub8",
    "sub9",
    "sub10",
    "gclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "dclid",
    "fbclid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "epik",
    "rdt_cid",
    REFERRER,
];

/// Longest value of a tracking parameter in characters.
pub const LONGEST_VALUE: usize = 255;

/// A tracking parameter that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrackingError {
    /// Longer than [`LONGEST_VALUE`].
    #[error("`{parameter}` has {length} characters; at most 255 are kept")]
    TooLong {
        /// Its name.
        parameter: String,
        /// Its length in characters.
        length: usize,
    },
    /// Control characters or the Unicode replacement character.
    #[error("`{parameter}` holds a character that cannot stand in a tracking value")]
    BadCharacter {
        /// Its name.
        parameter: String,
    },
    /// `creator_id` has a stricter form than the free slots.
    #[error("`{parameter}` must have 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    NotAKey {
        /// Its name.
        parameter: String,
    },
    /// `sub11`, `sub0`, `utm_foo`: close to a known name, but not one.
    #[error(
        "`{parameter}` is not a tracking parameter; the slots are sub1 to sub10 and utm_source, utm_medium, utm_campaign, utm_term, utm_content"
    )]
    UnknownSlot {
        /// Its name.
        parameter: String,
    },
    /// The same parameter twice with different values.
    #[error("`{parameter}` is given twice with different values")]
    Repeated {
        /// Its name.
        parameter: String,
    },
}

impl TrackingError {
    /// The parameter at fault.
    #[must_use]
    pub fn parameter(&self) -> &str {
        match self {
            Self::TooLong { parameter, .. }
            | Self::BadCharacter { parameter }
            | Self::NotAKey { parameter }
            | Self::UnknownSlot { parameter }
            | Self::Repeated { parameter } => parameter,
        }
    }
}

/// The tracking parameters of one event; empty values are dropped.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tracking(BTreeMap<&'static str, Arc<str>>);

impl Tracking {
    /// Whether a parameter name belongs here (known slot, or one that was meant to be: `sub11`, `utm_foo`).
    #[must_use]
    pub fn claims(name: &str) -> bool {
        PARAMETERS.contains(&name)
            || name.starts_with("utm_")
            || name
                .strip_prefix("sub")
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Validates and adds one parameter. Empty values (unfilled macros) are dropped; signals are never refused.
    ///
    /// # Errors
    /// When the name is no parameter, or the value cannot be kept.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), TrackingError> {
        let parameter = || name.chars().take(40).collect::<String>();
        let slot = PARAMETERS
            .iter()
            .copied()
            .find(|known| *known == name)
            .ok_or_else(|| TrackingError::UnknownSlot { parameter: parameter() })?;
        if value.is_empty() {
            return Ok(());
        }
        if is_signal(slot) {
            self.insert_signal(slot, value);
            return Ok(());
        }
        let length = value.chars().count();
        if length > LONGEST_VALUE {
            return Err(TrackingError::TooLong { parameter: parameter(), length });
        }
        if value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            return Err(TrackingError::BadCharacter { parameter: parameter() });
        }
        if slot == "creator_id" && crate::ids::PartnerKey::parse(value).is_err() {
            return Err(TrackingError::NotAKey { parameter: parameter() });
        }
        match self.0.get(slot) {
            Some(present) if **present != *value => Err(TrackingError::Repeated { parameter: parameter() }),
            _ => {
                self.0.insert(slot, Arc::from(value));
                Ok(())
            }
        }
    }

    /// Of two different values the smaller is kept, so that their order does not matter.
    fn insert_signal(&mut self, slot: &'static str, value: &str) {
        let kept = signals::kept(slot, value);
        let is_news = self.0.get(slot).is_none_or(|present| *kept < **present);
        if !kept.is_empty() && is_news {
            self.0.insert(slot, Arc::from(&*kept));
        }
    }

    /// The first of [`PAID_CLICK_IDS`] that is there: a platform sold this click.
    #[must_use]
    pub fn paid_click_id(&self) -> Option<(&'static str, &str)> {
        PAID_CLICK_IDS.into_iter().find_map(|name| Some((name, self.get(name)?)))
    }

    /// Whether anything here tells by which channel somebody came.
    #[must_use]
    pub fn tells_channel(&self) -> bool {
        self.iter().any(|(name, _)| is_signal(name) || matches!(name, "utm_source" | "utm_medium"))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// All parameters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, &**value))
    }

    /// Whether no parameter is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_parameter() {
        let mut tracking = Tracking::default();
        let long = "x".repeat(256);
        for (name, value) in [
            ("sub1", long.as_str()),
            ("utm_source", "a\u{0}b"),
            ("creator_id", "a b"),
            ("sub11", "x"),
            ("sub0", "x"),
            ("utm_foo", "x"),
        ] {
            assert!(Tracking::claims(name));
            let error = tracking.insert(name, value).unwrap_err();
            assert_eq!(error.parameter(), name);
            assert!(error.to_string().contains(name));
        }
        tracking.insert("sub_id", "video_12").unwrap();
        tracking.insert("sub_id", "video_12").unwrap();
        assert!(matches!(tracking.insert("sub_id", "video_13"), Err(TrackingError::Repeated { .. })));
        tracking.insert("sub2", "").unwrap();
        assert_eq!(tracking.iter().collect::<Vec<_>>(), [("sub_id", "video_12")]);
    }

    #[test]
    fn signals_are_never_refused_and_their_order_does_not_matter() {
        for ids in [["b", "a"], ["a", "b"]] {
            let mut tracking = Tracking::default();
            assert!(!tracking.tells_channel());
            for id in ids {
                tracking.insert("fbclid", id).unwrap();
            }
            tracking.insert("fbclid", "\u{0}").unwrap();
            tracking.insert("referrer", "https://a.example/secret?q=1").unwrap();
            assert_eq!(tracking.paid_click_id(), Some(("fbclid", "a")));
            assert_eq!(tracking.get("referrer"), Some("a.example"));
            assert!(tracking.tells_channel());
        }
    }

    #[test]
    fn every_signal_is_a_parameter() {
        assert!(PAID_CLICK_IDS.iter().all(|name| PARAMETERS.contains(name)));
    }
}
