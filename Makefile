# What newcomers and the build machine call. Each target says in one line what it does; the work is in scripts/.
.PHONY: help run test test-fast check bench paths

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: ## Build and start the demo on a free port; it prints where to look
	cargo build --release --locked -p tributary
	target/release/tributary demo --listen 127.0.0.1:0

test: ## Everything that must pass, against SQLite and a PostgreSQL of its own
	scripts/test.sh

test-fast: ## The tests alone, without PostgreSQL, formatting and lints
	cargo test --workspace --locked

check: ## Formatting, lints and documentation, without tests
	scripts/check.sh

bench: ## Speed as ratios within one run: redirects, end to end, memory, bytes per click
	scripts/bench.sh

paths: ## The published marketing paths through a running server, compared with the published figures
	examples/paths/run.sh
