#!/usr/bin/env bash
# Builds local images for a pipeline stack on a machine without an image registry: build.sh [NAME...]
#
# NAME is one of: busybox postgres redis airflow mlflow fastapi elasticsearch kibana scraper; none means all.
# An image whose inputs have not changed is left alone, and so is one of that name that came from elsewhere. FORCE=1 builds it again.
#
#   STACKGEN_IMAGES_CACHE  keeps the wheels and the Debian tree between runs and machines; ~/.cache/stackgen-images if unset
#   PYTHON                 a Python with pip, to fetch the wheels with; python3 if unset
#
# Needs root, a running engine, the docker CLI (the legacy builder is enough), debootstrap (installed if missing), pip, and
# Debian's and PyPI's packages within reach. Containers need only Debian's.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${STACKGEN_IMAGES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stackgen-images}
export DOCKER_BUILDKIT=0

declare -A tag=(
  [busybox]=busybox:1.36
  [debian]=stackgen-debian:bookworm
  [python]=stackgen-python:local
  [postgres]=postgres:13
  [redis]=redis:latest
  [airflow]=apache/airflow:2.10.5
  [mlflow]=mlflow:local
  [fastapi]=fastapi:local
  [elasticsearch]=elasticsearch:8.13.4
  [kibana]=kibana:8.13.4
  [scraper]=scraper:local
)
declare -A parent=(
  [python]=debian [postgres]=debian [redis]=debian
  [airflow]=python [mlflow]=python [fastapi]=python [elasticsearch]=python [kibana]=python [scraper]=python
)
# Folders beside the image's own that go into it, relative to the folder above this one.
declare -A besides=([scraper]=tasks)
all=(busybox postgres redis scraper elasticsearch kibana fastapi airflow mlflow)
uv=0.9.5

say() { printf '%-14s %s\n' "$1" "$2"; }
die() { echo "build.sh: $1" >&2; exit 1; }

hash_files() { (cd "$1" && find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum); }

# fingerprint NAME: a hash of what the image is made from. It becomes the label stackgen-images.inputs.
fingerprint() {
  {
    [[ -z ${parent[$1]:-} ]] || fingerprint "${parent[$1]}"
    case $1 in
      busybox) echo busybox-static ;;
      debian) declare -f make_debian ;;
      *)
        hash_files "$here/$1"
        [[ -z ${besides[$1]:-} ]] || hash_files "$here/../${besides[$1]}"
        ;;
    esac
  } | sha256sum | cut -c1-16
}

is_built() {
  [[ -z ${FORCE:-} ]] || return 1
  [[ $(docker image inspect -f '{{index .Config.Labels "stackgen-images.inputs"}}' "${tag[$1]}" 2>/dev/null) == "$2" ]]
}

# is_foreign NAME: whether there is an image of that name that was not built here, such as one from a registry.
is_foreign() {
  [[ -z ${FORCE:-} ]] || return 1
  local inputs
  inputs=$(docker image inspect -f '{{index .Config.Labels "stackgen-images.inputs"}}' "${tag[$1]}" 2>/dev/null) || return 1
  [[ -z $inputs ]]
}

# install PACKAGE: put a Debian package on this machine unless it is there.
install() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' && return
  [[ $(id -u) == 0 ]] || die "needs root to install $1"
  apt-get install -y -q --no-install-recommends "$1" >/dev/null 2>&1 && return
  apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "$1" >/dev/null
}

make_busybox() {
  install busybox-static
  local root
  root=$(mktemp -d)
  mkdir -p "$root"/{bin,etc,tmp,root,var}
  chmod 1777 "$root/tmp"
  cp /bin/busybox "$root/bin/"
  for name in $(/bin/busybox --list); do
    [[ $name == busybox ]] || ln -s busybox "$root/bin/$name"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
  echo 'root:x:0:' > "$root/etc/group"
  tar -C "$root" --numeric-owner --owner=0 --group=0 -c . |
    docker import -c 'CMD ["sh"]' -c 'ENV PATH=/bin' -c "LABEL stackgen-images.inputs=$1" - "${tag[busybox]}" >/dev/null
  rm -rf "$root"
}

