//! What decided about a touchpoint, as sentences.

use super::super::answer::{
    CartExplained, ChannelExplained, MinimumTime, PaidClick, RulingExplained, StandDownExplained, StatedAt,
};

/// Seconds as the two greatest units.
pub(super) fn duration(seconds: i64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, name) in [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")] {
        let count = rest / unit;
        rest %= unit;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if parts.is_empty() { "no time".to_owned() } else { parts.join(" ") }
}

/// `set by partner anna since 2026-03-01T00:00:00Z`.
pub(in super::super) fn stated_at(stated: &StatedAt) -> String {
    let level = match stated.level {
        "goal" => "set for its goal",
        "partner" => "set for its partner",
        "campaign" => "set for its campaign",
        "tier" => "set for its tier",
        "brand" => "set for the brand",
        _ => return "built in".to_owned(),
    };
    let of = match (stated.kind, &stated.key) {
        (Some(kind), Some(key)) => format!(" by {kind} {key}"),
        _ => return level.to_owned(),
    };
    let since =
        stated.effective_from.as_ref().map_or_else(|| "always".to_owned(), |from| format!("since {from}"));
    format!("{level}{of}, {since}")
}

/// What the operator ruled about two identifiers.
pub(in super::super) fn ruled(ruling: &RulingExplained) -> String {
    let [one, other] = ruling.between;
    let are = if ruling.ruling == "separate" { "are never one person" } else { "are one person" };
    let because =
        if ruling.because.is_empty() { String::new() } else { format!(" Why: {}.", ruling.because) };
    format!(
        "At {} the operator ruled: this {one} and this {other} {are}.{because} [{}]",
        ruling.ruled_at, ruling.event_id
    )
}

pub(super) fn minimum_time(minimum: &MinimumTime) -> String {
    format!(
        "To take part it had to come at least {} before the conversion ({}).",
        duration(minimum.seconds),
        stated_at(&minimum.stated_at)
    )
}

pub(super) fn cart(cart: &CartExplained) -> String {
    format!("The cart was opened at {}: {}.", cart.opened_at, told_by(cart))
}

fn told_by(cart: &CartExplained) -> String {
    let event = cart.event_id.as_ref().map_or_else(String::new, |event| format!(" [{event}]"));
    match cart.told_by {
        "order" => format!("the order says so{event}"),
        goal => format!("an event of the goal {goal} says so{event}"),
    }
}

pub(super) fn stand_down(stood: &StandDownExplained) -> String {
    format!(
        "It came {} after the cart was opened at {} ({}). Within {} after it, touchpoints of partners stand down for whoever brought the customer before ({}).",
        duration(stood.seconds_after_cart),
        stood.cart.opened_at,
        told_by(&stood.cart),
        duration(stood.within_seconds),
        stated_at(&stood.stated_at)
    )
}

/// By which rule a touchpoint is of its channel, and the id by which a platform sold it.
pub(super) fn carried(channel: Option<&ChannelExplained>, paid: Option<&PaidClick>) -> Vec<String> {
    let mut lines: Vec<String> = channel.into_iter().map(classified).collect();
    lines.extend(paid.map(|paid| {
        let value = paid.value.as_ref().map_or_else(String::new, |value| format!(" {value}"));
        let effect = if paid.made_channel { "it made the channel" } else { "it did not make the channel" };
        format!("It carries the paid click id {}{value}; {effect}.", paid.parameter)
    }));
    lines
}

fn classified(channel: &ChannelExplained) -> String {
    let by = match channel.carries.as_slice() {
        [] => String::new(),
        carries => format!(" by {}", carries.join(" and ")),
    };
    let stated = channel.stated_at.as_ref().map(stated_at);
    let rule = match (channel.rule, channel.place, stated) {
        ("named", ..) => "the sender names it".to_owned(),
        ("own_rule", Some(place), Some(stated)) => format!("rule {place} of the brand's own{by} ({stated})"),
        ("built_in_rule", ..) => format!("a built-in rule{by}"),
        _ if channel.channel == "direct" => "it carries nothing that tells a channel".to_owned(),
        _ => "no rule knows what it carries, so somebody referred it".to_owned(),
    };
    format!("Its channel is {}: {rule}.", channel.channel)
}
