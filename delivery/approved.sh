#!/usr/bin/env bash
# Makes sure that somebody approved this run, where the environment asks for it: prod does.
#
# The trigger or the GitHub environment is what holds a run back; this refuses the run that came
# around it, such as one that was submitted by hand.
#
# Environment: ENVIRONMENT, and for prod either BUILD_ID, LOCATION and PROJECT_ID (Cloud Build) or
# GITHUB_REPOSITORY, GITHUB_RUN_ID and GH_TOKEN (GitHub Actions, with `actions: read`). RUN names the
# run.
# Exit codes: 0 approved, or none is needed; 1 not approved, or nobody could be asked; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN

rm -f "$OUT/approved"
if [ "$ENVIRONMENT" = prod ]; then
  if [ -n "${BUILD_ID:-}" ]; then
    need LOCATION PROJECT_ID
    state=$(gcloud builds describe "$BUILD_ID" --region="$LOCATION" --project="$PROJECT_ID" \
      --format='value(approval.state)')
    expected=APPROVED
    remedy="start it with the trigger of prod, and approve it there"
  elif [ -n "${GITHUB_RUN_ID:-}" ]; then
    need GITHUB_REPOSITORY
    state=$(gh api "repos/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID/approvals" --jq \
      'any(.[]; .state == "approved" and any(.environments[]; .name == "prod"))')
    expected=true
    remedy="give the environment prod required reviewers"
  else
    echo "prod: expected a run of Cloud Build or GitHub Actions, because only these can be approved" >&2
    exit 1
  fi
  if [ "$state" != "$expected" ]; then
    echo "prod: this run was not approved (${state:-no approval}): $remedy" >&2
    exit 1
  fi
fi
echo "$RUN" >"$OUT/approved"
