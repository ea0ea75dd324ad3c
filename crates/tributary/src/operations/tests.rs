//! What the operator's commands do, on a small installation.

use std::collections::HashMap;

use tributary_adapters::canonical::DecodingRules;
use tributary_adapters::import::ColumnMap;
use tributary_domain::attribution::models::Model;
use tributary_domain::fact::{PayoutStep, Verdict};
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;
use tributary_domain::time::Period;

use super::payout::{self, advance, payout_file, prepare};
use super::reconcile::{self, OperatorFile, ReconciliationReport};
use super::report::credits;
use super::verify::verify;
use super::walking;
use crate::workbench::{NOW, Workbench};

fn march() -> Period {
    Period::parse("2026-03").unwrap()
}

fn eur() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn read(bench: &Workbench, text: &str) -> OperatorFile {
    let rules = DecodingRules { default_currency: Some(eur()), ..DecodingRules::default() };
    reconcile::read_file(&bench.file("operator.csv", text), &ColumnMap::default(), &rules).unwrap()
}

fn holds(bench: &Workbench) {
    let configuration = bench.desk.configuration.current();
    let report = verify(bench.desk.log.as_ref(), bench.desk.state.as_ref(), &configuration).unwrap();
    assert_eq!(report.first_fault(), None);
}

#[test]
fn an_operator_s_file_keeps_its_good_rows_and_names_the_bad_ones_by_line() {
    let bench = Workbench::new();
    let file = read(
        &bench,
        "transaction_id,amount,status\n\
         1,10.00,\n\
         ,5.00,approved\n\
         3,12.345,approved\n\
         4,,rejected\n\
         5,1.00,pending\n",
    );
    let good: Vec<_> = file
        .rows
        .iter()
        .map(|(row, _, _)| (row.line, row.value.map(|value| value.minor), row.verdict))
        .collect();
    // What the operator lists without a word he stands by.
    assert_eq!(good, [(2, Some(1_000), Verdict::Approved), (6, Some(100), Verdict::Pending)]);
    let bad: Vec<(u64, Reason)> =
        file.refused.iter().map(|(line, refusal)| (*line, refusal.reason)).collect();
    assert_eq!(bad[..2], [(3, Reason::MissingField), (4, Reason::InvalidField)]);
    assert_eq!(file.hash.len(), 64);
}

fn class<'r>(report: &'r ReconciliationReport, transaction: &str) -> Option<(&'r str, &'r str)> {
    let found = report.differences.iter().find(|each| each.transaction == transaction)?;
    Some((found.class, found.proposal.as_str()))
}

#[test]
fn a_period_is_reconciled_once_and_the_second_time_nothing_is_left_to_do() {
    let mut bench = Workbench::new();
    for order in ["1", "2", "3"] {
        bench.sell(order);
    }
    let text = "transaction_id,amount,status,timestamp\n\
         1,90.00,approved,2026-03-03T10:00:00Z\n\
         2,80.00,approved,2026-03-03T10:00:00Z\n\
         4,20.00,approved,2026-03-04T10:00:00Z\n";
    let file = read(&bench, text);
    let compared = reconcile::compare(bench.desk.state.as_ref(), &Workbench::shop(), march(), &file).unwrap();
    assert_eq!(compared.match_rate_ppm, 333_333);
    assert_eq!(class(&compared, "1"), None);
    assert_eq!(class(&compared, "2"), Some(("amount_differs", "set value 80.00 EUR, status approved")));
    assert_eq!(class(&compared, "3"), Some(("missing_theirs", "nothing")));
    assert_eq!(class(&compared, "4"), Some(("missing_ours", "create from the file")));
    assert_eq!(compared.applied, 0, "comparing books nothing");

    let first = reconcile::apply(&mut bench.desk, &Workbench::shop(), march(), &file, NOW).unwrap();
    assert_eq!((first.applied, first.already_applied), (3, 0));
    let second = reconcile::apply(&mut bench.desk, &Workbench::shop(), march(), &file, NOW).unwrap();
    assert_eq!(second.applied, 0);
    assert_eq!(class(&second, "2"), None);
    assert_eq!(class(&second, "4"), None);
    holds(&bench);
}

