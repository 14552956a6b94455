#!/usr/bin/env bash
# Selfheal's side of a comparison of probers. SELFHEAL names the release build; WatchBenchmark lies beside it.
#   COUNT PORT WIDTH        looks once at COUNT targets on 127.0.0.77, PORT and those behind it, WIDTH at a time: connect, "ruok", "imok"
# It is the real daemon that looks, over a store of its own: its schedule, its tasks, its opinions of nodes and its metrics are in the figures.
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}

if [ $# != 3 ]; then
    sed -n '2,4p' "$0" >&2
    exit 2
fi
exec "$(dirname "$selfheal")/WatchBenchmark" round "$1" "$2" "$3"
