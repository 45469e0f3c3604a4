#!/usr/bin/env bash
# Pretrains the ladder's committed models anew: the tokenizer, nano-1b, two seeds of nano-8b, nano-3b, nano-smol, and the
# three with experts, which also learn to write programs (with one thread each: the thread count is part of a result's identity).
# Each folder gets the weights (bfloat16), the plan, the loss curve, the machine and the scores. Resumable.
set -euo pipefail
cd "$(dirname "$0")/.."
hybrid=.build/release/hybrid
teachers=experiments/teachers

pretrain() { # preset seed tokens peak-learning-rate [instructions tasks]
  local folder="$teachers/$1-seed$2"
  if [ ! -f "$folder/scores.json" ]; then
    $hybrid pretrain --preset "$1" --seed "$2" --tokens "$3" --lr "$4" --instructions "${5:-instruction}" --out "$folder"
    $hybrid evaluate --model "$folder" --tasks "${6:-all}" --items 500 --json --quiet > "$folder/scores.json.tmp"
    mv "$folder/scores.json.tmp" "$folder/scores.json"
  fi
}

pretrain nano-1b 1 4M 3e-3
pretrain nano-8b 1 4.6M 2e-3
pretrain nano-8b 2 4.6M 2e-3
pretrain nano-3b 1 4.3M 2.5e-3
pretrain nano-smol 1 4M 3e-3
export UPCYCLE_THREADS=1
pretrain nano-qwen-moe 1 4M 3e-3 code all,programs,edits
pretrain nano-dsv2 1 4M 3e-3 code all,programs,edits
pretrain nano-scout 1 4M 3e-3 code all,programs,edits
(cd "$teachers" && sha256sum tokenizer/tokenizer.json ./*/model.safetensors | sed 's|  ./|  |' > SHA256SUMS)
