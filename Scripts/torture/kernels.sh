#!/usr/bin/env bash
# The C kernels under the address and undefined-behaviour sanitizers, on odd shapes, once for every instruction set
# that the processor has; then the pool of threads under the thread sanitizer. Swift's own clang brings the sanitizers'
# runtime, that of the last one wants Swift's dispatch library.
#
#   Scripts/torture/kernels.sh [ROUNDS]      0 only asks whether the harness still fits the kernels' headers
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
[ -x "$clang" ] || clang=clang
if [ "${1:-}" = 0 ]; then
  exec "$clang" -fsyntax-only -Wall -Werror -ISources/CKernels/include Scripts/torture/kernels.c Scripts/torture/threads.c
fi
work=$(mktemp -d)
rounds=${1:-200}
export work rounds
trap 'rm -rf "$work"' EXIT
sources=$(find Sources/CKernels -name "*.c")
swift=$(dirname "$clang")/../lib/swift/linux
# build MAIN PROGRAM FLAG...: as many files at a time as there are processors.
build() {
  local main=$1 program=$2
  shift 2
  mkdir "$program.o"
  printf '%s\n' "$main" $sources | xargs -P "$(nproc)" -I FILE bash -c \
    '"$0" -c -O1 -g -fno-omit-frame-pointer -ISources/CKernels/include "${@:3}" "$2" -o "$1/$(echo "$2" | tr / _).o"' \
    "$clang" "$program.o" FILE "$@"
  "$clang" "$@" "$program.o"/*.o -o "$program" -lm -lpthread -L"$swift" -ldispatch -lBlocksRuntime -Wl,-rpath,"$swift" \
    2> >(grep -v "Cannot export local symbol" >&2)
}
build Scripts/torture/kernels.c "$work/kernels" -fsanitize=address,undefined -fno-sanitize-recover=undefined
# Instruction sets side by side.
check() {
  local status=0 said
  said=$(UPCYCLE_ISA=$1 "$work/kernels" "$rounds" 2>&1) || status=$?
  case $status in
    0) echo "$1: $said" ;;
    2) echo "$1: not on this processor" ;;
    *) echo "$1: $said" >&2; return 1 ;;
  esac
}
export -f check
printf '%s\n' portable avx2 avx512 | xargs -P "$(nproc)" -I ISA bash -c 'check ISA'
build Scripts/torture/threads.c "$work/threads" -fsanitize=thread
TSAN_OPTIONS=halt_on_error=1 "$work/threads" "$rounds"
