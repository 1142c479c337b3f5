"""Secrets that leak wherever they can: their values are found nowhere but in the release's own 0600 file."""

from __future__ import annotations

import base64
import json
import sys
import urllib.parse
from pathlib import Path

import pytest

from tests.cli import penstock
from tests.site import APP, Site

TOKEN = 'tok/en+Zk93Lw "q7" =&%Vb52ü'
PASSWORD = "pw-8s1Xq0-Jm4:@/Tz6+Rd9"
AT_ONCE = "{is: all_at_once, min_ready: 200ms, start_within: 3s}"
CANARY = "{is: canary, increments: [50% for 60s], min_ready: 200ms, start_within: 20s}"
LEAK = """import base64, os, sys, urllib.parse, urllib.request
for name in ("TOKEN", "PASSWORD"):
    value = os.environ.get(name, "")
    print(value, base64.b64encode(value.encode()).decode(), urllib.parse.quote(value, safe=""), repr(value), flush=True)
    print(base64.b64encode(f"user:{value}".encode()).decode(), urllib.parse.quote_plus(value), file=sys.stderr)
if "ask" in sys.argv:  # what the service tells a check that sees no secret itself
    header = dict([os.environ["PENSTOCK_PREVIEW_HEADER"].split(": ")])
    for name in ("TOKEN", "PASSWORD"):
        url = os.environ["PENSTOCK_URL"] + "/environment?name=" + name
        print(urllib.request.urlopen(urllib.request.Request(url, headers=header)).read().decode())
if "fatal" in sys.argv:
    print("FATAL " + "x" * 180 + os.environ["TOKEN"] + os.environ["PASSWORD"], flush=True)
if "raise" in sys.argv:
    raise ValueError(os.environ["TOKEN"] + os.environ["PASSWORD"])
"""
ILL = """import http.server, json, os, sys, time
SOUND_UNTIL = time.monotonic() + float(sys.argv[1])
class Ill(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        why = "no login with " + os.environ["TOKEN"] + " or " + os.environ["PASSWORD"]
        body = json.dumps({"checks": {"db": why}}).encode()
        self.send_response(200 if time.monotonic() < SOUND_UNTIL else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ill).serve_forever()
"""


def leak(*how: str) -> str:
    return " ".join([sys.executable, "leak.py", *how])


def manifest(site: Site, run: str, extra: str, rollout: str = AT_ONCE) -> str:
    secrets = f"secrets: {{TOKEN: env:LEAKY_TOKEN, PASSWORD: file:{site.folder / 'password'}}}\n"
    text = site.manifest(rollout=rollout, instances=1, units=f"run: {run}", extra=secrets + extra)
    return text.replace("health: {", "health: {version: any, ") if "version" in text else text


SEES = "sees: [TOKEN, PASSWORD]"
SAYS = f"{{sh: '{leak()}; exec {APP}'}}"
RELEASES = {
    "everywhere": (
        "released", SAYS,
        f"""build: {{is: command, run: "{leak()}", {SEES}}}
prepare: {{run: "{leak()}", {SEES}}}
checklist:
  before: {{said: {{run: "{leak()}", {SEES}}}}}
  candidate:
    asked: {{run: "{leak('ask')}"}}
    body: {{get: "/environment?name=TOKEN", bearer: $PASSWORD}}
    path: {{post: "/echo?password=$PASSWORD", json: {{a: $PASSWORD, b: $TOKEN}}, expect: {{json: {{a: $PASSWORD}}}}}}
""",
    ),
    "check": ("rolled_back", SAYS, f"""checklist: {{candidate: {{raises: {{run: "{leak('raise')}", {SEES}}}}}}}"""),
    "told": (
        "rolled_back", SAYS,
        """checklist: {candidate: {told: {get: "/environment?name=PASSWORD", expect: {json: {value: none such}}}}}""",
    ),
    "build": ("blocked", SAYS, f"""build: {{is: command, run: "{leak('raise')}", {SEES}}}"""),
    "prepare": ("rolled_back", SAYS, f"""prepare: {{run: "{leak('raise')}", {SEES}}}"""),
    "logs": ("rolled_back", f"{{sh: '{leak('fatal')}; exec {APP}'}}", "logs: {critical: [FATAL]}"),
    "never well": ("rolled_back", f"{sys.executable} ill.py 0", ""),
    "ill": ("rolled_back", f"{sys.executable} ill.py 2", ""),
    "crash": ("rolled_back", leak("raise"), ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def screens(site: Site) -> dict[str, str]:
    """Everything leaked in releases of every end; what a person saw of each, by name."""
    (site.repository / "leak.py").write_text(LEAK)
    (site.repository / "ill.py").write_text(ILL)
    password = site.folder / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    seen = {}
    for name, (ends, run, extra) in RELEASES.items():
        site.commit(manifest(site, run, extra, CANARY if name in ("logs", "ill") else AT_ONCE), name)
        done = penstock(site, "release", "--to", "production", "--json", LEAKY_TOKEN=TOKEN)
        seen[f"release {name}"] = done.out + done.err
        assert f'"state": "{ends}"' in done.out.splitlines()[-1], done.out + done.err
    for number in map(str, range(1, len(RELEASES) + 1)):
        for words in (["show", number], ["show", number, "--json"], ["watch", number, "--plain"]):
            seen[" ".join(words)] = penstock(site, *words).out
    for words in (["status"], ["status", "--json"], ["history"], ["logs"], ["doctor"]):
        seen[" ".join(words)] = penstock(site, *words).out
    return seen


def spellings() -> list[bytes]:
    """How a value may be written; halves too, as a cut may have gone through it."""
    found = []
    for value in (TOKEN, PASSWORD):
        raw = value.encode()
        quoted = [urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), urllib.parse.quote(value)]
        escaped = [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]]
        coded = [base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b64encode(b"user:" + raw)[8:-4]]
        found += [raw, *coded, *(text.encode() for text in [*quoted, *escaped, value[:9], value[-9:]])]
    return found


def leaks(data: bytes) -> list[bytes]:
    return [spelling for spelling in spellings() if spelling in data]


def test_no_screen_shows_a_secret(screens: dict[str, str]) -> None:
    """Neither a stream nor a report, neither `status` nor `logs` holds a value in any spelling."""
    assert {} == {name: found for name, text in screens.items() if (found := leaks(text.encode()))}
    assert "***" in screens["show 1"] + screens["logs"]


def test_no_file_holds_a_secret(site: Site, screens: dict[str, str]) -> None:
    """Records, journal, audit log, evidence, logs of builds and checks, what the keeper writes: none holds a value.

    The 0600 files of the releases' secrets do; and an instance's own output, 0600, is as the instance wrote it.
    """
    del screens
    state = site.desk.state.root
    found = {}
    for path in sorted(p for p in state.rglob("*") if p.is_file() and not p.is_symlink()):
        where = path.relative_to(state)
        if leaks(path.read_bytes()):
            found[str(where)] = leaks(path.read_bytes())
            if is_theirs(where):
                assert 0o600 == path.stat().st_mode & 0o777, where
                del found[str(where)]
    assert {} == found


def is_theirs(where: Path) -> bool:
    """Where values may be: the secrets' own files, and what instances wrote."""
    return where.parent.name == "secrets" or where.match("environments/*/*/instances/*/out.log*")
