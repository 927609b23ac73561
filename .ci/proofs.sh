# The steps that look for what nobody thought of. CONTRIBUTING.md says how to run each for longer.

# A look at every target: whether it builds, what its seeds show, and a few seconds of mutations.
fuzz() {
  cargo fmt --manifest-path fuzz/Cargo.toml --check
  fuzz/run --seconds 5
}
