//! Resolves every field's name, refuses contradictions and misspellings, and finds the kind of event.

use tributary_domain::fact::EventKind;
use tributary_domain::reason::Reason;
use tributary_domain::tracking::{Tracking, TrackingError, is_signal};

use super::event::DecodingRules;
use super::fields::{Field, Fields};
use super::names::{CANONICAL, SINGLE_TARGETS, Target, nearest, target};
use super::refusal::{Refusal, shortened};

/// The fields of one event by meaning.
pub(super) struct Collected<'f> {
    single: [Option<&'f Field>; SINGLE_TARGETS],
    /// Validated tracking slots.
    pub(super) tracking: Tracking,
    /// Figures of a measure.
    pub(super) figures: Vec<&'f Field>,
}

impl<'f> Collected<'f> {
    /// The field with that meaning, when it is there and not empty.
    pub(super) fn get(&self, target: Target) -> Option<&'f Field> {
        self.single.get(target.place()?).copied().flatten()
    }
}

/// The kind of an event, with the goal that its word stands for in a postback.
pub(super) struct Kind<'f> {
    pub(super) kind: EventKind,
    pub(super) goal: Option<&'f Field>,
}

/// Finds the kind before anything else is resolved: in postbacks a parameter may mean one thing on a click and another on
/// a conversion.
pub(super) fn kind<'f>(
    fields: &'f Fields,
    rules: &DecodingRules,
    internal: bool,
) -> Result<Kind<'f>, Refusal> {
    if let (true, Some(kind)) = (rules.kind_is_fixed, rules.default_kind) {
        return Ok(Kind { kind, goal: None });
    }
    let (mut named, mut goal) = (None, None);
    for field in fields.iter().filter(|field| !field.value.trim().is_empty()) {
        match resolve(&field.name, rules, false) {
            Some(Target::Kind) if named.is_none() => named = Some(field),
            Some(Target::Goal) if goal.is_none() => goal = Some(field),
            _ => {}
        }
    }
    // Only a postback's goal may say the kind as well: `goal=registration`.
    let word = named.or(goal.filter(|_| rules.profile.is_some()));
    let Some(word) = word else {
        let default = rules.default_kind.or(rules.profile.map(|_| EventKind::Conversion));
        return default.map(|kind| Kind { kind, goal: None }).ok_or_else(|| {
            Refusal::missing("event_type", "it says what happened")
                .with_hint("Add `event_type`, such as `conversion`, `registration` or `click`.")
        });
    };
    refuse_placeholder(word, Target::Kind)?;
    named_kind(word, rules, internal)
}

fn named_kind<'f>(word: &'f Field, rules: &DecodingRules, internal: bool) -> Result<Kind<'f>, Refusal> {
    let text = word.value.trim();
    let found = match rules.profile {
        None => EventKind::from_name(text),
        Some(_) => kind_of_word(text),
    };
    match found {
        Some(kind) if kind.is_command() => Err(booked_here_only(word)),
        Some(EventKind::Adjustment) if !internal => Err(booked_here_only(word)),
        Some(kind) => Ok(Kind { kind, goal: (!is_word_of(text, kind)).then_some(word) }),
        None if rules.profile.is_some() => Ok(Kind { kind: EventKind::Conversion, goal: Some(word) }),
        None => {
            let refusal =
                Refusal::invalid(&word.name, format!("`{}` is not a kind of event", shortened(text)));
            let names = EventKind::ALL.iter().map(|kind| kind.name());
            Err(match nearest(text, names) {
                Some(name) => refusal.with_hint(format!("Did you mean `{name}`?")),
                None => refusal.with_hint(
                    "Kinds are click, impression, registration, qualification, conversion, refund, chargeback, status, \
                     identify, consent, trade, player_day and spend; put a step's own name into `goal`.",
                ),
            })
        }
    }
}

/// The incumbents' usual words; a first deposit is a qualifying step, whose plan pays by its goal.
fn kind_of_word(text: &str) -> Option<EventKind> {
    let folded = text.to_ascii_lowercase();
    EventKind::from_name(&folded).or(match folded.as_str() {
        "signup" | "sign_up" | "register" | "reg" => Some(EventKind::Registration),
        "ftd" | "first_deposit" | "first_trade" => Some(EventKind::Qualification),
        // Everflow numbers an offer's base conversion 0.
        "0" => Some(EventKind::Conversion),
        _ => None,
    })
}

/// Whether a postback's word says only the kind, as `conversion` and `signup` do; `ftd` names a goal as well.
pub(super) fn is_word_of(text: &str, kind: EventKind) -> bool {
    kind_of_word(text) == Some(kind)
        && (kind != EventKind::Qualification || text.eq_ignore_ascii_case(kind.name()))
}

fn booked_here_only(word: &Field) -> Refusal {
    Refusal::of_field(
        Reason::NotAllowed,
        &word.name,
        format!(
            "`{}`: a `{}` is booked here and cannot be sent",
            shortened(&word.name),
            shortened(word.value.trim())
        ),
    )
    .with_hint("Send `status` or `refund`, or use reconciliation.")
}

