//! What came from a source in a period, and what became of it: for those who miss something and have no id.

use std::collections::BTreeMap;

use tributary_domain::ids::{EventId, SourceKey};
use tributary_domain::time::Timestamp;
use tributary_store::state::StoredFact;

use super::absence::{Cause, Progress, Stage};
use super::answer::Explanation;
use super::{ExplainError, Sight, prose};

/// Events read at once, and read at most.
const PAGE: usize = 2_000;
const MOST_EVENTS: usize = 20_000;
/// Conversions of the period whose chain is looked at.
const MOST_CONVERSIONS: usize = 100;
/// Longest list of conversions beside a cause.
const NAMED: usize = 5;

impl Sight<'_> {
    /// Explains why there is nothing, or not what was expected, between two moments (the second left out), by the events' own times.
    ///
    /// # Errors
    /// When the store or the log cannot be read.
    pub fn explain_period(
        &self,
        from: Timestamp,
        to: Timestamp,
        source: Option<&SourceKey>,
    ) -> Result<Explanation, ExplainError> {
        let (found, is_whole) = self.events_between(from, to, source)?;
        let actions: Vec<&StoredFact> = found
            .iter()
            .filter(|stored| stored.fact.body.action().is_some())
            .take(MOST_CONVERSIONS)
            .collect();
        let refused = self.refused_between(from, to, source)?;
        let (stage, refused) =
            (refused.first().map(|(stage, _)| *stage), refused.into_iter().map(|(_, cause)| cause));
        let first = stage.unwrap_or(Stage::Received);
        let progress = if found.is_empty() {
            Progress::stopped(first, refused.chain(self.silent(source)?).collect())
        } else if actions.is_empty() {
            Progress::stopped(first, refused.chain([no_conversions(&found)]).collect())
        } else {
            self.common_stop(&actions)?.and(refused)
        };
        let source = source.map_or_else(String::new, |source| format!(" from {source}"));
        let mut explanation = Explanation {
            id: format!("{from} to {to}{source}"),
            what: if found.is_empty() { "nothing" } else { "period" }.to_owned(),
            progress: Some(progress),
            ..Explanation::default()
        };
        explanation.sections = prose::sections(&explanation);
        if !found.is_empty() {
            explanation.sections.insert(0, prose::section("What arrived", counts(&found, is_whole)));
        }
        Ok(explanation)
    }

    /// Event ids begin with the event's time, so a period is a range of their index.
    fn events_between(
        &self,
        from: Timestamp,
        to: Timestamp,
        source: Option<&SourceKey>,
    ) -> Result<(Vec<StoredFact>, bool), ExplainError> {
        let mut after = Some(EventId::from_parts(Timestamp(from.0.saturating_sub(1_000)), &[0xff; 16]));
        let (mut found, mut read) = (Vec::new(), 0);
        loop {
            let page = self.state.facts_by_event(after, PAGE)?;
            read += page.len();
            after = page.last().map(|stored| stored.fact.event_id);
            let is_last = page.len() < PAGE || page.last().is_none_or(|stored| stored.fact.occurred_at >= to);
            found.extend(page.into_iter().filter(|stored| {
                let fact = &stored.fact;
                (from..to).contains(&fact.occurred_at)
                    && source.is_none_or(|source| fact.source == *source)
                    && self.brands().contains(&&fact.brand)
            }));
            if is_last || read >= MOST_EVENTS {
                return Ok((found, is_last));
            }
        }
    }

    /// Why a source sent nothing.
    fn silent(&self, source: Option<&SourceKey>) -> Result<Vec<Cause>, ExplainError> {
        let mut causes = Vec::new();
        if let Some(key) = source.filter(|key| !self.configuration.sources.contains_key(*key)) {
            causes.push(
                Cause::new(
                    "unknown_source",
                    "There is no such source, so everything sent to it is refused.",
                    "Create the source with `tributary apply`, or correct the address on the sender's side.",
                )
                .with(format!("Source {key} is not set up.")),
            );
        }
        let (checkpoint, last) = (self.state.checkpoint()?, self.log.last()?);
        if checkpoint < last {
            causes.push(
                Cause::new(
                    "not_processed_yet",
                    "Events are stored that the engine has not taken into account yet.",
                    "Wait a moment. If it stays so, `/readyz` tells how far the engine is behind and why.",
                )
                .with(format!("The engine is at {} of {}.", checkpoint.0, last.0)),
            );
        }
        causes.push(Cause::new(
            "source_silent",
            "No event of this time was taken in: none was sent, or all were refused.",
            "Look at the answers on the sender's side, and at `tributary refusals list`. Times are the events' own, in UTC.",
        ));
        Ok(causes)
    }

    /// Where most of the conversions stopped.
    fn common_stop(&self, actions: &[&StoredFact]) -> Result<Progress, ExplainError> {
        let mut stops: BTreeMap<(Option<Stage>, &'static str), Stop> = BTreeMap::new();
        let mut paid = 0;
        for stored in actions {
            let Some(progress) = self.explain(&stored.fact.event_id.to_string())?.progress else { continue };
            let Some(cause) = progress.causes.into_iter().next() else {
                paid += 1;
                continue;
            };
            let key = (progress.stopped_at, cause.code);
            let stop = stops.entry(key).or_insert(Stop { cause, events: Vec::new() });
            stop.events.push(stored.fact.event_id.to_string());
        }
        let mut stops: Vec<_> = stops.into_iter().collect();
        stops.sort_by_key(|((stage, _), stop)| (std::cmp::Reverse(stop.events.len()), *stage));
        let Some(first) = stops.first().and_then(|((stage, _), _)| *stage) else {
            return Ok(Progress::done());
        };
        let causes = stops.into_iter().map(|(_, Stop { cause, events })| {
            let share =
                format!("So it is with {} of {} conversions; {paid} are paid.", events.len(), actions.len());
            let named = events.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            Cause { evidence: vec![share, format!("For example {named}.")], ..cause }
        });
        Ok(Progress::stopped(first, causes.collect()))
    }
}

/// Conversions that stopped for one cause.
struct Stop {
    cause: Cause,
    events: Vec<String>,
}

fn no_conversions(found: &[StoredFact]) -> Cause {
    Cause::new(
        "no_conversions_sent",
        "Events arrived, but no registration, qualification or conversion among them.",
        "Look on the sender's side whether conversions are sent, and to which source.",
    )
    .with(counts(found, true).join(" "))
}

/// How many events of each kind ended how.
fn counts(found: &[StoredFact], is_whole: bool) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for stored in found {
        *counts.entry((stored.fact.body.kind().name(), stored.outcome.code())).or_default() += 1;
    }
    let mut lines: Vec<String> =
        counts.into_iter().map(|((kind, outcome), number)| format!("{number} {kind}: {outcome}.")).collect();
    if !is_whole {
        lines.push(format!("Only the first {MOST_EVENTS} events of this time were read."));
    }
    lines
}
