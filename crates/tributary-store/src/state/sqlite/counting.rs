//! Counts over everything that is settled, in one pass and in memory for the result alone.
//!
//! A `GROUP BY` over what a document says would sort whole documents, and sorting is done in memory here (`temp_store`): with a million
//! conversions that took 900 MB. So rows are counted as they are read.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use tributary_domain::fact::{EventKind, Verdict};
use tributary_domain::ids::BrandKey;

use super::lookup::each;
use super::rows;
use crate::state::{ConversionCount, StateError};

/// Every conversion, in the order in which they lie there.
const SETTLED: &str = "SELECT brand, settled ->> 'kind', settled ->> 'verdict' FROM conversion";

/// The conversion of every line of a settled payout, in the order of the lines' ids, which is that of the table: nothing is sorted.
const PAID: &str = "SELECT c.brand, c.settled ->> 'kind', c.settled ->> 'verdict', l.commission, c.event_id FROM payout_line l \
     CROSS JOIN payout p ON p.id = l.payout AND p.step = 'settled' \
     CROSS JOIN commission m ON m.id = l.commission CROSS JOIN conversion c ON c.event_id = m.conversion ORDER BY l.commission";

/// Leading bytes of an id that tell the milliseconds of its moment.
const MOMENT: usize = 6;

type Place = (BrandKey, &'static str, &'static str);

#[derive(Default)]
struct Counts {
    of: BTreeMap<Place, ConversionCount>,
}

impl Counts {
    /// The count that a row belongs to, by its first three columns.
    fn of_row(&mut self, row: &Row<'_>) -> Result<&mut ConversionCount, StateError> {
        let (brand, kind, verdict): (BrandKey, EventKind, Verdict) =
            (rows::brand(row, 0)?, rows::kind(row, 1)?, rows::verdict(row, 2)?);
        let place = (brand.clone(), kind.name(), verdict.name());
        Ok(self.of.entry(place).or_insert(ConversionCount { brand, kind, verdict, conversions: 0, paid: 0 }))
    }
}

/// Which conversions of one moment were met. Ids of lines begin with the moment of their conversion, so that those of one conversion lie close
/// together and only these have to be remembered.
#[derive(Default)]
struct OfOneMoment {
    moment: Vec<u8>,
    met: Vec<Vec<u8>>,
}

impl OfOneMoment {
    fn is_new(&mut self, line: &[u8], conversion: &[u8]) -> bool {
        let moment = line.get(..MOMENT).unwrap_or(line);
        if self.moment != moment {
            self.moment = moment.to_vec();
            self.met.clear();
        }
        let is_new = !self.met.iter().any(|met| met == conversion);
        if is_new {
            self.met.push(conversion.to_vec());
        }
        is_new
    }
}

pub(super) fn conversion_counts(connection: &Connection) -> Result<Vec<ConversionCount>, StateError> {
    let mut counts = Counts::default();
    each(connection, SETTLED, |row| {
        counts.of_row(row)?.conversions += 1;
        Ok(())
    })?;
    let mut met = OfOneMoment::default();
    each(connection, PAID, |row| {
        if met.is_new(rows::blob(row, 3)?, rows::blob(row, 4)?) {
            counts.of_row(row)?.paid += 1;
        }
        Ok(())
    })?;
    Ok(counts.of.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::sqlite::connection::{Purpose, open};

    #[test]
    fn counting_sorts_nothing_and_keeps_nothing_aside() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory.path().join("state.sqlite"), Purpose::Engine).unwrap();
        for sql in [SETTLED, PAID] {
            let mut statement = store.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> =
                statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            assert!(plan.iter().any(|step| step.starts_with("SCAN")), "{plan:?}");
            for step in &plan {
                assert!(
                    ["TEMP B-TREE", "MATERIALIZE", "AUTOMATIC"].iter().all(|costly| !step.contains(costly)),
                    "{plan:?}"
                );
            }
        }
    }

    #[test]
    fn conversions_of_one_moment_are_told_apart_and_forgotten_with_it() {
        let mut met = OfOneMoment::default();
        let line = |moment: u8, number: u8| [0, 0, 0, 0, 0, moment, number];
        assert!(met.is_new(&line(1, 1), b"one") && met.is_new(&line(1, 2), b"two"));
        assert!(!met.is_new(&line(1, 3), b"one"));
        assert!(met.is_new(&line(2, 1), b"three"));
        assert_eq!(met.met.len(), 1);
    }
}
