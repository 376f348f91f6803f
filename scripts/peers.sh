#!/usr/bin/env bash
# Brings the programs that tests and the demo look at from outside: nft, ip, a PostgreSQL server, a browser, nginx with
# what a module for it is built against, a NATS server, kcat, which plays a Kafka cluster, CrowdSec, whose Local API an
# agent of ours speaks to, its bouncers, which are to obey a node of ours, and schemathesis, which tries what a node says
# that it serves. What the machine has is used as it is. What it lacks is downloaded as Debian packages (two of them from
# PyPI, by the hashes in scripts/*.pins) and unpacked under target/peers/<name>, so nothing is installed, registered or
# started, and no root is needed. Without a network it says what is missing.
#
#   scripts/peers.sh            all of them         scripts/peers.sh nftables    one of them
#   scripts/peers.sh --clean    remove them
#
# CrowdSec's Lua bouncer for nginx is not among them: neither Debian, PyPI nor npm has it, and we bring nothing that no
# registry vouches for.
#
# Tests look in PATH, /usr/lib/postgresql/*/bin and target/peers/*; target/peers/bin holds wrappers for all others.
# shellcheck disable=SC2317  # functions are called by the names of the programs
set -euo pipefail
cd "$(dirname "$0")/.."

peers=$PWD/target/peers
apt_state=$peers/.apt
elsewhere=/var/tmp/vigie-peers-$(id -u)
# Without our own wrappers, which make puts there; with what Debian keeps for root.
PATH=${PATH//:$peers\/bin/}:/usr/sbin:/sbin

say() { printf 'peers: %s\n' "$*"; }

if [ "${1:-}" = --clean ]; then
  rm -rf "$peers" "$elsewhere"
  say "removed target/peers."
  exit 0
fi

# The libraries that were unpacked below $1, as LD_LIBRARY_PATH wants them. The browser's sound has a folder of its own.
libraries() {
  local folder
  folder=$(echo "$1"/usr/lib/*-linux-gnu)
  echo "$folder:$folder/pulseaudio"
}

# === What the machine has ===

has_nftables() { command -v nft; }
has_iproute2() { command -v ip; }
has_chromium() { command -v chromium; }
has_nats() { command -v nats-server; }
has_kcat() { command -v kcat; }
has_crowdsec() { command -v cscli >/dev/null && command -v crowdsec; }
has_crowdsec-firewall-bouncer() { command -v crowdsec-firewall-bouncer; }
has_crowdsec-custom-bouncer() { command -v crowdsec-custom-bouncer; }
# Always those of the pins.
has_pycrowdsec() { return 1; }
has_schemathesis() { return 1; }
has_postgresql() {
  local candidate
  for candidate in "$(dirname "$(command -v postgres || echo /nowhere/x)")" /usr/lib/postgresql/*/bin; do
    if [ -x "$candidate/postgres" ] && [ -x "$candidate/initdb" ]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}
# Always our own: a module fits one build of nginx, so both have to come from the same place.
has_nginx() { return 1; }
has_nginx-dev() { return 1; }

# === What is unpacked, and works ===

runs() { LD_LIBRARY_PATH=$(libraries "$1") "$2" "$3" >/dev/null 2>&1; }
works_nftables() { runs "$1" "$1/usr/sbin/nft" --version; }
works_iproute2() { runs "$1" "$1/usr/bin/ip" -V; }
works_nats() { runs "$1" "$1/usr/sbin/nats-server" --version || runs "$1" "$1/usr/bin/nats-server" --version; }
works_kcat() { runs "$1" "$1/usr/bin/kcat" -V; }
works_crowdsec() { "$1/usr/bin/cscli" version >/dev/null 2>&1; }
works_crowdsec-firewall-bouncer() { "$1/usr/bin/crowdsec-firewall-bouncer" -V >/dev/null 2>&1; }
# It has no option that succeeds. Without -q: grep would leave at the first match, and the pipe broken by that fail us.
works_crowdsec-custom-bouncer() { "$1/usr/bin/crowdsec-custom-bouncer" -h 2>&1 | grep crowdsec-custom-bouncer.yaml >/dev/null; }
works_pycrowdsec() { pinned "$1" pycrowdsec && PYTHONPATH=$1 python3 -c 'import pycrowdsec.client' >/dev/null 2>&1; }
works_schemathesis() { pinned "$1" schemathesis && PYTHONPATH=$1 python3 -m schemathesis.cli --version >/dev/null 2>&1; }
pinned() { cmp -s "$1/pins" "scripts/$2.pins"; }
works_chromium() { runs "$1" "$1/usr/lib/chromium/chromium" --version; }
works_postgresql() {
  local bin
  bin=$(echo "$1"/usr/lib/postgresql/*/bin)
  runs "$1" "$bin/postgres" --version && runs "$1" "$bin/initdb" --version
}
works_nginx() { runs "$1" "$1/usr/sbin/nginx" -v; }
works_nginx-dev() { [ -x "$1/usr/share/nginx/src/configure" ]; }

# === Bringing it ===

apt() {
  local program=$1
  shift
  "$program" -q -o APT::Sandbox::User=root -o Debug::NoLocking=1 "${apt_options[@]}" "$@"
}
apt_options=()

# Debian's lists, where the machine has them; else lists of our own, which need no root.
own_lists() {
  mkdir -p "$apt_state/state/lists/partial" "$apt_state/cache/archives/partial"
  apt_options=(-o "Dir::State=$apt_state/state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$apt_state/cache")
  [ -e "$apt_state/updated" ] && return
  apt apt-get update >"$apt_state/log" 2>&1 && touch "$apt_state/updated"
}

# What apt would have to install for these packages: with their libraries, without what only the host would use.
needed() {
  apt apt-get -s --no-install-recommends install "$@" 2>"$apt_state/log" |
    awk '$1 == "Inst" { print $2 }' |
    grep -vE '^(perl|libperl|libgdbm|netbase|adduser|passwd|ssl-cert|openssl$|sensible-utils|ucf|locales|libc-l10n|logrotate|postgresql-common|postgresql-client-common|systemd)' |
    sed 's/:.*//'
}

without_jit() { grep -vE '^(libllvm|libz3-)'; }

# ... and for program $1, without what only JIT would use. nginx-dev itself would bring all that Debian's packages of modules
# are built with: its sources, the headers that these include, and libclang to read them are enough.
packages_of() {
  local clang
  case $1 in
    postgresql) needed "$(newest postgresql postgresql-)" | without_jit ;;
    nginx-dev)
      clang=$(newest libclang-dev libclang- -dev)
      clang=${clang//[^0-9]/}
      [ -n "$clang" ] || return 1
      echo nginx-dev
      # The machine may have all of these.
      needed libpcre2-dev libssl-dev zlib1g-dev "libclang1-$clang" "libclang-common-$clang-dev" || :
      ;;
    nats) needed nats-server ;;
    # One program that needs nothing but the C library.
    crowdsec | crowdsec-*) echo "$1" ;;
    *) needed "$1" | without_jit ;;
  esac
}

