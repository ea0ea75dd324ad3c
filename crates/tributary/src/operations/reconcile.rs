//! `tributary reconcile`: our conversions of a period against the operator's file, and the adjustments that follow.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tributary_adapters::canonical::{
    DecodingRules, IncomingBody, IncomingEvent, PersonalData, Refusal, decode,
};
use tributary_adapters::import::{ColumnMap, Format, Limits, RowReader};
use tributary_domain::fact::{Adjustment, EventKind, StatusChange, Verdict};
use tributary_domain::ids::{SourceKey, TransactionId};
use tributary_domain::money::Money;
use tributary_domain::reason::Reason;
use tributary_domain::reconciliation::{Compared, Ours, Proposal, Theirs, reconcile};
use tributary_domain::time::{Period, Timestamp};
use tributary_store::log::Way;
use tributary_store::state::{ConversionFilter, StateReader};

use super::walking;
use crate::desk::Desk;
use crate::edge::intake::{Prepared, Sender, source};

/// Proposals booked in one commit of the log.
const BOOKED_AT_ONCE: usize = 2_000;

/// The operator's file, read.
pub struct OperatorFile {
    /// SHA-256 of its bytes: applying the same file again changes nothing.
    pub hash: String,
    /// Its good rows, with the event that each would be as a conversion.
    pub rows: Vec<(Theirs, IncomingEvent, Vec<u8>)>,
    /// Its bad rows: line and refusal.
    pub refused: Vec<(u64, Refusal)>,
}

/// How the comparison ended.
#[derive(Debug, Serialize)]
pub struct ReconciliationReport {
    /// The period compared.
    pub period: String,
    /// Rows and money per class.
    pub classes: Vec<ClassSum>,
    /// Share of our conversions that match, in millionths.
    pub match_rate_ppm: u64,
    /// Rows of the file that could not be read: line and why.
    pub refused: Vec<String>,
    /// What differs; matched rows are left out.
    pub differences: Vec<Difference>,
    /// Adjustments booked by this command.
    pub applied: usize,
    /// Adjustments that were booked before.
    pub already_applied: usize,
}

/// One class of the comparison.
#[derive(Debug, Serialize)]
pub struct ClassSum {
    /// Its reason code.
    pub class: &'static str,
    /// Number of transactions.
    pub count: u64,
    /// Our sum per currency, as decimal texts.
    pub ours: BTreeMap<String, String>,
    /// Their sum per currency, as decimal texts.
    pub theirs: BTreeMap<String, String>,
}

/// One transaction on which the sides differ.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Its number.
    pub transaction: String,
    /// Its class.
    pub class: &'static str,
    /// Our amount.
    pub ours: Option<String>,
    /// Their amount.
    pub theirs: Option<String>,
    /// Line in the file.
    pub line: Option<u64>,
    /// What `--apply` books.
    pub proposal: String,
}

/// Reads the operator's file: each row needs a `transaction_id`, and may have amount, currency, status and time.
///
/// # Errors
/// When the file or map cannot be read at all; single bad rows are kept in [`OperatorFile::refused`].
pub fn read_file(path: &Path, map: &ColumnMap, rules: &DecodingRules) -> anyhow::Result<OperatorFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let format = Format::of_file_name(&path.to_string_lossy())
        .with_context(|| format!("{} is neither .csv, .csv.gz nor .jsonl", path.display()))?;
    let rules = DecodingRules { default_kind: Some(EventKind::Conversion), ..map.rules(rules) };
    let mut file =
        OperatorFile { hash: hex::encode(Sha256::digest(&bytes)), rows: Vec::new(), refused: Vec::new() };
    let reader: Box<dyn Read> = Box::new(std::io::Cursor::new(bytes));
    for row in RowReader::open(reader, format, map, Limits::default())? {
        let row = row?;
        let line = row.line;
        match row.fields.and_then(|fields| decode(&fields, &rules)).and_then(|event| theirs(line, event)) {
            Ok((theirs, event)) => file.rows.push((theirs, event, row.raw)),
            Err(refusal) => file.refused.push((line, refusal)),
        }
    }
    Ok(file)
}

