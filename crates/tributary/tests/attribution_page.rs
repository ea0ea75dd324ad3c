//! The page of the attribution report in a real browser: it shows its figures, filters change them, its files agree with it, and it fits
//! telephones and keyboards.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::BTreeMap;
use std::path::Path;

use harness::chromium::Browser;
use harness::sender::{click, purchase, tell};
use harness::{Installation, Server, timestamp_ago};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// Who clicked which links, and what he ordered so many days ago, if anything.
type Told = (&'static str, &'static [&'static str], Option<(&'static str, i64)>);

/// Two orders through several partners and e-mail, an old one through one partner, and two people who never ordered.
fn told(installation: &Installation) -> Server {
    let server = installation.serve();
    let journeys: [Told; 5] = [
        ("c-1", &["anna-even", "bert-even", "cora-even"], Some(("1234.50", 5))),
        ("c-2", &["bert-even", "anna-even", "bert-even"], Some(("0.05", 4))),
        ("c-3", &["anna-even"], Some(("20.00", 40))),
        ("c-4", &["anna-even"], None),
        ("c-5", &["bert-even", "cora-even"], None),
    ];
    for (customer, links, order) in journeys {
        let days = order.map_or(5, |(_, days)| days);
        for (link, after) in links.iter().zip(0..) {
            tell(&server.http, &click(link, customer, &timestamp_ago((days + 4 - after) * DAY)));
        }
        if let Some((value, days)) = order {
            tell(
                &server.http,
                &purchase(&format!("o-{customer}"), value, customer, &timestamp_ago(days * DAY)),
            );
        }
    }
    let email = json!({"event_type": "click", "channel": "email", "customer_id": "c-1", "timestamp": timestamp_ago(6 * DAY)});
    tell(&server.http, &email);
    server.settled();
    server
}

/// The tile's number and amount.
const ATTRIBUTED: &str =
    "[...document.querySelectorAll('.tiles div:first-child dd')].map(each => each.textContent).join(' ')";

/// The cells of a table by the name of its region: per row its key, and per column the amount.
const AMOUNTS: &str = "[...document.querySelectorAll('[aria-label=\"By partner and channel\"] tbody tr')].map(row => \
    [row.querySelector('th').textContent, [...row.querySelectorAll('td .sub')].map(each => each.textContent)])";

/// What sticks out of what it lies in and cannot be scrolled to.
const STICKS_OUT: &str = "[document.documentElement, ...document.querySelectorAll('body *')].filter(each => \
    !['svg', 'rect', 'path'].includes(each.localName) && each.clientWidth > 1 && each.scrollWidth > each.clientWidth + 1 && \
    !['auto', 'scroll'].includes(getComputedStyle(each).overflowX) && getComputedStyle(each).display !== 'inline') \
    .map(each => `${each.localName}.${each.className} ${each.scrollWidth} > ${each.clientWidth}`)";

fn minor(amount: &str) -> i64 {
    let digits: String = amount.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn the_page_shows_its_figures_and_its_filters_change_them() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let mut browser = Browser::start();
    browser.set_width(1280);
    browser.open(&format!("{}/reports/attribution", server.http.address));
    assert_eq!(browser.value(ATTRIBUTED), json!("3 1,254.55 EUR"));
    let headings = "[...document.querySelectorAll('h2')].map(each => each.textContent)";
    let sections = [
        "Models side by side",
        "Removal effect",
        "Path length",
        "Time to convert",
        "Top paths",
        "Assists",
        "Overlap",
        "Export",
    ];
    assert_eq!(browser.value(headings), json!(sections));

    // The form as a person fills it in: only the last thirty days, another order of the chain.
    let from = timestamp_ago(30 * DAY).get(..10).unwrap().to_owned();
    browser.value(&format!("document.querySelector('[name=from]').value = '{from}'"));
    browser.value("document.querySelector('[name=markov_order]').value = '2'");
    browser.value("document.querySelector('.chosen button').click()");
    browser.wait_for("location.search.includes('markov_order=2') && document.readyState === 'complete'");
    assert_eq!(browser.value(ATTRIBUTED), json!("2 1,234.55 EUR"));
    assert_eq!(browser.value("document.querySelector('[name=from]').value"), json!(from));
    let note = browser.value("document.querySelector('#removal > .note').textContent");
    assert_eq!(
        note,
        "A Markov chain of order 2, trained on 4 journeys of these days and filters, of which 2 converted."
    );

    browser.value("document.querySelector('[name=goal]').value = 'nothing'");
    browser.value("document.querySelector('.chosen button').click()");
    browser.wait_for("location.search.includes('goal=nothing') && document.readyState === 'complete'");
    assert_eq!(browser.value(ATTRIBUTED), json!("0 0.00 EUR"));
    assert_eq!(browser.value("document.querySelector('h2').textContent"), "Nothing to attribute");
}

