//! Attribution: which touchpoints are eligible, and what share of a conversion each earns.
//!
//! Definitions follow `docs/attribution.md`. Shares are integer weights, so that value is split without rounding loss by
//! [`crate::money::split_by_largest_remainder`].

pub mod models;
mod rules;
mod stand_down;
pub mod training;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::click_id::ClickId;
use crate::configuration::Configuration;
use crate::ids::{BrandKey, CampaignKey, Channel, EventId, Goal, LinkKey, PartnerKey};
use crate::reason::Reason;
use crate::time::{Span, Timestamp};

use rules::{Rule, Rules};

/// Who may earn a share.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Earner {
    /// A partner, who is paid by his plan.
    Partner(PartnerKey),
    /// Another channel, whose share is seen but paid to nobody.
    Channel(Channel),
}

/// What kind of touchpoint it is; the order is that of precedence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum TouchKind {
    /// A click.
    Click,
    /// Use of a promo code, at the conversion's own time.
    Code,
    /// An impression: counts only without a click or code.
    Impression,
    /// A partner named by the sender: counts only without any other.
    Named,
}

impl TouchKind {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Code => "code",
            Self::Impression => "impression",
            Self::Named => "named",
        }
    }
}

/// A touchpoint of the converting person, with what the configuration knows of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Touchpoint {
    /// The event it comes from; the conversion itself for a code or a named partner.
    pub event_id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What it is.
    pub kind: TouchKind,
    /// Who may earn; `None` when link or partner is not set up.
    pub earner: Option<Earner>,
    /// The campaign it belongs to.
    pub campaign: Option<CampaignKey>,
    /// The link followed.
    pub link: Option<LinkKey>,
    /// The click id, if it has one.
    pub click_id: Option<ClickId>,
    /// Why it cannot take part whatever the window says (an expired code, an unknown link).
    pub barred: Option<Reason>,
}

/// A touchpoint with the verdict on it.
#[derive(Clone, PartialEq, Debug)]
pub struct Considered {
    /// The touchpoint.
    pub touchpoint: Touchpoint,
    /// [`Reason::Eligible`], or why not.
    pub verdict: Reason,
}

/// How touchpoints that belong to no campaign (another channel) make visits.
const OTHER_CHANNEL_VISIT_GAP: Span = Span(30 * Span::MINUTE.0);

/// The conversion that touchpoints are judged for, and the set-up that is read at its moment.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'c> {
    /// The set-up with all its versions.
    pub configuration: &'c Configuration,
    /// The tenant.
    pub brand: &'c BrandKey,
    /// When the conversion happened.
    pub converted_at: Timestamp,
    /// The step it reaches.
    pub goal: &'c Goal,
    /// The campaign that it names, to which alone it belongs.
    pub only_campaign: Option<&'c CampaignKey>,
    /// When the cart of the order was opened last, if that is known.
    pub cart_opened_at: Option<Timestamp>,
}

/// Judges every touchpoint of a person for one conversion.
///
/// Every version is the one in force at the conversion. The result is in order of time and event id.
/// Windows are closed: a touchpoint exactly as old as the window counts, and so does one at the conversion's own moment.
#[must_use]
pub fn consider(mut touchpoints: Vec<Touchpoint>, circumstances: &Circumstances<'_>) -> Vec<Considered> {
    touchpoints.sort_by_key(Touchpoint::place_in_time);
    let verdicts = judge(&touchpoints.iter().collect::<Vec<_>>(), circumstances);
    touchpoints
        .into_iter()
        .zip(verdicts)
        .map(|(touchpoint, verdict)| Considered { touchpoint, verdict })
        .collect()
}

impl Touchpoint {
    /// What touchpoints are sorted by: time, then event id, then kind.
    pub(crate) const fn place_in_time(&self) -> (Timestamp, EventId, TouchKind) {
        (self.occurred_at, self.event_id, self.kind)
    }

    /// The partner who may earn.
    #[must_use]
    pub const fn partner(&self) -> Option<&PartnerKey> {
        match &self.earner {
            Some(Earner::Partner(partner)) => Some(partner),
            _ => None,
        }
    }
}

/// The verdicts on touchpoints in order of [`Touchpoint::place_in_time`].
pub(crate) fn judge(touchpoints: &[&Touchpoint], circumstances: &Circumstances<'_>) -> Vec<Reason> {
    let mut rules = Rules::new(circumstances);
    let mut judged: Vec<Judged<'_, '_>> = touchpoints
        .iter()
        .map(|touchpoint| {
            let rule = rules.of(touchpoint);
            let verdict = judge_alone(touchpoint, circumstances, &rule);
            Judged { touchpoint, rule, verdict }
        })
        .collect();
    stand_down::stand_down(&mut judged, circumstances.cart_opened_at);
    outrank(&mut judged);
    collapse_repeats(&mut judged);
    keep_most(&mut judged);
    judged.into_iter().map(|each| each.verdict).collect()
}

/// A touchpoint under judgement.
struct Judged<'t, 'c> {
    touchpoint: &'t Touchpoint,
    rule: Rule<'c>,
    verdict: Reason,
}

/// How old a touchpoint was at the conversion; negative when it came after it.
///
/// Many senders stamp conversions in whole seconds, so that one made right after its click would lie before it. A conversion at a whole
/// second therefore stands for the end of that second: a touchpoint within it is no older and no younger than the conversion.
#[must_use]
pub fn age(touched_at: Timestamp, converted_at: Timestamp) -> Span {
    let age = converted_at.since(touched_at);
    let within_its_second = converted_at.0 % Span::SECOND.0 == 0 && age > Span(-Span::SECOND.0);
    if within_its_second { age.max(Span(0)) } else { age }
}

