#!/usr/bin/env bash
# Installs what the tests need and this machine lacks; says nothing when there is nothing to do.
#
#   scripts/setup-test-machine.sh          for `make test`: a C compiler, the PostgreSQL server programs, Chromium
#   scripts/setup-test-machine.sh --bench  for `make bench` as well: nginx and wrk
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" > /dev/null 2>&1; }
have_postgres() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; }

if ! have cargo; then
    echo "error: Rust is missing" >&2
    echo "hint: install it from https://rustup.rs" >&2
    exit 1
fi

packages=()
have cc || packages+=(gcc libc6-dev)
have curl || packages+=(curl)
have_postgres || packages+=(postgresql)
have chromium || have chromium-browser || have google-chrome || packages+=(chromium)
if [ "${1:-}" = --bench ]; then
    have nginx || [ -x /usr/sbin/nginx ] || packages+=(nginx-light)
    have wrk || packages+=(wrk)
fi
[ ${#packages[@]} -gt 0 ] || exit 0

if ! have apt-get; then
    echo "error: missing: ${packages[*]}" >&2
    echo "hint: install them with this system's package manager" >&2
    exit 1
fi
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    "${as_root[@]}" apt-get update
    # RUNLEVEL keeps the package from starting a server of its own; the tests start theirs.
    "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
}
echo "installing ${packages[*]}"
if ! install > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    exit 1
fi
