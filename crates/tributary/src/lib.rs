//! The application: edge, engine, command line and pages in one executable.
