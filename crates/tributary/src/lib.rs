//! The application: edge, engine, command line and pages in one executable.

pub mod cli;
pub mod nearest;
pub mod settings;
pub mod setup;
pub mod storage;
pub mod telemetry;
