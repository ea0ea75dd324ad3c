//! `/explain/{id}`: an explanation as a timeline, in which every id leads on.

use tributary_domain::ids::EventId;

use super::html::Html;
use super::layout::page_for;
use crate::operations::explaining::Explanation;

/// Lines shown per step; the rest is in the JSON.
const LINES: usize = 200;

/// The page. What a partner is told is told to `partner`, and so is everything that the page leads on to.
#[must_use]
pub fn explanation_page(explanation: &Explanation, partner: Option<&str>) -> Html {
    let mut content = Html::new();
    content.raw("<h1>");
    if is_nothing(explanation) {
        content.raw("Nothing known by this id");
    } else {
        content.text(capitalised(&explanation.what));
    }
    content
        .raw("</h1><p class=\"lead mono\">")
        .value(&explanation.id)
        .raw("</p><section class=\"panel pad\"><ol class=\"timeline\">");
    for section in &explanation.sections {
        content.raw("<li><h2>").text(&section.title).raw("</h2><ul>");
        for line in section.lines.iter().take(LINES) {
            content.raw("<li>").add(&linked(line, partner)).raw("</li>");
        }
        if section.lines.len() > LINES {
            content.raw("<li>and ").text(section.lines.len() - LINES).raw(" more: see the JSON below.</li>");
        }
        content.raw("</ul></li>");
    }
    content.raw("</ol></section><p class=\"note\">Worked out now from the stored facts by the rules that booked them. <a href=\"/v1/explanations?id=");
    content.url(&explanation.id);
    if let Some(partner) = partner {
        content.raw("&amp;partner=").url(partner);
    }
    content.raw("\">The same as JSON</a></p>");
    let title = if is_nothing(explanation) { "Nothing known" } else { &explanation.what };
    page_for(title, &explanation.id, partner, &content)
}

/// The page of the search alone.
#[must_use]
pub fn search_page(partner: Option<&str>) -> Html {
    let mut content = Html::new();
    content
        .raw("<h1>Explain anything</h1><section class=\"panel pad\"><p>Put an id into the box above: of an event, a click, an order ")
        .raw("or deposit (the sender's transaction number), a commission line or a payout. It answers the whole chain: what ")
        .raw("arrived, whose it is, which touchpoints were considered, how the value was shared, what is owed, and the ")
        .raw("entries in the books. For an id that is not known it says why that may be.</p></section>");
    page_for("Explain", "", partner, &content)
}

/// Whether nothing is known by the id.
#[must_use]
pub fn is_nothing(explanation: &Explanation) -> bool {
    explanation.what == "nothing"
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A sentence in which event, commission and payout ids are links.
fn linked(line: &str, partner: Option<&str>) -> Html {
    let mut html = Html::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_id_character) {
        let (before, from) = rest.split_at(start);
        let (word, after) =
            from.split_at(from.find(|character| !is_id_character(character)).unwrap_or(from.len()));
        // A colon ends a sentence's part, or stands between the two halves of an id.
        let (word, after) = match word.trim_end_matches(':') {
            "" => (word, after),
            bare => from.split_at(bare.len()),
        };
        html.text(before);
        if is_id(word) {
            html.raw("<a class=\"mono\" href=\"/explain/").url(word);
            if let Some(partner) = partner {
                html.raw("?partner=").url(partner);
            }
            html.raw("\">").text(word).raw("</a>");
        } else {
            html.text(word);
        }
        rest = after;
    }
    html.text(rest);
    html
}

const fn is_id_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | ':')
}

/// An id, or two with a colon between them: a credit, a line of a payout.
fn is_id(word: &str) -> bool {
    word.split_once(':')
        .map_or_else(|| is_whole_id(word), |(whole, part)| is_whole_id(whole) && is_whole_id(part))
}

