"""Requests that fail while a service is replaced, under one strict client: Penstock, nginx reload, gunicorn HUP.

The same application, the same load. nginx goes from one upstream to the other by `reload`; gunicorn replaces its workers on
HUP, in place, with the same code. A closed idle connection counts as a failure, as everywhere here. Peers that are not
installed are named and left out.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock import shell
from penstock.testing.load import Ask, Load
from penstock.testing.tally import Summary
from tests.site import Site, free_port

RPS, ROUNDS, EVERY_S = 200.0, 10, 2.5
MIX = (Ask("GET", "/", share=6), Ask("POST", "/echo", '{"n": {1-99}}', share=2), Ask("GET", "/slow?ms=300", share=1))


def main() -> None:
    """Ten replacements of each, under load."""
    what = f"{ROUNDS} replacements at {RPS:.0f} requests/s"
    print(f"| {what} | requests | failed | of which closed idle connections |\n|---|---|---|---|")
    for name, way in (("Penstock, rolling", penstock), ("nginx reload", nginx), ("gunicorn HUP", gunicorn)):
        summary = way()
        if isinstance(summary, str):
            print(f"| {name} | not measured: {summary} | | |")
        else:
            closed = summary.kinds.get("closed", 0)
            print(f"| {name} | {summary.requests:,} | {summary.failed} | {closed} |")


def under_load(url: str, replace: Callable[[int], None]) -> Summary:
    """The client's count over all replacements."""
    load = Load(url, RPS, MIX).start()
    for number in range(ROUNDS):
        time.sleep(EVERY_S)
        replace(number)
    time.sleep(EVERY_S)
    return load.stop()


def penstock() -> Summary | str:
    """Releases by rolling, one after the other."""
    site = Site(Path(tempfile.mkdtemp()))
    try:
        rolling = "{is: rolling, min_ready: 300ms, start_within: 20s}"
        site.release(site.commit(site.manifest(rollout=rolling)))

        def replace(number: int) -> None:
            row = site.release(site.commit(site.manifest(rollout=rolling, env=f'ROUND: "{number}"')))
            assert row["state"] == "released", site.story(row["number"])

        return under_load(site.url, replace)
    finally:
        site.close()


def nginx() -> Summary | str:
    """One upstream, then the other, by reload; the old one is stopped a second later."""
    if not shutil.which("nginx"):
        return "nginx is not installed"
    folder, port = Path(tempfile.mkdtemp()), free_port()
    apps = [_app(folder, str(n)) for n in range(ROUNDS + 1)]
    conf = folder / "nginx.conf"
    conf.write_text(_conf(folder, port, apps[0][1]))
    server = shell.spawn(["nginx", "-p", str(folder), "-c", str(conf), "-g", "daemon off;"], folder / "nginx.log")
    time.sleep(1)

    def replace(number: int) -> None:
        conf.write_text(_conf(folder, port, apps[number + 1][1]))
        os.kill(server.pid, signal.SIGHUP)
        time.sleep(1)
        shell.end(apps[number][0])

    try:
        return under_load(f"http://127.0.0.1:{port}", replace)
    finally:
        for process in (server, *(app for app, _ in apps)):
            shell.end(process, signal.SIGKILL)


def gunicorn() -> Summary | str:
    """Workers replaced in place on HUP."""
    if not shell.run([sys.executable, "-c", "import gunicorn"]).ok:
        return "gunicorn is not installed"
    folder, port = Path(tempfile.mkdtemp()), free_port()
    (folder / "app.py").write_text(_WSGI)
    argv = [sys.executable, "-m", "gunicorn", "app:app", "--bind", f"127.0.0.1:{port}", "--workers", "2",
            "--worker-class", "gthread", "--threads", "16", "--keep-alive", "75"]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    server = shell.spawn(argv, folder / "gunicorn.log", cwd=folder, env=env)
    time.sleep(2)
    try:
        return under_load(f"http://127.0.0.1:{port}", lambda number: os.kill(server.pid, signal.SIGHUP))
    finally:
        shell.end(server, signal.SIGKILL)


def _app(folder: Path, name: str) -> tuple[shell.Process, int]:
    port = free_port()
    argv = [sys.executable, "-m", "penstock.testing.app", "--port", str(port)]
    env = {"APP_VERSION": name, "DATA": str(folder), "PATH": os.environ["PATH"]}
    return shell.spawn(argv, folder / f"{name}.log", env=env), port


def _conf(folder: Path, port: int, upstream: int) -> str:
    return f"""pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 100000;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 32; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}"""


_WSGI = """import time


def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.3)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2"), ("X-Revision", "one")])
    return [b"ok"]
"""


if __name__ == "__main__":
    main()
