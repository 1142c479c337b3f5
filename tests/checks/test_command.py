"""The check `command`, with real processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.checks.command import CommandCheck, CommandSection, judged
from penstock.checks.running import TAIL, Ended, tail
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.core.target import Reach

SECRET = "s3cr3t/t0ken"
PATH = {"PATH": "/usr/bin:/bin"}
Make = Callable[..., CheckRequest]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(CommandSection.model_validate(section))
    return CommandCheck().run(make(plain, **{"env": PATH, **more}))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


@pytest.mark.parametrize(
    ("section", "state", "sentence"),
    [
        ({"run": "true"}, "passed", "`true` ended with 0"),
        ({"run": "false"}, "failed", "`false` ended with 1: it printed nothing"),
        ({"run": ["ls", "/no such"]}, "failed", "`ls '/no such'` ended with 2: "),
        ({"run": {"sh": "echo a; echo b; exit 3"}}, "failed", "`echo a; echo b; exit 3` ended with 3"),
        ({"run": {"sh": "kill -SEGV $$"}}, "failed", "`kill -SEGV $$` was ended by SIGSEGV: "),
        ({"run": "no-such-program -q"}, "errored", "cannot run `no-such-program`: No such file or directory"),
        ({"run": {"sh": "no-such"}}, "errored", "`no-such` ended with 127: a command in it is not there"),
        ({"run": {"sh": "/dev/null"}}, "errored", "`/dev/null` ended with 126: a command in it may not be"),
        ({"run": "sleep 60", "within": "300ms"}, "errored", "`sleep 60` was not over after 0.3 s: it"),
        ({"run": "echo $NOPE"}, "errored", "`$NOPE` is not known to this check"),
    ],
)  # fmt: skip
def test_how_a_command_ends(section: Any, state: str, sentence: str, request_for: Make, tmp_path: Path) -> None:
    """0 passes, any other fails; what was not there or not over is errored, with or without a log file."""
    for log in ("", str(tmp_path / "check.log")):
        outcome = run(request_for, section, log_file=log)
        assert state == outcome.state
        assert outcome.sentence.startswith(sentence)
        assert outcome.findings if state != "passed" else not outcome.findings


def test_a_script_without_a_first_line_is_named(request_for: Make, tmp_path: Path) -> None:
    """A script that the system cannot execute is errored; the remedy is the line that it lacks."""
    script = tmp_path / "smoke"
    script.write_text("echo hello\n")
    script.chmod(0o755)
    outcome = run(request_for, {"run": "./smoke"})
    assert "errored" == outcome.state
    assert "#!/bin/sh" in outcome.findings[0].remedy


def test_a_missing_folder_is_an_error(request_for: Make, tmp_path: Path) -> None:
    """A check that has no folder to run in did not run."""
    assert "errored" == run(request_for, {"run": "true"}, folder=str(tmp_path / "gone")).state


def test_a_log_that_cannot_be_written_is_an_error(request_for: Make, tmp_path: Path) -> None:
    """Without a place for its output a command is not run."""
    assert "errored" == run(request_for, {"run": "true"}, log_file=str(tmp_path / "gone" / "log")).state


def test_a_command_gets_its_environment_and_nothing_else(request_for: Make, monkeypatch: Any) -> None:
    """The request's environment, the section's, the secrets, and where the revision is: nothing of ours."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the operator")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    outcome = run(
        request_for,
        {"run": [sys.executable, "-c", code], "env": {"LEVEL": "debug", "A": "section"}},
        env={"A": "request", "PENSTOCK_REVISION": "r2", "LC_ALL": "C.UTF-8"},
        secrets={"PIN": "123"},
        reach=Reach("http://127.0.0.1:8080", {"x-penstock-revision": "r2"}),
    )
    expected = {
        "A": "section", "LEVEL": "debug", "LC_ALL": "C.UTF-8", "PENSTOCK_REVISION": "r2", "PIN": "123",
        "PENSTOCK_URL": "http://127.0.0.1:8080", "PENSTOCK_PREVIEW_HEADER": "x-penstock-revision: r2",
    }  # fmt: skip
    found = json.loads(outcome.evidence[0].text)
    assert found.pop("TMPDIR").startswith("/")  # a folder of its own, for this run
    assert expected == found
    assert ["the value of `PIN` is too short to be masked"] == [f.condition for f in outcome.findings]


def test_names_in_words_are_filled_in(request_for: Make) -> None:
    """`$NAME` in a word stands for what the check sees; the sentence keeps the name."""
    section = {"run": ["echo", "at $URL/x", "$TOKEN", "$ 5"], "env": {"URL": "http://h"}}
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert "at http://h/x *** $ 5\n" == outcome.evidence[0].text
    assert "$TOKEN" in outcome.sentence


