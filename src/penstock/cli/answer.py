"""What `approve`, `reject` and `confirm` have in common: an answer to what a release asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from penstock import answering, api
from penstock.cli.completion import releases
from penstock.cli.place import service_here
from penstock.cli.words import seconds
from penstock.errors import UsageError

_OPTIONS = [
    click.argument("release", type=int, required=False, shell_complete=releases),
    click.option("--line", help="The question that is answered; else every one that asks you."),
    click.option("--reason", default="", help="Why; it is recorded."),
    click.option(
        "--until", "until", callback=seconds, metavar="DURATION", help="It is good for so long only, as in 4h."
    ),
    click.option("--service", help="The service; else the one of this checkout."),
    click.option(
        "--sign", "key", type=click.Path(path_type=Path), metavar="KEY", help="Sign it, with this key for SSH."
    ),
    click.option("--as", "person", metavar="NAME", help="Who signs, as .penstock/allowed_signers has it."),
    click.option("--request", is_flag=True, help="Print what would be signed, to be signed on another machine."),
    click.option(
        "--file", type=click.Path(path_type=Path), help="A signed answer to bring; with --sign, a request to sign."
    ),
    click.option("--out", type=click.Path(path_type=Path), help="Write the signed answer here, and do not bring it."),
]


def answering_verb(verb: str, text: str) -> click.Command:
    """The command of an answer."""

    def run(**said: Any) -> None:
        _run(verb, **said)

    run.__doc__ = text
    command: Callable[..., None] = run
    for option in reversed(_OPTIONS):
        command = option(command)
    return click.command(verb)(command)


def _run(
    verb: str, release: int | None, line: str | None, reason: str, until: float, service: str | None, key: Path | None,
    person: str | None, request: bool, file: Path | None, out: Path | None,
) -> None:  # fmt: skip
    _fits(file, line, until, key, person, request, out)
    person = person or api.who()["person"]
    if file and key:
        said = answering.signed_by(answering.read(file), verb, key, person, reason)
        _signed(said, out or file.with_suffix(".signed.json"))
        return
    desk = api.open_desk()
    if file:
        click.echo(f"release {answering.bring(desk, verb, answering.read(file))}: taken in; its signature holds")
        return
    number = release if release is not None else api.latest(desk, service_here(desk, service), running=True)
    if request or key:
        asked = answering.to_sign(desk, number, verb, line, person, reason, until)
        if request:
            click.echo(asked.text, nl=False)
            return
        assert key is not None, "one of the two"
        signed = answering.signed_by(asked, verb, key, person, reason)
        if out:
            _signed(signed, out)
            return
        answering.bring(desk, verb, signed)
        click.echo(f"release {number}: `{signed.line}` {_done(verb)}, signed by {person}")
        return
    lines = answering.answer(desk, number, verb, line, reason, until)
    click.echo(f"release {number}: {', '.join(f'`{one}`' for one in lines)} {_done(verb)}")


def _fits(
    file: Path | None,
    line: str | None,
    until: float,
    key: Path | None,
    person: str | None,
    request: bool,
    out: Path | None,
) -> None:
    """Refuse what would be ignored."""
    if file and (line or until):
        raise click.UsageError("what a file says is in the file: --line and --until stand without --file")
    if out and not key:
        raise click.UsageError("--out writes a signed answer: it stands beside --sign")
    if person and not key and not request:
        raise click.UsageError("--as says who signs: it stands beside --sign or --request")


def _signed(answer: Any, path: Path) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(answer.text)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError("cannot-write", f"{path} cannot be written: {error.strerror}", str(path),
                         next="--out, with a place that can be") from error  # fmt: skip
    click.echo(f"signed: {path}; `penstock {answer.verb} --file {path.name}` brings it, on the machine that releases")


def _done(verb: str) -> str:
    return {"approve": "approved", "reject": "rejected", "confirm": "confirmed"}[verb]
