#!/usr/bin/env python3
"""The Local API, Vigie and Debian's CrowdSec 1.4.6 in one run, interleaved: look-ups, startup stream, memory, push.

api.py [--decisions 100000] [--rounds 5] [--followers 1000] [--out FILE]

Both are filled through POST /v1/alerts with the same decisions. Load comes from bouncers/client/examples/load.rs. Medians
over the rounds; the machine and its load are named. Without the peer (bench/peers.sh) only ours is measured.
"""
import argparse, http.client, json, os, platform, random, shutil, socket, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HOME = ROOT / "target/peers/bench/crowdsec.home"
BINS = ROOT / "target/peers/bench/crowdsec/usr/bin"
BATCH = 2_500


def addresses(many):
    """Distinct public addresses, the same each time."""
    draw, seen = random.Random(42), {}
    while len(seen) < many:
        first = draw.randint(11, 190)
        if first not in (100, 127, 169, 172):
            seen[f"{first}.{draw.randint(0, 255)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}"] = True
    return list(seen)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def memory_mib(pid, field="VmRSS"):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


class Server:
    """A process with a Local API, the key of a bouncer and the credentials of a machine."""

    def __init__(self, name, port, command, prepare):
        self.name, self.port = name, port
        self.log = open(os.devnull, "w")
        if name.startswith("Vigie"):
            self.child = subprocess.Popen(command, stdout=self.log, stderr=self.log)
            self.wait()
            self.key, self.login, self.password = prepare()
        else:
            self.key, self.login, self.password = prepare()
            self.child = subprocess.Popen(command, stdout=self.log, stderr=self.log)
            self.wait()
        self.idle_mib = memory_mib(self.child.pid)

    def wait(self):
        for _ in range(300):
            if self.child.poll() is not None:
                sys.exit(f"{self.name} ended with {self.child.returncode}")
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{self.name} does not listen")

    def post(self, path, body, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        head = {"Content-Type": "application/json", "User-Agent": "crowdsec/1.4.6"}
        if token:
            head["Authorization"] = f"Bearer {token}"
        connection.request("POST", path, json.dumps(body), head)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status not in (200, 201):
            sys.exit(f"{self.name}: {path} {answer.status} {text[:300]}")
        return json.loads(text)

    def fill(self, ips):
        """Bans for a day on all of these."""
        token = self.post("/v1/watchers/login", {"machine_id": self.login, "password": self.password, "scenarios": []})["token"]
        begun = time.monotonic()
        for start in range(0, len(ips), BATCH):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            decisions = [dict(duration="24h", origin="cscli", scenario="bench", scope="Ip", type="ban", value=ip)
                         for ip in ips[start:start + BATCH]]
            self.post("/v1/alerts", [dict(
                scenario=f"bench {start}", scenario_hash="", scenario_version="", message="bench", events_count=1, start_at=at,
                stop_at=at, capacity=0, leakspeed="0", simulated=False, events=[], decisions=decisions,
                source=dict(scope="Ip", value=decisions[0]["value"]))], token)
        return time.monotonic() - begun

    def startup(self):
        """The whole stream: seconds to the first byte, seconds in all, bytes."""
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            begun = time.monotonic()
            one.sendall(b"GET /v1/decisions/stream?startup=true HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\n"
                        b"Connection: close\r\nX-Api-Key: " + self.key.encode() + b"\r\n\r\n")
            block = bytearray(1 << 18)
            first, size = None, 0
            while taken := one.recv_into(block):
                first = first or time.monotonic() - begun
                size += taken
            return dict(first_byte_ms=first * 1000, total_ms=(time.monotonic() - begun) * 1000, bytes=size)

    def asked(self, args, ips):
        out = subprocess.run([args.load, "ask", f"127.0.0.1:{self.port}", self.key, str(args.secs), "16", *ips],
                             stdout=subprocess.PIPE, check=True)
        return json.loads(out.stdout)

    def end(self):
        self.child.terminate()
        self.child.wait()


def ours(args, scratch):
    data, port = scratch / "vigie", free_port()
    data.mkdir()
    settings = scratch / "vigie.toml"
    settings.write_text('[sensor]\nsources = "none"\n[api]\nmachine_decisions = 4000000\n')

    def say(*words):
        return subprocess.run([args.vigie, *words, "--data", data, "--config", settings], stdout=subprocess.PIPE, check=True).stdout.decode()

    def prepare():
        key = say("bouncers", "add", "bench", "--grant", "ban", "--raw").strip()
        out = scratch / "machine.yaml"
        say("machines", "add", "bench", "--out", str(out))
        fields = dict(line.split(": ", 1) for line in out.read_text().splitlines() if ": " in line)
        return key, fields["login"].strip('"'), fields["password"].strip('"')

    command = [args.vigie, "up", "--data", data, "--config", settings, "--listen", f"127.0.0.1:{port}"]
    server = Server("Vigie", port, command, prepare)
    server.add = [args.vigie, "decisions", "add", "{}", "--data", str(data), "--config", str(settings)]
    return server


def peer(scratch):
    if not (HOME / "etc/config.yaml").exists():
        print("api: no CrowdSec 1.4.6 from Debian 12 (bench/peers.sh cannot fetch it): ours alone", file=sys.stderr)
        return None
    home, port = scratch / "crowdsec", free_port()
    shutil.copytree(HOME, home, symlinks=True)
    for old in (home / "data").glob("crowdsec.db*"):
        old.unlink()
    config = home / "etc/config.yaml"
    config.write_text(config.read_text().replace(str(HOME), str(home)).replace(":18081", f":{port}"))

    def prepare():
        cscli = [BINS / "cscli", "-c", config]
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        subprocess.run([*cscli, "machines", "add", "bench", "--password", "benchpass", "--force", "-f", scratch / "unused.yaml"], **quiet)
        subprocess.run([*cscli, "bouncers", "add", "bench", "-k", "benchkey0123456789"], **quiet)
        return "benchkey0123456789", "bench", "benchpass"

    return Server("CrowdSec 1.4.6 from Debian 12", port, [BINS / "crowdsec", "-c", config, "-no-cs", "-no-capi"], prepare)


def pushed(args, server):
    """Opens the streams, and decides something in each round."""
    before = memory_mib(server.child.pid)
    load = subprocess.Popen([args.load, "follow", f"127.0.0.1:{server.port}", server.key, str(args.followers),
                             str(args.rounds), *server.add], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    load.stdout.readline()
    time.sleep(3)
    each = (memory_mib(server.child.pid) - before) * 1024 / args.followers
    rounds = []
    for _ in range(args.rounds):
        time.sleep(1)
        load.stdin.write("\n")
        load.stdin.flush()
        line = load.stdout.readline()
        if not line:
            sys.exit("api: not all were told")
        rounds.append(json.loads(line))
    load.stdin.close()
    load.wait()
    return dict(followers=args.followers, kib_each=round(each, 1),
                **{name: round(statistics.median(one[name] for one in rounds), 1) for name in rounds[0]},
                worst_ms=round(max(one["max_ms"] for one in rounds), 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secs", type=int, default=4, help="of look-ups in each round")
    parser.add_argument("--followers", type=int, default=1_000)
    parser.add_argument("--vigie", default=str(BUILT / "release/vigie"))
    parser.add_argument("--load", default=str(BUILT / "release/examples/load"))
    parser.add_argument("--no-push", action="store_true", help="look-ups and streams only")
    parser.add_argument("--out")
    args = parser.parse_args()
    ips = addresses(args.decisions)
    asked = [one for pair in zip(random.Random(7).sample(ips, min(500, len(ips))), (f"193.{n % 250}.{n * 7 % 250}.9" for n in range(500)))
             for one in pair]
    scratch = Path(tempfile.mkdtemp(prefix="vigie-api-"))
    load, servers, results = os.getloadavg(), [], []
    try:
        servers = [one for one in (ours(args, scratch), peer(scratch)) if one]
        rounds = {server.name: [] for server in servers}
        filled = {server.name: server.fill(ips) for server in servers}
        for nth in range(args.rounds + 1):
            for server in servers:
                one = {**server.startup(), **server.asked(args, asked)}
                print(f"{nth} {server.name}: {one}", file=sys.stderr)
                if nth:
                    rounds[server.name].append(one)
        for server in servers:
            pid, runs = server.child.pid, rounds[server.name]
            results.append(dict(
                name=server.name, decisions=args.decisions, rounds=len(runs), fill_s=round(filled[server.name], 1),
                idle_mib=round(server.idle_mib, 1), rss_mib=round(memory_mib(pid), 1), peak_mib=round(memory_mib(pid, "VmHWM"), 1),
                **{name: round(statistics.median(one[name] for one in runs), 3) for name in
                   ("per_s", "p50_ms", "p99_ms", "first_byte_ms", "total_ms", "bytes")}))
        if not args.no_push:
            results[0]["push"] = pushed(args, servers[0])
    finally:
        for server in servers:
            server.end()
        shutil.rmtree(scratch, ignore_errors=True)
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    report = dict(machine=dict(cpu=cpu, cores=os.cpu_count(), kernel=platform.release(),
                               load_before=[round(one, 1) for one in load], load_after=[round(one, 1) for one in os.getloadavg()]),
                  date=time.strftime("%Y-%m-%d"), results=results)
    if args.out:
        Path(args.out).write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


main()
