#!/usr/bin/env bash
# Pretrains the ladder on the second edition of the microworld (notebooks-md/microworld.md), in the order in which studies need the
# models: into experiments/teachers/world2, with one thread each (the thread count is part of a result's identity), so that two of
# these may run side by side: each model is taken by one of them. Resumable: what is finished is skipped, what was stopped goes on.
# HYBRID names another program than the checkout's, LADDER another folder, TOKENS another budget.
set -euo pipefail
cd "$(dirname "$0")/.."
hybrid=${HYBRID:-.build/release/hybrid}
ladder=${LADDER:-experiments/teachers/world2}
tokens=${TOKENS:-12M}
export UPCYCLE_THREADS=1

pretrain() { # preset seed peak-learning-rate
  local folder="$ladder/$1-seed$2"
  if [ -f "$folder/scores.json" ]; then return; fi
  mkdir -p "$ladder"
  # Another ladder at work on this model? Then the next one.
  exec 9>"$ladder/.$1-seed$2.lock.tmp"
  if ! flock -n 9; then return; fi
  "$hybrid" pretrain --world 2 --preset "$1" --seed "$2" --tokens "$tokens" --lr "$3" --out "$folder"
  "$hybrid" evaluate --world 2 --model "$folder" --tasks all --items 1000 --json --quiet >"$folder/scores.json.tmp"
  mv "$folder/scores.json.tmp" "$folder/scores.json"
}

pretrain nano-1b 1 3e-3
pretrain nano-8b 1 2e-3
pretrain nano-1b 2 3e-3
pretrain nano-8b 2 2e-3
pretrain nano-3b 1 2.5e-3
pretrain nano-smol 1 3e-3
pretrain nano-qwen 1 3e-3
(cd "$ladder" && sha256sum tokenizer/tokenizer.json ./*/model.safetensors | sed 's|  ./|  |' >SHA256SUMS)