make_debian() {
  local tree=$cache/debian.tar root
  if [[ ! -f $tree ]]; then
    install debootstrap
    root=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$root" > "$cache/debootstrap.log" 2>&1 || die "see $cache/debootstrap.log"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
    rm -rf "$root"/usr/share/{doc,info,locale,man}/*
    printf 'path-exclude=/usr/share/%s/*\n' doc info locale man > "$root/etc/dpkg/dpkg.cfg.d/small"
    echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/fast"
    echo 'Acquire::Languages "none"; APT::Keep-Downloaded-Packages "false";' > "$root/etc/apt/apt.conf.d/small"
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    tar -C "$root" --numeric-owner -cf "$tree.part" --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* .
    mv "$tree.part" "$tree"
    rm -rf "$root"
  fi
  docker import -c 'CMD ["bash"]' -c 'ENV DEBIAN_FRONTEND=noninteractive' -c "LABEL stackgen-images.inputs=$1" \
    "$tree" "${tag[debian]}" >/dev/null
}

# fetch_wheels NAME: everything in NAME/versions.txt, and uv to install it with, into the cache.
fetch_wheels() {
  local list=$here/$1/versions.txt dir=$cache/$1 stamp
  stamp="$(sha256sum < "$list") $uv"
  [[ -f $dir/complete && $(< "$dir/complete") == "$stamp" ]] && return
  mkdir -p "$dir/wheels"
  rm -f "$dir/complete" "$dir"/wheels/*
  local pip=("${PYTHON:-python3}" -m pip) from=(-q --disable-pip-version-check --no-deps) machine
  machine=$(uname -m)
  local fits=(--only-binary=:all: --implementation=cp --python-version=3.11)
  local glibc
  for glibc in 36 34 31 28 27 24 17 12 5; do fits+=(--platform="manylinux_2_${glibc}_$machine"); done
  fits+=(--platform="manylinux2014_$machine" --platform="manylinux2010_$machine" --platform="manylinux1_$machine")
  {
    grep -v -e '^#' -e 'source only' "$list"
    echo "uv==$uv"
  } | xargs -P 4 -n 24 "${pip[@]}" download "${from[@]}" "${fits[@]}" -d "$dir/wheels" ||
    die "could not fetch the wheels of $1"
  local source
  source=$(sed -n 's/ *# source only//p' "$list")
  [[ -z $source ]] || "${pip[@]}" wheel "${from[@]}" -w "$dir/wheels" $source || die "could not make the wheels of $1"
  echo "$stamp" > "$dir/complete"
}

# make NAME INPUTS: an image from NAME's Dockerfile, and its wheels if it has any.
make() {
  local log=$cache/$1.log from=(-C "$here/$1" .)
  if [[ -f $here/$1/versions.txt ]]; then
    [[ -z $fetching ]] || wait "$fetching" || exit 1
    fetching=
    from+=(-C "$cache/$1" wheels)
  fi
  [[ -z ${besides[$1]:-} ]] || from+=(-C "$here/.." "${besides[$1]}")
  tar -c --exclude=__pycache__ "${from[@]}" |
    docker build -q --force-rm ${FORCE:+--no-cache} --label "stackgen-images.inputs=$2" -t "${tag[$1]}" - > "$log" 2>&1 ||
    { tail -40 "$log" >&2; die "could not build ${tag[$1]}"; }
  docker image prune -f --filter "label=stackgen.build-stage=$1" >/dev/null
}

build() {
  [[ -z ${done[$1]:-} ]] || return 0
  done[$1]=1
  local inputs started
  inputs=$(fingerprint "$1")
  if is_built "$1" "$inputs"; then
    say "$1" "${tag[$1]} is up to date"
    return
  fi
  if is_foreign "$1"; then
    say "$1" "${tag[$1]} is not from here: left alone"
    return
  fi
  [[ -z ${parent[$1]:-} ]] || build "${parent[$1]}"
  old+=($(docker image inspect -f '{{.Id}}' "${tag[$1]}" 2>/dev/null || true))
  started=$SECONDS
  case $1 in
    busybox | debian) "make_$1" "$inputs" ;;
    *) make "$1" "$inputs" ;;
  esac
  say "$1" "${tag[$1]} built in $((SECONDS - started)) s"
}

declare -A done=()
mkdir -p "$cache"
[[ $# -gt 0 ]] || set -- "${all[@]}"
for name in "$@"; do
  [[ -n ${tag[$name]:-} ]] || die "no image called $name; there are: ${all[*]}"
done
docker version >/dev/null || die 'no engine answers'

# Fetching is mostly waiting, so it goes on beside the first builds.
wheels=()
for name in "$@"; do
  [[ ! -f $here/$name/versions.txt ]] || is_built "$name" "$(fingerprint "$name")" || is_foreign "$name" || wheels+=("$name")
done
fetching=
if [[ ${#wheels[@]} -gt 0 ]]; then
  (for name in "${wheels[@]}"; do fetch_wheels "$name"; done) &
  fetching=$!
fi

old=()
for name in "$@"; do
  build "$name"
done

# What the new images replaced; last first, since an image goes only after those made from it.
for ((i = ${#old[@]} - 1; i >= 0; i--)); do
  docker rmi "${old[i]}" >/dev/null 2>&1 || true
done
