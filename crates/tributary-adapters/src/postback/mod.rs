//! The dialects of postbacks, as data: which parameter of which incumbent means what.
//!
//! The same name means different things in different houses (`transaction_id` is the click at one and the order at
//! another), so aliases belong to a profile and a source names its profile. Source: `domain.md` section 1, from the
//! incumbents' public documentation. A source's own aliases come before its profile's, the canonical names after.

mod cake;
mod everflow;
mod redact;
mod redtrack;
mod tributary;
mod tune;
mod voluum;

use crate::canonical::{CANONICAL, Target, target};

pub use crate::canonical::fields_from_query;
pub use redact::redact_query;

/// One dialect.
#[derive(PartialEq, Eq, Debug)]
pub struct PostbackProfile {
    /// The name that set-up files use as `adapter`.
    name: &'static str,
    /// What this dialect calls things; comes before the canonical names.
    aliases: &'static [(&'static str, Target)],
    /// What differs on clicks and impressions, where a foreign click id is the partner's own note.
    on_touches: &'static [(&'static str, Target)],
    /// Whether a conversion may come without an amount, as the incumbents' minimal call does.
    value_is_optional: bool,
}

static PROFILES: [&PostbackProfile; 6] = [
    &tributary::PROFILE,
    &everflow::PROFILE,
    &tune::PROFILE,
    &cake::PROFILE,
    &voluum::PROFILE,
    &redtrack::PROFILE,
];

/// Finds a dialect by name.
#[must_use]
pub fn profile(name: &str) -> Option<&'static PostbackProfile> {
    PROFILES.iter().copied().find(|profile| profile.name == name)
}

/// The dialect of sources that name none: every unambiguous name of the trade.
#[must_use]
pub const fn default_profile() -> &'static PostbackProfile {
    &tributary::PROFILE
}

impl PostbackProfile {
    /// The names of all dialects.
    pub const NAMES: [&'static str; 6] = ["tributary", "everflow", "tune", "cake", "voluum", "redtrack"];

    /// The name of this dialect.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a conversion may come without an amount.
    #[must_use]
    pub const fn value_is_optional(&self) -> bool {
        self.value_is_optional
    }

    /// What a parameter means in this dialect; `None` for one that it does not know.
    pub(crate) fn target(&self, name: &str, touch: bool) -> Option<Target> {
        let find = |table: &[(&str, Target)]| {
            table.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
        };
        let on_touch = if touch { find(self.on_touches) } else { None };
        on_touch.or_else(|| find(self.aliases)).or_else(|| target(name))
    }

    /// The amount or identifier that an unknown parameter is one slip of the keyboard away from.
    ///
    /// Names that differ only in a number (`adv_unique2`) are other slots, not slips.
    pub(crate) fn misspelt(&self, name: &str) -> Option<&'static str> {
        const SHORTEST: usize = 5;
        if name.len() < SHORTEST || name.len() > 40 {
            return None;
        }
        let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        let folded = name.to_ascii_lowercase();
        self.aliases
            .iter()
            .chain(CANONICAL)
            .filter(|(known, meaning)| meaning.is_costly() && known.len() >= SHORTEST)
            .map(|(known, _)| *known)
            .find(|known| {
                strsim::osa_distance(&folded, known) <= 1
                    && (letters(&folded) != letters(known) || folded == **known)
            })
    }
}

#[cfg(test)]
mod tests;
