"""POST /v1/resolve against nginx's `return 200` with an answer of the same length: one worker each, the same requests by wrk."""

import json
import re
import urllib.request

from tests.bench.route_rows.env import CLIENT_CPU, SERVER_CPU, Env, base_table, identity, median, on_cpu, rounds
from tests.bench.table import Row, row
from tests.lib import procs
from tests.lib.procs import free_port, port_in_use
from tests.lib.wait import wait_until

CONNECTIONS = 64

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

LUA = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
"""


def start_nginx(env: Env, answer: str) -> str:
    port = free_port()
    conf = env.folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=env.folder, port=port, answer=answer))
    env.spawn("nginx", ["nginx", "-p", env.folder, "-e", env.folder / "nginx-error.log", "-c", conf], SERVER_CPU)
    wait_until(lambda: port_in_use(port), 10, "nginx listens")
    return f"http://127.0.0.1:{port}/v1/resolve"


def per_second(env: Env, url: str, seconds: int) -> float:
    out = procs.run(on_cpu(CLIENT_CPU, ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", env.folder / "wrk.lua", url]),
                    seconds + 20)
    if "Non-2xx" in out or "Socket errors" in out:
        raise AssertionError(f"{url}: {out}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not found:
        raise AssertionError(f"wrk said: {out}")
    return float(found[1])


def measure(env: Env) -> list[Row]:
    server = env.server("http")
    base_table(server)
    url = f"{server.url}/v1/resolve"
    body = json.dumps({"identity": identity()}, separators=(",", ":"))
    with urllib.request.urlopen(urllib.request.Request(url, body.encode())) as reply:
        answer = reply.read().decode()
    (env.folder / "wrk.lua").write_text(LUA.format(body=body))
    nginx = start_nginx(env, answer)
    seconds = 1 if env.quick else 3
    ours, theirs = rounds(2 if env.quick else 5, lambda _: per_second(env, url, seconds), lambda _: per_second(env, nginx, seconds))
    env.end_all()
    return [row(f"POST /v1/resolve, {len(answer)} B answered", median(ours, 0), "req/s", median(theirs, 0), 0.5, "at least")]
