#!/usr/bin/env bash
# How long the firewall's bouncer takes to have a list in the kernel, next to one `nft -f` of the same set, in a network
# namespace of its own: 100,000 addresses, then 500,000 with 20,000 ranges. ROUNDS=3 of each, interleaved; all rounds go
# to bench/results/nftables.txt with the machine named. Needs the right to make a namespace, or says so.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/peers.sh nftables iproute2 || true
export PATH=$PATH:/usr/sbin:/sbin:$PWD/target/peers/bin
cargo build --release --locked -p vigie-bouncer-nftables --bins --example speed
speed=$(realpath "${CARGO_TARGET_DIR:-target}")/release/examples/speed
space=(unshare --net)
# Without root the kernel's buffers are smaller, and nft cannot send so large a set at once.
[ "$(id -u)" = 0 ] || space=(unshare --user --map-root-user --net)
if ! "${space[@]}" true 2>/dev/null; then
  echo "nftables: this machine lets nobody make a network namespace: not measured"
  exit 0
fi
out=bench/results/nftables.txt
trap 'rm -f "$out.new"' EXIT
{
  printf '%s, %s cores, Linux %s, load %s, %s\n' "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(nproc)" \
    "$(uname -r)" "$(cut -d ' ' -f 1 /proc/loadavg)" "$(date +%F)"
  for round in $(seq "${ROUNDS:-3}"); do
    echo
    echo "round $round"
    "${space[@]}" "$speed" 100000 0
    "${space[@]}" "$speed" 500000 20000
  done
} | tee "$out.new"
mv "$out.new" "$out"
