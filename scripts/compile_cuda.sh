#!/usr/bin/env bash
# Compiles every CUDA kernel for sm_80, sm_90 and sm_100 and prints registers and spills; needs no GPU.
# Takes the nvcc of LORASHEAR_NVCC or PATH, else installs NVIDIA's compiler packages by pip into the user cache.
# Ends with `N compiled, N failed`; exits with 1 when one failed.
set -euo pipefail
cd "$(dirname "$0")/.."

nvcc="${LORASHEAR_NVCC:-$(command -v nvcc || true)}"
if [ -z "$nvcc" ]; then
  nvcc="$(scripts/pip_tools.sh nvcc-13.0.88 scripts/cuda_requirements.txt)/nvidia/cu13/bin/nvcc"
fi
"$nvcc" --version | grep release

objects="$(mktemp -d)"
trap 'rm -rf "$objects"' EXIT
compiled=0
failed=0
shopt -s nullglob
for source in native/kernels/*/*.cu; do
  echo "$source"
  if "$nvcc" -std=c++17 -O3 -Xcompiler -fPIC -Xptxas -v -I native \
    -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 \
    -gencode arch=compute_100,code=sm_100 \
    -c "$source" -o "$objects/$(basename "$source").o" >"$objects/log" 2>&1; then
    compiled=$((compiled + 1))
  else
    failed=$((failed + 1))
    cat "$objects/log"
    continue
  fi
  # ptxas says per kernel: "Compiling entry function 'NAME' for 'sm_90'", spills, then "Used N registers".
  awk '
    /Compiling entry function/ { match($0, /\x27[^\x27]+\x27/); name = substr($0, RSTART + 1, RLENGTH - 2)
                                 arch = $NF; gsub(/\x27/, "", arch) }
    /bytes spill stores/       { match($0, /[0-9]+ bytes spill stores/); spill = substr($0, RSTART) + 0 }
    /Used [0-9]+ registers/    { match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5, RLENGTH - 5)
                                 printf "%s\t%s\t%s\t%s\n", arch, registers, spill, name }
  ' "$objects/log" | { c++filt 2>/dev/null || cat; } | sed 's/(anonymous namespace):://g' | while IFS=$'\t' read -r arch registers spill name; do
    printf '  %-7s %3s registers %4s bytes spilled  %s\n' "$arch" "$registers" "$spill" "${name%%(*}"
  done
done
echo "$compiled compiled, $failed failed"
[ "$failed" -eq 0 ]
