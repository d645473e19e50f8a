#!/usr/bin/env bash
# Writes down what the bundle consists of (SBOM) and comes from (SLSA provenance), the latter signed.
#
# A package whose licence nobody looked up, or that is not allowed, stops the run.
#
# Environment: ENVIRONMENT, RUN; PIPELINE_ACCOUNT, who builds; SIGNING_KEY, a version of a key in Cloud
# KMS, without which nothing is signed, and which prod demands; KMS, where that is.
# Leaves: OUT/sbom.cdx.json; with SIGNING_KEY, OUT/provenance.dsse.json.
# Exit codes: 0 attested; 1 a licence, or Cloud KMS; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need ENVIRONMENT RUN PIPELINE_ACCOUNT
need_signing_key

rm -f "$OUT/sbom.cdx.json" "$OUT/provenance.dsse.json"
attest make
