//! What every page shares: head, search, footer; and pages that only say something.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::html::Html;
use super::words::Tone;

const STYLE: &str = include_str!("style.css");

/// The content security policy of every page: no script at all, and no style but ours, known by its hash.
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A tributary joining a river.
const MARK: &str = "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.4\" stroke-linecap=\"round\" \
    aria-hidden=\"true\"><path d=\"M5 3c0 8 7 6 7 18\"/><path d=\"M19 3c0 6-6 6-7 11\"/></svg>";

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%230b6fa4' \
    stroke-width='2.6' stroke-linecap='round'%3E%3Cpath d='M5 3c0 8 7 6 7 18'/%3E%3Cpath d='M19 3c0 6-6 6-7 11'/%3E%3C/svg%3E";

/// A whole page around its content. `searched` stands in the search box.
#[must_use]
pub fn page(title: &str, searched: &str, content: &Html) -> Html {
    page_for(title, searched, None, content)
}

/// The same, whose search goes on showing what `partner` may see.
#[must_use]
pub fn page_for(title: &str, searched: &str, partner: Option<&str>, content: &Html) -> Html {
    let mut html = Html::new();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">")
        .raw("<title>")
        .text(title)
        .raw(" \u{b7} Tributary</title><link rel=\"icon\" href=\"")
        .raw(ICON)
        .raw("\"><style>")
        .raw(STYLE)
        .raw("</style></head><body><a class=\"skip\" href=\"#main\">Skip to content</a><header class=\"bar\"><div>")
        .raw("<a class=\"home\" href=\"/\">")
        .raw(MARK)
        .raw("Tributary</a><form class=\"find\" role=\"search\" action=\"/explain\" method=\"get\">")
        .raw("<label class=\"hidden\" for=\"id\">Explain an event, click, order, commission or payout by its id</label>")
        .raw("<input id=\"id\" name=\"id\" type=\"search\" required maxlength=\"256\" autocomplete=\"off\" spellcheck=\"false\" ")
        .raw("placeholder=\"Any id: event, click, order, commission, payout\" value=\"")
        .text(searched)
        .raw("\">");
    if let Some(partner) = partner {
        html.raw("<input type=\"hidden\" name=\"partner\" value=\"").text(partner).raw("\">");
    }
    html.raw("<button>Explain</button></form></div></header><main id=\"main\">")
        .add(content)
        .raw("</main><footer><ul><li><a href=\"/v1/funnel\">Funnel (JSON)</a></li><li><a href=\"/v1/partners\">Partners (JSON)</a></li>")
        .raw("<li><a href=\"/v1/balances\">Balances (JSON)</a></li><li><a href=\"/v1/conversions\">Conversions (JSON)</a></li>")
        .raw("<li><a href=\"/reports/attribution\">Attribution report</a></li>")
        .raw("<li><a href=\"/v1/reasons\">Reason codes</a></li><li><a href=\"/readyz\">Readiness</a></li>")
        .raw("<li><a href=\"/metrics\">Metrics</a></li></ul></footer></body></html>");
    html
}

/// A page that says what went wrong, what that means, and what to do.
#[must_use]
pub fn message(title: &str, sentence: &str, remedy: &str) -> Html {
    let mut content = Html::new();
    content.raw("<h1>").text(title).raw("</h1><section class=\"panel pad\"><p>").text(sentence).raw("</p>");
    content.raw("<p class=\"note\">").text(remedy).raw("</p></section>");
    page(title, "", &content)
}

/// The page for somebody who may not read; with a sign-in form where a token would open it.
#[must_use]
pub fn refused(by_token: bool, wrong_token: bool) -> Html {
    let mut content = Html::new();
    content.raw("<h1>These pages show money</h1><section class=\"panel pad\"><p>They are served to the machine that the server ");
    if by_token {
        content.raw("runs on, and to holders of the read token.</p>");
        if wrong_token {
            content
                .raw("<p id=\"wrong\" role=\"alert\">")
                .add(&status(Tone::Bad, "This is not the read token."))
                .raw("</p>");
        }
        content
            .raw("<form class=\"find\" method=\"post\" action=\"/session\"><label class=\"hidden\" for=\"token\">Read token</label>")
            .raw("<input id=\"token\" name=\"token\" type=\"password\" required autocomplete=\"current-password\" placeholder=\"Read token\"");
        if wrong_token {
            content.raw(" aria-invalid=\"true\" aria-describedby=\"wrong\"");
        }
        content.raw("><button>Sign in</button></form>");
    } else {
        content
            .raw("runs on; no <code>api.read_token</code> is set.</p><p class=\"note\">Open them there by <code>127.0.0.1</code> or ")
            .raw("<code>localhost</code>, not through a proxy; or bring the port to your machine with ")
            .raw("<code>ssh -L 8080:127.0.0.1:8080 the-server</code>.</p>");
    }
    content.raw("</section>");
    page("Not allowed", "", &content)
}

/// A status: colour, sign and word.
#[must_use]
pub fn status(tone: Tone, word: &str) -> Html {
    let mut html = Html::new();
    html.raw("<span class=\"status ")
        .raw(tone.class())
        .raw("\"><i aria-hidden=\"true\">")
        .raw(tone.sign())
        .raw("</i>")
        .text(word)
        .raw("</span>");
    html
}

/// A moment as an element that machines can read too.
#[must_use]
pub fn time(at: tributary_domain::time::Timestamp) -> Html {
    let mut html = Html::new();
    html.raw("<time datetime=\"").text(at).raw("\">").text(super::figures::moment(at)).raw("</time>");
    html
}
