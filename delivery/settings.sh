# shellcheck shell=bash
# Sourced by every step: the folder, the defaults, and how a missing variable is told.
#
# Environment: OUT (default build/delivery) is where steps leave what later steps need; PYTHON
# (default .venv/bin/python) has the packages of requirements.txt. docs/9-delivery.md has the others.
# Exit codes: 2, a variable is missing or has a value that it cannot have.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

OUT=${OUT:-build/delivery}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
PYTHON=${PYTHON:-.venv/bin/python}

# Each of these variables must have a value.
need() {
  local name
  for name in "$@"; do
    if [ -z "${!name:-}" ]; then
      echo "$name: expected a value; docs/9-delivery.md says which" >&2
      exit 2
    fi
  done
}

# Approvals are demanded of "prod" by that name, so no other name may pass for it.
if [ -n "${ENVIRONMENT:-}" ] && [ "$ENVIRONMENT" != prod ]; then
  if ! [[ "$ENVIRONMENT" =~ ^[a-z][a-z0-9]{1,15}$ ]] || [[ "$ENVIRONMENT" == *prod* ]]; then
    printf 'ENVIRONMENT: expected prod, or 2 to 16 lower-case letters or digits without "prod" in them, because approvals are demanded of prod by that name, got %q\n' "$ENVIRONMENT" >&2
    exit 2
  fi
fi

# What touches prod does so in a run that approved.sh found to be approved.
need_approval() {
  if [ "$ENVIRONMENT" = prod ] && [ "$(cat "$OUT/approved" 2>/dev/null)" != "$RUN" ]; then
    echo "prod: this run was not approved; approved.sh comes first" >&2
    exit 1
  fi
}

# Prod runs nothing whose provenance nobody signed.
need_signing_key() {
  if [ "$ENVIRONMENT" = prod ] && [ -z "${SIGNING_KEY:-}" ]; then
    echo "SIGNING_KEY: expected a version of a key in Cloud KMS, because prod deploys nothing that" \
      "was not signed; infra/bootstrap makes one with signing = true" >&2
    exit 2
  fi
}

# What writes down where the bundle comes from, and what verifies that: "make" or "verify".
attest() {
  "$PYTHON" -m delivery.attest "$1" --folder "$OUT" --key "${SIGNING_KEY:-}" --run "$RUN" \
    --builder "$PIPELINE_ACCOUNT" --repository "$(git remote get-url origin 2>/dev/null || true)" \
    ${KMS:+--kms "$KMS"}
}

# EXPORT_SET, such as "gate.max_drop=0.02; prune.sparsity=0.6", as arguments: SETS.
SETS=()
read_sets() {
  local entry entries
  if [[ "${EXPORT_SET:-}" == *$'\n'* ]]; then
    echo "EXPORT_SET: expected one line of KEY=VALUE with ; between them, got several lines" >&2
    exit 2
  fi
  IFS=';' read -r -a entries <<<"${EXPORT_SET:-}"
  for entry in ${entries[@]+"${entries[@]}"}; do
    entry="${entry#"${entry%%[![:space:]]*}"}"
    if [ -n "$entry" ]; then SETS+=(--set "$entry"); fi
  done
}

# Whether this run exports a model, rather than releasing a version that there is already.
exports() { [ -z "${FROM_REGISTRY:-}" ] && [ -z "${VERSION:-}" ]; }

# What asks deployed functions for the published version, by "version" or by "alias".
smoke() {
  "$PYTHON" -m delivery.smoke "$1" --outputs "$OUT/outputs.json" --published "$OUT/published.json" \
    --registry "$REGISTRY" --alias "$ALIAS" --candidate "$CANDIDATE_ALIAS" \
    --account "$SMOKE_ACCOUNT" --url "${SMOKE_URL:-}" \
    --anonymous "${ANONYMOUS:-refused}" --patience "${PATIENCE:-300}" \
    ${IAM_CREDENTIALS:+--iam-credentials "$IAM_CREDENTIALS"}
}
