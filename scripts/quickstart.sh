#!/usr/bin/env bash
# Builds stackgen, starts examples/quickstart with it and runs its DAG: quickstart.sh
#
# Run again, it says that there is nothing to do. STACKGEN_BIN=FILE uses that binary and builds nothing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
stack=examples/quickstart/stack.toml
cd "$root"

say() { printf '\n── %s\n' "$*" >&2; }

scripts/install-deps.sh
if [[ -z ${STACKGEN_BIN:-} ]]; then
  say 'Building stackgen'
  # As the tests build it, too: on a first visit the build is what one waits for, and the program waits for Docker.
  cargo build --locked
  STACKGEN_BIN=${CARGO_TARGET_DIR:-target}/debug/stackgen
fi
# As it is typed: from here, `stackgen` is what was just built.
stackgen() { "$STACKGEN_BIN" "$@"; }
scripts/busybox-image.sh

rc=0
stackgen plan -f "$stack" --exit-code >/dev/null || rc=$?
case $rc in
  0) say 'Nothing is to be done: the quickstart is up and in sync'; is_new= ;;
  2) is_new=1 ;;
  *) exit "$rc" ;;
esac

if [[ -n $is_new ]]; then
  say "stackgen apply -f $stack"
  stackgen apply -y -f "$stack"
  say "stackgen dag run pipeline -f $stack"
  stackgen dag run pipeline -f "$stack"
fi
say "stackgen status -f $stack"
stackgen status -f "$stack"

bin=$STACKGEN_BIN
cat >&2 <<WORDS

The services are up and the pipeline ran. From here:

  $bin status -f $stack              what runs
  $bin watch -f $stack               keeps it so, and runs the pipeline's schedule
  curl http://localhost:${API_PORT:-8088}/cgi-bin/predict             its API

The reference platform (Airflow, Postgres, MLflow, Elasticsearch, …) is stack.toml in this folder:

  cp .env.example .env                                     and put your own words into it
  examples/platform/images/build.sh                        only where no image registry is within reach
  $bin apply

This build was made quickly. One that is quick itself, in your PATH:

  cargo install --locked --path .

Take the quickstart down:

  $bin down -f $stack                (with --volumes: its rows too)
WORDS
