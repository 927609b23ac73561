# The steps that look for what nobody thought of. CONTRIBUTING.md says how to run each for longer.

# A look at every target: whether it builds, what its seeds show, and a few seconds of mutations.
fuzz() {
  cargo fmt --manifest-path fuzz/Cargo.toml --check
  fuzz/run --seconds 5
}

# Random and spoilt streams through this client and through tungstenite: every difference is explained or a failure.
differential() {
  cargo fmt --manifest-path tests/differential/Cargo.toml --check
  cargo run --quiet --release --manifest-path tests/differential/Cargo.toml -- 300000
}

# The halves of a connection under a model checker.
model() {
  cargo fmt --manifest-path tests/model/Cargo.toml --check
  cargo test --quiet --locked --release --manifest-path tests/model/Cargo.toml
}

# A quarter of the soak test: enough to see whether it works and what grows at once.
soak() {
  if [ ! -r /proc/self/status ]; then
    skip "soak: no /proc/self to read memory and descriptors from"
    return
  fi
  cargo fmt --manifest-path tests/soak/Cargo.toml --check
  cargo run --quiet --release --manifest-path tests/soak/Cargo.toml -- 25
}

# Miri over the code that holds the one `unsafe` block, and over all that feeds it. Left out: tests whose loops are
# minutes here, over code without `unsafe`.
miri() {
  export RUSTUP_AUTO_INSTALL=0
  if ! cargo +nightly miri setup; then
    skip_permitted "miri: no nightly toolchain with the components miri and rust-src"
    return
  fi
  # Random numbers come from the operating system.
  MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --locked --lib --no-default-features -- \
    frame:: codec:: protocol:: message:: utf8:: close_code:: growing_buffer:: \
    --skip the_short_look_agrees_with_the_parser --skip every_length_and_alignment --skip one_high_byte_anywhere \
    --skip no_key_comes_twice --skip the_codes_that_may_be_sent
}
