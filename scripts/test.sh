#!/usr/bin/env bash
# Everything that must pass before a change is taken: formatting, lints, documentation, tests on both engines.
# Arguments go to the test runner: scripts/test.sh -p tributary-store
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup-test-machine.sh
scripts/check.sh

if cargo nextest --version > /dev/null 2>&1; then
    echo '== cargo nextest run'
    scripts/with-postgres.sh cargo nextest run --locked --workspace --no-fail-fast "$@"
    # nextest does not run the examples in the documentation.
    echo '== cargo test --doc'
    cargo test --locked --workspace --doc --quiet
else
    echo '== cargo test'
    scripts/with-postgres.sh cargo test --locked --workspace --no-fail-fast "$@"
fi
