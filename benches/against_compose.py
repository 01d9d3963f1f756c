#!/usr/bin/env python3
"""Times stackgen and docker compose in turn on one engine and one stack, and prints the ratios as a Markdown table.

  benches/against_compose.py --compose BINARY [--compose BINARY …] [--stackgen BINARY] [--stack FOLDER] [--cycles N]

Both work on the same stack: stackgen on stack.toml, docker compose on the file that stackgen rendered from it. Each cycle
runs every case once with each tool, the order of the tools changing from cycle to cycle, so that a busy moment of the machine
hits both; a ratio is taken within a cycle, and the table shows its median, least and most.

  fresh      nothing is there; ends when every health check passes
  no-op      everything is as it should be
  one        the environment of one service changed
  down       everything is removed but the volumes

  --stack    a folder with stack.toml; default: examples/quickstart of this repository. It is copied, under a name of its own.
  --service  the service whose environment is changed in "one"; default: worker
  --cycles   default 7

Needs python3 alone, a running engine and the stack's images. Everything it makes is removed, also after a failure.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
NAME = "stackgen-bench"
CASES = ["fresh", "no-op", "one", "down"]


class Tool:
    """One of the tools at work in the bench's folder."""

    def __init__(self, name, command):
        self.name, self.command = name, command

    def run(self, *words):
        started = time.monotonic()
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        took = time.monotonic() - started
        if done.returncode:
            sys.exit(f"{self.name} {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return took


class Stackgen(Tool):
    up = ("apply", "-y", "-q")
    end = ("down", "-y", "-q")


class Compose(Tool):
    up = ("up", "-d", "--wait", "--quiet-pull")
    end = ("down",)


def version(binary):
    words = [binary, "version", "--short"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def tools(args, folder):
    found = [Stackgen("stackgen", [args.stackgen, "-f", str(folder / "stack.toml")])]
    for binary in args.compose:
        env = [word for path in (".env", "generated/.env") if (folder / path).exists() for word in ("--env-file", str(folder / path))]
        command = [binary, *env, "-f", str(folder / "generated/docker-compose.yml")]
        found.append(Compose(f"docker compose {version(binary)}", command))
    return found


def prepare(args, folder):
    """Copies the stack under the bench's name."""
    shutil.copytree(args.stack, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".stackgen", "generated"))
    text = (folder / "stack.toml").read_text()
    named, count = re.subn(r'(?m)^name(\s*)= *"[^"]*"', rf'name\1= "{NAME}"', text, count=1)
    if not count:
        sys.exit(f"{args.stack}/stack.toml has no name to replace")
    return named


def write(args, folder, text, mark):
    """Writes stack.toml with `mark` in the environment of one service, and renders it for docker compose."""
    header = f"[services.{args.service}]\n"
    if header not in text and not re.search(rf"(?m)^\[services\.{re.escape(args.service)}\]", text):
        sys.exit(f"stack.toml has no [services.{args.service}]")
    marked = re.sub(rf"(?m)^(\[services\.{re.escape(args.service)}\].*)$", rf'\1\nenvironment.BENCH_MARK = "{mark}"', text, count=1)
    (folder / "stack.toml").write_text(marked)
    subprocess.run([args.stackgen, "-f", str(folder / "stack.toml"), "-q", "render"], check=True, capture_output=True)


def cycle(args, folder, text, tool, number):
    write(args, folder, text, f"{number}")
    times = {"fresh": tool.run(*tool.up), "no-op": tool.run(*tool.up)}
    write(args, folder, text, f"{number}-changed")
    times["one"] = tool.run(*tool.up)
    times["down"] = tool.run(*tool.end)
    return times


def clean_up(args, folder):
    if (folder / "stack.toml").exists():
        words = [args.stackgen, "-f", str(folder / "stack.toml"), "down", "--volumes", "-y", "-q"]
        subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL)


def spread(values, form):
    return f"{form(statistics.median(values))} ({form(min(values))}-{form(max(values))})"


def report(found, measured):
    seconds, ratio = (lambda value: f"{value:.2f} s"), (lambda value: f"{value:.2f}")
    peers = found[1:]
    print("| case | stackgen |" + "".join(f" {peer.name} | ratio |" for peer in peers))
    print("|---|---|" + "---|---|" * len(peers))
    for case in CASES:
        ours = [times[found[0].name][case] for times in measured]
        row = f"| {case} | {spread(ours, seconds)} |"
        for peer in peers:
            theirs = [times[peer.name][case] for times in measured]
            ratios = [a / b for a, b in zip(ours, theirs)]
            row += f" {spread(theirs, seconds)} | **{spread(ratios, ratio)}** |"
        print(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", action="append", required=True)
    parser.add_argument("--stackgen", default=str(REPOSITORY / "target/release/stackgen"))
    parser.add_argument("--stack", default=str(REPOSITORY / "examples/quickstart"))
    parser.add_argument("--service", default="worker")
    parser.add_argument("--cycles", type=int, default=7)
    args = parser.parse_args()
    args.stackgen = os.path.abspath(args.stackgen)
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "stack"
        text = prepare(args, folder)
        measured = []
        try:
            write(args, folder, text, "0")
            found = tools(args, folder)
            for number in range(args.cycles):
                turn = found[number % len(found):] + found[: number % len(found)]
                measured.append({tool.name: cycle(args, folder, text, tool, number) for tool in turn})
                print(f"cycle {number + 1} of {args.cycles}", file=sys.stderr)
        finally:
            clean_up(args, folder)
    report(found, measured)


if __name__ == "__main__":
    main()
