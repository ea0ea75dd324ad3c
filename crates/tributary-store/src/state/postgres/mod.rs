//! The store in PostgreSQL: one writer, many readers, on as many machines as there are.
//!
//! | file | what it does |
//! | --- | --- |
//! | `connection` | settings of a connection by purpose, migrations; see [`crate::postgres_connection`] |
//! | `rows` | from columns to the domain's types |
//! | `lookup` | what engine and pages both look up: clusters, locks, payouts |
//! | `writer`, `commit`, `columns` | the engine's side: one statement per table and commit, rows as arrays |
//! | `configuration` | the set-up, written beside a running engine |
//! | `reader`, `listing` | what pages, reports and audits read |
//!
//! Tables, merges (`cluster_alias`) and stored forms are those of [`super::sqlite`].
//!
//! # One writer
//! The engine's connection holds an advisory lock, so that a second engine is refused when it starts. Should the lock be lost with its connection,
//! the checkpoint is the last guard: every commit moves it from where it was computed, or fails. A connection pooler between engine and server
//! must keep sessions apart: locks, settings and prepared statements belong to a connection.
//!
//! # Durability
//! See `connection::Purpose`: the engine's commits are atomic and survive the end of the process at once, and a loss of power on the server
//! but for the last moments, which the log gives again. The set-up survives a loss of power when `save_configuration` returns.

mod columns;
mod commit;
mod configuration;
mod connection;
mod listing;
mod lookup;
mod reader;
mod rows;
mod writer;

pub use configuration::PostgresConfigurationStore;
pub use reader::PostgresStateReader;
pub use writer::PostgresStateWriter;
