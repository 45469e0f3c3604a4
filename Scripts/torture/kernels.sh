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
# Flags and main file -> a program.
build() {
  # shellcheck disable=SC2086
  "$clang" -O1 -g -fno-omit-frame-pointer -ISources/CKernels/include "$@" $sources -lm -lpthread \
    2> >(grep -v "Cannot export local symbol" >&2)
}
build -fsanitize=address,undefined -fno-sanitize-recover=undefined Scripts/torture/kernels.c -o "$work/kernels"
for isa in portable avx2 avx512; do
  echo -n "$isa: "
  UPCYCLE_ISA=$isa "$work/kernels" "${1:-200}"
done
build -fsanitize=thread Scripts/torture/threads.c -o "$work/threads" -L"$swift" -ldispatch -lBlocksRuntime -Wl,-rpath,"$swift"
TSAN_OPTIONS=halt_on_error=1 "$work/threads" "${1:-200}"
