"""The check `command`: a command of yours; what it exits with is the answer."""

from __future__ import annotations

import re
import shlex
import signal
from contextlib import suppress
from typing import ClassVar

from pydantic import Field

from penstock.checks.filling import Unknown
from penstock.checks.running import Ended, argv, environment, run
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.errors import PenstockError
from penstock.manifest.check import CheckSection
from penstock.manifest.section import Command, Variable

_LAST_LINES = 5
_LINE = 300
_NOT_RUN = {126: "may not be executed", 127: "is not there"}  # by every POSIX shell
_ENOEXEC = 8
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


class CommandSection(CheckSection):
    """`run` with `env` and the secrets in `sees` (None: all); exit code 0 passes; at most `within_s`."""

    steady: ClassVar[bool] = True

    run: Command
    env: dict[Variable, str] = Field(default_factory=dict)
    sees: tuple[str, ...] | None = ()

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare text is the command."""
        del text
        return "run"


class CommandCheck:
    """Runs a command in a clean checkout of the commit. Exit code 0 passes, any other fails.

    For what your team has in a script already: tests, a linter, an end-to-end suite. A command that is not
    there, or that is not over after `within`, is *errored*: it did not inspect all, and that is no pass.

    - `run`: the words of the command, or `{sh: ...}` where a shell is meant. `$NAME` in a word is filled in;
      in `sh:` the shell itself does it.
    - `env`: variables of its own.
    - `sees`: the secrets it gets, as variables. (In words they can be read by anybody who lists processes.)
    - `within`: how long it may take, 10m if left out. Then it is killed, with all that it started.

    It gets the environment's `env`, its own, its secrets, and nothing of Penstock's; beside them
    PENSTOCK_REVISION, PENSTOCK_ENVIRONMENT, PENSTOCK_IDEMPOTENCY_KEY (the same for every try, as a check may
    run more than once), and where a revision can be reached, PENSTOCK_URL and PENSTOCK_PREVIEW_HEADER
    (`Name: value`), without which a request goes to whatever serves.

    Bad:   smoke: curl localhost:8080        # passes on a 500, and asks whatever serves
    Good:  smoke: {run: ./smoke.sh, sees: [SMOKE_TOKEN], within: 2m}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Run it to its end, and say how it ended."""
        section = CommandSection.model_validate(request.section)
        names = environment(section.env, request)
        try:
            ended = run(argv(section.run, names), names, section.within_s, request)
        except Unknown as unknown:
            outcome = _not_run(f"`${unknown}` is not known to this check", "name it in `sees` or `env`")
        except PenstockError as error:
            outcome = _not_run(error.what, error.next)
        except (OSError, ValueError) as error:
            outcome = _not_run(f"cannot run `{named(section.run)}`: {error}", _remedy(error))
        else:
            outcome = judged(section, ended, request.folder)
        return concealed(outcome, request.secrets)


def judged(section: CommandSection, ended: Ended, folder: str) -> Outcome:
    """What a command's end says about the revision."""
    evidence = ended.evidence()
    lines = [_CONTROL.sub("", line)[-_LINE:] for line in ended.output.strip().splitlines()[-_LAST_LINES:]]
    last = lines[-1] if lines else "it printed nothing"
    state, how, remedy = _how(section, ended, folder)
    sentence = f"`{named(section.run)}` {how}"
    if state == "passed":
        return Outcome("passed", sentence, (), evidence, ended.seconds)
    finding = Finding(f"{sentence}: {last}", "\n".join(lines), remedy)
    return Outcome(state, finding.condition, (finding,), evidence, ended.seconds)  # type: ignore[arg-type]


def named(command: Command) -> str:
    """A command as a person reads it, its `$NAMES` not filled in."""
    text = command.sh if command.sh is not None else shlex.join(command.words).replace("'$", "$")
    return text if len(text) <= _LINE else f"{text[:_LINE]}..."


def _how(section: CommandSection, ended: Ended, folder: str) -> tuple[str, str, str]:
    """The state, how it ended, and what to do about it."""
    if ended.timed_out:
        return "errored", f"was not over after {section.within_s:g} s", "more time, with `within`"
    if ended.stopped:
        return "errored", ended.how, ended.remedy
    if ended.code == 0:
        return "passed", "ended with 0", ""
    if ended.code in _NOT_RUN and section.run.sh is not None:
        return (
            "errored",
            f"ended with {ended.code}: a command in it {_NOT_RUN[ended.code]}",
            "install what it runs",
        )
    how = f"was ended by {_signal(-ended.code)}" if ended.code < 0 else f"ended with {ended.code}"
    return "failed", how, f"run it by hand in {folder}"


def _not_run(condition: str, remedy: str) -> Outcome:
    return Outcome("errored", condition, (Finding(condition, "nothing was inspected", remedy),))


def _remedy(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == _ENOEXEC:
        return "a first line such as #!/bin/sh in the script"
    return "a command, an environment and a log file that the system accepts"


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
