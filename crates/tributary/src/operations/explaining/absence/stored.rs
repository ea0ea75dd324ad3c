//! From a stored event to credit: where it stopped.

use tributary_domain::time::Timestamp;

use super::super::answer::{Arrival, ConversionExplained, Explanation, Identity, TouchpointExplained, Use};
use super::{Cause, Progress, Stage, money};
use crate::operations::explaining::prose::{ruled, stated_at as stated_by};

/// Beyond a day a touchpoint came later in truth, and no clock or time zone is to blame.
const CLOCKS_DIFFER_SECONDS: i64 = 86_400;

/// How far a stored event got.
pub(super) fn progress(explanation: &Explanation, now: Timestamp) -> Option<Progress> {
    if let Some(payout) = &explanation.payout {
        return Some(money::of_payout(payout.step));
    }
    let arrived = explanation.arrived.as_ref();
    if let Some(stopped) = arrived.and_then(|arrived| took_no_effect(arrived, explanation)) {
        return Some(stopped);
    }
    let is_touch = arrived.is_some_and(|arrived| matches!(arrived.kind.as_str(), "click" | "impression"));
    if is_touch {
        return of_touchpoint(arrived?, explanation, now);
    }
    let conversion = explanation.conversion.as_ref()?;
    // One touchpoint of it was asked for, by the id of its credit.
    if let Some(used) = explanation.uses.first() {
        return of_uses(used.touchpoint.earner.as_deref(), explanation, now);
    }
    Some(of_conversion(conversion, arrived, explanation.identity.as_ref(), now))
}

/// Events that are no conversion of their own.
fn took_no_effect(arrived: &Arrival, explanation: &Explanation) -> Option<Progress> {
    let conversion = explanation.conversion.as_ref();
    let number = arrived.transaction.clone().unwrap_or_default();
    let cause = match arrived.outcome.code {
        "transaction_repeated" => Cause::new(
            "transaction_repeated",
            format!("Another event already stands for {number}; this one only adds what that one lacked."),
            "Nothing needs doing. If it is an order of its own, send it under a transaction id of its own.",
        )
        .with(
            conversion
                .map_or_else(String::new, |found| format!("The event that counts: {}.", found.event_id)),
        ),
        "awaiting_conversion" => {
            return Some(Progress::stopped(Stage::Joined, awaiting(arrived)));
        }
        "currency_mismatch" => Cause::new(
            "currency_mismatch",
            "The amount is in another currency than its conversion, so it took no effect.",
            "Send the amount in the conversion's currency.",
        )
        .with(format!(
            "It says {}; the conversion is worth {}.",
            arrived.value.as_ref().map_or_else(String::new, ToString::to_string),
            conversion.and_then(|found| found.value.as_ref()).map_or_else(String::new, ToString::to_string)
        )),
        "contained_in_adjustment" => Cause::new(
            "contained_in_adjustment",
            "The operator's later correction of the value already contains it.",
            "Nothing needs doing.",
        ),
        "recorded"
            if matches!(arrived.kind.as_str(), "identify" | "consent" | "trade" | "player_day" | "spend") =>
        {
            Cause::new(
                "recorded_only",
                format!("A {} is kept, but pays nothing by itself.", arrived.kind.replace('_', " ")),
                "Ask for the conversion that you miss: by its order number or event id.",
            )
        }
        _ => return None,
    };
    Some(Progress::stopped(Stage::Considered, vec![cause]))
}

fn awaiting(arrived: &Arrival) -> Vec<Cause> {
    let number = arrived.transaction.clone().unwrap_or_default();
    let mut causes = Vec::new();
    if arrived.known_elsewhere {
        causes.push(
            Cause::new(
                "other_namespace",
                format!("A conversion {number} is stored, but from a source whose transactions are others."),
                "Give both sources the same `transaction_namespace`; it is settled again.",
            )
            .with(format!("This {} came from source {}.", arrived.kind, arrived.source)),
        );
    }
    causes.push(
        Cause::new(
            "conversion_missing",
            format!("A {} speaks about {number}, but no conversion with this number has arrived.", arrived.kind),
            "Look at the sender's side for the answer that the conversion got. When it arrives, this takes effect by itself.",
        )
        .with(format!("The {} was stored at {}.", arrived.kind, arrived.received_at)),
    );
    causes
}

