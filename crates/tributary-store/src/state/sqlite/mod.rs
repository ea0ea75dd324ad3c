//! The store in one SQLite file: one writer, many readers, nothing to install.
//!
//! | file | what it does |
//! | --- | --- |
//! | `connection` | opens the file: settings, the engine's lock, migrations |
//! | `rows` | from columns to the domain's types |
//! | `lookup` | what engine and pages both look up: clusters, locks, payouts |
//! | `writer`, `commit` | the engine's side |
//! | `configuration` | the set-up, written beside a running engine |
//! | `reader`, `listing`, `counting` | what pages, reports and audits read |
//!
//! # Merges
//! Facts and nodes keep the cluster number that they were written with. That a cluster became part of another is one row of
//! `cluster_alias`, whose target is always a cluster of today: a merge costs the same for a person with two facts and with two thousand,
//! and no old page is written again. Whoever reads a cluster number resolves it; whoever loads a cluster reads its aliases too.
//!
//! # Durability
//! See `connection::Purpose`: the engine's commits survive the end of the process at once; after a loss of power the file is as it was
//! after an earlier whole commit, and the log gives the rest again. The set-up survives a loss of power when `save_configuration` returns.

mod commit;
mod configuration;
mod connection;
mod counting;
mod listing;
mod lookup;
mod reader;
mod rows;
mod writer;

pub use configuration::SqliteConfigurationStore;
pub use reader::SqliteStateReader;
pub use writer::SqliteStateWriter;
