#!/usr/bin/env bash
# Publishes the version of this run, or takes over the one that another environment tested.
#
# No alias moves, so nobody is served by it yet: candidate.sh tests it on what apply.sh deploys, and
# release.sh gives it to clients.
#
# Environment: ENVIRONMENT, RUN, RECIPE, EXPORT_SET; REGISTRY, where to; FROM_REGISTRY and FROM_ALIAS,
# where the version comes from, empty for this run's export; TESTED_ALIAS, which must name the same
# version there; VERSION, a version to release instead.
# Leaves: OUT/published.json: model, version.
# Exit codes: 0 the version is in the registry; 1 prod without an approval; 2 a variable or the
# recipe; 5 a registry, or a version that passed no smoke test.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN RECIPE REGISTRY
read_sets

rm -f "$OUT/published.json"
if [ "$ENVIRONMENT" = prod ] && [ -z "${FROM_REGISTRY:-}" ]; then
  echo "FROM_REGISTRY: expected the registry of staging, because prod releases what was tested there" >&2
  exit 2
fi
need_approval

arguments=("$RECIPE" ${SETS[@]+"${SETS[@]}"} --to "$REGISTRY")
if [ -n "${FROM_REGISTRY:-}" ]; then
  need FROM_ALIAS TESTED_ALIAS
  arguments+=(--from "$FROM_REGISTRY" --from-alias "$FROM_ALIAS" --tested "$TESTED_ALIAS")
elif [ -z "${VERSION:-}" ]; then
  arguments+=(--from "$OUT/registry" --from-alias candidate)
fi
if [ -n "${VERSION:-}" ]; then arguments+=(--version "$VERSION"); fi
"$PYTHON" -m delivery.publish "${arguments[@]}" --json "$OUT/published.json"
