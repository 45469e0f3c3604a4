#!/usr/bin/env bash
# X-EcoMLA on two published checkpoints, babyllama_tok361 and stories260K (notebooks-md/real-checkpoints.md):
# converts each to four sizes of KV cache, distils from the original, and writes experiments/real-checkpoints/*.csv.
#
#   Scripts/real-checkpoints.sh [DATA]           DATA: folder with checkpoints/ and tinystories/ (default ../shared/data)
#   Scripts/real-checkpoints.sh DATA collect     only writes the tables, from what is finished
#
# Every step whose result exists is skipped, and distillation goes on from its checkpoint: after Ctrl-C the same
# command continues. About 10 minutes on two quiet cores. Set before it, if you like:
#   STUDY=runs/real-checkpoints   where models and measurements go
#   CELL_TOKENS=614400            distillation tokens of a cell (300 steps of 8 x 256)
#   LONG_TOKENS=4M                of the two long runs at 15.6 %
#   LANES=2                       cells at a time, one thread each
#   LR=1e-3 SEED=1
set -euo pipefail
cd "$(dirname "$0")/.."

data=${1:-../shared/data}
task=${2:-run}
study=${STUDY:-runs/real-checkpoints}
cell_tokens=${CELL_TOKENS:-614400}
long_tokens=${LONG_TOKENS:-4M}
lanes=${LANES:-2}
lr=${LR:-1e-3}
seed=${SEED:-1}
bin=${BIN:-.build/release}
windows=128
export UPCYCLE_THREADS=1
results=experiments/real-checkpoints
mkdir -p "$study" "$results"
[ -f "$study/commit" ] || git rev-parse --short=10 HEAD >"$study/commit"

say() { printf '%s  %s\n' "$(date -u +%H:%M:%S)" "$*"; }

for file in checkpoints/babyllama/babyllama_tok361.bin checkpoints/stories260K/stories260K.bin tinystories/train.txt \
  tinystories/hf_validation_prefix.txt tinystories/valid.txt; do
  if [ ! -f "$data/$file" ]; then
    echo "error: $data/$file is missing; give the folder that holds checkpoints/ and tinystories/" >&2
    exit 1
  fi
done
for tool in hybrid shards xecomla; do
  if [ ! -x "$bin/$tool" ]; then
    echo "error: $bin/$tool is missing; run make build" >&2
    exit 1
  fi
done

# once FILE COMMAND...: the command's standard output becomes FILE, unless FILE is there.
once() {
  local file=$1
  shift
  [ -s "$file" ] && return
  "$@" >"$file.tmp"
  mv "$file.tmp" "$file"
}

# loss MODEL SHARDS FILE [WINDOWS]: loss on the first windows of text.
loss() { once "$3" "$bin/hybrid" perplexity --model "$1" --data "$2" --windows "${4:-$windows}" --length 256 --json --quiet; }

prepare() { # NAME CHECKPOINT TOKENIZER
  local folder=$study/$1
  if [ ! -f "$folder/base/config.json" ]; then
    say "$1: import"
    "$bin/hybrid" import --llama2c "$data/$2" --tokenizer "$data/$3" --out "$folder/base"
  fi
  local text
  for text in train valid hf_validation_prefix; do
    if [ ! -f "$folder/$text/manifest.json" ]; then
      say "$1: pack $text.txt"
      "$bin/shards" pack --input "$data/tinystories/$text.txt" --tokenizer "$folder/base" --out "$folder/$text" --quiet
    fi
  done
  loss "$folder/base" "$folder/hf_validation_prefix" "$folder/base.heldout.json"
  loss "$folder/base" "$folder/hf_validation_prefix" "$folder/base.curve.json" 64 # what distill's curves are measured on
  loss "$folder/base" "$folder/valid" "$folder/base.valid.json"
}

# cell CHECKPOINT NAME TOKENS CONVERT-OPTIONS...: converts, measures, distils, measures.
cell() {
  local folder=$study/$1 here=$study/$1/$2 name="$1 $2" tokens=$3
  shift 3
  mkdir -p "$here"
  if [ ! -f "$here/start/config.json" ]; then
    "$bin/xecomla" convert --model "$folder/base" --out "$here/start" --json "$@" >"$here/convert.json"
  fi
  once "$here/info.json" "$bin/hybrid" info --model "$here/start" --json
  loss "$here/start" "$folder/hf_validation_prefix" "$here/before.json"
  if [ ! -f "$here/model/config.json" ]; then
    say "$name: distil, $tokens tokens"
    "$bin/xecomla" distill --student "$here/start" --teacher "$folder/base" --data "$folder/train" \
      --held-out "$folder/hf_validation_prefix" --tokens "$tokens" --lr "$lr" --seed "$seed" --quiet --out "$here/model" \
      >"$here/distill.txt"
  fi
  loss "$here/model" "$folder/hf_validation_prefix" "$here/after.json"
  loss "$here/model" "$folder/valid" "$here/valid.json"
  say "$name: $(printf 'held-out loss %.4f -> %.4f' "$(number "$here/before.json" loss)" "$(number "$here/after.json" loss)")"
}

