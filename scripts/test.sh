#!/usr/bin/env bash
# Runs every test, those that need Docker included: test.sh [ARGUMENTS OF THE RUNNER]
#
# Makes what they need: the images of the reference platform (examples/platform/images/build.sh, unless they are there) and two
# generations of docker compose to compare with. STACKGEN_TEST_NO_DOCKER=1 says that a machine without Docker is meant.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Random tests throw the same dice every time, so that no change fails by chance. Other numbers explore further.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-20260101} STACKGEN_PROPERTY_SEED=${STACKGEN_PROPERTY_SEED:-0}

if [[ -z ${STACKGEN_TEST_NO_DOCKER:-} ]]; then
  scripts/install-deps.sh --tests
  scripts/busybox-image.sh
  export STACKGEN_PEERS=${STACKGEN_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/stackgen-peers}
  # Images and peers are made while the tests compile; a failure of theirs ends the script before any test runs.
  log=$(mktemp)
  { examples/platform/images/build.sh && scripts/peers.sh "$STACKGEN_PEERS"; } >"$log" 2>&1 &
  making=$!
fi

if command -v cargo-nextest >/dev/null; then
  cargo nextest run --locked --no-run
else
  cargo test --locked --no-run
fi

if [[ -n ${making:-} ]]; then
  wait "$making" || { cat "$log" >&2; exit 1; }
  rm -f "$log"
fi

if command -v cargo-nextest >/dev/null; then
  cargo nextest run --locked --no-fail-fast "$@"
else
  # Tests of one binary that need the machine to themselves are kept apart by locks of their own.
  cargo test --locked --no-fail-fast "$@"
fi
