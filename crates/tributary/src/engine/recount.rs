//! Counting touches again: whose a click is in the rollups follows from link, brand and its time alone, whenever the set-up changed.
//!
//! A change of the set-up can never be applied exactly between two touches: clocks of senders are ahead by minutes, and while `apply`
//! writes, the engine counts. So what is stored from the change's moment on is counted again, hour by hour, and the rollups get the
//! difference.

use tributary_domain::configuration::Configuration;
use tributary_domain::ids::EventId;
use tributary_domain::time::{Span, Timestamp};
use tributary_store::state::{JudgedAnew, RollupKey, RollupMeasures, StateError, StateWriter};

use super::rollup::Rollups;

/// Touches read at once.
const PAGE: usize = 10_000;

/// One hour, counted again.
pub(super) struct Recounted {
    /// What the rollups lack or have too much.
    pub(super) rollups: Vec<(RollupKey, RollupMeasures)>,
    /// From when on touches still wait; [`JudgedAnew::NEVER`] when none do.
    pub(super) onwards: Timestamp,
}

/// Counts the first hour again that has a touch in or after the hour of `since`.
pub(super) fn first_hour(
    state: &mut dyn StateWriter,
    configuration: &Configuration,
    since: Timestamp,
) -> Result<Recounted, StateError> {
    let found = state.touches(before(since.max(Timestamp(0)).hour()), LAST, 1)?;
    let Some(first) = found.first() else {
        return Ok(Recounted { rollups: Vec::new(), onwards: JudgedAnew::NEVER });
    };
    let hour = first.occurred_at.hour();
    let onwards = hour.plus(Span::HOUR);
    let mut rollups = Rollups::default();
    let (mut after, end) = (before(hour), EventId::from_parts(onwards, &[0; 16]));
    loop {
        let page = state.touches(after, end, PAGE)?;
        page.iter().for_each(|fact| rollups.add_touch(fact, configuration));
        match page.last().filter(|_| page.len() == PAGE) {
            Some(last) => after = last.event_id,
            None => break,
        }
    }
    for brand in configuration.brands.keys() {
        for (key, counted) in state.rollups_of(brand, hour)? {
            rollups.take_touches(key, counted);
        }
    }
    Ok(Recounted { rollups: rollups.into_changes(), onwards })
}

/// Greater than every id that is given out.
const LAST: EventId = EventId([u8::MAX; 16]);

/// The greatest id of the millisecond before; ids are in the order of time.
fn before(moment: Timestamp) -> EventId {
    if moment <= Timestamp(0) {
        return EventId([0; 16]);
    }
    EventId::from_parts(moment.plus(Span(-1_000)), &[u8::MAX; 16])
}
