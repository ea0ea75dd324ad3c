//! Verdicts, refunds, chargebacks and adjustments, in whatever order they come.

use super::*;

const CLICK: &str = "1d click link:a v:1";
const ORDER: &str = "2d conversion 100.00EUR t:o1 v:1 status:approved";

fn order_with(lines: &[&str]) -> String {
    let lines: Vec<&str> = [CLICK, ORDER].iter().chain(lines).copied().collect();
    shown(&world(), &lines).join("; ")
}

#[test]
fn refunds_take_back_their_part_and_never_more_than_all() {
    let all = "o1 100.00 EUR less 100.00 approved: attributed | anna 100.00 | anna 0.00 of 10.00 reversed";
    let part =
        "o1 100.00 EUR less 30.00 approved: attributed | anna 100.00 | anna 7.00 of 10.00 in_hold_period";
    for (lines, expected) in [
        (&["3d refund 30.00EUR t:o1"][..], part),
        (&["1h refund 30.00EUR t:o1"], part),
        (&["3d refund 10.00EUR t:o1", "3d chargeback 20.00EUR t:o1"], part),
        (&["3d refund 30.00EUR t:o1", "3d refund 30.00USD t:o1"], part),
        (&["3d refund t:o1"], all),
        (&["3d refund 30.00EUR t:o1", "4d chargeback t:o1"], all),
        (&["3d refund t:o1", "4d refund 10.00EUR t:o1"], all),
        (&["3d refund 99.99EUR t:o1", "4d refund 99.99EUR t:o1"], all),
    ] {
        assert_eq!(order_with(lines), expected, "{lines:?}");
    }
}

#[test]
fn the_excess_of_a_refund_and_a_foreign_currency_are_told() {
    let lines = [
        CLICK,
        ORDER,
        "3d refund 60.00EUR t:o1",
        "4d refund 60.00EUR t:o1",
        "5d refund 1.00USD t:o1",
        "5d refund t:o2",
        "6d adjustment 5.00USD t:o1",
    ];
    assert_eq!(
        outcomes(&world(), &lines)[2..],
        ["applied", "refund_exceeds_value", "currency_mismatch", "awaiting_conversion", "currency_mismatch"]
    );
}

#[test]
fn taking_back_what_had_no_value_takes_back_its_fixed_commission() {
    let lines = |end: &str| {
        [CLICK.to_owned(), "2d qualification t:q1 v:1 status:approved".to_owned(), end.to_owned()]
    };
    assert_eq!(
        shown(&world(), &lines("3d chargeback t:q1")),
        ["q1 no value approved: attributed | anna - | anna 0.00 of 25.00 reversed"]
    );
    assert_eq!(
        shown(&world(), &lines("3d refund 5.00EUR t:q1")),
        ["q1 no value approved: attributed | anna - | anna 25.00 in_hold_period"],
        "a part of an unknown whole"
    );
    assert_eq!(outcomes(&world(), &lines("3d refund 5.00EUR t:q1"))[2], "refund_exceeds_value");
    let free = [CLICK, "2d qualification 0.00EUR t:q1 v:1 status:approved", "3d chargeback t:q1"];
    assert!(shown(&world(), &free)[0].ends_with("anna 0.00 of 25.00 reversed"));
}

#[test]
fn the_last_verdict_counts_and_at_one_moment_the_more_final() {
    let order = "2d conversion 100.00EUR t:o1 v:1";
    for (lines, expected) in [
        (&[][..], "pending"),
        (&["3d status status:approved t:o1"], "approved"),
        (&["1h status status:approved t:o1"], "approved"),
        (&["3d status status:approved t:o1", "4d status status:rejected t:o1"], "rejected"),
        (&["4d status status:approved t:o1", "3d status status:rejected t:o1"], "approved"),
        (&["3d status status:approved t:o1 id:1", "3d status status:rejected t:o1 id:2"], "rejected"),
        (&["3d status status:approved t:o1 id:2", "3d status status:rejected t:o1 id:1"], "rejected"),
        (&["3d status status:approved t:o1", "4d status status:pending t:o1"], "pending"),
        (&["3d conversion 100.00EUR t:o1 v:1 status:approved"], "approved"),
        (&["3d status status:approved t:o1", "4d conversion 100.00EUR t:o1 v:1 status:pending"], "approved"),
    ] {
        let lines: Vec<&str> = [CLICK, order].iter().chain(lines).copied().collect();
        let verdict = settled(&world(), &lines).conversions[0].verdict;
        assert_eq!(verdict.name(), expected, "{lines:?}");
    }
}

#[test]
fn pending_and_approved_deliveries_of_one_moment_are_approved_whichever_id_is_smaller() {
    for (pending, approved) in [(1, 2), (2, 1)] {
        let lines = [
            CLICK.to_owned(),
            format!("2d conversion 100.00EUR t:o1 v:1 status:pending id:{pending}"),
            format!("2d conversion 100.00EUR t:o1 v:1 status:approved id:{approved}"),
        ];
        assert_eq!(
            shown(&world(), &lines),
            ["o1 100.00 EUR approved: attributed | anna 100.00 | anna 10.00 in_hold_period"]
        );
    }
}

