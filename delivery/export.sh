#!/usr/bin/env bash
# Exports the model of RECIPE into a registry of this run, where nobody is served from.
#
# The gate's refusal is a result, which is kept as evidence before gate.sh stops the run with it.
# With FROM_REGISTRY or VERSION nothing is exported: a version that there is already is released.
#
# Environment: RECIPE; EXPORT_SET, overrides such as "gate.max_drop=0.02; prune.sparsity=0.6";
# FROM_REGISTRY, VERSION.
# Leaves: OUT/registry, OUT/export.log, OUT/gate (0 kept, 4 refused), OUT/report.html unless refused.
# Exit codes: 0 exported or refused; those of `python -m model_export export` otherwise: 2 usage or
# recipe, 3 load or conversion, 5 registry, 1 a bug.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"

rm -rf "$OUT/registry" "$OUT/export.log" "$OUT/gate" "$OUT/report.html"
if ! exports; then
  echo "nothing is exported: ${VERSION:-what $FROM_REGISTRY serves} is released"
  exit 0
fi
need RECIPE
read_sets

code=0
"$PYTHON" -m model_export export "$RECIPE" --registry "$OUT/registry" --work "$OUT/work" \
  ${SETS[@]+"${SETS[@]}"} --set publish.alias=candidate 2>&1 | tee "$OUT/export.log" ||
  code=${PIPESTATUS[0]}

case $code in
  0) cp "$OUT"/registry/models/*/versions/*/report.html "$OUT/report.html" ;;
  4) ;;
  *) exit "$code" ;;
esac
echo "$code" >"$OUT/gate"
