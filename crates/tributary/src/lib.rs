//! The application: edge, engine, command line and pages in one executable.

pub mod cli;
mod connections;
pub mod demonstration;
pub mod desk;
pub mod edge;
pub mod engine;
pub mod importing;
pub mod nearest;
pub mod operations;
pub mod server;
pub mod settings;
pub mod setup;
pub mod storage;
pub mod telemetry;
pub mod web;
#[cfg(test)]
mod workbench;
