//! Every migration exists for both engines under one number and name, and numbers have no gaps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// File names by area.
fn migrations(engine: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let areas = std::fs::read_dir(&folder).unwrap().map(name);
    areas
        .map(|area| (area.clone(), std::fs::read_dir(folder.join(&area)).unwrap().map(name).collect()))
        .collect()
}

#[test]
fn migrations_are_paired_and_numbered_without_gaps() {
    let sqlite = migrations("sqlite");
    assert_eq!(sqlite, migrations("postgres"));
    for (area, names) in sqlite {
        for (number, name) in (1..).zip(&names) {
            assert!(name.starts_with(&format!("{number:04}_")) && name.ends_with(".sql"), "{area}/{name}");
        }
    }
}
