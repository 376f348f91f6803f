#!/usr/bin/env bash
# Fuzzes each target of fuzz/ for SECONDS on one core, from the kept corpus on; findings stay in fuzz/artifacts.
#   scripts/fuzz.sh [SECONDS=120] [TARGET...]
# No cargo-fuzz and no second toolchain are needed: the pinned compiler is told to count edges itself. What libFuzzer
# finds new goes to target/fuzz; the corpus that is kept is chosen by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-120}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml | tail -n +2)

triple=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1 -Copt-level=3"
cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target-dir target/fuzz/build --target "$triple" --bins

failed=0
for target in "${targets[@]}"; do
  mkdir -p "target/fuzz/$target" "fuzz/artifacts/$target"
  log=target/fuzz/$target.log
  printf 'fuzz: %s for %s s ... ' "$target" "$seconds"
  if "target/fuzz/build/$triple/release/$target" "target/fuzz/$target" "fuzz/corpus/$target" \
    -max_total_time="$seconds" -artifact_prefix="fuzz/artifacts/$target/" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 > "$log" 2>&1; then
    echo "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing found"
  else
    echo "FAILED, see $log"
    failed=1
  fi
done
exit $failed
