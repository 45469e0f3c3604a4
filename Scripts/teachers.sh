#!/usr/bin/env bash
# Pretrains the ladder's committed models anew: the tokenizer, three seeds of nano-1b, two of nano-8b, nano-3b, nano-smol, the
# three with experts, which also learn to write programs (nano-qwen-moe from two seeds), nano-8b and nano-1b continued at
# 2,048 tokens, nano-qwen, and three smaller relatives of nano-smol and nano-qwen (from nano-1b's second seed on with one
# thread each: the thread count is part of a result's identity).
# Each folder gets the weights (bfloat16), the plan, the loss curve, the machine and the scores. Resumable; a folder with
# scores.json is done, so delete one to make it anew.
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
pretrain nano-1b 2 4M 3e-3
pretrain nano-1b 3 4M 3e-3
pretrain nano-qwen-moe 1 4M 3e-3 code all,programs,edits
pretrain nano-qwen-moe 2 4M 3e-3 code all,programs,edits
pretrain nano-dsv2 1 4M 3e-3 code all,programs,edits
pretrain nano-scout 1 4M 3e-3 code all,programs,edits
pretrain nano-qwen 1 4M 3e-3
pretrain nano-smol-135m 1 4M 3e-3
pretrain nano-smol-360m 1 4M 3e-3
pretrain nano-qwen-0.5b 1 4M 3e-3
# Models that go on until they find needles at 2,048 tokens: copying in short windows, from which everything else grows;
# RULER's formats among other text, then alone, of both only what can be copied; at last, with a larger rotary base, keys that
# are all asked for beside instructions. RULER measures them as the base and teacher of HyLo's Table 2. The paths as they were
# found (notebooks-md/log.md), not the shortest.
long() { # preset, steps
  local preset="$1" folder="$teachers/$1-long-seed1" before="$teachers/$1-seed1" number=0 out
  shift
  if [ -f "$folder/scores.json" ]; then return; fi
  for step in "$@"; do
    number=$((number + 1))
    out="runs/teachers/$preset-long-$number"
    if [ "$number" = $# ]; then out="$folder"; fi
    # shellcheck disable=SC2086
    [ -f "$out/config.json" ] || $hybrid pretrain --from "$before" --mixture $step --out "$out"
    before="$out"
  done
  $hybrid evaluate --model "$folder" --tasks all --items 500 --json --quiet > "$folder/scores.json.tmp"
  mv "$folder/scores.json.tmp" "$folder/scores.json"
}
long nano-8b \
  "copying --only-repeats --sequence 128 --batch 2 --lr 2e-3 --tokens 2500k" \
  "long --only-repeats --sequence 512 --batch 1 --lr 1.5e-3 --tokens 1500k" \
  "long --only-repeats --sequence 2048 --batch 1 --lr 1e-3 --tokens 500k" \
  "needles --only-repeats --sequence 1024 --batch 1 --lr 1.5e-3 --tokens 500k" \
  "needles --only-repeats --sequence 2048 --batch 1 --lr 1.5e-3 --tokens 700k" \
  "needles --only-repeats --sequence 2048 --batch 1 --lr 2e-3 --tokens 1200k" \
  "long --sequence 2048 --batch 1 --lr 1e-3 --tokens 700k" \
  "long --sequence 2048 --batch 1 --lr 1.5e-3 --tokens 800k" \
  "keys --rope-theta 500000 --only-repeats --sequence 512 --batch 4 --instruction-rows 1 --lr 1.5e-3 --tokens 600k" \
  "keys --only-repeats --sequence 512 --batch 4 --instruction-rows 2 --lr 2e-3 --tokens 1200k" \
  "needles --only-repeats --sequence 2048 --batch 2 --instruction-rows 1 --lr 1.5e-3 --tokens 750k"
long nano-1b \
  "copying --only-repeats --sequence 128 --batch 2 --lr 2e-3 --tokens 2500k" \
  "long --only-repeats --sequence 512 --batch 1 --lr 1.5e-3 --tokens 1500k" \
  "needles --only-repeats --sequence 512 --batch 2 --lr 2e-3 --tokens 800k" \
  "keys --rope-theta 500000 --only-repeats --sequence 256 --batch 4 --instruction-rows 1 --lr 2e-3 --tokens 700k" \
  "keys --only-repeats --sequence 256 --batch 4 --instruction-rows 1 --lr 2e-3 --tokens 1M" \
  "keys --only-repeats --sequence 512 --batch 4 --instruction-rows 2 --lr 2e-3 --tokens 1M" \
  "needles --only-repeats --sequence 2048 --batch 2 --instruction-rows 1 --lr 1.5e-3 --tokens 500k"
(cd "$teachers" && sha256sum tokenizer/tokenizer.json ./*/model.safetensors | sed 's|  ./|  |' > SHA256SUMS)
