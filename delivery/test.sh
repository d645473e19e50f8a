#!/usr/bin/env bash
# Installs the locked packages and runs all tests, linters and types.
#
# Where CI is set, the tools that tests need are installed as well, and a missing one fails; without
# it (Cloud Build, whose image has none of them) tests of Terraform, the browser and the storage
# server say that they are skipped.
#
# Environment: CI, set by GitHub Actions; OTHER_PYTHONS, the versions that are tested beside the one
# that is installed, by default all that are supported and found. Without CI, tests see
# no other variable, and run on one Python.
# Exit codes: 0 everything passes.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${CI:-}" ]; then exec .ci/run; fi

# Tests must not depend on what this run delivers, nor find its registry by mistake.
exec env -i HOME="${HOME:-/}" PATH="$PATH" LANG=C.UTF-8 \
  make test
