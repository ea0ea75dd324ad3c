//! Everything the first page says, read from the running system as one value.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use thiserror::Error;
use tributary_domain::configuration::Configuration;
use tributary_domain::fact::EventKind;
use tributary_domain::ids::BrandKey;
use tributary_domain::settlement::Conversion;
use tributary_domain::time::Timestamp;
use tributary_store::log::{ConflictRecord, LogError, LogReader};
use tributary_store::refusals::RefusalError;
use tributary_store::state::{Payout, StateError, StateReader, StoredFact};

use super::partners::{Book, PartnerMoney, books, partners};
use super::stages::{Stage, settled, stages};

/// Rows of each list on the page.
const ROWS: usize = 20;
const ROWS_LOOKED_AT: usize = 500;
const PAYOUTS: usize = 10;
const CONFLICTS: usize = 5;

/// How long reading again is tried when the engine commits in between: while it works, a slow reading never gets a still moment.
const PATIENCE: Duration = Duration::from_millis(250);

/// Why a page cannot be made.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The notes about refused requests failed.
    #[error(transparent)]
    Refusals(#[from] RefusalError),
    /// The reading was cut off.
    #[error("the reading was cut off")]
    CutOff,
}

/// What moment of the system figures show.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// The last log record that the figures include.
    pub event: u64,
    /// The newest log record.
    pub log: u64,
    /// Log records that the figures do not include yet.
    pub lag: u64,
    /// Groups of facts that wait to be settled again after a change of the set-up.
    pub queue: u64,
    /// Whether the engine committed while the figures were read, so that they may mix two moments.
    pub moving: bool,
}

/// Reads figures of one moment: again, for a while, when the engine committed in between.
///
/// # Errors
/// When store or log cannot be read.
pub fn at_one_moment<T>(
    state: &dyn StateReader,
    log: &dyn LogReader,
    read: impl Fn() -> Result<T, ReadError>,
) -> Result<(AsOf, T), ReadError> {
    let moment = || -> Result<(u64, u64), ReadError> { Ok((state.checkpoint()?.0, state.queue_length()?)) };
    let began = Instant::now();
    let mut before = moment()?;
    let mut figures = read()?;
    let mut after = moment()?;
    while before != after && began.elapsed() < PATIENCE {
        before = after;
        figures = read()?;
        after = moment()?;
    }
    let (event, queue) = before;
    let as_of = AsOf { event, log: event, lag: 0, queue, moving: before != after };
    Ok((as_of.with_log(log.last()?.0), figures))
}

impl AsOf {
    /// The same beside a log that has grown meanwhile.
    #[must_use]
    pub fn with_log(self, newest: u64) -> Self {
        Self { log: newest.max(self.event), lag: newest.saturating_sub(self.event), ..self }
    }
}

/// The first page.
#[derive(Debug)]
pub struct Overview {
    /// What moment it shows.
    pub as_of: AsOf,
    /// When it was read.
    pub read_at: Timestamp,
    /// Every brand with its name for people.
    pub brands: Vec<(BrandKey, String)>,
    /// The brand shown; `None` when there is none.
    pub brand: Option<BrandKey>,
    /// Conflicts in the whole log.
    pub conflicts: u64,
    /// The newest conflicts.
    pub newest_conflicts: Vec<ConflictRecord>,
    /// The brand's figures.
    pub figures: Figures,
}

/// One brand's figures.
#[derive(Debug, Default)]
pub struct Figures {
    /// The funnel.
    pub stages: Vec<Stage>,
    /// Partners with commission.
    pub partners: Vec<PartnerMoney>,
    /// Partners that are set up.
    pub known_partners: usize,
    /// The books per currency.
    pub books: Vec<Book>,
    /// The newest payouts.
    pub payouts: Vec<Payout>,
    /// The newest events.
    pub events: Vec<StoredFact>,
    /// The newest conversions.
    pub conversions: Vec<Conversion>,
}

impl Overview {
    /// Reads the page of a brand, of the first one unless one is named.
    ///
    /// # Errors
    /// When store or log cannot be read.
    pub fn read(
        state: &dyn StateReader,
        log: &dyn LogReader,
        configuration: &Configuration,
        wanted: Option<&BrandKey>,
        read_at: Timestamp,
    ) -> Result<Self, ReadError> {
        let brands = brands(state, configuration)?;
        let brand = wanted.or(brands.first().map(|(key, _)| key)).cloned();
        let (as_of, figures) = at_one_moment(state, log, || match &brand {
            Some(brand) => Ok(Figures::read(state, configuration, brand)?),
            None => Ok(Figures::default()),
        })?;
        Ok(Self {
            as_of,
            read_at,
            brands,
            brand,
            conflicts: log.conflict_count()?,
            newest_conflicts: log.conflicts(CONFLICTS)?,
            figures,
        })
    }
}

impl Figures {
    fn read(
        state: &dyn StateReader,
        configuration: &Configuration,
        brand: &BrandKey,
    ) -> Result<Self, StateError> {
        let balances = state.balances()?;
        let mut sums = state.commission_sums()?;
        sums.retain(|sum| sum.brand == *brand);
        let mut payouts =
            state.payouts(None, if configuration.brands.len() > 1 { usize::MAX } else { PAYOUTS })?;
        payouts.retain(|payout| payout.brand == *brand);
        payouts.truncate(PAYOUTS);
        Ok(Self {
            stages: funnel(state, configuration)?
                .remove(brand)
                .unwrap_or_else(|| stages(0, Default::default())),
            partners: partners(&sums, &balances, configuration),
            known_partners: configuration.partners.keys().filter(|(of, _)| of == brand).count(),
            books: books(brand, &balances),
            payouts,
            events: events(state, brand)?,
            conversions: state.latest_conversions(Some(brand), ROWS)?,
        })
    }
}

/// The newest events, without the steps of payouts: a run would push everything else off the page, which shows payouts anyway.
fn events(state: &dyn StateReader, brand: &BrandKey) -> Result<Vec<StoredFact>, StateError> {
    let mut events = state.latest_facts(Some(brand), ROWS_LOOKED_AT)?;
    events.retain(|stored| !stored.fact.body.kind().is_command());
    events.truncate(ROWS);
    Ok(events)
}

/// The funnel of every brand that is set up or has events.
///
/// # Errors
/// When the store cannot be read.
pub fn funnel(
    state: &dyn StateReader,
    configuration: &Configuration,
) -> Result<BTreeMap<BrandKey, Vec<Stage>>, StateError> {
    let mut counts = settled(state)?;
    let mut clicks: BTreeMap<BrandKey, u64> =
        configuration.brands.keys().map(|brand| (brand.clone(), 0)).collect();
    for (brand, kind, number) in state.fact_counts()? {
        let clicked = clicks.entry(brand).or_default();
        if kind == EventKind::Click {
            *clicked = number;
        }
    }
    Ok(clicks
        .into_iter()
        .map(|(brand, clicked)| {
            let settled = counts.remove(&brand).unwrap_or_default();
            (brand, stages(clicked, settled))
        })
        .collect())
}

/// Brands that are set up or have events, by key.
fn brands(
    state: &dyn StateReader,
    configuration: &Configuration,
) -> Result<Vec<(BrandKey, String)>, StateError> {
    let mut brands: BTreeMap<BrandKey, String> = state
        .fact_counts()?
        .into_iter()
        .map(|(brand, _, _)| (brand.clone(), brand.as_str().to_owned()))
        .collect();
    for (key, versions) in &configuration.brands {
        brands.insert(key.clone(), versions.latest().name.clone());
    }
    Ok(brands.into_iter().collect())
}
