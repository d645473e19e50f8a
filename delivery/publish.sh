#!/usr/bin/env bash
# Publishes the version of this run, or the one that another environment serves, and moves the alias.
#
# Environment: ENVIRONMENT, RUN, RECIPE, EXPORT_SET; REGISTRY, where to; ALIAS, which is moved;
# FROM_REGISTRY and FROM_ALIAS, where the version comes from, empty for this run's export;
# TESTED_ALIAS, which must name the same version there; VERSION, a version to release or to go back
# to instead.
# Leaves: OUT/released.json: model, version, alias, the version before, and what canary it ended.
# Exit codes: 0 the alias names the version; 1 prod without an approval; 2 a variable or the recipe;
# 5 a registry, or a version that passed no smoke test.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN RECIPE REGISTRY ALIAS
read_sets

if [ "$ENVIRONMENT" = prod ]; then
  if [ -z "${FROM_REGISTRY:-}" ]; then
    echo "FROM_REGISTRY: expected the registry of staging, because prod releases what was tested there" >&2
    exit 2
  fi
  if [ "$(cat "$OUT/approved" 2>/dev/null)" != "$RUN" ]; then
    echo "prod: this run was not approved; approved.sh comes first" >&2
    exit 1
  fi
fi

arguments=("$RECIPE" ${SETS[@]+"${SETS[@]}"} --to "$REGISTRY" --alias "$ALIAS")
if [ -n "${FROM_REGISTRY:-}" ]; then
  need FROM_ALIAS TESTED_ALIAS
  arguments+=(--from "$FROM_REGISTRY" --from-alias "$FROM_ALIAS" --tested "$TESTED_ALIAS")
elif [ -z "${VERSION:-}" ]; then
  arguments+=(--from "$OUT/registry" --from-alias candidate)
fi
if [ -n "${VERSION:-}" ]; then arguments+=(--version "$VERSION"); fi
"$PYTHON" -m delivery.release "${arguments[@]}" --json "$OUT/released.json"
