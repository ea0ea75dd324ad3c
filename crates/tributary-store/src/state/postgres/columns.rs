//! The rows of one commit, column by column, as `UNNEST` takes them: one statement per table whatever the number of rows.
//!
//! PostgreSQL refuses to touch a row twice in one upsert, so what may name a row twice is added up or reduced to its last value here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tributary_domain::fact::EventKind;
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{BrandKey, EventId};
use tributary_domain::ledger::{Account, Entry};
use tributary_domain::money::Currency;
use tributary_domain::reason::Reason;
use tributary_domain::settlement::Conversion;

use super::rows::{Id, stored_number, unreadable};
use crate::postgres_connection::Request;
use crate::state::subject::pack_subject;
use crate::state::{ClusterId, Payout, RollupKey, RollupMeasures, StateError, StoredFact};
use crate::wire;

/// Declares a struct of columns; `request` is the statement that takes all of them in their order.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $( $column:ident: $kind:ty, )* } $sql:expr) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name $(<$life>)? {
            $( pub(super) $column: Vec<$kind>, )*
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// The statement, unless there is nothing to write.
            pub(super) fn request(&self) -> Option<Request<'_>> {
                let rows = [$( self.$column.len(), )*];
                (rows[0] > 0).then(|| Request::new($sql, vec![$( &self.$column, )*]))
            }
        }
    };
}

columns! {
    /// New facts.
    Facts<'a> {
        sequence: i64,
        event_id: Id,
        cluster: i64,
        is_action: bool,
        occurred_at: i64,
        received_at: i64,
        brand: &'a str,
        source: &'a str,
        kind: &'static str,
        way: &'static str,
        outcome: &'static str,
        body: Vec<u8>,
    }
    "INSERT INTO fact (sequence, event_id, cluster, is_action, occurred_at, received_at, brand, source, kind, way, outcome, body) \
     SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::boolean[], $5::bigint[], $6::bigint[], $7::text[], \
     $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[])"
}

impl<'a> Facts<'a> {
    /// The columns of these facts.
    pub(super) fn of(facts: &'a [StoredFact]) -> Result<Self, StateError> {
        let mut columns = Self::default();
        for stored in facts {
            let fact = &stored.fact;
            columns.sequence.push(stored_number(stored.sequence.0)?);
            columns.event_id.push(fact.event_id.into());
            columns.cluster.push(stored_number(stored.cluster.0)?);
            columns.is_action.push(fact.body.action().is_some());
            columns.occurred_at.push(fact.occurred_at.0);
            columns.received_at.push(stored.received_at.0);
            columns.brand.push(fact.brand.as_str());
            columns.source.push(fact.source.as_str());
            columns.kind.push(fact.body.kind().name());
            columns.way.push(stored.way.name());
            columns.outcome.push(stored.outcome.code());
            columns.body.push(wire::fact::encode(fact));
        }
        Ok(columns)
    }
}

columns! {
    /// How many facts of each kind are new.
    FactCounts<'a> {
        brand: &'a str,
        kind: &'static str,
        facts: i64,
    }
    "INSERT INTO fact_count (brand, kind, facts) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) \
     ON CONFLICT (brand, kind) DO UPDATE SET facts = fact_count.facts + EXCLUDED.facts"
}

impl<'a> FactCounts<'a> {
    /// Counts these facts.
    pub(super) fn of(facts: &'a [StoredFact]) -> Self {
        let mut counts: BTreeMap<(&BrandKey, EventKind), i64> = BTreeMap::new();
        for stored in facts {
            *counts.entry((&stored.fact.brand, stored.fact.body.kind())).or_insert(0) += 1;
        }
        let mut columns = Self::default();
        for ((brand, kind), facts) in counts {
            columns.brand.push(brand.as_str());
            columns.kind.push(kind.name());
            columns.facts.push(facts);
        }
        columns
    }
}

