//! The payout run: prepare, approve, export, settle. Every step is a fact in the log, so that replay pays nobody anew.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, FactBody, PayoutAdvance, PayoutId, PayoutPlan, PayoutStep, Subject};
use tributary_domain::ids::{BrandKey, DeduplicationKey, EventId, PartnerKey, SourceKey, fingerprint};
use tributary_domain::money::Currency;
use tributary_domain::payout::{Line, NotPaid, no_longer_granted, plan};
use tributary_domain::time::Timestamp;
use tributary_store::log::{Appended, NewRecord, Way};
use tributary_store::state::{Payout, StateReader};
use tributary_store::wire;

use super::walking;
use crate::desk::Desk;

/// The source under which the operator's own commands are logged.
const COMMAND_SOURCE: &str = "tributary.command";

/// What a step did.
#[derive(Debug, Serialize, Default)]
pub struct RunReport {
    /// The run.
    pub run: String,
    /// Its payouts as they stand now.
    pub payouts: Vec<PayoutLine>,
    /// Who is not paid, and why.
    pub not_paid: Vec<NotPaidLine>,
}

/// One payout, for people.
#[derive(Debug, Serialize)]
pub struct PayoutLine {
    /// Its id.
    pub payout: String,
    /// Who is paid.
    pub partner: String,
    /// Decimal amount.
    pub amount: String,
    /// Currency code.
    pub currency: String,
    /// Its step.
    pub step: &'static str,
    /// Payment reference, once settled.
    pub reference: Option<String>,
    /// Number of commission lines.
    pub lines: usize,
}

/// A balance that rolls over, for people.
#[derive(Debug, Serialize)]
pub struct NotPaidLine {
    /// Who.
    pub partner: String,
    /// Decimal amount that is ready.
    pub amount: String,
    /// Currency code.
    pub currency: String,
    /// Reason code.
    pub reason: &'static str,
    /// Reason in words.
    pub message: &'static str,
}

/// Plans the payouts of a run as of a cut-off and locks their lines. A run that was prepared before stays as it is.
///
/// # Errors
/// When store or log fail.
pub fn prepare(
    desk: &mut Desk,
    brand: &BrandKey,
    run: &str,
    cut_off: Timestamp,
    now: Timestamp,
) -> anyhow::Result<RunReport> {
    desk.catch_up()?;
    let configuration = desk.configuration.current();
    if !configuration.brands.contains_key(brand) {
        anyhow::bail!("there is no brand `{brand}`");
    }
    let mut not_paid = Vec::new();
    let mut payouts = walking::payouts(desk.state.as_ref(), None)?;
    payouts.retain(|payout| payout.brand == *brand);
    if !payouts.iter().any(|payout| *payout.plan.run == *run) {
        let mut lines = commission_lines(desk.state.as_ref(), brand)?;
        lines.extend(no_longer_granted(&lines, payouts.iter().map(|payout| (&payout.plan, payout.step))));
        let minimum = |partner: &PartnerKey, currency| minimum(&configuration, brand, partner, currency);
        let (plans, rolled) = plan(brand, run, cut_off, &lines, minimum);
        not_paid = rolled;
        let facts: anyhow::Result<Vec<Command>> = plans
            .into_iter()
            .map(|plan| {
                let key = preparation_key(brand, &plan, &payouts);
                command(brand, now, key, FactBody::PayoutPrepared(plan))
            })
            .collect();
        append(desk, facts?)?;
    }
    report(desk, brand, run, not_paid)
}

/// Takes every payout of a run that may take this step one step further.
///
/// # Errors
/// When the run has none that may, or store or log fail.
pub fn advance(
    desk: &mut Desk,
    brand: &BrandKey,
    run: &str,
    step: PayoutStep,
    references: &HashMap<String, String>,
    now: Timestamp,
) -> anyhow::Result<RunReport> {
    desk.catch_up()?;
    let payouts = of_run(desk.state.as_ref(), brand, run)?;
    if payouts.is_empty() {
        anyhow::bail!("there is no payout run `{run}`; prepare it first");
    }
    let named = |payout: &Payout| references.is_empty() || references.contains_key(&*payout.plan.payout.0);
    let ready: Vec<&Payout> = payouts.iter().filter(|p| p.step.may_become(step) && named(p)).collect();
    let already = payouts.iter().any(|payout| payout.step == step);
    if ready.is_empty() && !already {
        let steps: Vec<&str> = payouts.iter().map(|payout| payout.step.name()).collect();
        anyhow::bail!("no payout of run `{run}` can become {}; they are {}", step.name(), steps.join(", "));
    }
    if step == PayoutStep::Settled {
        refuse_used_references(desk.state.as_ref(), &ready, references)?;
    }
    let facts: anyhow::Result<Vec<Command>> = ready
        .into_iter()
        .map(|payout| {
            let reference = references.get(&*payout.plan.payout.0).map(|text| Arc::from(text.as_str()));
            let advance = PayoutAdvance { payout: payout.plan.payout.clone(), step, reference };
            let key = step_key(&payout.brand, &payout.plan.payout, step);
            command(&payout.brand, now, key, FactBody::PayoutAdvanced(advance))
        })
        .collect();
    append(desk, facts?)?;
    report(desk, brand, run, Vec::new())
}

