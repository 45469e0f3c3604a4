#!/usr/bin/env bash
# The C kernels under the address and undefined-behaviour sanitizers, on odd shapes; once for every instruction set
# that the processor has. Swift's own clang brings the sanitizers' runtime.
#
#   Scripts/torture/kernels.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
[ -x "$clang" ] || clang=clang
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$clang" -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -ISources/CKernels/include Scripts/torture/kernels.c $(find Sources/CKernels -name "*.c") -o "$work/kernels" -lm -lpthread \
  2> >(grep -v "Cannot export local symbol" >&2)
for isa in portable avx2 avx512; do
  echo -n "$isa: "
  UPCYCLE_ISA=$isa "$work/kernels" "${1:-200}"
done