# The numbered package that Debian's package $1 stands for: its name begins with $2 and ends with $3.
newest() { apt apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \($2[0-9]*${3:-}\)\$/\1/p"; }

# From PyPI, each by its hash; wheels only, so that nothing is built and nothing of theirs runs here.
fetch_wheels() {
  local name=$1 place=$2
  rm -rf "$place.new" && mkdir -p "$place.new"
  if ! python3 -m pip install -q --no-deps --only-binary :all: --require-hashes --no-compile --disable-pip-version-check \
    --root-user-action ignore --target "$place.new" -r "scripts/$name.pins" >"$apt_state/log" 2>&1; then
    rm -rf "$place.new"
    return 1
  fi
  cp "scripts/$name.pins" "$place.new/pins"
  rm -rf "$place" && mv "$place.new" "$place"
}

fetch() {
  local name=$1 place=$2 packages
  packages=$(packages_of "$name") && [ -n "$packages" ] || return 1
  rm -rf "$place.new" && mkdir -p "$place.new/root" "$place.new/debs"
  # shellcheck disable=SC2086
  (cd "$place.new/debs" && apt apt-get download $packages >>"$apt_state/log" 2>&1) || return 1
  local deb
  for deb in "$place.new"/debs/*.deb; do dpkg -x "$deb" "$place.new/root"; done
  # Packages still put some things into /lib and /bin; on the machine these are links into /usr.
  local folder
  for folder in lib bin sbin; do
    [ ! -d "$place.new/root/$folder" ] || cp -a "$place.new/root/$folder" "$place.new/root/usr/" && rm -rf "$place.new/root/$folder"
  done
  # Its libLLVM was left out; without this file PostgreSQL does without JIT.
  find "$place.new/root" -name llvmjit.so -delete
  rm -rf "$place" && mv "$place.new/root" "$place" && rm -rf "$place.new"
}

wrap() {
  local name=$1 program=$2
  mkdir -p "$peers/bin"
  printf '#!/bin/sh\n# Written by scripts/peers.sh.\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
    "$(libraries "$peers/$3")" "$program" >"$peers/bin/$name"
  chmod +x "$peers/bin/$name"
}

# PostgreSQL refuses to run as root, so the tests start it as nobody, who may be unable to reach a checkout of root's.
within_reach() {
  [ "$(id -u)" = 0 ] || return 0
  setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$(readlink -f "$1")/usr/lib" 2>/dev/null
}
move_within_reach() {
  local place=$peers/$1
  rm -rf "$elsewhere" && mkdir -p "$elsewhere" && chmod 755 "$elsewhere"
  mv "$place" "$elsewhere/$1" && ln -s "$elsewhere/$1" "$place"
  say "$1: the user nobody, who will run it, cannot reach $peers; so it stands in $elsewhere."
}

bring() {
  local name=$1 place=$peers/$1 found
  if found=$("has_$name"); then
    say "$name: the machine's own ($found)."
    return
  fi
  if [ -e "scripts/$name.pins" ] && ! { [ -d "$place" ] && "works_$name" "$place"; }; then
    mkdir -p "$apt_state"
    if ! fetch_wheels "$name" "$place"; then
      say "$name: missing, and PyPI does not give it: $(grep -iE 'error|no module' "$apt_state/log" | head -1)"
      return 1
    fi
    if ! "works_$name" "$place"; then
      say "$name: unpacked in $place, but does not start."
      return 1
    fi
    say "$name: unpacked in target/peers/$name."
  elif ! { [ -d "$place" ] && "works_$name" "$place"; }; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
      say "$name: missing, and this machine has no apt-get to download it with."
      return 1
    fi
    mkdir -p "$apt_state"
    apt_options=()
    if ! fetch "$name" "$place" && ! { own_lists && fetch "$name" "$place"; }; then
      say "$name: missing, and its Debian packages cannot be downloaded: $(grep -E '^(E|W):' "$apt_state/log" 2>/dev/null | head -1)"
      return 1
    fi
    if ! "works_$name" "$place"; then
      say "$name: unpacked in $place, but does not start; it may lack a library."
      return 1
    fi
    say "$name: unpacked in target/peers/$name."
  else
    say "$name: in target/peers/$name."
  fi
  case $name in
    nftables) wrap nft "$place/usr/sbin/nft" nftables ;;
    iproute2) wrap ip "$place/usr/bin/ip" iproute2 ;;
    chromium) wrap chromium "$place/usr/lib/chromium/chromium" chromium ;;
    nats) wrap nats-server "$(echo "$place"/usr/*bin/nats-server)" nats ;;
    kcat) wrap kcat "$place/usr/bin/kcat" kcat ;;
    postgresql) within_reach "$place" || move_within_reach "$name" ;;
  esac
}

[ $# -gt 0 ] || set -- nftables iproute2 postgresql chromium nginx nginx-dev nats kcat crowdsec \
  crowdsec-firewall-bouncer crowdsec-custom-bouncer pycrowdsec schemathesis
failed=0
for name in "$@"; do
  bring "$name" || failed=1
done
exit $failed
