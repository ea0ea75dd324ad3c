//! The application: edge, engine, command line and pages in one executable.

pub mod nearest;
pub mod settings;
pub mod setup;
