#!/usr/bin/env bash
# A stranger's first hour: a bare Debian made by debootstrap, a Swift toolchain lent by this machine, a clone of this
# repository, and the README's commands as they stand: the first as root, since it installs what is missing, the others as
# an ordinary user. Says how long each block takes and fails if one fails, or if git then shows a change. Needs root,
# debootstrap, git and the network that apt and the Swift package manager use here; takes 20 minutes on two cores and 8 GB,
# with --all two hours more: every block of the README and of examples/, and `make test`. Where the README says hours
# (Reproducing the paper) the experiments run in their smoke profile, which is told to them in the environment.
#
#   Scripts/first-hour.sh FOLDER [--all | --rest]     FOLDER: where the Debian goes; it is kept, for another look
#                                                     --rest: what comes after the first, in the clone that lies there
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1:?usage: Scripts/first-hour.sh FOLDER [--all | --rest]}
what=${2:-}
source_lists=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
mirror=${MIRROR:-$(grep -Eom1 'https?://[^ ]+' <<<"$(grep -Ev '^ *#' <<<"$source_lists")")}
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
swift=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*"; }
if [ "$(id -u)" -ne 0 ]; then echo "first-hour: as root" >&2; exit 1; fi
if ! command -v debootstrap >/dev/null; then echo "first-hour: debootstrap is not installed" >&2; exit 1; fi

if [ ! -e "$root/etc/debian_version" ]; then
  say "a bare Debian in $root"
  # What the toolchain asks for, and what fetches a repository.
  debootstrap --variant=minbase --include=git,make,ca-certificates,libc6-dev,libstdc++-12-dev,libgcc-12-dev,binutils,libxml2,libcurl4,libedit2,libncurses6,libsqlite3-0,libz3-4,libpython3.11,tzdata,zlib1g-dev \
    "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -3 "$root.log" >&2; exit 1; }
fi
mkdir -p "$root/opt/swift" "$root/home/stranger"
# Names, packages and certificates are fetched as on this machine.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
[ -d /etc/apt/apt.conf.d ] && cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
cp -r /etc/ssl/certs/. "$root/etc/ssl/certs/" 2>/dev/null || true
[ -f "$HOME/.gitconfig" ] && cp "$HOME/.gitconfig" "$root/root/.gitconfig"
mounts=()
lend() { mount "$@"; mounts+=("${*: -1}"); }
give_back() { for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do umount -l "${mounts[i]}"; done; }
trap give_back EXIT
lend --bind "$swift" "$root/opt/swift"
# Where git here takes repositories from folders of this machine, it does so there.
if [ -f /etc/gitconfig ]; then
  cp /etc/gitconfig "$root/etc/gitconfig"
  for folder in $(git config --system --get-regexp '^url\./.*\.insteadof$' | sed -E 's|^url\.(/.*)\.insteadof .*|\1|' | sort -u); do
    mkdir -p "$root$folder"
    lend --bind "$folder" "$root$folder"
  done
fi
lend -t proc proc "$root/proc"
lend --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"  # what is taken away there stays here

home=/home/stranger/upcycle
grep -q '^stranger:' "$root/etc/passwd" || chroot "$root" useradd --home-dir /home/stranger --shell /bin/bash stranger
[ -f "$HOME/.gitconfig" ] && cp "$HOME/.gitconfig" "$root/home/stranger/.gitconfig"

inside() { # user command: what a stranger types
  local folder=/home/$1
  if [ "$1" = root ]; then folder=/root; fi
  chroot --userspec="$1" "$root" /usr/bin/env -i HOME="$folder" TERM=dumb LANG=C.UTF-8 \
    PATH=/opt/swift/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin ${profile:+PROFILE=$profile} \
    $(env | grep -iE '^(https?|no)_proxy=' || true) \
    bash -euo pipefail -c "cd $home && if [ -d .build/release ]; then PATH=\$PWD/.build/release:\$PATH; fi; $2"
}
timed() { # user name command
  local start=$SECONDS
  say "$2"
  inside "$1" "$3" >"$root.log" 2>&1 </dev/null || { say "$2: failed"; tail -20 "$root.log" >&2; exit 1; }
  say "$2: $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s"
}
block() { # file number: the heading that a fenced block of commands stands under, and the lines of the block
  awk -v wanted="$2" '/^#+ / && !fence { heading = $0; sub(/^#+ /, "", heading) }
                      /^```/ { fence = !fence; ours = fence && $0 == "```"; if (ours && ++count == wanted) print heading; next }
                      ours && count == wanted' "$1"
}

if [ "$what" != --rest ]; then
  rm -rf "$root$home"
  git clone --quiet --no-hardlinks . "$root$home"
  timed root "make reproduce-table3" "make reproduce-table3"
  tail -25 "$root.log"
fi
chroot "$root" chown -R stranger:stranger "$home" /home/stranger
rm -f "$root"/tmp/*.lock  # the Swift package manager's, which were root's
for ((n = 2; ; n++)); do
  text=$(block README.md "$n")
  if [ -z "$text" ] || { [ -z "$what" ] && [ "$n" -gt 2 ]; }; then break; fi
  name=${text%%$'\n'*}
  profile=
  if [ "$name" = "Reproducing the paper" ]; then profile=smoke; fi
  timed stranger "$name" "${text#*$'\n'}"
  tail -3 "$root.log"
done
if [ -n "$what" ]; then
  for ((n = 1; ; n++)); do
    text=$(block examples/README.md "$n")
    if [ -z "$text" ]; then break; fi
    timed stranger "examples, block $n" "${text#*$'\n'}"
    tail -3 "$root.log"
  done
  timed stranger "make test" "make test"
  tail -1 "$root.log"
fi
changes=$(inside stranger "git status --porcelain")
if [ -n "$changes" ]; then printf 'git status shows:\n%s\n' "$changes" >&2; exit 1; fi
say "git status is clean"