columns! {
    /// New outcomes of facts; answers one row per fact that was found.
    Outcomes {
        event_id: Id,
        outcome: &'static str,
    }
    "UPDATE fact f SET outcome = u.outcome FROM unnest($1::uuid[], $2::text[]) AS u (event_id, outcome) \
     WHERE f.event_id = u.event_id RETURNING f.event_id"
}

impl Outcomes {
    /// The last outcome of each fact.
    pub(super) fn of(outcomes: &[(EventId, Reason)]) -> Self {
        let last: BTreeMap<EventId, Reason> = outcomes.iter().copied().collect();
        let mut columns = Self::default();
        for (event, outcome) in last {
            columns.event_id.push(event.into());
            columns.outcome.push(outcome.code());
        }
        columns
    }
}

columns! {
    /// Identity nodes.
    Nodes {
        node: Id,
        cluster: i64,
    }
    "INSERT INTO identity_node (node, cluster) SELECT * FROM unnest($1::uuid[], $2::bigint[]) \
     ON CONFLICT (node) DO UPDATE SET cluster = EXCLUDED.cluster"
}

impl Nodes {
    /// The last cluster of each node, in the order of the index.
    pub(super) fn of(nodes: &[(NodeKey, ClusterId)]) -> Result<Self, StateError> {
        let last: BTreeMap<NodeKey, ClusterId> = nodes.iter().copied().collect();
        let mut columns = Self::default();
        for (node, cluster) in last {
            columns.node.push(Id(node.0));
            columns.cluster.push(stored_number(cluster.0)?);
        }
        Ok(columns)
    }
}

columns! {
    /// Conversions as they are from now on.
    Conversions<'a> {
        event_id: Id,
        cluster: i64,
        brand: &'a str,
        occurred_at: i64,
        transaction_id: Option<&'a str>,
        settled: Vec<u8>,
    }
    "INSERT INTO conversion (event_id, cluster, brand, occurred_at, transaction_id, settled) \
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bytea[])"
}

impl<'a> Conversions<'a> {
    /// Adds one.
    pub(super) fn put(&mut self, cluster: i64, conversion: &'a Conversion) -> Result<(), StateError> {
        self.event_id.push(conversion.event_id.into());
        self.cluster.push(cluster);
        self.brand.push(conversion.brand.as_str());
        self.occurred_at.push(conversion.occurred_at.0);
        self.transaction_id.push(conversion.transaction.as_ref().map(|transaction| transaction.as_str()));
        let settled =
            wire::conversion::encode(conversion).map_err(|error| unreadable("a conversion", &error))?;
        self.settled.push(settled);
        Ok(())
    }
}

columns! {
    /// Credits of the conversions that were put.
    Credits<'a> {
        conversion: Id,
        position: i32,
        earner: Cow<'a, str>,
        currency: &'a str,
        weight: i64,
        total_weight: i64,
        minor: i64,
    }
    "INSERT INTO credit (conversion, position, earner, currency, weight, total_weight, minor) \
     SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])"
}

impl<'a> Credits<'a> {
    /// Adds those of one conversion.
    pub(super) fn put(&mut self, conversion: &'a Conversion) -> Result<(), StateError> {
        let currency = conversion.value.as_ref().map_or("", |value| value.currency.code());
        for (position, credit) in (0i32..).zip(&conversion.credits) {
            self.conversion.push(conversion.event_id.into());
            self.position.push(position);
            self.earner.push(wire::conversion::earner_name(&credit.earner));
            self.currency.push(currency);
            self.weight.push(stored_number(credit.weight)?);
            self.total_weight.push(stored_number(credit.total_weight)?);
            self.minor.push(credit.minor);
        }
        Ok(())
    }
}

columns! {
    /// Commission lines of the conversions that were put.
    Commissions<'a> {
        id: Id,
        conversion: Id,
        cluster: i64,
        brand: &'a str,
        partner: &'a str,
        plan: &'a str,
        currency: &'a str,
        granted: i64,
        owed: i64,
        state: &'static str,
        reason: &'static str,
        payable_from: i64,
    }
    "INSERT INTO commission (id, conversion, cluster, brand, partner, plan, currency, granted, owed, state, reason, payable_from) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
     $9::bigint[], $10::text[], $11::text[], $12::bigint[])"
}

