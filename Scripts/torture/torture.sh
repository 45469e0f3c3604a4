#!/usr/bin/env bash
# Kills and failing disks, over every command that goes on where it stopped.
#
#   Scripts/torture/torture.sh [BIN]
#
# Kills: the command dies at a random call that changes the file system (half a write is written), twice in a row, then
# runs to its end; what it leaves must be what an uninterrupted run leaves, with nothing beside it. Faults: a random such
# call fails with "no space" or "input/output error", or the disk is full, over quota or read-only from that call on; the
# command must end with one line and no signal, and the same command must then give the same. As root, disks of the system
# that are too small or read-only do the same. TORTURE_TRIES says how often for each command (default 5, so that it takes
# minutes), TORTURE_SEED which (default 1), TORTURE_ONLY a pattern of names.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
bin=$(realpath "${1:-.build/release}")
tries=${TORTURE_TRIES:-5}
RANDOM=${TORTURE_SEED:-1}
work=$(mktemp -d)
trap 'umount -l "$work"/in-*/disk 2>/dev/null; rm -rf "$work"' EXIT
clang -shared -fPIC -O1 -o "$work/faults.so" Scripts/torture/faults.c -ldl || exit 1
teachers=$root/experiments/teachers
base=$teachers/nano-1b-seed1
export UPCYCLE_ROOT=$root
cd "$work"

quiet() { "$@" >>log.txt 2>&1 || { tail -5 log.txt >&2; echo "torture: cannot prepare: $*" >&2; exit 1; }; }
quiet "$bin/shards" generate --out text --pretraining-tokens 0 --instruction-tokens 40k --valid-tokens 2k --preferences 24 --items 1
quiet "$bin/shards" pack --input text/instruction.txt --tokenizer "$teachers/tokenizer" --out shards
quiet "$bin/shards" pack --input text/instruction-valid.txt --tokenizer "$teachers/tokenizer" --out valid
head -n 16 text/preferences.jsonl >pairs.jsonl
tail -n 8 text/preferences.jsonl >valid.jsonl
quiet "$bin/xecomla" convert --model "$base" --kv-rank 16 --rope-dim 4 --nope-dim 4 --out mla
quiet "$bin/farskip" convert --model "$teachers/nano-qwen-moe-seed1" --layers all --connectivity farskip --no-measure --out far

# A checkout for `lab run`, with the text that its stages read: each run gets a copy, whose files are links.
mkdir lab-root
cp -r "$root/experiments" "$root/Package.swift" lab-root
quiet "$bin/lab" run --root lab-root xecomla/table3 --profile smoke
rm -rf lab-root/runs/{cache,records,figures}

data="--data shards --batch 2 --sequence 64 --tokens 1k --quiet"
save="--save-every 0"
declare -A commands=(
  [pretrain]="$bin/hybrid pretrain --preset nano-smol --batch 2 --sequence 128 --tokens 2k --quiet --out OUT"
  [distill]="$bin/xecomla distill --student mla --teacher $base --held-out valid $data $save --out OUT"
  [prefer]="$bin/xecomla prefer --model mla --data pairs.jsonl --held-out valid.jsonl --batch 2 --quiet $save --out OUT"
  [ild]="$bin/zebra ild --base $base --mixer mamba2 $data $save --out OUT"
  [zebra-distill]="$bin/zebra distill --student mla --teacher $base $data $save --ce-weight 0.5 --out OUT"
  [hylo-convert]="$bin/hylo convert --base $base --linear gdn --mla-layers 1,5,10,14 $data $save --out OUT"
  [extend]="$bin/hylo extend --model mla --teacher $base --context 128 --batch 1 --tokens 1k --data shards --cache-teacher --quiet $save --out OUT"
  [far-distill]="$bin/farskip distill --student far --teacher $teachers/nano-qwen-moe-seed1 $data $save --out OUT"
  [far-train]="$bin/farskip train --model far $data --out OUT"
  [lab]="$bin/lab run --root OUT xecomla/table3 --profile smoke --quiet"
  [pack]="$bin/shards pack --input text/instruction.txt --tokenizer $teachers/tokenizer --out OUT"
  [convert]="$bin/xecomla convert --model $base --kv-rank 16 --rope-dim 4 --nope-dim 4 --out OUT"
)

# What a run leaves, times and its own name aside.
digest() {
  (cd "$1" && find . -type f ! -path './experiments/*' ! -path './runs/cache/shared/*' ! -name environment.json ! -name made-by.json | sort | while read -r file; do
    case $file in
      */report.json) echo "$file $(grep -Ev '"(seconds|text|folder)" :' "$file" | sha256sum)" ;;
      */done.json) echo "$file $(grep -Ev '"(seconds|started)" :' "$file" | sha256sum)" ;;
      *.jsonl) echo "$file $(sed -E 's/"(seconds|started)":("[^"]*"|[0-9.]+)//g' "$file" | sha256sum)" ;;
      */metrics.csv) echo "$file $(cut -d, -f1-4 "$file" | sha256sum)" ;;
      *) echo "$file $(sha256sum <"$file")" ;;
    esac
  done) | sha256sum
}
# Whatever a later run should have cleared.
leftovers() { find "$1" "$(dirname "$1")" \( -name '*.tmp' -o -name '*.tmp.old' -o -name 'state-*' -o -name 'lock' -o -name '*.lock' \) 2>/dev/null; }