fn is_whole_id(word: &str) -> bool {
    let is_event = word.len() == 36 && EventId::parse(word).is_ok();
    let is_payout = word
        .strip_prefix("po_")
        .is_some_and(|rest| rest.len() == 24 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
    is_event || is_payout
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::explaining::Section;

    const EVENT: &str = "019bc0e6-8280-7abc-8def-0123456789ab";

    #[test]
    fn ids_in_sentences_become_links_and_nothing_else_does() {
        let html = linked(&format!("from [{EVENT}], in po_0123456789abcdef01234567; not-an-id <b>"), None);
        assert!(
            html.as_str()
                .contains(&format!("[<a class=\"mono\" href=\"/explain/{EVENT}\">{EVENT}</a>], in "))
        );
        assert!(html.as_str().contains("href=\"/explain/po_0123456789abcdef01234567\""));
        assert!(html.as_str().ends_with("; not-an-id &lt;b&gt;"));
        assert_eq!(html.as_str().matches("<a").count(), 2);
    }

    #[test]
    fn ids_of_two_halves_are_one_link_and_a_colon_after_an_id_is_none_of_it() {
        let html = linked(&format!("10:30: {EVENT}: [{EVENT}:{EVENT}] a:{EVENT} ::"), None);
        let halves = EVENT.to_owned() + "%3A" + EVENT;
        for part in [
            format!("10:30: <a class=\"mono\" href=\"/explain/{EVENT}\">{EVENT}</a>: ["),
            format!("[<a class=\"mono\" href=\"/explain/{halves}\">{EVENT}:{EVENT}</a>] a:{EVENT} ::"),
        ] {
            assert!(html.as_str().contains(&part), "{part}: {}", html.as_str());
        }
    }

    #[test]
    fn what_others_chose_is_escaped_wherever_it_stands() {
        let evil = "</ol><script>alert('1')</script>\"";
        let explanation = Explanation {
            id: evil.to_owned(),
            what: evil.to_owned(),
            sections: vec![Section {
                title: evil.to_owned(),
                lines: vec![evil.to_owned(), "Zoë 試".to_owned()],
            }],
            ..Explanation::default()
        };
        let html = explanation_page(&explanation, None);
        assert!(!html.as_str().contains("<script"));
        assert_eq!(html.as_str().matches("</ol>").count(), 1);
        assert!(html.as_str().contains("Zoë 試"));
    }

    #[test]
    fn what_a_partner_is_told_leads_on_to_what_he_may_see_only() {
        let sections = vec![Section { title: "Arrival".to_owned(), lines: vec![format!("event {EVENT}")] }];
        let explanation = Explanation {
            id: "T1".to_owned(),
            what: "conversion".to_owned(),
            sections,
            ..Explanation::default()
        };
        let html = explanation_page(&explanation, Some("acme/an&na"));
        for part in [
            format!("href=\"/explain/{EVENT}?partner=acme%2Fan%26na\""),
            "href=\"/v1/explanations?id=T1&amp;partner=acme%2Fan%26na\"".to_owned(),
            "<input type=\"hidden\" name=\"partner\" value=\"acme/an&amp;na\">".to_owned(),
        ] {
            assert!(html.as_str().contains(&part), "{part}: {}", html.as_str());
        }
        assert!(search_page(Some("anna")).as_str().contains("name=\"partner\" value=\"anna\""));
        let operator_s = explanation_page(&explanation, None);
        assert!(!operator_s.as_str().contains("partner="), "{}", operator_s.as_str());
        assert!(!operator_s.as_str().contains("name=\"partner\""), "{}", operator_s.as_str());
    }

    #[test]
    fn a_long_explanation_is_cut_and_says_so() {
        let lines = (0..LINES + 7).map(|number| format!("line {number}")).collect();
        let sections = vec![Section { title: "Touchpoints".to_owned(), lines }];
        let explanation =
            Explanation { id: "x".to_owned(), what: "click".to_owned(), sections, ..Explanation::default() };
        let html = explanation_page(&explanation, None);
        assert!(html.as_str().contains("and 7 more"));
    }
}
