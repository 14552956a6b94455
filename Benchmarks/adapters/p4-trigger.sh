#!/usr/bin/env bash
# Selfheal's side of a comparison of triggers. SELFHEAL names the release build.
#   serve PORT STATE_DIR OUT     takes Alertmanager's messages at http://127.0.0.1:PORT/alertmanager until it is killed; each alert starts a run whose
#                                first step appends "<labels.event_id> <nanoseconds>" to OUT. What STATE_DIR has from an earlier life is gone on with.
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}

if [ "${1:-}" != serve ] || [ $# != 4 ]; then
    sed -n '2,4p' "$0" >&2
    exit 2
fi
port=$2
folder=$3
mkdir --parents "$folder"
chmod 700 "$folder"
out=$(realpath "$4")

cat >"$folder/append.yaml" <<YAML
runbook: append
title: Write down that it began
severity: info
owner: benchmark
parameters:
  event: { type: string }
triggers:
  - alert: KafkaBrokerDown
    parameters: { event: event_id }
    cooldown: 0s
    limit: 1000 per 1h
autonomy: automatic
steps:
  - id: append
    run:
      local: true
      script: echo "\$EVENT \$(date +%s%N)" >>'$out'
      env: { EVENT: "\${{ parameters.event }}" }
      effect: changes
    timeout: 1m
YAML
cat >"$folder/selfheal.yaml" <<YAML
cluster: { name: here, nodes: [{ name: here, host: 127.0.0.1, roles: [engine] }] }
store: { folder: "$folder/store" }
http: { listen: "127.0.0.1:$port" }
watch:
  runbooks: ["$folder/append.yaml"]
  concurrent_runs: 100
  limit: { runs: 1000, within: 1h }
  brake: { ask_after: 1000, refuse_after: 1000 }
YAML
exec "$selfheal" serve --config "$folder/selfheal.yaml" --format json
