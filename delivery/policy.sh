#!/usr/bin/env bash
# Refuses a bundle that is not the one that was attested, a plan of an older commit than the deployed
# one, one that deletes or replaces what is in use (delivery/deletions.py) and nobody released by name,
# one of prod in a run to another environment, and one of functions that do not serve CANDIDATE_ALIAS
# beside ALIAS.
#
# Environment: ENVIRONMENT; ALIAS, CANDIDATE_ALIAS; RELEASE, what may be deleted: addresses such as
# module.function["old"], separated by ";"; REPLACES, the deployed commit, if this run is to go back to
# an older one; SIGNING_KEY, PIPELINE_ACCOUNT, RUN and KMS as attest.sh: with a key, its signature is
# verified, and that it signed what this run made.
# Leaves: OUT/allowed, the sha256 of OUT/plan.tfplan, which apply.sh asks for.
# Exit codes: 0 it may be applied; 1 it is refused, and the line that permits it is told; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT ALIAS CANDIDATE_ALIAS
need_signing_key

rm -f "$OUT/allowed"
if [ -n "${SIGNING_KEY:-}" ]; then
  need PIPELINE_ACCOUNT RUN
  attest verify
fi
"$PYTHON" -m delivery.policy --environment "$ENVIRONMENT" --plan "$OUT/plan.json" --file "$OUT/plan.tfplan" \
  --revision "$OUT/revision.json" --release "${RELEASE:-}" --replaces "${REPLACES:-}" \
  --published "$OUT/published.json" --alias "$ALIAS" --candidate "$CANDIDATE_ALIAS" \
  --allowed "$OUT/allowed"