fn theirs(line: u64, event: IncomingEvent) -> Result<(Theirs, IncomingEvent), Refusal> {
    let IncomingBody::Conversion(action) = &event.body else {
        return Err(Refusal::of_field(
            Reason::InvalidField,
            "event_type",
            "only conversions can be reconciled",
        ));
    };
    let Some(transaction) = action.transaction.clone() else {
        return Err(Refusal::of_field(
            Reason::MissingField,
            "transaction_id",
            "`transaction_id` is missing: rows are matched by it",
        ));
    };
    let theirs = Theirs {
        line,
        transaction,
        value: action.value,
        verdict: action.status.unwrap_or(Verdict::Approved),
    };
    Ok((theirs, event))
}

/// Compares with what the engine has taken into account, and books nothing. Works while a server runs.
///
/// # Errors
/// When the store fails.
pub fn compare(
    state: &dyn StateReader,
    key: &SourceKey,
    period: Period,
    file: &OperatorFile,
) -> anyhow::Result<ReconciliationReport> {
    compared(state, key, period, file).map(|(report, _)| report)
}

/// Compares with everything in the log and books the proposals.
///
/// # Errors
/// When the source is gone, or store or log fail.
pub fn apply(
    desk: &mut Desk,
    key: &SourceKey,
    period: Period,
    file: &OperatorFile,
    now: Timestamp,
) -> anyhow::Result<ReconciliationReport> {
    desk.catch_up()?;
    let (mut report, compared) = compared(desk.state.as_ref(), key, period, file)?;
    let events: BTreeMap<u64, (&IncomingEvent, &[u8])> =
        file.rows.iter().map(|(theirs, event, raw)| (theirs.line, (event, raw.as_slice()))).collect();
    for chunk in compared.chunks(BOOKED_AT_ONCE) {
        let prepared = adjustments(desk, key, &file.hash, chunk, &events, now)?;
        for is_new in append(desk, prepared)? {
            if is_new { report.applied += 1 } else { report.already_applied += 1 }
        }
    }
    desk.catch_up()?;
    Ok(report)
}

fn compared(
    state: &dyn StateReader,
    key: &SourceKey,
    period: Period,
    file: &OperatorFile,
) -> anyhow::Result<(ReconciliationReport, Vec<Compared>)> {
    let ours = ours(state, key, period)?;
    let our_count = ours.len() as u64;
    let compared = reconcile(ours, file.rows.iter().map(|(theirs, _, _)| theirs.clone()).collect());
    Ok((summarise(period, &compared, our_count, file), compared))
}

fn ours(state: &dyn StateReader, key: &SourceKey, period: Period) -> anyhow::Result<Vec<Ours>> {
    let filter =
        ConversionFilter { source: Some(key.clone()), period: Some(period), ..ConversionFilter::default() };
    let mut ours = Vec::new();
    walking::conversions(state, &filter, |conversion| -> anyhow::Result<()> {
        let value =
            conversion.value.map(|value| Money::new(value.minor - conversion.refunded, value.currency));
        if let (EventKind::Conversion, Some(transaction)) = (conversion.kind, conversion.transaction) {
            ours.push(Ours {
                event_id: conversion.event_id,
                transaction,
                value,
                verdict: conversion.verdict,
            });
        }
        Ok(())
    })?;
    Ok(ours)
}

/// The events that carry out proposals. Their ids name file and line, so that applying twice is applying once.
fn adjustments(
    desk: &Desk,
    key: &SourceKey,
    hash: &str,
    compared: &[Compared],
    events: &BTreeMap<u64, (&IncomingEvent, &[u8])>,
    now: Timestamp,
) -> anyhow::Result<Vec<Prepared>> {
    let configuration = desk.configuration.current();
    let (_, source) =
        source(&configuration, key.as_str(), now).map_err(|reason| anyhow::anyhow!(reason.message()))?;
    let sender =
        Sender { brand: &source.brand, source: key, way: Way::Command, received_at: now, message_id: None };
    let mut prepared = Vec::new();
    for each in compared {
        let Some(row) = &each.theirs else { continue };
        let Some((event, raw)) = events.get(&row.line) else { continue };
        let cause = format!("reconciliation:{}:{}", &hash[..16.min(hash.len())], row.line);
        let mut booked = Vec::new();
        match each.proposal {
            Proposal::None | Proposal::Review => {}
            Proposal::Create => {
                let mut created = (*event).clone();
                if let IncomingBody::Conversion(action) = &mut created.body {
                    action.status = Some(row.verdict);
                }
                booked.push(IncomingEvent { event_id: Some(cause.clone()), ..created });
            }
            Proposal::SetVerdict(verdict) => booked.push(verdict_event(&each.transaction, verdict, &cause)),
            Proposal::SetValue(value, verdict) => {
                booked.push(IncomingEvent {
                    event_id: Some(format!("{cause}:value")),
                    ..event_of(
                        EventKind::Adjustment,
                        IncomingBody::Adjustment(Adjustment {
                            transaction: each.transaction.clone(),
                            value,
                            cause: Arc::from(cause.as_str()),
                        }),
                    )
                });
                booked.push(verdict_event(&each.transaction, verdict, &cause));
            }
        }
        for event in booked {
            prepared.push(desk.intake.prepare(&configuration, sender, event, raw)?);
        }
    }
    Ok(prepared)
}

