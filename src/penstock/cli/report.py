"""`penstock report`: a release's report as page, Markdown or data."""

from __future__ import annotations

from pathlib import Path

import click

from penstock import api
from penstock.cli.place import service_here


@click.command("report")
@click.argument("number", type=int, required=False, metavar="[RELEASE]")
@click.option("--html", "form", flag_value="html", help="One page, with charts (the default).")
@click.option("--markdown", "form", flag_value="markdown", help="Markdown, for a wiki or a chat.")
@click.option("--json", "form", flag_value="json", help="Data, for programs.")
@click.option("--template", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Fill this Jinja template instead; `penstock explain template` lists its names.")  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file; `-` is the screen.")
@click.option("--service", help="The service; else the one of this checkout.")
def command(
    number: int | None, form: str | None, template: Path | None, output: Path | None, service: str | None
) -> None:
    """Write the report of a RELEASE (the newest if none is named), with what was noted since it ended.

    The page goes to a file, whose name is printed; Markdown and JSON go to the screen unless --output names a file.
    """
    desk = api.open_desk()
    number = number if number is not None else api.latest(desk, service_here(desk, service))
    form = form or "html"
    text = _text(desk, number, "template" if template else form, template)
    if output is None and form == "html" and not template:
        output = desk.state.release(number) / "report.html"
    if output is None or str(output) == "-":
        click.echo(text)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)
    output.chmod(0o600)
    click.echo(output)


def _text(desk: api.Desk, number: int, form: str, template: Path | None) -> str:
    report = api.report(desk, number)
    if template:
        from penstock.render.template import fill

        return fill(template.read_text(errors="replace"), report, str(template))
    if form == "json":
        import json

        from penstock.core import data

        return json.dumps(data.dump(report), ensure_ascii=False, indent=1)
    if form == "markdown":
        from penstock.render.report import markdown

        return markdown(report)
    from penstock.render.page import page

    return page(report)
