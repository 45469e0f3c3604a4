#!/usr/bin/env bash
# Installs the Debian packages that Upcycle builds and draws with. Idempotent: says what is there,
# installs only what is missing, through sudo when not root.
set -euo pipefail

packages=(
  libopenblas-dev   # matrix products
  liblapacke-dev    # decompositions (SVD, eigenvalues)
  libzstd-dev       # token shards
  zlib1g-dev        # documents in .gz files
  libutf8proc-dev   # Unicode normalisation of tokenizers
  libssl-dev        # SHA-256
  openmpi-bin       # mpirun and its library, for farskip on several ranks
  gnuplot-nox       # figures
  librsvg2-bin      # PNG pictures from SVG
  fonts-dejavu-core # the figures' font
)

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed"; then
    missing+=("$package")
  fi
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#packages[@]} packages are installed"
else
  if ! command -v apt-get >/dev/null; then
    echo "setup: this is not a Debian system; install the equivalents of: ${missing[*]}" >&2
    exit 1
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "setup: no sudo here; as root: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root="sudo"
  fi
  echo "setup: installing ${missing[*]}"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  echo "setup: done"
fi

if ! command -v swift >/dev/null; then
  echo "setup: Swift 6 is not on the PATH; install it from https://swift.org/install" >&2
  exit 1
fi
