#!/usr/bin/env bash
# The main job on real input, in one command: import, credit, reconcile, pay, verify. See README.md.
#
#   examples/paths/run.sh                 builds what is needed and runs in a temporary folder, removed at the end
#   TRIBUTARY=path/to/tributary ...       uses that executable instead of building one
#   KEEP=folder ...                       keeps data, reports and payout file in that folder
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
period=2026-01

if [ -z "${TRIBUTARY:-}" ]; then
  cargo build --release --locked --manifest-path "$root/Cargo.toml" -p tributary
  TRIBUTARY=${CARGO_TARGET_DIR:-$root/target}/release/tributary
fi
if [ -n "${KEEP:-}" ]; then
  mkdir -p "$KEEP" && work=$(cd "$KEEP" && pwd)
else
  work=$(mktemp -d)
fi
data=$work/data

server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
  if [ -z "${KEEP:-}" ]; then rm -rf "$work"; fi
}
trap finish EXIT

say() { printf '\n== %s\n' "$*"; }

PATHS_SECRET=$(python3 -c 'import secrets; print(secrets.token_hex(32))')
export PATHS_SECRET
# No compiled scripts left behind in the examples.
export PYTHONDONTWRITEBYTECODE=1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port

say "set up twelve channels as partners"
"$TRIBUTARY" apply "$here/setup.yaml" --data-dir "$data"

say "start the server on $url"
"$TRIBUTARY" serve --listen "127.0.0.1:$port" --data-dir "$data" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  curl -fsS "$url/readyz" >/dev/null 2>&1 && break
  kill -0 "$server" || { cat "$work/server.log"; exit 1; }
  sleep 0.1
done

say "import the paths of 88 thousand people through its doors"
"$TRIBUTARY" import "$here/pathdata.csv" --map "$here/map.toml" --source paths --server "$url" --data-dir "$data" --result "$work/import.result.csv"

say "credit per channel beside the published one"
# Linear is the campaign's own model: its report also states what the ledger says.
"$TRIBUTARY" report credits --wait --format json --data-dir "$data" >"$work/linear.json"
for model in first_touch last_touch; do
  "$TRIBUTARY" report credits --model "$model" --format json --data-dir "$data" >"$work/$model.json"
done
python3 "$here/compare.py" --paths "$here/pathdata.csv" --published "$here/published.json" \
  "$work/first_touch.json" "$work/last_touch.json" "$work/linear.json"

say "stop the server: the commands that follow write to its data themselves"
kill "$server" && wait "$server" || true
server=

say "reconcile $period with the operator's file"
python3 "$here/operator_file.py" "$here/pathdata.csv" >"$work/operator.csv"
"$TRIBUTARY" reconcile "$work/operator.csv" --source paths --period "$period" --apply --data-dir "$data" --format json >"$work/reconciliation.json"
python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); r["differences"] = len(r["differences"]); print(json.dumps(r, indent=1))' "$work/reconciliation.json"

say "pay"
"$TRIBUTARY" payout prepare --data-dir "$data"
"$TRIBUTARY" payout approve --data-dir "$data"
"$TRIBUTARY" payout export "$work/payout.csv" --data-dir "$data"
"$TRIBUTARY" payout settle --data-dir "$data"
cat "$work/payout.csv"
python3 "$here/compare.py" --paths "$here/pathdata.csv" --published "$here/published.json" --payout "$work/payout.csv"

say "verify the books"
"$TRIBUTARY" verify --data-dir "$data"
