#!/usr/bin/env bash
# Builds the nginx module, for Debian's nginx: target/nginx/ngx_http_vigie_module.so. A module fits one build of nginx,
# so it is made from that package's own sources and flags (nginx-dev), which scripts/peers.sh unpacks under target/peers
# together with nginx, headers and libclang. Nothing is installed.
#
#   scripts/nginx-module.sh            build it
#   scripts/nginx-module.sh --lint     the lints first: clippy sees the module only where nginx's sources are
#
# Status 3: the machine lacks what it takes; any other failure is ours.
#
# For another nginx set NGINX_SOURCE_DIR and NGINX_BUILD_DIR to sources that were configured like it (docs/nginx.md).
set -euo pipefail
cd "$(dirname "$0")/.."

dev=$PWD/target/peers/nginx-dev
out=$PWD/target/nginx
features=(--locked --release -p vigie-bouncer-nginx --lib --no-default-features --features module)

say() { printf 'nginx-module: %s\n' "$*"; }

# configure writes into the sources, and takes the headers that were unpacked as it would take the system's.
configure() {
  local packed=$dev/usr/share/nginx/src
  # Made from these very sources, flags and place, if it is there at all.
  local made_of
  made_of=$(cat "$packed/debian/libnginx-mod.abisubstvars" "$packed/conf_flags" <(echo "$dev") | sha256sum)
  [ "$(cat "$out/made-of" 2>/dev/null)" != "$made_of" ] || return 0
  rm -rf "$out"
  mkdir -p "$out"
  cp -a "$packed" "$out/src"
  # shellcheck source=/dev/null
  . "$out/src/conf_flags" # Debian's own list for modules: NGX_CONF_FLAGS
  if ! (cd "$out/src" && PATH=$dev/usr/bin:$PATH ./configure "${NGX_CONF_FLAGS[@]}" \
    --with-cc-opt="-I$dev/usr/include -I$(echo "$dev"/usr/include/*-linux-gnu)" \
    --with-ld-opt="-L$(echo "$dev"/usr/lib/*-linux-gnu)") >"$out/log" 2>&1; then
    tail -n 5 "$out/log"
    say "nginx's sources cannot be configured; target/nginx/log says more."
    exit 3
  fi
  echo "$made_of" >"$out/made-of"
}

if [ -z "${NGINX_SOURCE_DIR:-}${NGINX_BUILD_DIR:-}" ]; then
  if ! scripts/peers.sh nginx nginx-dev; then
    say "without nginx and its sources there is no module."
    exit 3
  fi
  configure
  export NGINX_SOURCE_DIR=$out/src NGINX_BUILD_DIR=$out/src/objs
fi
mkdir -p "$out"

# libclang, which reads nginx's headers: what was unpacked, else what the machine has.
if [ -z "${LIBCLANG_PATH:-}" ]; then
  for folder in "$dev"/usr/lib/llvm-*/lib /usr/lib/llvm-*/lib; do
    if compgen -G "$folder/libclang*.so*" >/dev/null; then
      LD_LIBRARY_PATH=$(echo "$dev"/usr/lib/*-linux-gnu)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
      export LIBCLANG_PATH=$folder LD_LIBRARY_PATH
      break
    fi
  done
fi
# The compiler's own headers (stddef.h and such), which libclang does not find beside itself everywhere.
for folder in "$dev"/usr/lib/llvm-*/lib/clang/*/include; do
  [ ! -d "$folder" ] || export BINDGEN_EXTRA_CLANG_ARGS="${BINDGEN_EXTRA_CLANG_ARGS:-} -isystem $folder"
done

if [ "${1:-}" = --lint ]; then
  cargo clippy "${features[@]}" -- -D warnings
fi
cargo rustc "${features[@]}" --crate-type cdylib
cp "${CARGO_TARGET_DIR:-target}/release/libvigie_bouncer_nginx.so" "$out/.new"
mv "$out/.new" "$out/ngx_http_vigie_module.so"
say "target/nginx/ngx_http_vigie_module.so"
