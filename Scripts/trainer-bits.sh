#!/usr/bin/env bash
# Twenty steps or so of every trainer, and the sha256 of what each wrote: run it before and
# after a change that must not alter a bit, and compare.
#
#   Scripts/trainer-bits.sh [BIN] > before.txt
#
# Bits depend on the processor's instruction set; compare on one machine only.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-.build/release}")
teachers=$PWD/experiments/teachers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UPCYCLE_ROOT=$PWD
cd "$work"
log() { "$@" >>log.txt 2>&1 || { tail -5 log.txt >&2; echo "trainer-bits: failed: $*" >&2; exit 1; }; }
hash() { printf '%s  %s\n' "$(cat "$1"/*.safetensors "$1"/config.json | sha256sum | cut -c1-64)" "$2"; }

log "$bin/shards" generate --out text --pretraining-tokens 0 --instruction-tokens 60k --valid-tokens 5k --preferences 0 --items 1
log "$bin/shards" pack --input text/instruction.txt --tokenizer "$teachers/tokenizer" --out shards
base=$teachers/nano-1b-seed1
small="--batch 2 --sequence 64 --tokens 2560 --quiet"

log "$bin/hybrid" pretrain --preset nano-smol --batch 2 --sequence 128 --tokens 5k --out pretrained --quiet
hash pretrained "hybrid pretrain"
log "$bin/hybrid" pretrain --from "$base" --batch 1 --sequence 256 --tokens 5k --out continued --quiet
hash continued "hybrid pretrain --from"
log "$bin/xecomla" convert --model "$base" --kv-rank 16 --rope-dim 4 --nope-dim 4 --out mla
hash mla "xecomla convert"
log "$bin/xecomla" distill --student mla --teacher "$base" --data shards --held-out shards $small --out mla-kd
hash mla-kd "xecomla distill"
log "$bin/xecomla" prefer --model mla-kd --pairs 40 --batch 2 --out mla-dpo --quiet
hash mla-dpo "xecomla prefer"
log "$bin/zebra" ild --base "$base" --mixer mla --data shards $small --kv-rank 16 --rope-dim 4 --nope-dim 4 --out ild-mla
hash ild-mla "zebra ild mla"
log "$bin/zebra" ild --base "$base" --mixer mamba2 --data shards $small --out ild-mamba2
hash ild-mamba2 "zebra ild mamba2"
log "$bin/zebra" ild --base "$base" --mixer gdn --loss refined --data shards $small --out ild-gdn
hash ild-gdn "zebra ild gdn"
log "$bin/zebra" compose --base "$base" --mla ild-mla --linear ild-mamba2 --layers 0,5,10,14 --out hybrid
hash hybrid "zebra compose"
log "$bin/zebra" distill --student hybrid --teacher "$base" --data shards $small --ce-weight 0.5 --out hybrid-kd
hash hybrid-kd "zebra distill"
log "$bin/hylo" convert --base "$base" --linear gdn --mla-layers 1,5,10,14 --data shards $small --out hylo
hash hylo "hylo convert"
log "$bin/hylo" extend --model hylo --teacher "$base" --context 256 --batch 1 --tokens 5k --data shards \
  --cache-teacher --quiet --out hylo-long
hash hylo-long "hylo extend"
log "$bin/farskip" convert --model "$teachers/nano-qwen-moe-seed1" --layers all --connectivity farskip --no-measure --out far
hash far "farskip convert"
log "$bin/farskip" distill --student far --teacher "$teachers/nano-qwen-moe-seed1" --data shards $small \
  --objective kl+hidden --out far-kd
hash far-kd "farskip distill"
log "$bin/farskip" train --model far --data shards $small --out far-train
hash far-train "farskip train"
