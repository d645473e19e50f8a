#!/usr/bin/env bash
# Fetches what the recipe names and the repository does not hold: the trained model, its examples.
#
# Environment: SOURCES, a gs:// folder, or empty for none; copied to OUT/sources. With FROM_REGISTRY or
# VERSION nothing is exported, and nothing fetched.
# Exit codes: 0 done, or nothing to do; 1 the bucket refused; 2 a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"

if ! exports || [ -z "${SOURCES:-}" ]; then exit 0; fi
case $SOURCES in
  gs://*) ;;
  *) echo "SOURCES: expected gs://BUCKET/FOLDER, got '$SOURCES'" >&2; exit 2 ;;
esac
mkdir -p "$OUT/sources"
gcloud storage rsync --recursive "$SOURCES" "$OUT/sources"
