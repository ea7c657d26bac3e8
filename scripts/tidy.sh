#!/usr/bin/env bash
# clang-tidy over native/, with the compile commands of the last build in the user cache.
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${LORASHEAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lorashear-native}"
for commands in $(ls -t "$cache"/build/*/compile_commands.json); do
  if grep -q "\"file\": \"$PWD/native/" "$commands"; then
    find native -name '*.cc' -print0 |
      xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$(dirname "$commands")"
    exit
  fi
done
echo "no build of this clone: run npm run build first" >&2
exit 1
