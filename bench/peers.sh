#!/usr/bin/env bash
# What bench/*.sh measure Vigie next to: Debian's packages of sshguard, CrowdSec, ripgrep and more, unpacked under
# target/peers/bench, and fail2ban-rs from crates.io. Nothing is installed in the system, and CrowdSec never
# leaves the machine. What cannot be had is said, and left out of the measurement.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=$PWD/target/peers
mkdir -p "$peers/bench"

unpack() {
  [ -d "$peers/bench/$1" ] && return
  (cd "$peers/bench" && apt-get download -q "$1" >/dev/null 2>&1 && dpkg -x "$1"_*.deb "$1" && dpkg -e "$1"_*.deb "$1.ctl") ||
    echo "peers: no $1, Debian's package cannot be had" >&2
}
for package in sshguard crowdsec ripgrep; do unpack "$package"; done
# For bench/nginx.sh: the load, and what Lua in nginx takes.
for package in wrk libnginx-mod-http-lua libnginx-mod-http-ndk libluajit2-5.1-2 libpcre3 lua-resty-core lua-resty-lrucache; do
  unpack "$package"
done

if [ ! -x "$peers/bin/fail2ban-rs" ] && [ "${FAIL2BAN_RS:-1}" = 1 ]; then
  cargo install --quiet fail2ban-rs --version 1.5.4 --root "$peers" || echo "peers: no fail2ban-rs" >&2
fi

# The four patterns that it ships for sshd. A dry run blocks nobody.
if [ -x "$peers/bin/fail2ban-rs" ]; then
  {
    printf '[global]\nstate_file = "%s/bench/fail2ban-rs.state"\nsocket_path = "%s/bench/fail2ban-rs.sock"\n\n' "$peers" "$peers"
    "$peers/bin/fail2ban-rs" gen-config sshd
    printf 'enabled = true\nmax_retry = 5\nfind_time = "10m"\nban_time = "1h"\nbackend = "nftables"\n'
  } > "$peers/bench/fail2ban-rs.toml"
fi

# CrowdSec with the rules that Debian's package enables, a database and credentials of its own.
unpacked=$peers/bench/crowdsec
home=$peers/bench/crowdsec.home
[ -x "$unpacked/usr/bin/crowdsec" ] || exit 0
[ -f "$home/etc/local_api_credentials.yaml" ] && exit 0
rm -rf "$home"
mkdir -p "$home/etc" "$home/data" "$home/log"
cp -a "$unpacked/etc/crowdsec/." "$home/etc/"
rm -f "$home/etc/online_api_credentials.yaml"
hub=$unpacked/usr/share/crowdsec/hub
cp "$unpacked"/usr/share/crowdsec/data/* "$home/data/"
cp "$home/data/path_traversal.txt" "$home/data/http_path_traversal.txt"
grep -oE '^(collections|parsers|scenarios)/[^ ]+\.yaml$' "$peers/bench/crowdsec.ctl/postinst" | while read -r item; do
  case $item in
    parsers/*) to=$(dirname "$(dirname "$item")") ;;
    *) to=${item%%/*} ;;
  esac
  mkdir -p "$home/etc/$to"
  ln -sf "$hub/$item" "$home/etc/$to/$(basename "$item")"
done
mkdir -p "$home/etc/parsers/s02-enrich" "$home/etc/postoverflows" "$home/etc/notifications"
ln -sf "$hub/parsers/s02-enrich/crowdsecurity/whitelists.yaml" "$home/etc/parsers/s02-enrich/"
: > "$home/etc/acquis.yaml"
cat > "$home/etc/config.yaml" <<Y
common: {daemonize: false, log_media: file, log_level: warning, log_dir: $home/log/, working_dir: .}
config_paths:
  config_dir: $home/etc/
  data_dir: $home/data/
  simulation_path: $home/etc/simulation.yaml
  hub_dir: $hub/
  index_path: $hub/.index.json
  notification_dir: $home/etc/notifications/
  plugin_dir: $unpacked/usr/lib/crowdsec/plugins/
crowdsec_service: {acquisition_path: $home/etc/acquis.yaml, parser_routines: 1, buckets_routines: 1}
cscli: {output: human}
db_config: {log_level: warning, type: sqlite, db_path: $home/data/crowdsec.db, use_wal: true}
plugin_config: {user: nobody, group: nogroup}
api:
  client: {insecure_skip_verify: false, credentials_path: $home/etc/local_api_credentials.yaml}
  server: {log_level: warning, listen_uri: 127.0.0.1:18081, profiles_path: $home/etc/profiles.yaml, console_path: $home/etc/console.yaml, trusted_ips: [127.0.0.1]}
prometheus: {enabled: false}
Y
printf 'url: http://127.0.0.1:18081/\nlogin: bench\npassword: benchpass\n' > "$home/etc/local_api_credentials.yaml"
"$unpacked/usr/bin/cscli" -c "$home/etc/config.yaml" machines add bench --password benchpass --force \
  -f "$home/etc/local_api_credentials.yaml" >/dev/null 2>&1 || echo "peers: CrowdSec takes no machine" >&2
printf 'url: http://127.0.0.1:18081/\nlogin: bench\npassword: benchpass\n' > "$home/etc/local_api_credentials.yaml"
