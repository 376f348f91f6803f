#!/usr/bin/env bash
# The module for nginx: what a request costs with it, next to nginx without a bouncer, geo, auth_request and Lua, in one
# run; the results go to bench/results/nginx.json with the machine named. CrowdSec's Lua bouncer is in no registry that is
# reached: an empty access_by_lua is the least that any bouncer in Lua costs.
set -euo pipefail
cd "$(dirname "$0")/.."
FAIL2BAN_RS=0 bench/peers.sh || true
status=0
scripts/nginx-module.sh || status=$?
if [ "$status" = 3 ]; then
  echo "nginx: the machine lacks what the module is built with: not measured"
  exit 0
fi
[ "$status" = 0 ] || exit "$status"
cargo build --release --locked -p vigie-bouncer-nginx
python3 bench/nginx.py --out bench/results/nginx.json "$@"
