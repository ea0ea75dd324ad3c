//! `/`: the first page.

use tributary_domain::money::Money;
use tributary_store::log::ConflictRecord;
use tributary_store::state::{Payout, StoredFact};
use tributary_store::wire;

use super::conversions;
use super::figures::{count, money};
use super::html::Html;
use super::layout::{page, status, time};
use super::overview::{AsOf, Figures, Overview};
use super::partners::{Book, Hold, PartnerMoney, Total, by_currency};
use super::stages::Stage;
use super::words::{Tone, commission_tone, event_sentence, next, outcome_tone, payout_reason, payout_tone};

/// Partners shown per currency, the greatest earners; the rest is in the JSON.
const PARTNERS: usize = 100;

/// The page.
#[must_use]
pub fn home_page(overview: &Overview) -> Html {
    let mut content = Html::new();
    content.add(&head(overview)).add(&attention(overview));
    match &overview.brand {
        Some(brand) => {
            let figures = &overview.figures;
            content
                .add(&funnel(&figures.stages))
                .add(&partners(figures, brand.as_str()))
                .add(&attribution_link(brand.as_str()))
                .add(&newest(figures, brand.as_str()))
                .add(&events(&figures.events))
                .add(&payouts(&figures.payouts))
                .add(&books(&figures.books));
        }
        None => {
            content
                .raw("<section class=\"panel pad\"><h2>Nothing is set up yet</h2><p>Say in a file what is promoted, by whom, and ")
                .raw("what it pays, and apply it:</p><pre>tributary apply setup.yaml</pre><p class=\"note\">To see a filled ")
                .raw("installation first, run <code>tributary demo</code>.</p></section>");
        }
    }
    page(&title(overview), "", &content)
}

fn title(overview: &Overview) -> String {
    let Some(brand) = &overview.brand else { return "Welcome".to_owned() };
    let known = overview.brands.iter().find(|(key, _)| key == brand);
    known.map_or_else(|| brand.as_str().to_owned(), |(_, name)| name.clone())
}

fn head(overview: &Overview) -> Html {
    let mut html = Html::new();
    if overview.brands.len() > 1 {
        html.raw("<nav aria-label=\"Brands\"><ul class=\"chips\">");
        for (key, name) in &overview.brands {
            html.raw("<li><a href=\"/?brand=").url(key).raw("\"");
            if overview.brand.as_ref() == Some(key) {
                html.raw(" aria-current=\"page\"");
            }
            html.raw(">").value(name).raw("</a></li>");
        }
        html.raw("</ul></nav>");
    }
    html.raw("<h1>").value(title(overview)).raw("</h1>").add(&as_of(&overview.as_of));
    html.raw("<p class=\"note\">Read at ")
        .add(&time(overview.read_at))
        .raw(". Every time on this page is UTC.</p>");
    html
}

fn as_of(as_of: &AsOf) -> Html {
    let mut html = Html::new();
    html.raw("<p class=\"lead\">As of event <strong>")
        .text(count(as_of.event))
        .raw("</strong>, lag <strong>");
    html.text(count(as_of.lag)).raw("</strong>: ");
    if as_of.lag == 0 {
        html.raw("everything that was taken in is counted.");
    } else {
        html.raw("newer events are stored and will be counted in a moment.");
    }
    if as_of.moving {
        html.raw(" The engine is at work: figures may differ by the newest events.");
    }
    html.raw("</p>");
    html
}

/// What somebody should look at. The number of conflicts always stands there, since none is news too.
fn attention(overview: &Overview) -> Html {
    let mut html = Html::new();
    if overview.as_of.queue > 0 {
        html.raw("<section class=\"panel pad alert\"><h2>The set-up changed</h2><p class=\"note\">")
            .text(count(overview.as_of.queue))
            .raw(" people's events wait to be settled again. Figures change until that is done; nothing needs doing.</p></section>");
    }
    if !overview.as_of.moving && overview.figures.partners.iter().any(|row| !row.agrees) {
        html.raw("<section class=\"panel pad alert bad\" role=\"alert\"><h2>Commissions and ledger differ</h2><p class=\"note\">See ")
            .raw("the partners marked below, and run <code>tributary verify</code>, which names the first fault.</p></section>");
    }
    if overview.conflicts == 0 {
        html.raw(
            "<p class=\"note\">0 conflicts: no sender used the key of a stored event for other content.</p>",
        );
        return html;
    }
    html.raw("<section class=\"panel pad alert\"><h2>").text(count(overview.conflicts));
    html.raw(if overview.conflicts == 1 { " conflict" } else { " conflicts" });
    html.raw("</h2><p class=\"note\">Deliveries under the key of a stored event with other content, in all brands. They were answered ")
        .raw("409 and are kept; the event stored first stands. A correction comes as a status, refund or adjustment.</p>")
        .raw("<ul class=\"plain\">");
    for conflict in &overview.newest_conflicts {
        html.raw("<li>").add(&conflicting(conflict)).raw("</li>");
    }
    html.raw("</ul></section>");
    html
}

