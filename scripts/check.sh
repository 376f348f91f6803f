#!/usr/bin/env bash
# What the machine must have before anything is built: one sentence each; what is missing is installed after one
# question, which YES=1 answers. Only the toolchain and the C compiler are ever installed; daemons: scripts/peers.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-test}
# What target/ holds in the end, measured (1.3 and 3.3 GiB) and rounded up.
case $purpose in
  demo) need_gib=2 ;;
  *) need_gib=5 ;;
esac

say() { printf 'check: %s\n' "$*"; }
die() { printf 'check: %s\n' "$*" >&2; exit 1; }

wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
plan=()      # sentences
packages=()  # of Debian
actions=()   # the functions that do it, in order

install_rustup() {
  local script
  script=$(mktemp)
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs -o "$script"
  sh "$script" -y --profile minimal --default-toolchain none
  rm -f "$script"
}
install_toolchain() { rustup toolchain install "$wanted" --profile minimal --component rustfmt --component clippy; }
install_packages() {
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update
  "${sudo[@]}" apt-get install -y --no-install-recommends "${packages[@]}"
}

# 1. The Rust toolchain.
if command -v rustup >/dev/null; then
  if rustup toolchain list | grep "^$wanted" >/dev/null; then
    say "Rust $wanted is here, by rustup."
  else
    say "rustup is here, but not Rust $wanted, which rust-toolchain.toml pins."
    plan+=("Rust $wanted by rustup, into ${RUSTUP_HOME:-$HOME/.rustup} (about 600 MB)")
    actions+=(install_toolchain)
  fi
else
  say "rustup is not here; it brings Rust $wanted, which rust-toolchain.toml pins (Debian's rustc is too old)."
  command -v curl >/dev/null || packages+=(curl ca-certificates)
  plan+=("rustup from https://sh.rustup.rs and Rust $wanted, into $HOME/.cargo and $HOME/.rustup (about 600 MB)")
  actions+=(install_rustup install_toolchain)
fi

# 2. A C compiler, with the headers of the C library.
if printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | cc -x c - -o /dev/null 2>/dev/null; then
  say "a C compiler is here ($(command -v cc))."
else
  say "a working C compiler (cc) is not here; SQLite and the TLS library are built with it."
  packages+=(gcc libc6-dev)
fi

if [ ${#packages[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    die "install what Debian calls ${packages[*]}, and run this again."
  elif [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    die "this needs root: have root run 'apt-get install ${packages[*]}', and run this again."
  fi
  plan=("the Debian packages ${packages[*]}, by apt-get, for the whole machine (about 150 MB)" "${plan[@]}")
  actions=(install_packages "${actions[@]}")
fi

# 3. Room. What target/ holds already counts.
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
free_kib=$(df -Pk "$target" | awk 'NR == 2 { print $4 }')
used_kib=$(du -sk "$target" | awk '{ print $1 }')
if [ $((free_kib + used_kib)) -ge $((need_gib * 1024 * 1024)) ]; then
  say "make $purpose needs about $need_gib GiB in $target; $((free_kib / 1024 / 1024)) GiB are free and $((used_kib / 1024 / 1024)) GiB in use there."
else
  die "make $purpose needs about $need_gib GiB in $target, and only $((free_kib / 1024 / 1024)) GiB are free: make room, or set CARGO_TARGET_DIR to a larger disk."
fi

[ ${#plan[@]} -gt 0 ] || exit 0
echo
echo "This would be installed:"
printf '  * %s\n' "${plan[@]}"
if [ "${YES:-}" = 1 ]; then
  echo "YES=1: going on."
elif [ -t 0 ] && [ -t 1 ]; then
  read -r -p "Go on? [y/N] " answer
  case $answer in
    y | Y | yes) ;;
    *) die "nothing was installed." ;;
  esac
else
  die "nobody is there to ask, and YES=1 is not set: nothing was installed."
fi
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
for action in "${actions[@]}"; do "$action"; done
