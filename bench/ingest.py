#!/usr/bin/env python3
"""Log ingestion, Vigie and its peers in one run, interleaved: lines per second and per CPU second, peak memory.

ingest.py --corpus DIR --hub DIR --data DIR --items FILE [--runs 5] [--out FILE]

DIR holds sshd.log, nginx.log and their 20k cuts. Peers are what bench/peers.sh unpacked; what is missing is left out and
named. Medians; the machine is named. Peers do different amounts of work, which "does" says.
"""
import argparse, json, os, platform, signal, statistics, subprocess, sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PEERS = ROOT / "target/peers"
BUCKETS = 100_000
SSH = r"sshd\[[0-9]+\]: .*(Failed [a-z]+ for|[iI]nvalid user|authentication failure|not allowed because).*([0-9]{1,3}\.){3}[0-9]{1,3}"
WEB = r'^([0-9]{1,3}\.){3}[0-9]{1,3} .*"[A-Z]+ [^"]*" (40[0134]|500) '


def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def buckets(corpus):
    """A log of addresses that fail once each, as an invalid user: four buckets each under the rule set."""
    path = corpus / "buckets.log"
    with open(path, "w") as log:
        for n in range(BUCKETS // 4):
            log.write(f"Oct  1 10:{n // 500 % 60:02}:{n // 9 % 60:02} host sshd[{1000 + n % 9000}]: "
                      f"Invalid user u{n} from 198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255} port 40000\n")
    return path


def contenders(args):
    corpus = Path(args.corpus)
    full = {name: corpus / f"{name}.log" for name in ("sshd", "nginx")}
    cut = {name: corpus / f"{name}.20k.log" for name in ("sshd", "nginx")}
    kind = {"sshd": "syslog", "nginx": "nginx"}
    out = []
    for name in ("sshd", "nginx"):
        out.append((f"wc -l, {name}", "counts newlines", full[name], ["wc", "-l", full[name]], None))
        rg = PEERS / "bench/ripgrep/usr/bin/rg"
        if rg.exists():
            out.append((f"ripgrep 13 -c, {name}", "one pattern of like shape", full[name],
                        [rg, "-c", "--", SSH if name == "sshd" else WEB, full[name]], None))
        vigie = Path(args.vigie)
        for threads in args.threads:
            out.append((f"vigie sensor replay, {name}, rule set debian, {threads} threads", "parses, fills buckets, detects",
                        full[name], [vigie, "sensor", "replay", full[name], "--type", kind[name], "--hub", args.hub, "--data", args.data,
                                     "--items", args.items, "--threads", str(threads), "--json"], None))
    out.append((f"vigie sensor replay, {BUCKETS // 4:,} addresses once each, {BUCKETS:,} live buckets", "peak memory",
                buckets(corpus), [args.vigie, "sensor", "replay", corpus / "buckets.log", "--type", "syslog", "--hub", args.hub,
                                  "--data", args.data, "--items", args.items, "--threads", "1", "--json"], None))
    found = list((PEERS / "bench/sshguard").glob("usr/**/sshg-parser"))
    if found:
        out.append(("sshguard 2.4.2 sshg-parser, sshd", "parses", full["sshd"], [found[0]], full["sshd"]))
    f2b = PEERS / "bin/fail2ban-rs"
    settings = PEERS / "bench/fail2ban-rs.toml"
    if f2b.exists() and settings.exists():
        out.append(("fail2ban-rs 1.5.4 dry-run, sshd", "four patterns, no fields", full["sshd"],
                    [f2b, "dry-run", "-c", settings, full["sshd"]], None))
    crowdsec = PEERS / "bench/crowdsec/usr/bin/crowdsec"
    config = PEERS / "bench/crowdsec.home/etc/config.yaml"
    if crowdsec.exists() and config.exists() and args.crowdsec:
        for name in args.crowdsec.split(","):
            out.append((f"CrowdSec 1.4.6 from Debian 12, {name} 20k, rule set debian", "parses, fills buckets, detects; LAPI apart",
                        cut[name], [crowdsec, "-c", config, "-dsn", f"file://{cut[name]}", "-type", kind[name],
                                    "-no-api", "-no-capi"], None))
    return out


def once(command, stdin):
    begun = time.monotonic()
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    child = subprocess.Popen([str(word) for word in command], stdin=source, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    last = b""
    for line in child.stdout:
        last = line
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return dict(wall_s=time.monotonic() - begun, cpu_s=used.ru_utime + used.ru_stime, peak_mib=used.ru_maxrss / 1024,
                code=child.returncode, last=last.decode(errors="replace").strip()[-2000:])


def main():
    parser = argparse.ArgumentParser()
    for name in ("corpus", "hub", "data", "items"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--runs", type=int, default=5, help="after one to warm up")
    parser.add_argument("--vigie", default=str(BUILT / "release/vigie"))
    parser.add_argument("--crowdsec", default="sshd,nginx", help="on which logs CrowdSec runs; nginx takes it minutes")
    parser.add_argument("--out")
    args = parser.parse_args()
    args.threads = sorted({1, os.cpu_count() or 1})
    crowdsec = None
    home = PEERS / "bench/crowdsec.home"
    everyone = contenders(args)
    if any(name.startswith("CrowdSec") for name, *_ in everyone):
        crowdsec = subprocess.Popen([str(PEERS / "bench/crowdsec/usr/bin/crowdsec"), "-c", str(home / "etc/config.yaml"),
                                     "-no-cs", "-no-capi"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3)
    taken = {name: [] for name, *_ in everyone}
    load = os.getloadavg()
    try:
        for turn in range(args.runs + 1):
            for name, _, _, command, stdin in everyone:
                # Slow enough that a run tells as much as many.
                if name.startswith("CrowdSec") and turn > (1 if "nginx" in name else 3):
                    continue
                result = once(command, stdin)
                if turn:
                    taken[name].append(result)
                print(f"{turn} {name}: {result['wall_s']:.3f} s, cpu {result['cpu_s']:.3f} s, exit {result['code']}",
                      file=sys.stderr)
    finally:
        if crowdsec:
            crowdsec.send_signal(signal.SIGTERM)
            crowdsec.wait()
    lines = {}
    results = []
    for name, does, path, _, _ in everyone:
        if path not in lines:
            lines[path] = sum(block.count(b"\n") for block in iter(lambda f=open(path, "rb"): f.read(1 << 20), b""))
        runs = taken[name]
        if not runs:
            continue
        median = {key: statistics.median(run[key] for run in runs) for key in ("wall_s", "cpu_s", "peak_mib")}
        results.append(dict(name=name, does=does, lines=lines[path], runs=len(runs),
                            wall_s=round(median["wall_s"], 3), cpu_s=round(median["cpu_s"], 3),
                            cpu_s_min=round(min(run["cpu_s"] for run in runs), 3),
                            cpu_s_max=round(max(run["cpu_s"] for run in runs), 3),
                            peak_mib=round(median["peak_mib"], 1),
                            lines_per_s=round(lines[path] / max(median["wall_s"], 1e-6)),
                            lines_per_cpu_s=round(lines[path] / max(median["cpu_s"], 1e-6)),
                            exit=sorted({run["code"] for run in runs}),
                            **({"last": runs[-1]["last"]} if name.startswith("vigie") else {})))
    report = dict(machine=dict(cpu=cpu_model(), cores=os.cpu_count(), kernel=platform.release(),
                               load_before=[round(one, 1) for one in load]),
                  date=time.strftime("%Y-%m-%d"), results=results)
    text = json.dumps(report, indent=1) + "\n"
    if args.out:
        Path(args.out).write_text(text)
    for one in results:
        print(f"{one['name']}: {one['lines_per_s']:,} lines/s, {one['lines_per_cpu_s']:,} per CPU s, {one['peak_mib']} MiB")


main()
