#!/usr/bin/env bash
# clang-tidy over native/, with the compile commands of the last build of this clone; installs it by apt when it is missing.
#   scripts/tidy.sh [FILE…]     these files instead of all
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v clang-tidy >/dev/null; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq clang-tidy >/dev/null
fi

cache="${LORASHEAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lorashear-native}"
commands=""
for candidate in $(ls -t "$cache"/build/*/compile_commands.json 2>/dev/null || true); do
  if grep -q "\"file\": \"$PWD/native/" "$candidate"; then
    commands="$candidate"
    break
  fi
done
if [ -z "$commands" ]; then
  echo "no build of this clone: run npm run build first" >&2
  exit 1
fi

# Clang cannot read GCC's precompiled headers, and does not know all of its warnings.
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
sed -E 's/ -Winvalid-pch//; s/ -include [^ ]*cmake_pch\.hxx//' "$commands" >"$folder/compile_commands.json"

files=("$@")
if [ "${#files[@]}" -eq 0 ]; then
  # The longest first, so that no core waits for the last one.
  mapfile -t files < <(find native -name '*.cc' -size +0 -printf '%s %p\n' | sort -rn | cut -d' ' -f2)
fi
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$folder" --extra-arg=-Wno-unknown-warning-option 2> >(grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? (generated|treated)' >&2 || true)
echo "${#files[@]} files are clean"
