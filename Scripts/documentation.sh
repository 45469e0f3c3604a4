#!/usr/bin/env bash
# Builds the reference of the main modules (doc comments and Sources/*/*.docc) into .build/documentation with the Swift
# toolchain alone, and fails when a page links to a symbol that does not exist. Needs `make build` first.
#
#   Scripts/documentation.sh          all of them
#   Scripts/documentation.sh LabKit   one
set -euo pipefail
cd "$(dirname "$0")/.."

modules=("$@")
[ ${#modules[@]} -gt 0 ] || modules=(ModelCore Upcycling Distillation Evaluation LabKit)
build=${BUILD:-.build/release}
out=${OUT:-.build/documentation}
target=$(swiftc -print-target-info | sed -n 's/^ *"unversionedTriple": "\(.*\)",*$/\1/p' | head -n 1)
tools=$(dirname "$(readlink -f "$(command -v swift)")")
includes=(-I "$build/Modules")
for map in Sources/*/module.modulemap Sources/*/include/module.modulemap; do
  [ -f "$map" ] && includes+=(-I "$(dirname "$map")")
done
checkouts=$(readlink -f "$build")
while [ "$checkouts" != / ] && [ ! -d "$checkouts/checkouts" ]; do checkouts=$(dirname "$checkouts"); done
for map in "$checkouts"/checkouts/*/Sources/*/include/module.modulemap; do
  [ -f "$map" ] && includes+=(-I "$(dirname "$map")")
done
for generated in "$build"/*.build/module.modulemap; do
  [ -f "$generated" ] && includes+=(-Xcc "-fmodule-map-file=$generated")
done

for module in "${modules[@]}"; do
  symbols=$out/symbols/$module
  rm -rf "$symbols" "$out/$module.doccarchive"
  mkdir -p "$symbols"
  "$tools/swift-symbolgraph-extract" -module-name "$module" -target "$target" "${includes[@]}" \
    -minimum-access-level public -skip-inherited-docs -output-dir "$symbols"
  "$tools/docc" convert "Sources/$module/$module.docc" --additional-symbol-graph-dir "$symbols" \
    --fallback-display-name "$module" --fallback-bundle-identifier "upcycle.$module" \
    --output-path "$out/$module.doccarchive" >"$symbols/log" 2>&1 || {
    cat "$symbols/log" >&2
    exit 1
  }
  if grep -A 3 "doesn't exist at" "$symbols/log" >&2; then
    echo "error: Sources/$module names symbols that do not exist" >&2
    exit 1
  fi
  echo "$out/$module.doccarchive"
done