impl<'a> Commissions<'a> {
    /// Adds those of one conversion.
    pub(super) fn put(&mut self, cluster: i64, conversion: &'a Conversion) {
        for commission in &conversion.commissions {
            self.id.push(commission.id.into());
            self.conversion.push(conversion.event_id.into());
            self.cluster.push(cluster);
            self.brand.push(conversion.brand.as_str());
            self.partner.push(commission.partner.as_str());
            self.plan.push(commission.plan.as_str());
            self.currency.push(commission.granted.currency.code());
            self.granted.push(commission.granted.minor);
            self.owed.push(commission.owed);
            self.state.push(commission.state.name());
            self.reason.push(commission.reason.code());
            self.payable_from.push(commission.payable_from.0);
        }
    }
}

columns! {
    /// Payouts; of one that is stored only the step changes.
    Payouts<'a> {
        id: &'a str,
        brand: &'a str,
        run: &'a str,
        step: &'static str,
        reference: Option<&'a str>,
        prepared_at: i64,
        stepped_at: i64,
        plan: Vec<u8>,
    }
    "INSERT INTO payout (id, brand, run, step, reference, prepared_at, stepped_at, plan) \
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[]) \
     ON CONFLICT (id) DO UPDATE SET step = EXCLUDED.step, reference = EXCLUDED.reference, stepped_at = EXCLUDED.stepped_at"
}

impl<'a> Payouts<'a> {
    /// The columns of these payouts, each named once.
    pub(super) fn of(payouts: impl Iterator<Item = &'a Payout>) -> Result<Self, StateError> {
        let mut columns = Self::default();
        for payout in payouts {
            columns.id.push(&payout.plan.payout.0);
            columns.brand.push(payout.brand.as_str());
            columns.run.push(&payout.plan.run);
            columns.step.push(payout.step.name());
            columns.reference.push(payout.reference.as_deref());
            columns.prepared_at.push(payout.prepared_at.0);
            columns.stepped_at.push(payout.stepped_at.0);
            let plan = wire::payout::encode(&payout.plan).map_err(|error| unreadable("a payout", &error))?;
            columns.plan.push(plan);
        }
        Ok(columns)
    }
}

columns! {
    /// Lines of new payouts.
    PayoutLines<'a> {
        commission: Id,
        payout: &'a str,
        minor: i64,
    }
    "INSERT INTO payout_line (commission, payout, minor) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])"
}

impl<'a> PayoutLines<'a> {
    /// The lines of these payouts, one row per payout and commission line.
    pub(super) fn of(payouts: impl Iterator<Item = &'a Payout>) -> Self {
        let mut sums: BTreeMap<(&str, Id), i64> = BTreeMap::new();
        for payout in payouts {
            for (line, minor) in &payout.plan.lines {
                *sums.entry((&payout.plan.payout.0, Id::from(*line))).or_insert(0) += minor;
            }
        }
        let mut columns = Self::default();
        for ((payout, line), minor) in sums {
            columns.commission.push(line);
            columns.payout.push(payout);
            columns.minor.push(minor);
        }
        columns
    }
}

columns! {
    /// Ledger entries.
    Entries<'a> {
        brand: &'a str,
        number: i64,
        debit: String,
        credit: String,
        currency: &'a str,
        minor: i64,
        subject: Vec<u8>,
        cause: Id,
        hash: &'a [u8],
    }
    "INSERT INTO ledger_entry (brand, number, debit, credit, currency, minor, subject, cause, hash) \
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::uuid[], \
     $9::bytea[])"
}

impl<'a> Entries<'a> {
    /// The columns of these entries.
    pub(super) fn of(entries: &'a [Entry]) -> Result<Self, StateError> {
        let mut columns = Self::default();
        for entry in entries {
            columns.brand.push(entry.brand.as_str());
            columns.number.push(stored_number(entry.number)?);
            columns.debit.push(entry.transfer.debit.to_string());
            columns.credit.push(entry.transfer.credit.to_string());
            columns.currency.push(entry.amount.currency.code());
            columns.minor.push(entry.amount.minor);
            columns.subject.push(pack_subject(&entry.subject));
            columns.cause.push(entry.cause.into());
            columns.hash.push(&entry.hash);
        }
        Ok(columns)
    }
}

