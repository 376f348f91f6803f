# The two commands of the README, and a few more. What they do stands in scripts/, one file per job.
# Programs that the machine lacks are unpacked under target/peers (scripts/peers.sh), never installed.

SHELL := /bin/bash
# Behind the machine's own: Debian keeps nft and ip out of a user's PATH, rustup may not be in it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin:/sbin:$(CURDIR)/target/peers/bin

.DEFAULT_GOAL := help
.PHONY: help demo test bench soak clean-peers

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  YES=1               answers the one question that demo, test, bench and soak may ask"
	@echo "  ARGS=...            is handed to vigie demo; ARGS=--once needs no terminal"
	@echo "  VIGIE_REQUIRE_ALL=1 makes a skipped test a failure"

demo: ## build, and show three organisations closing their firewalls to one attacker
	@scripts/check.sh demo
	@scripts/peers.sh iproute2 || true
	cargo build --release --locked -p vigie -p vigie-bouncer-nftables
	"$${CARGO_TARGET_DIR:-target}/release/vigie" demo $(ARGS)

test: ## run everything: format, lints, tests, documentation, the demo
	@scripts/check.sh test
	@scripts/test.sh

bench: ## run the micro benchmarks of the crates, the scorer's, and log ingestion, the API and the firewall next to the peers
	@scripts/check.sh bench
	cargo bench --locked --workspace --exclude vigie-reputation --bench '*'
	bench/score.py
	bench/ingest.sh $(ARGS)
	bench/api.sh
	bench/nginx.sh
	bench/nftables.sh

soak: ## cut and kill a mesh of real nodes: MINUTES=10 NODES=8 SEED=drawn LOSS=0.01
	@scripts/check.sh test
	@scripts/peers.sh iproute2 || true
	@scripts/peers.sh nftables || true
	@MINUTES="$(MINUTES)" NODES="$(NODES)" SEED="$(SEED)" LOSS="$(LOSS)" scripts/soak.sh

clean-peers: ## remove what scripts/peers.sh unpacked
	@scripts/peers.sh --clean