fn of_touchpoint(arrived: &Arrival, explanation: &Explanation, now: Timestamp) -> Option<Progress> {
    if explanation.uses.is_empty() {
        let identity = explanation.identity.as_ref();
        if let Some(identity) = identity.filter(|identity| nothing_joins(identity)) {
            return Some(Progress::stopped(Stage::Joined, ignored(identity)));
        }
        let causes = unused(arrived, identity);
        return Some(Progress::stopped(Stage::Considered, causes));
    }
    of_uses(arrived.earner.as_deref(), explanation, now)
}

/// How far a touchpoint got that conversions looked at.
fn of_uses(earner: Option<&str>, explanation: &Explanation, now: Timestamp) -> Option<Progress> {
    let credited = explanation.uses.iter().rev().find(|each| each.credit.is_some());
    if credited.is_some() {
        let conversion = explanation.conversion.as_ref()?;
        return Some(money::of_credits(conversion, earner, now));
    }
    let newest = explanation.uses.last()?;
    if newest.touchpoint.verdict.code == "eligible" {
        let cause = Cause::new(
            "model_gives_nothing",
            "It may take part, but the campaign's model gives the whole value to other touchpoints.",
            "Nothing is wrong. Who should share in it chooses another model in the campaign's set-up.",
        );
        let model = explanation.conversion.as_ref().and_then(|conversion| conversion.sharing.as_ref());
        let evidence = model.map_or_else(String::new, |sharing| format!("The model is {}.", sharing.model));
        return Some(Progress::stopped(Stage::Credited, vec![cause.with(evidence)]));
    }
    let mut newest_first: Vec<&Use> = explanation.uses.iter().rev().collect();
    newest_first.sort_by_key(|each| each.touchpoint.verdict.code == "after_conversion");
    let causes = newest_first.into_iter().map(|each| refused(&each.touchpoint, &each.occurred_at));
    Some(Progress::stopped(Stage::Eligible, distinct(causes.collect())))
}

/// Why no conversion looked at a touchpoint.
fn unused(arrived: &Arrival, identity: Option<&Identity>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kinds = identity.map_or_else(String::new, |identity| identity.carries.join(", "));
    if let Some(identity) = identity {
        causes.extend(ignored(identity));
    }
    if arrived.earner.is_none() && arrived.link.is_some() {
        causes.push(
            Cause::new(
                "partner_unknown",
                "It names a link or partner that is not set up.",
                "Create it with `tributary apply`; conversions are settled again.",
            )
            .with(arrived.link.as_ref().map_or_else(String::new, |link| format!("Link {link}."))),
        );
    }
    if let Some(identity) = identity {
        causes.extend(ruled_apart(identity));
        causes.extend(shared(identity));
    }
    let alone = identity.is_none_or(|identity| identity.joined.is_empty() && identity.unlisted == 0);
    causes.push(if alone {
        Cause::new(
            "no_common_identity",
            "No conversion shares an identifier with it.",
            "Let the shop send back the click id, or the same visitor or customer id, with the conversion.",
        )
        .with(format!("The {} carries: {kinds}.{}", arrived.kind, who_else(identity)))
    } else {
        Cause::new(
            "no_conversion_yet",
            "Its person is known, but has not registered, qualified or bought yet.",
            "Nothing is wrong: it counts when the person does so within the window.",
        )
    });
    causes
}

