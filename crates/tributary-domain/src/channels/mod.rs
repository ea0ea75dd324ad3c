//! By which channel a click came that names neither link nor partner: rules over what it carries.
//!
//! The fact keeps what arrived; the rule is applied when conversions are settled, by the version of the brand in force at the click. So
//! another set of rules judges old clicks anew.

mod built_in;

use std::sync::Arc;

use crate::configuration::Configuration;
use crate::fact::Touch;
use crate::ids::{BrandKey, Channel};
use crate::time::Timestamp;
use crate::tracking::{REFERRER, Tracking};

/// One rule: the channel of clicks that meet every condition that is stated. Of several values of one condition any will do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelRule {
    /// The channel.
    pub channel: Channel,
    /// Paid click ids, one of which must be there, such as `gclid`.
    pub click_ids: Vec<&'static str>,
    /// Values of `utm_source`, in lower case.
    pub sources: Vec<Arc<str>>,
    /// Values of `utm_medium`, in lower case.
    pub mediums: Vec<Arc<str>>,
    /// Hosts of the page before: `a.example` means its subdomains too, `a.*` those under any ending.
    pub referrers: Vec<Arc<str>>,
}

impl ChannelRule {
    /// Whether a click that carries this meets the rule. A rule without conditions is met by all.
    #[must_use]
    pub fn is_met(&self, tracking: &Tracking) -> bool {
        self.conditions().are_met(tracking)
    }

    fn conditions(&self) -> Conditions<'_, Arc<str>> {
        Conditions {
            click_ids: &self.click_ids,
            sources: &self.sources,
            mediums: &self.mediums,
            referrers: &self.referrers,
        }
    }
}

/// A brand's rules: its own in their order, then the built-in ones unless they are switched off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelRules {
    /// Its own.
    pub own: Vec<ChannelRule>,
    /// Whether the built-in rules follow.
    pub usual: bool,
}

impl Default for ChannelRules {
    fn default() -> Self {
        Self { own: Vec::new(), usual: true }
    }
}

impl ChannelRules {
    /// The channel of a click: that of the first rule it meets.
    #[must_use]
    pub fn channel(&self, tracking: &Tracking) -> Option<Channel> {
        let own = self.own.iter().find(|rule| rule.is_met(tracking)).map(|rule| rule.channel.clone());
        own.or_else(|| if self.usual { built_in::channel(tracking) } else { None })
    }

    /// The same as [`Self::channel`], with the rule that decided.
    #[must_use]
    pub fn classify(&self, tracking: &Tracking) -> Option<Classified> {
        let own = self.own.iter().enumerate().find(|(_, rule)| rule.is_met(tracking));
        if let Some((place, rule)) = own {
            let carries = rule.conditions().parameters(tracking);
            return Some(Classified {
                channel: rule.channel.clone(),
                basis: ChannelBasis::OwnRule(place),
                carries,
            });
        }
        if self.usual { built_in::classify(tracking) } else { None }
    }
}

/// What put a click into its channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelBasis {
    /// The sender named the channel.
    Named,
    /// One of the brand's own rules, by its place among them.
    OwnRule(usize),
    /// One of the built-in rules.
    BuiltInRule,
    /// No rule fits: what carries anything was referred by somebody, what carries nothing came directly.
    NoRule,
}

impl ChannelBasis {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::OwnRule(_) => "own_rule",
            Self::BuiltInRule => "built_in_rule",
            Self::NoRule => "no_rule",
        }
    }
}

/// A click's channel, and why it is that one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Classified {
    /// The channel.
    pub channel: Channel,
    /// What decided.
    pub basis: ChannelBasis,
    /// The tracking parameters by which the click met the rule's conditions.
    pub carries: Vec<&'static str>,
}

impl Configuration {
    /// The channel of a touch that is no partner's: the one it names, else by the brand's rules in force then.
    #[must_use]
    pub fn channel_of(&self, brand: &BrandKey, touch: &Touch, at: Timestamp) -> Option<Channel> {
        if touch.link.is_some() || touch.partner.is_some() || touch.channel.is_some() {
            return touch.channel.clone();
        }
        match self.brands.get(brand) {
            Some(versions) => versions.at(at).channels.channel(&touch.tracking),
            None => ChannelRules::default().channel(&touch.tracking),
        }
    }

    /// The same as [`Self::channel_of`], with what decided. It is for those who ask why, so it may take longer.
    #[must_use]
    pub fn classify(&self, brand: &BrandKey, touch: &Touch, at: Timestamp) -> Option<Classified> {
        if let Some(channel) = &touch.channel {
            let basis = ChannelBasis::Named;
            return Some(Classified { channel: channel.clone(), basis, carries: Vec::new() });
        }
        if touch.link.is_some() || touch.partner.is_some() {
            return None;
        }
        match self.brands.get(brand) {
            Some(versions) => versions.at(at).channels.classify(&touch.tracking),
            None => ChannelRules::default().classify(&touch.tracking),
        }
    }
}

/// Conditions of a rule, own or built in; an empty list states none.
struct Conditions<'r, T> {
    click_ids: &'r [&'static str],
    sources: &'r [T],
    mediums: &'r [T],
    referrers: &'r [T],
}

impl<T: AsRef<str>> Conditions<'_, T> {
    fn are_met(&self, tracking: &Tracking) -> bool {
        let is_one_of = |wanted: &[T], name: &str| {
            let value = || tracking.get(name).map(|value| value.trim().to_lowercase());
            wanted.is_empty()
                || value().is_some_and(|value| wanted.iter().any(|each| each.as_ref() == value.as_str()))
        };
        let is_sold =
            self.click_ids.is_empty() || self.click_ids.iter().any(|name| tracking.get(name).is_some());
        let host = || tracking.get(REFERRER);
        let comes_from = self.referrers.is_empty()
            || host().is_some_and(|host| self.referrers.iter().any(|each| is_host(host, each.as_ref())));
        is_sold
            && comes_from
            && is_one_of(self.sources, "utm_source")
            && is_one_of(self.mediums, "utm_medium")
    }

    /// The parameters by which a click that meets the conditions meets them.
    fn parameters(&self, tracking: &Tracking) -> Vec<&'static str> {
        let click_id = self.click_ids.iter().copied().find(|name| tracking.get(name).is_some());
        let source = (!self.sources.is_empty()).then_some("utm_source");
        let medium = (!self.mediums.is_empty()).then_some("utm_medium");
        let referrer = (!self.referrers.is_empty()).then_some(REFERRER);
        [click_id, source, medium, referrer].into_iter().flatten().collect()
    }
}

/// Whether a host is the wanted one or below it. `a.*` is `a` under one ending, also of two parts as in `a.co.uk`.
fn is_host(host: &str, wanted: &str) -> bool {
    let Some(stem) = wanted.strip_suffix(".*") else {
        let above = host.strip_suffix(wanted);
        return above.is_some_and(|above| above.is_empty() || above.ends_with('.'));
    };
    /// Second parts of endings, as in `co.uk` and `com.br`, are short; names are longer.
    const LONGEST_SECOND_PART: usize = 3;
    let without_ending = host.rsplit_once('.').map(|(rest, _)| rest);
    let without_second = without_ending
        .and_then(|rest| rest.rsplit_once('.'))
        .filter(|(_, part)| part.len() <= LONGEST_SECOND_PART)
        .map(|(rest, _)| rest);
    without_ending.into_iter().chain(without_second).any(|rest| is_host(rest, stem))
}

#[cfg(test)]
mod tests;
