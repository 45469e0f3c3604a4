#!/usr/bin/env bash
# Writes the example's text anew, from a seed: train.txt and valid.txt, documents of the microworld that the example's
# model grew up in.
#
#   examples/make.sh [FOLDER]      examples/ unless another is given
set -euo pipefail
folder=$(realpath "${1:-$(dirname "$0")}")
cd "$(dirname "$0")/.."
export PATH="$PWD/.build/release:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shards generate --seed 1 --pretraining-tokens 0 --instruction-tokens 40k --valid-tokens 4k --preferences 0 --items 0 \
  --out "$work/world" >/dev/null 2>&1
cp "$work/world/instruction.txt" "$folder/train.txt"
cp "$work/world/instruction-valid.txt" "$folder/valid.txt"
