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
        let conditions = Conditions {
            click_ids: &self.click_ids,
            sources: &self.sources,
            mediums: &self.mediums,
            referrers: &self.referrers,
        };
        conditions.are_met(tracking)
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