/// Puts every field in its place.
pub(super) fn collect<'f>(
    fields: &'f Fields,
    rules: &DecodingRules,
    kind: EventKind,
) -> Result<Collected<'f>, Refusal> {
    let touch = matches!(kind, EventKind::Click | EventKind::Impression);
    let mut collected =
        Collected { single: [None; SINGLE_TARGETS], tracking: Tracking::default(), figures: Vec::new() };
    for field in fields.iter() {
        let Some(target) = resolve(&field.name, rules, touch) else {
            refuse_unknown(field, rules)?;
            continue;
        };
        if target == Target::Ignored || field.value.trim().is_empty() && target != Target::NoSuchSlot {
            continue;
        }
        // Nobody who sends a click has filled in a platform's id: what is no id is passed over.
        if matches!(target, Target::Tracking(slot) if is_signal(slot)) && is_placeholder(field, target) {
            continue;
        }
        refuse_placeholder(field, target)?;
        match target {
            Target::Tracking(slot) => insert_tracking(&mut collected.tracking, slot, field)?,
            Target::NoSuchSlot => insert_tracking(&mut collected.tracking, &field.name, field)?,
            Target::Figure => collected.figures.push(field),
            single => place_single(&mut collected, single, field)?,
        }
    }
    Ok(collected)
}

fn place_single<'f>(collected: &mut Collected<'f>, target: Target, field: &'f Field) -> Result<(), Refusal> {
    let Some(place) = target.place().and_then(|place| collected.single.get_mut(place)) else { return Ok(()) };
    match place {
        Some(earlier) if earlier.value.trim() != field.value.trim() => Err(Refusal::invalid(
            &field.name,
            if earlier.name == field.name {
                "it is given twice with different values".to_owned()
            } else {
                format!("it means the same as `{}` and has another value", shortened(&earlier.name))
            },
        )
        .with_hint("Send one of them.")),
        Some(_) => Ok(()),
        None => {
            *place = Some(field);
            Ok(())
        }
    }
}

fn insert_tracking(tracking: &mut Tracking, slot: &str, field: &Field) -> Result<(), Refusal> {
    tracking.insert(slot, field.value.trim()).map_err(|error| match error {
        TrackingError::UnknownSlot { .. } => {
            Refusal::of_field(Reason::UnknownField, &field.name, error.to_string())
                .with_hint("Use one of the slots named in the message.")
        }
        other => Refusal::of_field(
            Reason::InvalidField,
            &field.name,
            other
                .to_string()
                .replace(&format!("`{}`", other.parameter()), &format!("`{}`", shortened(&field.name))),
        ),
    })
}

/// What a name means: the source's own names first, then its dialect's, then the canonical ones.
pub(super) fn resolve(name: &str, rules: &DecodingRules, touch: bool) -> Option<Target> {
    let own =
        rules.aliases.iter().find(|(sent, _)| sent == name).and_then(|(_, canonical)| target(canonical));
    let found = own.or_else(|| match rules.profile {
        Some(profile) => profile.target(name, touch),
        None => target(name),
    });
    let open_to_the_public = |target| {
        matches!(target, Target::Link | Target::VisitorId | Target::Tracking(_) | Target::NoSuchSlot)
    };
    if rules.kind_is_fixed && !found.is_some_and(open_to_the_public) { Some(Target::Ignored) } else { found }
}

/// Canonical events may hold nothing unknown. Old systems send much that nobody asked for, so a postback's unknown
/// parameters are passed over, save one that looks like a misspelt amount or identifier.
fn refuse_unknown(field: &Field, rules: &DecodingRules) -> Result<(), Refusal> {
    let name = field.name.as_str();
    let unknown = || {
        Refusal::of_field(Reason::UnknownField, name, format!("`{}` is not a known field", shortened(name)))
    };
    if let Some(profile) = rules.profile {
        return match profile.misspelt(name) {
            Some(meant) => Err(unknown().with_hint(format!("Did you mean `{meant}`?"))),
            None => Ok(()),
        };
    }
    let own = rules.aliases.iter().map(|(sent, _)| sent.as_str());
    let inner = name.split_once('.').map_or(name, |(_, inner)| inner);
    let candidates = CANONICAL.iter().map(|(known, _)| *known).filter(|known| *known != "cause");
    let candidates = candidates.chain(tributary_domain::tracking::PARAMETERS).chain(own);
    Err(match nearest(inner, candidates) {
        Some(meant) => unknown().with_hint(format!(
            "Did you mean `{}`? What nothing here decides by goes under `data`.",
            shortened(meant)
        )),
        None => unknown().with_hint("Leave it out, or put it under `data`."),
    })
}

fn refuse_placeholder(field: &Field, target: Target) -> Result<(), Refusal> {
    if !is_placeholder(field, target) {
        return Ok(());
    }
    Err(Refusal::invalid(
        &field.name,
        format!("`{}` is a placeholder that was not filled in", shortened(field.value.trim())),
    )
    .with_hint("Check the macro's name in the sender's system."))
}

/// `{click_id}`, `#s1#`, `${x}`, `%%ID%%`: a macro that the sender's system did not fill in. In identifiers and amounts also
/// `[id]`, `(clickid)` and `__ID__`, which are honest texts elsewhere: `utm_medium=(none)`.
fn is_placeholder(field: &Field, target: Target) -> bool {
    const EVERYWHERE: [(&str, &str); 5] = [("${", "}"), ("{{", "}}"), ("{", "}"), ("#", "#"), ("%%", "%%")];
    const IN_VALUES: [(&str, &str); 3] = [("[", "]"), ("(", ")"), ("__", "__")];
    let marks: &[&[(&str, &str)]] = match target {
        Target::UserAgent => &[],
        Target::Tracking(_) | Target::NoSuchSlot | Target::Figure => &[&EVERYWHERE],
        _ => &[&EVERYWHERE, &IN_VALUES],
    };
    let value = field.value.trim();
    let is_word = |inner: &str| {
        !inner.is_empty()
            && inner.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    marks.iter().flat_map(|marks| marks.iter()).any(|(before, after)| {
        value.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(is_word)
    })
}