#[test]
fn reported_credit_adds_up_to_the_value_and_the_commission_to_the_ledger() {
    let mut bench = Workbench::new();
    bench.sell("1");
    let configuration = bench.desk.configuration.current();
    let report = |model| {
        let state = bench.desk.state.as_ref();
        credits(state, &configuration, &Workbench::brand(), eur(), model).unwrap()
    };
    let live = report(None);
    assert_eq!(live.model, "linear");
    let rows: Vec<_> =
        live.partners.iter().map(|row| (&*row.partner, &*row.value, &*row.commission)).collect();
    assert_eq!(rows, [("anna", "45.00", "4.50"), ("ben", "45.00", "4.50")]);
    assert_eq!(live.totals.value, "90.00");
    assert_eq!(live.totals.ledger.as_deref(), Some(live.totals.commission.as_str()));
    let first = report(Some(Model::FirstTouch));
    assert_eq!((first.partners.len(), first.partners[0].partner.as_str()), (1, "anna"));
    assert_eq!(first.totals.ledger, None, "the ledger knows the live model only");
}

#[test]
fn a_payout_run_goes_its_way_once_and_what_is_below_the_minimum_rolls_over() {
    let mut bench = Workbench::new();
    bench.sell("1");
    let prepared = prepare(&mut bench.desk, &Workbench::brand(), "march", NOW, NOW).unwrap();
    let planned: Vec<_> = prepared.payouts.iter().map(|each| (&*each.partner, &*each.amount)).collect();
    assert_eq!(planned, [("anna", "4.50")]);
    assert_eq!(prepared.not_paid[0].reason, "below_minimum");
    bench.sell("2");
    let again = prepare(&mut bench.desk, &Workbench::brand(), "march", NOW, NOW).unwrap();
    assert_eq!(again.payouts[0].amount, "4.50", "a prepared run stays as it is");

    let none = HashMap::new();
    let early = advance(&mut bench.desk, &Workbench::brand(), "march", PayoutStep::Settled, &none, NOW)
        .unwrap_err()
        .to_string();
    assert!(early.contains("can become settled"), "{early}");
    for step in [PayoutStep::Approved, PayoutStep::Exported, PayoutStep::Exported, PayoutStep::Settled] {
        let report = advance(&mut bench.desk, &Workbench::brand(), "march", step, &none, NOW).unwrap();
        assert_eq!(report.payouts[0].step, step.name());
    }
    assert!(
        advance(&mut bench.desk, &Workbench::brand(), "april", PayoutStep::Approved, &none, NOW).is_err()
    );
    assert_eq!(payout::list(bench.desk.state.as_ref(), None, Some("april")).unwrap().len(), 0);
    holds(&bench);
}

#[test]
fn the_payout_file_is_the_same_in_any_order_and_leaves_failed_payouts_out() {
    let mut bench = Workbench::new();
    bench.sell("1");
    prepare(&mut bench.desk, &Workbench::brand(), "=run,1", NOW, NOW).unwrap();
    let one = walking::payouts(bench.desk.state.as_ref(), None).unwrap().remove(0);
    let mut other = one.clone();
    other.plan.payout.0 = "po_0".into();
    let mut failed = one.clone();
    failed.step = PayoutStep::Failed;
    let text = payout_file(&[one.clone(), failed, other.clone()]);
    assert_eq!(text, payout_file(&[other, one.clone()]));
    let expected = format!(
        "payout_id,run,partner,amount,currency,lines\n\
         po_0,\"'=run,1\",anna,4.50,EUR,1\n\
         {},\"'=run,1\",anna,4.50,EUR,1\n",
        one.plan.payout.0
    );
    assert_eq!(text, expected, "no cell is a formula, and what needs quoting is quoted");
}
