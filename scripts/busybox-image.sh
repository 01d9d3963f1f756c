#!/usr/bin/env bash
# Makes sure of the image busybox:1.36: present, or pulled, or made of Debian's busybox-static. busybox-image.sh
set -euo pipefail
image=busybox:1.36
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

docker image inspect "$image" >/dev/null 2>&1 && exit
echo "busybox-image.sh: $image is not here: trying to pull it" >&2
timeout 60 docker pull -q "$image" >/dev/null 2>&1 && exit
echo "busybox-image.sh: no registry gave it: making it of the package busybox-static" >&2
exec "$here/../examples/platform/images/build.sh" busybox
