#!/usr/bin/env bash
# clang-tidy over native/, with the pinned version and the compile commands of CMakeLists.txt; needs libtorch, no build.
#   scripts/tidy.sh [FILE…]     these files instead of all
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$(scripts/pip_tools.sh clang-14.0.6-23.1.4 scripts/clang_requirements.txt)"
libtorch="$(node -e "
  import('./dist/lib/setup/locate.js').then(({ chosenLibtorch }) => {
    const { folder } = chosenLibtorch() ?? {};
    if (!folder) throw new Error('no libtorch: run \`npm run build\` first');
    console.log(folder);
  });
")"

# Configured only, for its compile commands; Clang cannot read GCC's precompiled headers.
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
modules="$PWD/node_modules"
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON \
  -DLIBTORCH_DIR="$libtorch" -DLORASHEAR_DEVICE=cpu \
  -DCMAKE_JS_INC="$modules/node-addon-api;$modules/node-api-headers/include" >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; exit 1; }

files=("$@")
if [ "${#files[@]}" -eq 0 ]; then
  # The longest first, so that no core waits for the last one.
  mapfile -t files < <(find native -name '*.cc' -size +0 -printf '%s %p\n' | sort -rn | cut -d' ' -f2)
fi

# What was clean stays clean: a file's name in the cache is the hash of all that its verdict depends on: itself, the headers
# of ours that it includes, the checks, the compile commands, and the versions of clang-tidy, libtorch, Node's headers and
# GCC's.
cache="${LORASHEAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lorashear-native}/tidy"
mkdir -p "$cache"
common="$({
  "$tools/clang_tidy/data/bin/clang-tidy" --version
  "${CXX:-c++}" --version
  cat "$libtorch/include/torch/headeronly/version.h"
  cat .clang-tidy CMakeLists.txt scripts/tidy.sh "$modules/node-addon-api/package.json" \
    "$modules/node-api-headers/package.json"
} | sha256sum)"

# with_headers FILE: it and all headers of ours that it includes, directly or not
with_headers() {
  local seen=" " waiting=("$1") file header
  while [ "${#waiting[@]}" -gt 0 ]; do
    file="${waiting[0]}"
    waiting=("${waiting[@]:1}")
    [[ "$seen" == *" $file "* ]] && continue
    seen+="$file "
    while read -r header; do
      [ -e "native/$header" ] && waiting+=("native/$header")
    done < <(sed -n 's/^ *# *include "\([^"]*\)".*/\1/p' "$file")
  done
  tr ' ' '\n' <<<"$seen" | sed '/^$/d' | LC_ALL=C sort
}

# check FILE: as clang-tidy says, unless the file is known to be clean
check() {
  local mark
  mark="$cache/$({ echo "$common"; with_headers "$1" | xargs sha256sum; } | sha256sum | cut -d' ' -f1)"
  if [ -e "$mark" ]; then
    touch "$mark"
    return 0
  fi
  # Clang does not know all of GCC's warnings.
  "$tools/clang_tidy/data/bin/clang-tidy" --quiet -p "$folder" --extra-arg=-Wno-unknown-warning-option "$1" &&
    touch "$mark"
}
export -f check with_headers
export cache common tools folder

# Marks that no run has asked for in a month belong to versions that are gone.
find "$cache" -type f -mtime +30 -delete
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'check "$1"' _
echo "${#files[@]} files are clean"