fn verdict_event(transaction: &TransactionId, verdict: Verdict, cause: &str) -> IncomingEvent {
    IncomingEvent {
        event_id: Some(format!("{cause}:verdict")),
        ..event_of(
            EventKind::Status,
            IncomingBody::Status(StatusChange { transaction: transaction.clone(), verdict }),
        )
    }
}

fn event_of(kind: EventKind, body: IncomingBody) -> IncomingEvent {
    IncomingEvent {
        kind,
        event_id: None,
        occurred_at: None,
        personal: PersonalData::default(),
        click_id: None,
        body,
    }
}

/// Appends and tells for each whether it was new.
fn append(desk: &Desk, prepared: Vec<Prepared>) -> anyhow::Result<Vec<bool>> {
    let outcomes = desk.intake.append_blocking(prepared);
    outcomes
        .into_iter()
        .map(|outcome| match outcome.status {
            crate::edge::outcome::Status::Accepted => Ok(true),
            crate::edge::outcome::Status::Duplicate => Ok(false),
            crate::edge::outcome::Status::Rejected => Err(anyhow::anyhow!("{}", outcome.reason.message())),
        })
        .collect()
}

fn summarise(
    period: Period,
    compared: &[Compared],
    our_count: u64,
    file: &OperatorFile,
) -> ReconciliationReport {
    type PerCurrency = BTreeMap<String, Money>;
    let mut sums: BTreeMap<Reason, (u64, PerCurrency, PerCurrency)> = BTreeMap::new();
    let add = |sums: &mut BTreeMap<String, Money>, value: Option<Money>| {
        if let Some(value) = value {
            sums.entry(value.currency.to_string()).or_insert(Money::zero(value.currency)).minor +=
                value.minor;
        }
    };
    for each in compared {
        let (count, ours, theirs) = sums.entry(each.class).or_default();
        *count += 1;
        add(ours, each.ours.as_ref().and_then(|own| own.value));
        add(theirs, each.theirs.as_ref().and_then(|row| row.value));
    }
    let decimals =
        |sums: &BTreeMap<String, Money>| sums.iter().map(|(c, m)| (c.clone(), m.decimal())).collect();
    let matched = sums.get(&Reason::Matched).map_or(0, |(count, _, _)| *count);
    ReconciliationReport {
        period: period.to_string(),
        classes: sums
            .iter()
            .map(|(class, (count, ours, theirs))| ClassSum {
                class: class.code(),
                count: *count,
                ours: decimals(ours),
                theirs: decimals(theirs),
            })
            .collect(),
        match_rate_ppm: (matched * 1_000_000).checked_div(our_count).unwrap_or(0),
        refused: file.refused.iter().map(|(line, refusal)| format!("line {line}: {refusal}")).collect(),
        differences: compared.iter().filter(|each| each.class != Reason::Matched).map(difference).collect(),
        applied: 0,
        already_applied: 0,
    }
}

fn difference(each: &Compared) -> Difference {
    let amount = |value: Option<Money>| value.map(|value| value.to_string());
    Difference {
        transaction: each.transaction.to_string(),
        class: each.class.code(),
        ours: amount(each.ours.as_ref().and_then(|own| own.value)),
        theirs: amount(each.theirs.as_ref().and_then(|row| row.value)),
        line: each.theirs.as_ref().map(|row| row.line),
        proposal: match each.proposal {
            Proposal::None => "nothing".to_owned(),
            Proposal::SetVerdict(verdict) => format!("set status {}", verdict.name()),
            Proposal::SetValue(value, verdict) => format!("set value {value}, status {}", verdict.name()),
            Proposal::Create => "create from the file".to_owned(),
            Proposal::Review => "review by hand".to_owned(),
        },
    }
}