/// How long a touchpoint may earn credit for a conversion.
#[must_use]
pub fn window_of(touchpoint: &Touchpoint, circumstances: &Circumstances<'_>) -> Span {
    Rules::new(circumstances).of(touchpoint).window(touchpoint.kind)
}

fn judge_alone(touchpoint: &Touchpoint, circumstances: &Circumstances<'_>, rule: &Rule<'_>) -> Reason {
    if let Some(reason) = touchpoint.barred {
        return reason;
    }
    if touchpoint.earner.is_none() {
        return Reason::PartnerUnknown;
    }
    let age = age(touchpoint.occurred_at, circumstances.converted_at);
    if age < Span(0) {
        return Reason::AfterConversion;
    }
    if let (Some(wanted), Some(own)) = (circumstances.only_campaign, touchpoint.campaign.as_ref())
        && wanted != own
    {
        return Reason::OtherCampaign;
    }
    if age > rule.window(touchpoint.kind) {
        Reason::OutsideWindow
    } else if age < rule.minimum_time(touchpoint.kind) {
        Reason::TooCloseToConversion
    } else {
        Reason::Eligible
    }
}

/// A click or code outranks impressions; anything outranks direct traffic and a partner only named.
fn outrank(judged: &mut [Judged<'_, '_>]) {
    let eligible = |each: &&Judged<'_, '_>| each.verdict == Reason::Eligible;
    let has_active = judged.iter().filter(eligible).any(|each| {
        matches!(each.touchpoint.kind, TouchKind::Click | TouchKind::Code) && !is_direct(each.touchpoint)
    });
    if has_active {
        demote(judged, Reason::ViewOutranked, |touchpoint| touchpoint.kind == TouchKind::Impression);
    }
    let has_touch = judged
        .iter()
        .filter(eligible)
        .any(|each| each.touchpoint.kind != TouchKind::Named && !is_direct(each.touchpoint));
    if has_touch {
        demote(judged, Reason::NamedOutranked, |touchpoint| touchpoint.kind == TouchKind::Named);
    }
    let has_other = judged.iter().filter(eligible).any(|each| !is_direct(each.touchpoint));
    if has_other {
        demote(judged, Reason::DirectOutranked, is_direct);
    }
}

fn is_direct(touchpoint: &Touchpoint) -> bool {
    matches!(&touchpoint.earner, Some(Earner::Channel(channel)) if channel.as_str() == "direct")
}

fn demote(judged: &mut [Judged<'_, '_>], reason: Reason, applies: impl Fn(&Touchpoint) -> bool) {
    for each in judged.iter_mut().filter(|each| each.verdict == Reason::Eligible && applies(each.touchpoint))
    {
        each.verdict = reason;
    }
}

/// Touchpoints that share one conversion at most. A person has some dozens; a machine that clicks all day would otherwise make every
/// conversion as long as its history, and each share less than the smallest coin.
const MOST_ELIGIBLE: usize = 1_000;

/// Of too many eligible touchpoints the first and the newest stand.
fn keep_most(judged: &mut [Judged<'_, '_>]) {
    let eligible = judged.iter_mut().filter(|each| each.verdict == Reason::Eligible);
    let mut eligible: Vec<&mut Judged<'_, '_>> = eligible.collect();
    let surplus = eligible.len().saturating_sub(MOST_ELIGIBLE);
    for each in eligible.iter_mut().skip(1).take(surplus) {
        each.verdict = Reason::TooManyTouchpoints;
    }
}

/// One earner's visit: his touchpoints that follow each other closer than the visit gap.
struct Visit {
    /// The last touchpoint of its first uninterrupted run.
    first: usize,
    /// The last touchpoint of its last run, when others came in between.
    last: Option<usize>,
    /// Rank of its newest touchpoint among the eligible ones.
    rank: usize,
    newest_at: Timestamp,
}

/// Touchpoints of one earner closer together than the visit gap are one visit.
///
/// An uninterrupted run of a visit counts once, by its last touchpoint, so that reloading a link earns nothing. Where
/// other earners' touchpoints come in between, the first and the last run of the visit stand, so that first and last
/// touch stay true, and the runs between them are repeats: links reloaded in turn earn no more.
fn collapse_repeats(judged: &mut [Judged<'_, '_>]) {
    let mut visits: HashMap<&Earner, Visit> = HashMap::new();
    let mut repeats = Vec::new();
    let eligible = judged.iter().enumerate().filter(|(_, each)| each.verdict == Reason::Eligible);
    for (rank, (place, each)) in eligible.enumerate() {
        let Some(earner) = &each.touchpoint.earner else { continue };
        let at = each.touchpoint.occurred_at;
        let gap = each.rule.campaign.map_or(OTHER_CHANNEL_VISIT_GAP, |campaign| campaign.visit_gap);
        let fresh = Visit { first: place, last: None, rank, newest_at: at };
        let visit = match visits.entry(earner) {
            Entry::Vacant(vacant) => {
                vacant.insert(fresh);
                continue;
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if at.since(visit.newest_at) >= gap {
            *visit = fresh;
            continue;
        }
        if visit.rank + 1 != rank {
            repeats.extend(visit.last.replace(place));
        } else if let Some(last) = &mut visit.last {
            repeats.push(std::mem::replace(last, place));
        } else {
            repeats.push(std::mem::replace(&mut visit.first, place));
        }
        visit.rank = rank;
        visit.newest_at = at;
    }
    for place in repeats {
        judged[place].verdict = Reason::RepeatInVisit;
    }
}

#[cfg(test)]
mod tests;