/// Whether other events carry what it carries; a partner is not told.
fn who_else(identity: Option<&Identity>) -> String {
    match identity.and_then(|identity| identity.carried_by_others) {
        None => String::new(),
        Some(0) => " No other event carries any of these.".to_owned(),
        Some(1) => " Another event carries one of these, and is not joined to it.".to_owned(),
        Some(others) => format!(" {others} other events carry one of these, and are not joined to it."),
    }
}

/// What the operator keeps apart.
fn ruled_apart(identity: &Identity) -> Option<Cause> {
    let mut apart = identity.rulings.iter().filter(|ruling| ruling.ruling == "separate").peekable();
    apart.peek()?;
    let cause = Cause::new(
        "ruled_apart",
        "The operator ruled identifiers apart that its person carries, so it is not joined to whoever carries the other.",
        "If they are one person after all, take the ruling back with `tributary identity rejoin`; it is settled again.",
    );
    Some(apart.fold(cause, |cause, ruling| cause.with(ruled(ruling))))
}

/// An identifier that several customers share joins no two of them.
fn shared(identity: &Identity) -> Option<Cause> {
    if identity.shared.is_empty() {
        return None;
    }
    let cause = Cause::new(
        "identifier_shared",
        "Several customers share an identifier of it, such as that of a family's device: what is anonymous there goes to the one who identified himself next, who need not be the one who bought.",
        "Let the shop send back the click id with the conversion, or send the `customer_id` with the click.",
    );
    Some(cause.with(format!("Shared: {}.", identity.shared.join(", "))))
}

/// One cause for each reason for which identifiers join nobody.
fn ignored(identity: &Identity) -> Vec<Cause> {
    let each = identity.ignored.iter().zip(&identity.ignored_because);
    distinct(each.map(|(kind, why)| joins_nobody(kind, why.code)).collect())
}

fn joins_nobody(kind: &str, code: &str) -> Cause {
    match code {
        "identifier_placeholder" => Cause::new(
            "identifier_placeholder",
            "What stands where an identifier should be is a placeholder, such as `0` or `undefined`, so it joins nobody.",
            "Send the person's own identifier, or leave the field out. A variable that was never filled in is often the reason.",
        )
        .with(format!("A placeholder: {kind}.")),
        "identifier_ignored" => Cause::new(
            "identifier_ignored",
            "The brand's set-up names an identifier of it as one that stands for nobody, so it joins nobody.",
            "Take it out of `ignored_identifiers` if it is a real person's; it is settled again.",
        )
        .with(format!("Ignored: {kind}.")),
        "identifier_overrun" => Cause::new(
            "identifier_overrun",
            "More events carry an identifier than one identifier may join, so it joins nobody any more.",
            "Look at who sends it: a test or a machine is often the reason; `most_facts_per_identifier` is the bound.",
        )
        .with(format!("Carried by too many events: {kind}.")),
        _ => Cause::new(
            "identifier_shared",
            "An identifier is used by more customers than one identifier may join, so it joins nobody.",
            "Send an identifier of the person's own. A wrong constant, such as a cashier's id, is often the reason; `most_customers_per_identifier` is the bound.",
        )
        .with(format!("Shared by too many: {kind}.")),
    }
}

/// Whether it carries identifiers of a person, and none of them joins anybody.
fn nothing_joins(identity: &Identity) -> bool {
    let mut personal = identity.carries.iter().filter(|kind| **kind != "transaction_id").peekable();
    personal.peek().is_some() && personal.all(|kind| identity.ignored.contains(kind))
}

