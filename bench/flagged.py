#!/usr/bin/env python3
"""Whom CrowdSec 1.4.6 and Vigie name in the same 20,000 lines, after bench/ingest.sh, whose CrowdSec keeps its alerts.

flagged.py [--corpus DIR] [--hub DIR] [--data DIR] [--items FILE]

Vigie runs twice: with the data files of the hub, and with CrowdSec's own in their place where it brings one of that name,
so that what a newer list changed is told from what an engine does. Prints each address that only one of them names.
"""
import argparse, json, os, shutil, sqlite3, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HOME = ROOT / "target/peers/bench/crowdsec.home"
KINDS = {"sshd": "syslog", "nginx": "nginx"}


def theirs(name):
    """Addresses and the scenarios that name them, of the logs of sshd or of those of nginx."""
    store = sqlite3.connect(f"file:{HOME / 'data/crowdsec.db'}?mode=ro", uri=True)
    rows = store.execute("select distinct source_ip, scenario from alerts").fetchall()
    found = {}
    for address, scenario in rows:
        if ("ssh" in scenario) == (name == "sshd"):
            found.setdefault(address, set()).add(scenario)
    return found


def ours(args, name, data):
    with tempfile.NamedTemporaryFile(mode="r", suffix=".jsonl") as detections:
        subprocess.run([str(BUILT / "release/vigie"), "sensor", "replay", str(Path(args.corpus) / f"{name}.20k.log"),
                        "--type", KINDS[name], "--hub", args.hub, "--data", str(data), "--items", args.items, "--json",
                        "--detections", detections.name], check=True, stdout=subprocess.DEVNULL)
        found = {}
        for line in detections:
            one = json.loads(line)
            found.setdefault(one["value"], set()).add(one["scenario"])
        return found


def compare(name, with_what, they, we):
    print(f"{name}, {with_what}: CrowdSec names {len(they)}, Vigie {len(we)}, both {len(they.keys() & we.keys())}")
    for who, one, other in (("CrowdSec", they, we), ("Vigie", we, they)):
        for address in sorted(one.keys() - other.keys()):
            print(f"  only {who}: {address} {', '.join(sorted(one[address]))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", default="target/corpus")
    parser.add_argument("--hub", default="../shared/hub")
    parser.add_argument("--data", default="../shared/hub-data")
    parser.add_argument("--items", default="../shared/bench/debian.items")
    args = parser.parse_args()
    if not (HOME / "data/crowdsec.db").exists() or not Path(args.corpus, "sshd.20k.log").exists():
        sys.exit("flagged: run bench/ingest.sh first")
    with tempfile.TemporaryDirectory() as mixed:
        shutil.copytree(args.data, mixed, dirs_exist_ok=True)
        for path in Path(mixed).rglob("*"):
            other = HOME / "data" / path.name
            if path.is_file() and other.is_file():
                shutil.copyfile(other, path)
        for name in KINDS:
            they = theirs(name)
            compare(name, "the hub's data files", they, ours(args, name, args.data))
            compare(name, "CrowdSec's data files", they, ours(args, name, mixed))


main()
