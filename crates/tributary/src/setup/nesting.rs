//! How deep a set-up file nests, told before it is parsed: a parser's time grows with the square of the depth.

/// Deepest nesting that is read. A set-up needs a handful of levels.
pub(super) const DEEPEST: usize = 64;

/// The line at which brackets stand open beyond [`DEEPEST`]. Brackets in quotes and in comments open nothing.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut line = 1;
    let mut quote = None;
    // What stands before decides whether a quote or `#` begins something: `it's` and `a#b` do not.
    let mut before = '\n';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\n' {
            line += 1;
        }
        let begins = before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':' | '=');
        match (quote, character) {
            (Some('"'), '\\') => line += usize::from(characters.next() == Some('\n')),
            // Twice, a single quote stands for itself.
            (Some('\''), '\'') if characters.next_if_eq(&'\'').is_some() => {}
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if begins => quote = Some(character),
            (None, '#') if before.is_whitespace() => {
                if characters.by_ref().any(|skipped| skipped == '\n') {
                    line += 1;
                }
                before = '\n';
                continue;
            }
            (None, '[' | '{') => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(line);
                }
            }
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        before = character;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_brackets_are_counted_and_closed_ones_are_not() {
        assert_eq!(too_deep(&"{a: ".repeat(DEEPEST)), None);
        assert_eq!(too_deep(&format!("x: 1\n{}", "{a: ".repeat(DEEPEST + 1))), Some(2));
        assert_eq!(too_deep(&"[".repeat(100_000)), Some(1));
        assert_eq!(too_deep(&"- [[{a: 1}], {b: 2}]\n".repeat(1_000)), None);
        assert_eq!(too_deep(&"[[plans]]\nkey = 'a'\n".repeat(1_000)), None);
    }

    #[test]
    fn brackets_in_quotes_and_comments_open_nothing() {
        let many = "[{".repeat(DEEPEST);
        for text in [
            format!("name: \"{many}\""),
            format!("name: 'it''s {many}'"),
            format!("name: \"\\\"{many}\""),
            format!("a: b # {many}\nc: d"),
            format!("# {many}"),
        ] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        // An apostrophe in a word begins no quote that would hide what follows.
        assert_eq!(too_deep(&format!("name: it's a#b\nx: {many}")), Some(2));
    }

    #[test]
    fn brackets_that_quotes_pretend_to_close_stay_open() {
        assert_eq!(too_deep(&"{\"}\": ".repeat(DEEPEST + 1)), Some(1));
    }
}
