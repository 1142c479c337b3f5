"""`penstock init`: the first manifest."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.scaffold.findings import Findings

_MANIFEST = "penstock.yaml"


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Write nothing; print the manifest.")
@click.option("--name", help="The service's name; seen in the repository if left out.")
def command(folder: Path, dry_run: bool, name: str | None) -> None:
    """Look at the repository in DIR (here if left out), and write its first penstock.yaml.

    Nothing is asked that can be seen, and behind each line stands where it was seen. An existing file is never
    overwritten.
    """
    from penstock import registry
    from penstock.manifest import read
    from penstock.scaffold.detect import detect
    from penstock.scaffold.look import look
    from penstock.scaffold.write import manifest

    file = folder / _MANIFEST
    _refuse(folder, file, dry_run=dry_run)
    tree = look(folder)
    found = detect(tree)
    if not found:
        raise UsageError("nothing-seen", "nothing is here that Penstock knows how to run or to deploy", str(folder),
                         "no program, container, platform or deploy command was found",
                         "run it where the service lies, or begin with what `penstock explain manifest` shows")  # fmt: skip
    service, where = _service(name, found, tree.name)
    text = manifest(found, service, where)
    environments = list(read(text, str(file), registry.kinds()).environments)
    if not dry_run:
        _write(file, text)
    click.echo(_table(found), err=dry_run)
    if dry_run:
        click.echo(text, nl=False)
    else:
        click.echo(_next(folder, file, environments[-1], text.count("# Decide: ")))


def _refuse(folder: Path, file: Path, *, dry_run: bool) -> None:
    if not folder.is_dir():
        raise UsageError("no-folder", "this is no folder", str(folder), next="name the folder of a repository")
    if not dry_run and os.path.lexists(file):
        raise _exists(file)


def _exists(file: Path) -> UsageError:
    return UsageError("exists", "there is a manifest already, and it is never overwritten", str(file),
                      next="`penstock init --dry-run` prints what would be written")  # fmt: skip


def _service(name: str | None, found: Findings, folder: str) -> tuple[str, str]:
    """The service's name, and where it was seen."""
    from penstock.scaffold.write import service_name

    if name is not None:
        if not name or service_name(name) != name:
            raise UsageError("name", f"`{name[:60]}` cannot be the name of a service", "--name",
                             "a name is small letters, digits and -, starts with a letter, and has at most 39 of them",
                             f"--name {service_name(name) or 'shop'}")  # fmt: skip
        return name, "--name"
    for seen in found.names:
        if service_name(seen.what):
            return service_name(seen.what), seen.where
    named = service_name(folder)
    return (named, "the folder's name") if named else ("service", "nowhere: say what it is called")


def _write(file: Path, text: str) -> None:
    """The file, made new: what somebody else wrote meanwhile stays, and half a file does not."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            try:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            except BaseException:
                with suppress(OSError):
                    file.unlink()
                raise
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
        raise UsageError("cannot-write", f"{file} cannot be written: {error.strerror}",
                         next="make space, or give yourself the right to write there") from error  # fmt: skip


def _table(found: Findings) -> str:
    """What was seen, and where, a line each."""
    from penstock.scaffold.write import chosen, distinct

    deploy = chosen(found)
    rows = [(seen.what, "", seen.where) for seen in found.languages]
    rows += [("build", build.run.line if build.run else "", build.where) for build in found.builds[:1]]
    rows += [(process.name, process.run.line, process.where) for process in distinct(found.processes)[:8]]
    rows += [("health", health.path, health.where) for health in found.health[:1]]
    checks = {check.name: check for check in reversed(found.checks)}
    rows += [(check.name, check.run.line, check.where) for check in reversed(checks.values())]
    rows += [("prepare", check.run.line, check.where) for check in found.prepares[:1]]
    rows += [("deploy", deploy.converge.line, deploy.where)] if deploy else []
    shown = [(_cut(what, 22), _cut(line, 58), _cut(where, 40)) for what, line, where in rows]
    return "\n".join(f"{what:<22} {line:<58} {where}".rstrip() for what, line, where in [("seen", "", "where"), *shown])


def _cut(text: str, width: int) -> str:
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= width else f"{plain[: width - 3]}..."


def _next(folder: Path, file: Path, environment: str, open_questions: int) -> str:
    """The next three commands."""
    here = folder.resolve()
    change = f"cd {shlex.quote(str(folder))} && " if str(folder) != "." else ""
    is_root = (here / ".git").exists()
    lines_say = "one of its lines says" if open_questions == 1 else f"{open_questions} of its lines say"
    asks = f"; {lines_say} `Decide`" if open_questions else ""
    add = 'git add penstock.yaml && git commit -m "Release by Penstock"'
    lines = [
        f"\n{file} is written{asks}. Next:",
        f"  {change}penstock check",
        f"  {add}",
        f"  penstock release --to {environment}",
    ]
    if not is_root:
        inside = any((parent / ".git").exists() for parent in here.parents)
        lines.append("\nA release reads penstock.yaml at the root of a git repository: "
                     + ("this folder is not the root of its own." if inside else "`git init` makes this folder one."))  # fmt: skip
    return "\n".join(lines)
