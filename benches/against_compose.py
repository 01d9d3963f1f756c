#!/usr/bin/env python3
"""Times stackgen, docker compose and a bare client of the engine in turn on one engine, and prints the ratios as a Markdown table.

  benches/against_compose.py --compose BINARY [--compose BINARY …] [--stackgen BINARY] [--cases reference,50,200] [--cycles N]

The stacks are those of shapes.py: `reference`, the shape of a data platform with Airflow, and so many services that wait for nobody. docker
compose works on the compose file, stackgen on what its own `import` makes of it; the bare client (limit/) sends only what
cannot be left out, with the bodies that the engine shows of a first apply. Each cycle runs every command once with each tool, the
order of the tools changing from cycle to cycle, so that a busy moment of the machine hits all; a ratio is taken within a cycle, and the
table shows its median, least and most.

  fresh      nothing is there; `up -d`, and `apply --no-wait`, which waits for as much: where something depends on it
  no-op      everything is as it should be; the middle one of three
  one        the environment of one service changed
  down       `down -t 0`
  memory     the largest resident set of any process of any of these commands, as the kernel counts it

docker compose runs as it is typed, as a plugin of `docker`; of a no-op, its program itself is timed as well. The first --compose is the one
that the limits below are for; it exits 1 where one is passed.

Needs python3, rustc, docker, a running engine and busybox:1.36 on it. Everything it makes is removed, also after a failure.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import shapes

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# What is promised: stackgen's part of docker compose's time or memory, by stack and case.
LIMITS = {
    ("reference", "no-op"): 0.03, ("50", "no-op"): 0.25, ("200", "no-op"): 0.25,
    ("reference", "fresh"): 0.90, ("50", "fresh"): 1.00, ("200", "fresh"): 1.02,
    ("50", "one"): 0.85, ("200", "one"): 0.65,
    ("50", "down"): 0.85, ("200", "down"): 0.75,
    ("50", "memory"): 0.20, ("200", "memory"): 0.25,
}
# Before each command, once it is built: it is small, and a process begins with the memory of what it was forked from.
MEASURE = []
ENGINE_FORGOT = "has active endpoints"
NO_OPS = 3
STARTS, LOOKS, REMOVALS = "4", "8", "8"


def run(command, folder=None, environment=None):
    """Runs a command; returns its seconds and the peak memory, in MiB, of it and of what it waited for."""
    with open(os.devnull, "r+b") as null, tempfile.TemporaryFile() as words:
        measured = [*MEASURE, *command]
        started = time.monotonic()
        done = subprocess.run(measured, cwd=folder, env=environment, stdin=null, stdout=words, stderr=words)
        took = time.monotonic() - started
        words.seek(0)
        told = words.read().decode(errors="replace")
        if done.returncode:
            # Engine 20.10 sometimes forgets, where containers go at once, that nobody is on a network any more, until it is started
            # anew. docker compose only warns of that; everything was done all the same.
            if ENGINE_FORGOT not in told:
                sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{told}")
            print(f"the engine says of a network that nobody is on: {ENGINE_FORGOT}", file=sys.stderr)
    peak = told.rpartition("\npeak ")[2].strip()
    return took, int(peak) / 1024 if peak.isdigit() else 0.0


def build(name, place):
    """Builds one of the programs in limit/."""
    source, program = REPOSITORY / f"benches/limit/{name}.rs", str(place / name)
    run(["rustc", "--edition", "2024", "-O", str(source), "-o", program])
    return program


def printed(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Stack:
    """One of the stacks, in a folder of its own for each of its two forms."""

    def __init__(self, name, place, stackgen):
        self.name, self.folder = name, place / name
        self.is_flat = name != "reference"
        self.texts = {"first": self.compose_file(None), "changed": self.compose_file(0)}
        for tool in ("compose", "stackgen"):
            for folder in ("dags", "logs", "config", "plugins"):
                (self.folder / tool / folder).mkdir(parents=True)
        self.tomls = {which: self.imported(text, stackgen) for which, text in self.texts.items()}

    def compose_file(self, changed):
        return shapes.flat(int(self.name), changed) if self.is_flat else shapes.reference()

    def imported(self, text, stackgen):
        with tempfile.TemporaryDirectory() as place:
            file = pathlib.Path(place) / "docker-compose.yml"
            file.write_text(text)
            return printed(stackgen, "-q", "import", "--stdout", str(file))

    def write(self, which):
        (self.folder / "compose/docker-compose.yml").write_text(self.texts[which])
        (self.folder / "stackgen/stack.toml").write_text(self.tomls[which])

    def order(self):
        return shapes.flat_order(int(self.name)) if self.is_flat else shapes.reference_order()

    def write_bodies(self, project):
        """Writes for the bare client what the engine shows of the project's containers."""
        folder = self.folder / "limit"
        folder.mkdir()
        lines = [" ".join([service, *gates]) + "\n" for service, gates in self.order()]
        (folder / "order").write_text("".join(lines))
        volumes = [] if self.is_flat else shapes.REFERENCE_VOLUMES
        (folder / "volumes").write_text("".join(f"{volume}\n" for volume in volumes))
        names = [f"{project}-{service}-1" for service, _ in self.order()]
        for (service, _), seen in zip(self.order(), json.loads(printed("docker", "inspect", *names))):
            body = {**seen["Config"], "Hostname": "", "HostConfig": seen["HostConfig"]}
            aliases = [f"{project}-{service}-1", service]
            body["NetworkingConfig"] = {"EndpointsConfig": {f"{project}_net": {"Aliases": aliases}}}
            (folder / f"{service}.json").write_text(json.dumps(body).replace(project, "@P@"))


