#!/usr/bin/env bash
# Speed, memory and disk as ratios within one run; a table, and a JSON file in target/bench. Fails nothing: a figure
# that misses its target is shown as missed.
#
#   scripts/bench.sh                       everything, at a size that takes a few minutes
#   BENCH_SCALE=full scripts/bench.sh      1 million customers and 5 million touchpoints stored first
#   BENCH_ONLY=redirects scripts/bench.sh  a part: redirects, sqlite, postgres, models
#   scripts/bench.sh --from-clone          time from `git clone` to the first tracked click, without any build
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup-test-machine.sh --bench

if [ "${1:-}" = --from-clone ]; then
    directory=$(mktemp -d /tmp/tributary-clone.XXXXXX)
    server=
    trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$directory"' EXIT
    begun=$(date +%s)
    git clone --quiet . "$directory/clone"
    cd "$directory/clone"
    CARGO_TARGET_DIR="$directory/clone/target" cargo build --release --locked --quiet -p tributary
    built=$(date +%s)
    target/release/tributary demo --listen 127.0.0.1:0 --data-dir "$directory/data" > "$directory/output" 2>&1 &
    server=$!
    link=
    while [ -z "$link" ]; do
        kill -0 "$server" 2> /dev/null || { cat "$directory/output" >&2; exit 1; }
        sleep 0.2
        link=$(grep -o 'http://127[^ ]*/c/[A-Za-z0-9_.-]*' "$directory/output" | head -n 1) || true
    done
    status=$(curl -s -o /dev/null -w '%{http_code}' "$link")
    clicked=$(date +%s)
    echo "from clone to the first tracked click ($status): $((clicked - begun)) s, of which building $((built - begun)) s"
    exit 0
fi

cargo build --release --locked -p tributary -p tributary-bench

# What training is measured against. Without it, that part says that it is not measured.
case ",${BENCH_ONLY:-models}," in *,models,*)
    references=target/bench/models-venv
    if ! "$references/bin/python" -c 'import ChannelAttribution, mta, shapley_attribution' 2> /dev/null; then
        # ChannelAttribution needs matplotlib without saying so.
        python3 -m venv "$references" && "$references/bin/pip" install --quiet \
            channelattribution==2.2.5 matplotlib mta==0.0.9 shapley-attribution==2.1.0 ||
            echo "the packages that training is compared with cannot be installed" >&2
    fi
    ;;
esac

# Its own server, with fsync on.
DURABLE=1 scripts/with-postgres.sh target/release/tributary-bench target/release/tributary target/bench || {
    echo "the measurement could not be finished" >&2
}
exit 0
