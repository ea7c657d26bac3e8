#!/usr/bin/env bash
# clang-format over native/, with the pinned version.
#   scripts/format_native.sh [--check]     --check changes nothing and fails when something would change
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$(scripts/pip_tools.sh clang-14.0.6-23.1.4 scripts/clang_requirements.txt)"
how=(-i)
[ "${1:-}" != --check ] || how=(--dry-run -Werror)
find native -regex '.*\.\(cc\|h\|cu\|cuh\)' -print0 |
  xargs -0 "$tools/clang_format/data/bin/clang-format" "${how[@]}"