class Stackgen:
    def __init__(self, binary):
        self.name, self.binary = "stackgen", binary

    def act(self, stack, case):
        words = {"down": ["down", "-y", "-t", "0"]}.get(case, ["apply", "-y", "--no-wait"])
        return run([self.binary, "-p", self.project, *words], stack.folder / "stackgen")


class Compose:
    def __init__(self, binary, place):
        self.binary = os.path.abspath(binary)
        version = printed(self.binary, "version", "--short").strip()
        self.name = f"docker compose {version}"
        config = place / f"docker-{version}"
        (config / "cli-plugins").mkdir(parents=True)
        (config / "cli-plugins/docker-compose").symlink_to(self.binary)
        self.plugin = ["docker", "--config", str(config), "compose"]

    def act(self, stack, case, command=None):
        words = {"down": ["down", "-t", "0"]}.get(case, ["up", "-d"])
        return run([*(command or self.plugin), "-p", self.project, *words], stack.folder / "compose")

    def bare(self, stack):
        return self.act(stack, "no-op", [self.binary])


class Limit:
    """The bare client."""

    def __init__(self, place):
        self.name, self.binary = "limit", build("limit", place)
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        self.environment = {**os.environ, "LIMIT_SOCKET": host.removeprefix("unix://")}

    def act(self, stack, case):
        folder = str(stack.folder / "limit")
        words = {
            "fresh": ["up", self.project, folder, STARTS],
            "no-op": ["no-op", self.project, LOOKS],
            "one": ["replace", self.project, folder, stack.order()[0][0]],
            "down": ["down", self.project, REMOVALS],
        }[case]
        return run([self.binary, *words], environment=self.environment)


def make_image():
    """Makes the image of all services: it does nothing until it is told to stop, and then stops at once."""
    lines = 'FROM busybox:1.36\nCMD ["sleep", "infinity"]\nSTOPSIGNAL SIGKILL\n'
    command = ["docker", "build", "-q", "-t", shapes.IMAGE, "-"]
    # The engine's own builder, which needs no plugin and no registry.
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    subprocess.run(command, input=lines, text=True, env=environment, check=True, capture_output=True)


def remove(project):
    """Removes what a command that failed has left of a project."""
    for kind, how in (("container", ["rm", "-f", "-v"]), ("network", ["rm"]), ("volume", ["rm"])):
        listing = ["ls", "-q", "--filter", f"label=com.docker.compose.project={project}"]
        found = printed("docker", kind, *listing, *(["-a"] if kind == "container" else [])).split()
        if found:
            subprocess.run(["docker", kind, *how, *found], capture_output=True)


def begin(stack, tool):
    """Gives a tool a project of its own for its next turn: what an earlier one could not remove is not in its way."""
    begin.turns += 1
    tool.project = f"bench-{os.getpid()}-{begin.turns}"
    PROJECTS.append(tool.project)
    stack.write("first")


begin.turns = 0
PROJECTS = []


