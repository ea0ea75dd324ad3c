//! An installation inside the test's own process: the intake and the engine without the server, for thousands of small runs.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tributary::desk::Desk;
use tributary::edge::intake::{Sender, source};
use tributary::edge::outcome::{Outcome, Status};
use tributary::operations::state_hash::state_hash;
use tributary::operations::verify::verify;
use tributary::settings::{self, Layers, Settings};
use tributary::setup::live::{opened, sealed};
use tributary::setup::{Document, Kind, SetupFile, plan};
use tributary::storage::Storage;
use tributary_adapters::canonical::{DecodingRules, Fields, decode, fields_from_json, fields_from_query};
use tributary_adapters::import::{ColumnMap, Format, Limits, RowReader};
use tributary_domain::ids::BrandKey;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;
use tributary_store::state::{ConfigurationStore as _, ConversionFilter, StateReader as _};
use tributary_store::suite::postgres_server;

use super::sender::{as_csv, as_query};

/// An event and the source that sends it.
pub type Sent = (&'static str, Value);

/// A fresh installation with its own keys.
pub struct House {
    /// What the operator opens: intake, engine and readers.
    pub desk: Desk,
    storage: Storage,
    _directory: TempDir,
}

/// Where a house keeps its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// Files.
    Sqlite,
    /// A database of its own.
    Postgres,
}

impl House {
    /// Builds a house with this set-up, whose engine takes so many records at once.
    pub fn new(ground: Ground, set_up: &str, batch: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings_in(directory.path(), ground, batch);
        let storage = Storage::of(&settings);
        storage.create_directory().unwrap();
        apply(&storage, set_up, Timestamp(0));
        Self { desk: Desk::open(&settings).unwrap(), storage, _directory: directory }
    }

    /// Changes the set-up from this moment of event time on.
    pub fn change(&mut self, set_up: &str, from: Timestamp) {
        apply(&self.storage, set_up, from);
        self.desk.configuration.reload().unwrap();
    }

    /// Takes a batch in by this way, told at this moment, and nothing of it may be refused.
    #[track_caller]
    pub fn take(&self, batch: &[Sent], way: Way, at: Timestamp) -> Vec<Outcome> {
        let configuration = self.desk.configuration.current();
        let mut prepared = Vec::with_capacity(batch.len());
        for (key, event) in batch {
            let (key, source) = source(&configuration, key, at).unwrap();
            let (fields, rules) = said(event, way, &key, &configuration);
            let decoded = decode(&fields, &rules).unwrap_or_else(|refusal| panic!("{refusal}: {event}"));
            let sender =
                Sender { brand: &source.brand, source: &key, way, received_at: at, message_id: None };
            let raw = event.to_string();
            let ready = self.desk.intake.prepare(&configuration, sender, decoded, raw.as_bytes());
            prepared.push(ready.unwrap_or_else(|refusal| panic!("{refusal}: {event}")));
        }
        let outcomes = self.desk.intake.append_blocking(prepared);
        for (outcome, (_, event)) in outcomes.iter().zip(batch) {
            assert_ne!(outcome.status, Status::Rejected, "{outcome:?}: {event}");
        }
        outcomes
    }

    /// Takes everything in the log into account.
    pub fn settle(&mut self) {
        self.desk.catch_up().unwrap();
    }

    /// The hash over all derived state.
    pub fn hash(&self) -> String {
        state_hash(self.desk.state.as_ref()).unwrap()
    }

    /// Asserts that every invariant holds and that credits sum to their conversion's value.
    #[track_caller]
    pub fn holds(&self) {
        let (log, state) = (self.desk.log.as_ref(), self.desk.state.as_ref());
        let report = verify(log, state, &self.desk.configuration.current()).unwrap();
        if let Some((law, fault)) = report.first_fault() {
            panic!("{law}: {fault}");
        }
        for (_, conversion) in state.conversions(&ConversionFilter::default(), None, 1_000_000).unwrap() {
            let credited: i64 = conversion.credits.iter().map(|credit| credit.minor).sum();
            let value = conversion.value.map_or(0, |value| value.minor);
            assert!(conversion.credits.is_empty() || credited == value, "{conversion:?}");
        }
    }
}

/// Applies a set-up text as `tributary apply` does.
fn apply(storage: &Storage, text: &str, now: Timestamp) {
    let (keyring, store) = (storage.keyring().unwrap(), storage.configuration().unwrap());
    let stored = opened(&store.load_configuration().unwrap().1, &keyring).unwrap();
    let brands: Vec<BrandKey> = stored
        .iter()
        .filter(|row| row.kind == Kind::Brand.name())
        .map(|row| BrandKey::parse(&row.key).unwrap())
        .collect();
    let file = SetupFile { name: "set-up.yaml".to_owned(), text: text.to_owned() };
    let document = Document::read(&[file], &brands, &|_| None).unwrap();
    let changes = plan(&stored, &document, now).unwrap();
    let rows = sealed(&changes.rows, &keyring, now).unwrap();
    store.save_configuration(&rows, changes.judged_anew()).unwrap();
}

fn settings_in(directory: &Path, ground: Ground, batch: u64) -> Settings {
    let mut flags = vec![
        ("data_dir".to_owned(), directory.join("data").to_str().unwrap().to_owned()),
        ("engine.batch_events".to_owned(), batch.to_string()),
    ];
    if ground == Ground::Postgres {
        flags.push(("database_url".to_owned(), postgres_server::fresh_database()));
    }
    settings::load(&Layers { file: None, environment: Vec::new(), flags }).unwrap().0
}

/// The same event as the words of one way in: JSON, the parameters of a postback, or a row of a file.
fn said(
    event: &Value,
    way: Way,
    key: &tributary_domain::ids::SourceKey,
    configuration: &tributary_domain::configuration::Configuration,
) -> (Fields, DecodingRules) {
    let source = configuration.sources[key].latest();
    match way {
        Way::Postback => (fields_from_query(&as_query(event)).unwrap(), DecodingRules::postback_for(source)),
        Way::Import => {
            let file = as_csv(std::slice::from_ref(event));
            let map = ColumnMap::default();
            let mut rows = RowReader::open(file.as_bytes(), Format::Csv, &map, Limits::default()).unwrap();
            let row = rows.next().unwrap().unwrap();
            (row.fields.unwrap(), map.rules(&DecodingRules::canonical_for(source)))
        }
        _ => (fields_from_json(event.to_string().as_bytes()).unwrap(), DecodingRules::canonical_for(source)),
    }
}
