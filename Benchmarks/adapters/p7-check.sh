#!/usr/bin/env bash
# Selfheal's side of a comparison of explicit-state checkers. SELFHEAL names the release build; CheckerBenchmark lies beside it.
#   check B E F C           explores the lease protocol for B brokers, E epochs, F faults and C crashes; prints one line of JSON
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}

case ${1:-} in
check) exec "$(dirname "$selfheal")/CheckerBenchmark" check "$2" "$3" "$4" "$5" ;;
*)
    sed -n '2,3p' "$0" >&2
    exit 2
    ;;
esac
