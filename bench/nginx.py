#!/usr/bin/env python3
"""nginx with Vigie's module, next to nginx without any bouncer, `geo`, `auth_request` and an empty `access_by_lua`.

nginx.py [--addresses 100000] [--ranges 10000] [--rounds 15] [--secs 3] [--out FILE]

One nginx of one worker for each, one after the other in every round and each round from another on, so that what else the
machine does hits all alike; nginx without a bouncer is there twice.
Clients are named by a trusted proxy and change with every request. CPU is the worker's own, as the scheduler counts it.
With valgrind there are also instructions of the process a request, kernel aside. Load is wrk's (bench/peers.sh).
"""
import argparse, http.server, json, os, platform, random, re, shutil, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NGINX = ROOT / "target/peers/nginx"
MODULE = ROOT / "target/nginx/ngx_http_vigie_module.so"
PEERS = ROOT / "target/peers/bench"
DAEMON = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/vigie-bouncer-nginx"
LUA = PEERS / "libnginx-mod-http-lua/usr/lib/nginx/modules/ngx_http_lua_module.so"
NDK = PEERS / "libnginx-mod-http-ndk/usr/lib/nginx/modules/ndk_http_module.so"
WRK = PEERS / "wrk/usr/bin/wrk"


def networks(addresses, ranges):
    """Distinct addresses and ranges of 256, the same each time. 193.0.0.0/15 stays free for who is clean."""
    draw, singles, wide = random.Random(42), {}, {}
    first = lambda: draw.choice([*range(11, 100), *range(128, 169), *range(173, 190)])
    while len(singles) < addresses:
        singles[f"{first()}.{draw.randint(0, 255)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}"] = True
    while len(wide) < ranges:
        wide[f"{first()}.{draw.randint(0, 255)}.{draw.randint(0, 255)}.0/24"] = True
    return list(singles), list(wide)


def table(path, values):
    """The table of these bans, written by the daemon from a Local API."""
    rows = [
        {"id": n, "origin": "bench", "type": "ban", "scope": "Range" if "/" in value else "Ip", "value": value,
         "duration": "24h", "scenario": "bench"}
        for n, value in enumerate(values)
    ]
    body = json.dumps({"new": rows, "deleted": None}).encode()

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/v1/decisions/stream")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body) if found else 0))
            self.end_headers()
            self.wfile.write(body if found else b"")

        def log_message(self, *_):
            pass

    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    key = path.with_suffix(".key")
    key.write_text("bench")
    url = f"http://127.0.0.1:{api.server_address[1]}"
    subprocess.run([DAEMON, "--url", url, "--key-file", key, "--table", path, "--once", "--log-level", "warn"], check=True)
    api.shutdown()


AGAIN = "none again"


class Variant:
    """How one nginx differs from the plain one."""

    def __init__(self, name, modules="", http="", server="", location="", closes=True):
        self.name, self.modules, self.http, self.server, self.location = name, modules, http, server, location
        self.closes = closes


def variants(home, values):
    table(home / "table", values)
    (home / "listed.geo").write_text("".join(f"{value} 1;\n" for value in values))
    upstream = home / "upstream.sock"
    all = [
        Variant("none", closes=False),
        # The same once more: what two of one kind differ by is what a bouncer may differ by and not be told from none.
        Variant(AGAIN, closes=False),
        Variant("vigie", f"load_module {MODULE};", f"vigie on; vigie_table {home}/table;"),
        Variant("geo", "", f"geo $bad {{ default 0; include {home}/listed.geo; }}", "if ($bad) { return 403; }"),
        Variant(
            "auth_request", "",
            f"server {{ listen unix:{upstream}; location / {{ return 204; }} }} "
            f"upstream up {{ server unix:{upstream}; keepalive 64; }}",
            "location = /auth { internal; proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ''; "
            "proxy_pass_request_body off; proxy_set_header Content-Length ''; }",
            "auth_request /auth;", closes=False),
    ]
    if LUA.exists() and NDK.exists():
        paths = ";".join(f"{PEERS}/{package}/usr/share/lua/5.1/?.lua" for package in ("lua-resty-core", "lua-resty-lrucache"))
        all.append(Variant("empty Lua", f"load_module {NDK}; load_module {LUA};",
                           f"lua_package_path '{paths};;'; access_by_lua_block {{ }}", closes=False))
    return all


