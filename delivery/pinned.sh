#!/usr/bin/env bash
# Refuses images that are named by a tag alone: what a tag means can change between test and release.
#
# Environment: every variable whose name ends in _IMAGE.
# Exit codes: 0 all are pinned; 2 one is not, or there is none.
set -euo pipefail

found=0
wrong=0
while IFS='=' read -r name image; do
  case $name in *_IMAGE) ;; *) continue ;; esac
  found=1
  if ! [[ $image =~ @sha256:[0-9a-f]{64}$ ]]; then
    wrong=1
    echo "$name: expected NAME@sha256:DIGEST, got '$image'. To look the digest up:" >&2
    echo "  docker buildx imagetools inspect ${image:-NAME:TAG}" >&2
    echo "  gcloud artifacts docker images describe ${image:-NAME:TAG}   (in Artifact Registry)" >&2
  fi
done < <(env)

if [ "$found" = 0 ]; then
  echo "expected the images in variables such as PYTHON_IMAGE, got none" >&2
  exit 2
fi
exit $((wrong * 2))