fn of_conversion(
    conversion: &ConversionExplained,
    arrived: Option<&Arrival>,
    identity: Option<&Identity>,
    now: Timestamp,
) -> Progress {
    if conversion.attribution.code == "test_account" {
        return Progress::stopped(Stage::Eligible, vec![test_account()]);
    }
    if conversion.touchpoints.is_empty() && conversion.others.is_empty() {
        return without_touchpoint(arrived, identity);
    }
    if conversion.sharing.as_ref().is_some_and(|sharing| !sharing.credits.is_empty()) {
        return money::of_credits(conversion, None, now);
    }
    let eligible = conversion.touchpoints.iter().any(|each| each.verdict.code == "eligible");
    if eligible {
        let cause = Cause::new(
            "model_gives_nothing",
            "It may take part, but the campaign's model gives the whole value to other touchpoints.",
            "Nothing is wrong. Who should share in it chooses another model in the campaign's set-up.",
        );
        return Progress::stopped(Stage::Credited, vec![cause]);
    }
    let mut listed: Vec<&TouchpointExplained> = conversion.touchpoints.iter().rev().collect();
    listed.sort_by_key(|each| order_of(each.verdict.code));
    let causes = listed.into_iter().map(|each| refused(each, &conversion.occurred_at)).collect();
    Progress::stopped(Stage::Eligible, distinct(causes))
}

fn test_account() -> Cause {
    Cause::new(
        "test_account",
        "The customer is one of the brand's test accounts, so nobody earns by it.",
        "Take him out of the brand's `test_customers` if he is real; it is settled again.",
    )
}

/// What a customer did at the order itself speaks louder than what lies weeks back; what he did after it never brought it.
fn order_of(code: &str) -> usize {
    let order = ["code_outside_dates", "other_campaign", "partner_unknown", "outside_window"];
    match code {
        "after_conversion" => order.len() + 1,
        _ => order.iter().position(|each| *each == code).unwrap_or(order.len()),
    }
}

fn without_touchpoint(arrived: Option<&Arrival>, identity: Option<&Identity>) -> Progress {
    let Some(identity) = identity else {
        return Progress::stopped(Stage::Considered, vec![no_touchpoint()]);
    };
    let mut causes = Vec::new();
    let click = arrived.and_then(|arrived| arrived.click.as_ref());
    match click.map(|click| click.state) {
        Some("other_brand") => causes.push(Cause::new(
            "other_brand",
            "The click id that it names was issued for a link of another brand.",
            "Send the conversion to a source of the brand that the link belongs to.",
        )),
        Some("unknown_link") => causes.push(Cause::new(
            "click_link_unknown",
            "The click id that it names was issued here, for a link that is not set up any more.",
            "Set the link up again with `tributary apply`; it is settled again.",
        )),
        Some("unknown") => causes.push(
            Cause::new(
                "click_unknown",
                "The click id that it names is not ours, and no click with it is stored.",
                "Send our own click id, as it stood in the landing URL; or send the other tracker's clicks too.",
            )
            .with(click.map_or_else(String::new, |click| format!("It names click id {}.", click.click_id))),
        ),
        _ => {}
    }
    causes.extend(ignored(identity));
    if nothing_joins(identity) {
        return Progress::stopped(Stage::Joined, causes);
    }
    let personal = identity.carries.iter().any(|kind| *kind != "transaction_id");
    if !personal {
        causes.push(
            Cause::new(
                "no_identity",
                "It carries nothing that tells whose it is.",
                "Send `click_id`, `customer_id`, `visitor_id`, `email` or `promo_code` with it.",
            )
            .with(format!("It carries: {}.", carried(identity))),
        );
        return Progress::stopped(Stage::Joined, causes);
    }
    causes.extend(ruled_apart(identity));
    let touches = identity.joined.iter().any(|each| matches!(each.kind.as_str(), "click" | "impression"));
    let alone = identity.joined.iter().all(|each| each.shares == ["transaction_id"]);
    if alone && !touches {
        causes.push(
            Cause::new(
                "no_common_identity",
                "No click or other event shares an identifier with it.",
                "Send the click id with the conversion, or the same visitor or customer id with clicks and conversions.",
            )
            .with(format!("It carries: {}.{}", carried(identity), who_else(Some(identity)))),
        );
        causes.extend(shared(identity));
        return Progress::stopped(Stage::Joined, causes);
    }
    causes.push(
        no_touchpoint()
            .with(format!("Events of the same person: {}.", identity.joined.len() + identity.unlisted)),
    );
    causes.extend(shared(identity));
    Progress::stopped(Stage::Considered, causes)
}