fn conflicting(conflict: &ConflictRecord) -> Html {
    let mut html = Html::new();
    html.add(&time(conflict.received_at)).raw(" by ").text(conflict.way.name());
    if let Ok(fact) = wire::fact::decode(&conflict.fact) {
        html.raw(" from ")
            .value(&fact.source)
            .raw(": ")
            .text(fact.body.kind().name())
            .raw(" ")
            .value(event_sentence(&fact));
    }
    html.raw(". <a href=\"/explain/").url(conflict.original).raw("\">The event stored first</a>");
    html
}

fn section(id: &'static str, title: &'static str, note: &'static str) -> Html {
    let mut html = Html::new();
    html.raw("<section id=\"")
        .raw(id)
        .raw("\"><div class=\"head\"><h2>")
        .raw(title)
        .raw("</h2><p class=\"note\">")
        .raw(note)
        .raw("</p></div>");
    html
}

fn funnel(stages: &[Stage]) -> Html {
    let mut html =
        section("funnel", "From click to payout", "Bars are drawn to the scale of the greatest stage.");
    let greatest = stages.iter().map(|stage| stage.count).max().unwrap_or(0);
    html.raw("<ol class=\"funnel panel\">");
    let before = std::iter::once("").chain(stages.iter().map(|stage| stage.title));
    for (stage, before) in stages.iter().zip(before) {
        html.raw("<li><span class=\"stage\">")
            .text(stage.title)
            .raw("</span><span class=\"big\">")
            .text(count(stage.count));
        html.raw("</span><span class=\"of\">");
        match &stage.of_previous {
            Some(share) => html.text(share).raw(" of ").text(before.to_lowercase()),
            None => html.raw("\u{a0}"),
        };
        html.raw("</span><svg viewBox=\"0 0 1000 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect height=\"6\" fill=\"currentColor\" width=\"");
        html.text(bar(stage.count, greatest)).raw("\"/></svg><p>").text(stage.meaning).raw("</p></li>");
    }
    html.raw("</ol></section>");
    html
}

/// Length of a bar in thousandths: what is not nothing is seen.
fn bar(part: u64, greatest: u64) -> u128 {
    if part == 0 || greatest == 0 {
        return 0;
    }
    (u128::from(part) * 1_000 / u128::from(greatest)).max(5)
}

