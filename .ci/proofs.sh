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
