#!/usr/bin/env bash
# Gives clients the version that candidate.sh tested: ALIAS comes to name it.
#
# A run that another one has overtaken stops here, because its version was tested on functions that
# are not deployed any more.
#
# Environment: ENVIRONMENT, RUN, REGISTRY, ALIAS; TOOLS, a folder with Terraform.
# Leaves: OUT/released.json: model, version, alias, the version before, and what canary it ended.
# Exit codes: 0 the alias names the version; 1 prod without an approval, or another run has deployed
# since; 2 a variable; 5 the registry.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN REGISTRY ALIAS
need_approval
export PATH="${TOOLS:+$TOOLS:}$PATH" TF_DATA_DIR="$OUT/terraform" TF_IN_AUTOMATION=1

rm -f "$OUT/released.json"
terraform -chdir=infra output -json >"$OUT/deployed.json"
"$PYTHON" -m delivery.succession --outputs "$OUT/deployed.json" --revision "$OUT/revision.json"
"$PYTHON" -m delivery.release "$OUT/published.json" --registry "$REGISTRY" --alias "$ALIAS" \
  --json "$OUT/released.json"