columns! {
    /// Changes of balances.
    Balances<'a> {
        brand: &'a str,
        account: String,
        currency: &'a str,
        minor: i64,
    }
    "INSERT INTO balance (brand, account, currency, minor) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) \
     ON CONFLICT (brand, account, currency) DO UPDATE SET minor = balance.minor + EXCLUDED.minor"
}

impl<'a> Balances<'a> {
    /// The sum of the changes of each account.
    pub(super) fn of(changes: &'a [((BrandKey, Account, Currency), i64)]) -> Self {
        let mut sums: BTreeMap<&(BrandKey, Account, Currency), i64> = BTreeMap::new();
        for (key, minor) in changes {
            *sums.entry(key).or_insert(0) += minor;
        }
        let mut columns = Self::default();
        for ((brand, account, currency), minor) in sums {
            columns.brand.push(brand.as_str());
            columns.account.push(account.to_string());
            columns.currency.push(currency.code());
            columns.minor.push(minor);
        }
        columns
    }
}

columns! {
    /// Changes of rollups.
    Rollups<'a> {
        brand: &'a str,
        hour: i64,
        campaign: &'a str,
        earner: &'a str,
        currency: &'a str,
        clicks: i64,
        impressions: i64,
        registrations_ppm: i64,
        qualifications_ppm: i64,
        conversions_ppm: i64,
        value: i64,
        refunded: i64,
        commission: i64,
    }
    "INSERT INTO rollup AS r (brand, hour, campaign, earner, currency, clicks, impressions, registrations_ppm, \
     qualifications_ppm, conversions_ppm, value, refunded, commission) \
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], \
     $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[]) \
     ON CONFLICT (brand, hour, campaign, earner, currency) DO UPDATE SET clicks = r.clicks + EXCLUDED.clicks, \
     impressions = r.impressions + EXCLUDED.impressions, \
     registrations_ppm = r.registrations_ppm + EXCLUDED.registrations_ppm, \
     qualifications_ppm = r.qualifications_ppm + EXCLUDED.qualifications_ppm, \
     conversions_ppm = r.conversions_ppm + EXCLUDED.conversions_ppm, value = r.value + EXCLUDED.value, \
     refunded = r.refunded + EXCLUDED.refunded, commission = r.commission + EXCLUDED.commission"
}

impl<'a> Rollups<'a> {
    /// The sum of the changes of each row.
    pub(super) fn of(changes: &'a [(RollupKey, RollupMeasures)]) -> Self {
        let mut sums: BTreeMap<&RollupKey, RollupMeasures> = BTreeMap::new();
        for (key, change) in changes {
            let sum = sums.entry(key).or_default();
            sum.clicks += change.clicks;
            sum.impressions += change.impressions;
            sum.registrations_ppm += change.registrations_ppm;
            sum.qualifications_ppm += change.qualifications_ppm;
            sum.conversions_ppm += change.conversions_ppm;
            sum.value += change.value;
            sum.refunded += change.refunded;
            sum.commission += change.commission;
        }
        let mut columns = Self::default();
        for (key, sum) in sums {
            columns.brand.push(key.brand.as_str());
            columns.hour.push(key.hour.0);
            columns.campaign.push(&key.campaign);
            columns.earner.push(&key.earner);
            columns.currency.push(&key.currency);
            columns.clicks.push(sum.clicks);
            columns.impressions.push(sum.impressions);
            columns.registrations_ppm.push(sum.registrations_ppm);
            columns.qualifications_ppm.push(sum.qualifications_ppm);
            columns.conversions_ppm.push(sum.conversions_ppm);
            columns.value.push(sum.value);
            columns.refunded.push(sum.refunded);
            columns.commission.push(sum.commission);
        }
        columns
    }
}
