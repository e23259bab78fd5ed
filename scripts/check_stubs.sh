#!/usr/bin/env bash
# Compares the committed stubs with what the pinned toolchain makes of proto/.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

status=0
"$root/scripts/generate_stubs.sh" "$made" || status=$?
if [ "$status" -eq 3 ]; then
  echo "Skipped: the toolchain that makes the stubs can't be installed here." >&2
  exit 0
elif [ "$status" -ne 0 ]; then
  exit "$status"
fi

for folder in verifier_service/v1 verifier_service/google_rpc/vendored; do
  if ! diff --recursive --unified --exclude=__init__.py --exclude=__pycache__ \
    "$root/$folder" "$made/$folder"; then
    echo "The stubs in $folder are not what proto/ says. Run: make proto" >&2
    exit 1
  fi
done
echo "The stubs are up to date."
