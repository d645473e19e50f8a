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

# EXPORT_SET, such as "gate.max_drop=0.02; prune.sparsity=0.6", as arguments: SETS.
SETS=()
read_sets() {
  local entry entries
  IFS=';' read -r -a entries <<<"${EXPORT_SET:-}"
  for entry in ${entries[@]+"${entries[@]}"}; do
    entry="${entry#"${entry%%[![:space:]]*}"}"
    if [ -n "$entry" ]; then SETS+=(--set "$entry"); fi
  done
}

# Whether this run exports a model, rather than releasing a version that there is already.
exports() { [ -z "${FROM_REGISTRY:-}" ] && [ -z "${VERSION:-}" ]; }
