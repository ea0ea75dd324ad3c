//! An explanation as sentences that a creator understands: made from the value alone.

mod words;

pub(super) use self::words::{ruled, stated_at};

use super::absence::Progress;
use super::answer::{
    Arrival, CommissionExplained, ConversionExplained, EntryExplained, Explanation, Identity,
    PayoutExplained, Section, Sharing, TouchpointExplained, Use,
};
use super::fraction::percentage;

impl Explanation {
    /// The explanation as text for a terminal.
    #[must_use]
    pub fn prose(&self) -> String {
        let mut text = format!("{}: {}\n", self.id, self.what);
        for section in &self.sections {
            text.push_str(&format!("\n{}\n", section.title));
            for line in &section.lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

pub(super) fn section(title: &str, lines: Vec<String>) -> Section {
    Section { title: title.to_owned(), lines }
}

/// The chain in order; steps without a sentence are left out.
pub(super) fn sections(explanation: &Explanation) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |title: &str, lines: Vec<String>| {
        let lines: Vec<String> =
            lines.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        if !lines.is_empty() {
            sections.push(section(title, lines));
        }
    };
    if let Some(entry) = &explanation.entry {
        add("The entry", vec![entry_line(entry), format!("It belongs to {}.", entry.subject)]);
    }
    if let Some(payout) = &explanation.payout {
        add("The payout", payout_lines(payout));
        add("Its lines", line_list(payout));
        add("Entries in the books", payout.entries.iter().map(entry_line).collect());
    }
    if let Some(arrived) = &explanation.arrived {
        add("What arrived", arrival(arrived));
    }
    if let Some(identity) = &explanation.identity {
        add("Whose it is", person(identity, explanation.for_partner.is_some()));
    }
    add("What it led to", explanation.uses.iter().flat_map(use_lines).collect());
    if let Some(conversion) = &explanation.conversion {
        let is_it =
            explanation.arrived.as_ref().is_some_and(|arrived| arrived.event_id == conversion.event_id);
        let title = if is_it { "What it is" } else { "The conversion it concerns" };
        add(title, vec![headline(conversion)]);
        add("How it was attributed", attribution(conversion));
        add("Touchpoints considered", considered(conversion));
        if let Some(sharing) = &conversion.sharing {
            add("How the value was shared", shares(sharing, conversion));
        }
        add("What is owed", owed(conversion));
        add("Set-up in force", in_force(conversion));
        add("Fraud", vec![conversion.fraud.message.to_owned()]);
        add("Entries in the books", conversion.entries.iter().map(entry_line).collect());
    }
    if let Some(progress) = &explanation.progress {
        let title = if explanation.what == "nothing" { "Why there is nothing" } else { "How far it got" };
        add(title, progress_lines(progress));
    }
    sections
}

fn arrival(arrived: &Arrival) -> Vec<String> {
    let record = arrived.log_record.map_or_else(String::new, |record| format!(" as log record {record}"));
    let mut lines = vec![
        format!("A {} of {} from source {} by {}.", arrived.kind, arrived.brand, arrived.source, arrived.way),
        format!("It happened at {} and was stored at {}{record}.", arrived.occurred_at, arrived.received_at),
        format!("Outcome {}: {} {}", arrived.outcome.code, arrived.outcome.message, arrived.outcome.hint),
    ];
    if let Some(click) = &arrived.click {
        let state = match click.state {
            "stored" => "its click is stored",
            "issued_here" => "issued here; the click itself is not stored, and counts all the same",
            "other_brand" => "issued here for a link of another brand",
            "unknown_link" => "issued here for a link that is not set up",
            _ => "not issued here, and no such click is stored",
        };
        lines.push(format!("Click id {} ({state}).", click.click_id));
    }
    let named = [
        ("Link", &arrived.link),
        ("Campaign", &arrived.campaign),
        ("Promo code", &arrived.promo_code),
        ("Partner named by the sender:", &arrived.named_partner),
        ("Transaction", &arrived.transaction),
    ];
    lines.extend(named.iter().filter_map(|(name, value)| Some(format!("{name} {}.", value.as_ref()?))));
    lines.extend(arrived.value.as_ref().map(|value| format!("Amount {value}.")));
    lines.extend(words::carried(arrived.channel.as_ref(), arrived.paid_click.as_ref()));
    lines.extend(arrived.tracking.iter().map(|(name, value)| format!("{name} = {value}")));
    if arrived.conflicting_deliveries > 0 {
        lines.push(format!(
            "{} later deliveries under the same key said something else and were set aside (payload_conflict).",
            arrived.conflicting_deliveries
        ));
    }
    lines
}

fn person(identity: &Identity, for_partner: bool) -> Vec<String> {
    let mut lines = vec![match &identity.person {
        Some(label) => format!("Joined to the person whose first known event is {label}."),
        None if identity.is_somebodys => "What it carries joins it to a person.".to_owned(),
        None => "It names no identity that joins it to a person.".to_owned(),
    }];
    if !identity.carries.is_empty() {
        lines.push(format!("It carries: {}.", identity.carries.join(", ")));
    }
    let ignored = identity.ignored.iter().zip(&identity.ignored_because);
    lines.extend(
        ignored.map(|(kind, why)| format!("Its {kind} joins nobody: {} ({})", why.message, why.code)),
    );
    if !identity.shared.is_empty() {
        lines.push(format!(
            "Several customers share its {}, so that joins no two of them.",
            identity.shared.join(" and its ")
        ));
    }
    lines.extend(identity.rulings.iter().map(ruled));
    let was_joined = identity.rulings.iter().any(|ruling| ruling.ruling == "join");
    for joined in &identity.joined {
        let who = joined.earner.as_ref().map_or_else(String::new, |earner| format!(" of {earner}"));
        let how = match (&joined.through, joined.shares.is_empty()) {
            (Some(through), false) => format!("shares {} with {through}", joined.shares.join(" and ")),
            // By which event a partner's touchpoint was joined to another one is not always his to know.
            _ if for_partner => "is of the same person".to_owned(),
            _ if was_joined => "is of the same person by a ruling or a shared device".to_owned(),
            _ => "used the same device".to_owned(),
        };
        lines.push(format!("{} {}{who} {how}. [{}]", joined.occurred_at, joined.kind, joined.event_id));
    }
    if identity.unlisted > 0 {
        lines.push(format!("and {} more events", identity.unlisted));
    }
    lines
}

fn use_lines(used: &Use) -> Vec<String> {
    let number = used.transaction.as_ref().map_or_else(String::new, |number| format!(" {number}"));
    let head = format!("{}{number} at {} (event {})", used.goal, used.occurred_at, used.conversion);
    vec![match &used.credit {
        Some(credit) => {
            let amount = credit.amount.as_ref().map_or_else(String::new, |amount| format!(": {amount}"));
            format!("{head}: a share of {}{amount}.", percentage(credit.weight, credit.total_weight))
        }
        None => format!("{head}: {} ({})", used.touchpoint.verdict.message, used.touchpoint.verdict.code),
    }]
}

fn headline(conversion: &ConversionExplained) -> String {
    let number = conversion.transaction.as_ref().map_or_else(String::new, |number| format!(" {number}"));
    let value = conversion.value.as_ref().map_or_else(String::new, |value| format!(" worth {value}"));
    format!(
        "{}{number}{value} at {} (event {})",
        conversion.goal, conversion.occurred_at, conversion.event_id
    )
}

fn attribution(conversion: &ConversionExplained) -> Vec<String> {
    let verdict = &conversion.attribution;
    let mut lines = vec![
        format!("{}: {} {}", verdict.code, verdict.message, verdict.hint),
        match conversion.verdict {
            "pending" => "No word of approval or rejection was given on it.".to_owned(),
            word => format!("The operator's word on it: {word}."),
        },
    ];
    lines.extend(conversion.refunded.as_ref().map(|back| format!("{back} went back to the customer.")));
    lines
}

fn considered(conversion: &ConversionExplained) -> Vec<String> {
    let mut lines: Vec<String> = conversion.cart.iter().map(words::cart).collect();
    lines.extend(conversion.touchpoints.iter().flat_map(touchpoint));
    lines.extend(conversion.others.iter().map(|other| format!("Beside it, {other} took part.")));
    lines
}

fn touchpoint(touchpoint: &TouchpointExplained) -> Vec<String> {
    let who = touchpoint.earner.as_deref().unwrap_or("somebody who is not set up");
    let campaign = touchpoint.campaign.as_ref().map_or_else(String::new, |key| format!(" for {key}"));
    let age = match touchpoint.age_seconds {
        seconds if seconds < 0 => format!("{} after the conversion", words::duration(-seconds)),
        seconds => format!("{} before the conversion", words::duration(seconds)),
    };
    let mut lines = vec![format!(
        "{} {} of {who}{campaign}, {age}; it may earn for {} (until {}; {}): {} ({}) [{}]",
        touchpoint.occurred_at,
        touchpoint.kind,
        words::duration(touchpoint.window_seconds),
        touchpoint.window_ends_at,
        words::stated_at(&touchpoint.window_stated_at),
        touchpoint.verdict.message,
        touchpoint.verdict.code,
        touchpoint.event_id
    )];
    lines.extend(touchpoint.minimum_time.as_ref().map(words::minimum_time));
    lines.extend(touchpoint.stand_down.as_ref().map(words::stand_down));
    lines.extend(words::carried(touchpoint.channel.as_ref(), touchpoint.paid_click.as_ref()));
    lines
}

/// What the models do, for people who do not know their names.
fn model_in_words(model: &str) -> &'static str {
    match model {
        "first_touch" => "all goes to the first touchpoint",
        "last_touch" => "all goes to the last touchpoint",
        "last_non_direct" => "all goes to the last touchpoint that is not direct traffic",
        "linear" => "every touchpoint gets the same share",
        "time_decay" => "the younger a touchpoint, the more it gets",
        "position_based" => "the first and the last touchpoint get fixed shares, the others the rest",
        "w_shaped" => "the first touchpoint and those before registration and qualification get fixed shares",
        "weighted_last_touch" => "the last touchpoint gets a fixed share, the others the rest",
        "coupon_first" => "a promo code takes all; without one, another model decides",
        "customer_owned" => "the partner who won the customer gets everything",
        "data_driven" => "shares follow what the channels contributed in a stated period",
        _ => "as documented",
    }
}

fn shares(sharing: &Sharing, conversion: &ConversionExplained) -> Vec<String> {
    let campaign = sharing.campaign.as_ref().map_or_else(String::new, |key| format!(" of campaign {key}"));
    let mut lines = vec![format!(
        "Model {}{campaign}: {} ({}).",
        sharing.parameters,
        model_in_words(sharing.model),
        words::stated_at(&sharing.stated_at)
    )];
    for credit in &sharing.credits {
        let amount = match (&credit.amount, &conversion.value) {
            (Some(amount), Some(value)) => format!(" = {amount} of {value}"),
            _ => String::new(),
        };
        let rounded = match (credit.got_remainder, &credit.exact_minor) {
            (Some(true), Some(_)) => " (rounded up to the smallest coin)",
            (_, Some(exact)) if exact.contains('/') => " (rounded down to the smallest coin)",
            _ => "",
        };
        let share = percentage(credit.weight, credit.total_weight);
        lines.push(format!("{}: {share}{amount}{rounded}. [{}]", credit.earner, credit.id));
    }
    if let (Some(rounding), Some(value)) = (&sharing.rounding, &conversion.value) {
        lines.push(format!("Sum of shares: {value} of {value}."));
        if rounding.remainder_minor != 0 {
            lines.push(format!(
                "All shares were rounded down; the {} smallest coins left over went to the largest fractions, one each.",
                rounding.remainder_minor.abs()
            ));
        }
    }
    lines
}

fn owed(conversion: &ConversionExplained) -> Vec<String> {
    let mut lines: Vec<String> = conversion.commissions.iter().flat_map(commission).collect();
    lines.extend(
        conversion.unpaid.iter().map(|each| format!("{}: {} ({})", each.earner, each.message, each.code)),
    );
    lines
}

fn commission(line: &CommissionExplained) -> Vec<String> {
    let refunded =
        if line.owed == line.granted { String::new() } else { format!(", and {} is owed now", line.owed) };
    let mut lines = vec![
        format!(
            "{}: plan {} ({}) grants {}{refunded}; {}: {} Payable from {}. [{}]",
            line.partner,
            line.plan,
            line.rate,
            line.granted,
            line.state,
            line.reason.message,
            line.payable_from,
            line.id
        ),
        format!("The arithmetic: {}.", line.formula),
    ];
    if line.exact_granted_minor.as_ref().is_some_and(|exact| exact.contains('/')) {
        lines.push(format!(
            "The exact amount is no whole number of the smallest coin; rounded, it is {}.",
            line.granted
        ));
    }
    if line.in_payouts.minor != 0 {
        lines.push(format!("Payouts hold {} of it.", line.in_payouts));
    }
    lines.extend(line.payouts.iter().map(|payout| format!("Payout {} is {}.", payout.payout, payout.step)));
    lines
}

fn in_force(conversion: &ConversionExplained) -> Vec<String> {
    let set_up = &conversion.configuration;
    let mut lines = vec![format!(
        "What was in force at {}; read at revision {} of the set-up.",
        set_up.decided_at, set_up.revision
    )];
    for version in &set_up.versions {
        let from = version
            .effective_from
            .as_ref()
            .map_or_else(|| "always".to_owned(), |from| format!("since {from}"));
        let until = version.until.as_ref().map_or_else(String::new, |until| format!(" until {until}"));
        lines.push(format!(
            "{} {} in force {from}{until}: decides {}.",
            version.kind, version.key, version.decides
        ));
    }
    lines
}

fn entry_line(entry: &EntryExplained) -> String {
    let cause = match (&entry.cause, &entry.cause_kind) {
        (Some(cause), Some(kind)) => format!("caused by {kind} {cause}"),
        (Some(cause), None) => format!("caused by {cause}"),
        _ => "caused by another event".to_owned(),
    };
    format!(
        "{}#{} {} debit {} credit {} {cause}",
        entry.brand, entry.number, entry.amount, entry.debit, entry.credit
    )
}

fn payout_lines(payout: &PayoutExplained) -> Vec<String> {
    let reference =
        payout.reference.as_ref().map_or_else(String::new, |text| format!(", payment reference {text}"));
    vec![
        format!("{} to {} in run {}.", payout.total, payout.partner, payout.run),
        format!(
            "Prepared at {}; {} since {}{reference}.",
            payout.prepared_at, payout.step, payout.stepped_at
        ),
    ]
}

fn line_list(payout: &PayoutExplained) -> Vec<String> {
    let line = |line: &super::answer::PayoutLine| {
        let conversion =
            line.conversion.as_ref().map_or_else(String::new, |id| format!(" for conversion {id}"));
        format!("{} from commission {}{conversion} [{}]", line.amount, line.commission, line.id)
    };
    let mut lines: Vec<String> = payout.lines.iter().map(line).collect();
    if payout.unlisted > 0 {
        lines.push(format!("and {} more lines", payout.unlisted));
    }
    lines
}

fn progress_lines(progress: &Progress) -> Vec<String> {
    let mut lines = vec![match progress.stopped_at {
        Some(stage) => format!("The first step that it did not reach: {}.", stage.words()),
        None => "It went the whole way: it was paid.".to_owned(),
    }];
    for cause in &progress.causes {
        lines.push(format!("{}. {} ({})", cause.rank, cause.message, cause.code));
        lines.extend(cause.evidence.iter().map(|found| found.to_owned()));
        if !cause.remedy.is_empty() {
            lines.push(format!("What to do: {}", cause.remedy));
        }
    }
    lines
}