/// The payouts of a brand's run: two brands may call their runs by one name.
///
/// # Errors
/// When the store fails.
pub fn of_run(state: &dyn StateReader, brand: &BrandKey, run: &str) -> anyhow::Result<Vec<Payout>> {
    let mut payouts = walking::payouts(state, Some(run))?;
    payouts.retain(|payout| payout.brand == *brand);
    Ok(payouts)
}

/// The payout file: one row per payout, the same bytes whenever it is written.
#[must_use]
pub fn payout_file(payouts: &[Payout]) -> String {
    let mut rows: Vec<&Payout> = payouts.iter().filter(|payout| payout.step != PayoutStep::Failed).collect();
    rows.sort_by(|a, b| a.plan.payout.cmp(&b.plan.payout));
    let mut text = String::from("payout_id,run,partner,amount,currency,lines\n");
    for payout in rows {
        let total = payout.plan.total();
        text.push_str(&format!(
            "{},{},{},{},{},{}\n",
            cell(&payout.plan.payout.0),
            cell(&payout.plan.run),
            cell(payout.plan.partner.as_str()),
            total.decimal(),
            total.currency,
            payout.plan.lines.len()
        ));
    }
    text
}

/// A cell that no spreadsheet takes for a formula, quoted where CSV needs it.
pub(crate) fn cell(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Every payout, or those of a run; of one brand or of all.
///
/// # Errors
/// When the store fails.
pub fn list(
    state: &dyn StateReader,
    brand: Option<&BrandKey>,
    run: Option<&str>,
) -> anyhow::Result<Vec<PayoutLine>> {
    let mut payouts = walking::payouts(state, run)?;
    payouts.retain(|payout| brand.is_none_or(|brand| payout.brand == *brand));
    Ok(lines(payouts))
}

fn lines(mut payouts: Vec<Payout>) -> Vec<PayoutLine> {
    payouts.sort_by(|a, b| (&a.plan.run, &a.plan.partner).cmp(&(&b.plan.run, &b.plan.partner)));
    payouts.iter().map(payout_line).collect()
}

fn payout_line(payout: &Payout) -> PayoutLine {
    let total = payout.plan.total();
    PayoutLine {
        payout: payout.plan.payout.0.to_string(),
        partner: payout.plan.partner.to_string(),
        amount: total.decimal(),
        currency: total.currency.to_string(),
        step: payout.step.name(),
        reference: payout.reference.clone(),
        lines: payout.plan.lines.len(),
    }
}

fn report(desk: &mut Desk, brand: &BrandKey, run: &str, not_paid: Vec<NotPaid>) -> anyhow::Result<RunReport> {
    desk.catch_up()?;
    let not_paid = not_paid
        .into_iter()
        .map(|each| NotPaidLine {
            partner: each.partner.to_string(),
            amount: each.ready.decimal(),
            currency: each.ready.currency.to_string(),
            reason: each.reason.code(),
            message: each.reason.message(),
        })
        .collect();
    Ok(RunReport { run: run.to_owned(), payouts: lines(of_run(desk.state.as_ref(), brand, run)?), not_paid })
}

fn commission_lines(state: &dyn StateReader, brand: &BrandKey) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    walking::commissions(state, brand, |row| -> anyhow::Result<()> {
        lines.push(row.line);
        Ok(())
    })?;
    Ok(lines)
}

fn minimum(configuration: &Configuration, brand: &BrandKey, partner: &PartnerKey, currency: Currency) -> i64 {
    configuration
        .partners
        .get(&(brand.clone(), partner.clone()))
        .and_then(|versions| versions.latest().minimum_payout.iter().find(|money| money.currency == currency))
        .map_or(0, |money| money.minor)
}

/// A payment has one reference, and a reference stands for one payment.
fn refuse_used_references(
    state: &dyn StateReader,
    settling: &[&Payout],
    references: &HashMap<String, String>,
) -> anyhow::Result<()> {
    let used: HashMap<String, (BrandKey, PayoutId)> = walking::payouts(state, None)?
        .into_iter()
        .filter(|payout| payout.step == PayoutStep::Settled)
        .filter_map(|payout| Some((payout.reference?, (payout.brand, payout.plan.payout))))
        .collect();
    for payout in settling {
        let reference = references.get(&*payout.plan.payout.0);
        if let Some((brand, other)) = reference.and_then(|reference| used.get(reference))
            && *brand == payout.brand
        {
            anyhow::bail!(
                "payment reference `{}` stands on payout {} already; a payment settles one payout",
                reference.map_or("", String::as_str),
                other.0
            );
        }
    }
    Ok(())
}

