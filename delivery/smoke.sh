#!/usr/bin/env bash
# Asks what was deployed as clients do: is it ready, right about the golden examples, closed to
# strangers? If not, ALIAS names again what it named before this run, unless somebody moved it since.
#
# A version that passes is named by the alias TESTED_ALIAS, without which prod does not take it over.
#
# Environment: as candidate.sh, FROM_REGISTRY, TESTED_ALIAS.
# Exit codes: 0 passed; 1 it failed, and what became of the alias is told, or nothing was released;
# 2 a variable; 5 the registry.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN REGISTRY ALIAS CANDIDATE_ALIAS SMOKE_ACCOUNT

if [ ! -f "$OUT/released.json" ]; then
  echo "$OUT/released.json: nothing was released; release.sh comes first" >&2
  exit 1
fi
if ! smoke alias; then
  "$PYTHON" -m delivery.release --back "$OUT/released.json" --registry "$REGISTRY" >&2 || true
  exit 1
fi
if [ -z "${FROM_REGISTRY:-}" ]; then
  need TESTED_ALIAS
  "$PYTHON" -m delivery.release "$OUT/published.json" --registry "$REGISTRY" --alias "$TESTED_ALIAS"
fi
