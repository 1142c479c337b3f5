"""The check `custom`: a command of yours that answers with a result of its own, as JSON."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import field_validator

from penstock.checks.custom_result import Result, ResultError, read
from penstock.checks.reported import Produced, Reported, produce, unjudged
from penstock.checks.running import TAIL, Ended
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed, mask
from penstock.core.target import Evidence
from penstock.manifest.section import Command, wrong

LAST_RESULT = ".penstock-last-result.json"
REPORT_LIMIT = 8 << 20
SHOWN = 100


class CustomSection(Reported):
    """`run` prints a result, or writes it into `report`. What it measured last is handed to it, so it is not steady."""

    run: Command

    @field_validator("report")
    @classmethod
    def _one(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > 1 or "*" in "".join(value):
            raise wrong("a custom check writes one result", "two could contradict each other", "report: result.json")
        return value


class CustomCheck:
    """Runs a command of yours, and takes the result that it prints, or writes: what it found, and what it measured.

    For what no kind here knows, where an exit code says too little. The command prints one JSON object, as the last
    thing it prints, beginning on a line of its own:

        {"format": 1, "state": "failed", "sentence": "2 of 40 pages have no title",
         "findings": [{"condition": "about.html has no title", "remedy": "<title>", "where": "site/about.html:3"}],
         "measured": {"pages": 40}, "evidence": [{"name": "pages", "media": "text/plain", "text": "..."}]}

    `state` is passed, failed, errored, undecided or skipped. A result that contradicts itself is *errored*, and so is
    none: passed with an exit code other than 0, or with a critical or high finding that is not `"allowed": true`.

    - `run`: the words of the command, or `{sh: ...}` where a shell is meant. `$NAME` in a word is filled in.
    - `report`: the file that it writes the result into; left out, the result is what it prints.
    - `env`: variables of its own.
    - `sees`: the secrets it gets, as variables.

    What it `measured` in the last good release here lies in the file that PENSTOCK_LAST_RESULT names; the variable is
    not set when there is nothing to compare with. All else that it gets is what a `command` gets.

    Bad:   titles: python3 checks/titles.py   # all that is kept of it is an exit code
    Good:  titles: {is: custom, run: python3 checks/titles.py, report: titles.json}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Run it to its end, and judge its result."""
        section = CustomSection.model_validate(request.section)
        try:
            request = _told_of_the_last(request)
        except OSError as error:
            return unjudged(f"what was measured last cannot be handed over: {error.strerror}", "a folder to write to")
        made = produce(section, request, limit=REPORT_LIMIT)
        outcome = made if isinstance(made, Outcome) else judged(section, made, request.secrets)
        return concealed(outcome, request.secrets)


def judged(section: CustomSection, made: Produced, secrets: Mapping[str, str]) -> Outcome:
    """What a command's end and its result say, when they say the same."""
    ended = made.ended or Ended(0, "", 0.0)
    where = section.report[0] if made.reports else "what it printed"
    text = made.reports[0].data if made.reports else _last_object(ended.output)
    said = f"`{_named(section.run)}` ended with {ended.code}"
    if not text.strip():
        limit = f"; {TAIL >> 10} KiB of what it prints are read" if len(ended.output.encode()) >= TAIL - 8 else ""
        condition = f"{said} and without a result{limit}"
        return unjudged(condition, "one JSON object as the last thing it prints, or in `report`", ended)
    try:
        result = read(text)
    except ResultError as error:
        return unjudged(_cut(f"no result in {where}: {error}"), "a result as `penstock explain custom` shows", ended)
    if lie := _contradiction(result, ended.code) or _leak(result, secrets):
        return unjudged(_cut(lie), "a result that says what the command found", ended)
    return outcome(result, ended)


def outcome(result: Result, ended: Ended) -> Outcome:
    """A result as the outcome that it is."""
    findings = tuple(
        Finding(f"{one.condition} (allowed)" if one.allowed else one.condition, one.effect, one.remedy, one.where,
                one.severity)
        for one in result.findings[:SHOWN]
    )  # fmt: skip
    if more := len(result.findings) - SHOWN:
        findings += (Finding(f"{more} more findings"),) if more > 0 else ()
    evidence = tuple(Evidence(one.name, one.media, one.shown()) for one in result.evidence)
    if all(one.name != "output" for one in evidence):
        evidence += (Evidence("output", "text/plain", ended.output),)
    return Outcome(result.state, result.sentence, findings, evidence, ended.seconds, result.measured)


def _contradiction(result: Result, code: int) -> str:
    """In what a result contradicts the command's end, or itself; empty when it does not."""
    if result.state in ("passed", "skipped") and code != 0:
        return f"it contradicts itself: the state is {result.state}, and the command ended with {code}"
    grave = [one for one in result.findings if one.severity in ("critical", "high") and not one.allowed]
    if result.state == "passed" and grave:
        return f"it contradicts itself: the state is passed, with a {grave[0].severity} finding: {grave[0].condition}"
    return ""


def _leak(result: Result, secrets: Mapping[str, str]) -> str:
    """`measured` is kept as data and cannot be masked: no secret may stand in it."""
    texts = [text for text in _texts(result.measured) if mask(text, secrets.values()) != text]
    return "`measured` holds the value of a secret" if texts else ""


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def _last_object(output: str) -> bytes:
    """From the last line that begins with `{` on; lines of a log may stand before it."""
    at = output.rfind("\n{") + 1
    return output[at:].encode() if output[at : at + 1] == "{" else b""


def _told_of_the_last(request: CheckRequest) -> CheckRequest:
    """The request with what was measured last in a file beside the commit's own; a file or link of that name is replaced."""
    path = Path(request.folder) / LAST_RESULT
    with suppress(FileNotFoundError):
        path.unlink()
    env = {name: value for name, value in request.env.items() if name != "PENSTOCK_LAST_RESULT"}
    if request.last.measured is None:
        return replace(request, env=env)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        json.dump(dict(request.last.measured), file)
    return replace(request, env={**env, "PENSTOCK_LAST_RESULT": str(path)})


def _named(command: Command) -> str:
    text = command.sh if command.sh is not None else shlex.join(command.words).replace("'$", "$")
    return " ".join(_cut(text, 100).split())


def _cut(text: str, limit: int = 290) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
