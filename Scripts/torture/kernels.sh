#!/usr/bin/env bash
# The C kernels under the address and undefined-behaviour sanitizers, on odd shapes, once for every instruction set
# that the processor has; then the pool of threads under the thread sanitizer. Swift's own clang brings the sanitizers'
# runtime, that of the last one wants Swift's dispatch library.
#
#   Scripts/torture/kernels.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
[ -x "$clang" ] || clang=clang
work=$(mktemp -d)
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
for isa in portable avx2 avx512; do
  echo -n "$isa: "
  status=0
  UPCYCLE_ISA=$isa "$work/kernels" "${1:-200}" 2>"$work/said" || status=$?
  case $status in
    0) ;;
    2) echo "not on this processor" ;;
    *) cat "$work/said" >&2; exit 1 ;;
  esac
done
build Scripts/torture/threads.c "$work/threads" -fsanitize=thread
TSAN_OPTIONS=halt_on_error=1 "$work/threads" "${1:-200}"
