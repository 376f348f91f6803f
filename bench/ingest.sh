#!/usr/bin/env bash
# Log ingestion: Vigie and its peers in one run. CORPUS, HUB, DATA and ITEMS say where logs and rules are; the results go to
# bench/results/ingest.json with the machine named. Skips with a sentence where there is no corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CORPUS:=target/corpus}" "${HUB:=../shared/hub}" "${DATA:=../shared/hub-data}" "${ITEMS:=../shared/bench/debian.items}"
if [ ! -f "$CORPUS/sshd.log" ]; then
  generate=../shared/bench/gen_corpus.py
  [ -f "$generate" ] || { echo "ingest: no corpus at $CORPUS, and nothing that makes one"; exit 0; }
  mkdir -p "$CORPUS"
  logs=../shared/logs
  python3 "$generate" sshd "$CORPUS/sshd.log" 1000000 $logs/loghub_openssh_2k.log $logs/elastic_auth.log $logs/gtk_auth.log
  python3 "$generate" nginx "$CORPUS/nginx.log" 1000000 $logs/elastic_apache_logs $logs/gtk_hackers_access.log \
    --scan $logs/ocatak_netsparker.log $logs/ocatak_acunetix.log $logs/ocatak_w3af.log
fi
for name in sshd nginx; do head -n 20000 "$CORPUS/$name.log" > "$CORPUS/$name.20k.log"; done
bench/peers.sh
cargo build --release --locked -p vigie
python3 bench/ingest.py --corpus "$CORPUS" --hub "$HUB" --data "$DATA" --items "$ITEMS" --out bench/results/ingest.json "$@"
