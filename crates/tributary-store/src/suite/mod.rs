//! The conformance suites: the ports' contracts in executable form, run against every engine, and the private PostgreSQL that tests start.
//!
//! A suite is functions over a factory of engines; `tests/*_conformance.rs` call each with SQLite and with PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a suite fails by panicking, as tests do"
)]

pub mod log;
pub mod postgres_server;
pub mod refusals;
pub mod state;
