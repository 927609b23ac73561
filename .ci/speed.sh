# The steps about speed. None of them reads a clock, so a busy machine changes nothing.

# The comparison with other crates: that it builds, and that every contestant still does the same work. Not optimised,
# and its figures are of no use.
compare() {
  local manifest=(--manifest-path benches/compare/Cargo.toml)
  cargo fmt "${manifest[@]}" --check
  cargo test --locked "${manifest[@]}"
  [ "$(cat docs/chart.link)" = "[chart]: data:image/svg+xml;base64,$(base64 -w0 docs/chart.svg)" ] ||
    { printf 'docs/chart.link is not docs/chart.svg: CONTRIBUTING.md says how to make it\n'; return 1; }
  cargo run --locked "${manifest[@]}" -- --quick --rounds 1 "inmem/receive 150" "inmem/send 150" "flood/150" "tls/" "defl150/"
}

# Instructions and atomic operations for each message, against what is recorded.
instructions() {
  local code=0
  cargo fmt --manifest-path benches/instructions/Cargo.toml --check
  need valgrind valgrind && need objdump binutils && need python3 python3 || { skip "instructions: no valgrind"; return; }
  benches/instructions/count || code=$?
  [ "$code" -ne 3 ] || { skip_permitted "instructions: counted, but not with the compiler they are recorded with"; return 0; }
  return "$code"
}