# number FILE KEY: the number behind a key of a pretty-printed JSON file.
number() { sed -n "s/^ *\"$2\" : \([-0-9.eE+]*\),\{0,1\}$/\1/p" "$1" | head -n 1; }

# lane CELL...: a cell in the background, at most $lanes at a time; the first failure stops the study.
pids=()
free_lane() { # BUSY: waits until no more than BUSY cells run
  while [ "${#pids[@]}" -gt "$1" ]; do
    sleep 0.5
    local pid left=()
    for pid in "${pids[@]}"; do
      if kill -0 "$pid" 2>/dev/null; then left+=("$pid"); else wait "$pid"; fi
    done
    pids=("${left[@]}")
  done
}
lane() {
  free_lane $((lanes - 1))
  cell "$@" &
  pids+=($!)
}
stop() {
  local code=$? pid
  trap - INT TERM EXIT
  if [ "$code" -ne 0 ] && [ "${#pids[@]}" -gt 0 ]; then
    for pid in "${pids[@]}"; do pkill -TERM -P "$pid" 2>/dev/null || true; done
    wait || true
    echo "stopped; the same command goes on from here" >&2
  fi
  exit "$code"
}
trap stop EXIT
trap 'exit 130' INT TERM

prepare babyllama checkpoints/babyllama/babyllama_tok361.bin checkpoints/babyllama/tok361.json
prepare stories260K checkpoints/stories260K/stories260K.bin checkpoints/stories260K/tok512.bin

fit() { echo "--svd covariance --calibration $study/$1/train"; }
babyllama="--q-rank auto --rope-dim 8 --nope-dim 8"
stories260K="--q-rank auto --rope-dim 4 --nope-dim 4"

run_cells() {
  local rank
  lane babyllama paper-12 "$cell_tokens" $babyllama --kv-rank 12
  lane babyllama aligned-covariance-12 "$cell_tokens" $babyllama --kv-rank 12 --rope-init aligned $(fit babyllama)
  for rank in 60 12; do
    lane babyllama "random-$rank" "$cell_tokens" $babyllama --kv-rank $rank --init random
  done
  # The sizes as in the paper, and with both of our options.
  for rank in 60 4 24; do
    lane babyllama "paper-$rank" "$cell_tokens" $babyllama --kv-rank $rank
    lane babyllama "aligned-covariance-$rank" "$cell_tokens" $babyllama --kv-rank $rank --rope-init aligned $(fit babyllama)
  done
  for rank in 6 30 12 2; do
    lane stories260K "paper-$rank" "$cell_tokens" $stories260K --kv-rank $rank
    lane stories260K "aligned-covariance-$rank" "$cell_tokens" $stories260K --kv-rank $rank --rope-init aligned $(fit stories260K)
  done
  # Ranks by energy: the shares of energy that keep as many numbers per token as rank 12 (100) and 60 (339 of 340).
  lane babyllama dynamic-12 "$cell_tokens" --rope-dim 8 --nope-dim 8 --rank-rule dynamic --delta-kv 0.63 --delta-q 0.999
  lane babyllama dynamic-60 "$cell_tokens" --rope-dim 8 --nope-dim 8 --rank-rule dynamic --delta-kv 0.942 --delta-q 0.937
  for rank in 12 60; do
    lane babyllama "aligned-$rank" "$cell_tokens" $babyllama --kv-rank $rank --rope-init aligned
    lane babyllama "covariance-$rank" "$cell_tokens" $babyllama --kv-rank $rank $(fit babyllama)
  done
  lane babyllama long-paper-12 "$long_tokens" $babyllama --kv-rank 12
  lane babyllama long-aligned-covariance-12 "$long_tokens" $babyllama --kv-rank 12 --rope-init aligned $(fit babyllama)
  free_lane 0
}
[ "$task" = collect ] || run_cells

