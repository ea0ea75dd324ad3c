//! Reads single values: each either is what its field needs, or is refused by the name it was sent under.

use std::net::IpAddr;

use tributary_domain::click_id::ClickId;
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::IdError;
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

use super::collect::Collected;
use super::decode::time_reason;
use super::event::{DecodingRules, Personal, PersonalData};
use super::fields::{Field, Form};
use super::names::Target;
use super::refusal::{Refusal, shortened};

const LONGEST_ID: usize = 128;
const LONGEST_EMAIL: usize = 254;
const LONGEST_USER_AGENT: usize = 1024;

/// Which amounts a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Zero or more; the kind of event says the direction.
    NotNegative,
    /// Any: a player's net revenue may be below zero.
    Any,
}

/// The values of one event, read on demand.
pub(super) struct Values<'f> {
    pub(super) collected: Collected<'f>,
    pub(super) rules: &'f DecodingRules,
    pub(super) kind: EventKind,
}

impl<'f> Values<'f> {
    /// The field with that meaning, when it is there and not empty.
    pub(super) fn field(&self, target: Target) -> Option<&'f Field> {
        self.collected.get(target)
    }

    /// Reads an optional field with one of the domain's own parsers.
    pub(super) fn parsed<T>(
        &self,
        target: Target,
        parse: impl Fn(&str) -> Result<T, IdError>,
    ) -> Result<Option<T>, Refusal> {
        self.field(target).map(|field| read_key(field, &parse)).transpose()
    }

    pub(super) fn event_id(&self) -> Result<Option<String>, Refusal> {
        self.field(Target::EventId).map(|field| identifier(field, LONGEST_ID).map(str::to_owned)).transpose()
    }

    pub(super) fn occurred_at(&self) -> Result<Option<Timestamp>, Refusal> {
        self.moment(Target::OccurredAt)
    }

    /// A moment in any of the accepted notations.
    pub(super) fn moment(&self, target: Target) -> Result<Option<Timestamp>, Refusal> {
        let Some(field) = self.field(target) else { return Ok(None) };
        Timestamp::parse(&field.value).map(Some).map_err(|error| {
            let message = format!(
                "`{}` cannot be accepted: {}",
                shortened(&field.name),
                quoted_cut(&error.to_string())
            );
            Refusal::of_field(time_reason(&error), &field.name, message)
                .with_hint("Write RFC 3339 with its offset, such as `2026-01-15T10:00:00Z`, or Unix seconds.")
        })
    }

    /// A click id has its own narrow alphabet; whether one of our form was issued here is checked with the key.
    pub(super) fn click_id(&self) -> Result<Option<String>, Refusal> {
        let Some(field) = self.field(Target::ClickId) else { return Ok(None) };
        let value = identifier(field, LONGEST_ID)?;
        match ClickId::from_stored(value) {
            Some(id) => Ok(Some(id.as_str().to_owned())),
            None => Err(Refusal::invalid(&field.name, tributary_domain::click_id::ClickIdError::Malformed)
                .with_hint(Reason::ClickIdForged.hint())),
        }
    }

    pub(super) fn personal(&self) -> Result<PersonalData, Refusal> {
        let id = |target| {
            self.field(target).map(|field| identifier(field, LONGEST_ID).map(Personal::new)).transpose()
        };
        Ok(PersonalData {
            customer_id: id(Target::CustomerId)?,
            visitor_id: id(Target::VisitorId)?,
            email: self.field(Target::Email).map(email).transpose()?,
            ip: self.field(Target::Ip).map(ip).transpose()?,
            user_agent: self.field(Target::UserAgent).map(user_agent).transpose()?,
        })
    }

    /// The amount in its currency.
    pub(super) fn money(&self, sign: Sign) -> Result<Option<Money>, Refusal> {
        let currency = self.currency()?;
        let Some(field) = self.field(Target::Value) else { return Ok(None) };
        let currency = currency.or(self.rules.default_currency).ok_or_else(|| {
            Refusal::missing("currency", "an amount without a currency is not money")
                .with_hint("Add `currency`, such as `EUR`, or give the source a default currency.")
        })?;
        let text = self.decimal_text(field)?;
        let money = Money::parse(&text, currency)
            .map_err(|error| Refusal::invalid(&field.name, quoted_cut(&error.to_string())))?;
        if sign == Sign::NotNegative && money.minor < 0 {
            return Err(Refusal::invalid(&field.name, "it is negative")
                .with_hint("Send what flows back as a `refund` or `chargeback` with a positive amount."));
        }
        Ok(Some(money))
    }

    fn currency(&self) -> Result<Option<Currency>, Refusal> {
        let parse = |field: &Field| {
            Currency::parse(&field.value)
                .map_err(|error| Refusal::invalid(&field.name, quoted_cut(&error.to_string())))
        };
        self.field(Target::Currency).map(parse).transpose()
    }

    /// The amount's text with a point. A source with a decimal comma may not also send points: `1.234` would have two
    /// meanings, so it is refused. A JSON number has a point whatever the source's setting.
    fn decimal_text(&self, field: &Field) -> Result<String, Refusal> {
        if field.form == Form::Boolean {
            return Err(Refusal::invalid(&field.name, "it is not an amount"));
        }
        let text = field.value.trim();
        let comma = self.rules.decimal_comma && field.form == Form::Text;
        match (comma, text.contains('.')) {
            (true, true) => Err(Refusal::invalid(
                &field.name,
                format!("`{}` has a point, and this source writes a decimal comma", shortened(text)),
            )
            .with_hint(
                "Write `1234,56` without thousands marks, or set `decimal_comma = false` for the source.",
            )),
            (true, false) => Ok(text.replacen(',', ".", 1)),
            (false, _) if text.contains(',') => Err(Refusal::invalid(
                &field.name,
                format!("`{}` has a comma; it could be a decimal mark or a thousands mark", shortened(text)),
            )
            .with_hint("Write `1234.56`, or set `decimal_comma = true` for the source.")),
            (false, _) => Ok(text.to_owned()),
        }
    }

    pub(super) fn verdict(&self) -> Result<Option<Verdict>, Refusal> {
        self.field(Target::Status).map(verdict).transpose()
    }

    pub(super) fn granted(&self) -> Result<Option<bool>, Refusal> {
        let Some(field) = self.field(Target::Granted) else { return Ok(None) };
        match field.value.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Some(true)),
            "false" | "no" | "0" => Ok(Some(false)),
            _ => Err(Refusal::invalid(&field.name, "it is neither `true` nor `false`")),
        }
    }
}

