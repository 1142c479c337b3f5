"""A team's own form of the report: a Jinja template, in a sandbox, over the report's own names."""

from __future__ import annotations

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from penstock.core.report import Report
from penstock.errors import UserError
from penstock.render import words

LARGEST = 1 << 20  # characters of a filled template
FILTERS = {"span": words.span, "moment": words.moment, "count": words.count}
NAMES = tuple(field.name for field in fields(Report))


def check(text: str, where: str) -> None:
    """Raise UserError for a template that cannot be filled: bad syntax, or a name that reports do not have."""
    from jinja2 import TemplateSyntaxError, meta

    environment = _environment()
    try:
        unknown = sorted(meta.find_undeclared_variables(environment.parse(text)) - set(NAMES))
    except TemplateSyntaxError as error:
        raise UserError("template", f"the template cannot be read: {error.message}", f"{where}:{error.lineno}",
                        "it is written in Jinja's language", "see `penstock explain template`") from error  # fmt: skip
    if unknown:
        near = get_close_matches(unknown[0], NAMES, 1)
        raise UserError(
            "template-name", f"the template uses `{unknown[0]}`, which a report does not have", where,
            f"the names are: {', '.join(NAMES)}", f"write `{near[0]}`" if near else "use one of these names",
        )  # fmt: skip


def fill(text: str, report: Report, where: str) -> str:
    """The template with this report's values. Raises UserError where the template asks for what is not there."""
    from jinja2 import TemplateError

    check(text, where)
    parts, size = [], 0
    try:
        for part in _environment().from_string(text).generate({name: getattr(report, name) for name in NAMES}):
            size += len(part)
            if size > LARGEST:
                raise UserError("template", f"the filled template has more than {LARGEST:,} characters", where,
                                "a report is read by people", "show less of the timeline")  # fmt: skip
            parts.append(part)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UserError("template", f"the template cannot be filled: {error}", where,
                        next="see `penstock explain template`") from error  # fmt: skip
    return "".join(parts)


def _environment() -> Any:
    """Nothing of Python is reached from a template, and a name that is not there is an error."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters.update(FILTERS)
    return environment
