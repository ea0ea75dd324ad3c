//! HTML that cannot be injected into: markup is what stands in this program's text, everything else is escaped.
//!
//! [`Html::raw`] takes `&'static str` only, so a value from outside has no way into a page but [`Html::text`] and
//! [`Html::url`]. Attributes are always written in double quotes.

use std::fmt::{self, Display, Write};

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A piece of HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Appends markup of this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends a value as text, safe between tags and inside a quoted attribute.
    pub fn text(&mut self, value: impl Display) -> &mut Self {
        // Writing into a string cannot fail.
        let _ = write!(Escaping(&mut self.0), "{value}");
        self
    }

    /// Appends a value that somebody outside chose, as text whose writing direction cannot spill into what follows.
    pub fn value(&mut self, value: impl Display) -> &mut Self {
        self.raw("<bdi>").text(value).raw("</bdi>")
    }

    /// Appends a value as one part of a URL (a path segment or a query value) in a quoted attribute.
    pub fn url(&mut self, value: impl Display) -> &mut Self {
        let encoded: String = form_urlencoded::byte_serialize(value.to_string().as_bytes()).collect();
        // A form writes a space as `+`, which in a path would be a plus.
        self.0.push_str(&encoded.replace('+', "%20"));
        self
    }

    /// Appends another piece.
    pub fn add(&mut self, piece: &Self) -> &mut Self {
        self.0.push_str(&piece.0);
        self
    }

    /// The HTML as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], self.0).into_response()
    }
}

/// Writes text with everything escaped that HTML gives a meaning; control characters, which HTML forbids, become U+FFFD.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(character),
                control if control.is_control() => self.0.push('\u{fffd}'),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_cannot_become_markup() {
        for (value, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("it's & that", "it&#39;s &amp; that"),
            ("a\u{0}b\u{1b}c", "a\u{fffd}b\u{fffd}c"),
            ("Zoë 試", "Zoë 試"),
        ] {
            assert_eq!(Html::new().text(value).as_str(), expected);
        }
    }

    #[test]
    fn a_url_part_stays_one_part() {
        for (value, expected) in [
            ("../../etc", "..%2F..%2Fetc"),
            ("a b+c", "a%20b%2Bc"),
            ("?x=1&y#z\"", "%3Fx%3D1%26y%23z%22"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ] {
            assert_eq!(Html::new().url(value).as_str(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_ends_an_attribute(value in any::<String>()) {
            let mut html = Html::new();
            html.text(&value).url(&value);
            prop_assert!(!html.as_str().contains(['<', '>', '"', '\'']));
        }
    }
}