#[test]
fn the_files_of_the_page_hold_its_figures() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let mut browser = Browser::start();
    browser.set_width(1280);
    let from = timestamp_ago(30 * DAY).get(..10).unwrap().to_owned();
    browser.open(&format!("{}/reports/attribution?from={from}", server.http.address));
    let shown = browser.value(AMOUNTS);
    browser.value("document.querySelector('a[href*=\"models_by_earner.csv\"]').click()");
    let file = browser.downloaded("attribution-models_by_earner.csv");

    let mut by_model: BTreeMap<String, i64> = BTreeMap::new();
    let mut of_file: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in file.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim_start_matches('\'')).collect();
        // Models with several parameters are quoted, and hold commas themselves.
        let value = cells[cells.len() - 3];
        let model = line.split(',').nth(1).unwrap().trim_matches('"').split('(').next().unwrap();
        *by_model.entry(model.to_owned()).or_default() += minor(value);
        of_file.entry(cells[0].to_owned()).or_default().push(minor(value));
    }
    assert_eq!(by_model.len(), 12, "{by_model:?}");
    assert!(by_model.values().all(|sum| *sum == 123_455), "{by_model:?}");
    assert_eq!(browser.value(ATTRIBUTED), json!("2 1,234.55 EUR"), "the total that each column sums to");

    let of_page: BTreeMap<String, Vec<i64>> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let amounts = row[1].as_array().unwrap().iter().map(|amount| minor(amount.as_str().unwrap()));
            (row[0].as_str().unwrap().to_owned(), amounts.collect())
        })
        .collect();
    assert_eq!(of_page, of_file);
}

#[test]
fn it_fits_telephones_and_screens_and_shows_where_the_keyboard_is() {
    let installation = Installation::set_up();
    let server = told(&installation);
    let mut browser = Browser::start();
    for width in [360, 1280] {
        browser.set_width(width);
        browser.open(&format!("{}/reports/attribution", server.http.address));
        let sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.value(sideways), json!(0), "scrolls sideways at {width}");
        assert_eq!(browser.value(STICKS_OUT), json!([]), "at {width}");
        fields_stand_in_line(&mut browser);
        keyboard_goes_through(&mut browser);
        // Whoever wants to look at it names a directory.
        if let Ok(directory) = std::env::var("TRIBUTARY_TEST_SCREENSHOTS") {
            browser.screenshot(&Path::new(&directory).join(format!("attribution-{width}.png")));
        }
    }
}

/// Fields of one row of the form end at one height and are equally high.
fn fields_stand_in_line(browser: &mut Browser) {
    let boxes = "[...document.querySelectorAll('.chosen select, .chosen input:not([type=hidden]):not([type=checkbox]), .chosen button')] \
        .map(each => each.getBoundingClientRect()).map(each => [Math.round(each.bottom), Math.round(each.height)])";
    let boxes: Vec<(i64, i64)> = serde_json::from_value(browser.value(boxes)).unwrap();
    assert_eq!(boxes.len(), 7, "{boxes:?}");
    for (bottom, height) in &boxes {
        assert_eq!(*height, 36, "{boxes:?}");
        // In the same row, or in another one altogether.
        assert!(boxes.iter().all(|(other, _)| other == bottom || other.abs_diff(*bottom) >= 36), "{boxes:?}");
    }
}

/// Everything that takes part in the tab order shows an outline when the keyboard gets there.
fn keyboard_goes_through(browser: &mut Browser) {
    let focused = "(() => { const each = document.activeElement; const style = getComputedStyle(each); return { \
        what: `${each.localName} ${each.name || each.getAttribute('aria-label') || each.textContent.slice(0, 30)}`, \
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }; })()";
    let mut passed: Vec<Value> = Vec::new();
    for _ in 0..90 {
        browser.press("Tab");
        let place = browser.value(focused);
        if place["what"].as_str().is_some_and(|what| what.starts_with("body")) {
            break;
        }
        assert_eq!(place["outlined"], true, "{place}");
        passed.push(place["what"].clone());
    }
    for wanted in [
        "select brand",
        "input from",
        "input goal",
        "select markov_order",
        "button Show",
        "div Without a campaign",
    ] {
        assert!(passed.contains(&json!(wanted)), "{wanted} is not reached: {passed:?}");
    }
}
