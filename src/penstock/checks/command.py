"""The check `command`: a command of yours; what it exits with is the answer."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from penstock import shell
from penstock.checks.filling import Unknown, fill
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import mask
from penstock.core.target import Evidence
from penstock.errors import PenstockError
from penstock.manifest.section import Command, Duration, Section

TAIL = 64 << 10
_SAID = 300


class CommandSection(Section):
    """`run` with `env` and the secrets in `sees`; exit code 0 passes; at most `within_s`."""

    run: Command
    env: dict[str, str] = {}
    sees: tuple[str, ...] = ()
    within_s: Duration = Field(default=600.0, alias="within")


class CommandCheck:
    """Runs a command in a clean checkout of the commit. Exit code 0 passes, any other fails.

    A command that is not there, or that takes longer than `within`, is *errored*: it did not inspect anything, and that
    is not a pass. It sees the environment's `env`, its own `env`, the secrets in `sees`, and PENSTOCK_URL,
    PENSTOCK_PREVIEW_HEADER (`name: value`), PENSTOCK_REVISION, PENSTOCK_ENVIRONMENT and PENSTOCK_IDEMPOTENCY_KEY: the same
    for every try, as a check may run more than once.

    Bad:   smoke: curl localhost:8080        # passes on a 500, and asks whatever serves
    Good:  smoke: {run: ./smoke.sh, sees: [SMOKE_TOKEN], within: 2m}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Run it to its end."""
        section = CommandSection.model_validate(request.section)
        names = {**request.env, **_reach(request), **section.env, **request.secrets}
        try:
            argv = [fill(word, names) for word in section.run.argv()] if section.run.sh is None else section.run.argv()
        except Unknown as unknown:
            return _errored(f"`${unknown}` is not known to this check", "name it in `sees` or `env`")
        try:
            done = shell.run(argv, cwd=request.folder, env=names, timeout_s=section.within_s, log_file=request.log_file or None)
        except PenstockError as error:
            return _errored(error.what, error.next)
        return _judged(done, section, request)


def _judged(done: shell.Completed, section: CommandSection, request: CheckRequest) -> Outcome:
    output = _tail(request.log_file) if request.log_file else done.out + done.err
    output = mask(output, request.secrets.values())
    evidence = (Evidence("output", "text/plain", output),)
    name = mask(" ".join(section.run.argv()), request.secrets.values())
    last = output.strip().splitlines()[-1][-_SAID:] if output.strip() else "it said nothing"
    if done.timed_out:
        text = f"`{name}` was not over after {section.within_s:g} s"
        return Outcome("errored", text, (Finding(text, last, "give it more time with `within`"),), evidence, done.seconds)
    if done.code:
        text = f"`{name}` ended with {done.code}: {last}"
        return Outcome("failed", text, (Finding(text, remedy=f"run it by hand in {request.folder}"),), evidence, done.seconds)
    return Outcome("passed", f"`{name}` ended with 0", (), evidence, done.seconds)


def _reach(request: CheckRequest) -> dict[str, str]:
    if request.reach is None:
        return {}
    header = next((f"{name}: {value}" for name, value in request.reach.headers.items()), "")
    return {"PENSTOCK_URL": request.reach.url, "PENSTOCK_PREVIEW_HEADER": header}


def _errored(text: str, remedy: str) -> Outcome:
    return Outcome("errored", text, (Finding(text, "nothing was inspected", remedy),))


def _tail(path: str) -> str:
    with Path(path).open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL))
        return file.read().decode("utf-8", "replace")
