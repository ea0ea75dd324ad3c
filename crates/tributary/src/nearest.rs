//! The nearest valid name: what every "unknown key" error answers with.

/// The candidate that is most likely meant by a mistyped name; `None` only when there are no candidates.
///
/// A candidate that only continues the name (`last` for `last_touch`) is meant before all others; then the closest by
/// edits (swapped neighbours count once); among equals the one with the longer common beginning.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    candidates.into_iter().min_by_key(|candidate| {
        let lowered = candidate.to_lowercase();
        let shared = folded.chars().zip(lowered.chars()).take_while(|(a, b)| a == b).count();
        let other = folded.is_empty() || !lowered.starts_with(&folded);
        (other, strsim::damerau_levenshtein(&folded, &lowered), usize::MAX - shared)
    })
}

/// Says that there is no such thing, and which is most likely meant.
#[must_use]
pub fn unknown<'a>(what: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    // The order in which candidates come decides nothing.
    let sorted: std::collections::BTreeSet<&str> = candidates.into_iter().collect();
    let meant = nearest(name, sorted)
        .map_or_else(|| format!("; no {what} is set up"), |nearest| format!("; the nearest is `{nearest}`"));
    format!("there is no {what} `{name}`{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_with_the_fewest_edits_is_named() {
        let names = ["listen", "data_dir", "database_url", "roles"];
        for (typed, meant) in [
            ("listn", "listen"),
            ("data-dir", "data_dir"),
            ("databse_url", "database_url"),
            ("ROLE", "roles"),
            ("data", "data_dir"),
        ] {
            assert_eq!(nearest(typed, names), Some(meant), "{typed}");
        }
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_may_be_meant() {
        assert_eq!(
            unknown("partner", "ana", ["bert", "anna"]),
            "there is no partner `ana`; the nearest is `anna`"
        );
        assert!(unknown("campaign", "x", []).contains("no campaign is set up"));
    }
}
