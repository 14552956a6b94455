#!/usr/bin/env bash
# Selfheal's side of a comparison of commands over SSH. SELFHEAL names the release build; EngineBenchmark lies beside it.
#   MODE TIMES CONFIG NAME…   `true` on every named host, TIMES times each; MODE is cold (a connection for each command) or warm
# CONFIG is an ssh_config; hosts, key, user, port and known hosts are taken from it. LAYER says what is around a command:
#   exchange (default)   nothing: the same job as the bare clients
#   receipt              the wrapper that makes it happen once
#   run                  that, as the steps of one journaled run
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}
engine=$(dirname "$selfheal")/EngineBenchmark
[ $# -ge 4 ] || {
    sed -n '2,7p' "$0" >&2
    exit 2
}
mode=$1 times=$2 config=$3
shift 3

value() { awk -v key="$1" 'tolower($1) == tolower(key) { print $2; exit }' "$config"; }
addresses=()
for name in "$@"; do
    addresses+=("$(awk -v name="$name" '$1 == "Host" { found = $2 == name } found && $1 == "HostName" { print $2; exit }' "$config")")
done
exec "$engine" fleet "${LAYER:-exchange}" "$mode" "$times" "$(value UserKnownHostsFile)" "$(value IdentityFile)" \
    "$(value User)" "$(value Port)" "${addresses[@]}"