fn carried(identity: &Identity) -> String {
    if identity.carries.is_empty() { "nothing".to_owned() } else { identity.carries.join(", ") }
}

fn no_touchpoint() -> Cause {
    Cause::new(
        "no_touchpoint",
        "Nobody's click, code or impression of this person is known: he came by himself.",
        "Nothing is wrong. A late click, or an event that links identities, settles it again.",
    )
}

/// Why a touchpoint may not take part.
fn refused(touchpoint: &TouchpointExplained, converted_at: &str) -> Cause {
    let code = match (touchpoint.verdict.code, touchpoint.kind) {
        ("partner_unknown", "code") => "code_unknown",
        ("partner_unknown", "named") => "named_partner_unknown",
        (code, _) => code,
    };
    let remedy = match code {
        "outside_window" => {
            "A later conversion needs a newer touchpoint. A longer `windows.click` or `windows.view` of the campaign holds from its date on."
        }
        "after_conversion" if touchpoint.age_seconds < -CLOCKS_DIFFER_SECONDS => {
            "Nothing is wrong: it came after the conversion, and may count for a later one."
        }
        "after_conversion" => {
            "If it came before the conversion in truth, check the clocks of both senders. If not, nothing is wrong: it may count for a later conversion."
        }
        "other_campaign" => "Leave `campaign` out of the conversion, or name the campaign of the link.",
        "repeat_in_visit" => "Nothing is wrong: the other touchpoint of the same visit counts.",
        "view_outranked" => "Nothing is wrong: a click or code counts before an impression.",
        "direct_outranked" => "Nothing is wrong: direct traffic counts only alone.",
        "named_outranked" => "Nothing is wrong: a touchpoint counts before a name.",
        "code_outside_dates" => {
            "Make a link version with this code that is in force and active at the order's time."
        }
        "code_unknown" => "Give the code to a link with `tributary apply`; conversions are settled again.",
        "partner_unknown" | "named_partner_unknown" => {
            "Create it with `tributary apply`; conversions are settled again."
        }
        _ => touchpoint.verdict.hint,
    };
    let who = touchpoint.earner.as_ref().map_or_else(String::new, |earner| format!(" of {earner}"));
    if code == "test_account" {
        return test_account();
    }
    let mut cause = Cause::new(code, touchpoint.verdict.message, remedy).with(format!(
        "The {}{who} is of {}, the conversion of {converted_at}.",
        touchpoint.kind, touchpoint.occurred_at
    ));
    if code == "outside_window" {
        let stated = stated_by(&touchpoint.window_stated_at);
        cause = cause.with(format!("Its window ended at {}; it is {stated}.", touchpoint.window_ends_at));
    }
    if let Some(minimum) = touchpoint.minimum_time.as_ref().filter(|_| code == "too_close_to_conversion") {
        let stated = stated_by(&minimum.stated_at);
        cause =
            cause.with(format!("It had to be at least {} seconds old; that is {stated}.", minimum.seconds));
    }
    if let Some(stood) = &touchpoint.stand_down {
        let stated = stated_by(&stood.stated_at);
        cause = cause.with(format!(
            "The cart was opened at {} (told by: {}); it came {} seconds later, within the {} seconds of the rule, which is {stated}.",
            stood.cart.opened_at, stood.cart.told_by, stood.seconds_after_cart, stood.within_seconds
        ));
    }
    cause
}

/// Causes with the same code are one, with the evidence of all.
fn distinct(causes: Vec<Cause>) -> Vec<Cause> {
    let mut kept: Vec<Cause> = Vec::new();
    for cause in causes {
        match kept.iter_mut().find(|each| each.code == cause.code) {
            Some(same) if same.evidence.len() < 5 => same.evidence.extend(cause.evidence),
            Some(_) => {}
            None => kept.push(cause),
        }
    }
    kept
}
