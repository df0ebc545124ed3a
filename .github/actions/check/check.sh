#!/usr/bin/env bash
# Runs the check of the action. Everything comes by the environment.
set -euo pipefail

lines() { # NAME: fills the array `found` with the lines of a variable that are not blank
    found=()
    while IFS= read -r line; do
        [ -z "${line//[[:space:]]/}" ] || found+=("$line")
    done <<<"${!1:-}"
}

binary=$(command -v -- "${INSPECTOR_BINARY:-inspector}") || {
    echo "::error::inspector is not there: ${INSPECTOR_BINARY:-inspector}"
    exit 2
}
if [ -n "${INSPECTOR_SHA256:-}" ]; then
    echo "$INSPECTOR_SHA256  $binary" | sha256sum --check --quiet || {
        echo "::error::inspector is another program than the one that was agreed on"
        exit 2
    }
fi
lines INSPECTOR_PATHS
paths=("${found[@]+"${found[@]}"}")
if [ "${#paths[@]}" -eq 0 ]; then
    echo "::error::no recording was named"
    exit 2
fi
lines INSPECTOR_ARGUMENTS
arguments=("${found[@]+"${found[@]}"}")

code=0
"$binary" check --format github --report "sarif=${INSPECTOR_SARIF:-inspector.sarif}" \
    "${arguments[@]+"${arguments[@]}"}" -- "${paths[@]}" || code=$?
[ -z "${GITHUB_OUTPUT:-}" ] || echo "code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
