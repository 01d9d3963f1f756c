#!/usr/bin/env bash
# Runs a Docker engine 28 beside the machine's own, to test against its API: engine28.sh start | stop
#
# The first start makes a tree of Debian sid's packages (two minutes, 600 MB). The engine has its own mounts, network namespace, socket and
# data, all below ENGINE28_DIR (default: engine28 in the cache folder of the user); the machine's engine is not touched. Ports that it
# publishes are reachable in its namespace alone: nsenter --net=/run/netns/engine28 curl …
#
# It has no images: docker save busybox:1.36 | docker -H "$DOCKER_HOST" load. The last line that start prints sets DOCKER_HOST.
# Needs root, Debian or Ubuntu, iproute2 and util-linux; debootstrap is installed if it is missing.
set -euo pipefail

dir=${ENGINE28_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/stackgen-engine28}
tree=$dir/tree
socket=$dir/sock/docker.sock

make_tree() {
  command -v debootstrap >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends debootstrap; } >/dev/null
  # The mirror that this machine uses already; the public one where it is no Debian.
  local mirror packages
  mirror=$(grep -hsoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources | head -n 1 | tr -d ' ' || true)
  packages=ca-certificates,iptables,iproute2,docker.io,docker-cli,containerd,runc,kmod
  debootstrap --variant=minbase --include="$packages" sid "$tree" ${mirror:+"$mirror"} >"$dir/debootstrap.log" 2>&1 ||
    { tail -n 5 "$dir/debootstrap.log" >&2; return 1; }
}

# What the engine's process does before it becomes the engine: its own root, which it shares no mount of.
write_inner() {
  cat >"$dir/inner.sh" <<INNER
set -e
mount --make-rprivate /
mount --bind "$tree" "$tree"
cd "$tree"
for name in proc sys dev; do mount --rbind /\$name \$name; done
mount -t tmpfs tmpfs run
mount --bind "$dir" engine28
ln -s /engine28/sock/docker.sock run/docker.sock
# Whatever is no part of the system is seen at its place, so that bind mounts find their sources.
for place in /*; do
  name=\${place#/}
  case \$name in
    bin | boot | dev | engine28 | etc | lib* | mnt | proc | run | sbin | sys | usr | var) continue ;;
  esac
  [ -d "\$place" ] && [ ! -L "\$place" ] || continue
  mkdir -p "\$name"
  mount --rbind "\$place" "\$name"
done
mkdir -p run/netns
pivot_root . mnt
umount -l /mnt
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /usr/sbin/dockerd -H unix:///engine28/sock/docker.sock \
  --data-root /engine28/data --exec-root /engine28/exec --pidfile /engine28/pid --storage-driver overlay2
INNER
}

# Prints what answers at the socket, and how to be sent there; fails where nothing does.
answers() {
  local version
  version=$(docker -H "unix://$socket" version --format 'engine {{.Server.Version}}, API {{.Server.APIVersion}}' 2>/dev/null) || return
  echo "$version"
  echo "export DOCKER_HOST=unix://$socket"
}

start() {
  answers && return
  mkdir -p "$dir"/{data,exec,sock} "$tree"
  [[ -x $tree/usr/sbin/dockerd ]] || make_tree
  mkdir -p "$tree/engine28"
  ip netns list | grep -q '^engine28' || ip netns add engine28
  ip netns exec engine28 sh -c 'ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward'
  write_inner
  # nsenter and not "ip netns exec", which mounts /sys anew and hides the version 1 cgroups.
  setsid nohup nsenter --net=/run/netns/engine28 unshare -m bash "$dir/inner.sh" >"$dir/log" 2>&1 &
  for _ in $(seq 60); do
    answers && return
    sleep 0.5
  done
  tail -n 5 "$dir/log" >&2
  return 1
}

stop() {
  local pid
  pid=$(cat "$dir/pid")
  kill "$pid"
  for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
  ip netns del engine28
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) sed -n '2,10p' "$0" >&2; exit 64 ;;
esac
