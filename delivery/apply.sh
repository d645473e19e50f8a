#!/usr/bin/env bash
# Applies the plan of this run, exactly; a plan that the state has left behind is refused by Terraform.
#
# While Google does not know yet what was made a moment ago, the rest is planned and applied again, if
# it is nothing but what is left of the plan that policy.sh allowed.
#
# Environment: as plan.sh, and for prod as approved.sh; ATTEMPTS, RETRY_SECONDS as delivery/retry.py.
# Leaves: OUT/outputs.json; of attempts beyond the first, OUT/plan-ATTEMPT.tfplan, .txt and .json.
# Exit codes: 0 applied; 1 prod without an approval, no plan, one that policy.sh did not allow, or
# Terraform refused; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN
export PATH="${TOOLS:+$TOOLS:}$PATH" TF_DATA_DIR="$OUT/terraform" TF_IN_AUTOMATION=1

# How retry.py calls this script: one attempt.
if [ "${1:-}" = attempt ]; then
  name=plan
  if [ "$ATTEMPT" != 1 ]; then
    name=plan-$ATTEMPT
    delivery/plan.sh "$name"
    python3 -m delivery.remainder --allowed "$OUT/plan.json" --plan "$OUT/$name.json"
  fi
  exec terraform -chdir=infra apply -input=false -lock-timeout=300s "$OUT/$name.tfplan"
fi

delivery/approved.sh
if [ ! -f "$OUT/plan.tfplan" ]; then
  echo "$OUT/plan.tfplan: there is no plan; plan.sh comes first" >&2
  exit 1
fi
if [ "$(sha256sum <"$OUT/plan.tfplan" | cut -c 1-64)" != "$(cat "$OUT/allowed" 2>/dev/null)" ]; then
  echo "$OUT/plan.tfplan: expected a plan that policy.sh allowed; it comes first" >&2
  exit 1
fi
# Python of whatever image this runs in: these two modules need no packages.
python3 -m delivery.retry delivery/apply.sh attempt
terraform -chdir=infra output -json >"$OUT/outputs.json"
