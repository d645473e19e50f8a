#!/usr/bin/env bash
# Tests the published version on the functions that were just deployed, before clients get it.
#
# The alias CANDIDATE_ALIAS comes to name the version, so that functions load it, and they are asked
# for it by its id. What clients ask for is answered by the version before, whatever comes out. If
# it fails, CANDIDATE_ALIAS names again what ALIAS names, so that no function keeps trying to load it,
# unless another run has moved it since.
#
# Environment: ENVIRONMENT, RUN, REGISTRY; ALIAS, which clients follow; CANDIDATE_ALIAS; SMOKE_ACCOUNT,
# whose identity token is shown; SMOKE_URL, where to ask, if the functions' own URLs cannot be reached
# from here; ANONYMOUS, refused (default) or answered: what becomes of those who show no token;
# PATIENCE, seconds that all of it may take (default 300); IAM_CREDENTIALS, where tokens come from.
# Exit codes: 0 passed; 1 it failed, or prod without an approval; 2 a variable; 5 the registry.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN REGISTRY ALIAS CANDIDATE_ALIAS SMOKE_ACCOUNT
need_approval

"$PYTHON" -m delivery.release "$OUT/published.json" --registry "$REGISTRY" --alias "$CANDIDATE_ALIAS" \
  --json "$OUT/candidate.json"
if smoke version; then exit 0; fi
echo "Clients are served as before; $CANDIDATE_ALIAS is to name what $ALIAS names:" >&2
"$PYTHON" -m delivery.release --back "$OUT/candidate.json" --to "$ALIAS" --registry "$REGISTRY" >&2 || true
exit 1
