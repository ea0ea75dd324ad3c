//! A slice of the log on its way into the engine: read, decoded, and with the identity nodes of every fact. Nothing of it depends on what is stored,
//! so that the next slice can be made ready while the one before is committed.

use tributary_domain::configuration::Configuration;
use tributary_domain::fact::{Fact, FactBody};
use tributary_domain::identity::{Guards, NodeKey, nodes};
use tributary_domain::time::Timestamp;
use tributary_store::log::{LogReader, LogRecord, Sequence, Way};
use tributary_store::wire;

use super::EngineError;

/// A decoded log record.
pub(super) struct Arrival {
    pub(super) sequence: Sequence,
    pub(super) way: Way,
    pub(super) received_at: Timestamp,
    pub(super) fact: Fact,
    /// What connects it with others, under the batch's revision of the set-up.
    pub(super) nodes: Vec<NodeKey>,
}

/// Log records in their order, from a place on.
pub(super) struct Batch {
    /// The record before the first.
    pub(super) after: Sequence,
    /// The last one; `after` when there is none.
    pub(super) reached: Sequence,
    /// Revision of the set-up that the nodes follow from.
    revision: u64,
    pub(super) arrivals: Vec<Arrival>,
}

impl Batch {
    /// No log records: the clusters that wait for another settlement are all there is.
    pub(super) fn empty(after: Sequence, configuration: &Configuration) -> Self {
        Self { after, reached: after, revision: configuration.revision, arrivals: Vec::new() }
    }

    /// Reads at most `limit` records.
    pub(super) fn read(
        log: &dyn LogReader,
        after: Sequence,
        limit: usize,
        configuration: &Configuration,
    ) -> Result<Self, EngineError> {
        let records = log.read_after(after, limit)?;
        let arrivals = records.iter().map(|record| Arrival::decoded(record, configuration));
        Ok(Self {
            after,
            reached: records.last().map_or(after, |record| record.sequence),
            revision: configuration.revision,
            arrivals: arrivals.collect::<Result<_, _>>()?,
        })
    }

    /// Whether it says anything about payouts.
    pub(super) fn concerns_payouts(&self) -> bool {
        let of_payout =
            |body: &FactBody| matches!(body, FactBody::PayoutPrepared(_) | FactBody::PayoutAdvanced(_));
        self.arrivals.iter().any(|arrival| of_payout(&arrival.fact.body))
    }

    /// Whether this is what follows `after` under this set-up.
    pub(super) fn follows(&self, after: Sequence, configuration: &Configuration) -> bool {
        self.after == after && self.revision == configuration.revision
    }
}

impl Arrival {
    /// A fact at its place in the log, with its nodes under a set-up.
    pub(super) fn new(
        sequence: Sequence,
        way: Way,
        received_at: Timestamp,
        fact: Fact,
        configuration: &Configuration,
    ) -> Self {
        let namespace = configuration.transaction_namespace(&fact.source, fact.occurred_at);
        let nodes = nodes(&fact, namespace, &Guards::of(configuration, &fact.brand));
        Self { sequence, way, received_at, fact, nodes }
    }

    fn decoded(record: &LogRecord, configuration: &Configuration) -> Result<Self, EngineError> {
        let fact = wire::fact::decode(&record.fact).map_err(|problem| EngineError::Record {
            sequence: record.sequence.0,
            problem: problem.to_string(),
        })?;
        Ok(Self::new(record.sequence, record.way, record.received_at, fact, configuration))
    }
}
