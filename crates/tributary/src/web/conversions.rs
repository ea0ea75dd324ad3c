//! `/conversions`: the rows behind a number, and the table of conversions that the first page shows too.

use tributary_domain::attribution::Earner;
use tributary_domain::ids::EventId;
use tributary_domain::money::Money;
use tributary_domain::settlement::{Commission, Conversion};
use tributary_store::state::ConversionFilter;

use super::figures::{count, moment, money};
use super::html::Html;
use super::layout::{page, status, time};
use super::words::{commission_tone, next, outcome_tone, shares, verdict_sentence, verdict_tone};

/// One page of conversions, in the order of event ids.
#[derive(Debug)]
pub struct Listed {
    /// What was asked for.
    pub filter: ConversionFilter,
    /// The event after which the page begins.
    pub after: Option<EventId>,
    /// The conversions.
    pub conversions: Vec<Conversion>,
    /// The event after which the next page begins; `None` on the last page.
    pub next: Option<EventId>,
}

impl Listed {
    /// A page of at most `limit` of what was found; one more than that tells that another page follows.
    #[must_use]
    pub fn new(
        filter: ConversionFilter,
        after: Option<EventId>,
        mut found: Vec<Conversion>,
        limit: usize,
    ) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|last| last.event_id).filter(|_| more);
        Self { filter, after, conversions: found, next }
    }

    /// What was asked for, by parameter name.
    fn asked(&self) -> Vec<(&'static str, String)> {
        let ConversionFilter { brand, source, period, transaction, partner } = &self.filter;
        let given = [
            ("brand", brand.as_ref().map(ToString::to_string)),
            ("partner", partner.as_ref().map(ToString::to_string)),
            ("transaction", transaction.as_ref().map(ToString::to_string)),
            ("source", source.as_ref().map(ToString::to_string)),
            ("period", period.map(|period| period.to_string())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The page.
#[must_use]
pub fn conversions_page(listed: &Listed) -> Html {
    let mut content = Html::new();
    let asked = listed.asked();
    content.raw("<h1>Conversions</h1><p class=\"lead\">");
    if asked.is_empty() {
        content.raw("All of them");
    }
    for (place, (name, value)) in asked.iter().enumerate() {
        content
            .raw(if place == 0 { "With " } else { ", " })
            .text(name)
            .raw(" <strong>")
            .value(value)
            .raw("</strong>");
    }
    content.raw(", oldest first: registrations, qualifications and conversions as they are settled now.</p>");
    content.raw("<section class=\"panel\" aria-label=\"Conversions\">");
    if listed.conversions.is_empty() {
        content.raw(
            "<p class=\"pad note\">Nothing matches. <a href=\"/conversions\">Show all conversions</a></p>",
        );
    } else {
        content.add(&table(&listed.conversions));
    }
    content.raw("</section><p>");
    if listed.after.is_some() {
        content.add(&link(&asked, None)).raw("From the beginning</a> ");
    }
    if let Some(next) = listed.next {
        content
            .add(&link(&asked, Some(next)))
            .raw("Next ")
            .text(count(listed.conversions.len() as u64))
            .raw("</a>");
    }
    content.raw("</p>");
    page("Conversions", "", &content)
}

fn link(asked: &[(&'static str, String)], after: Option<EventId>) -> Html {
    let mut html = Html::new();
    html.raw("<a href=\"/conversions?");
    for (name, value) in asked {
        html.text(name).raw("=").url(value).raw("&amp;");
    }
    if let Some(after) = after {
        html.raw("after=").url(after);
    }
    html.raw("\">");
    html
}

/// Conversions as a table: on a phone, as cards.
#[must_use]
pub fn table(conversions: &[Conversion]) -> Html {
    let mut html = Html::new();
    html.raw("<table class=\"cards\" role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">")
        .raw("<th role=\"columnheader\" scope=\"col\">Conversion</th><th role=\"columnheader\" scope=\"col\" class=\"num\">Value</th>")
        .raw("<th role=\"columnheader\" scope=\"col\">Status</th><th role=\"columnheader\" scope=\"col\">Credited to</th>")
        .raw("<th role=\"columnheader\" scope=\"col\">Commission</th></tr></thead><tbody role=\"rowgroup\">");
    for conversion in conversions {
        html.add(&row(conversion));
    }
    html.raw("</tbody></table>");
    html
}

fn row(conversion: &Conversion) -> Html {
    let mut html = Html::new();
    html.raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\" class=\"wide\"><a href=\"/explain/")
        .url(conversion.event_id)
        .raw("\">")
        .value(&conversion.goal);
    if let Some(transaction) = &conversion.transaction {
        html.raw(" ").value(transaction);
    }
    html.raw("</a><span class=\"sub\">").add(&time(conversion.occurred_at)).raw("</span></th>");
    html.raw("<td role=\"cell\" class=\"num\" data-label=\"Value\"><span>")
        .add(&value(conversion))
        .raw("</span></td>");
    html.raw("<td role=\"cell\" data-label=\"Status\"><span>")
        .add(&status(verdict_tone(conversion.verdict), conversion.verdict.name()))
        .raw("<span class=\"sub\">")
        .text(verdict_sentence(conversion.verdict))
        .raw("</span></span></td>");
    html.raw("<td role=\"cell\" data-label=\"Credited to\"><span>")
        .add(&credited(conversion))
        .raw("</span></td>");
    html.raw("<td role=\"cell\" data-label=\"Commission\"><span>")
        .add(&commissions(conversion))
        .raw("</span></td></tr>");
    html
}

fn value(conversion: &Conversion) -> Html {
    let mut html = Html::new();
    match conversion.value {
        None => html.raw("<span class=\"sub\">no value</span>"),
        Some(value) if conversion.refunded > 0 => html
            .text(money(value))
            .raw("<span class=\"sub\">refunded ")
            .text(money(Money::new(conversion.refunded, value.currency)))
            .raw("</span>"),
        Some(value) => html.text(money(value)),
    };
    html
}

fn credited(conversion: &Conversion) -> Html {
    let mut html = Html::new();
    if conversion.credits.is_empty() {
        html.add(&status(outcome_tone(conversion.reason), "nobody"));
        html.raw("<span class=\"sub\">")
            .text(conversion.reason.message())
            .raw(" ")
            .text(next(conversion.reason))
            .raw("</span>");
        return html;
    }
    html.raw("<ul class=\"plain\">");
    for share in shares(conversion) {
        html.raw("<li>").value(share).raw("</li>");
    }
    html.raw("</ul>");
    html
}

fn commissions(conversion: &Conversion) -> Html {
    let mut html = Html::new();
    if conversion.commissions.is_empty() {
        let to_partner = conversion.credits.iter().any(|credit| matches!(credit.earner, Earner::Partner(_)));
        html.raw("<span class=\"sub\">");
        html.raw(if to_partner {
            "None: no plan pays for this goal."
        } else {
            "None: no partner earned credit."
        });
        html.raw("</span>");
        return html;
    }
    html.raw("<ul class=\"plain\">");
    for line in &conversion.commissions {
        html.raw("<li>").add(&commission(line)).raw("</li>");
    }
    html.raw("</ul>");
    html
}

fn commission(line: &Commission) -> Html {
    let mut html = Html::new();
    html.value(&line.partner)
        .raw(": <a href=\"/explain/")
        .url(line.id)
        .raw("\">")
        .text(money(Money::new(line.owed, line.granted.currency)))
        .raw("</a> ")
        .add(&status(commission_tone(line.state), line.state.name()))
        .raw("<span class=\"sub\">")
        .text(line.reason.message());
    match line.state {
        tributary_domain::ledger::CommissionState::Approved => {
            html.raw(" Payable from ").text(moment(line.payable_from)).raw(".")
        }
        _ => html.raw(" ").text(next(line.reason)),
    };
    html.raw("</span>");
    html
}
