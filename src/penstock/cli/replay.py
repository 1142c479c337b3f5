"""`penstock replay`: past releases, judged by another policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock import api
from penstock.cli.completion import environments, services
from penstock.cli.place import repository, service_here
from penstock.cli.view import echo, say, terminal_width
from penstock.errors import UsageError, UserError

if TYPE_CHECKING:
    from penstock.manifest.verdict import Verdict
    from penstock.records.store import Row
    from penstock.rejudging import Asked, Tried

LAST = 20


@click.command("replay")
@click.argument("number", type=int, required=False, metavar="[RELEASE]")
@click.option("--with", "policy", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Keys of `verdict`, in a file, over each release's own; else the manifest here.")  # fmt: skip
@click.option("--to", "environment", shell_complete=environments, help="Many releases: only those to this environment.")
@click.option(
    "--last", type=click.IntRange(1, 10000), help=f"Many releases: so many of the newest; {LAST} if left out."
)
@click.option("--service", shell_complete=services, help="Many releases: of this service; else of this checkout's.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="One release: write a page with charts.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    number: int | None, policy: Path | None, environment: str | None, last: int | None, service: str | None,
    html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Judge the recorded readings of a RELEASE, or of many, by another policy; say what it would have changed.

    Nothing is released, and no record is changed. Readings are judged along the weights that really were. Only what
    statistics judge is tried: errors, latency and rates.
    """
    if number is not None and (environment or last or service):
        raise click.UsageError("name a RELEASE, or many by --to, --last and --service; not both")
    if number is None and html:
        raise click.UsageError("--html draws one release: name it")
    desk = api.open_desk()
    row = api.get(desk, number) if number is not None else None
    asked, over = _over(desk, policy) if policy else (_here(desk), ())
    name = policy.name if policy else "the manifest here"
    if row is None:
        tried = _many(desk, service_here(desk, service), environment, last or LAST, asked)
    else:
        tried = _one(desk, row, asked, (name, over), html)
    _say(tried, (name, over), html, one=row is not None, as_json=as_json)


def _over(desk: api.Desk, policy: Path) -> tuple[Asked, tuple[str, ...]]:
    """A file's keys over what each release was judged by; a file that cannot be read is said at once."""
    from penstock.providers.git import GitForge
    from penstock.rejudging import read_policy, read_text
    from penstock.worlds import environment_named, manifest_at

    found = read_policy(read_text(policy, "cannot-read"), str(policy))

    def over(row: Row) -> Verdict:
        manifest = manifest_at(GitForge(desk.state.repository(row["service"])), row["commit_id"])
        return found.over(environment_named(manifest, row["environment"], desk.store).verdict)

    return over, found.said()


def _here(desk: api.Desk) -> Asked:
    """The manifest as it lies here."""
    from penstock import registry
    from penstock.manifest import read
    from penstock.rejudging import read_text
    from penstock.worlds import MANIFEST, environment_named

    path = repository() / MANIFEST
    manifest = read(read_text(path, "no-manifest"), MANIFEST, registry.kinds())

    def here(row: Row) -> Verdict:
        if row["service"] != manifest.service:
            raise UserError("other-service", f"release {row['number']} is of {row['service']}", MANIFEST,
                            f"the manifest here is of {manifest.service}", "--with FILE, or run this where that lies")  # fmt: skip
        return environment_named(manifest, row["environment"], desk.store).verdict

    return here


def _one(desk: api.Desk, row: Row, asked: Asked, policy: tuple[str, tuple[str, ...]], html: Path | None) -> Tried:
    from penstock.core.rejudging import drawn, rejudge, summary
    from penstock.records import audit
    from penstock.rejudging import Tried, case_of
    from penstock.render.rejudged import page

    verdict = asked(row)
    case = case_of(desk.store, audit.read(desk.state.audit_log), desk.state.evidence, row)
    found = rejudge(case, verdict)
    if html:
        try:
            html.write_text(page(found, policy[0], *drawn(case, verdict), policy[1]))
        except OSError as error:
            raise UsageError("cannot-write", f"{html} cannot be written: {error.strerror}", str(html)) from error
    return Tried((found,), (), summary([found]))


def _many(desk: api.Desk, service: str, environment: str | None, last: int, asked: Asked) -> Tried:
    from penstock.records import audit
    from penstock.rejudging import past, try_many

    rows = past(desk.store, service, environment, last)
    if not rows:
        raise UserError("nothing-to-replay", f"no release of {service} that is over moved its traffic in increments",
                        environment or "", "there are no readings to judge", "`penstock history` lists the releases")  # fmt: skip
    return try_many(desk.store, audit.read(desk.state.audit_log), desk.state.evidence, rows, asked)


def _say(
    tried: Tried, policy: tuple[str, tuple[str, ...]], html: Path | None, *, one: bool, as_json: bool
) -> None:  # fmt: skip
    from penstock.render.columns import columns
    from penstock.render.rejudged import HEADER, as_data, left_out, of_what, rows, text, told

    name, over = policy
    if as_json:
        plain = as_data(name, tried.releases, tried.unread, tried.summary, over)
        click.echo(json.dumps(plain, ensure_ascii=False))
        return
    if one:
        echo(text(tried.releases[0], name, over) + (f"\n{html}" if html else ""))
        return
    if tried.releases:
        say(columns(HEADER, rows(tried.releases), terminal_width()))
        echo(
            "\n".join(
                ["", *of_what(name, over, "each release's"), *told(tried.summary, name), *left_out(tried.releases)]
            )
        )
    for release in tried.unread:
        echo(f"{release.release} was not judged: {release.code}: {release.why}")
