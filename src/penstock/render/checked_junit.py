"""What `penstock check` found, as JUnit's XML: a suite for each moment, a case for each line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from penstock.render.checked import Checked, CheckedLine

# What XML 1.0 has no way to write.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENT = {"failed": "failure", "errored": "error", "undecided": "skipped", "skipped": "skipped", "waived": "skipped"}


def document(checked: Checked) -> str:
    """`failed` is a failure, `errored` an error; skipped, waived and undecided are skipped, each with its reason."""
    suites = "".join(_suite(checked, moment) for moment in checked.moments)
    name = _attribute(f"{checked.service} to {checked.environment}")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name={name}>\n{suites}</testsuites>\n'


def _suite(checked: Checked, moment: str) -> str:
    lines = [one for one in checked.lines if one.moment == moment]
    counts = {"failures": ("failed",), "errors": ("errored",), "skipped": ("skipped", "waived", "undecided")}
    sums = "".join(f' {key}="{sum(one.state in states for one in lines)}"' for key, states in counts.items())
    at = datetime.fromtimestamp(checked.at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    took = f"{sum(one.seconds for one in lines):.3f}"
    cases = "".join(map(_case, lines))
    return (
        f'<testsuite name="{moment}" tests="{len(lines)}"{sums} time="{took}" timestamp="{at}">\n{cases}</testsuite>\n'
    )


def _case(told: CheckedLine) -> str:
    head = f'<testcase classname="penstock.{told.moment}" name={_attribute(told.name)} time="{told.seconds:.3f}">'
    inner = ""
    if element := _ELEMENT.get(told.state):
        inner = f"<{element} message={_attribute(told.sentence)}{_type(told)}>{_text(_findings(told))}</{element}>"
    else:
        inner = f"<system-out>{_text(told.sentence)}</system-out>"
    return f"{head}{inner}</testcase>\n"


def _type(told: CheckedLine) -> str:
    return f" type={_attribute(told.kind)}" if told.state in ("failed", "errored") else ""


def _findings(told: CheckedLine) -> str:
    rows = []
    for finding in told.findings:
        place = f"{finding.where}: " if finding.where else ""
        rows += [f"{place}{finding.condition}", *(f"  {text}" for text in (finding.effect, finding.remedy) if text)]
    return "\n".join(rows)


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))
