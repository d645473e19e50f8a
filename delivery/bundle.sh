#!/usr/bin/env bash
# Zips the function, and writes down which commit it is made from. The same commit gives the same
# bytes, so prod gets the zip that staging ran.
#
# Leaves: OUT/function-<sha256>.zip, its path in OUT/bundle, and OUT/revision.json: commit,
# committed_at, digest.
# Exit codes: 1 there is no commit, or files differ from it; those of `python -m model_export bundle`.
set -euo pipefail
# shellcheck source=delivery/settings.sh
. "$(dirname "$0")/settings.sh"

rm -f "$OUT"/function-*.zip "$OUT/bundle" "$OUT/revision.json"
if ! commit=$(git rev-parse HEAD); then
  echo "expected a checkout with its .git folder, because a deployment is known by its commit" >&2
  exit 1
fi
# What the zip is made of must be the commit's: no file more, and none that git was told to overlook.
changed=$(git status --short --untracked-files=no)
more=$(git status --short --untracked-files=all -- functions | grep '^??' || true)
overlooked=$(git ls-files -v | grep '^[a-zS]' || true)
if [ -n "$changed$more$overlooked" ]; then
  echo "expected the files of commit $commit, got others:" >&2
  printf '%s\n' "$changed" "$more" "$overlooked" | grep . | sort -u >&2
  exit 1
fi
told=$("$PYTHON" -m model_export bundle --output "$OUT")
echo "$told"
bundle=${told%%  *}
"$PYTHON" -m delivery.revision "$bundle" --commit "$commit" \
  --seconds "$(git log -1 --format=%ct)" --json "$OUT/revision.json"
echo "$bundle" >"$OUT/bundle"
