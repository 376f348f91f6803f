#!/usr/bin/env bash
# Real nodes in network namespaces, cut off from each other and killed for MINUTES, by SEED: node/tests/it/spaces/soak.rs.
# The report is printed, and stands in target/soak/report.json. What fails keeps its directories and says where.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath "${CARGO_TARGET_DIR:-target}")
mkdir -p "$target/soak"
export VIGIE_SOAK_MINUTES=${MINUTES:-10} VIGIE_SOAK_NODES=${NODES:-8} VIGIE_SOAK_LOSS=${LOSS:-0.01}
export VIGIE_SOAK_SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
export VIGIE_SOAK_REPORT=$target/soak/report.json
cargo build --release --locked -p vigie
# The node as it is installed; the test around it as it is.
export VIGIE_TESTED=$target/release/vigie
cargo test --locked -p vigie --test it --no-run
# First what a cold join, and a member among many, cost: one after the other.
cargo test --locked -p vigie --test it -- spaces::figures --nocapture --test-threads 1
cargo test --locked -p vigie --test it -- --exact spaces::soak::as_long_as_somebody_asks --nocapture