@pytest.mark.parametrize("within", ["10s", "1s"])
def test_no_secret_is_in_an_outcome(within: str, request_for: Make) -> None:
    """What it prints of its secrets is masked everywhere, however it ends."""
    script = 'echo "a $TOKEN"; printf %s "$TOKEN" | base64; echo "last $TOKEN"; sleep $NAP; exit 1'
    section = {"run": {"sh": script}, "within": within, "env": {"NAP": "0" if within == "10s" else "60"}}
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert ("failed" if within == "10s" else "errored") == outcome.state
    assert outcome.sentence.endswith("last ***")
    assert "a ***\n***\nlast ***\n" == outcome.evidence[0].text
    assert SECRET not in texts(outcome)


def test_a_secret_in_an_error_is_masked(request_for: Make) -> None:
    """A program named by a secret that is not there is not named in the error."""
    outcome = run(request_for, {"run": "$TOKEN"}, secrets={"TOKEN": "/no/" + SECRET})
    assert "errored" == outcome.state
    assert SECRET not in texts(outcome)


def test_the_log_file_is_private_and_whole(request_for: Make, tmp_path: Path) -> None:
    """Output goes to the request's file, for its owner alone; an earlier try's is no part of this one's."""
    log = tmp_path / "check.log"
    run(request_for, {"run": "echo first"}, log_file=str(log))
    outcome = run(request_for, {"run": "echo second"}, log_file=str(log))
    assert "first\nsecond\n" == log.read_text()
    assert 0o600 == log.stat().st_mode & 0o777
    assert "second\n" == outcome.evidence[0].text


def test_what_is_left_behind_does_not_hold_the_check(request_for: Make, tmp_path: Path) -> None:
    """A process that a command leaves in the background, with its output still open, is not waited for: it is ended."""
    outcome = run(request_for, {"run": {"sh": "sleep 30 & echo $! > left; echo done"}, "within": "20s"})
    assert not Path(f"/proc/{(tmp_path / 'left').read_text().strip()}").exists()
    assert ("passed", "done\n") == (outcome.state, outcome.evidence[0].text)


@pytest.mark.parametrize("shift", [0, 3, 6, len(SECRET)])
def test_the_tail_is_limited_and_shows_no_half_of_a_secret(shift: int, tmp_path: Path) -> None:
    """At most 64 KiB are kept, and a secret that the cut went through leaves nothing behind."""
    log = tmp_path / "log"
    log.write_text("x" * 9 + SECRET + "é" * ((TAIL - shift) // 2) + "y" * (shift % 2))
    kept = tail(log, 0, {"TOKEN": SECRET})
    assert TAIL - 1 <= len(kept.encode()) <= TAIL
    assert "0ken" not in kept
    assert "s3cr" not in kept
    assert kept.endswith("é" + "y" * (shift % 2))


@pytest.mark.parametrize("shift", range(len(SECRET) + 1))
def test_masking_that_shortens_shows_no_half_of_a_secret(shift: int, tmp_path: Path) -> None:
    """Also where nearly all of the tail is secrets, none that the cut went through is shown."""
    log = tmp_path / "log"
    log.write_text(f"{SECRET} " * 9000 + " " * shift)
    assert {"*", " "} == set(tail(log, 0, {"TOKEN": SECRET}))


def test_the_tail_begins_where_it_is_told(tmp_path: Path) -> None:
    """What was written before is not shown; what is short is shown whole."""
    log = tmp_path / "log"
    log.write_text("before|after")
    assert "after" == tail(log, 7, {"TOKEN": SECRET})
    assert "" == tail(log, 12, {})


def test_last_lines_are_readable() -> None:
    """The sentence has the last line, the finding the last five, without colours and other control signs."""
    section = CommandSection.model_validate({"run": "pytest -q"})
    output = "".join(f"{n}\n" for n in range(9)) + "\x1b[31m1 failed\x1b[0m\r\n"
    outcome = judged(section, Ended(1, output, 2.0), "/srv/shop")
    assert "`pytest -q` ended with 1: 1 failed" == outcome.sentence
    assert "5\n6\n7\n8\n1 failed" == outcome.findings[0].effect
    assert "run it by hand in /srv/shop" == outcome.findings[0].remedy
    assert 2.0 == outcome.duration_s


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "run"),
        ({"run": ""}, "this command is empty"),
        ({"run": "a && b"}, "`&&` means something to a shell only"),
        ({"run": "a", "within": "0s"}, "greater than 0"),
        ({"run": "a", "env": {"A-B": "1"}}, "match pattern"),
        ({"run": "a", "timeout": "5m"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never run is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        CommandSection.model_validate(section)
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section; `sees` may be None, for all secrets."""
    for written in (
        {"run": "a $B", "env": {"B": "1"}, "sees": ["T"], "within": "2m"},
        {"run": {"sh": "a"}, "sees": None},
    ):
        section = CommandSection.model_validate(written)
        assert section == CommandSection.model_validate(json.loads(json.dumps(data.dump(section))))
