"""Every check, asked about a twin, and what of the planted faults was recognised."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from penstock import registry
from penstock.core import data
from penstock.core.finding import CheckRequest, Finding, Last, Outcome

from .table import ENVIRONMENTS, LINES, PLANTED, SECRETS, TICKETS, Line, Planted
from .twins import NOW, Twin, build

_PAGES = ("/front", "/runbooks/orders")


class _Answering(BaseHTTPRequestHandler):
    """Some pages, one that has moved, and the tickets; 404 for the rest."""

    def do_GET(self) -> None:
        ticket = TICKETS.get(self.path.removeprefix("/tickets/"))
        self.send_response(302 if self.path == "/moved" else 200 if ticket or self.path in _PAGES else 404)
        if self.path == "/moved":
            self.send_header("location", "/front")
        body = json.dumps({"state": ticket}).encode() if ticket else b""
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@contextmanager
def loopback() -> Iterator[str]:
    """The address of a service that has the pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Asked:
    """One line of the checklist, and what its check answered."""

    line: Line
    outcome: Outcome


@dataclass(frozen=True)
class Answer:
    """One planted fault, where it should be named, and the finding that does; None where none does."""

    planted: Planted
    where: str
    found: Finding | None


def ask_all(twin: Twin, url: str) -> list[Asked]:
    """Every line, asked about the twin's release."""
    return [Asked(line, _ask(line, twin, url)) for line in LINES]


def _ask(line: Line, twin: Twin, url: str) -> Outcome:
    section = registry.find("check.section", line.kind).model_validate(_filled(line.section, url))
    last = twin.commits[line.last] if line.last else ""
    configured = _filled(ENVIRONMENTS[twin.name], url)
    request = CheckRequest(
        line.name, "candidate", data.dump(section), str(twin.repository if line.in_work_tree else twin.files),
        env={"PATH": os.environ["PATH"], **(configured["production"] if line.has_env else {})},
        configured=configured if line.has_env else {},
        secrets=SECRETS[twin.name] if line.has_env else {},
        service="orders", environment="production", repository=str(twin.repository), commit=twin.commits["released"],
        branch="release/1.1", last=Last(last, "r1", NOW - 86400, line.measured if last else None), now=NOW,
    )  # fmt: skip
    outcome: Outcome = registry.find("check", line.kind)().run(request)
    return outcome


def _filled(section: Any, url: str) -> Any:
    return json.loads(json.dumps(section).replace("@@loopback@@", url))


def answers(twin: Twin, asked: list[Asked]) -> list[Answer]:
    """What became of each planted fault."""
    by_name = {one.line.name: one.outcome for one in asked}
    found = []
    for planted in PLANTED:
        where, says = place(planted, twin), planted.says
        outcome = by_name[planted.line]
        hits = [
            finding for finding in outcome.findings
            if outcome.state == "failed" and finding.where == where and all(word in finding.condition for word in says)
        ]  # fmt: skip
        found.append(Answer(planted, where, hits[0] if hits else None))
    return found


def place(planted: Planted, twin: Twin) -> str:
    """Where a planted fault is to be named: a line of a file, a file, a commit, or nowhere."""
    path, at = planted.where, planted.at
    if path.startswith("commit:"):
        return twin.commits[path.removeprefix("commit:")][:12]
    return f"{path}:{at}" if isinstance(at, int) else twin.line_of(path, at) if at else path


def both(folder: Path) -> tuple[list[Answer], list[Asked], list[Asked]]:
    """Both twins, asked: what became of each planted fault, and every answer about the faulty and the clean one."""
    with loopback() as url:
        faulty, clean = (build(name, folder / name, url) for name in ("faulty", "clean"))
        asked = ask_all(faulty, url)
        return answers(faulty, asked), asked, ask_all(clean, url)


def alarms(clean: list[Asked]) -> list[tuple[str, str, Finding | None]]:
    """What is said against the clean twin: line, sentence, finding."""
    return [
        (one.line.name, one.outcome.sentence, finding)
        for one in clean
        for finding in (*one.outcome.findings, *([None] if one.outcome.state != "passed" else []))
    ]
