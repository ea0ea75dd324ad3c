//! Data-driven attribution from outside: journeys are told, weights trained and applied, and the next conversion is shared by them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use harness::sender::{click, purchase, tell};
use harness::{Installation, Server, shares, timestamp_ago};

const DAY: i64 = 86_400;

/// C1 C2 C3 converts, C1 and C2 C3 do not: removal effects 0.5, 1, 1.
fn tell_journeys(server: &Server) {
    let journeys: [(&str, &[&str], bool); 3] = [
        ("c-1", &["anna-even", "bert-even", "cora-even"], true),
        ("c-2", &["anna-even"], false),
        ("c-3", &["bert-even", "cora-even"], false),
    ];
    for (customer, links, converts) in journeys {
        for (link, day) in links.iter().zip(0..) {
            tell(&server.http, &click(link, customer, &timestamp_ago((20 - day) * DAY)));
        }
        if converts {
            tell(&server.http, &purchase("o-1", "100.00", customer, &timestamp_ago(16 * DAY)));
        }
    }
    server.settled();
}

#[test]
fn weights_are_trained_applied_and_paid_by() {
    let installation = Installation::set_up();
    let server = installation.serve();
    tell_journeys(&server);
    let (from, to) = (timestamp_ago(30 * DAY), timestamp_ago(10 * DAY));
    let train = |arguments: &[&str]| {
        let period = ["--from", from.as_str(), "--to", to.as_str(), "--key", "spring"];
        let all = [&["model", "train"][..], arguments, &period].concat();
        installation.run(&all)
    };
    let trained = train(&["--method", "markov", "--format", "json"]).json();
    let weights = &trained["weights"][0];
    assert_eq!(weights["of_earner"]["anna"], 200_000_000);
    assert_eq!(weights["of_earner"]["bert"], 400_000_000);
    assert_eq!(weights["of_earner"]["cora"], 400_000_000);
    let told = weights["trained"].as_str().unwrap();
    assert!(told.starts_with("markov order 1 by conversions, purchase, "), "{told}");
    assert!(told.ends_with(", 3 journeys, 1 conversions"), "{told}");
    let yaml = train(&["--method", "markov"]).ok();
    assert_eq!(yaml, train(&["--method", "markov"]).ok(), "same data, same bytes");

    let shapley = train(&["--method", "shapley", "--by", "value", "--format", "json"]).json();
    let equal = &shapley["weights"][0]["of_earner"];
    assert_eq!((&equal["anna"], &equal["bert"]), (&333_333_334.into(), &333_333_333.into()));

    // What is printed is what `apply` takes; applying it again with the command changes nothing.
    installation.apply(&yaml);
    let again = train(&["--method", "markov", "--apply"]);
    assert!(again.ok().contains("spring"));
    installation.apply(
        "campaigns: [{key: even, tier: awareness, destination: \"https://shop.example/even\", plan: share, \
         model: {kind: data_driven, weights: spring}}]",
    );
    tell(&server.http, &click("anna-even", "c-9", &timestamp_ago(2)));
    tell(&server.http, &click("bert-even", "c-9", &timestamp_ago(1)));
    server.settled();
    std::thread::sleep(std::time::Duration::from_secs(2));
    tell(&server.http, &purchase("o-9", "90.00", "c-9", &timestamp_ago(0)));
    assert_eq!(shares(&server.conversion("o-9")), ["anna 30.00", "bert 60.00"]);
    installation.verify();
    installation.replay_equals();
}

#[test]
fn what_cannot_be_trained_or_applied_says_why() {
    let installation = Installation::set_up();
    drop(installation.serve());
    let (from, to) = (timestamp_ago(30 * DAY), timestamp_ago(10 * DAY));
    for (arguments, code, says) in [
        (
            &["--method", "markov", "--from", &from, "--to", &to][..],
            1,
            "no journey with a touchpoint reached `purchase`",
        ),
        (&["--method", "markov", "--from", &to, "--to", &from], 2, "the period is empty"),
        (&["--method", "shapley", "--order", "2", "--from", &from, "--to", &to], 2, "have no order"),
        (&["--method", "markov", "--order", "5", "--from", &from, "--to", &to], 2, "1..=4"),
    ] {
        let done = installation.run(&[&["model", "train", "--key", "spring"][..], arguments].concat());
        assert_eq!(done.code, code, "{}", done.stderr);
        assert!(done.stderr.contains(says), "{}", done.stderr);
    }
    let unknown = installation.file(
        "unknown.yaml",
        "campaigns: [{key: even, tier: awareness, destination: \"https://shop.example/even\", \
         model: {kind: data_driven, weights: spring}}]",
    );
    let refused = installation.run(&["apply", unknown.to_str().unwrap()]);
    assert!(refused.stderr.contains("model.weights: there is no weights `spring`"), "{}", refused.stderr);
}
