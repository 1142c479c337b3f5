"""`penstock fmt`: one way to write a manifest."""

from __future__ import annotations

import difflib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from penstock.errors import UsageError

_READ_MAX = 1 << 20  # of which the reader refuses all that is over 64 KB, in its own words


@click.command("fmt")
@click.argument("file", default="penstock.yaml", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with 2 when FILE is not written the one way.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def command(file: Path, check: bool, diff: bool) -> None:
    """Write the manifest FILE the one way, so that one change is one line of a diff.

    Comments, order and meaning stay. A file that is no manifest is refused as by `penstock check`, and left alone.
    """
    from penstock.manifest.fmt import formatted

    text = _read(file)
    written = formatted(text, str(file))
    if diff:
        click.echo("".join(_diff(text, written, str(file))), nl=False)
    if not (check or diff) and written != text:
        _replace(file.resolve(), written)
    if check or not diff:
        changed = "would be written anew" if check else "written anew"
        click.echo(f"{file}: {changed if written != text else 'is written the one way'}")
    raise click.exceptions.Exit(2 if check and written != text else 0)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_READ_MAX).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("no-manifest", f"{file} cannot be read: {error}",
                         next="write it, or run this where it lies; `penstock init` writes the first") from error  # fmt: skip


def _diff(text: str, written: str, name: str) -> list[str]:
    lines = difflib.unified_diff(text.splitlines(keepends=True), written.splitlines(keepends=True), name, name)
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]


def _replace(file: Path, text: str) -> None:
    """The file with another text and its old mode: the old one or the new one at any moment, never a half."""
    beside = ""
    try:
        number, beside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with open(number, "wb") as opened:
            opened.write(text.encode())
            os.fchmod(number, file.stat().st_mode & 0o7777)
            opened.flush()
            os.fsync(number)
        os.replace(beside, file)
    except OSError as error:
        if beside:
            with suppress(OSError):
                os.unlink(beside)
        raise UsageError("cannot-write", f"{file} cannot be written: {error.strerror}", next="make space, or "
                         "give yourself the right to write there; the file is as it was") from error  # fmt: skip
