"""`penstock check`: the manifest, read and judged; and the lines of its checklist, asked of the work tree as it lies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.completion import environments
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.manifest import Environment, Manifest
    from penstock.render.checked import Checked

MANIFEST = "penstock.yaml"
FORMATS = ("text", "json", "sarif", "junit", "github")
STAGES = ("revision", "before", "candidate", "promoted")
BLOCKS = 3


@click.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--manifest", "only_manifest", is_flag=True, help="Read the manifest, and run nothing.")
@click.option("--to", "to", shell_complete=environments, help="The environment; else the last one of the file.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only this line, and what it needs; several times for several."
)
@click.option(
    "--stage", "stages", multiple=True, type=click.Choice(STAGES), help="Whose lines; `revision` if left out."
)
@click.option("--changed", is_flag=True, help="Only what is about files changed since the last release.")
@click.option("--url", default="", help="What the lines of `candidate` and `promoted` ask.")
@click.option("--no-cache", is_flag=True, help="Ask everything anew.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the document there, and say the rest as text.")
@click.option("--install-hook", is_flag=True, help="Let git run this before each push.")
def command(
    file: Path | None, only_manifest: bool, to: str | None, only: tuple[str, ...], stages: tuple[str, ...],
    changed: bool, url: str, no_cache: bool, form: str, out: Path | None, install_hook: bool,
) -> None:  # fmt: skip
    """Read the manifest and say everything wrong with it; then run the checks of the commit on the work tree as it lies.

    The checks run as in a release, side by side, but here: in the work tree, with your own programs. With FILE, that
    manifest is only read. Nothing is released, and a release takes no answer from here.

    Exit codes: 0 nothing blocks · 2 usage or manifest · 3 something blocks · 130 stopped.
    """
    from penstock.cli.place import repository

    if install_hook:
        from penstock.hooks import install

        click.echo(install(repository()))
        return
    path = file or _found(repository())
    manifest = _read(path)
    quiet = form != "text" and out is None
    click.echo(_summary(path, manifest), err=quiet)
    if file or only_manifest:
        return
    from penstock.worlds import environment_named

    environment = environment_named(manifest, to or _last(manifest))
    if not (only or form != "text" or _has_lines(environment, stages or STAGES[:1])):
        return
    checked = _run(manifest, environment, only, stages, changed, url, not no_cache, quiet=quiet, named=bool(to))
    _say(checked, form, out)
    if checked.stops:
        click.get_current_context().exit(BLOCKS)


def _last(manifest: Manifest) -> str:
    """The last environment of the file that is one, and no template of them."""
    names = [name for name, one in manifest.environments.items() if not one.is_template]
    return (names or list(manifest.environments))[-1]


def manifest_here() -> Manifest:
    """The manifest of the work tree as it lies; a ManifestError has everything that is wrong with it."""
    from penstock.cli.place import repository

    return _read(_found(repository()))


def _found(root: Path) -> Path:
    """The manifest of this folder, or of the nearest one around it in the same repository."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / MANIFEST).exists():
            return Path(os.path.relpath(folder / MANIFEST))
        if folder == root:
            break
    return Path(MANIFEST)


def _read(path: Path) -> Manifest:
    """The manifest in a file; a ManifestError has everything that is wrong with it."""
    from penstock import registry
    from penstock.manifest import read
    from penstock.manifest.parse import BYTES_MAX

    try:
        with path.open("rb") as opened:  # what is larger than a manifest may be is refused unread
            text = opened.read(BYTES_MAX + 4).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError("no-manifest", f"{path} cannot be read: {error.strerror}",
                         next="write it, or run this where it lies; `penstock explain manifest` shows one") from error  # fmt: skip
    return read(text, str(path), registry.kinds())


def _has_lines(environment: Environment, moments: tuple[str, ...]) -> bool:
    """Whether there is anything to run, or to ask of people, at some moments."""
    return any(moment in moments and entries for moment, entries in environment.checklist.items())


def _summary(path: Path, manifest: Manifest) -> str:
    names = ", ".join(
        f"{name} ({env.target.kind}, {env.rollout.strategy})" for name, env in manifest.environments.items()
    )
    return f"{path}: {manifest.service}: {names}"


def _run(
    manifest: Manifest, environment: Environment, only: tuple[str, ...], stages: tuple[str, ...], changed: bool, url: str,
    cached: bool, *, quiet: bool, named: bool,
) -> Checked:  # fmt: skip
    from penstock import checking
    from penstock.cli.place import repository
    from penstock.state import State, default_root

    moments = tuple(stage for stage in STAGES if stage in (stages or STAGES[:1]))
    why = "" if named or len(manifest.environments) == 1 else ", the last in the file (--to)"
    click.echo(f"{' and '.join(moments)} for {environment.name}{why}, on the work tree as it lies", err=quiet)
    wish = checking.Wish(repository(), moments, only, changed, url, cached)  # type: ignore[arg-type]
    from penstock.cli.checked import showing

    with showing(quiet=quiet) as look:
        return checking.run(State(default_root()).make(), manifest, environment, wish, look)


def _say(checked: Checked, form: str, out: Path | None) -> None:
    """The document where it was asked for; a table for whoever looks at the screen."""
    if out is not None:
        try:
            out.write_text(_document(form)(checked) if form != "text" else _as_text(checked), encoding="utf-8")
        except OSError as error:
            raise UsageError("cannot-write", f"{out} cannot be written: {error.strerror}", next="--out FILE") from error
    if form == "text" or out is not None:
        _show(checked)
    elif form == "github":
        _github(checked)
    else:
        click.echo(_document(form)(checked).rstrip("\n"))


def _document(form: str) -> Callable[[Checked], str]:
    if form == "sarif":
        from penstock.render.checked_sarif import document
    elif form == "junit":
        from penstock.render.checked_junit import document
    elif form == "github":
        from penstock.render.checked_github import summary as document
    else:
        from penstock.render.checked_json import document
    return document


def _as_text(checked: Checked) -> str:
    from penstock.render.checked import screen
    from penstock.render.picture import Screen, text_of

    return "".join(f"{text_of(spans).rstrip()}\n" for spans in screen(checked, Screen(200, 50), None))


def _show(checked: Checked) -> None:
    from penstock.cli.live import terminal
    from penstock.cli.view import say, terminal_width
    from penstock.render.checked import screen

    click.echo()
    say(screen(checked, terminal(sys.stdout), terminal_width()))


def _github(checked: Checked) -> None:
    from penstock.render.checked_github import commands, summary

    for text in commands(checked):
        click.echo(text)
    click.echo(checked.sentence)
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(summary(checked))
