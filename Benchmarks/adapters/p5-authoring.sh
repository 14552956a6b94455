#!/usr/bin/env bash
# Measures and judges `selfheal check` on files in another tool's shape.
#   p5-authoring.sh check FILE      translates FILE to a runbook and checks it
# FILE has `name:` and `steps:` with `probe: { tcp, send, expect }`, `hosts:` with `run: [words]`, `wait_for: { tcp, every, timeout }`. The runbook has the
# same steps with the same keys on the same lines, where the language has them, so that the places of mistakes can be compared.
# SELFHEAL names the program.
set -euo pipefail

if [ "${1:-}" != check ] || [ -z "${2:-}" ]; then
    sed -n '2,6p' "$0" >&2
    exit 2
fi
file=$2
# Translating takes longer than checking and is not what is measured: it is done once for each file, and kept beside it.
folder=$(dirname "$file")/.runbooks/$(stat --format='%i-%Y-%s' "$file")
runbook=$folder/$(basename "$file")
if [ -e "$runbook" ]; then
    exec "$SELFHEAL" check "$runbook"
fi
mkdir --parents "$folder"
trap 'rm -f "$runbook.new"' EXIT

# One line becomes one line. What would be one more goes behind its step, and the targets behind all steps, where they move nothing.
sed -E \
    -e 's/^name: /runbook: /' \
    -e "s/^( +)probe: \{ tcp: '[^']*', send: ruok, expect: imok \}/\1probe: { targets: zk, zookeeper: { ask: [srvr] } }/" \
    -e 's/^( +)hosts: \[[a-z0-9]+\]/\1title: restarts kafka/' \
    -e 's/^( +)hosts: \{ host: [a-z0-9]+ \}/\1title: { host: kafka1 }/' \
    -e "s/^( +)run: \['true'\]\$/\1finish: { outcome: succeeded }/" \
    -e 's/^( +)next: end$/\1title: ends/' \
    -e "s/^( +)run: \[(.*)\]\$/\1run: { targets: kafka, command: [\2], effect: restarts }/" \
    -e 's/retry: \{ times: ([0-9]+), delay: ([0-9a-z]+) \}/retry: { attempts: \1, initial: \2 }/' \
    -e 's/steps\.([a-z0-9]+)\.ok/steps.\1.succeeded/g' \
    -e 's/steps\.([a-z0-9]+)\.latency < 200/steps.\1.results.all(r, r.latency < duration("200ms"))/g' \
    -e 's/steps\.([a-z0-9]+)\.latency <$/steps.\1.results.size() </' \
    "$file" |
    awk '
        function rest() {
            if (timeout != "") print timeout
            timeout = ""
        }
        /^ +- id:/ { rest() }
        match($0, /wait_for: /) {
            indent = substr($0, 1, RSTART - 1)
            every = $0; sub(/.*every: /, "", every); sub(/,.*/, "", every)
            limit = $0; sub(/.*timeout: /, "", limit); sub(/ *}.*/, "", limit)
            timeout = indent "timeout: " limit
            print indent "wait: { targets: kafka, tcp: { port: broker }, until: \"results.all(r, r.open)\", every: " every " }"
            next
        }
        { print }
        END {
            rest()
            print "targets:\n  zk: { role: zookeeper }\n  kafka: { role: kafka_broker }"
        }' >"$runbook.new"
mv "$runbook.new" "$runbook"
"$SELFHEAL" check "$runbook"