/// Reads a key or number with one of the domain's parsers, naming the field as sent.
pub(super) fn read_key<T>(field: &Field, parse: &impl Fn(&str) -> Result<T, IdError>) -> Result<T, Refusal> {
    let value = identifier(field, LONGEST_ID)?;
    parse(value).map_err(|error| Refusal::invalid(&field.name, quoted_cut(&error.to_string())))
}

/// A text that identifies something. The words that broken templates leave behind would make one person or
/// order of everybody's.
fn identifier(field: &Field, longest: usize) -> Result<&str, Refusal> {
    const NOBODY: [&str; 6] = ["null", "undefined", "none", "nan", "[object object]", "unknown"];
    let value = field.value.trim();
    if NOBODY.contains(&value.to_ascii_lowercase().as_str()) {
        return Err(Refusal::invalid(&field.name, format!("`{}` identifies nothing", shortened(value)))
            .with_hint("Leave the field out when there is no value."));
    }
    if field.form == Form::Boolean {
        return Err(Refusal::invalid(&field.name, "a boolean identifies nothing"));
    }
    plain(field, longest)
}

fn plain(field: &Field, longest: usize) -> Result<&str, Refusal> {
    let value = field.value.trim();
    if value.chars().count() > longest
        || value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
    {
        return Err(Refusal::invalid(
            &field.name,
            format!("it must have 1 to {longest} characters, none of them a control character"),
        ));
    }
    Ok(value)
}

/// A descriptive text up to that many characters.
pub(super) fn descriptive(field: &Field, longest: usize) -> Result<&str, Refusal> {
    plain(field, longest)
}

fn email(field: &Field) -> Result<Personal, Refusal> {
    let value = plain(field, LONGEST_EMAIL)?.to_lowercase();
    let well_formed = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !value.contains(char::is_whitespace)
    });
    if well_formed {
        Ok(Personal::new(value))
    } else {
        Err(Refusal::invalid(&field.name, "it is not an e-mail address"))
    }
}

fn ip(field: &Field) -> Result<Personal, Refusal> {
    let address: IpAddr =
        field.value.trim().parse().map_err(|_| Refusal::invalid(&field.name, "it is not an IP address"))?;
    Ok(Personal::new(address.to_canonical().to_string()))
}

/// User agents are evidence, not keys: an overlong one is cut, so that it never costs an event.
fn user_agent(field: &Field) -> Result<Personal, Refusal> {
    let cut: String =
        field.value.trim().chars().filter(|c| !c.is_control()).take(LONGEST_USER_AGENT).collect();
    Ok(Personal::new(cut))
}

/// The trade's words for the three verdicts (`domain.md` section 1).
fn verdict(field: &Field) -> Result<Verdict, Refusal> {
    let word = field.value.trim().to_ascii_lowercase();
    match word.as_str() {
        "approved" | "approve" | "accepted" | "confirmed" | "valid" | "completed" | "paid" => {
            Ok(Verdict::Approved)
        }
        "pending" | "on_hold" | "on-hold" | "hold" | "new" | "open" | "processing" => Ok(Verdict::Pending),
        "rejected" | "reject" | "declined" | "invalid" | "cancelled" | "canceled" | "reversed" | "void"
        | "failed" | "denied" => Ok(Verdict::Rejected),
        "test" => Err(Refusal::invalid(&field.name, "tests are not recorded")
            .with_hint("Send tests to a brand of their own, with a real status.")),
        _ => {
            let names = ["approved", "pending", "rejected"];
            let refusal = Refusal::invalid(&field.name, format!("`{}` is not a status", shortened(&word)));
            Err(match super::names::nearest(&word, names.into_iter()) {
                Some(name) => refusal.with_hint(format!("Did you mean `{name}`?")),
                None => refusal.with_hint("Statuses are approved, pending and rejected."),
            })
        }
    }
}

/// A domain error's words, cut: it may quote a value of any length.
fn quoted_cut(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { '?' } else { c }).collect()
}