# Stories, greedy and sampled, of the base and of converted models; they stay in the study's folder.
stories=$study/stories.txt
story() { # NAME MODEL OPTIONS...
  echo "== $1"
  "$bin/hybrid" generate --model "$2" --prompt "${@: -1}" --tokens 220 "${@:3:$#-3}" --quiet
  echo
}
all_stories() {
  local model
  for model in babyllama/base babyllama/paper-60/model babyllama/long-paper-12/model \
    babyllama/long-aligned-covariance-12/model babyllama/paper-4/model stories260K/base stories260K/paper-6/model; do
    story "$model, greedy" "$study/$model" "Once upon a time"
    story "$model, temperature 0.8" "$study/$model" --temperature 0.8 --seed 3 "One day, a little boy"
  done
}
[ "$task" = collect ] || once "$stories" all_stories

say "writing $results/*.csv"
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
commit=$(cat "$study/commit")
table() { # NAME COLUMNS: a csv from rows on standard input
  {
    echo "# Scripts/real-checkpoints.sh; commit $commit; ${cpu:-unknown cpu}, one thread a run; learning rate $lr; seed $seed"
    echo "$2"
    cat
  } >"$results/$1.csv.tmp"
  mv "$results/$1.csv.tmp" "$results/$1.csv"
}

runs() { # checkpoint, cell, start and tokens of every finished cell
  local file
  for file in "$study"/*/*/after.json; do
    local here=${file%/after.json}
    local name=${here##*/} checkpoint=${here%/*}
    local start=${name#long-}
    echo "${checkpoint##*/} $name ${start%-*} ${start##*-} $here"
  done | sort -k1,1 -k3,3 -k4,4n -k2,2
}

rows_of_sizes() {
  runs | while read -r checkpoint name start rank here; do
    printf '%s,%s,%s,%s,%s,%s,%s,%s,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f\n' "$checkpoint" "$start" "$rank" \
      "$(number "$here/info.json" kv_percent)" "$(number "$here/info.json" kv_numbers_per_token)" \
      "$(number "$here/info.json" parameters)" "$(tail -n 1 "$here/model/run/heldout.csv" | cut -d, -f1)" \
      "$([ "${name#long-}" = "$name" ] && echo cell || echo long)" \
      "$(number "$study/$checkpoint/base.heldout.json" loss)" "$(number "$here/before.json" loss)" \
      "$(number "$here/after.json" loss)" "$(number "$here/after.json" stderr)" \
      "$(number "$study/$checkpoint/base.valid.json" loss)" "$(number "$here/valid.json" loss)"
  done
}
rows_of_sizes | table sizes \
  checkpoint,start,rank,kv_percent,kv_numbers,parameters,tokens,run,base,before,after,after_stderr,base_valid,after_valid

rows_of_curves() {
  local checkpoint
  for checkpoint in babyllama stories260K; do
    printf "$checkpoint,base,,%s,%.6f\n" 0 "$(number "$study/$checkpoint/base.curve.json" loss)" \
      614400 "$(number "$study/$checkpoint/base.curve.json" loss)"
  done
  runs | while read -r checkpoint name start rank here; do
    awk -F, -v OFS=, -v c="$checkpoint" -v n="${name%-*}" -v r="$rank" 'NR > 1 { print c, n, r, $1, $2 }' \
      "$here/model/run/heldout.csv"
  done
}
rows_of_curves | table curves checkpoint,start,rank,tokens,loss

# Tokens after which a start is where the paper's start ends, linearly between measurements.
rows_of_initialisers() {
  local rank start here target
  for rank in 60 12; do
    [ -f "$study/babyllama/paper-$rank/after.json" ] || continue
    target=$(tail -n 1 "$study/babyllama/paper-$rank/model/run/heldout.csv" | cut -d, -f2)
    for start in random paper covariance aligned aligned-covariance; do
      here=$study/babyllama/$start-$rank
      [ -f "$here/after.json" ] || continue
      printf '%s,%s,%.4f,%.4f,%s\n' "$rank" "$start" "$(number "$here/before.json" loss)" "$(number "$here/after.json" loss)" \
        "$(awk -F, -v goal="$target" '
          NR > 1 && found == "" && $2 <= goal { found = NR == 2 ? $1 : t + ($1 - t) * (l - goal) / (l - $2) }
          NR > 1 { t = $1; l = $2 }
          END { if (found == "") print "NaN"; else printf "%d\n", found }' "$here/model/run/heldout.csv")"
    done
  done
}
rows_of_initialisers | table initialisers rank,start,before,after,tokens_to_paper

say "done; pictures: $bin/lab regenerate --png"
