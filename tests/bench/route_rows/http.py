"""POST /v1/resolve against nginx's `return 200` with an answer of the same length: one worker each, asked by wrk."""

import json
import urllib.request

from tests.bench.route_rows.env import Env, base_table, identity
from tests.bench.shared.env import SERVER_CPU, median, rounds
from tests.bench.shared.wrk import load
from tests.bench.table import Row, row
from tests.lib.procs import free_port, port_in_use
from tests.lib.wait import wait_until

CONNECTIONS = 64
CLIENTS = 20000  # that ask, each for itself

NGINX = """\
daemon off;
worker_processes 1;
error_log {folder}/nginx-error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}
}}
"""

# One client that asks again and again. What nginx gets too: it does not look at the body, and wrk is fastest with this.
ONE_LUA = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
"""

# The requests are made before the clock starts: one for each of so many clients, in turn.
MANY_LUA = """\
local requests, n = {{}}, 0
function init(args)
  wrk.headers["Content-Type"] = "application/json"
  for i = 1, {clients} do
    requests[i] = wrk.format("POST", nil, nil, (string.gsub([==[{body}]==], "NUMBER", 100000 + i)))
  end
end
function request()
  n = n % {clients} + 1
  return requests[n]
end
"""


def start_nginx(env: Env, answer: str) -> str:
    port = free_port()
    conf = env.folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=env.folder, port=port, answer=answer))
    env.spawn("nginx", ["nginx", "-p", env.folder, "-e", env.folder / "nginx-error.log", "-c", conf], SERVER_CPU)
    wait_until(lambda: port_in_use(port), 10, "nginx listens")
    return f"http://127.0.0.1:{port}/v1/resolve"


def measure(env: Env) -> list[Row]:
    server = env.server("http")
    base_table(server)
    url = f"{server.url}/v1/resolve"
    body = json.dumps({"identity": identity("NUMBER")}, separators=(",", ":"))
    with urllib.request.urlopen(urllib.request.Request(url, body.encode())) as reply:
        answer = reply.read().decode()
    nginx = start_nginx(env, answer)
    one, many = env.folder / "one.lua", env.folder / "many.lua"
    one.write_text(ONE_LUA.format(body=body))
    many.write_text(MANY_LUA.format(clients=CLIENTS, body=body))
    seconds = 1 if env.quick else 3
    figures = rounds(2 if env.quick else 5, lambda _: load(url, CONNECTIONS, seconds, many), lambda _: load(url, CONNECTIONS, seconds, one),
                     lambda _: load(nginx, CONNECTIONS, seconds, one))
    ours, again, theirs = (median([f.per_second for f in of], 0) for of in figures)
    return [row(f"POST /v1/resolve of {CLIENTS} clients, {len(answer)} B answered", ours, "req/s", theirs, 0.5, "at least"),
            row("POST /v1/resolve of one client again and again", again, "req/s", theirs)]
