#!/usr/bin/env bash
# Zips the function. The same commit gives the same bytes, so prod gets the zip that staging ran.
#
# Leaves: OUT/function-<sha256>.zip, and its path in OUT/bundle.
# Exit codes: those of `python -m model_export bundle`.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"

rm -f "$OUT"/function-*.zip
told=$("$PYTHON" -m model_export bundle --output "$OUT")
echo "$told"
echo "${told%%  *}" >"$OUT/bundle"
