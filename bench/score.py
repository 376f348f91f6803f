#!/usr/bin/env python3
"""The scorer's figures: runs its benches, prints them, and keeps them with the machine named.

score.py [--out FILE] [--from FILE]

Sightings a second of one core are counted in processor time; divan's times are wall clock, so the load before is kept as
well. What each bench does stands in reputation/benches/score.rs.
"""
import argparse, datetime, json, os, platform, re, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}
SCALES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
SPEED = re.compile(r"^(\w+): (\d+) sightings per second of one core$")
MEMORY = re.compile(r"(\d+) subjects with (\d+) statements take (\d+) bytes: (\d+) bytes per subject, (\d+) resident")


def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def nanoseconds(text):
    value, unit = text.split()
    return round(float(value) * UNITS[unit], 1)


def a_second(text):
    value, unit = text.split()
    return round(float(value) * SCALES[unit.removesuffix("item/s")])


def figures(text):
    """Of divan's table: a row of times, and below it one of items a second, for each bench."""
    memory, speeds, rows, path = None, {}, [], []
    for line in text.splitlines():
        if found := SPEED.match(line):
            speeds[found[1]] = int(found[2])
            continue
        if found := MEMORY.search(line):
            names = ("subjects", "statements", "bytes", "bytes_per_subject", "resident_per_subject")
            memory = dict(zip(names, map(int, found.groups())))
            continue
        if not (found := re.match(r"^([│ ]*)[├╰]─ (\S+)(.*)$", line)):
            if rows and "item/s" in line:
                cells = [cell.strip() for cell in line.split("│")]
                found = [re.search(r"[\d.]+ \w*item/s", cell) for cell in cells]
                found = [a_second(speed.group()) for speed in found if speed]
                rows[-1].update(zip(("a_second_best", "a_second_worst", "a_second"), found))
            continue
        depth = len(found[1]) // 3
        path = path[:depth] + [found[2]]
        times = re.findall(r"[\d.]+ (?:ns|µs|ms|s)\b", found[3])
        if times:
            best, worst, median = map(nanoseconds, times[:3])
            rows.append({"name": " ".join(path), "ns": median, "ns_best": best, "ns_worst": worst})
    return memory, speeds, rows


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", default=ROOT / "bench/results/score.json")
    options.add_argument("--from", dest="table", help="a table that was printed before, instead of a run")
    args = options.parse_args()
    load = [round(value, 1) for value in os.getloadavg()]
    if args.table:
        text = Path(args.table).read_text()
    else:
        command = ["cargo", "bench", "--locked", "-p", "vigie-reputation", "--bench", "score"]
        run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        text = run.stdout
        print(text)
        if run.returncode:
            sys.exit("score: the benches failed")
    memory, speeds, rows = figures(text)
    if not (memory and speeds and rows):
        sys.exit("score: the benches printed no figures")
    machine = {"cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release(), "load_before": load}
    result = {"machine": machine, "date": datetime.date.today().isoformat(), "memory": memory,
              "sightings_per_core_second": speeds, "results": rows}
    Path(args.out).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for row in rows:
        speed = f"{row['a_second']:>14,} a second" if "a_second" in row else ""
        print(f"{row['name']:<22} {row['ns']:>16,.1f} ns {speed}")
    for name, speed in speeds.items():
        print(f"{name:<22} {speed:>14,} sightings a second of one core")
    print(f"{memory['bytes_per_subject']} bytes per subject, {memory['resident_per_subject']} resident")


if __name__ == "__main__":
    main()
