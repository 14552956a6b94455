#!/usr/bin/env bash
# Selfheal's side of a comparison of durable steps. SELFHEAL names the release build; EngineBenchmark lies beside it.
#   seq STEPS               one run of STEPS trivial steps
#   conc RUNS STEPS         RUNS runs at once, of STEPS trivial steps each
#   crash LEDGER STEPS MS   runs or resumes a run whose steps write "start i", wait MS milliseconds and write "end i"
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}
engine=$(dirname "$selfheal")/EngineBenchmark

case ${1:-} in
seq) exec "$engine" steps seq "$2" ;;
conc) exec "$engine" steps conc "$2" "$3" ;;
crash)
    ledger=$(realpath "$2")
    folder=$ledger.selfheal
    configuration=$folder/selfheal.yaml
    # With the ledger there is a run to go on with; without one, what an earlier trial left is of no use.
    if [ -e "$ledger" ]; then
        exec "$selfheal" resume --config "$configuration"
    fi
    rm --recursive --force "$folder"
    mkdir --mode=700 "$folder"
    "$engine" ledger "$3" "$4" >"$folder/ledger.yaml"
    cat >"$configuration" <<YAML
cluster:
  name: ledger
  nodes:
    - { name: here, host: 127.0.0.1, roles: [engine] }
store: { folder: "$folder/store" }
YAML
    exec "$selfheal" run "$folder/ledger.yaml" --config "$configuration" --param "ledger=$ledger"
    ;;
*)
    sed -n '2,5p' "$0" >&2
    exit 2
    ;;
esac
