#!/usr/bin/env bash
# Runs everything, the quick things first, and stops at the first stage that fails. Says how long each stage took.
#
# The closing line counts what the runners counted: tests, doc tests, and the demo as one. A stage that is not a test
# (format, lints, documentation, the build) counts only when it fails, as one. Tests say what this machine cannot run
# in the file of VIGIE_SKIPS, "SKIP <test>: <reason>": those are skipped, not passed, and with VIGIE_REQUIRE_ALL=1 they
# are failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export VIGIE_SKIPS=$logs/skips
: >"$VIGIE_SKIPS"
# Every stage would write incremental files, and in a run from start to end none reads them.
export CARGO_INCREMENTAL=0

passed=0 failed=0
timings=()
begun=$SECONDS

# stage NAME COMMAND...: runs it, keeps what it printed in $logs/NAME, and times it.
stage() {
  local name=$1 start=$SECONDS status
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$logs/$name"
  status=${PIPESTATUS[0]}
  timings+=("$(printf '%5d s  %s%s' $((SECONDS - start)) "$name" "$([ "$status" = 0 ] || echo ', failed')")")
  return "$status"
}

# A stage that is no test: all or nothing.
must() {
  stage "$@" && return
  failed=$((failed + 1))
  finish
}

# count NAME STATUS: adds up what the runner printed: nextest's summary, or libtest's "test result" lines.
count() {
  local name=$1 status=$2 ran=0 good=0 bad
  read -r ran good < <(
    sed 's/\x1b\[[0-9;]*m//g' "$logs/$name" | awk '
      # Summary [  12.345s] 250 tests run: 249 passed (2 slow), 1 failed, 0 skipped
      /^ *Summary \[.*\] .* tests? run: / {
        sub(/.*\] */, ""); split($1, run, "/"); ran += run[1]
        for (i = 2; i <= NF; i++) if ($i ~ /^passed/) good += $(i - 1)
      }
      # test result: ok. 3 passed; 0 failed; 0 ignored; ...
      /^test result: / { good += $4; ran += $4 + $6 }
      END { print ran + 0, good + 0 }'
  )
  bad=$((ran - good))
  # A build that fails, or a runner that dies, counts nothing.
  [ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
  passed=$((passed + good))
  failed=$((failed + bad))
}

finish() {
  local skipped more timing
  skipped=$(sort -u "$VIGIE_SKIPS" | grep -c '^SKIP ')
  echo
  sort -u "$VIGIE_SKIPS"
  for timing in "${timings[@]}"; do echo "$timing"; done
  printf '%5d s  in all\n' $((SECONDS - begun))
  if [ "${VIGIE_REQUIRE_ALL:-}" = 1 ]; then
    # Most skips made their test fail, and its runner counted that.
    more=$((skipped > failed ? skipped - failed : 0))
    passed=$((passed - more)) failed=$((failed + more)) skipped=0
  else
    passed=$((passed - skipped))
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
  exit
}

must format cargo fmt --all --check

# With those that only the nginx module uses: the tidy tests look at the licences of all of them, without a network.
must crates cargo fetch --locked --target x86_64-unknown-linux-gnu

if [ "${VIGIE_REQUIRE_ALL:-}" = 1 ]; then
  must peers scripts/peers.sh
else
  stage peers scripts/peers.sh
fi

must lints cargo clippy --workspace --all-targets --locked -- -D warnings
# Sources that are off by default.
must lints-of-features cargo clippy -p vigie -p vigie-sensor --features vigie/nats,vigie/kafka --all-targets --locked -- -D warnings

# The module inside nginx: its lints, and its build. Where the machine lacks what it takes (status 3), its tests skip.
# shellcheck disable=SC2317  # must calls it
nginx_module() {
  scripts/nginx-module.sh --lint
  local status=$?
  [ "$status" != 3 ] || [ "${VIGIE_REQUIRE_ALL:-}" = 1 ] || status=0
  return "$status"
}
must nginx-module nginx_module

if cargo nextest --version >/dev/null 2>&1; then
  stage tests cargo nextest run --workspace --locked --no-fail-fast
else
  echo "cargo-nextest is not here; cargo test does the same, without time limits."
  stage tests cargo test --workspace --tests --locked --no-fail-fast
fi
count tests $?
[ "$failed" = 0 ] || finish

stage brokers cargo test -p vigie-sensor --features nats,kafka --test it --locked --no-fail-fast -- brokers::
count brokers $?
[ "$failed" = 0 ] || finish

stage doc-tests cargo test --doc --workspace --locked
count doc-tests $?
[ "$failed" = 0 ] || finish

RUSTDOCFLAGS="-D warnings" must documentation cargo doc --workspace --no-deps --locked

must release-build cargo build --release --locked -p vigie -p vigie-bouncer-nftables

if stage demo "${CARGO_TARGET_DIR:-target}/release/vigie" demo --once; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
fi
finish
