#!/usr/bin/env bash
# Installs pinned pip packages into a folder of the user cache, once and whole, and prints that folder.
#   scripts/pip_tools.sh FOLDER REQUIREMENTS    a name in the cache; a file with versions and hashes
set -euo pipefail
requirements="$(realpath "$2")"
cache="${LORASHEAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lorashear-native}"
folder="$cache/$1"
if [ ! -d "$folder" ]; then
  echo "installing $(grep -oE '^[a-z-]+==[0-9.]+' "$requirements" | tr '\n' ' ')into $folder" >&2
  mkdir -p "$cache"
  beside="$(mktemp -d "$cache/$1.XXXXXX")"
  trap 'rm -rf "$beside"' EXIT
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps --no-cache-dir --only-binary=:all: \
    --require-hashes --disable-pip-version-check --target "$beside" -r "$requirements" >&2
  # Programs in wheels are data to pip, which forgets that they can be run.
  find "$beside" -path '*/bin/*' -type f -exec chmod +x {} +
  # Another process may have been faster.
  mv -T "$beside" "$folder" 2>/dev/null || [ -d "$folder" ]
fi
echo "$folder"
