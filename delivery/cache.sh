#!/usr/bin/env bash
# Brings back, or keeps, what uv downloaded: cache.sh restore|save
#
# The cache is an optimisation and nothing else. Without it, or with a broken one, packages are
# downloaded again. uv compares a download with the hashes of requirements.txt, and never again what it
# unpacked: whoever may write to the bucket decides what later runs execute, so each environment has a
# bucket of its own.
#
# Environment: DELIVERY_BUCKET; UV_CACHE_DIR, the folder.
# Exit codes: 0 whatever happened to the cache; 2 the command line or a variable.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"
need DELIVERY_BUCKET UV_CACHE_DIR

key=$(sha256sum requirements.txt | cut -c 1-16)
object="gs://$DELIVERY_BUCKET/cache/uv-$key.tar"

restore() {
  mkdir -p "$UV_CACHE_DIR"
  if gcloud storage cat "$object" | tar -x -C "$UV_CACHE_DIR"; then
    echo "restored $object"
  else
    rm -rf "$UV_CACHE_DIR"  # half a cache could be taken for a whole one
    echo "no usable cache at $object: everything is downloaded"
  fi
}

save() {
  if gcloud storage ls "$object" >/dev/null 2>&1; then
    echo "kept already: $object"
  elif tar -c -C "$UV_CACHE_DIR" . | gcloud storage cp - "$object"; then
    echo "kept as $object"
  else
    # What was cut short must not be restored next time.
    gcloud storage rm "$object" >/dev/null 2>&1 || true
    echo "not kept: the next build downloads everything"
  fi
}

case ${1:-} in
  restore | save) "$1" ;;
  *) echo "usage: cache.sh restore|save" >&2; exit 2 ;;
esac
