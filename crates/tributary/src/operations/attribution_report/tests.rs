//! The report on journeys worked out by hand.

mod trained;

use tributary_domain::ids::Goal;
use tributary_domain::money::Currency;

use super::*;
use crate::operations::report::credits;
use crate::workbench::Workbench;

/// One person's journey: touchpoints by hour of March 2026 (`a`, `b` are links of anna and ben, anything else is a channel), then
/// an order of this value in the last hour.
fn travel(
    bench: &mut Workbench,
    order: &str,
    touchpoints: &[(&str, u32)],
    hour: u32,
    value: &str,
    more: &str,
) {
    let at = |hour: u32| format!("2026-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
    let mut events: Vec<String> = touchpoints
        .iter()
        .map(|(by, hour)| {
            let by = if by.len() == 1 { format!(r#""link":"{by}""#) } else { format!(r#""channel":"{by}""#) };
            format!(r#"{{"event_type":"click","timestamp":"{}","customer_id":"c-{order}",{by}}}"#, at(*hour))
        })
        .collect();
    events.push(format!(
        r#"{{"event_type":"conversion","timestamp":"{}","customer_id":"c-{order}","transaction_id":"{order}","value":"{value}"{more}}}"#,
        at(hour)
    ));
    let outcomes = bench.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        outcomes.iter().all(|outcome| outcome.status == crate::edge::outcome::Status::Accepted),
        "{outcomes:?}"
    );
}

/// Four journeys that convert, one that nobody brought, one whose click is too old, one rejected, one in another currency:
///
/// | order | path | value |
/// | --- | --- | --- |
/// | 1 | anna, ben, anna | 100.00 |
/// | 2 | anna | 10.00 |
/// | 3 | email, ben | 0.05 |
/// | 4 | anna, ben, ben | 30.00 |
fn travelled() -> Workbench {
    let mut bench = Workbench::new();
    travel(&mut bench, "1", &[("a", 0), ("b", 24), ("a", 48)], 48, "100.00", r#","status":"approved""#);
    travel(&mut bench, "2", &[("a", 0)], 2, "10.00", "");
    travel(&mut bench, "3", &[("email", 0), ("b", 24)], 72, "0.05", "");
    travel(&mut bench, "4", &[("a", 0), ("b", 10), ("b", 20)], 24, "30.00", "");
    travel(&mut bench, "5", &[], 24, "7.00", "");
    travel(&mut bench, "6", &[("a", 0)], 24 * 20, "8.00", "");
    travel(&mut bench, "7", &[("a", 0)], 1, "9.00", r#","status":"rejected""#);
    travel(&mut bench, "8", &[("a", 0)], 1, "9.00", r#","currency":"USD""#);
    bench
}

fn question() -> Question {
    Question::about(Workbench::brand(), Currency::parse("EUR").unwrap())
}

fn answer(bench: &Workbench, question: &Question) -> AttributionReport {
    attribution_report(bench.desk.state.as_ref(), &bench.desk.configuration.current(), question).unwrap()
}

/// Conversions and value that a model gives to an earner.
fn credited<'r>(report: &'r AttributionReport, model: &str, earner: &str) -> Option<(&'r str, &'r str)> {
    let column = report.credit.models.iter().position(|name| name.starts_with(model))?;
    let row = report.credit.by_earner.iter().find(|row| row.key == earner)?;
    row.credits.get(column).map(|credit| (&*credit.conversions, &*credit.value))
}

#[test]
fn models_stand_side_by_side_and_each_gives_the_whole() {
    let report = answer(&travelled(), &question());
    assert_eq!((report.totals.attributed.conversions, &*report.totals.attributed.value), (4, "140.05"));
    for (model, earner, expected) in [
        ("first_touch", "anna", ("3.000000000", "140.00")),
        ("first_touch", "ben", ("0.000000000", "0.00")),
        ("first_touch", "@email", ("1.000000000", "0.05")),
        ("last_touch", "anna", ("2.000000000", "110.00")),
        ("last_touch", "ben", ("2.000000000", "30.05")),
        // 2/3 + 1 + 0 + 1/3 and 66.67 + 10.00 + 10.00; the odd cent of order 1 goes to its first touchpoint.
        ("linear", "anna", ("2.000000000", "86.67")),
        ("linear", "ben", ("1.500000000", "53.35")),
        ("linear", "@email", ("0.500000000", "0.03")),
        // 40 % + 40 %, all, nothing, 40 %; the middle of order 4 is ben's, and so is its end.
        ("position_based", "anna", ("2.200000000", "102.00")),
        ("position_based", "ben", ("1.300000000", "38.02")),
        ("weighted_last_touch", "ben", ("1.600000000", "44.03")),
        // The campaign pays by linear.
        ("as_paid", "anna", ("2.000000000", "86.67")),
        ("as_paid", "ben", ("1.500000000", "53.35")),
    ] {
        assert_eq!(credited(&report, model, earner), Some(expected), "{model} {earner}");
    }
    let anna = report.credit.by_earner.iter().find(|row| row.key == "anna").unwrap();
    assert_eq!(anna.commission.as_deref(), Some("8.67"), "a tenth of 66.67, 10.00 and 10.00");
}

#[test]
fn every_model_s_sums_are_the_attributed_conversions_and_their_value() {
    let report = answer(&travelled(), &question());
    assert_eq!(report.credit.models.len(), 12);
    for rows in [&report.credit.by_earner, &report.credit.by_class, &report.credit.by_campaign] {
        for (column, model) in report.credit.models.iter().enumerate() {
            let credits = || rows.iter().map(|row| &row.credits[column]);
            assert_eq!(credits().map(|credit| credit.billionths).sum::<u128>(), 4_000_000_000, "{model}");
            assert_eq!(credits().map(|credit| credit.minor).sum::<i64>(), 14_005, "{model}");
        }
    }
    let classes: Vec<&str> = report.credit.by_class.iter().map(|row| &*row.key).collect();
    assert_eq!(classes, ["partners", "@email"]);
    let campaigns: Vec<&str> = report.credit.by_campaign.iter().map(|row| &*row.key).collect();
    assert_eq!(campaigns, ["", "spring"]);
}

#[test]
fn it_agrees_with_the_report_on_credits() {
    let bench = travelled();
    let report = answer(&bench, &question());
    let configuration = bench.desk.configuration.current();
    for (model, own) in [(None, "as_paid"), (Some("linear"), "linear"), (Some("first_touch"), "first_touch")]
    {
        let model = model.and_then(tributary_domain::attribution::models::Model::parse);
        let state = bench.desk.state.as_ref();
        let other = credits(state, &configuration, &Workbench::brand(), question().currency, model).unwrap();
        for row in other.partners {
            let (conversions, value) = credited(&report, own, &row.partner).unwrap();
            assert_eq!((conversions, value), (&row.conversions[..conversions.len()], &*row.value), "{own}");
        }
        assert_eq!(other.totals.conversions, report.totals.attributed.conversions);
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let totals = answer(&travelled(), &question()).totals;
    assert_eq!((totals.without_touchpoint.conversions, &*totals.without_touchpoint.value), (1, "7.00"));
    let too_old = totals.without_eligible_touchpoint;
    assert_eq!((too_old.conversions, &*too_old.value), (1, "8.00"));
    assert_eq!((totals.rejected, totals.other_currency), (1, 1));
}

#[test]
fn lengths_and_lags_are_spread_over_their_rows() {
    let report = answer(&travelled(), &question());
    let lengths: Vec<_> =
        report.path_length.rows.iter().map(|row| (row.touchpoints, row.conversions, &*row.value)).collect();
    assert_eq!(lengths, [(1, 1, "10.00"), (2, 1, "0.05"), (3, 2, "130.00")]);
    assert_eq!((&*report.path_length.average, report.path_length.median), ("2.25", Some(2)));
    assert_eq!(report.path_length.ninth_decile, Some(3));

    let filled = |lag: &super::time_lag::Lag| {
        let rows = lag.rows.iter().filter(|row| row.conversions > 0);
        rows.map(|row| (row.lag, row.conversions)).collect::<Vec<_>>()
    };
    let lag = &report.time_lag;
    // 48, 2, 72 and 24 hours since the first; 0, 2, 48 and 4 since the last.
    assert_eq!(
        filled(&lag.from_first),
        [("1 to 24 hours", 1), ("1 to 2 days", 1), ("2 to 3 days", 1), ("3 to 5 days", 1)]
    );
    assert_eq!(filled(&lag.from_last), [("under 1 hour", 1), ("1 to 24 hours", 2), ("2 to 3 days", 1)]);
    assert_eq!((lag.from_first.median_seconds, lag.from_last.median_seconds), (Some(86_400), Some(7_200)));
    assert_eq!(lag.from_first.ninth_decile_seconds, Some(72 * 3_600));
}

#[test]
fn paths_are_listed_by_how_often_they_were_taken() {
    let mut bench = travelled();
    travel(&mut bench, "9", &[("a", 0), ("b", 10)], 24, "1.00", "");
    let paths = |folds_repeats| {
        let report = answer(&bench, &Question { folds_repeats, ..question() });
        let rows = report.top_paths.rows.iter();
        let rows = rows.map(|row| {
            format!("{}: {} {} {}", row.path.join(" > "), row.conversions, row.value, row.average_touchpoints)
        });
        (report.top_paths.different, rows.collect::<Vec<_>>())
    };
    let (different, rows) = paths(false);
    assert_eq!((different, &*rows[0]), (Some(5), "anna > ben > anna: 1 100.00 3.00"));
    let (different, rows) = paths(true);
    assert_eq!((different, &*rows[0]), (Some(4), "anna > ben: 2 31.00 2.50"));
}

#[test]
fn assists_and_overlap_tell_who_works_with_whom() {
    let report = answer(&travelled(), &question());
    let rows: Vec<_> = report
        .assists
        .iter()
        .map(|row| {
            (
                &*row.earner,
                row.took_part,
                row.first,
                row.last,
                row.alone,
                row.assisted,
                row.assists_per_last.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("anna", 3, 3, 2, 1, 1, Some("0.50")),
            ("ben", 3, 0, 2, 0, 1, Some("0.50")),
            ("@email", 1, 1, 0, 0, 1, None),
        ]
    );
    assert_eq!(report.assists[0].assisted_value, "30.00");
    assert_eq!(report.overlap.shared, 3);
    let pairs: Vec<_> = report
        .overlap
        .rows
        .iter()
        .map(|row| (&*row.one, &*row.other, row.conversions, &*row.value, row.of_one_ppm, row.of_other_ppm))
        .collect();
    assert_eq!(
        pairs,
        [("anna", "ben", 2, "130.00", 666_667, 666_667), ("@email", "ben", 1, "0.05", 1_000_000, 333_333)]
    );
}

#[test]
fn period_goal_and_campaign_narrow_it() {
    let mut bench = travelled();
    bench.send(&[
        r#"{"event_type":"click","timestamp":"2026-03-01T00:00:00Z","customer_id":"r","link":"b"}"#,
        r#"{"event_type":"registration","timestamp":"2026-03-02T00:00:00Z","customer_id":"r","goal":"registration"}"#,
    ]);
    let counted = |change: fn(&mut Question)| {
        let mut question = question();
        change(&mut question);
        let totals = answer(&bench, &question).totals;
        (totals.attributed.conversions, totals.attributed.value)
    };
    // Orders 2 on the 1st, 4 on the 2nd, 1 on the 3rd, 3 on the 4th.
    assert_eq!(counted(|q| q.days = Days::parse(None, Some("2026-03-02")).unwrap()), (2, "40.00".to_owned()));
    assert_eq!(
        counted(|q| q.days = Days::parse(Some("2026-03-03"), None).unwrap()),
        (2, "100.05".to_owned())
    );
    assert_eq!(
        counted(|q| q.days = Days::parse(Some("2026-03-02"), Some("2026-03-03")).unwrap()),
        (2, "130.00".to_owned())
    );
    assert_eq!(counted(|q| q.goal = Some(Goal::parse("registration").unwrap())), (1, "0.00".to_owned()));
    assert_eq!(counted(|q| q.goal = Some(Goal::parse("nothing").unwrap())), (0, "0.00".to_owned()));
    assert_eq!(
        counted(|q| q.campaign = Some(tributary_domain::ids::CampaignKey::parse("spring").unwrap())),
        (4, "140.05".to_owned())
    );
    assert_eq!(
        counted(|q| q.campaign = Some(tributary_domain::ids::CampaignKey::parse("autumn").unwrap())),
        (0, "0.00".to_owned())
    );
}

#[test]
fn tables_become_files_that_no_spreadsheet_runs() {
    let bench = travelled();
    let report = answer(&bench, &question());
    let directory = bench.directory.path().join("report");
    let files = tables::write_csv(&report, &directory).unwrap();
    assert_eq!(files.len(), 13);
    let earners = std::fs::read_to_string(directory.join("models_by_earner.csv")).unwrap();
    assert!(
        earners.starts_with(
            "earner,model,conversions,value,share,commission\nanna,as_paid,2.000000000,86.67,0.500000,8.67\n"
        ),
        "{earners}"
    );
    assert!(earners.contains("\n'@email,first_touch,1.000000000,0.05,0.250000,\n"), "{earners}");
    assert_eq!(earners.lines().count(), 1 + 3 * 12);
}
