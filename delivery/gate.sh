#!/usr/bin/env bash
# Stops the run if no candidate kept the quality budget.
#
# Environment: FROM_REGISTRY, VERSION, DELIVERY_BUCKET, RUN.
# Exit codes: 0 the budget is kept, or nothing was exported; 4 no candidate kept it; 1 the export left
# no verdict.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"

if ! exports; then exit 0; fi
verdict=$(cat "$OUT/gate" 2>/dev/null || true)
case $verdict in
  0) echo "the model keeps its budget" ;;
  4)
    echo "STOPPED BY THE GATE: no candidate keeps the budget of the recipe; nothing was published" >&2
    grep -v '^error:' "$OUT/export.log" | tail -n 20 >&2 || true
    echo "all of it: gs://${DELIVERY_BUCKET:-DELIVERY_BUCKET}/runs/${RUN:-RUN}/export.log" >&2
    exit 4
    ;;
  *) echo "the export left no verdict in $OUT/gate" >&2; exit 1 ;;
esac
