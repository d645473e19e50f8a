#!/usr/bin/env bash
# Takes a release back at once: ALIAS names again what it named before, or VERSION.
#
# Nothing is planned, applied or approved: clients get, within ALIAS_REFRESH_SECONDS, a version that
# was approved and released to them before. Who may run this is decided by IAM.
#
# Environment: RECIPE, EXPORT_SET, REGISTRY, ALIAS; VERSION, which ALIAS must have named once, empty
# for the one before; EVEN_IF_TAKEN_BACK=1, so that VERSION may be one that was taken back itself.
# Exit codes: 0 the alias names it; 2 a variable, the recipe, or a version that was never released or
# was taken back; 5 the registry.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need RECIPE REGISTRY ALIAS
read_sets

"$PYTHON" -m delivery.rollback "$RECIPE" ${SETS[@]+"${SETS[@]}"} --registry "$REGISTRY" \
  --alias "$ALIAS" --version "${VERSION:-}" ${EVEN_IF_TAKEN_BACK:+--even-if-taken-back}
