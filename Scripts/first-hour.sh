#!/usr/bin/env bash
# A stranger's first hour: a bare Debian made by debootstrap, a Swift toolchain lent by this machine, a clone of this
# repository, and the README's commands as they stand. Says how long each takes and fails if one fails, or if git then
# shows a change. Needs root, debootstrap, git and the network that apt and the Swift package manager use here; takes an
# hour on two cores and 8 GB.
#
#   Scripts/first-hour.sh FOLDER [MIRROR]      FOLDER: where the Debian goes; it is kept, for another look
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1:?usage: Scripts/first-hour.sh FOLDER [MIRROR]}
source_lists=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
mirror=${2:-$(grep -Eom1 'https?://[^ ]+' <<<"$(grep -Ev '^ *#' <<<"$source_lists")")}
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

rm -rf "$root/home/stranger/upcycle"
git clone --quiet --no-hardlinks . "$root/home/stranger/upcycle"

inside() { # what a stranger types
  chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/opt/swift/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    $(env | grep -iE '^(https?|no)_proxy=' || true) bash -euo pipefail -c "cd /home/stranger/upcycle && $1"
}
timed() { # name command
  local start=$SECONDS
  say "$1"
  inside "$2" >"$root.log" 2>&1 || { say "$1: failed"; tail -20 "$root.log" >&2; exit 1; }
  say "$1: $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s"
}

timed "make reproduce-table3" "make reproduce-table3"
tail -25 "$root.log"
# The README's block "From a checkpoint to a smaller cache", as it stands there.
block=$(awk '/^## From a checkpoint/ { found = 1 } found && /^```/ { if (inside) exit; inside = 1; next } inside' README.md)
timed "from a checkpoint to a smaller cache" "$block"
tail -3 "$root.log"
changes=$(git -c safe.directory='*' -C "$root/home/stranger/upcycle" status --porcelain)
if [ -n "$changes" ]; then printf 'git status shows:\n%s\n' "$changes" >&2; exit 1; fi
say "git status is clean"
