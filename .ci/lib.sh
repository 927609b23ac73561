# Shared by .ci/run and the scripts of tests/interop: skips, and Debian packages unpacked beside the system's.
# Sourced, so the shell options are the caller's.

# Where skips are noted for the summary of .ci/run; a script started by itself only prints them.
: "${SKIP_LOG:=/dev/null}"

# What a run may leave out even under CI: a toolchain or target that is not to be had.
skip_permitted() {
  printf 'SKIPPED (permitted): %s\n' "$*" | tee -a "$SKIP_LOG"
}

# Anything else that cannot be run here: a failure under CI, a line in the summary on a person's machine.
skip() {
  printf 'SKIPPED: %s\n' "$*" | tee -a "$SKIP_LOG"
  [ "${CI:-}" != true ]
}

# fetch_debian FOLDER PACKAGE[=VERSION]...: downloads the packages and unpacks them into FOLDER. Nothing is
# installed: no daemon starts, nothing in /usr changes, and no package of the system can be in the way.
fetch_debian() {
  local folder=$1 packages
  shift
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  packages=$(mktemp -d)
  # An old or missing package list is renewed once; that needs root, a download does not.
  (cd "$packages" && { apt-get download -qq "$@" 2>apt.log || { apt-get update -qq && apt-get download -qq "$@"; }; }) || {
    rm -rf "$packages"
    return 1
  }
  mkdir -p "$folder"
  local package
  for package in "$packages"/*.deb; do dpkg-deb --extract "$package" "$folder" || return 1; done
  rm -rf "$packages"
}

# need COMMAND PACKAGE...: where the command is missing, Debian's packages that bring it.
need() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || { printf '%s is needed\n' "$1" >&2; return 1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${@:2}"
}

# python_venv FOLDER REQUIREMENT...: a virtual environment with exactly these packages.
python_venv() {
  local folder=$1
  shift
  need python3 python3 || return 1
  rm -rf "$folder"
  # Debian keeps what `venv` needs in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || need ensurepip python3-venv || return 1
  python3 -m venv "$folder" || return 1
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
}
