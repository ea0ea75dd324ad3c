#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own and stops the server afterwards.
#
#   scripts/with-postgres.sh cargo test -p tributary-store
#
# The command finds the server in TRIBUTARY_TEST_POSTGRES_URL. When that is set already, that server is used. Data
# lives in a temporary directory, and fsync is off unless DURABLE=1: the tests kill Tributary, not PostgreSQL.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
[ -z "${TRIBUTARY_TEST_POSTGRES_URL:-}" ] || exec "$@"

programs=$(dirname "$(readlink -f "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2> /dev/null | sort -V | tail -n 1)")")
[ -x "$programs/initdb" ] || { echo "error: no PostgreSQL; run scripts/setup-test-machine.sh" >&2; exit 1; }

directory=$(mktemp -d /tmp/tributary-postgres.XXXXXX)
server=
command=
stop() {
    trap - EXIT INT TERM
    [ -z "$command" ] || kill -TERM "$command" 2> /dev/null || true
    # `kill -INT` is PostgreSQL's fast shutdown: it ends sessions instead of waiting for them.
    if [ -n "$server" ] && kill -INT "$server" 2> /dev/null; then
        wait "$server" 2> /dev/null || true
    fi
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM

# PostgreSQL refuses to run as root.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
    user=$(getent passwd postgres > /dev/null && echo postgres || echo nobody)
    chown "$user" "$directory"
    unprivileged=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
fi
cd "$directory"
"${unprivileged[@]}" "$programs/initdb" -D "$directory/data" -U tributary -A trust -E UTF8 --locale=C > initdb.log 2>&1 ||
    { cat initdb.log >&2; exit 1; }

durable=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
[ "${DURABLE:-0}" = 1 ] && durable=()
# The server writes its state into the last line of this file; asking it needs no client program.
is_ready() { grep -q '^ready' data/postmaster.pid 2> /dev/null; }
for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    "${unprivileged[@]}" "$programs/postgres" -D "$directory/data" -k "$directory" -h 127.0.0.1 -p "$port" \
        -c max_connections=200 -c shared_buffers=128MB -c logging_collector=off "${durable[@]}" > server.log 2>&1 &
    server=$!
    for _ in $(seq 100); do
        is_ready && break 2
        kill -0 "$server" 2> /dev/null || break
        sleep 0.1
    done
    kill -INT "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
    server=
done
[ -n "$server" ] || { cat server.log >&2; exit 1; }

cd "$OLDPWD"
export TRIBUTARY_TEST_POSTGRES_URL="postgres://tributary@127.0.0.1:$port/postgres"
# In the background, because a shell that waits for a program in the foreground does not see signals.
"$@" <&0 &
command=$!
status=0
wait "$command" || status=$?
command=
exit "$status"
