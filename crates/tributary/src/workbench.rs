//! A small installation in a temporary directory, for unit tests of what works on one.

use tempfile::TempDir;
use tributary_adapters::canonical::fields_from_json;
use tributary_adapters::import::ColumnMap;
use tributary_domain::ids::{BrandKey, SourceKey};
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;
use tributary_store::state::JudgedAnew;

use crate::desk::Desk;
use crate::edge::outcome::Outcome;
use crate::importing::{DirectDoor, Door as _, Submission};
use crate::settings::Settings;
use crate::setup::live::sealed;
use crate::setup::{Document, SetupFile, plan};
use crate::storage::Storage;

/// One brand, two partners who get a tenth of every purchase at once, and a shop.
const SET_UP: &str = "
brands: [{key: acme, currency: EUR}]
plans: [{key: tenth, rules: [{goal: purchase, pays: '10%'}]}]
campaigns: [{key: spring, tier: conversion, destination: 'https://acme.example/', model: linear, plan: tenth}]
partners: [{key: anna, kind: creator}, {key: ben, kind: affiliate, minimum_payout: ['50.00 EUR']}]
links: [{key: a, partner: anna, campaign: spring}, {key: b, partner: ben, campaign: spring}]
sources: [{key: shop, secrets: ['0123456789abcdef'], default_currency: EUR}]
";

/// The moment at which everything on the workbench is said to be done.
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

/// The installation; it goes away with this value.
pub(crate) struct Workbench {
    pub(crate) directory: TempDir,
    pub(crate) desk: Desk,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self::with(SET_UP)
    }

    /// An installation with another set-up.
    pub(crate) fn with(set_up: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: directory.path().join("data"), ..Settings::default() };
        let storage = Storage::of(&settings);
        storage.create_directory().unwrap();
        let keyring = storage.keyring().unwrap();
        let file = SetupFile { name: "setup.yaml".to_owned(), text: set_up.to_owned() };
        let document = Document::read(&[file], &[], &|_| None).unwrap();
        let rows = sealed(&plan(&[], &document, NOW).unwrap().rows, &keyring, NOW).unwrap();
        storage.configuration().unwrap().save_configuration(&rows, JudgedAnew::NOTHING).unwrap();
        drop(keyring);
        Self { desk: Desk::open(&settings).unwrap(), directory }
    }

    /// The shop's door into the log.
    pub(crate) fn door(&self) -> DirectDoor {
        self.door_of("shop")
    }

    /// A source's door into the log.
    pub(crate) fn door_of(&self, source: &str) -> DirectDoor {
        let configuration = self.desk.configuration.current();
        let map = ColumnMap::default();
        DirectDoor::open(self.desk.intake.clone(), configuration, source, &map, Way::Import).unwrap()
    }

    /// Takes events in and settles them.
    pub(crate) fn send(&mut self, events: &[&str]) -> Vec<Outcome> {
        let outcomes = self.tell("shop", events);
        self.desk.catch_up().unwrap();
        outcomes
    }

    /// Takes events of a source in and leaves them to the engine.
    pub(crate) fn tell(&self, source: &str, events: &[&str]) -> Vec<Outcome> {
        let events = events.iter().map(|json| Submission {
            fields: fields_from_json(json.as_bytes()).unwrap(),
            raw: json.as_bytes().to_vec(),
        });
        self.door_of(source).submit(events.collect()).unwrap()
    }

    /// A customer who clicks both partners' links and buys for 90.00 EUR under this order number.
    pub(crate) fn sell(&mut self, order: &str) {
        let event = |kind: &str, day: u32, more: &str| {
            format!(
                r#"{{"event_type":"{kind}","timestamp":"2026-03-0{day}T10:00:00Z","customer_id":"c-{order}",{more}}}"#
            )
        };
        let purchase = format!(r#""transaction_id":"{order}","value":"90.00","status":"approved""#);
        let events = [
            event("click", 1, r#""link":"a""#),
            event("click", 2, r#""link":"b""#),
            event("conversion", 3, &purchase),
        ];
        let outcomes = self.send(&events.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(outcomes.iter().all(|outcome| outcome.status == crate::edge::outcome::Status::Accepted));
    }

    pub(crate) fn brand() -> BrandKey {
        BrandKey::parse("acme").unwrap()
    }

    pub(crate) fn shop() -> SourceKey {
        SourceKey::parse("shop").unwrap()
    }

    /// Writes a file beside the data and answers its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}
