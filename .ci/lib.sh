# Named and timed steps, skips, and the summary. Sourced by .ci/run, which sets the shell options.

finished=()
current=""
started=0
export SKIP_LOG
SKIP_LOG=$(mktemp)

# step NAME COMMAND...: the command runs outside any condition, so that errexit holds inside functions.
step() {
  current=$1
  started=$SECONDS
  printf '\n==> %s\n' "$current"
  shift
  "$@"
  finished+=("$(printf '%5ds  %s' $((SECONDS - started)) "$current")")
  current=""
}

# What a run may leave out even under CI: a toolchain or target that is not to be had, each with its reason.
skip_permitted() {
  printf 'SKIPPED (permitted): %s\n' "$*" | tee -a "$SKIP_LOG"
}

# Anything else that cannot be run here: a failure under CI, a line in the summary on a person's machine.
skip() {
  printf 'SKIPPED: %s\n' "$*" | tee -a "$SKIP_LOG"
  [ "${CI:-}" != true ]
}

summary() {
  local code=$?
  printf '\n==> summary\n'
  [ ${#finished[@]} -eq 0 ] || printf '%s\n' "${finished[@]}"
  [ -z "$current" ] || printf '%5ds  FAILED: %s\n' $((SECONDS - started)) "$current"
  if [ -s "$SKIP_LOG" ]; then cat "$SKIP_LOG"; else printf 'nothing was skipped\n'; fi
  rm -f "$SKIP_LOG"
  printf '%d s in all, exit code %d\n' "$SECONDS" "$code"
}