def environment():
    folders = [str(path) for path in (NGINX / "usr/lib").iterdir()]
    folders += [str(path) for where in ("usr/lib", "lib") for path in PEERS.glob(f"lib*/{where}/*-linux-gnu")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}


class Server:
    """A running nginx."""

    def __init__(self, variant, home, port, under=()):
        self.variant, self.port = variant, port
        prefix = home / variant.name.replace(" ", "-")
        shutil.rmtree(prefix, ignore_errors=True)
        (prefix / "www").mkdir(parents=True)
        (prefix / "www/index.html").write_text("x" * 1024)
        for folder in (home, prefix, prefix / "www"):
            folder.chmod(0o755)
        alone = "master_process off;" if under else "worker_processes 1;"
        (prefix / "nginx.conf").write_text(f"""
            {variant.modules}
            {"user root;" if os.geteuid() == 0 else ""} daemon off; {alone} pid {prefix}/pid; error_log {prefix}/errors warn;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on; default_type text/plain;
                client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
                {variant.http}
                server {{
                    listen 127.0.0.1:{port} backlog=1024; root {prefix}/www; {variant.server}
                    location = /x {{ {variant.location} try_files /index.html =404; }}
                }}
            }}
        """)
        command = [*under, NGINX / "usr/sbin/nginx", "-e", "errors", "-c", "nginx.conf", "-p", f"{prefix}/"]
        self.child = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if self.child.poll() is not None:
                sys.exit(f"nginx, {variant.name}: {(prefix / 'errors').read_text()}")
            if ask(port, "193.0.0.1") is not None:
                break
            time.sleep(0.1)

    def worker(self):
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        return children[0]

    def cpu_ns(self):
        return int(Path(f"/proc/{self.worker()}/schedstat").read_text().split()[0])

    def memory_mib(self):
        line = next(line for line in open(f"/proc/{self.worker()}/status") if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def load(self, script, secs):
        """One round of wrk: requests, seconds, microseconds at the 99th percentile, and how many were refused."""
        before = self.cpu_ns()
        run = subprocess.run([WRK, "-t1", "-c16", f"-d{secs}s", "--latency", "-s", script, f"http://127.0.0.1:{self.port}/x"],
                             capture_output=True, text=True, check=True, env=environment())
        cpu = self.cpu_ns() - before
        requests, per_second, p99, refused = run.stdout.splitlines()[-1].split()
        return {"per_second": float(per_second), "p99_us": float(p99), "cpu_us": cpu / 1e3 / int(requests),
                "refused": int(refused) / int(requests)}

    def end(self):
        self.child.terminate()
        for _ in range(60):
            try:
                return self.child.wait(1)
            except subprocess.TimeoutExpired:
                # Under valgrind a signal does not always wake it.
                ask(self.port, "193.0.0.1")
        self.child.kill()
        sys.exit(f"nginx, {self.variant.name}: does not end")


def ask(port, client):
    import http.client
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/x", headers={"X-Forwarded-For": client})
        return connection.getresponse().status
    except OSError:
        return None


# One line at the end, for us to read.
DONE = """
function done(summary, latency)
  print(summary.requests .. " " .. summary.requests / summary.duration * 1e6 .. " " .. latency:percentile(99) .. " " .. summary.errors.status)
end
"""


def scripts(home, singles):
    """What wrk asks: who is not on the list, over 100,000 addresses, and who is."""
    clean, banned, listed = home / "clean.lua", home / "banned.lua", home / "listed"
    listed.write_text("\n".join(singles))
    for script, clients in (
        (clean, """
          for n = 0, 99999 do
            add("193." .. (n % 2) .. "." .. (math.floor(n / 2) % 250) .. "." .. (math.floor(n / 500) % 200))
          end
        """),
        (banned, f'for line in io.lines("{listed}") do add(line) end'),
    ):
        script.write_text(f"""
            local i, all = 0, {{}}
            local function add(client) all[#all + 1] = wrk.format("GET", "/x", {{Host = "x", ["X-Forwarded-For"] = client}}) end
            {clients}
            function request() i = i + 7919 return all[i % #all + 1] end
        """ + DONE)
    return {"clean": clean, "banned": banned}


def instructions(variant, home, port, requests):
    """Of the process, start and end included, for so many requests of clean clients over one connection."""
    import socket
    out = home / "callgrind"
    out.unlink(missing_ok=True)
    server = Server(variant, home, port, ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"))
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        reader = line.makefile("rb")
        for n in range(requests):
            line.sendall(f"GET /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 193.{n % 2}.{n // 2 % 250}.{n // 500 % 200}\r\n\r\n".encode())
            length = 0
            while (header := reader.readline()) != b"\r\n":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            reader.read(length)
    server.end()
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(errors="replace"), re.M)[1])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--addresses", type=int, default=100_000)
    options.add_argument("--ranges", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--secs", type=int, default=3)
    options.add_argument("--port", type=int, default=18_480)
    options.add_argument("--out", type=Path)
    options = options.parse_args()
    for needed in (MODULE, NGINX / "usr/sbin/nginx", DAEMON, WRK):
        if not needed.exists():
            sys.exit(f"nginx: {needed} is not there: run bench/nginx.sh")
    home = Path(tempfile.mkdtemp(prefix="vigie-bench-"))
    try:
        result = measure(options, home)
    finally:
        shutil.rmtree(home)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def measure(options, home):
    singles, wide = networks(options.addresses, options.ranges)
    all, asked = variants(home, singles + wide), scripts(home, singles)
    servers = []
    rounds = {}
    try:
        for variant in all:
            servers.append(Server(variant, home, options.port + len(servers)))
        for server in servers:
            wanted = 403 if server.variant.closes else 200
            told = (ask(server.port, "193.0.0.1"), ask(server.port, singles[0]), ask(server.port, wide[0].replace(".0/24", ".9")))
            assert told == (200, wanted, wanted), (server.variant.name, told)
        for number in range(options.rounds):
            # Nobody always comes after the same neighbour.
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                for kind, script in asked.items():
                    if kind == "banned" and not server.variant.closes:
                        continue
                    found = server.load(script, options.secs)
                    assert found["refused"] == (1 if kind == "banned" else 0), (server.variant.name, kind, found)
                    rounds.setdefault((server.variant.name, kind), []).append(found)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        memory = {server.variant.name: server.memory_mib() for server in servers}
    finally:
        for server in servers:
            server.end()
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.2f}",
        "addresses": options.addresses, "ranges": options.ranges, "rounds": options.rounds, "secs": options.secs, "rows": [],
    }
    plain = rounds[("none", "clean")]
    fields = ("per_second", "p99_us", "cpu_us")
    print(f"{'bouncer':<13}{'clients':<9}{'req/s':>9}{'p99 us':>9}{'CPU us':>8}{'MiB':>7}   to none in the same round: req/s, p99, CPU")
    for (name, kind), found in rounds.items():
        middle = {field: statistics.median(row[field] for row in found) for field in fields}
        row = {"bouncer": name, "clients": kind, **middle, "to_none": {}, "worker_mib": memory[name]}
        for field in fields:
            ratios = sorted(row[field] / base[field] for row, base in zip(found, plain))
            row["to_none"][field] = {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}
        result["rows"].append(row)
        told = (f"{one['median']:.3f} ({one['least']:.2f}-{one['most']:.2f})" for one in row["to_none"].values())
        print(f"{name:<13}{kind:<9}{row['per_second']:>9.0f}{row['p99_us']:>9.0f}{row['cpu_us']:>8.2f}{row['worker_mib']:>7.1f}   "
              + "  ".join(told))
    if shutil.which("valgrind"):
        few, many = 500, 5_500
        result["instructions"] = {}
        for variant in all:
            if variant.name in ("auth_request", AGAIN):
                # Its upstream is in the same process here; that is not what a request costs.
                continue
            spent = [instructions(variant, home, options.port + 50, count) for count in (few, many)]
            result["instructions"][variant.name] = (spent[1] - spent[0]) / (many - few)
        least = result["instructions"]["none"]
        for name, count in result["instructions"].items():
            print(f"instructions a request of a clean client, {name}: {count:.0f} ({count / least:.4f} of none)")
    return result


if __name__ == "__main__":
    main()