fn partners(figures: &Figures, brand: &str) -> Html {
    let mut html = section(
        "partners",
        "Partners",
        "Earned = open + in payout + sent, after refunds. Currencies are never added.",
    );
    html.raw("<div class=\"panel\">");
    if figures.partners.is_empty() {
        html.raw("<p class=\"pad note\">No commission yet. ").text(count(figures.known_partners as u64));
        html.raw(" partners are set up; the first commission appears with the first conversion that a plan pays for.</p></div></section>");
        return html;
    }
    html.raw("<table class=\"cards\" role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">")
        .raw("<th role=\"columnheader\" scope=\"col\">Partner</th><th role=\"columnheader\" scope=\"col\" class=\"num\">Earned</th>")
        .raw("<th role=\"columnheader\" scope=\"col\" class=\"num\">Open</th><th role=\"columnheader\" scope=\"col\" class=\"num\">In payout</th>")
        .raw("<th role=\"columnheader\" scope=\"col\" class=\"num\">Sent</th><th role=\"columnheader\" scope=\"col\">What holds the open money</th>")
        .raw("</tr></thead>");
    for (rows, total) in by_currency(&figures.partners) {
        html.raw("<tbody role=\"rowgroup\">");
        for row in rows.iter().take(PARTNERS) {
            html.add(&partner(row));
        }
        html.add(&totals(&total)).raw("</tbody>");
    }
    html.raw("</table><p class=\"pad note\"><a href=\"/v1/partners?brand=")
        .url(brand)
        .raw("\">All partners as JSON</a></p></div></section>");
    html
}

fn attribution_link(brand: &str) -> Html {
    let mut html = Html::new();
    html.raw("<p class=\"note\"><a href=\"/reports/attribution?brand=")
        .url(brand)
        .raw("\">Attribution report</a>: models side by side, paths, time lags, assists and overlap.</p>");
    html
}

fn totals(total: &Total) -> Html {
    let mut html = Html::new();
    html.raw("<tr role=\"row\" class=\"total\"><th role=\"rowheader\" scope=\"row\">")
        .text(count(total.partners as u64))
        .raw(if total.partners == 1 { " partner in " } else { " partners in " })
        .text(total.earned.currency)
        .raw("</th>")
        .add(&amount("Earned", total.earned))
        .add(&amount("Open", total.open))
        .add(&amount("In payout", total.in_payout))
        .add(&amount("Sent", total.sent))
        .raw("<td role=\"cell\"></td></tr>");
    html
}

fn partner(row: &PartnerMoney) -> Html {
    let mut html = Html::new();
    html.raw(
        "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\" class=\"wide\"><a href=\"/conversions?brand=",
    )
    .url(&row.brand)
    .raw("&amp;partner=")
    .url(&row.partner)
    .raw("\">")
    .value(row.name.as_deref().unwrap_or(row.partner.as_str()))
    .raw("</a><span class=\"sub\">");
    if row.name.is_some() {
        html.value(&row.partner).raw("</span><span class=\"sub\">");
    }
    html.text(count(row.lines)).raw(if row.lines == 1 { " commission" } else { " commissions" });
    if let Some(minimum) = row.minimum {
        html.raw("</span><span class=\"sub\">paid from ").text(money(minimum)).raw(" on");
    }
    html.raw("</span>");
    if !row.agrees {
        html.add(&status(Tone::Bad, "differs from the ledger"));
    }
    html.raw("</th>");
    html.add(&amount("Earned", row.earned)).add(&amount("Open", row.open));
    html.add(&amount("In payout", row.in_payout)).add(&amount("Sent", row.sent));
    html.raw("<td role=\"cell\" data-label=\"Held by\"><ul class=\"plain\">");
    let nothing_open = row.holds.iter().all(|hold| hold.open.minor == 0);
    for hold in row.holds.iter().filter(|hold| nothing_open || hold.open.minor != 0) {
        html.raw("<li>").add(&held(hold)).raw("</li>");
    }
    html.raw("</ul></td></tr>");
    html
}

fn amount(label: &'static str, amount: Money) -> Html {
    let mut html = Html::new();
    html.raw("<td role=\"cell\" class=\"num\" data-label=\"")
        .raw(label)
        .raw("\">")
        .text(money(amount))
        .raw("</td>");
    html
}

fn held(hold: &Hold) -> Html {
    let mut html = Html::new();
    html.add(&status(commission_tone(hold.state), hold.state.name()))
        .raw(" ")
        .text(money(hold.open))
        .raw("<span class=\"sub\">")
        .text(hold.reason.message())
        .raw(" ")
        .text(next(hold.reason))
        .raw("</span>");
    html
}

fn newest(figures: &Figures, brand: &str) -> Html {
    let mut html = section(
        "conversions",
        "Newest conversions",
        "By time of the event. Each leads to its whole explanation.",
    );
    html.raw("<div class=\"panel\">");
    if figures.conversions.is_empty() {
        html.raw("<p class=\"pad note\">None yet. A registration, qualification or conversion that is taken in is settled within a second.</p>");
    } else {
        html.add(&conversions::table(&figures.conversions));
        html.raw("<p class=\"pad note\"><a href=\"/conversions?brand=")
            .url(brand)
            .raw("\">All conversions</a></p>");
    }
    html.raw("</div></section>");
    html
}

fn events(events: &[StoredFact]) -> Html {
    let mut html = section(
        "events",
        "Latest events",
        "By arrival; steps of payouts stand below. Outcomes are as of now: a later event may change them.",
    );
    html.raw("<div class=\"panel\">");
    if events.is_empty() {
        html.raw("<p class=\"pad note\">None yet. Follow a tracked link, or send a signed test event: <code>tributary send conversion</code></p></div></section>");
        return html;
    }
    html.raw("<table class=\"cards\" role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">")
        .raw("<th role=\"columnheader\" scope=\"col\">Event</th><th role=\"columnheader\" scope=\"col\">What it says</th>")
        .raw("<th role=\"columnheader\" scope=\"col\">Came in</th><th role=\"columnheader\" scope=\"col\">Outcome</th></tr></thead>")
        .raw("<tbody role=\"rowgroup\">");
    for stored in events {
        html.add(&event(stored));
    }
    html.raw("</tbody></table></div></section>");
    html
}

fn event(stored: &StoredFact) -> Html {
    let fact = &stored.fact;
    let mut html = Html::new();
    html.raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\"><a href=\"/explain/")
        .url(fact.event_id)
        .raw("\">")
        .text(fact.body.kind().name())
        .raw("</a><span class=\"sub\">")
        .add(&time(fact.occurred_at))
        .raw("</span></th><td role=\"cell\" class=\"wide\" data-label=\"Says\">")
        .value(event_sentence(fact))
        .raw("</td><td role=\"cell\" data-label=\"Came in\"><span>")
        .text(stored.way.name())
        .raw(" from ")
        .value(&fact.source)
        .raw("<span class=\"sub\">")
        .add(&time(stored.received_at))
        .raw("</span></span></td><td role=\"cell\" data-label=\"Outcome\"><span>")
        .add(&status(outcome_tone(stored.outcome), stored.outcome.code()))
        .raw("<span class=\"sub\">")
        .text(stored.outcome.message())
        .raw(" ")
        .text(next(stored.outcome))
        .raw("</span></span></td></tr>");
    html
}

fn payouts(payouts: &[Payout]) -> Html {
    let mut html = section("payouts", "Newest payouts", "One per partner, currency and run.");
    html.raw("<div class=\"panel\">");
    if payouts.is_empty() {
        html.raw("<p class=\"pad note\">None yet. <code>tributary payout prepare</code> plans the first run.</p></div></section>");
        return html;
    }
    html.raw("<table class=\"cards\" role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">")
        .raw("<th role=\"columnheader\" scope=\"col\">Payout</th><th role=\"columnheader\" scope=\"col\" class=\"num\">Amount</th>")
        .raw("<th role=\"columnheader\" scope=\"col\">Status</th></tr></thead><tbody role=\"rowgroup\">");
    for payout in payouts {
        let reason = payout_reason(payout.step);
        html.raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\" class=\"wide\"><a href=\"/explain/")
            .url(&payout.plan.payout.0)
            .raw("\">")
            .value(&payout.plan.partner)
            .raw("</a><span class=\"sub\">run ")
            .value(&payout.plan.run)
            .raw(", ")
            .text(count(payout.plan.lines.len() as u64))
            .raw(" commissions</span></th>")
            .add(&amount("Amount", payout.plan.total()))
            .raw("<td role=\"cell\" data-label=\"Status\"><span>")
            .add(&status(payout_tone(payout.step), payout.step.name()))
            .raw(" since ")
            .add(&time(payout.stepped_at))
            .raw("<span class=\"sub\">")
            .text(reason.message())
            .raw(" ")
            .text(next(reason));
        if let Some(reference) = &payout.reference {
            html.raw(" Payment reference ").value(reference).raw(".");
        }
        html.raw("</span></span></td></tr>");
    }
    html.raw("</tbody></table></div></section>");
    html
}

fn books(books: &[Book]) -> Html {
    let mut html =
        section("books", "The books", "Double entry: debits equal credits, in each currency for itself.");
    if books.is_empty() {
        html.raw("<div class=\"panel\"><p class=\"pad note\">Nothing is booked yet.</p></div>");
    }
    for book in books {
        html.raw("<div class=\"panel\"><table class=\"cards\" role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">")
            .raw("<th role=\"columnheader\" scope=\"col\">Accounts in ")
            .text(book.debits.currency)
            .raw("</th><th role=\"columnheader\" scope=\"col\">What lies there</th>")
            .raw("<th role=\"columnheader\" scope=\"col\" class=\"num\">Debit</th><th role=\"columnheader\" scope=\"col\" class=\"num\">Credit</th>")
            .raw("</tr></thead><tbody role=\"rowgroup\">");
        for line in &book.lines {
            html.raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\"><code>").text(line.account);
            html.raw("</code></th><td role=\"cell\">").text(line.meaning).raw("</td>");
            html.add(&side("Debit", line.debit)).add(&side("Credit", line.credit)).raw("</tr>");
        }
        html.raw("</tbody><tfoot role=\"rowgroup\"><tr role=\"row\"><th role=\"rowheader\" scope=\"row\">Sum</th><td role=\"cell\">");
        let balanced = book.debits == book.credits;
        html.add(&if balanced {
            status(Tone::Good, "balanced")
        } else {
            status(Tone::Bad, "not balanced: run verify")
        });
        html.raw("</td>")
            .add(&amount("Debit", book.debits))
            .add(&amount("Credit", book.credits))
            .raw("</tr></tfoot></table></div>");
    }
    html.raw("</section>");
    html
}

/// One side of an account; the empty side stays empty.
fn side(label: &'static str, money: Money) -> Html {
    if money.minor != 0 {
        return amount(label, money);
    }
    let mut html = Html::new();
    html.raw("<td role=\"cell\" class=\"num\"></td>");
    html
}
