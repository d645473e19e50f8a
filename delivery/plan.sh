#!/usr/bin/env bash
# Plans infra/ for one environment, and keeps the plan: what apply.sh applies is this file.
#
#     plan.sh [NAME]
#
# apply.sh plans what is left of a plan under another NAME than `plan`, so that the one that policy.sh
# allowed stays as it was.
#
# Environment: ENVIRONMENT, which is infra/environments/ENVIRONMENT.tfvars; PROJECT_ID, REGION;
# PIPELINE_ACCOUNT, which may publish; STATE_BUCKET; DELIVERY_BUCKET and RUN, where the plan is kept.
# Leaves: OUT/NAME.tfplan, and the same as OUT/NAME.txt and OUT/NAME.json, which policy.sh judges.
# Exit codes: 0 planned; 1 there is no lock of providers, or Terraform or the bucket refused; 2 a
# variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT PROJECT_ID REGION PIPELINE_ACCOUNT STATE_BUCKET
export PATH="${TOOLS:+$TOOLS:}$PATH" TF_DATA_DIR="$OUT/terraform" TF_IN_AUTOMATION=1

plan=$OUT/${1:-plan}
rm -f "$plan".* "$plan"-*.* "$OUT/allowed"
if [ ! -f infra/.terraform.lock.hcl ]; then
  echo "infra/.terraform.lock.hcl: expected the lock of providers, without which any release would" \
    "do. To make one, and commit it:" >&2
  echo "  terraform -chdir=infra providers lock -platform=linux_amd64 -platform=linux_arm64" \
    "-platform=darwin_arm64" >&2
  exit 1
fi
terraform -chdir=infra init -input=false -reconfigure -lockfile=readonly \
  -backend-config="bucket=$STATE_BUCKET" -backend-config="prefix=tflite-functions/$ENVIRONMENT"
terraform -chdir=infra plan -input=false -lock-timeout=300s \
  -var-file="environments/$ENVIRONMENT.tfvars" \
  -var="project_id=$PROJECT_ID" -var="region=$REGION" -var="bundle=$(cat "$OUT/bundle")" \
  -var="publishers={pipeline=\"serviceAccount:$PIPELINE_ACCOUNT\"}" \
  -var="release=$(cat "$OUT/revision.json")" -out="$plan.tfplan"
terraform -chdir=infra show -no-color "$plan.tfplan" >"$plan.txt"
terraform -chdir=infra show -json "$plan.tfplan" >"$plan.json"
delivery/keep.sh
