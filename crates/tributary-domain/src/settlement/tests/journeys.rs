//! Journeys for training, those with a conversion and those without.

use super::*;
use crate::settlement::{JourneyPeriod, journeys};

fn told(lines: &[&str], from: &str, to: &str) -> Vec<String> {
    let period = JourneyPeriod { from: time(from), to: time(to), goal: Goal::parse("purchase").unwrap() };
    let mut shown: Vec<String> = journeys(&facts(lines), &world(), &period)
        .into_iter()
        .map(|journey| {
            let earners: Vec<String> = journey
                .earners
                .iter()
                .map(|earner| match earner {
                    Earner::Partner(partner) => partner.to_string(),
                    Earner::Channel(channel) => format!("@{channel}"),
                })
                .collect();
            let end = if journey.converts { "converts" } else { "null" };
            let value = journey.value.map_or_else(String::new, |value| format!(" {value}"));
            format!("{} {end}{value}", earners.join(" "))
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn conversions_are_journeys_and_so_is_everybody_else_with_touchpoints() {
    let lines = [
        "1d click link:a c:A v:1",
        "2d click @email c:A",
        "3d conversion 100.00EUR t:o1 c:A",
        "4d click link:a c:A",
        "1d click link:a c:B v:1",
        "2d click @email c:B",
    ];
    assert_eq!(told(&lines, "0d", "10d"), ["anna @email converts 100.00 EUR", "anna @email null"]);
    assert_eq!(told(&lines, "0d", "3d"), ["anna @email null", "anna @email null"], "not yet converted");
    assert_eq!(
        told(&lines, "3d", "4d"),
        ["anna @email converts 100.00 EUR"],
        "touchpoints before the period led to it"
    );
    assert!(told(&lines, "5d", "9d").is_empty());
    let other = ["1d click link:a c:A", "2d conversion 5.00EUR t:o1 c:A goal:deposit"];
    assert_eq!(told(&other, "0d", "30d"), ["anna null"], "another goal");
}

#[test]
fn what_would_not_have_taken_part_is_left_out() {
    // The first click is older than the window at the last one; the second is repeated in the same visit.
    let lines = [
        "1d click link:a c:A",
        "10d click link:b c:A",
        "10d5m click link:b c:A",
        "10d6m click link:unknown c:A",
    ];
    assert_eq!(told(&lines, "0d", "30d"), ["ben null"]);
    let rejected = ["1d click link:a c:A", "2d conversion 5.00EUR t:o1 c:A status:rejected"];
    assert_eq!(told(&rejected, "0d", "30d"), ["anna null"], "a rejected conversion is none");
}
