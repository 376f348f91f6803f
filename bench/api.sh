#!/usr/bin/env bash
# The Local API: Vigie and Debian's CrowdSec 1.4.6 in one run, with as many decisions in each; the results go to
# bench/results/api.json with the machine named. Without the peer it says so and measures ours.
set -euo pipefail
cd "$(dirname "$0")/.."
FAIL2BAN_RS=0 bench/peers.sh || true
cargo build --release --locked -p vigie
cargo build --release --locked -p vigie-bouncer-client --example load
python3 bench/api.py --out bench/results/api.json "$@"