faults=0
fault() {
  echo "FAULT $1: $2" >&2
  faults=$((faults + 1))
}
kills=0 failures=0 disks=0
for name in $(printf '%s\n' "${!commands[@]}" | sort); do
  [[ $name == ${TORTURE_ONLY:-*} ]] || continue
  mkdir -p "in-$name"
  prepare() { [[ $name != lab ]] || cp -al lab-root "in-$name/$1"; }
  command() { echo "${commands[$name]/OUT/in-$name/$1}"; }
  prepare whole
  # shellcheck disable=SC2046
  LD_PRELOAD=$work/faults.so TORTURE_COUNT=$work/count $(command whole) >out.txt 2>&1 || {
    fault "$name" "fails by itself: $(tail -1 out.txt)"
    continue
  }
  total=$(cat count)
  want=$(digest "in-$name/whole")
  place() { at=$(((RANDOM * 32768 + RANDOM) % total + 1)); }
  # The run after kills, or on a mended disk, leaves what an undisturbed one leaves. $1: its folder, $2: after what
  goes_on() {
    local out=in-$name/$1
    # shellcheck disable=SC2046
    if ! $(command "$1") >out.txt 2>&1; then
      fault "$name" "does not go on after $2: $(tail -1 out.txt)"
    elif [[ $(digest "$out") != "$want" ]]; then
      fault "$name" "another result after $2"
    elif [[ -n $(leftovers "$out") ]]; then
      fault "$name" "leftovers after $2: $(leftovers "$out" | head -3 | tr '\n' ' ')"
    fi
  }
  # One line, no signal. $1: the exit status, $2: where
  ends_well() {
    local lines
    lines=$(grep -c '^error:' out.txt)
    if (($1 > 2)) || { (($1 > 0)) && ((lines != 1)); }; then
      fault "$name" "ends badly where $2: exit $1, $lines error lines: $(tail -1 out.txt)"
    fi
  }
  for ((try = 0; try < tries; try++)); do
    prepare "kill-$try"
    for turn in 1 2; do
      place
      # Grouped, so that the shell's own word on the killed process goes to the file too.
      { LD_PRELOAD=$work/faults.so TORTURE_AT=$at TORTURE_KILL=1 $(command "kill-$try"); } >out.txt 2>&1
      kills=$((kills + 1))
    done
    goes_on "kill-$try" "kills (try $try)"
    rm -rf "in-$name/kill-$try"

    # "No space" and "input/output error" once; a disk that is full, over quota or read-only from then on.
    case $((try % 5)) in
      0) number=28 lasts=0 what="one call finds no space" ;;
      1) number=5 lasts=0 what="one call meets an input/output error" ;;
      2) number=122 lasts=1 what="the disk is over quota" ;;
      3) number=30 lasts=1 what="the disk is read-only" ;;
      *) number=28 lasts=1 what="the disk is full" ;;
    esac
    prepare "fail-$try"
    place
    LD_PRELOAD=$work/faults.so TORTURE_AT=$at TORTURE_ERRNO=$number TORTURE_LASTS=$lasts $(command "fail-$try") >out.txt 2>&1
    ends_well $? "$what at call $at"
    failures=$((failures + 1))
    goes_on "fail-$try" "this: $what at call $at"
    rm -rf "in-$name/fail-$try"
  done

  # The system's own full and read-only disks, where this shell may mount some (`lab run`'s copies are links: one disk).
  if [[ $name != lab ]] && mkdir -p "in-$name/disk" && mount -t tmpfs -o ro upcycle "in-$name/disk" 2>/dev/null; then
    $(command disk/out) >out.txt 2>&1
    ends_well $? "a disk is mounted read-only"
    needed=$(du -sk "in-$name/whole" | cut -f1)
    for ((part = 1; part <= 3; part++)); do
      mount -o "remount,rw,size=$((needed * part / 4 + 1))k" "in-$name/disk"
      $(command disk/out) >out.txt 2>&1
      ends_well $? "a disk holds $part quarters of the result"
    done
    disks=$((disks + 4))
    mount -o remount,size=80% "in-$name/disk"
    goes_on disk/out "full disks"
    umount -l "in-$name/disk"
  fi
  echo "torture: $name: $total calls, $tries tries of two kills and of one failure"
  rm -rf "in-$name"
done
echo "torture: $kills kills, $failures failing calls, $disks full or read-only disks, $faults faults"
((faults == 0))
