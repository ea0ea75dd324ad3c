//! Everything that survives a restart: the log of facts, the derived state, the key store; SQLite and PostgreSQL behind the
//! same ports. The only crate that knows SQL.

pub mod copying;
pub mod keys;
pub mod log;
pub mod migrations;
pub mod postgres_connection;
pub mod refusals;
pub mod state;
pub mod suite;
pub mod wire;
mod write_ahead;
