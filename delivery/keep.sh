#!/usr/bin/env bash
# Keeps the evidence of this run, also of one that the gate is about to stop.
#
# Environment: DELIVERY_BUCKET, RUN.
# Exit codes: 0 kept, or there is none; 1 the bucket refused; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need DELIVERY_BUCKET RUN

files=()
for file in "$OUT"/{export.log,report.html,gate,revision.json,sbom.cdx.json,provenance.dsse.json} \
  "$OUT"/plan*.txt "$OUT"/plan*.tfplan; do
  if [ -f "$file" ]; then files+=("$file"); fi
done
if [ "${#files[@]}" -gt 0 ]; then
  gcloud storage cp "${files[@]}" "gs://$DELIVERY_BUCKET/runs/$RUN/"
fi
