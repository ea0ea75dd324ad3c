//! `/reports/attribution`: models side by side, and how conversions come about.
//!
//! Every chart is a table whose rows carry a bar: eyes compare the bars, screen readers read the numbers beside them.

mod form;

use std::cmp::Reverse;

pub(super) use self::form::Choices;
use super::figures::{count, grouped, share};
use super::html::Html;
use super::layout::page;
use super::overview::AsOf;
use crate::operations::attribution_report::AttributionReport;
use crate::operations::attribution_report::credit::{CreditRow, Credited};
use crate::operations::attribution_report::tables::tables;
use crate::operations::attribution_report::time_lag::Lag;
use crate::operations::attribution_report::totals::Counted;
use crate::operations::attribution_report::trained::{MARKOV, RemovalEffects};

/// Rows of a table on the page; all of them are in the export.
const ROWS: usize = 50;
/// Lengths with a row of their own; longer paths share one.
const LENGTHS: u64 = 10;

/// The page where there is nothing to report on.
pub(super) fn nothing_set_up_page() -> Html {
    let mut content = Html::new();
    content
        .raw("<h1>Attribution report</h1><section class=\"panel pad\"><h2>Nothing is set up yet</h2><p class=\"note\">Say in a file ")
        .raw("what is promoted and by whom, and apply it: <code>tributary apply setup.yaml</code></p></section>");
    page("Attribution report", "", &content)
}

/// The page. `asked` is the query it answers, for the link to the same as JSON.
pub(super) fn attribution_page(
    as_of: &AsOf,
    report: &AttributionReport,
    choices: &Choices,
    asked: &str,
) -> Html {
    let mut content = Html::new();
    content.raw("<h1>Attribution report</h1><p class=\"lead\">").value(&report.brand).raw(", amounts in ");
    content.text(&report.currency).raw(". As of event <strong>").text(count(as_of.event));
    content.raw("</strong>, lag <strong>").text(count(as_of.lag)).raw("</strong>.</p>");
    content.add(&form::form(report, choices)).add(&totals(report));
    if report.totals.attributed.conversions == 0 {
        content
            .raw("<section class=\"panel pad\"><h2>Nothing to attribute</h2><p class=\"note\">No conversion of these days, goal and ")
            .raw("campaign was credited to anybody. Choose more days, or leave goal and campaign open. Why a single order was not ")
            .raw("credited is told by its explanation: put its number into the search above.</p></section>");
    } else {
        content
            .add(&models(report))
            .add(&removal_effects(report))
            .add(&lengths(report))
            .add(&lags(report))
            .add(&paths(report))
            .add(&assists(report))
            .add(&overlap(report));
    }
    content.add(&export(report, asked));
    page("Attribution report", "", &content)
}

/// Links to the same figures as files.
fn export(report: &AttributionReport, asked: &str) -> Html {
    let mut html = section("export", "Export", "The same figures, exact and with every row.");
    html.raw("<ul class=\"chips\"><li><a href=\"/v1/reports/attribution?")
        .text(asked)
        .raw("\">Everything as JSON</a></li>");
    for table in tables(report) {
        html.raw("<li><a download href=\"/v1/reports/attribution/").raw(table.name).raw(".csv?").text(asked);
        html.raw("\">").text(table.name.replace('_', " ")).raw(" (CSV)</a></li>");
    }
    html.raw("</ul></section>");
    html
}

fn totals(report: &AttributionReport) -> Html {
    let totals = &report.totals;
    let mut html = Html::new();
    html.raw("<section aria-label=\"Totals\"><dl class=\"tiles panel\">");
    let tile = |title: &'static str, counted: &Counted| {
        let mut html = Html::new();
        html.raw("<div><dt>").raw(title).raw("</dt><dd class=\"big\">").text(count(counted.conversions));
        html.raw("</dd><dd class=\"of\">").text(amount(report, &counted.value)).raw("</dd></div>");
        html
    };
    html.add(&tile("Attributed conversions", &totals.attributed))
        .add(&tile("No touchpoint known", &totals.without_touchpoint))
        .add(&tile("No eligible touchpoint", &totals.without_eligible_touchpoint))
        .raw("<div><dt>Left out</dt><dd class=\"big\">")
        .text(count(totals.rejected + totals.other_currency))
        .raw("</dd><dd class=\"of\">")
        .text(count(totals.rejected))
        .raw(" rejected, ")
        .text(count(totals.other_currency))
        .raw(" of another currency</dd></div></dl></section>");
    html
}

