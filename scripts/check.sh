#!/usr/bin/env bash
# Formatting, lints and documentation. Warnings are errors here and nowhere else, so that work in progress compiles.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { echo "== $*"; "$@"; }
step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
RUSTDOCFLAGS='-D warnings' step cargo doc --workspace --no-deps --locked --quiet
