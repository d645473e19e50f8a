#!/usr/bin/env bash
# Applies the plan of this run, exactly; a plan that the state has left behind is refused by Terraform.
#
# Environment: as plan.sh, and for prod as approved.sh.
# Leaves: OUT/outputs.json.
# Exit codes: 0 applied; 1 prod without an approval, no plan, one that policy.sh did not allow, or
# Terraform refused; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN
export PATH="${TOOLS:+$TOOLS:}$PATH" TF_DATA_DIR="$OUT/terraform" TF_IN_AUTOMATION=1

delivery/approved.sh
if [ ! -f "$OUT/plan.tfplan" ]; then
  echo "$OUT/plan.tfplan: there is no plan; plan.sh comes first" >&2
  exit 1
fi
if [ "$(sha256sum <"$OUT/plan.tfplan" | cut -c 1-64)" != "$(cat "$OUT/allowed" 2>/dev/null)" ]; then
  echo "$OUT/plan.tfplan: expected a plan that policy.sh allowed; it comes first" >&2
  exit 1
fi
terraform -chdir=infra apply -input=false -lock-timeout=300s "$OUT/plan.tfplan"
terraform -chdir=infra output -json >"$OUT/outputs.json"