def turn(stack, tool):
    """Runs every case once with one tool; returns the seconds of each, and the peak memory."""
    begin(stack, tool)
    seconds, memory = {}, []

    def act(case):
        took, peak = tool.act(stack, case)
        memory.append(peak)
        return took

    seconds["fresh"] = act("fresh")
    if not stack.is_flat:
        settle(tool.project)
    seconds["no-op"] = statistics.median(act("no-op") for _ in range(NO_OPS))
    if isinstance(tool, Compose):
        seconds["bare no-op"] = statistics.median(tool.bare(stack)[0] for _ in range(NO_OPS))
    if stack.is_flat:
        stack.write("changed")
        seconds["one"] = act("one")
    seconds["down"] = act("down")
    # Volumes stay with both tools.
    remove(tool.project)
    return {**seconds, "memory": max(memory)}


def settle(project):
    """Waits until a finished job is seen as finished: the last services may be started while it is still on its way out."""
    waiting = ["docker", "wait", f"{project}-airflow-init-1"]
    subprocess.run(waiting, capture_output=True, check=True, timeout=60)


def spread(values, form):
    return f"{form(statistics.median(values))} ({form(min(values))}-{form(max(values))})"


def report(stacks, found, measured):
    """Prints the table, and returns the limits that were passed."""
    stackgen, limit, peers = found[0], found[1], found[2:]
    print("| stack | case | stackgen | limit |" + "".join(f" {peer.name} | ratio | limit's |" for peer in peers) + " at most |")
    print("|---|---|---|---|" + "---|---|---|" * len(peers) + "---|")
    passed = []
    for stack in stacks:
        cases = ["fresh", "no-op", "bare no-op", "one", "down", "memory"]
        for case in [case for case in cases if case != "one" or stack.is_flat]:
            of = lambda tool, case=case: [cycle[stack.name, tool.name].get(case, 0.0) for cycle in measured]
            own_case = "no-op" if case == "bare no-op" else case
            ours, least = of(stackgen, own_case), of(limit, own_case)
            is_memory = case == "memory"
            form = (lambda value: f"{value:.1f} MiB") if is_memory else (lambda value: f"{value:.3f} s")
            bare = "-" if is_memory else spread(least, form)
            row = f"| {stack.name} | {case} | {spread(ours, form)} | {bare} |"
            for peer in peers:
                theirs = of(peer)
                ratios = [a / b for a, b in zip(ours, theirs)]
                bounds = [a / b for a, b in zip(least, theirs)]
                row += f" {spread(theirs, form)} | **{spread(ratios, '{:.3f}'.format)}** |"
                row += " - |" if is_memory else f" {statistics.median(bounds):.3f} |"
                most = LIMITS.get((stack.name, case))
                if peer is peers[0] and most is not None and statistics.median(ratios) > most:
                    passed.append(f"{stack.name} {case}: {statistics.median(ratios):.3f}, promised {most}")
            print(row + f" {LIMITS.get((stack.name, case), '')} |")
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", action="append", required=True)
    parser.add_argument("--stackgen", default=str(REPOSITORY / "target/release/stackgen"))
    parser.add_argument("--cases", default="reference,50,200")
    parser.add_argument("--cycles", type=int, default=7)
    args = parser.parse_args()
    binary = os.path.abspath(args.stackgen)
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        MEASURE.append(build("measure", place))
        found = [Stackgen(binary), Limit(place), *(Compose(peer, place) for peer in args.compose)]
        stacks = [Stack(name, place, binary) for name in args.cases.split(",")]
        measured = []
        make_image()
        try:
            for stack in stacks:
                begin(stack, found[0])
                found[0].act(stack, "fresh")
                stack.write_bodies(found[0].project)
                found[0].act(stack, "down")
                remove(found[0].project)
            for number in range(args.cycles):
                order = found[number % len(found):] + found[: number % len(found)]
                measured.append({(stack.name, tool.name): turn(stack, tool) for stack in stacks for tool in order})
                print(f"cycle {number + 1} of {args.cycles}", file=sys.stderr)
        finally:
            for project in PROJECTS:
                remove(project)
            subprocess.run(["docker", "rmi", shapes.IMAGE], capture_output=True)
    passed = report(stacks, found, measured)
    for line in passed:
        print(f"passed: {line}", file=sys.stderr)
    sys.exit(1 if passed else 0)


if __name__ == "__main__":
    main()
