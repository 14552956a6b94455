#!/usr/bin/env bash
# Selfheal's side of a comparison of footprints. SELFHEAL names the release build.
#   version                 prints the version
#   help                    prints the help
#   daemon PORT FOLDER      not there yet: exit status 77
set -euo pipefail
selfheal=${SELFHEAL:?name the selfheal binary}

case ${1:-} in
version) exec "$selfheal" --version ;;
help) exec "$selfheal" --help ;;
daemon) exit 77 ;;
*)
    sed -n '2,5p' "$0" >&2
    exit 2
    ;;
esac
