#!/usr/bin/env bash
# Builds, tests and measures on a CUDA machine that has nvcc 13, CMake, ninja and a Python with torch, but no network and
# perhaps no Node. docs/benchmarks.md says how to get the checkout there.
#   scripts/gpu_machine.sh --pack [FOLDER]                   here: Node, modules and dist for the machine, into .gpu/
#   scripts/gpu_machine.sh [--device D] [-- BENCH OPTIONS]   there; D is cuda, or cpu to try the script without a GPU
# NODE_ARCHIVE     folder or .tar.xz with Node ≥ 20.17, where PATH has none (default: .gpu/node*, ./node-v*, ../node-v*)
# MODULES_ARCHIVE  .tar.xz with node_modules and dist, where the checkout has none (default: .gpu/modules.tar.xz)
# PYTHON           the Python that holds torch (default: python3); its torch is what the addon is built against
# OUT              folder of logs and results (default: bench/results)
# Ends with `N passed, N failed`; exits with 1 when something failed.
set -uo pipefail
cd "$(dirname "$0")/.."
root="$PWD"
die() {
  echo "gpu_machine: $1" >&2
  exit 1
}

pack() {
  local folder="$1"
  node scripts/bootstrap.mjs --no-native && mkdir -p "$folder" || exit 1
  # What lints, compiles and describes types is not needed to run; echarts is drawn from its lib/.
  local name without=()
  for name in typescript @typescript eslint @eslint typescript-eslint @typescript-eslint prettier @types echarts/dist; do
    without+=("--exclude=node_modules/$name")
  done
  tar -c --exclude='*.map' --exclude='*.d.ts' --exclude='*.d.mts' --exclude=dist/.bootstrap "${without[@]}" \
    node_modules dist | xz -T0 >"$folder/modules.tar.xz" &&
    tar -c -h -C "$(dirname "$(readlink -f "$(command -v node)")")" node | xz -T0 >"$folder/node.tar.xz" || exit 1
  du -h "$folder"/*.tar.xz
}

device=cuda
while [ $# -gt 0 ]; do
  case "$1" in
    --pack) pack "${2:-.gpu}" && exit 0 ;;
    --device) device="${2:-}" && shift 2 ;;
    --) shift && break ;;
    *) die "unknown option $1" ;;
  esac
done
[ "$device" = cuda ] || [ "$device" = cpu ] || die "--device is '$device': give cuda or cpu"
bench=("$@")
[ $# -gt 0 ] || bench=(half_space_projection group_statistics boundary --threads 1)

out="${OUT:-bench/results}"
mkdir -p "$out" || die "cannot write $out"
prefix="$(cd "$out" && pwd)/$(date -u +%Y-%m-%dT%H-%M-%S)-$device"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
shopt -s nullglob

# unpack ARCHIVE FOLDER: tar needs xz for it, Python does not.
unpack() {
  mkdir -p "$2" && { tar -xJf "$1" -C "$2" 2>/dev/null || "${PYTHON:-python3}" -m tarfile -e "$1" "$2"; }
}

is_new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 17) ? 0 : 1)' 2>/dev/null
}

# find_node: prints the path of a Node that serves.
find_node() {
  local place found
  found="$(command -v node)" && is_new_enough "$found" && echo "$found" && return 0
  for place in ${NODE_ARCHIVE:+"$NODE_ARCHIVE"} .gpu/node* node-v* ../node-v*; do
    if [ -f "$place" ]; then
      unpack "$place" "$work/node" || continue
      place="$work/node"
    fi
    found="$(find "$place" -type f -name node -perm -u+x 2>/dev/null | head -n 1)"
    [ -n "$found" ] && found="$(readlink -f "$found")" && is_new_enough "$found" && echo "$found" && return 0
  done
  return 1
}

node="$(find_node)" || die "no Node ≥ 20.17 in PATH, NODE_ARCHIVE, .gpu/ or beside the checkout"
PATH="$(dirname "$node"):$PATH:${CUDA_HOME:-/usr/local/cuda}/bin"
python="$("${PYTHON:-python3}" -c 'import sys; print(sys.executable)')" || die "no Python: set PYTHON"
if [ -z "${LORASHEAR_LIBTORCH:-}" ]; then
  LORASHEAR_LIBTORCH="$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')" ||
    die "$python has no torch: set PYTHON, or LORASHEAR_LIBTORCH"
fi
export PATH LORASHEAR_LIBTORCH LORASHEAR_PEER_PYTHON="${LORASHEAR_PEER_PYTHON:-$python}"

if [ ! -d node_modules/tap ] || { [ ! -e dist/bench/main.js ] && [ ! -d node_modules/@types/node ]; }; then
  archive="${MODULES_ARCHIVE:-.gpu/modules.tar.xz}"
  [ -f "$archive" ] || die "no node_modules here, and no $archive: run scripts/gpu_machine.sh --pack where npm works"
  unpack "$archive" "$root" || die "$archive does not unpack"
fi
if [ -d node_modules/@types/node ]; then
  node scripts/bootstrap.mjs --no-native || die "TypeScript does not compile"
fi

passed=0
failed=0
# step NAME COMMAND…: runs it into a log and onto the screen, counts it.
step() {
  local name="$1" from=$SECONDS
  shift
  echo "=== $name"
  if "$@" 2>&1 | tee "$prefix-$name.log"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "failed: $name"
  fi
  echo "--- $name: $((SECONDS - from)) s"
}

machine() {
  uname -srm && nproc && node --version && cmake --version | head -n 1
  "$python" -c 'import sys, torch; print("Python", sys.version.split()[0], "torch", torch.__version__, "CUDA", torch.version.cuda)' || return
  echo "libtorch $LORASHEAR_LIBTORCH"
  [ "$device" = cpu ] && return 0
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem --format=csv || return
  "${LORASHEAR_NVCC:-nvcc}" --version | grep release
}

# On a GPU a skipped test is a failure: nothing may pass by not being run.
tests() {
  LORASHEAR_GPU_TESTS_ON="$device" node scripts/run_tests.mjs gpu | tee "$work/tests" || return
  [ "$device" = cpu ] || ! grep 'skip: ' "$work/tests"
}

step machine machine
step setup node bin/lorashear-native.js setup
step doctor node bin/lorashear-native.js doctor
step test_gpu tests
step bench node bin/lorashear-native.js bench --device "$device" --peers --output "$prefix.jsonl" "${bench[@]}"
echo "logs and results: $prefix*"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
