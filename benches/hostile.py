#!/usr/bin/env python3
"""Runs stackgen on inputs that mean harm, and prints the time and the peak memory of each as Markdown.

  benches/hostile.py [--stackgen BINARY] [--cases FOLDER] [--only WORD] [--seconds N] [--mib N]

The cases are those of tests/hostile, which writes them: each is a folder with its files, the command that is run there, and the exit
code that it has to end with. Memory is the peak resident set, as the kernel counts it.

  --stackgen  the binary; default: target/release/stackgen of this repository
  --cases     a folder with cases that are written already; default: they are written to a temporary one, by cargo
  --only      only cases with this word in their name

Needs python3, and cargo without --cases; no engine is asked. It exits 1 where a case takes more than 2 s or 64 MiB, or ends otherwise than
it has to.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# After this a case has not ended.
DEADLINE = 60


def write(folder):
    """Lets the tests write their cases."""
    command = ["cargo", "test", "--quiet", "--test", "hostile", "--", "--ignored", "--exact", "the_cases_are_written"]
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=sys.stderr, env={**os.environ, "STACKGEN_HOSTILE_CASES": str(folder)})


def measure(binary, case):
    """Runs one case; returns its exit code, seconds and peak MiB."""
    words = (case / ".command").read_text().split()
    with open(os.devnull, "r+b") as null, open(case / ".said", "wb") as said:
        started = time.monotonic()
        process = subprocess.Popen(["timeout", "-s", "KILL", str(DEADLINE), binary, *words], cwd=case, stdin=null, stdout=null, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, took, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stackgen", default=str(REPOSITORY / "target/release/stackgen"))
    parser.add_argument("--cases")
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--mib", type=float, default=64.0)
    args = parser.parse_args()
    binary = os.path.abspath(args.stackgen)
    over = []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(args.cases or place)
        if not args.cases:
            write(folder)
        print("| case | exit | time | memory |\n|---|---|---|---|")
        for case in sorted(path for path in folder.iterdir() if args.only in path.name):
            code, took, mib = measure(binary, case)
            expected = int((case / ".exit").read_text())
            row = f"| {case.name} | {code} | {took:.2f} s | {mib:.0f} MiB |"
            print(row, flush=True)
            if code != expected or took > args.seconds or mib > args.mib:
                over.append(f"{row} (exit {expected}, {args.seconds:g} s and {args.mib:g} MiB were promised)")
    for row in over:
        print(row, file=sys.stderr)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
