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
# Clang does not know all of GCC's warnings.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" "$tools/clang_tidy/data/bin/clang-tidy" --quiet -p "$folder" \
    --extra-arg=-Wno-unknown-warning-option
echo "${#files[@]} files are clean"
