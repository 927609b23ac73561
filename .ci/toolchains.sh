# The steps that need another toolchain or target than the machine's own: the oldest Rust that Cargo.toml
# promises, and platforms we do not run on. An installed one is used; else Debian's package of that Rust is
# unpacked into the work folder. It brings the standard library's source, from which `-Z build-std` makes
# what a check for another platform needs.

RUST_FOLDER=.ci/.work/rust
MINIMUM_RUST=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

target_dir() { printf '%s' "${CARGO_TARGET_DIR:-target}"; }

# Sets `minimum` to the words that run a command with the oldest Rust: `"${minimum[@]}" cargo check`.
find_minimum_rust() {
  if rustup run "$MINIMUM_RUST" rustc --version 2>/dev/null; then
    minimum=(rustup run "$MINIMUM_RUST")
    return
  fi
  local usr="$PWD/$RUST_FOLDER/usr"
  minimum=(env "LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu:$PWD/$RUST_FOLDER/lib/x86_64-linux-gnu"
    "RUSTC=$usr/bin/rustc" "RUSTDOC=$usr/bin/rustdoc" "PATH=$usr/bin:$PATH")
  unpack_minimum_rust && "${minimum[@]}" rustc --version && "${minimum[@]}" cargo --version
}

unpack_minimum_rust() {
  [ "$(cat "$RUST_FOLDER/.stamp" 2>/dev/null)" != "$MINIMUM_RUST" ] || return 0
  command -v apt-cache >/dev/null && [ "$(uname -m)" = x86_64 ] || return 1
  local version
  version=$(debian_version) || { apt-get update -qq && version=$(debian_version); } || return 1
  rm -rf "$RUST_FOLDER"
  fetch_debian "$RUST_FOLDER" "rustc-web=$version" "cargo-web=$version" "libstd-rust-web-dev=$version" "rust-web-src=$version" \
    "libstd-rust-web-$MINIMUM_RUST=$version" libllvm19 libhttp-parser2.9 libpcre3 || return 1
  # Of the source only the standard library is wanted.
  rm -rf "$RUST_FOLDER"/usr/src/rustc-*/{src,compiler}
  printf '%s\n' "$MINIMUM_RUST" >"$RUST_FOLDER/.stamp"
}

debian_version() {
  apt-cache madison rustc-web 2>/dev/null | awk -v wanted="$MINIMUM_RUST." 'index($3, wanted) == 1 { print $3; found = 1; exit } END { exit !found }'
}

minimum_rust() {
  local minimum
  find_minimum_rust || { skip_permitted "minimum_rust: no Rust $MINIMUM_RUST, neither from rustup nor from Debian"; return; }
  # Own target folders, so that changing the compiler does not rebuild everything.
  "${minimum[@]}" cargo check --locked --all-features --target-dir "$(target_dir)/minimum-rust"
}

other_platforms() {
  local target minimum have_minimum=true
  find_minimum_rust >/dev/null || have_minimum=false
  for target in x86_64-pc-windows-msvc x86_64-apple-darwin; do
    printf '+ %s\n' "$target"
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
      cargo check --locked --no-default-features --target "$target" --target-dir "$(target_dir)/other-platforms"
    elif $have_minimum && [ -d "$("${minimum[@]}" rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]; then
      # The variable lets a stable compiler take `-Z`.
      "${minimum[@]}" RUSTC_BOOTSTRAP=1 cargo check --locked --no-default-features -Z build-std=std,panic_abort \
        --target "$target" --target-dir "$(target_dir)/other-platforms"
    else
      skip_permitted "other_platforms: no standard library for $target, and no source to make one from"
    fi
  done
}
