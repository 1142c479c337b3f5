"""`penstock audit`: the log that proves what happened; taken elsewhere, checked, and packed for whoever asks."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.records.proof import Proof

_ELSEWHERE = {"replay": "penstock.cli.audit_replay"}


class Parts(click.Group):
    """Some parts are files of their own, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        there = [name for name, module in _ELSEWHERE.items() if importlib.util.find_spec(module)]
        return [*super().list_commands(ctx), *there]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _ELSEWHERE.get(cmd_name)
        if module is None or importlib.util.find_spec(module) is None:
            return super().get_command(ctx, cmd_name)
        found: click.Command = importlib.import_module(module).command
        return found


@click.group("audit", cls=Parts)
def command() -> None:
    """The log that proves what happened: take it elsewhere, check it, pack what an auditor asks for."""


@command.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def export(file: Path | None, as_json: bool) -> None:
    """Write the log, its signed heads and the public key to FILE, one zip that anybody can check.

    Without FILE: penstock-audit-SERVICE-LINE.zip here. A fresh head is signed, so that every line in it is proven.
    """
    from penstock import api
    from penstock.records.export import export as write

    desk = api.open_desk()
    path, head = write(desk.state.root, desk.store, time.time(), api.who(), file)
    if as_json:
        click.echo(json.dumps({"file": str(path), "head": head.word, "key": head.key, "lines": head.line}))
        return
    click.echo(f"{path}: {head.line} lines, signed\nhead  {head.word}\nkey   {head.fingerprint}")
    click.echo("Keep it where this account cannot write; what it says of itself is checked by `penstock audit verify`.")


@command.command("verify")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path), help="A public key that you trust (PEM)."
)
@click.option("--head", "copied", multiple=True, metavar="LINE:HASH", help="A head copied from a report.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(file: Path | None, keys: tuple[Path, ...], copied: tuple[str, ...], as_json: bool) -> None:
    """Check an export, an audit.log, or without FILE this machine's own log; no state is needed.

    Exit code 0: whole. 3: it is not, and the first line that is wrong is named. What cannot be proven is said.
    """
    from penstock.records.export import opened
    from penstock.records.proof import verify as weigh

    path, named, said = file or _own(), _named(keys), dict(_copied(word) for word in copied)
    with opened(path) as found:
        proof = weigh(found.log, found.heads, known=found.keys, named=named, copied=said)
    click.echo(json.dumps(_plain(proof), ensure_ascii=False) if as_json else _told(path, proof))
    raise click.exceptions.Exit(0 if proof.whole else 3)


@command.command("evidence")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--release", "number", type=int, required=True, help="The release's number.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def evidence(file: Path | None, number: int, as_json: bool) -> None:
    """Pack what an auditor asks for about one release: its lines, its evidence, its reports, and a page to read.

    Without FILE: penstock-evidence-SERVICE-ENVIRONMENT-NUMBER.zip here. Exit code 3: a piece of evidence is not what
    was kept; the page says which.
    """
    from penstock import api
    from penstock.records.dossier import pack

    desk = api.open_desk()
    path, made = pack(desk.state, desk.store, time.time(), api.who(), number, file)
    changed = [piece.name for piece in made.pieces if piece.state == "changed"]
    if as_json:
        states = {piece.name: piece.state for piece in made.pieces}
        click.echo(json.dumps({"file": str(path), "head": made.head.word, "evidence": states}, ensure_ascii=False))
    else:
        gone = sum(piece.state == "not kept" for piece in made.pieces)
        click.echo(f"{path}: {len(made.lines)} lines, {len(made.pieces)} pieces of evidence, {gone} no longer kept")
        for name in changed:
            click.echo(f"CHANGED  {name}: its content is not what was kept", err=True)
    raise click.exceptions.Exit(3 if changed else 0)


def _own() -> Path:
    from penstock.state import State, default_root

    path = State(default_root()).audit_log
    if not path.exists():
        raise UsageError("no-audit-log", "there is no audit log yet", str(path), "nothing was ever ordered here",
                         "name the file to check, or set PENSTOCK_STATE")  # fmt: skip
    return path


def _named(keys: tuple[Path, ...]) -> dict[str, bytes] | None:
    """The public keys that the asker trusts, by id; None when none was named."""
    from penstock.records.audit_key import key_id, read_pem

    found = {}
    for path in keys:
        try:
            public = read_pem(path.read_bytes())
        except OSError as error:
            raise UsageError("cannot-read", f"{path} cannot be read: {error.strerror}") from error
        if public is None:
            raise UsageError("audit-key", "this is no public ed25519 key in PEM form", str(path),
                             next="openssl pkey -in audit-key.pem -pubout")  # fmt: skip
        found[key_id(public)] = public
    return found if keys else None


def _copied(word: str) -> tuple[int, str]:
    line, _, head = word.strip().partition(":")
    head = head.strip().lower()
    if not line.isdecimal() or int(line) < 1 or not 16 <= len(head) <= 64 or set(head) - set("0123456789abcdef"):
        why = "a head is LINE:HASH, with 16 digits of the hash or more"
        raise UsageError("head-word", f"`{word}` is no head", "--head", why, "copy it from a report as it stands")
    return int(line), head


def _told(path: Path, proof: Proof) -> str:
    if proof.whole:
        parts = [f"{path}: whole, {proof.lines} lines"]
    else:
        parts = [f"{path}: NOT WHOLE", *(f"  {finding.sentence}" for finding in proof.findings)]
    good = sum(w.signature == "holds" and w.log == "agrees" for w in proof.heads)
    parts += [f"Signed heads: {good} of {len(proof.heads)} hold and fit; proven up to line {proof.proven}."]
    parts += [f"Head: {proof.lines}:{proof.head}"] if proof.whole and proof.lines else []
    return "\n".join([*parts, "Not proven by this:", *(f"  - {sentence}" for sentence in proof.cannot)])


def _plain(proof: Proof) -> dict[str, Any]:
    from dataclasses import asdict

    return {"whole": proof.whole, **asdict(proof)}
