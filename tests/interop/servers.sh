# Starts servers on loopback and ends them, and whatever drives them, however the script ends. Sourced by the scripts that drive them; needs
# `run`, a folder for logs.

# They are on this machine: no proxy of its user's leads to them.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

servers=()

end_servers() {
  local pid deadline=$((SECONDS + 3))
  for pid in "${servers[@]:+${servers[@]}}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${servers[@]:+${servers[@]}}"; do
    while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  servers=()
}
trap end_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# free_ports N: prints N different ports that nobody listens on, on one line.
free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))
PY
}

# start NAME PORT COMMAND...: in the background, until PORT on 127.0.0.1 takes connections.
start() {
  local name=$1 port=$2 log="$run/$1.log" deadline=$((SECONDS + 60)) pid
  shift 2
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  servers+=("$pid")
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
      printf '%s does not listen on port %s:\n' "$name" "$port" >&2
      cat "$log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# drive COMMAND...: like the command itself, but a signal to the script ends both at once: bash would otherwise
# finish waiting for a command in the foreground first.
drive() {
  "$@" </dev/null &
  servers+=("$!")
  wait "$!"
}
