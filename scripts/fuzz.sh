#!/usr/bin/env bash
# Fuzzes every target, one after the other: fuzz.sh [SECONDS EACH, 600 unless said] [TARGET…]
#
# Needs rustup; the nightly compiler and cargo-fuzz are installed where they are missing. What is found is in fuzz/artifacts. The corpus
# of the repository is read and not written to: new texts go to fuzz/target/corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-600}
shift || true

rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
# The code is safe Rust, where a sanitizer of memory finds nothing and takes half of the speed.
cargo +nightly fuzz build --sanitizer none

targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(cargo +nightly fuzz list)
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  mkdir -p "fuzz/target/corpus/$target"
  # Deeper than this, the bounds on depth and size are met, which tests/hostile looks after.
  cargo +nightly fuzz run --sanitizer none "$target" "fuzz/target/corpus/$target" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -dict=fuzz/words.dict
done
