# Starts what ends TLS in front of a server, each on loopback. Sourced by `run` behind servers.sh; needs `run`, a folder for
# what they write, with the certificates in it, and `work`, where they are installed.

debian=$work/debian
unpacked=(env "LD_LIBRARY_PATH=$debian/usr/lib/x86_64-linux-gnu")

# start_nginx PORT PORT_FOR_CERTIFICATES SERVER. Who comes to the second port must show a certificate of ours.
start_nginx() {
  local ends="" port
  for port in "$1" "$2"; do
    ends+="server {
      listen 127.0.0.1:$port ssl;
      ssl_certificate $run/server.pem;
      ssl_certificate_key $run/server.key;
      $([ "$port" = "$1" ] || printf 'ssl_verify_client on; ssl_client_certificate %s;' "$run/ca.pem")
      location / {
        proxy_pass http://127.0.0.1:$3;
        proxy_http_version 1.1;
        proxy_set_header Host \$host;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection \$connection_upgrade;
        proxy_buffering off;
      }
    }"
  done
  cat >"$run/nginx.conf" <<CONF
daemon off;
pid $run/nginx.pid;
error_log $run/nginx-error.log;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path $run/nginx-body;
  proxy_temp_path $run/nginx-proxy;
  fastcgi_temp_path $run/nginx-fastcgi;
  uwsgi_temp_path $run/nginx-uwsgi;
  scgi_temp_path $run/nginx-scgi;
  map \$http_upgrade \$connection_upgrade { default upgrade; '' close; }
  $ends
}
CONF
  start nginx "$1" "$nginx" -e "$run/nginx-error.log" -c "$run/nginx.conf"
}

start_haproxy() {
  cat "$run/server.pem" "$run/server.key" >"$run/haproxy.pem"
  cat >"$run/haproxy.cfg" <<CONF
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend tls
  bind 127.0.0.1:$1 ssl crt $run/haproxy.pem alpn h2,http/1.1
  default_backend ws
backend ws
  server ws 127.0.0.1:$2
CONF
  start haproxy "$1" "${unpacked[@]}" "$debian/usr/sbin/haproxy" -db -f "$run/haproxy.cfg"
}

start_nghttpx() {
  start nghttpx "$1" "${unpacked[@]}" "$debian/usr/sbin/nghttpx" --conf=/dev/null --workers=1 --errorlog-file=/dev/stderr \
    -f"127.0.0.1,$1" -b"127.0.0.1,$2" "$run/server.key" "$run/server.pem"
}