fn models(report: &AttributionReport) -> Html {
    let credit = &report.credit;
    let mut html = section(
        "models",
        "Models side by side",
        "Conversions to two places, value below. Every model gives the same whole; bars are shares of it. Models of these journeys were \
         trained on this very report: they move with its days and filters, and nobody is paid by them.",
    );
    html.add(&side_by_side(report, "By class of channel", "Class", &credit.by_class))
        .add(&side_by_side(report, "By partner and channel", "Earner", &credit.by_earner))
        .add(&side_by_side(report, "By campaign of the touchpoint", "Campaign", &credit.by_campaign))
        .raw("</section>");
    html
}

fn side_by_side(
    report: &AttributionReport,
    title: &'static str,
    key: &'static str,
    rows: &[CreditRow],
) -> Html {
    let mut html = Html::new();
    html.raw("<div class=\"panel scroll\" role=\"region\" tabindex=\"0\" aria-label=\"").raw(title);
    html.raw("\"><table><caption class=\"pad\"><strong>")
        .raw(title)
        .raw("</strong></caption><thead><tr><th scope=\"col\">");
    html.raw(key).raw("</th>");
    for model in &report.credit.models {
        // Parameters stand on a line of their own.
        let (name, rest) = model.split_once('(').map_or((&**model, ""), |(name, rest)| (name, rest));
        html.raw("<th scope=\"col\" class=\"num\">").text(name.replace('_', " "));
        if let Some(parameters) = rest.strip_suffix(')') {
            html.raw("<span class=\"sub\">").text(spoken_parameters(name, parameters)).raw("</span>");
        }
        html.raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
    let mut sorted: Vec<&CreditRow> = rows.iter().collect();
    sorted.sort_by_key(|row| Reverse(row.credits.first().map_or(0, |credit| credit.billionths)));
    for row in sorted.iter().take(ROWS) {
        html.raw("<tr><th scope=\"row\">").add(&named(&row.key)).raw("</th>");
        for credit in &row.credits {
            html.add(&credited(report, credit));
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table>").add(&rest(rows.len())).raw("</div>");
    html
}

/// Parameters of a model for people: shares in per cent, anything else as it is written.
fn spoken_parameters(model: &str, parameters: &str) -> String {
    if model == MARKOV {
        return format!("order {parameters}");
    }
    let shares: Option<Vec<String>> =
        parameters.split(',').map(|share| share.parse().ok().map(percent)).collect();
    shares.map_or_else(|| parameters.to_owned(), |shares| shares.join(", "))
}

fn credited(report: &AttributionReport, credit: &Credited) -> Html {
    let hundredths = (credit.billionths + 5_000_000) / 10_000_000;
    let mut html = Html::new();
    html.raw("<td class=\"num\">")
        .text(grouped(&format!("{}.{:02}", hundredths / 100, hundredths % 100)))
        .raw("<span class=\"sub\">")
        .text(amount(report, &credit.value))
        .raw("</span>")
        .add(&meter(credit.share_ppm))
        .raw("</td>");
    html
}

fn removal_effects(report: &AttributionReport) -> Html {
    let Some(trained) = &report.trained else { return Html::new() };
    let mut html = section(
        "removal",
        "Removal effect",
        "The share of conversions that would be lost if every journey that comes here ended. Effects are no shares of a whole: where several \
         are needed for one conversion, each one's absence costs it.",
    );
    html.raw("<p class=\"note\">A Markov chain of order ").text(trained.markov_order).raw(", trained on ");
    html.text(count(trained.journeys)).raw(" journeys of these days and filters, of which ");
    html.text(count(trained.conversions)).raw(" converted.</p>");
    html.add(&removal("Without a class of channel", "Class", &trained.by_class))
        .add(&removal("Without a partner or channel", "Earner", &trained.by_earner))
        .add(&removal("Without a campaign", "Campaign", &trained.by_campaign))
        .raw("</section>");
    html
}

fn removal(title: &'static str, key: &'static str, effects: &RemovalEffects) -> Html {
    let mut html = Html::new();
    html.raw("<div class=\"panel scroll\" role=\"region\" tabindex=\"0\" aria-label=\"").raw(title);
    html.raw("\"><table><caption class=\"pad\"><strong>").raw(title).raw("</strong></caption>");
    if let Some(why) = &effects.not_trained {
        html.raw("<tbody><tr><td>Not trained: ").text(why).raw(".</td></tr></tbody></table></div>");
        return html;
    }
    html.raw("<thead><tr><th scope=\"col\">")
        .raw(key)
        .raw("</th><th scope=\"col\" class=\"num\">Removal effect</th>");
    html.raw("<th scope=\"col\" class=\"num\">On value</th><th scope=\"col\" class=\"num\">Journeys</th>")
        .raw("<th scope=\"col\" class=\"num\">Conversions</th></tr></thead><tbody>");
    for row in effects.rows.iter().take(ROWS) {
        html.raw("<tr><th scope=\"row\">").add(&named(&row.key)).raw("</th><td class=\"num\">");
        html.text(percent(row.effect_ppm.into())).add(&meter(row.effect_ppm.into())).raw("</td>");
        html.add(&number(percent(row.effect_on_value_ppm.into()))).add(&number(count(row.journeys)));
        html.add(&number(count(row.conversions))).raw("</tr>");
    }
    html.raw("</tbody></table>").add(&rest(effects.rows.len())).raw("</div>");
    html
}

/// A key; there is none for touchpoints without a campaign.
fn named(key: &str) -> Html {
    let mut html = Html::new();
    if key.is_empty() {
        html.raw("none")
    } else {
        html.value(key)
    };
    html
}

fn lengths(report: &AttributionReport) -> Html {
    let lengths = &report.path_length;
    let mut html = section(
        "lengths",
        "Path length",
        "Touchpoints that took part in a conversion. Bars are shares of all.",
    );
    html.raw("<div class=\"panel\"><p class=\"pad note\">On average ").text(&lengths.average);
    html.raw(", half of the conversions took at most ").text(lengths.median.unwrap_or(0));
    html.raw(", nine tenths at most ").text(lengths.ninth_decile.unwrap_or(0)).raw(".</p>");
    html.add(&bars_head("Touchpoints"));
    for row in lengths.rows.iter().filter(|row| row.touchpoints < LENGTHS) {
        html.add(&bar(&row.touchpoints.to_string(), row.conversions, row.share_ppm));
    }
    let longer = || lengths.rows.iter().filter(|row| row.touchpoints >= LENGTHS);
    if longer().next().is_some() {
        let (conversions, ppm) =
            longer().fold((0, 0), |(count, ppm), row| (count + row.conversions, ppm + row.share_ppm));
        html.add(&bar("10 and more", conversions, ppm));
    }
    html.raw("</tbody></table></div></section>");
    html
}

fn lags(report: &AttributionReport) -> Html {
    let mut html = section("lags", "Time to convert", "From a touchpoint that took part to the conversion.");
    html.raw("<div class=\"pairs\">")
        .add(&lag("Since the first touchpoint", &report.time_lag.from_first))
        .add(&lag("Since the last touchpoint", &report.time_lag.from_last))
        .raw("</div></section>");
    html
}

fn lag(title: &'static str, lag: &Lag) -> Html {
    let mut html = Html::new();
    html.raw("<div class=\"panel\"><h3 class=\"pad\">")
        .raw(title)
        .raw("</h3><p class=\"pad note\">Half within ");
    html.text(spoken(lag.median_seconds)).raw(", nine tenths within ").text(spoken(lag.ninth_decile_seconds));
    html.raw(".</p>").add(&bars_head("Time"));
    let last = lag.rows.iter().rposition(|row| row.conversions > 0).map_or(0, |place| place + 1);
    for row in lag.rows.iter().take(last) {
        html.add(&bar(row.lag, row.conversions, row.share_ppm));
    }
    html.raw("</tbody></table></div>");
    html
}

fn bars_head(what: &'static str) -> Html {
    let mut html = Html::new();
    html.raw("<table class=\"bars\"><thead><tr><th scope=\"col\">")
        .raw(what)
        .raw("</th><th scope=\"col\" class=\"num\">Conversions</th>");
    html.raw("<th scope=\"col\" class=\"num\">Share</th><td></td></tr></thead><tbody>");
    html
}

fn bar(label: &str, conversions: u64, ppm: u64) -> Html {
    let mut html = Html::new();
    html.raw("<tr><th scope=\"row\">").text(label).raw("</th><td class=\"num\">").text(count(conversions));
    html.raw("</td><td class=\"num\">").text(percent(ppm)).raw("</td><td class=\"bar\">").add(&meter(ppm));
    html.raw("</td></tr>");
    html
}

fn paths(report: &AttributionReport) -> Html {
    let top = &report.top_paths;
    let mut html = section("paths", "Top paths", "Who was touched, in order of time; ties by value.");
    html.raw("<div class=\"panel scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Top paths\"><table><thead><tr>")
        .raw("<th scope=\"col\">Path</th><th scope=\"col\" class=\"num\">Conversions</th><th scope=\"col\" class=\"num\">Share</th>")
        .raw("<th scope=\"col\" class=\"num\">Value</th><th scope=\"col\" class=\"num\">Touchpoints</th></tr></thead><tbody>");
    for row in &top.rows {
        html.raw("<tr><td><ol class=\"path\">");
        for earner in &row.path {
            html.raw("<li>").value(earner).raw("</li>");
        }
        html.raw("</ol></td>").add(&number(count(row.conversions))).add(&number(percent(row.share_ppm)));
        html.add(&number(amount(report, &row.value))).add(&number(&row.average_touchpoints)).raw("</tr>");
    }
    html.raw("</tbody></table><p class=\"pad note\">");
    match top.different {
        Some(different) => html.text(count(different)).raw(" different paths in all; every count is exact."),
        None => html
            .raw("Too many different paths to remember: a count may be too low by ")
            .text(count(top.missed_at_most))
            .raw(" at most."),
    };
    html.raw("</p></div></section>");
    html
}

fn assists(report: &AttributionReport) -> Html {
    let mut html = section(
        "assists",
        "Assists",
        "Assisted: took part and was not last. Above 1 per last, an earner opens more than he closes.",
    );
    html.raw("<div class=\"panel scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Assists\"><table><thead><tr>")
        .raw("<th scope=\"col\">Earner</th><th scope=\"col\" class=\"num\">Took part</th><th scope=\"col\" class=\"num\">First</th>")
        .raw("<th scope=\"col\" class=\"num\">Last</th><th scope=\"col\" class=\"num\">Alone</th><th scope=\"col\" class=\"num\">Assisted</th>")
        .raw("<th scope=\"col\" class=\"num\">Assisted value</th><th scope=\"col\" class=\"num\">Per last</th></tr></thead><tbody>");
    let mut rows: Vec<_> = report.assists.iter().collect();
    rows.sort_by_key(|row| Reverse(row.took_part));
    for row in rows.iter().take(ROWS) {
        html.raw("<tr><th scope=\"row\">").value(&row.earner).raw("</th>");
        for figure in [row.took_part, row.first, row.last, row.alone, row.assisted] {
            html.add(&number(count(figure)));
        }
        html.add(&number(amount(report, &row.assisted_value)));
        html.add(&number(row.assists_per_last.as_deref().unwrap_or("never last"))).raw("</tr>");
    }
    html.raw("</tbody></table>").add(&rest(rows.len())).raw("</div></section>");
    html
}

fn overlap(report: &AttributionReport) -> Html {
    let overlap = &report.overlap;
    let mut html = section("overlap", "Overlap", "Earners that took part in the same conversions.");
    html.raw("<div class=\"panel scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Overlap\"><p class=\"pad note\">");
    html.text(count(overlap.shared)).raw(" conversions are shared by more than one earner.</p>");
    if !overlap.rows.is_empty() {
        html.raw("<table><thead><tr><th scope=\"col\">One</th><th scope=\"col\">Other</th><th scope=\"col\" class=\"num\">Together</th>")
            .raw("<th scope=\"col\" class=\"num\">Value</th><th scope=\"col\" class=\"num\">Of the one\u{2019}s</th>")
            .raw("<th scope=\"col\" class=\"num\">Of the other\u{2019}s</th></tr></thead><tbody>");
        for row in overlap.rows.iter().take(ROWS) {
            html.raw("<tr><th scope=\"row\">")
                .value(&row.one)
                .raw("</th><td>")
                .value(&row.other)
                .raw("</td>");
            html.add(&number(count(row.conversions))).add(&number(amount(report, &row.value)));
            html.add(&number(percent(row.of_one_ppm))).add(&number(percent(row.of_other_ppm))).raw("</tr>");
        }
        html.raw("</tbody></table>").add(&rest(overlap.rows.len()));
    }
    html.raw("</div></section>");
    html
}

fn section(id: &'static str, title: &'static str, note: &'static str) -> Html {
    let mut html = Html::new();
    html.raw("<section id=\"")
        .raw(id)
        .raw("\"><div class=\"head\"><h2>")
        .raw(title)
        .raw("</h2><p class=\"note\">");
    html.raw(note).raw("</p></div>");
    html
}

fn number(value: impl std::fmt::Display) -> Html {
    let mut html = Html::new();
    html.raw("<td class=\"num\">").text(value).raw("</td>");
    html
}

/// Tells that a table goes on elsewhere.
fn rest(rows: usize) -> Html {
    let mut html = Html::new();
    if rows > ROWS {
        html.raw("<p class=\"pad note\">The greatest ").text(ROWS).raw(" of ").text(count(rows as u64));
        html.raw("; the others are in the export.</p>");
    }
    html
}

/// A bar for eyes; the number stands beside it. What is not nothing is seen.
fn meter(ppm: u64) -> Html {
    let mut html = Html::new();
    let width = if ppm == 0 { 0 } else { (ppm / 1_000).clamp(8, 1_000) };
    html.raw(
        "<svg class=\"meter\" viewBox=\"0 0 1000 5\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    )
    .raw("<rect height=\"5\" fill=\"currentColor\" width=\"")
    .text(width)
    .raw("\"/></svg>");
    html
}

fn percent(ppm: u64) -> String {
    share(ppm, 1_000_000).unwrap_or_default()
}

fn amount(report: &AttributionReport, value: &str) -> String {
    format!("{} {}", grouped(value), report.currency)
}

/// A time for people, in its two greatest units.
fn spoken(seconds: Option<u64>) -> String {
    let seconds = seconds.unwrap_or(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (3_599, "59 min"),
            (7_260, "2 h 1 min"),
            (2 * 86_400 + 3_600, "2 d 1 h"),
        ] {
            assert_eq!(spoken(Some(seconds)), expected);
        }
    }

    #[test]
    fn parameters_are_told_as_people_say_them() {
        for (model, parameters, expected) in [
            ("position_based", "400000,400000", "40.0 %, 40.0 %"),
            ("time_decay", "7d", "7d"),
            ("coupon_first", "last_touch", "last_touch"),
            (MARKOV, "2", "order 2"),
        ] {
            assert_eq!(spoken_parameters(model, parameters), expected);
        }
    }

    #[test]
    fn a_bar_never_leaves_its_frame_and_shows_what_is_not_nothing() {
        for (ppm, width) in [(0, "\"0\""), (1, "\"8\""), (500_000, "\"500\""), (2_000_000, "\"1000\"")] {
            assert!(meter(ppm).as_str().contains(&format!("width={width}")), "{ppm}");
        }
    }
}
