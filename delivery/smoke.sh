#!/usr/bin/env bash
# Asks what was deployed: is it ready, does it answer the golden examples, does it refuse strangers?
#
# A version that passes is named by the alias TESTED_ALIAS, without which prod does not take it over.
#
# Environment: RECIPE, EXPORT_SET, REGISTRY, FROM_REGISTRY, TESTED_ALIAS; SMOKE_ACCOUNT, whose identity
# token is shown; SMOKE_URL, where to ask, if the functions' own URLs cannot be reached from here;
# ANONYMOUS, refused (default) or answered: what becomes of those who show no token; PATIENCE, seconds
# that all of it may take (default 300); IAM_CREDENTIALS, where tokens come from.
# Exit codes: 0 passed; 1 it failed, and how to go back is told; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need RECIPE REGISTRY SMOKE_ACCOUNT
read_sets

"$PYTHON" -m delivery.smoke --outputs "$OUT/outputs.json" --released "$OUT/released.json" \
  --registry "$REGISTRY" --account "$SMOKE_ACCOUNT" --url "${SMOKE_URL:-}" \
  --anonymous "${ANONYMOUS:-refused}" --patience "${PATIENCE:-300}" \
  ${IAM_CREDENTIALS:+--iam-credentials "$IAM_CREDENTIALS"}

if [ -z "${FROM_REGISTRY:-}" ]; then
  need TESTED_ALIAS
  version=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' \
    "$OUT/released.json")
  "$PYTHON" -m delivery.release "$RECIPE" ${SETS[@]+"${SETS[@]}"} --to "$REGISTRY" \
    --version "$version" --alias "$TESTED_ALIAS"
fi