#[test]
fn a_rejected_conversion_owes_nothing_and_keeps_its_credit_for_reports() {
    assert_eq!(
        order_with(&["9d status status:rejected t:o1"]),
        "o1 100.00 EUR rejected: attributed | anna 100.00 | anna 0.00 of 10.00 rejected"
    );
}

#[test]
fn an_adjustment_is_what_the_operator_s_books_show_and_contains_the_refunds_until_then() {
    for (lines, expected) in [
        (
            &["5d adjustment 75.00EUR t:o1"][..],
            "o1 75.00 EUR approved: attributed | anna 75.00 | anna 7.50 in_hold_period",
        ),
        (
            &["3d refund 20.00EUR t:o1", "5d adjustment 75.00EUR t:o1"],
            "o1 75.00 EUR approved: attributed | anna 75.00 | anna 7.50 in_hold_period",
        ),
        (
            &["5d adjustment 75.00EUR t:o1", "6d refund 15.00EUR t:o1"],
            "o1 75.00 EUR less 15.00 approved: attributed | anna 75.00 | anna 6.00 of 7.50 in_hold_period",
        ),
        (
            &["5d adjustment 75.00EUR t:o1", "6d adjustment 80.00EUR t:o1", "5d12h refund 15.00EUR t:o1"],
            "o1 80.00 EUR approved: attributed | anna 80.00 | anna 8.00 in_hold_period",
        ),
        (
            &["5d adjustment 0.00EUR t:o1"],
            "o1 0.00 EUR approved: attributed | anna 0.00 | anna 0.00 in_hold_period",
        ),
    ] {
        assert_eq!(order_with(lines), expected, "{lines:?}");
    }
    let lines = [CLICK, ORDER, "3d refund 20.00EUR t:o1", "5d adjustment 75.00EUR t:o1"];
    assert_eq!(outcomes(&world(), &lines)[2], "contained_in_adjustment");
}

#[test]
fn an_adjustment_gives_a_value_to_what_had_none_and_then_keeps_its_currency() {
    assert_eq!(
        shown(
            &world(),
            &[
                CLICK,
                "2d conversion t:o1 v:1 status:approved",
                "5d adjustment 40.00EUR t:o1",
                "6d adjustment 40.00USD t:o1",
            ]
        ),
        ["o1 40.00 EUR approved: attributed | anna 40.00 | anna 4.00 in_hold_period"]
    );
}

#[test]
fn negative_amounts_neither_panic_nor_pay() {
    assert_eq!(
        order_with(&["5d adjustment -10.00EUR t:o1"]),
        "o1 -10.00 EUR approved: attributed | anna -10.00 | anna -1.00 in_hold_period"
    );
    assert!(
        order_with(&["5d adjustment -10.00EUR t:o1", "6d refund t:o1"])
            .ends_with("anna 0.00 of -1.00 reversed")
    );
    assert!(
        order_with(&["5d adjustment -10.00EUR t:o1", "6d refund 3.00EUR t:o1"])
            .ends_with("anna -1.00 in_hold_period")
    );
}

#[test]
fn a_verdict_reaches_every_step_of_its_number_and_a_refund_those_with_a_value() {
    let lines = [
        CLICK,
        "2d registration t:7 v:1 goal:purchase",
        "3d qualification 50.00EUR t:7 v:1",
        "4d conversion 50.00EUR t:7 v:1",
        "5d status status:approved t:7",
        "6d chargeback t:7",
    ];
    assert_eq!(
        shown(&world(), &lines),
        [
            "7 no value approved: attributed | anna -",
            "7 50.00 EUR less 50.00 approved: attributed | anna 50.00 | anna 0.00 of 25.00 reversed",
            "7 50.00 EUR less 50.00 approved: attributed | anna 50.00 | anna 0.00 of 5.00 reversed",
        ]
    );
    assert_eq!(outcomes(&world(), &lines)[4..], ["applied", "applied"]);
}

#[test]
fn the_greatest_amounts_neither_overflow_nor_lose_a_unit() {
    let world = world().with_model(Model::Linear).with_percentage(u32::MAX);
    let lines = [
        "1d click link:a v:1",
        "2d click link:b v:1",
        "3d click @email v:1",
        "4d conversion 100000000000.00EUR t:o1 v:1 status:approved",
        "5d refund 99999999999.99EUR t:o1",
        "5d refund 99999999999.99EUR t:o1 id:3",
    ];
    let settlement = settled(&world, &lines);
    assert_eq!(settlement.conversions[0].credits.iter().map(|c| c.minor).sum::<i64>(), 10_000_000_000_000);
    assert_eq!(settlement.conversions[0].commissions.iter().map(|c| c.owed).sum::<i64>(), 0);
}
