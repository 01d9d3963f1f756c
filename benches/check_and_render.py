#!/usr/bin/env python3
"""Times `stackgen check` plus `stackgen render` beside `docker compose config -q`, on the same stacks, and prints the ratios as Markdown.

  benches/check_and_render.py --compose BINARY [--compose BINARY …] [--stackgen BINARY] [--sizes 13,1000,5000] [--cycles N] [--bare]

A stack is N services on one network, each with an image, three variables, a label and a restart policy: once as stack.toml, once as
docker-compose.yml. Each cycle runs every tool once on every size, the order of the tools changing from cycle to cycle, so that a busy
moment of the machine hits all; a ratio is taken within a cycle, and the tables show its median, least and most. stackgen's time is that
of its two commands together, its memory that of the larger one; memory is the peak resident set, as the kernel counts it.

docker compose runs as it is typed, as a plugin of `docker`, which costs it some 35 ms; --bare runs its program itself.

Needs python3, and docker without --bare; no engine is asked. It exits 1 where a limit below is passed.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# What is promised: by number of services, stackgen's part of docker compose's time; its part of the memory and its growth, both at the largest size.
TIME = {13: 0.15, 1000: 0.06, 5000: 0.06}
MEMORY = 0.30
GROWTH = 6.0

COMPOSE_SERVICE = """  s{i:04d}:
    image: busybox:1.36
    restart: unless-stopped
    networks: [net]
    environment:
      SERVICE_INDEX: "{i}"
      LOG_LEVEL: info
      GENERATION: v0
    labels:
      com.example.tier: flat
"""
STACK_SERVICE = """[services.s{i:04d}]
image = "busybox:1.36"
restart = "unless-stopped"
networks = ["net"]
environment = {{ SERVICE_INDEX = "{i}", LOG_LEVEL = "info", GENERATION = "v0" }}
labels = {{ "com.example.tier" = "flat" }}

"""


def write(folder, size):
    """Writes one stack in both languages."""
    folder.mkdir()
    compose = "".join(COMPOSE_SERVICE.format(i=i) for i in range(size))
    (folder / "docker-compose.yml").write_text("services:\n" + compose + "networks:\n  net:\n    driver: bridge\n")
    services = "".join(STACK_SERVICE.format(i=i) for i in range(size))
    (folder / "stack.toml").write_text('[stack]\nname = "bench"\n\n[networks.net]\ndriver = "bridge"\n\n' + services)


def measure(command):
    """Runs a command; returns its seconds, its CPU seconds and its peak memory in MiB."""
    with open(os.devnull, "r+b") as null, tempfile.TemporaryFile() as words:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=null, stdout=null, stderr=words)
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            words.seek(0)
            sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{words.read().decode(errors='replace')}")
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


class Stackgen:
    def __init__(self, binary):
        self.name, self.binary = "stackgen", binary

    def run(self, folder):
        file = str(folder / "stack.toml")
        check, render = (measure([self.binary, "-q", "-f", file, word]) for word in ("check", "render"))
        return check[0] + render[0], check[1] + render[1], max(check[2], render[2])


class Compose:
    def __init__(self, binary, place, is_plugin):
        words = [binary, "version", "--short"]
        version = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        self.name, self.command = f"docker compose {version}", [binary]
        if is_plugin:
            config = pathlib.Path(place) / f"docker-{version}"
            (config / "cli-plugins").mkdir(parents=True)
            (config / "cli-plugins" / "docker-compose").symlink_to(pathlib.Path(binary).resolve())
            self.command = ["docker", "--config", str(config), "compose"]

    def run(self, folder):
        return measure([*self.command, "-f", str(folder / "docker-compose.yml"), "config", "-q"])


def spread(values, form):
    return f"{form(statistics.median(values))} ({form(min(values))}-{form(max(values))})"


def table(title, index, form, tools, sizes, measured):
    """Prints one figure of all tools and sizes; returns the median ratios by size and peer."""
    print(f"\n| {title} | stackgen |" + "".join(f" {peer.name} | ratio |" for peer in tools[1:]))
    print("|---|---|" + "---|---|" * (len(tools) - 1))
    medians = {}
    for size in sizes:
        ours = [cycle[size][tools[0].name][index] for cycle in measured]
        row = f"| {size} services | {spread(ours, form)} |"
        for peer in tools[1:]:
            theirs = [cycle[size][peer.name][index] for cycle in measured]
            ratios = [a / b for a, b in zip(ours, theirs)]
            medians[size, peer.name] = statistics.median(ratios)
            row += f" {spread(theirs, form)} | **{spread(ratios, '{:.3f}'.format)}** |"
        print(row)
    return medians


def passed(times, memory, growth, sizes):
    """Returns what is over its limit."""
    for (size, peer), ratio in times.items():
        if size in TIME and ratio > TIME[size]:
            yield f"time at {size} services is {ratio:.3f} of {peer}'s, promised {TIME[size]}"
    for (size, peer), ratio in memory.items():
        if size == max(sizes) >= 5000 and ratio > MEMORY:
            yield f"memory at {size} services is {ratio:.3f} of {peer}'s, promised {MEMORY}"
    if growth is not None and growth > GROWTH:
        yield f"t(5000)/t(1000) is {growth:.2f}, promised {GROWTH}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", action="append", required=True)
    parser.add_argument("--stackgen", default=str(REPOSITORY / "target/release/stackgen"))
    parser.add_argument("--sizes", default="13,1000,5000")
    parser.add_argument("--cycles", type=int, default=7)
    parser.add_argument("--bare", action="store_true")
    args = parser.parse_args()
    sizes = [int(size) for size in args.sizes.split(",")]
    measured = []
    with tempfile.TemporaryDirectory() as place:
        peers = [Compose(binary, place, not args.bare) for binary in args.compose]
        tools = [Stackgen(os.path.abspath(args.stackgen)), *peers]
        folders = {size: pathlib.Path(place) / str(size) for size in sizes}
        for size, folder in folders.items():
            write(folder, size)
        for number in range(args.cycles):
            first = number % len(tools)
            turn = tools[first:] + tools[:first]
            measured.append({size: {tool.name: tool.run(folder) for tool in turn} for size, folder in folders.items()})
            print(f"cycle {number + 1} of {args.cycles}", file=sys.stderr)
    times = table("time", 0, "{:.3f} s".format, tools, sizes, measured)
    table("CPU", 1, "{:.3f} s".format, tools, sizes, measured)
    memory = table("memory", 2, "{:.0f} MiB".format, tools, sizes, measured)
    growth = None
    if {1000, 5000} <= set(sizes):
        growth = statistics.median(cycle[5000]["stackgen"][0] / cycle[1000]["stackgen"][0] for cycle in measured)
        print(f"\nstackgen, t(5000)/t(1000): {growth:.2f}")
    over = list(passed(times, memory, growth, sizes))
    for line in over:
        print(line, file=sys.stderr)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