/// A command as a fact, with the key that makes its repetition a duplicate.
struct Command {
    fact: Fact,
    key: DeduplicationKey,
}

fn command(
    brand: &BrandKey,
    now: Timestamp,
    key: DeduplicationKey,
    body: FactBody,
) -> anyhow::Result<Command> {
    let fact = Fact {
        event_id: EventId::derive(now, &key),
        brand: brand.clone(),
        source: SourceKey::parse(COMMAND_SOURCE)?,
        occurred_at: now,
        subject: Subject::default(),
        body,
    };
    Ok(Command { fact, key })
}

/// A partner's next payout in a currency, whatever its run: of two commands that plan it from the same books, the second meets
/// the first one's key, so that no line is ever paid by both.
fn preparation_key(brand: &BrandKey, plan: &PayoutPlan, before: &[Payout]) -> DeduplicationKey {
    let same =
        |payout: &&Payout| payout.plan.partner == plan.partner && payout.plan.currency == plan.currency;
    let number = before.iter().filter(same).count() as u64;
    DeduplicationKey(fingerprint(&[
        b"payout prepared",
        brand.as_str().as_bytes(),
        plan.partner.as_str().as_bytes(),
        plan.currency.code().as_bytes(),
        &number.to_be_bytes(),
    ]))
}

/// One step of one payout, taken once.
fn step_key(brand: &BrandKey, payout: &PayoutId, step: PayoutStep) -> DeduplicationKey {
    DeduplicationKey(fingerprint(&[
        b"payout",
        brand.as_str().as_bytes(),
        payout.0.as_bytes(),
        step.name().as_bytes(),
    ]))
}

fn append(desk: &Desk, commands: Vec<Command>) -> anyhow::Result<()> {
    if commands.is_empty() {
        return Ok(());
    }
    let records = commands
        .into_iter()
        .map(|Command { fact, key }| NewRecord {
            event_id: fact.event_id,
            key: Some(key),
            content: content(&fact.body),
            received_at: fact.occurred_at,
            way: Way::Command,
            fact: wire::fact::encode(&fact),
            sealed: Vec::new(),
        })
        .collect();
    for appended in desk.intake.log.append_blocking(records)? {
        if let Appended::Conflict { event_id } = appended {
            anyhow::bail!(
                "another command planned this payout otherwise (event {event_id}); look at it with `tributary explain`"
            );
        }
    }
    Ok(())
}

/// What a command says, without its time.
fn content(body: &FactBody) -> [u8; 16] {
    match body {
        FactBody::PayoutPrepared(plan) => {
            let lines: Vec<u8> = plan
                .lines
                .iter()
                .flat_map(|(id, minor)| [&id.0.0[..], &minor.to_be_bytes()[..]].concat())
                .collect();
            fingerprint(&[b"plan", plan.payout.0.as_bytes(), &lines])
        }
        FactBody::PayoutAdvanced(advance) => fingerprint(&[
            b"step",
            advance.step.name().as_bytes(),
            advance.reference.as_deref().unwrap_or_default().as_bytes(),
        ]),
        _ => [0; 16],
    }
}

#[cfg(test)]
mod tests {
    use tributary_domain::ids::CommissionId;

    use super::*;

    fn prepared(run: &str, partner: &str) -> Payout {
        let plan = PayoutPlan {
            payout: PayoutId(Arc::from(format!("po_{run}"))),
            run: Arc::from(run),
            partner: PartnerKey::parse(partner).unwrap(),
            currency: Currency::parse("EUR").unwrap(),
            lines: vec![(CommissionId(EventId([7; 16])), 1_000)],
        };
        Payout {
            brand: BrandKey::parse("acme").unwrap(),
            plan,
            step: PayoutStep::Prepared,
            reference: None,
            prepared_at: Timestamp(0),
            stepped_at: Timestamp(0),
        }
    }

    #[test]
    fn two_runs_planned_from_the_same_books_meet_each_others_key_and_contradict() {
        let (one, other, next) =
            (prepared("one", "anna"), prepared("other", "anna"), prepared("next", "anna"));
        let key = |payout: &Payout, before: &[Payout]| preparation_key(&payout.brand, &payout.plan, before).0;
        assert_eq!(key(&one, &[]), key(&other, &[]));
        assert_ne!(
            content(&FactBody::PayoutPrepared(one.plan.clone())),
            content(&FactBody::PayoutPrepared(other.plan.clone()))
        );
        assert_ne!(key(&one, &[]), key(&prepared("one", "ben"), &[]), "another partner's payout is another");
        assert_ne!(key(&one, &[]), key(&next, std::slice::from_ref(&one)), "the next payout is another");
        assert_eq!(key(&next, &[one.clone(), prepared("one", "ben")]), key(&next, &[one]));
    }
}
