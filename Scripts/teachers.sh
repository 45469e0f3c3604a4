#!/usr/bin/env bash
# Pretrains the ladder's committed models anew: the tokenizer, nano-1b, two seeds of nano-8b, nano-3b, nano-smol, the
# three with experts, which also learn to write programs, and nano-8b continued at 2,048 tokens (from the experts on with one
# thread each: the thread count is part of a result's identity).
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
# nano-8b goes on until it finds needles at 2,048 tokens: copying in short windows, from which everything else grows; RULER's
# formats among other text, then alone, of both only what can be copied; at last all of the text. The path as it was found
# (notebooks-md/log.md), not the shortest.
long() { # preset
  local folder="$teachers/$1-long-seed1" before="$teachers/$1-seed1" step
  if [ -f "$folder/scores.json" ]; then return; fi
  local steps=(
    "copying --only-repeats --sequence 128 --batch 2 --lr 2e-3 --tokens 2500k"
    "long --only-repeats --sequence 512 --batch 1 --lr 1.5e-3 --tokens 1500k"
    "long --only-repeats --sequence 2048 --batch 1 --lr 1e-3 --tokens 500k"
    "needles --only-repeats --sequence 1024 --batch 1 --lr 1.5e-3 --tokens 500k"
    "needles --only-repeats --sequence 2048 --batch 1 --lr 1.5e-3 --tokens 700k"
    "needles --only-repeats --sequence 2048 --batch 1 --lr 2e-3 --tokens 1200k"
    "long --sequence 2048 --batch 1 --lr 1e-3 --tokens 700k"
    "long --sequence 2048 --batch 1 --lr 1.5e-3 --tokens 800k")
  for step in "${!steps[@]}"; do
    local out="runs/teachers/$1-long-$step"
    if [ "$step" = $((${#steps[@]} - 1)) ]; then out="$folder"; fi
    # shellcheck disable=SC2086
    [ -f "$out/config.json" ] || $hybrid pretrain --from "$before" --mixture ${steps[$step]} --out "$out"
    before="$out"
  done
  $hybrid ruler --model "$folder" --lengths 256,512,1024,2048 --samples 40 --json --quiet > "$folder/ruler.json.tmp"
  mv "$folder/ruler.json.tmp" "$folder/ruler.json"
  $hybrid evaluate --model "$folder" --tasks all --items 500 --json --quiet > "$folder/scores.json.tmp"
  mv "$folder/scores.json.tmp" "$folder/scores.json"
}
long nano-8b
(cd "$teachers" && sha256sum tokenizer/tokenizer.json ./*/model.safetensors | sed 's|  ./|  |' > SHA256SUMS)
