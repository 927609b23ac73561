# Starts one proxy each on loopback. Sourced by `run` behind servers.sh; needs `run`, a folder for what they write,
# `tls`, a certificate and its key, `work`, where they are installed, and the `user` and `password` that most of them want.

debian=$work/debian
unpacked=(env "LD_LIBRARY_PATH=$debian/usr/lib/x86_64-linux-gnu:$debian/lib/x86_64-linux-gnu")

start_tinyproxy() {
  cat >"$run/tinyproxy.conf" <<CONF
Port $1
Listen 127.0.0.1
Allow 127.0.0.1
BasicAuth $user $password
CONF
  start tinyproxy "$1" "$debian/usr/bin/tinyproxy" -d -c "$run/tinyproxy.conf"
}

# start_squid PORT TLS_PORT. Started by root it changes to the user `proxy`, who must be able to read and write its files.
start_squid() {
  local folder=$run/squid
  mkdir -p "$folder"
  cp "${tls[@]}" "$folder"
  printf '%s:%s\n' "$user" "$(openssl passwd -apr1 "$password")" >"$folder/htpasswd"
  cat >"$folder/conf" <<CONF
http_port 127.0.0.1:$1
https_port 127.0.0.1:$2 tls-cert=$folder/server.pem tls-key=$folder/server.key
pid_filename $folder/pid
cache_log $folder/cache.log
access_log stdio:$folder/access.log
cache deny all
coredump_dir $folder
error_directory $debian/usr/share/squid/errors/templates
icon_directory $debian/usr/share/squid/icons
mime_table $debian/usr/share/squid/mime.conf
pinger_enable off
unlinkd_program $debian/usr/lib/squid/unlinkd
auth_param basic program $debian/usr/lib/squid/basic_ncsa_auth $folder/htpasswd
auth_param basic children 1
acl authed proxy_auth REQUIRED
http_access allow authed
http_access deny all
shutdown_lifetime 0 seconds
CONF
  if [ "$(id -u)" = 0 ]; then chown -R proxy "$folder"; fi
  start squid "$2" "${unpacked[@]}" "$debian/usr/sbin/squid" -N -f "$folder/conf"
}

start_microsocks() {
  start microsocks "$1" "$debian/usr/bin/microsocks" -i 127.0.0.1 -p "$1" -u "$user" -P "$password"
}

# Without authentication: its user names are those of the system.
start_dante() {
  local me unprivileged
  me=$(id -un)
  unprivileged=$me
  if [ "$me" = root ]; then unprivileged=nobody; fi
  # The users have to stand before the methods.
  cat >"$run/danted.conf" <<CONF
logoutput: stderr
internal: 127.0.0.1 port = $1
external: lo
user.privileged: $me
user.unprivileged: $unprivileged
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
CONF
  start dante "$1" "${unpacked[@]}" "$debian/usr/sbin/danted" -f "$run/danted.conf" -p "$run/danted.pid"
}

# start_proxy_py PORT, with TLS.
start_proxy_py() {
  start proxy.py "$1" "$work/venv/bin/python" -m proxy --hostname 127.0.0.1 --port "$1" --num-workers 1 --num-acceptors 1 \
    --basic-auth "$user:$password" --cert-file "${tls[0]}" --key-file "${tls[1]}" --data-dir "$run/proxy.py"
}

# Without authentication: who has been let in once, comes in without. It wants an event loop of the thread that starts it, which newer Pythons do not make.
start_pproxy() {
  start pproxy "$1" "$work/venv/bin/python" -c \
    'import asyncio, sys; from pproxy.server import main; asyncio.set_event_loop(asyncio.new_event_loop()); main(sys.argv[1:])' \
    -l "socks4://127.0.0.1:$1" -v
}
