#!/usr/bin/env bash
# Selfheal's side of a comparison of footprints. SELFHEAL names the release build.
#   version                 prints the version
#   help                    prints the help
#   daemon PORT FOLDER      watches 100 ports from 127.0.0.77:20001 on, each every 30 s, and waits for a webhook at http://127.0.0.1:PORT/webhooks/told
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}

case ${1:-} in
version) exec "$selfheal" --version ;;
help) exec "$selfheal" --help ;;
daemon)
    folder=$3
    mkdir --parents "$folder"
    chmod 700 "$folder"
    cat >"$folder/tell.yaml" <<YAML
runbook: tell
title: Say that somebody called
triggers: [{ webhook: told }]
autonomy: automatic
steps: [{ id: done, finish: { outcome: succeeded } }]
YAML
    {
        echo "cluster:"
        echo "  name: many"
        echo "  kafka_brokers:"
        for port in $(seq 20001 20100); do
            echo "    - { name: n$port, host: 127.0.0.77, port: $port }"
        done
        cat <<YAML
store: { folder: "$folder/store" }
http: { listen: "127.0.0.1:$2", webhooks: { told: { token: "0123456789abcdef0123" } } }
monitoring: { interval: 30s }
watch: { runbooks: ["$folder/tell.yaml"] }
YAML
    } >"$folder/selfheal.yaml"
    exec "$selfheal" serve --config "$folder/selfheal.yaml" --format json
    ;;
*)
    sed -n '2,5p' "$0" >&2
    exit 2
    ;;
esac
