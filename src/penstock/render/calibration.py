"""What a calibration taught, as text: a patch of the manifest, and its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from penstock.core.calibration import ENOUGH, Calibration
from penstock.render.markdown import items as list_of
from penstock.render.page_parts import items, paragraph, section

NOTHING = "nothing to change: the margins in force hold for this traffic"


def text(found: Calibration) -> str:
    """What `penstock calibrate` prints: comments are reasons, so that all of it may be pasted."""
    because = "\n".join(f"# {reason}" for reason in found.reasons)
    return f"{because}\n\n{patch(found) or '# ' + conclusion(found)}"


def patch(found: Calibration) -> str:
    """What the environment's `verdict` should say, as YAML; empty where nothing need change."""
    return "\n".join(["verdict:", *_lines(found.patch, "  ")]) if found.patch else ""


def conclusion(found: Calibration) -> str:
    """The outcome in a sentence."""
    if found.patch:
        return "the margins in force do not hold for this traffic; this would"
    if not found.is_enough:
        return f"too little was seen to say that the margins hold: {_errors(found)}; calibrate for longer, or at more traffic"
    return NOTHING if found.holds else "no margin that was tried holds for this traffic: nothing is proposed"


def _errors(found: Calibration) -> str:
    errors = found.candidate.errors + found.stable.errors
    return f"{errors} {'error' if errors == 1 else 'errors'}, and {ENOUGH} would do"


def markdown(found: Calibration | None) -> str:
    """The section of a report; nothing for a release that is no calibration."""
    if found is None:
        return ""
    said = conclusion(found)
    asked = [f"```yaml\n{patch(found)}\n```"] if found.patch else []
    return "\n\n".join([f"## Calibration\n\n{said[0].upper()}{said[1:]}.", *asked, list_of(found.reasons)])


def page(found: Calibration | None) -> str:
    """The same section on a page; every word from outside is escaped."""
    if found is None:
        return ""
    asked = f"<pre><code>{escape(patch(found))}</code></pre>" if found.patch else ""
    said = conclusion(found)
    return section("Calibration", f"{paragraph(f'{said[0].upper()}{said[1:]}.')}{asked}{items(found.reasons)}")


def _lines(said: Mapping[str, object], indent: str) -> Iterator[str]:
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name}: {value}"
